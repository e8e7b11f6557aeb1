/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "base/clock.h"
#include "execute/past.h"

enum { MAXIMUM_PAST = 1000 };

static struct identifier make(struct random *random)
{
	return identifier_make(CLOCK_SECOND, random);
}

static void it_remembers_until_then(void **state)
{
	struct past *past = past_create(4, 1);
	struct random random;
	struct identifier first, second;

	random_seed(&random, 1);
	first = make(&random);
	second = make(&random);
	T_TRUE(!past_has(past, &first, 0));
	T_OK(past_put(past, &first, 100, 0));
	T_TRUE(past_has(past, &first, 100) && !past_has(past, &first, 101) && !past_has(past, &second, 0));
	/* Longer, but not shorter. */
	T_OK(past_put(past, &first, 200, 0));
	T_OK(past_put(past, &first, 50, 0));
	T_TRUE(past_has(past, &first, 200));
	T_EQ(past_count(past), 1);
	T_TRUE(past_free(past) == NULL);
}

static void it_is_bounded_by_what_is_not_over(void **state)
{
	struct past *past = past_create(3, 2);
	struct identifier identifiers[5];
	struct random random;

	random_seed(&random, 2);
	for (size_t i = 0; i < ARRAY_SIZE(identifiers); i++)
		identifiers[i] = make(&random);
	for (size_t i = 0; i < 3; i++)
		T_OK(past_put(past, &identifiers[i], 10 + (int64_t)i, 0));
	T_TRUE(!past_has_room(past, 10));
	T_ERROR(past_put(past, &identifiers[3], 20, 10), BUSBAR_ERROR_TABLE_FULL);
	T_TRUE(past_has(past, &identifiers[0], 10));
	T_TRUE(past_has_room(past, 11));
	T_OK(past_put(past, &identifiers[3], 20, 11));
	T_TRUE(!past_has(past, &identifiers[0], 0));
	T_TRUE(past_has(past, &identifiers[1], 11) && past_has(past, &identifiers[3], 11));
	T_ERROR(past_put(past, &identifiers[4], 20, 11), BUSBAR_ERROR_TABLE_FULL);
	T_OK(past_put(past, &identifiers[4], 20, 13));
	T_EQ(past_count(past), 2);
	(void)past_free(past);
}

/* Against a list, with one that is in step: ends come in the order of the puts. */
static void it_agrees_with_a_list(void **state)
{
	struct past *past = past_create(MAXIMUM_PAST, 3);
	static struct identifier identifiers[20 * MAXIMUM_PAST];
	struct random random;

	random_seed(&random, 3);
	for (int64_t now = 0; now < (int64_t)ARRAY_SIZE(identifiers); now++) {
		int64_t some = (int64_t)random_below(&random, (uint64_t)now + 1);

		identifiers[now] = make(&random);
		/* One a moment, each for as many moments as there is room. */
		T_OK(past_put(past, &identifiers[now], now + MAXIMUM_PAST - 1, now));
		T_EQ(past_has(past, &identifiers[some], now), some + MAXIMUM_PAST - 1 >= now);
		T_TRUE(past_count(past) <= MAXIMUM_PAST);
	}
	(void)past_free(past);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_remembers_until_then),
	        cmocka_unit_test(it_is_bounded_by_what_is_not_over),
	        cmocka_unit_test(it_agrees_with_a_list),
	};

	return T_RUN(tests);
}
