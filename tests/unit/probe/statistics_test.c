/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"
#include "probe/statistics.h"
#include "tests/t.h"

enum { FULL_LOSS = 1000000 };

/* There and back alike. */
static bool received(struct statistics *statistics, uint32_t sequence, int64_t delay)
{
	return statistics_received(statistics, sequence, delay, 2 * delay);
}

/* Probes that are answered at once, each with its delay. */
static void answer(struct statistics *statistics, const int64_t *delays, size_t count)
{
	for (size_t i = 0; i < count; i++)
		T_TRUE(received(statistics, statistics_sent(statistics), delays[i]));
}

static void nothing_is_known_at_first(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement = {.delay = 77};

	statistics_init(&statistics);
	T_TRUE(!statistics_measure(&statistics, &measurement));
	T_TRUE(!statistics_is_lost(&statistics));
	T_EQ(statistics_sent(&statistics), 0);
	T_TRUE(!statistics_measure(&statistics, &measurement));
	T_EQ(measurement.delay, 77);
}

static void delay_is_the_least_of_the_window(void **state)
{
	const int64_t delays[] = {900, 300, 700, 500};
	struct statistics statistics;
	struct probe_measurement measurement;

	statistics_init(&statistics);
	answer(&statistics, delays, 4);
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.delay, 300);
	T_EQ(measurement.round_trip, 600);
	T_EQ(measurement.longest, 900);
	T_EQ(measurement.sent, 4);
	T_EQ(measurement.received, 4);
	T_EQ(measurement.loss, 0);
	/* A window later nobody remembers the 300. */
	for (int i = 0; i < PROBE_WINDOW; i++)
		answer(&statistics, &delays[2], 1);
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.delay, 700);
	T_EQ(measurement.longest, 900); /* ... but the 900 is remembered */
	T_EQ(measurement.received, 4 + PROBE_WINDOW);
}

/* RFC 3550 6.4.1, the same in floating point. */
static void jitter_is_the_smoothed_difference(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;
	struct random random;
	double expected = 0;
	int64_t last = -1;

	random_seed(&random, 8);
	statistics_init(&statistics);
	for (int i = 0; i < 1000; i++) {
		int64_t delay = 1000000 + (int64_t)random_below(&random, 100000);

		answer(&statistics, &delay, 1);
		if (last >= 0)
			expected += ((double)llabs(delay - last) - expected) / 16;
		last = delay;
		T_TRUE(statistics_measure(&statistics, &measurement));
		T_TRUE((double)measurement.jitter > expected - 2 &&
		       (double)measurement.jitter < expected + 2);
	}
	T_TRUE(measurement.jitter > 20000 && measurement.jitter < 50000);
}

static void a_steady_delay_has_no_jitter(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;
	const int64_t delay = 5000;

	statistics_init(&statistics);
	for (int i = 0; i < 100; i++)
		answer(&statistics, &delay, 1);
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.jitter, 0);
}

/* What has nothing answered behind it may still be on its way. */
static void loss_counts_only_what_was_overtaken(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;
	uint32_t first;

	statistics_init(&statistics);
	first = statistics_sent(&statistics);
	(void)statistics_sent(&statistics);
	(void)statistics_sent(&statistics);
	T_TRUE(received(&statistics, first, 10));
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.loss, 0);
	T_TRUE(received(&statistics, first + 2, 10));
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.loss, FULL_LOSS / 3);
	T_TRUE(received(&statistics, first + 1, 10)); /* reordered, not lost */
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.loss, 0);
}

static void loss_is_that_of_the_window(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;

	statistics_init(&statistics);
	for (int i = 0; i < 10 * PROBE_WINDOW; i++) {
		uint32_t sequence = statistics_sent(&statistics);

		if (i % 4 != 1)
			T_TRUE(received(&statistics, sequence, 10));
	}
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.loss, FULL_LOSS / 4);
	for (int i = 0; i < PROBE_WINDOW; i++)
		answer(&statistics, &(int64_t){10}, 1);
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.loss, 0);
}

static void late_and_double_replies_are_refused(void **state)
{
	struct statistics statistics;
	uint32_t first, second;

	statistics_init(&statistics);
	T_TRUE(!received(&statistics, 0, 10)); /* before any was sent */
	first = statistics_sent(&statistics);
	second = statistics_sent(&statistics);
	T_TRUE(received(&statistics, first, 10));
	T_TRUE(!received(&statistics, first, 10));
	T_TRUE(!received(&statistics, second + 1, 10)); /* not sent yet */
	T_TRUE(!received(&statistics, UINT32_MAX, 10)); /* of the window, but of no probe */
	T_EQ(statistics.received, 1);
	for (int i = 0; i < PROBE_WINDOW - 1; i++)
		(void)statistics_sent(&statistics);
	T_TRUE(received(&statistics, second, 10)); /* the oldest of the window */
	(void)statistics_sent(&statistics);
	T_TRUE(!received(&statistics, second, 10));
	T_TRUE(received(&statistics, second + 1, 10));
	(void)statistics_sent(&statistics);
	(void)statistics_sent(&statistics);
	T_TRUE(!received(&statistics, second + 2, 10)); /* too late */
	T_EQ(statistics.received, 3);
}

/* Sequences go round after 2^32 probes; nothing else does. */
static void sequences_wrap(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;
	uint32_t sequence = 0;

	statistics_init(&statistics);
	statistics.next = UINT32_MAX - 2 * PROBE_WINDOW;
	for (int i = 0; i < 4 * PROBE_WINDOW; i++) {
		uint32_t before = sequence;

		sequence = statistics_sent(&statistics);
		T_TRUE(i == 0 || sequence == before + 1);
		/* Every reply comes with the next probe behind it; every eighth not at all. */
		if (i > 0 && i % 8 != 0)
			T_TRUE(received(&statistics, sequence - 1, 1000 + i));
		T_TRUE(!received(&statistics, sequence - PROBE_WINDOW, 1));
		T_TRUE(!received(&statistics, sequence + 1, 1));
	}
	T_TRUE(sequence < 2 * PROBE_WINDOW); /* it did wrap */
	T_TRUE(statistics_measure(&statistics, &measurement));
	T_EQ(measurement.sent, 4 * PROBE_WINDOW);
	T_EQ(measurement.received, 4 * PROBE_WINDOW - 4 * PROBE_WINDOW / 8);
	/* The newest is on its way; of the 31 before it every eighth is missing. */
	T_EQ(measurement.loss, UINT64_C(1000000) * 3 / 31);
	T_EQ(measurement.delay, 1000 + 3 * PROBE_WINDOW + 1);
	T_TRUE(!statistics_is_lost(&statistics));
}

static void a_session_is_lost_after_a_silent_window(void **state)
{
	struct statistics statistics;
	struct probe_measurement measurement;
	const int64_t delay = 10;

	statistics_init(&statistics);
	for (int i = 0; i < PROBE_WINDOW; i++) {
		T_TRUE(!statistics_is_lost(&statistics));
		(void)statistics_sent(&statistics);
	}
	T_TRUE(statistics_is_lost(&statistics));
	T_TRUE(!statistics_measure(&statistics, &measurement));
	answer(&statistics, &delay, 1);
	T_TRUE(!statistics_is_lost(&statistics));
	for (int i = 0; i < PROBE_WINDOW - 1; i++) {
		(void)statistics_sent(&statistics);
		T_TRUE(!statistics_is_lost(&statistics));
	}
	(void)statistics_sent(&statistics);
	T_TRUE(statistics_is_lost(&statistics));
}

/* ... as seen from the newest that was answered: what came late does not change it. */
static void unanswered_probes_are_counted(void **state)
{
	struct statistics statistics;

	statistics_init(&statistics);
	T_EQ(statistics_unanswered(&statistics), 0);
	for (int i = 0; i < 5; i++)
		(void)statistics_sent(&statistics);
	T_EQ(statistics_unanswered(&statistics), 5);
	T_TRUE(received(&statistics, 3, 10));
	T_EQ(statistics_unanswered(&statistics), 1);
	T_TRUE(received(&statistics, 1, 10));
	T_EQ(statistics_unanswered(&statistics), 1);
	T_TRUE(received(&statistics, 4, 10));
	T_EQ(statistics_unanswered(&statistics), 0);
	T_TRUE(received(&statistics, 2, 10));
	T_EQ(statistics_unanswered(&statistics), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_known_at_first),
	        cmocka_unit_test(delay_is_the_least_of_the_window),
	        cmocka_unit_test(jitter_is_the_smoothed_difference),
	        cmocka_unit_test(a_steady_delay_has_no_jitter),
	        cmocka_unit_test(loss_counts_only_what_was_overtaken),
	        cmocka_unit_test(loss_is_that_of_the_window),
	        cmocka_unit_test(late_and_double_replies_are_refused),
	        cmocka_unit_test(sequences_wrap),
	        cmocka_unit_test(a_session_is_lost_after_a_silent_window),
	        cmocka_unit_test(unanswered_probes_are_counted),
	};

	return T_RUN(tests);
}
