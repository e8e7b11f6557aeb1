/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: normalisation, aggregation, scores, and statistics over a window. */
#include "model/metric.h"

#include "base/random.h"
#include "model/metric_window.h"
#include "t.h"
#include <math.h>

#define MILLI INT64_C(1000000)
#define WINDOW (1000 * MILLI)

static void assert_near(double actual, double expected)
{
	if (!(fabs(actual - expected) < 1e-9))
		fail_msg("%.12g, expected %.12g", actual, expected);
}

static void raw_values_become_merits(void **state)
{
	static const struct {
		struct metric_scale scale;
		double raw, expected;
	} cases[] = {
	        /* More is better: a free share. */
	        {{METRIC_MIN_MAX, 0, 1}, 0.25, 0.25},
	        {{METRIC_MIN_MAX, 0, 1}, -3, 0},
	        {{METRIC_MIN_MAX, 0, 1}, 3, 1},
	        /* Less is better: a delay of 0 to 100 ms. */
	        {{METRIC_MIN_MAX, 100, 0}, 0, 1},
	        {{METRIC_MIN_MAX, 100, 0}, 100, 0},
	        {{METRIC_MIN_MAX, 100, 0}, 30, 0.7},
	        {{METRIC_MIN_MAX, 100, 0}, 1e300, 0},
	        {{METRIC_MIN_MAX, 20, 10}, 12.5, 0.75},
	        {{METRIC_SIGMOID, 0, 1, 10}, 0.5, 0.5},
	        {{METRIC_SIGMOID, 0, 1, 10}, 1, 0.99330714907571516},
	        {{METRIC_SIGMOID, 100, 0, 10}, 100, 0.0066928509242848554},
	        {{METRIC_SIGMOID, 0, 1, 10}, 1e308, 1},
	        {{METRIC_LOGARITHMIC, 100, 1}, 100, 0},
	        {{METRIC_LOGARITHMIC, 100, 1}, 10, 0.5},
	        {{METRIC_LOGARITHMIC, 100, 1}, 0.1, 1},
	        {{METRIC_LOGARITHMIC, 100, 1}, 1000, 0},
	        {{METRIC_LOGARITHMIC, 1, 100}, 10, 0.5},
	        /* No number is the worst. */
	        {{METRIC_MIN_MAX, 0, 1}, NAN, 0},
	        {{METRIC_SIGMOID, 0, 1, 10}, NAN, 0},
	        {{METRIC_LOGARITHMIC, 100, 1}, -1, 0},
	        {{METRIC_LOGARITHMIC, 100, 1}, 0, 1}, /* infinitely below the best */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_near(metric_merit(&cases[i].scale, cases[i].raw), cases[i].expected);
}

/* Whatever the function: within 0..1, and never falling from worst to best. */
static void merits_rise_from_worst_to_best(void **state)
{
	struct random random;

	random_seed(&random, 3);
	for (int i = 0; i < 20000; i++) {
		struct metric_scale scale = {.function = (enum metric_function)random_below(&random,
		                                                                            METRIC_FUNCTIONS),
		                             .worst = random_unit(&random) * 100 + 1,
		                             .best = random_unit(&random) * 100 + 102,
		                             .steepness = random_unit(&random) * 20 + 0.1};
		double low = random_unit(&random) * 300, high = low + random_unit(&random) * 100;
		double before = metric_merit(&scale, low), after = metric_merit(&scale, high);

		T_TRUE(before >= 0 && after <= 1 && before <= after);
		if (scale.function == METRIC_LOGARITHMIC)
			continue;
		scale.worst = -scale.worst;
		scale.best = -scale.best;
		assert_near(metric_merit(&scale, -low), before);
	}
}

static void merits_are_aggregated(void **state)
{
	static const struct metric_part parts[] = {{0.2, 1}, {METRIC_ABSENT, 100}, {0.8, 3}, {0.5, 0}};
	static const double expected[METRIC_AGGREGATIONS] = {[METRIC_AGGREGATE_MEAN] = 0.5,
	                                                     [METRIC_AGGREGATE_LEAST] = 0.2,
	                                                     [METRIC_AGGREGATE_MOST] = 0.8,
	                                                     [METRIC_AGGREGATE_WEIGHTED] = 0.65};

	for (int function = 0; function < METRIC_AGGREGATIONS; function++) {
		enum metric_aggregation way = (enum metric_aggregation)function;

		assert_near(metric_aggregate(way, parts, 4), expected[function]);
		assert_near(metric_aggregate(way, parts + 1, 1), METRIC_ABSENT);
		assert_near(metric_aggregate(way, parts, 0), METRIC_ABSENT);
		assert_near(metric_aggregate(way, parts, 1), 0.2);
	}
	assert_near(metric_aggregate(METRIC_AGGREGATE_WEIGHTED, parts + 3, 1), METRIC_ABSENT);
}

static void merits_become_scores(void **state)
{
	T_EQ(metric_score(0), 0);
	T_EQ(metric_score(0.049), 0);
	T_EQ(metric_score(0.05), 1);
	T_EQ(metric_score(0.74), 7);
	T_EQ(metric_score(0.951), 10);
	T_EQ(metric_score(1), 10);
	T_EQ(metric_score(7), 10);
	T_EQ(metric_score(METRIC_ABSENT), 0);
	T_EQ(metric_score(NAN), 0);
}

/* A quarter of a score more than half a score, in either direction. */
static void a_score_moves_past_a_band_only(void **state)
{
	static const struct {
		double merit;
		uint32_t score;
	} steps[] = {{0.50, 5}, {0.55, 5},  {0.574, 5}, {0.576, 6},
	             {0.53, 6}, {0.526, 6}, {0.524, 5}, {0.1, 1}};
	uint32_t score = 5;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		score = metric_settle(score, steps[i].merit, 0.25);
		T_EQ(score, steps[i].score);
	}
}

/* Between two scores, ever so long. */
static void a_merit_between_two_scores_does_not_swing(void **state)
{
	uint32_t score = 7, moves = 0;
	struct random random;

	random_seed(&random, 11);
	for (int i = 0; i < 10000; i++) {
		uint32_t next = metric_settle(score, 0.75 + (random_unit(&random) - 0.5) * 0.04, 0.25);

		moves += next != score;
		score = next;
	}
	T_EQ(moves, 0);
}

static void a_window_has_a_mean_by_time_and_extremes(void **state)
{
	struct metric_window window = metric_window_open(WINDOW);

	assert_near(metric_window_read(&window, METRIC_MEAN), METRIC_ABSENT);
	metric_window_note(&window, 1, 5000 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MEAN), 1);
	metric_window_note(&window, 0, 5300 * MILLI);
	metric_window_note(&window, 0.5, 5400 * MILLI);
	assert_near(metric_window_read(&window, METRIC_CURRENT), 0.5);
	assert_near(metric_window_read(&window, METRIC_MEAN), 0.75);
	assert_near(metric_window_read(&window, METRIC_LEAST), 0);
	assert_near(metric_window_read(&window, METRIC_MOST), 1);
	metric_window_note(&window, 0.5, 5600 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MEAN), (0.3 + 0.1) / 0.6);
	/* Time that steps back is none. */
	metric_window_note(&window, 0.5, 5000 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MEAN), (0.3 + 0.1) / 0.6);
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
	struct metric_window window = metric_window_open(WINDOW);

	metric_window_note(&window, 9, 0);
	metric_window_note(&window, 1, 100 * MILLI);
	metric_window_note(&window, 1, 950 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MOST), 9);
	metric_window_note(&window, 1, 1100 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MOST), 1);
	assert_near(metric_window_read(&window, METRIC_MEAN), 1);
	/* A value held for longer than the window is all there is in it. */
	metric_window_note(&window, 3, 900000 * MILLI);
	assert_near(metric_window_read(&window, METRIC_MEAN), 1);
	assert_near(metric_window_read(&window, METRIC_MOST), 3);
	metric_window_note(&window, 3, 1800000 * MILLI);
	assert_near(metric_window_read(&window, METRIC_LEAST), 3);
}

static void without_a_window_the_current_value_is_all(void **state)
{
	struct metric_window window = metric_window_open(0);

	metric_window_note(&window, 1, 10);
	metric_window_note(&window, 5, 20);
	for (int statistic = 0; statistic < METRIC_STATISTICS; statistic++)
		assert_near(metric_window_read(&window, (enum metric_statistic)statistic), 5);
}

/* Against all that was noted, whatever the times: never out of its bounds, and near the exact mean. */
static void a_window_is_what_was_noted(void **state)
{
	struct metric_window window = metric_window_open(WINDOW);
	double values[2000];
	int64_t times[2000], now = 1000 * MILLI;
	struct random random;

	random_seed(&random, 5);
	for (int i = 0; i < 2000; i++) {
		double sum = 0, least, most, read;
		int64_t from = now - WINDOW, end = now;

		values[i] = random_unit(&random);
		times[i] = now;
		metric_window_note(&window, values[i], now);
		least = most = values[i];
		for (int j = i - 1; j >= 0 && end > from; j--) {
			int64_t start = MAXIMUM(times[j], from);

			sum += values[j] * (double)(end - start);
			least = fmin(least, values[j]);
			most = fmax(most, values[j]);
			end = start;
		}
		read = metric_window_read(&window, METRIC_MEAN);
		T_TRUE(read >= least - 1e-9 && read <= most + 1e-9);
		T_TRUE(metric_window_read(&window, METRIC_LEAST) >= least - 1e-9);
		T_TRUE(metric_window_read(&window, METRIC_MOST) <= most + 1e-9);
		if (i > 100 && end == from)
			T_TRUE(fabs(read - sum / (double)WINDOW) < 0.12);
		now += (int64_t)random_below(&random, 50 * MILLI);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(raw_values_become_merits),
	        cmocka_unit_test(merits_rise_from_worst_to_best),
	        cmocka_unit_test(merits_are_aggregated),
	        cmocka_unit_test(merits_become_scores),
	        cmocka_unit_test(a_score_moves_past_a_band_only),
	        cmocka_unit_test(a_merit_between_two_scores_does_not_swing),
	        cmocka_unit_test(a_window_has_a_mean_by_time_and_extremes),
	        cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
	        cmocka_unit_test(without_a_window_the_current_value_is_all),
	        cmocka_unit_test(a_window_is_what_was_noted),
	};

	return T_RUN(tests);
}
