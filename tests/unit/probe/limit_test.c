/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "probe/limit.h"
#include "tests/t.h"

static uint32_t take(struct limit *limit, uint8_t source, int64_t now, uint32_t tries)
{
	const uint8_t address[16] = {0xfc, [15] = source};
	uint32_t taken = 0;

	for (uint32_t i = 0; i < tries; i++)
		taken += limit_take(limit, address, now);
	return taken;
}

static void a_source_has_its_rate_and_a_burst(void **state)
{
	struct limit limit;
	int64_t now = 1000 * CLOCK_SECOND;
	uint32_t taken;

	limit_init(&limit, 100, 100000, 7);
	T_EQ(take(&limit, 1, now, 1000), 25);
	T_EQ(take(&limit, 1, now, 10), 0);
	T_EQ(take(&limit, 2, now, 1000), 25); /* the others have theirs */
	taken = 0;
	for (int i = 0; i < 1000; i++)
		taken += take(&limit, 1, now += CLOCK_MILLISECOND, 5);
	T_TRUE(taken >= 99 && taken <= 101);
	T_EQ(take(&limit, 1, now + 100 * CLOCK_SECOND, 1000), 25);
}

static void all_sources_share_the_total(void **state)
{
	struct limit limit;
	uint32_t taken = 0;

	limit_init(&limit, 1000, 200, 7);
	for (uint8_t source = 0; source < 100; source++)
		taken += take(&limit, source, CLOCK_SECOND, 10);
	T_EQ(taken, 50);
	/* What the total refused was not taken from the source. */
	T_EQ(take(&limit, 99, 2 * CLOCK_SECOND, 10), 10);
}

static void the_smallest_rate_lets_one_through(void **state)
{
	struct limit limit;

	limit_init(&limit, 1, 1, 7);
	T_EQ(take(&limit, 1, 0, 5), 1);
	T_EQ(take(&limit, 1, CLOCK_SECOND - 1, 5), 0);
	T_EQ(take(&limit, 1, CLOCK_SECOND, 5), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_source_has_its_rate_and_a_burst),
	        cmocka_unit_test(all_sources_share_the_total),
	        cmocka_unit_test(the_smallest_rate_lets_one_through),
	};

	return T_RUN(tests);
}
