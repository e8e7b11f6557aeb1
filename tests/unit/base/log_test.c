/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, read back from a pipe in the place of standard error. */
#include "base/clock.h"
#include "base/log.h"
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct capture {
	int reader;
	int saved;
	char text[65536];
};

static struct capture *capture_begin(void)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int pipe_ends[2];

	T_TRUE(capture != NULL);
	T_OK(pipe2(pipe_ends, O_CLOEXEC));
	capture->reader = pipe_ends[0];
	capture->saved = dup(STDERR_FILENO);
	T_OK(dup2(pipe_ends[1], STDERR_FILENO));
	T_OK(close(pipe_ends[1]));
	return capture;
}

/* Standard error is itself again; the lines are in capture->text. */
static void capture_end(struct capture *capture)
{
	size_t size = 0;
	ssize_t got;

	T_OK(dup2(capture->saved, STDERR_FILENO));
	T_OK(close(capture->saved));
	while ((got = read(capture->reader, capture->text + size, sizeof(capture->text) - 1 - size)) > 0)
		size += (size_t)got;
	T_OK(close(capture->reader));
}

static int count(const char *text, const char *part)
{
	int found = 0;

	for (; (text = strstr(text, part)); text++)
		found++;
	return found;
}

/* Lines of one test must fall in one of the limiter's seconds. */
static void wait_for_early_second(void)
{
	struct timespec pause = {0};
	int64_t part = clock_monotonic(&clock_system) % CLOCK_SECOND;

	if (part < CLOCK_SECOND / 2)
		return;
	pause.tv_nsec = (long)(CLOCK_SECOND - part);
	while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
		;
}

static void wait_for_second_after(int64_t second)
{
	struct timespec time = {.tv_sec = second + 1};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

static void test_form_of_a_line(void **state)
{
	struct capture *capture = capture_begin();
	int year, month, day, hour, minute, second, thousandth, end = 0;
	time_t now = time(NULL);
	struct tm date = {0};

	errno = ERANGE;
	log_info("unit-test", "key=%d key=\"%s\"", 7, "two words");
	T_EQ(errno, ERANGE);
	capture_end(capture);
	T_EQ(sscanf(capture->text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
	            &second, &thousandth, &end),
	     7);
	T_EQ(end, 25);
	T_TEXT(capture->text + end, "info unit-test key=7 key=\"two words\"\n");
	date = (struct tm){.tm_year = year - 1900,
	                   .tm_mon = month - 1,
	                   .tm_mday = day,
	                   .tm_hour = hour,
	                   .tm_min = minute,
	                   .tm_sec = second};
	T_TRUE(llabs((long long)(timegm(&date) - now)) <= 2);
	free(capture);
}

static void test_levels(void **state)
{
	struct capture *capture = capture_begin();

	T_EQ(log_get_level(), LOG_INFO);
	log_debug("t", "hidden=1");
	log_set_level(LOG_WARNING);
	log_notice("t", "hidden=2");
	log_write(NULL, LOG_INFO, "t", "hidden=%d", 3);
	log_warning("t", "shown=1");
	log_error("t", "shown=2");
	log_set_level(LOG_DEBUG);
	log_debug("t", "shown=3");
	log_set_level(LOG_INFO);
	capture_end(capture);
	T_EQ(count(capture->text, "hidden"), 0);
	T_EQ(count(capture->text, "shown"), 3);
	T_EQ(count(capture->text, "Z warning t shown=1\n"), 1);
	T_EQ(count(capture->text, "Z error t shown=2\n"), 1);
	T_EQ(count(capture->text, "Z debug t shown=3\n"), 1);
	free(capture);
}

static void test_level_names(void **state)
{
	T_EQ(log_level_parse("error"), LOG_ERROR);
	T_EQ(log_level_parse("warning"), LOG_WARNING);
	T_EQ(log_level_parse("notice"), LOG_NOTICE);
	T_EQ(log_level_parse("info"), LOG_INFO);
	T_EQ(log_level_parse("debug"), LOG_DEBUG);
	T_ERROR(log_level_parse("Debug"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(log_level_parse(""), BUSBAR_ERROR_BAD_VALUE);
}

static void test_node_name(void **state)
{
	struct capture *capture = capture_begin();
	char name[] = "edge-a";

	log_set_node(name);
	name[0] = 'X';
	log_info("t", "a=1");
	log_set_node(NULL);
	log_info("t", "b=2");
	capture_end(capture);
	T_EQ(count(capture->text, "info t node=edge-a a=1\n"), 1);
	T_EQ(count(capture->text, "info t b=2\n"), 1);
	free(capture);
}

static void test_no_line_can_be_forged(void **state)
{
	struct capture *capture = capture_begin();

	log_info("t", "name=\"%s\"", "x\n2026-01-01T00:00:00.000Z error t forged=1\r\033[2J\x7f\xc2\x9b");
	capture_end(capture);
	T_EQ(count(capture->text, "\n"), 1);
	T_EQ(count(capture->text, "\r"), 0);
	T_EQ(count(capture->text, "\033"), 0);
	T_EQ(count(capture->text, "x\\x0a2026"), 1);
	T_EQ(count(capture->text, "\\x0d\\x1b[2J\\x7f\\xc2\\x9b\"\n"), 1);
	free(capture);
}

static void test_long_values_are_cut(void **state)
{
	struct capture *capture = capture_begin();
	char value[8000];

	memset(value, '\n', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_info("t", "value=%s", value);
	capture_end(capture);
	T_TRUE(strlen(capture->text) <= 2048);
	T_EQ(count(capture->text, "\n"), 1);
	T_EQ(count(capture->text, "\\x0a...\n"), 1);
	free(capture);
}

static void speak(int number)
{
	log_info("t", "number=%d", number);
}

static void test_a_site_is_limited(void **state)
{
	struct capture *capture;
	int64_t second;

	wait_for_early_second();
	second = clock_monotonic(&clock_system) / CLOCK_SECOND;
	capture = capture_begin();
	for (int i = 0; i < LOG_BURST + 7; i++)
		speak(i);
	log_info("t", "other=site");
	wait_for_second_after(second);
	speak(1000);
	speak(1001);
	capture_end(capture);
	T_EQ(count(capture->text, "number="), LOG_BURST + 2);
	T_EQ(count(capture->text, "number=19\n"), 1);
	T_EQ(count(capture->text, "number=20\n"), 0);
	T_EQ(count(capture->text, "other=site\n"), 1);
	T_EQ(count(capture->text, "number=1000 dropped=7\n"), 1);
	T_EQ(count(capture->text, "number=1001\n"), 1);
	free(capture);
}

static void test_without_a_site_there_is_no_limit(void **state)
{
	struct capture *capture = capture_begin();

	for (int i = 0; i < 3 * LOG_BURST; i++)
		log_write(NULL, LOG_INFO, "t", "free=%d", i);
	capture_end(capture);
	T_EQ(count(capture->text, "free="), 3 * LOG_BURST);
	free(capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_form_of_a_line),
	        cmocka_unit_test(test_levels),
	        cmocka_unit_test(test_level_names),
	        cmocka_unit_test(test_node_name),
	        cmocka_unit_test(test_no_line_can_be_forged),
	        cmocka_unit_test(test_long_values_are_cut),
	        cmocka_unit_test(test_a_site_is_limited),
	        cmocka_unit_test(test_without_a_site_there_is_no_limit),
	};

	return T_RUN(tests);
}
