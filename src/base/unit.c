/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units. A number is kept as its digits until the unit is known, so that the product is
 * exact however long the fraction is.
 */
#include "base/unit.h"
#include "busbar-error.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t multiplier;
};

/* Each table: largest first, the base unit last; the format functions rely on it. */
static const struct unit duration_units[] = {
        {"h", INT64_C(3600000000000)},
        {"min", INT64_C(60000000000)},
        {"s", 1000000000},
        {"ms", 1000000},
        {"us", 1000},
        {"ns", 1},
};
static const struct unit byte_units[] = {
        {"TiB", INT64_C(1) << 40},
        {"TB", INT64_C(1000000000000)},
        {"GiB", 1 << 30},
        {"GB", 1000000000},
        {"MiB", 1 << 20},
        {"MB", 1000000},
        {"KiB", 1 << 10},
        {"kB", 1000},
        {"B", 1},
};
static const struct unit bitrate_units[] = {
        {"Gbit/s", 1000000000},
        {"Mbit/s", 1000000},
        {"kbit/s", 1000},
        {"bit/s", 1},
};

/* A number as text: digits before and after the point, and what follows the number and its spaces. */
struct number {
	const char *whole, *fraction, *rest;
	size_t whole_digits, fraction_digits;
};

static const char digits[] = "0123456789";

static int split_number(const char *text, struct number *ret_number)
{
	struct number number = {.whole = text, .whole_digits = strspn(text, digits)};

	if (number.whole_digits == 0) {
		bool negative = text[0] == '-' && strspn(text + 1, digits) > 0;

		return negative ? BUSBAR_ERROR_AMOUNT_NEGATIVE : BUSBAR_ERROR_BAD_VALUE;
	}
	number.rest = text + number.whole_digits;
	if (*number.rest == '.') {
		number.fraction = number.rest + 1;
		number.fraction_digits = strspn(number.fraction, digits);
		if (number.fraction_digits == 0)
			return BUSBAR_ERROR_BAD_VALUE;
		number.rest = number.fraction + number.fraction_digits;
	}
	/* Spaces lead to a unit; without one they stay, and no unit's name matches them. */
	if (number.rest[strspn(number.rest, " ")] != '\0')
		number.rest += strspn(number.rest, " ");
	*ret_number = number;
	return 0;
}

/* fraction x multiplier by hand, last digit first: the digits pushed out below the point must be 0. */
static int multiply_fraction(const struct number *number, int64_t multiplier, int64_t *ret_value)
{
	uint64_t carry = 0;

	for (size_t i = number->fraction_digits; i-- > 0;) {
		uint64_t product = (uint64_t)(number->fraction[i] - '0') * (uint64_t)multiplier + carry;

		if (product % 10 != 0)
			return BUSBAR_ERROR_BAD_VALUE;
		carry = product / 10;
	}
	*ret_value = (int64_t)carry;
	return 0;
}

/* multiplier is at most 10^18, so that neither product above nor carry overflows. */
static int multiply(const struct number *number, int64_t multiplier, int64_t *ret_value)
{
	int64_t value = 0;
	int64_t below = 0;
	int code = multiply_fraction(number, multiplier, &below);

	if (code < 0)
		return code;
	for (size_t i = 0; i < number->whole_digits; i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, number->whole[i] - '0', &value))
			return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	}
	if (__builtin_mul_overflow(value, multiplier, &value) || __builtin_add_overflow(value, below, &value))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	*ret_value = value;
	return 0;
}

static int parse(const char *text, const struct unit *units, size_t count, int64_t *ret_value)
{
	struct number number;
	int code = split_number(text, &number);

	if (code < 0)
		return code;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(number.rest, units[i].name) == 0)
			return multiply(&number, units[i].multiplier, ret_value);
	}
	return BUSBAR_ERROR_UNKNOWN_UNIT;
}

int unit_parse_duration(const char *text, int64_t *ret_nanoseconds)
{
	return parse(text, duration_units, ARRAY_SIZE(duration_units), ret_nanoseconds);
}

int unit_parse_bytes(const char *text, int64_t *ret_bytes)
{
	return parse(text, byte_units, ARRAY_SIZE(byte_units), ret_bytes);
}

int unit_parse_bitrate(const char *text, int64_t *ret_bits_per_second)
{
	return parse(text, bitrate_units, ARRAY_SIZE(bitrate_units), ret_bits_per_second);
}

int unit_parse_decimal(const char *text, int64_t scale, int64_t *ret_value)
{
	const struct unit unit = {"", scale};

	return parse(text, &unit, 1, ret_value);
}

int unit_parse_ratio(const char *text, int64_t *ret_parts_per_million)
{
	static const struct unit units[] = {{"", 1000000}, {"%", 10000}};

	return parse(text, units, ARRAY_SIZE(units), ret_parts_per_million);
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* The largest unit that divides the value; 0 is shown in the unit called `zero`. */
static char *format(int64_t value, const struct unit *units, size_t count, const char *zero,
                    char buffer[UNIT_TEXT])
{
	size_t i = 0;

	while (i < count - 1 && value % units[i].multiplier != 0)
		i++;
	if (value == 0)
		(void)snprintf(buffer, UNIT_TEXT, "0 %s", zero);
	else
		(void)snprintf(buffer, UNIT_TEXT, "%lld %s", (long long)(value / units[i].multiplier),
		               units[i].name);
	return buffer;
}

char *unit_format_duration(int64_t nanoseconds, char buffer[UNIT_TEXT])
{
	return format(nanoseconds, duration_units, ARRAY_SIZE(duration_units), "s", buffer);
}

char *unit_format_bytes(int64_t bytes, char buffer[UNIT_TEXT])
{
	return format(bytes, byte_units, ARRAY_SIZE(byte_units), "B", buffer);
}

char *unit_format_bitrate(int64_t bits_per_second, char buffer[UNIT_TEXT])
{
	return format(bits_per_second, bitrate_units, ARRAY_SIZE(bitrate_units), "bit/s", buffer);
}

char *unit_format_decimal(int64_t value, int64_t scale, char buffer[UNIT_TEXT])
{
	uint64_t whole = magnitude(value) / (uint64_t)scale;
	uint64_t fraction = magnitude(value) % (uint64_t)scale;
	int length = snprintf(buffer, UNIT_TEXT, "%s%llu", value < 0 ? "-" : "", (unsigned long long)whole);

	if (fraction != 0)
		buffer[length++] = '.';
	for (; fraction != 0; scale /= 10) {
		uint64_t place = (uint64_t)scale / 10;

		buffer[length++] = digits[fraction / place];
		fraction %= place;
	}
	buffer[length] = '\0';
	return buffer;
}
