/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/calendar.h"

#include "base/clock.h"
#include "base/error.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	FIRST_YEAR = 1970,
	LAST_YEAR = 2262, /* of a signed 64-bit count of nanoseconds */
	MONTHS = 12,
	SECONDS_OF_DAY = 86400,
	FIXED_SIZE = 19, /* up to the seconds */
	FRACTION_DIGITS = 9,
};

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_year(int year)
{
	return is_leap(year) ? 366 : 365;
}

static int days_of_month(int year, int month)
{
	static const int days[MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

char *calendar_format(int64_t time, char buffer[CALENDAR_TEXT])
{
	int64_t seconds = time / CLOCK_SECOND;
	int day = (int)(seconds / SECONDS_OF_DAY);
	int second = (int)(seconds % SECONDS_OF_DAY);
	int year = FIRST_YEAR, month = 1;

	for (; day >= days_of_year(year); year++)
		day -= days_of_year(year);
	for (; day >= days_of_month(year, month); month++)
		day -= days_of_month(year, month);
	(void)snprintf(buffer, CALENDAR_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z", year, month,
	               day + 1, second / 3600, second / 60 % 60, second % 60, time % CLOCK_SECOND);
	return buffer;
}

/* `count` digits; -1 when there is something else among them. */
static int number(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = 10 * value + (text[i] - '0');
	}
	return value;
}

/* The fraction of a second behind the fixed part, `.5Z` or `Z`, in ns; -1 when it is malformed. */
static int parse_fraction(const char *text, size_t size)
{
	int digits = (int)size - 2;
	int value;

	if (size == 1)
		return text[0] == 'Z' ? 0 : -1;
	if (size < 3 || digits > FRACTION_DIGITS || text[0] != '.' || text[size - 1] != 'Z')
		return -1;
	value = number(text + 1, digits);
	for (int i = digits; i < FRACTION_DIGITS && value > 0; i++)
		value *= 10;
	return value;
}

int calendar_parse(const char *text, size_t size, int64_t *ret_time)
{
	static const char pattern[] = "0000-00-00T00:00:00";
	int year, month, day, hour, minute, second, fraction;
	int64_t time = 0;

	if (size <= FIXED_SIZE)
		return BUSBAR_ERROR_BAD_VALUE;
	for (int i = 0; i < FIXED_SIZE; i++)
		if (pattern[i] != '0' && pattern[i] != text[i])
			return BUSBAR_ERROR_BAD_VALUE;
	year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
	hour = number(text + 11, 2), minute = number(text + 14, 2), second = number(text + 17, 2);
	fraction = parse_fraction(text + FIXED_SIZE, size - FIXED_SIZE);
	if (year < FIRST_YEAR || month < 1 || month > MONTHS || day < 1 || day > days_of_month(year, month) ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || fraction < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (year > LAST_YEAR)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	for (int i = FIRST_YEAR; i < year; i++)
		time += days_of_year(i);
	for (int i = 1; i < month; i++)
		time += days_of_month(year, i);
	time = (time + day - 1) * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second;
	if (__builtin_mul_overflow(time, CLOCK_SECOND, &time) ||
	    __builtin_add_overflow(time, fraction, &time))
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	*ret_time = time;
	return 0;
}
