/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/value.h"

#include "base/error.h"
#include "base/hex.h"
#include "grammar/lexer.h"
#include "grammar/parser.h"
#include "model/demand.h"
#include "model/money.h"
#include <stdio.h>
#include <string.h>

enum { QUANTITY_TEXT = 96, TEXT_MAXIMUM = DEMAND_ARGUMENT_TEXT };

static int parse_money(const char *text, int64_t *ret_value)
{
	return unit_parse_decimal(text, MONEY_UNIT, ret_value);
}

static int parse_count(const char *text, int64_t *ret_value)
{
	return unit_parse_decimal(text, 1, ret_value);
}

static char *format_money(int64_t value, char buffer[UNIT_TEXT])
{
	return unit_format_decimal(value, MONEY_UNIT, buffer);
}

static char *format_count(int64_t value, char buffer[UNIT_TEXT])
{
	return unit_format_decimal(value, 1, buffer);
}

static const struct value_description {
	int (*parse)(const char *text, int64_t *ret_value);
	char *(*format)(int64_t value, char buffer[UNIT_TEXT]);
	const char *expected;
} descriptions[] = {
        [VALUE_DURATION] = {unit_parse_duration, unit_format_duration, "a time in ns us ms s min h"},
        [VALUE_BYTES] = {unit_parse_bytes, unit_format_bytes, "a size in B kB MB GB TB KiB MiB GiB TiB"},
        [VALUE_RATE] = {unit_parse_bitrate, unit_format_bitrate, "a rate in bit/s kbit/s Mbit/s Gbit/s"},
        [VALUE_MONEY] = {parse_money, format_money, "a decimal number, at most 9 digits after the point"},
        [VALUE_COUNT] = {parse_count, format_count, "a whole number"},
};
static const char expected_amount[] = "an amount, at most 6 digits after the point";

/* The length of the number that a quantity begins with. */
static size_t number_size(const struct token *token)
{
	size_t size = 0;

	while (size < token->size && memchr("-.0123456789", token->text[size], 12))
		size++;
	return size;
}

/* Past the blanks and, between two tokens of a text, the comments. */
static size_t skip_blanks(const struct token *token, size_t at)
{
	bool comment = false;

	for (; at < token->size; at++) {
		char octet = token->text[at];

		comment = octet != '\n' && (comment || (octet == '#' && token->kind != TOKEN_SCALAR));
		if (!comment && !memchr(" \t\r\n", octet, 4))
			break;
	}
	return at;
}

/* The quantity as base/unit.h reads it, number and unit one space apart; and its unit alone. */
struct quantity {
	char text[QUANTITY_TEXT];
	const char *unit;
};

static int split_quantity(struct report *report, const struct token *token, struct quantity *ret_quantity)
{
	size_t number = number_size(token);
	size_t unit = skip_blanks(token, number);
	const char *space = unit < token->size ? " " : "";
	struct quantity quantity;

	if (token->size == 0 || memchr(token->text, '\0', token->size))
		return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token, "a number is missing");
	if (number + (token->size - unit) + 2 > sizeof(quantity.text))
		return REPORT(report, BUSBAR_ERROR_TOO_LARGE, token, "a number of too many digits");
	(void)snprintf(quantity.text, sizeof(quantity.text), "%.*s%s%.*s", (int)number, token->text, space,
	               (int)(token->size - unit), token->text + unit);
	*ret_quantity = quantity;
	ret_quantity->unit = ret_quantity->text + number + strlen(space);
	return 0;
}

static int refuse_quantity(struct report *report, int code, const struct token *token, const char *expected)
{
	char quote[TOKEN_QUOTE];
	struct token unit = *token;
	size_t skipped = skip_blanks(token, number_size(token));

	if (code == BUSBAR_ERROR_UNKNOWN_UNIT && skipped < token->size) {
		unit.text += skipped;
		unit.size -= skipped;
		return REPORT(report, code, token, "unknown unit %s, expected %s", token_quote(&unit, quote),
		              expected);
	}
	if (code == BUSBAR_ERROR_UNKNOWN_UNIT)
		return REPORT(report, code, token, "%s has no unit, expected %s", token_quote(token, quote),
		              expected);
	return REPORT(report, code, token, "%s: %s, expected %s", token_quote(token, quote), error_text(code),
	              expected);
}

int value_number(struct report *report, enum value_type type, const struct token *token, int64_t *ret_value)
{
	struct quantity quantity;
	int code = split_quantity(report, token, &quantity);

	if (code < 0)
		return code;
	code = descriptions[type].parse(quantity.text, ret_value);
	return code < 0 ? refuse_quantity(report, code, token, descriptions[type].expected) : 0;
}

int value_positive(struct report *report, enum value_type type, const struct token *token, int64_t *ret_value)
{
	int64_t value;
	int code = value_number(report, type, token, &value);

	if (code < 0)
		return code;
	if (value == 0)
		return refuse_quantity(report, BUSBAR_ERROR_AMOUNT_ZERO, token, descriptions[type].expected);
	*ret_value = value;
	return 0;
}

int value_count(struct report *report, const struct token *token, uint32_t minimum, uint32_t maximum,
                uint32_t *ret_count)
{
	int64_t value;
	int code = minimum > 0 ? value_positive(report, VALUE_COUNT, token, &value)
	                       : value_number(report, VALUE_COUNT, token, &value);

	if (code < 0)
		return code;
	if (value > maximum)
		return REPORT(report, BUSBAR_ERROR_TOO_LARGE, token, "%lld is more than %u", (long long)value,
		              maximum);
	*ret_count = (uint32_t)value;
	return 0;
}

char *value_format(enum value_type type, int64_t value, char buffer[UNIT_TEXT])
{
	return descriptions[type].format(value, buffer);
}

int value_kind(struct report *report, const struct token *token, enum resource_kind *ret_kind)
{
	char quote[TOKEN_QUOTE];

	for (int kind = 0; kind < RESOURCE_KINDS; kind++) {
		if (token_is(token, resource_descriptions[kind].name)) {
			*ret_kind = (enum resource_kind)kind;
			return 0;
		}
	}
	return REPORT(report, BUSBAR_ERROR_UNKNOWN_KIND, token,
	              "unknown kind %s, expected cpu cpu.gflops gpu gpu.tflops npu.tops memory storage",
	              token_quote(token, quote));
}

int value_amount(struct report *report, enum resource_kind kind, bool work, const struct token *token,
                 uint64_t *ret_amount)
{
	const struct resource_description *description = &resource_descriptions[kind];
	const char *expected = description->scale == 1 ? descriptions[VALUE_BYTES].expected : expected_amount;
	struct quantity quantity;
	int code = split_quantity(report, token, &quantity);

	if (code < 0)
		return code;
	/* The unit of a rate says nothing new: checked and dropped. */
	if (description->scale != 1 && *quantity.unit != '\0') {
		if (strcmp(quantity.unit, work ? description->work : description->unit) != 0)
			return refuse_quantity(report, BUSBAR_ERROR_UNKNOWN_UNIT, token,
			                       work ? description->work : description->unit);
		quantity.text[number_size(token)] = '\0';
	}
	code = resource_amount_parse(kind, quantity.text, ret_amount);
	return code < 0 ? refuse_quantity(report, code, token, expected) : 0;
}

char *value_amount_format(enum resource_kind kind, uint64_t amount, char buffer[UNIT_TEXT])
{
	const struct resource_description *description = &resource_descriptions[kind];

	if (description->scale == 1)
		return unit_format_bytes((int64_t)amount, buffer);
	return unit_format_decimal((int64_t)amount, (int64_t)description->scale, buffer);
}

/* The text of a string without quotes and escapes; of anything else as it is. NUL-terminated. */
static int resolve_text(struct report *report, const struct token *token, size_t capacity, char *target)
{
	bool string = token->kind == TOKEN_STRING;
	size_t end = token->size - string;
	size_t size = 0;

	for (size_t at = string; at < end; at++) {
		at += string && token->text[at] == '\\';
		if (size + 1 >= capacity)
			return REPORT(report, BUSBAR_ERROR_TOO_LARGE, token, "a text of more than %zu octets",
			              capacity - 1);
		target[size++] = token->text[at];
	}
	target[size] = '\0';
	return 0;
}

int value_text(struct report *report, const struct token *token, size_t capacity, char *ret_text)
{
	char text[TEXT_MAXIMUM];
	int code;

	if (token->kind != TOKEN_STRING && !lexer_is_text(token->text, token->size))
		return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token, "a text with control characters");
	code = resolve_text(report, token, MINIMUM(capacity, sizeof(text)), text);
	if (code < 0)
		return code;
	memcpy(ret_text, text, strlen(text) + 1);
	return 0;
}

int value_name(struct report *report, const struct token *token, size_t capacity, char *ret_name)
{
	char quote[TOKEN_QUOTE];
	bool word = token->kind != TOKEN_STRING && token->kind != TOKEN_SCALAR;

	if (word && !lexer_is_word(token->text, token->size))
		return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token,
		              "%s is no name: lower-case letters, digits and '-', or quotes around it",
		              token_quote(token, quote));
	if (token->size == (token->kind == TOKEN_STRING ? 2 : 0))
		return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token, "an empty name");
	return value_text(report, token, capacity, ret_name);
}

int value_choice(struct report *report, const struct token *token, const char *const *choices, unsigned first,
                 unsigned *ret_choice)
{
	char quote[TOKEN_QUOTE];
	char expected[QUANTITY_TEXT] = "";
	size_t length = 0;

	for (unsigned i = first; choices[i]; i++) {
		if (token_is(token, choices[i])) {
			*ret_choice = i;
			return 0;
		}
		length += (size_t)snprintf(expected + length, sizeof(expected) - length, " %s", choices[i]);
		length = MINIMUM(length, sizeof(expected) - 1);
	}
	return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token, "%s is none of:%s", token_quote(token, quote),
	              expected);
}

int value_digest(struct report *report, const struct token *token, uint8_t ret_digest[32])
{
	static const char prefix[] = "sha256:";
	char text[DIGEST_TEXT];

	if (token->size == sizeof(prefix) - 1 + 64 && memcmp(token->text, prefix, sizeof(prefix) - 1) == 0) {
		(void)snprintf(text, sizeof(text), "%.64s", token->text + sizeof(prefix) - 1);
		if (hex_parse(text, ret_digest, 32) == 0)
			return 0;
	}
	return REPORT(report, BUSBAR_ERROR_BAD_VALUE, token, "expected sha256: and 64 hexadecimal digits");
}

char *value_digest_format(const uint8_t digest[32], char buffer[DIGEST_TEXT])
{
	(void)snprintf(buffer, DIGEST_TEXT, "sha256:");
	(void)hex_format(digest, 32, buffer + strlen(buffer));
	return buffer;
}

int value_append(struct report *report, const struct token *token, uint32_t maximum, size_t capacity,
                 char *texts, uint32_t *count)
{
	size_t used = 0;
	char text[TEXT_MAXIMUM];
	int code = value_text(report, token, sizeof(text), text);

	if (code < 0)
		return code;
	for (uint32_t i = 0; i < *count; i++)
		used += strlen(texts + used) + 1;
	if (*count == maximum || strlen(text) + 1 > capacity - used)
		return REPORT(report, BUSBAR_ERROR_TOO_LARGE, token,
		              "more than %u arguments, or more than %zu octets of them", maximum, capacity);
	memcpy(texts + used, text, strlen(text) + 1);
	(*count)++;
	return 0;
}
