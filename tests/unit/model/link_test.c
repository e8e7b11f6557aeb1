/* SPDX-License-Identifier: Apache-2.0 */
/* Link prices: the same curve as resources, over bit/s. */
#include "model/link.h"
#include "model/resource.h"
#include "t.h"

#define GIGABIT UINT64_C(1000000000)

static void test_price(void **state)
{
	const struct link_offer offer = {
	        .capacity = GIGABIT, .free = GIGABIT / 2, .base = 40000, .steepness = 4000};
	struct link_offer idle = offer, full = offer, none = offer;

	idle.free = GIGABIT;
	full.free = 0;
	none.capacity = none.free = 0;
	T_EQ(link_price(&idle, 0), 40000);
	T_EQ(link_price(&offer, 0), 80000);
	T_EQ(link_price(&offer, GIGABIT / 2), 160000);
	T_EQ(link_price(&full, 0), 160000);
	T_EQ(link_price(&none, 0), 160000);
	/* More than what is free, and sums that would wrap, are answered at full. */
	T_EQ(link_price(&offer, GIGABIT / 2 + 1), 160000);
	T_EQ(link_price(&offer, UINT64_MAX), 160000);
	T_EQ(link_price(&full, 1), 160000);
}

static void test_price_is_monotone(void **state)
{
	const struct link_offer offer = {
	        .capacity = GIGABIT, .free = GIGABIT, .base = 1000000, .steepness = 32000};
	money before = 0;

	for (uint64_t extra = 0; extra <= GIGABIT + GIGABIT / 10; extra += GIGABIT / 100) {
		money price = link_price(&offer, extra);

		T_TRUE(extra > GIGABIT ? price == before : price > before);
		before = price;
	}
	T_EQ(before, 32000000);
}

static void test_same_curve_as_resources(void **state)
{
	const struct link_offer link = {.capacity = 977, .free = 811, .base = 123456789, .steepness = 7777};
	const struct resource_offer resource = {
	        .capacity = 977, .free = 811, .base = 123456789, .steepness = 7777};

	for (uint64_t extra = 0; extra < 1000; extra++)
		T_EQ(link_price(&link, extra), resource_price(&resource, extra));
}

/* What conforms is let through whatever its packets, what a late timer owes too; and one frame more. */
static void test_burst(void **state)
{
	T_EQ(link_burst(1000000, 3000), 3000 + LINK_FRAME);
	T_EQ(link_burst(1000000, 0), 126 + LINK_FRAME);
	T_EQ(link_burst(0, 0), 1 + LINK_FRAME);
	T_EQ(link_burst(UINT64_C(8000000000), 64000), 1000001 + LINK_FRAME);
	T_TRUE(link_burst(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_price),
	        cmocka_unit_test(test_price_is_monotone),
	        cmocka_unit_test(test_same_curve_as_resources),
	        cmocka_unit_test(test_burst),
	};

	return T_RUN(tests);
}
