/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the decision: each step decides although all later ones would say the contrary. */
#include "base/random.h"
#include "bgp/decision.h"
#include "tests/t.h"

enum { STEPS = 10, ROUNDS = 3000, CANDIDATES = 6 };

static const uint32_t path[] = {7, 8, 9, 10};

struct sample {
	struct update_attributes attributes;
	struct decision_candidate candidate;
};

/* Equal to every other plain one in all that counts. */
static void make_plain(struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->attributes.as_path = path;
	sample->attributes.as_count = 2;
	sample->attributes.origin = UPDATE_ORIGIN_EGP;
	sample->attributes.has_med = true;
	sample->attributes.med = 50;
	sample->attributes.cluster_count = 1;
	sample->candidate.attributes = &sample->attributes;
	sample->candidate.identifier = 50;
	sample->candidate.address[0] = 50;
	sample->candidate.path_id = 50;
}

static void set_local(struct sample *s, bool better)
{
	s->candidate.local = better;
}

static void set_preference(struct sample *s, bool better)
{
	s->attributes.has_local_preference = true;
	s->attributes.local_preference = better ? 101 : 99;
}

static void set_length(struct sample *s, bool better)
{
	s->attributes.as_count = better ? 1 : 3;
}

static void set_origin(struct sample *s, bool better)
{
	s->attributes.origin = better ? UPDATE_ORIGIN_IGP : UPDATE_ORIGIN_INCOMPLETE;
}

static void set_med(struct sample *s, bool better)
{
	s->attributes.has_med = !better; /* none counts as 0 */
	s->attributes.med = 51;
}

static void set_external(struct sample *s, bool better)
{
	s->candidate.external = better;
}

static void set_identifier(struct sample *s, bool better)
{
	s->attributes.has_originator = better;
	s->attributes.originator = 49;
}

static void set_clusters(struct sample *s, bool better)
{
	s->attributes.cluster_count = better ? 0 : 2;
}

static void set_address(struct sample *s, bool better)
{
	s->candidate.address[0] = better ? 49 : 51;
}

static void set_path_id(struct sample *s, bool better)
{
	s->candidate.path_id = better ? 49 : 51;
}

static void (*const setters[STEPS])(struct sample *sample, bool better) = {
        set_local,    set_preference, set_length,   set_origin,  set_med,
        set_external, set_identifier, set_clusters, set_address, set_path_id,
};

static const struct decision_candidate *best_of_two(const struct sample *a, const struct sample *b)
{
	const struct decision_candidate *list[] = {&a->candidate, &b->candidate};

	return decision_best(list, 2);
}

static void test_each_step(void **state)
{
	for (int decisive = 0; decisive < STEPS; decisive++) {
		struct sample better, worse;

		make_plain(&better);
		make_plain(&worse);
		for (int later = decisive; later < STEPS; later++) {
			setters[later](&better, later == decisive);
			setters[later](&worse, later != decisive);
		}
		if (best_of_two(&better, &worse) != &better.candidate ||
		    best_of_two(&worse, &better) != &better.candidate)
			fail_msg("step %d does not decide", decisive);
	}
}

static void test_default_preference(void **state)
{
	struct sample without, with;

	make_plain(&without);
	make_plain(&with);
	with.attributes.has_local_preference = true;
	with.attributes.local_preference = DECISION_DEFAULT_PREFERENCE - 1;
	T_TRUE(best_of_two(&with, &without) == &without.candidate);
	with.attributes.local_preference = DECISION_DEFAULT_PREFERENCE + 1;
	T_TRUE(best_of_two(&with, &without) == &with.candidate);
}

/* MED counts only between routes of one neighbouring AS. */
static void test_med_of_different_neighbours(void **state)
{
	static const uint32_t other[] = {6, 9};
	struct sample a, b;

	make_plain(&a);
	make_plain(&b);
	b.attributes.as_path = other;
	a.attributes.med = 1;
	b.attributes.med = 100;
	b.candidate.identifier = 49;
	T_TRUE(best_of_two(&a, &b) == &b.candidate);
}

/* A route beaten by its neighbour's better MED must not beat a third one: the order of arrival is no matter.
 */
static void test_med_does_not_depend_on_order(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const uint32_t other[] = {6, 9};
	struct sample s[3];

	for (int i = 0; i < 3; i++)
		make_plain(&s[i]);
	s[0].candidate.identifier = 1; /* would win by identifier, loses by MED to 1 */
	s[0].attributes.med = 100;
	s[1].candidate.identifier = 3;
	s[1].attributes.med = 10;
	s[2].candidate.identifier = 2;
	s[2].attributes.as_path = other;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		const struct decision_candidate *list[3];

		for (int k = 0; k < 3; k++)
			list[k] = &s[orders[i][k]].candidate;
		T_TRUE(decision_best(list, 3) == &s[2].candidate);
	}
}

static void randomise(struct sample *sample, struct random *random, uint32_t number)
{
	make_plain(sample);
	sample->attributes.as_path = path + random_below(random, 2);
	for (int i = 1; i < STEPS - 1; i++)
		if (random_below(random, 3) == 0)
			setters[i](sample, random_below(random, 2));
	sample->candidate.path_id = number; /* no two are equal */
}

static void test_any_order_gives_the_same(void **state)
{
	struct random random;

	random_seed(&random, 5);
	for (int round = 0; round < ROUNDS; round++) {
		struct sample samples[CANDIDATES];
		const struct decision_candidate *first = NULL;

		for (uint32_t i = 0; i < CANDIDATES; i++)
			randomise(&samples[i], &random, i);
		for (int shuffle = 0; shuffle < 6; shuffle++) {
			const struct decision_candidate *list[CANDIDATES], *best;

			for (size_t i = 0; i < CANDIDATES; i++) {
				size_t place = random_below(&random, i + 1);

				list[i] = list[place];
				list[place] = &samples[i].candidate;
			}
			best = decision_best(list, CANDIDATES);
			T_TRUE(first == NULL || best == first);
			first = best;
		}
	}
}

static void test_few(void **state)
{
	const struct decision_candidate *list[1];
	struct sample one;

	make_plain(&one);
	list[0] = &one.candidate;
	T_TRUE(decision_best(list, 1) == &one.candidate);
	T_TRUE(decision_best(list, 0) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_each_step),
	        cmocka_unit_test(test_default_preference),
	        cmocka_unit_test(test_med_of_different_neighbours),
	        cmocka_unit_test(test_med_does_not_depend_on_order),
	        cmocka_unit_test(test_any_order_gives_the_same),
	        cmocka_unit_test(test_few),
	};

	return T_RUN(tests);
}
