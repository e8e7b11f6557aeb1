/* SPDX-License-Identifier: Apache-2.0 */
/* Random small networks: the mapper against brute force, and every plan by its own words. */
#include "tests/t.h"

#include "base/clock.h"
#include "brute_force.h"
#include "examine.h"
#include "network.h"
#include <stdio.h>

/* SEEDS networks of each kind at the least, and on until the time is over. */
enum { SEEDS = 150, SECONDS = 2, ARENA = 64 << 20 };

struct tally {
	uint64_t networks, feasible, split, bounded, coupled, skipped, inexact;
	uint64_t reserved, hard, tight; /* plans of reservations, within a guaranteed limit, in class 0 */
};

/* The first figure of a plan's score. */
static int64_t primary(const struct demand *demand, const struct plan *plan)
{
	int64_t sum = 0;

	if (demand->prefer == PREFER_LATENCY)
		return plan->finish;
	for (uint32_t i = 0; i < plan->part_count && demand->prefer == PREFER_CARBON; i++)
		sum += plan->parts[i].carbon == 0 ? INT64_MAX / 1024 : (int64_t)plan->parts[i].carbon;
	return sum;
}

#define EQUAL(text, actual, expected)                                                                       \
	do {                                                                                                \
		int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                       \
		if (actual_ != expected_) {                                                                 \
			(void)snprintf(text, EXAMINE_TEXT, "%s is %" PRId64 ", by force %" PRId64, #actual, \
			               actual_, expected_);                                                 \
			return false;                                                                       \
		}                                                                                           \
	} while (0)

static bool compare(const struct network *network, const struct plan *plan, const struct plan *best,
                    char complaint[EXAMINE_TEXT])
{
	EQUAL(complaint, plan->status, best->status);
	for (uint32_t i = 0; i < plan->reason_count && plan->status == BUSBAR_ERROR_BUDGET; i++)
		if (plan->reasons[i].kind == REASON_BUDGET)
			EQUAL(complaint, plan->reasons[i].have, best->hold);
	if (plan->status < 0)
		return true;
	EQUAL(complaint, primary(&network->demand, plan), primary(&network->demand, best));
	EQUAL(complaint, plan->price, best->price);
	EQUAL(complaint, plan->finish, best->finish);
	EQUAL(complaint, plan->part_count, best->part_count);
	return true;
}

static void count(struct tally *tally, const struct network *network, const struct plan *plan)
{
	tally->networks++;
	tally->feasible += plan->status == 0;
	tally->split += plan->part_count > 1;
	tally->bounded += network->demand.budget > 0;
	tally->inexact += !plan->exact;
	if (plan->status == 0) {
		tally->reserved += network->demand.body.reserve_time > 0;
		tally->hard += network->demand.body.network_guaranteed;
		tally->tight += network->demand.body.network_guaranteed && plan->parts[0].path.class == 0;
	}
	for (uint32_t i = 0; i < plan->reason_count; i++)
		if (plan->reasons[i].kind == REASON_BANDWIDTH) {
			tally->coupled++;
			break;
		}
}

/* False with a complaint when the plan is not the best one or not what it says. */
static bool try_network(struct tally *tally, struct arena *arena, enum network_kind kind, uint64_t seed,
                        char complaint[EXAMINE_TEXT])
{
	struct network network;
	const struct view *snapshot; /* what the mapper sees; the yardstick sees the view itself */
	struct plan plan, best;
	bool good = true;
	int code;

	network_open(&network, kind, seed);
	T_OK(demand_check(&network.demand));
	snapshot = view_snapshot(network.view);
	assert_non_null(snapshot);
	T_OK(map_demand(snapshot, &network.request, arena, &plan));
	count(tally, &network, &plan);
	code = plan.exact ? brute_force_best(network.view, &network.request, arena, &best)
	                  : BUSBAR_ERROR_TOO_LARGE;
	tally->skipped += code == BUSBAR_ERROR_TOO_LARGE;
	if (code != BUSBAR_ERROR_TOO_LARGE) {
		T_OK(code);
		good = compare(&network, &plan, &best, complaint);
	}
	if (plan.exact && good)
		good = examine_plan(network.view, &network.request, &plan, complaint);
	view_release_snapshot(snapshot);
	network_close(&network);
	arena_reset(arena);
	return good;
}

/* MAP_SEED: the first seed, to begin with one that failed. */
static uint64_t first_seed(void)
{
	const char *text = getenv("MAP_SEED");

	return text == NULL ? 1 : strtoull(text, NULL, 10);
}

static void test_kind(enum network_kind kind)
{
	struct arena *arena = arena_create(ARENA);
	int64_t end = clock_monotonic(&clock_system) + SECONDS * CLOCK_SECOND;
	struct tally tally = {.networks = 0};
	uint64_t seed = first_seed();

	assert_non_null(arena);
	for (uint64_t i = 0; i < SEEDS || clock_monotonic(&clock_system) < end; i++, seed++) {
		char complaint[EXAMINE_TEXT] = "";

		if (!try_network(&tally, arena, kind, seed, complaint))
			fail_msg("kind %d, MAP_SEED=%" PRIu64 ": %s", (int)kind, seed, complaint);
	}
	print_message("# kind %d: %" PRIu64 " reservations, %" PRIu64 " guaranteed, %" PRIu64
	              " in the tight class\n",
	              (int)kind, tally.reserved, tally.hard, tally.tight);
	print_message("# kind %d: %" PRIu64 " networks, %" PRIu64 " feasible, %" PRIu64 " split, %" PRIu64
	              " with a budget, %" PRIu64 " short of bandwidth, %" PRIu64 " not exact, %" PRIu64
	              " too large to force\n",
	              (int)kind, tally.networks, tally.feasible, tally.split, tally.bounded, tally.coupled,
	              tally.inexact, tally.skipped);
	/* Most of what is drawn must be worth drawing. */
	T_TRUE(tally.feasible * 5 > tally.networks);
	T_TRUE(tally.skipped * 20 < tally.networks);
	T_TRUE(tally.inexact * 50 < tally.networks);
	T_TRUE(tally.reserved * 50 > tally.networks);
	T_TRUE(tally.hard * 50 > tally.networks);
	T_TRUE(tally.tight > 0);
	(void)arena_free(arena);
}

static void test_any(void **state)
{
	test_kind(NETWORK_ANY);
}

static void test_scarce(void **state)
{
	test_kind(NETWORK_SCARCE);
}

static void test_poor(void **state)
{
	test_kind(NETWORK_POOR);
}

static void test_equal(void **state)
{
	test_kind(NETWORK_EQUAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_any),
	        cmocka_unit_test(test_scarce),
	        cmocka_unit_test(test_poor),
	        cmocka_unit_test(test_equal),
	};

	return T_RUN(tests);
}
