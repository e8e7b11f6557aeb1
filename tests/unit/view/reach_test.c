/* SPDX-License-Identifier: Apache-2.0 */
/* Distances over links, against all of them tried again and again until nothing comes nearer. */
#include "tests/t.h"

#include "base/random.h"
#include "view/reach.h"

enum { SITES = 40, ROUNDS = 60 };

static struct gateway_identity id(uint32_t place)
{
	return (struct gateway_identity){.site = 1 + place, .gateway = 1};
}

static void put_random(struct view *view, struct random *random, uint32_t place)
{
	struct site site = {.identity = id(place), .link_count = (uint32_t)random_below(random, 5)};

	/* Some lead to gateways that are not known. */
	for (uint32_t i = 0; i < site.link_count; i++)
		site.links[i] = (struct link_offer){.toward = id((uint32_t)random_below(random, SITES + 5)),
		                                    .delay = (int64_t)random_below(random, 1000) - 10};
	T_OK(view_put_site(view, &site));
}

/* Bellman and Ford's. */
static void find_all(const struct view *view, int64_t delays[SITES])
{
	for (uint32_t i = 0; i < SITES; i++)
		delays[i] = i == 0 ? 0 : -1;
	for (uint32_t round = 0; round < SITES; round++)
		for (uint32_t from = 0; from < SITES; from++) {
			const struct site *site = view_site(view, id(from));

			for (uint32_t i = 0; i < site->link_count && delays[from] >= 0; i++) {
				uint32_t toward = site->links[i].toward.site - 1;
				int64_t delay = delays[from] + MAXIMUM(site->links[i].delay, 0);

				if (toward < SITES && (delays[toward] < 0 || delay < delays[toward]))
					delays[toward] = delay;
			}
		}
}

static void test_random_networks(void **state)
{
	struct random random;

	random_seed(&random, 11);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct view *view = view_create(&(
		        struct view_limits){.sites = SITES, .services = 1, .reservations = 1, .suspects = 1});
		int64_t delays[SITES];
		struct view_reach *reach;
		uint32_t measured = 1 + (uint32_t)random_below(&random, SITES - 1);

		assert_non_null(view);
		for (uint32_t place = 0; place < SITES; place++)
			put_random(view, &random, place);
		find_all(view, delays);
		/* What was measured counts for that site, and leads nowhere. */
		T_OK(view_put_path(view, id(measured), 7, 0, 0, 1, 0));
		delays[measured] = 7;
		reach = view_reach_create(view, id(0));
		assert_non_null(reach);
		for (uint32_t place = 0; place < SITES; place++)
			T_EQ(view_reach_delay(reach, (size_t)view_site_index(view, id(place))),
			     delays[place]);
		T_EQ(view_reach_delay(reach, SITES), -1);
		reach = view_reach_free(reach);
		view_free(view);
	}
}

static void test_from_nowhere(void **state)
{
	struct view *view = view_create(
	        &(struct view_limits){.sites = 4, .services = 1, .reservations = 1, .suspects = 1});
	struct view_reach *reach = view_reach_create(view, id(3));

	assert_non_null(reach);
	T_EQ(view_reach_delay(reach, 0), -1);
	T_TRUE(view_reach_free(reach) == NULL && view_reach_free(NULL) == NULL);
	view_free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_random_networks),
	        cmocka_unit_test(test_from_nowhere),
	};

	return T_RUN(tests);
}
