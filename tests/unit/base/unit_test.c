/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units: exact, bounded, never without a unit. */
#include "base/compiler.h"
#include "base/random.h"
#include "base/unit.h"
#include "t.h"
#include <stdio.h>

typedef int (*parse_function)(const char *text, int64_t *ret_value);
typedef char *(*format_function)(int64_t value, char buffer[UNIT_TEXT]);

struct example {
	const char *text;
	int code;
	int64_t value;
};

static void check(parse_function parse, const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -77;
		int code = parse(examples[i].text, &value);

		if (code != examples[i].code || value != (code < 0 ? -77 : examples[i].value))
			fail_msg("\"%s\": %d (%s) and %" PRId64, examples[i].text, code, error_text(code),
			         value);
	}
}

static void test_durations(void **state)
{
	static const struct example examples[] = {
	        {"5 ms", 0, 5000000},
	        {"5ms", 0, 5000000},
	        {"5    ms", 0, 5000000},
	        {"0 s", 0, 0},
	        {"007 us", 0, 7000},
	        {"1.5 s", 0, 1500000000},
	        {"0.000000001 s", 0, 1},
	        {"1.50000000000000000000000000 s", 0, 1500000000},
	        {"0.1 us", 0, 100},
	        {"1.5 min", 0, INT64_C(90000000000)},
	        {"2 h", 0, INT64_C(7200000000000)},
	        {"9223372036854775807 ns", 0, INT64_MAX},
	        {"9223372036.854775807 s", 0, INT64_MAX},
	        {"9223372036854775808 ns", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"9223372036.854775808 s", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"99999999999999999999999999 h", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"0.5 ns", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"0.0000000001 s", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"1.00000000000000000000000000001 h", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"5", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5 ", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5 MS", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5 ms ", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5 ms s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5\tms", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"5 Mbit/s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1e3 s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1,5 s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1.5.5 s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"-5 ms", BUSBAR_ERROR_AMOUNT_NEGATIVE, 0},
	        {"-0 ms", BUSBAR_ERROR_AMOUNT_NEGATIVE, 0},
	        {"-ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"+5 ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {" 5 ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {".5 ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"5. ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"ms", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"0x5 ms", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"", BUSBAR_ERROR_BAD_VALUE, 0},
	};

	check(unit_parse_duration, examples, ARRAY_SIZE(examples));
}

static void test_bytes(void **state)
{
	static const struct example examples[] = {
	        {"64 kB", 0, 64000},
	        {"64 KiB", 0, 65536},
	        {"2 GiB", 0, INT64_C(2) << 30},
	        {"0.5 KiB", 0, 512},
	        {"0.0009765625 KiB", 0, 1},
	        {"0.0000000000009094947017729282379150390625 TiB", 0, 1},
	        {"0.3 KiB", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"8388607.9999999999990905052982270717620849609375 TiB", 0, INT64_MAX},
	        {"8388608 TiB", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"1 KB", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1 kiB", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1 b", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1 B", 0, 1},
	        {"3 TB", 0, INT64_C(3000000000000)},
	};

	check(unit_parse_bytes, examples, ARRAY_SIZE(examples));
}

static void test_bitrates(void **state)
{
	static const struct example examples[] = {
	        {"20 Mbit/s", 0, 20000000},
	        {"2.5 Gbit/s", 0, INT64_C(2500000000)},
	        {"1 bit/s", 0, 1},
	        {"0.0005 kbit/s", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"1 Kbit/s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1 MB/s", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1000000", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	};

	check(unit_parse_bitrate, examples, ARRAY_SIZE(examples));
}

static int parse_money(const char *text, int64_t *ret_value)
{
	return unit_parse_decimal(text, 1000000000, ret_value);
}

static int parse_largest_scale(const char *text, int64_t *ret_value)
{
	return unit_parse_decimal(text, INT64_C(1000000000000000000), ret_value);
}

static void test_decimals(void **state)
{
	static const struct example examples[] = {
	        {"0.02", 0, 20000000},
	        {"12", 0, INT64_C(12000000000)},
	        {"0.000000001", 0, 1},
	        {"0.0000000001", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"9223372036.854775807", 0, INT64_MAX},
	        {"9223372037", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"1 ms", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"1 ", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"-1", BUSBAR_ERROR_AMOUNT_NEGATIVE, 0},
	        {"", BUSBAR_ERROR_BAD_VALUE, 0},
	};
	static const struct example largest[] = {
	        {"9.223372036854775807", 0, INT64_MAX},
	        {"9.999999999999999999", BUSBAR_ERROR_AMOUNT_OVERFLOW, 0},
	        {"0.999999999999999999", 0, INT64_C(999999999999999999)},
	        {"0.9999999999999999999", BUSBAR_ERROR_BAD_VALUE, 0},
	};

	check(parse_money, examples, ARRAY_SIZE(examples));
	check(parse_largest_scale, largest, ARRAY_SIZE(largest));
}

static void test_ratios(void **state)
{
	static const struct example examples[] = {
	        {"0.02", 0, 20000},
	        {"2 %", 0, 20000},
	        {"2%", 0, 20000},
	        {"12.5 %", 0, 125000},
	        {"100 %", 0, 1000000},
	        {"0.0001 %", 0, 1},
	        {"1", 0, 1000000},
	        {"0.00001 %", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"2 %%", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	        {"%", BUSBAR_ERROR_BAD_VALUE, 0},
	        {"-2 %", BUSBAR_ERROR_AMOUNT_NEGATIVE, 0},
	        {"2 ", BUSBAR_ERROR_UNKNOWN_UNIT, 0},
	};

	check(unit_parse_ratio, examples, ARRAY_SIZE(examples));
}

static void test_formats(void **state)
{
	char text[UNIT_TEXT];

	T_TEXT(unit_format_duration(0, text), "0 s");
	T_TEXT(unit_format_duration(5000000, text), "5 ms");
	T_TEXT(unit_format_duration(1500000000, text), "1500 ms");
	T_TEXT(unit_format_duration(INT64_C(5400000000000), text), "90 min");
	T_TEXT(unit_format_duration(INT64_MAX, text), "9223372036854775807 ns");
	T_TEXT(unit_format_duration(-3000, text), "-3 us");
	T_TEXT(unit_format_bytes(64000, text), "64 kB");
	T_TEXT(unit_format_bytes(65536, text), "64 KiB");
	T_TEXT(unit_format_bytes(1, text), "1 B");
	T_TEXT(unit_format_bytes(0, text), "0 B");
	T_TEXT(unit_format_bitrate(20000000, text), "20 Mbit/s");
	T_TEXT(unit_format_bitrate(1001, text), "1001 bit/s");
	T_TEXT(unit_format_decimal(20000000, 1000000000, text), "0.02");
	T_TEXT(unit_format_decimal(INT64_C(12000000000), 1000000000, text), "12");
	T_TEXT(unit_format_decimal(-1, 1000000000, text), "-0.000000001");
	T_TEXT(unit_format_decimal(INT64_MIN, 1, text), "-9223372036854775808");
	T_TEXT(unit_format_decimal(INT64_MIN, INT64_C(1000000000000000000), text), "-9.223372036854775808");
}

/* Values of all magnitudes, with and without factors that fit larger units. */
static int64_t any_value(struct random *random)
{
	static const int64_t factors[] = {1, 1000, 1024, 1000000, 1048576, 1000000000, INT64_C(60000000000)};
	int64_t factor = factors[random_below(random, ARRAY_SIZE(factors))];
	uint64_t bits = random_u64(random) >> (1 + random_below(random, 63));

	return (int64_t)(bits % (uint64_t)(INT64_MAX / factor)) * factor;
}

static void test_format_and_parse_agree(void **state)
{
	static const struct {
		format_function format;
		parse_function parse;
	} pairs[] = {
	        {unit_format_duration, unit_parse_duration},
	        {unit_format_bytes, unit_parse_bytes},
	        {unit_format_bitrate, unit_parse_bitrate},
	};
	struct random random;
	char text[UNIT_TEXT];

	random_seed(&random, 1);
	for (int round = 0; round < 20000; round++) {
		int64_t value = any_value(&random);
		int64_t scale = 1;
		int64_t back = -1;

		for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
			T_OK(pairs[i].parse(pairs[i].format(value, text), &back));
			T_EQ(back, value);
		}
		for (uint64_t power = random_below(&random, 19); power > 0; power--)
			scale *= 10;
		T_OK(unit_parse_decimal(unit_format_decimal(value, scale, text), scale, &back));
		T_EQ(back, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_durations),
	        cmocka_unit_test(test_bytes),
	        cmocka_unit_test(test_bitrates),
	        cmocka_unit_test(test_decimals),
	        cmocka_unit_test(test_ratios),
	        cmocka_unit_test(test_formats),
	        cmocka_unit_test(test_format_and_parse_agree),
	};

	return T_RUN(tests);
}
