/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/calendar.h"

#include "base/clock.h"
#include "base/random.h"
#include "tests/t.h"

static const struct {
	const char *text;
	int64_t time;
} pairs[] = {
        {"1970-01-01T00:00:00.000000000Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1970-12-31T23:59:59.999999999Z", INT64_C(31535999999999999)},
        {"2000-02-29T00:00:00.000000000Z", INT64_C(951782400) * CLOCK_SECOND},
        {"2000-03-01T00:00:00.000000000Z", INT64_C(951868800) * CLOCK_SECOND},
        {"2026-01-31T12:00:00.000000000Z", INT64_C(1769860800) * CLOCK_SECOND},
        {"2100-02-28T23:59:59.000000000Z", INT64_C(4107542399) * CLOCK_SECOND},
        {"2100-03-01T00:00:00.000000000Z", INT64_C(4107542400) * CLOCK_SECOND},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
};

static void known_times(void **state)
{
	char buffer[CALENDAR_TEXT];
	int64_t time;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		T_TEXT(calendar_format(pairs[i].time, buffer), pairs[i].text);
		T_OK(calendar_parse(pairs[i].text, strlen(pairs[i].text), &time));
		T_EQ(time, pairs[i].time);
	}
}

static void every_time_comes_back(void **state)
{
	struct random random;

	random_seed(&random, 5);
	for (int i = 0; i < 20000; i++) {
		int64_t time = (int64_t)(random_u64(&random) >> (1 + random_below(&random, 20)));
		char buffer[CALENDAR_TEXT];
		int64_t again;

		calendar_format(time, buffer);
		T_OK(calendar_parse(buffer, strlen(buffer), &again));
		T_EQ(again, time);
	}
}

static void fractions(void **state)
{
	static const struct {
		const char *text;
		int64_t time;
	} table[] = {
	        {"1970-01-01T00:00:01Z", 1000000000},           {"1970-01-01T00:00:01.5Z", 1500000000},
	        {"1970-01-01T00:00:01.05Z", 1050000000},        {"1970-01-01T00:00:01.00000000Z", 1000000000},
	        {"1970-01-01T00:00:01.123456789Z", 1123456789},
	};
	int64_t time;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		T_OK(calendar_parse(table[i].text, strlen(table[i].text), &time));
		T_EQ(time, table[i].time);
	}
}

static void not_on_the_calendar(void **state)
{
	static const char *const bad[] = {
	        "",
	        "2026",
	        "2026-01-31T12:00:00",
	        "2026-01-31T12:00:00.Z",
	        "2026-01-31T12:00:00.1234567890Z",
	        "2026-01-31T12:00:00.12x4Z",
	        "2026-01-31T12:00:00+01",
	        "2026-00-31T12:00:00Z",
	        "2026-13-31T12:00:00Z",
	        "2026-04-31T12:00:00Z",
	        "2026-04-00T12:00:00Z",
	        "2026-02-29T12:00:00Z",
	        "2100-02-29T12:00:00Z",
	        "2026-01-31T24:00:00Z",
	        "2026-01-31T12:60:00Z",
	        "2026-01-31T12:00:60Z",
	        "1969-12-31T23:59:59Z",
	        "2026/01/31T12:00:00Z",
	        "2026-01-31 12:00:00Z",
	        "2026-1a-31T12:00:00Z",
	};
	int64_t time = 77;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		T_ERROR(calendar_parse(bad[i], strlen(bad[i]), &time), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(calendar_parse("2262-04-11T23:47:16.854775808Z", 30, &time), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(calendar_parse("2262-04-11T23:47:17Z", 20, &time), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_ERROR(calendar_parse("9999-12-31T23:59:59Z", 20, &time), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	T_EQ(time, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(known_times),
	        cmocka_unit_test(every_time_comes_back),
	        cmocka_unit_test(fractions),
	        cmocka_unit_test(not_on_the_calendar),
	};

	return T_RUN(tests);
}
