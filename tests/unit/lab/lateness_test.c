/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: quantiles within a sixteenth of the truth over the whole range. */
#include "../../t.h"

#include "lab/lateness.h"

static void empty(void **state)
{
	struct lateness lateness = {0};

	T_EQ(lateness_quantile(&lateness, 500000), 0);
	T_EQ(lateness_quantile(&lateness, 1000000), 0);
}

static void single_values(void **state)
{
	static const int64_t values[] = {
	        0, 1, 255, 256, 4095, 4096, 5000, 123456, 1000000, 999999999, INT64_C(1) << 39};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct lateness lateness = {0};

		lateness_add(&lateness, values[i]);
		T_EQ(lateness.count, 1);
		T_EQ(lateness.maximum, values[i]);
		T_EQ(lateness_quantile(&lateness, 500000), values[i]);
		lateness_add(&lateness, values[i] * 4 + 10000);
		/* The bucket's end now, not the maximum. */
		T_TRUE(lateness_quantile(&lateness, 500000) > values[i] - 1);
		T_TRUE(lateness_quantile(&lateness, 500000) <= values[i] + values[i] / 16 + 256);
	}
}

static void extremes(void **state)
{
	struct lateness lateness = {0};

	lateness_add(&lateness, -5);
	T_EQ(lateness.maximum, 0);
	T_EQ(lateness.buckets[0], 1);
	lateness_add(&lateness, INT64_MAX);
	T_EQ(lateness.buckets[LATENESS_BUCKETS - 1], 1);
	T_EQ(lateness.maximum, INT64_MAX);
	T_TRUE(lateness_quantile(&lateness, 1000000) > 0);
}

static void quantiles(void **state)
{
	struct lateness lateness = {0}, sum = {0};

	for (int64_t i = 1; i <= 1000; i++)
		lateness_add(&lateness, i * 1000);
	for (uint32_t percent = 10; percent <= 90; percent += 10) {
		int64_t value = lateness_quantile(&lateness, percent * 10000);

		T_TRUE(value >= percent * 10000 && value <= percent * 10000 * 17 / 16 + 256);
	}
	T_EQ(lateness_quantile(&lateness, 1000000), 1000000);
	T_TRUE(lateness_quantile(&lateness, 1) <= 1256);
	lateness_merge(&sum, &lateness);
	lateness_merge(&sum, &lateness);
	T_EQ(sum.count, 2000);
	T_EQ(sum.maximum, 1000000);
	T_EQ(lateness_quantile(&sum, 500000), lateness_quantile(&lateness, 500000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(empty),
	        cmocka_unit_test(single_values),
	        cmocka_unit_test(extremes),
	        cmocka_unit_test(quantiles),
	};

	return T_RUN(tests);
}
