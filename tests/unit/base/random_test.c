/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: reproducible, in range, without bias that a simple test would see. */
#include "base/random.h"
#include "t.h"

static void test_reference_values(void **state)
{
	/* From the state {1, 2, 3, 4}, by the generator's definition. */
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	struct random random = {.state = {1, 2, 3, 4}};

	for (size_t i = 0; i < 4; i++)
		T_TRUE(random_u64(&random) == expected[i]);
	/* SplitMix64 from 0. */
	random_seed(&random, 0);
	T_TRUE(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
	T_TRUE(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
}

static void test_same_seed_same_sequence(void **state)
{
	struct random a, b, c;
	uint8_t x[37], y[37];
	int differing = 0;

	random_seed(&a, 42);
	random_seed(&b, 42);
	random_seed(&c, 43);
	for (int i = 0; i < 100; i++) {
		uint64_t value = random_u64(&a);

		T_TRUE(value == random_u64(&b));
		differing += value != random_u64(&c);
	}
	T_EQ(differing, 100);
	random_fill(&a, x, sizeof(x));
	random_fill(&b, y, sizeof(y));
	T_BYTES(x, y, sizeof(x));
	T_TRUE(random_u64(&a) == random_u64(&b));
}

static void test_below_is_even(void **state)
{
	enum { BOUND = 7, DRAWS = 70000 };
	struct random random;
	int counts[BOUND] = {0};

	random_seed(&random, 5);
	for (int i = 0; i < DRAWS; i++)
		counts[random_below(&random, BOUND)]++;
	/* Expected 10000 with a deviation of 93: six of them. */
	for (int i = 0; i < BOUND; i++)
		T_TRUE(abs(counts[i] - DRAWS / BOUND) < 560);
}

static void test_below_at_its_limits(void **state)
{
	struct random random;
	uint64_t bound = (UINT64_C(1) << 63) + 1;
	int high = 0;

	random_seed(&random, 6);
	for (int i = 0; i < 1000; i++) {
		uint64_t value = random_below(&random, bound);

		T_EQ(random_below(&random, 1), 0);
		T_TRUE(value < bound);
		high += value > bound / 2;
		T_TRUE(random_below(&random, UINT64_MAX) < UINT64_MAX);
	}
	T_TRUE(high > 400 && high < 600);
}

static void test_unit_interval(void **state)
{
	struct random random;
	double sum = 0;

	random_seed(&random, 7);
	for (int i = 0; i < 100000; i++) {
		double value = random_unit(&random);

		T_TRUE(value >= 0 && value < 1);
		sum += value;
	}
	T_TRUE(sum > 49400 && sum < 50600);
}

static void test_system_generator(void **state)
{
	uint8_t a[1000] = {0}, b[1000] = {0};
	int zeroes = 0;

	T_OK(random_system(a, sizeof(a)));
	T_OK(random_system(b, sizeof(b)));
	T_OK(random_system(NULL, 0));
	T_TRUE(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		zeroes += a[i] == 0;
	T_TRUE(zeroes < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_reference_values), cmocka_unit_test(test_same_seed_same_sequence),
	        cmocka_unit_test(test_below_is_even),    cmocka_unit_test(test_below_at_its_limits),
	        cmocka_unit_test(test_unit_interval),    cmocka_unit_test(test_system_generator),
	};

	return T_RUN(tests);
}
