/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the decision: each step decides although all later ones would say the contrary. */
#include "base/random.h"
#include "bgp/decision.h"
#include "bgp/update.h"
#include "tests/t.h"

enum { STEPS = 10, ROUNDS = 3000, CANDIDATES = 6 };

static const uint8_t addresses[][16] = {{49}, {50}, {51}};

/* Equal to every other plain one in all that counts. */
static const struct decision_candidate plain = {
        .preference = DECISION_DEFAULT_PREFERENCE,
        .as_count = 2,
        .origin = UPDATE_ORIGIN_EGP,
        .neighbour_as = 7,
        .med = 50,
        .cluster_count = 1,
        .identifier = 50,
        .address = addresses[1],
        .path_id = 50,
};

static void set_local(struct decision_candidate *c, bool better)
{
	c->local = better;
}

static void set_preference(struct decision_candidate *c, bool better)
{
	c->preference = better ? 101 : 99;
}

static void set_length(struct decision_candidate *c, bool better)
{
	c->as_count = better ? 1 : 3;
}

static void set_origin(struct decision_candidate *c, bool better)
{
	c->origin = better ? UPDATE_ORIGIN_IGP : UPDATE_ORIGIN_INCOMPLETE;
}

static void set_med(struct decision_candidate *c, bool better)
{
	c->med = better ? 0 : 51;
}

static void set_external(struct decision_candidate *c, bool better)
{
	c->external = better;
}

static void set_identifier(struct decision_candidate *c, bool better)
{
	c->identifier = better ? 49 : 50;
}

static void set_clusters(struct decision_candidate *c, bool better)
{
	c->cluster_count = better ? 0 : 2;
}

static void set_address(struct decision_candidate *c, bool better)
{
	c->address = better ? addresses[0] : addresses[2];
}

static void set_path_id(struct decision_candidate *c, bool better)
{
	c->path_id = better ? 49 : 51;
}

static void (*const setters[STEPS])(struct decision_candidate *candidate, bool better) = {
        set_local,    set_preference, set_length,   set_origin,  set_med,
        set_external, set_identifier, set_clusters, set_address, set_path_id,
};

/* The number of the best of `count` candidates, which are left as they are. */
static uint32_t best_of(const struct decision_candidate *candidates, size_t count)
{
	struct decision_candidate list[CANDIDATES];

	memcpy(list, candidates, count * sizeof(*list));
	return decision_best(list, count)->number;
}

static uint32_t best_of_two(struct decision_candidate a, struct decision_candidate b)
{
	const struct decision_candidate list[] = {a, b};

	return best_of(list, 2);
}

static void test_each_step(void **state)
{
	for (int decisive = 0; decisive < STEPS; decisive++) {
		struct decision_candidate better = plain, worse = plain;

		better.number = 1;
		for (int later = decisive; later < STEPS; later++) {
			setters[later](&better, later == decisive);
			setters[later](&worse, later != decisive);
		}
		if (best_of_two(better, worse) != 1 || best_of_two(worse, better) != 1)
			fail_msg("step %d does not decide", decisive);
	}
}

/* MED counts only between routes of one neighbouring AS. */
static void test_med_of_different_neighbours(void **state)
{
	struct decision_candidate a = plain, b = plain;

	b.neighbour_as = 6;
	a.med = 1;
	b.med = 100;
	b.identifier = 49;
	b.number = 1;
	T_EQ(best_of_two(a, b), 1);
}

/* A route beaten by its neighbour's better MED must not beat a third one: the order of arrival is no matter.
 */
static void test_med_does_not_depend_on_order(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct decision_candidate c[3] = {plain, plain, plain};

	c[0].identifier = 1; /* would win by identifier, loses by MED to 1 */
	c[0].med = 100;
	c[1].identifier = 3;
	c[1].med = 10;
	c[2].identifier = 2;
	c[2].neighbour_as = 6;
	c[2].number = 2;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		const struct decision_candidate list[] = {c[orders[i][0]], c[orders[i][1]], c[orders[i][2]]};

		T_EQ(best_of(list, 3), 2);
	}
}

static struct decision_candidate any(struct random *random, uint32_t number)
{
	struct decision_candidate candidate = plain;

	candidate.neighbour_as += (uint32_t)random_below(random, 2);
	for (int i = 1; i < STEPS - 1; i++)
		if (random_below(random, 3) == 0)
			setters[i](&candidate, random_below(random, 2));
	candidate.path_id = number; /* no two are equal */
	candidate.number = number;
	return candidate;
}

static void test_any_order_gives_the_same(void **state)
{
	struct random random;

	random_seed(&random, 5);
	for (int round = 0; round < ROUNDS; round++) {
		struct decision_candidate list[CANDIDATES];
		uint32_t first;

		for (uint32_t i = 0; i < CANDIDATES; i++)
			list[i] = any(&random, i);
		first = best_of(list, CANDIDATES);
		for (int shuffle = 0; shuffle < 6; shuffle++) {
			for (size_t i = 0; i < CANDIDATES; i++) {
				size_t place = random_below(&random, i + 1);
				struct decision_candidate moved = list[i];

				list[i] = list[place];
				list[place] = moved;
			}
			T_EQ(best_of(list, CANDIDATES), first);
		}
	}
}

static void test_few(void **state)
{
	struct decision_candidate one = plain;

	T_TRUE(decision_best(&one, 1) == &one);
	T_TRUE(decision_best(&one, 0) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_each_step),
	        cmocka_unit_test(test_med_of_different_neighbours),
	        cmocka_unit_test(test_med_does_not_depend_on_order),
	        cmocka_unit_test(test_any_order_gives_the_same),
	        cmocka_unit_test(test_few),
	};

	return T_RUN(tests);
}
