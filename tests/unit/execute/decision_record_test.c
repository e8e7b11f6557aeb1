/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision was made from comes back from its record, so that it is made again. */
#include "t.h"

#include "base/clock.h"
#include "execute/decision.h"

#define MS CLOCK_MILLISECOND
#define NOW (INT64_C(1700000000) * CLOCK_SECOND)

enum { ARENA = 64 << 20, EDGE = 1, SERVER = 2 };

struct bench {
	struct view *view;
	struct arena *arena;
	struct demand demand;
	struct map_request request;
	uint8_t octets[DECISION_OCTETS];
};

static struct gateway_identity identity_of(uint32_t number)
{
	return (struct gateway_identity){number, 1};
}

static struct site joined(uint32_t number, uint32_t other)
{
	return (struct site){.identity = identity_of(number),
	                     .name = "name",
	                     .region = "region",
	                     .operator= "operator",
	                     .measured = NOW,
	                     .validity = CLOCK_SECOND,
	                     .link_count = 1,
	                     .links = {{.from = identity_of(number),
	                                .toward = identity_of(other),
	                                .delay = 5 * MS,
	                                .steepness = 1000,
	                                .capacity = 1000,
	                                .free = 1000}}};
}

/* An edge, and a server one link away. */
static int set_up(void **state)
{
	const struct view_limits limits = {.sites = 4, .services = 1, .reservations = 1, .suspects = 1};
	struct site edge = joined(EDGE, SERVER), server = joined(SERVER, EDGE);
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->view = view_create(&limits);
	bench->arena = arena_create(ARENA);
	assert_non_null(bench->view);
	assert_non_null(bench->arena);
	server.resource_count = 2;
	server.resources[0] = (struct resource_offer){.kind = RESOURCE_CPU,
	                                              .capacity = 8000000,
	                                              .free = 8000000,
	                                              .base = 1000,
	                                              .tariff = 1000,
	                                              .steepness = 1000};
	server.resources[1] = (struct resource_offer){
	        .kind = RESOURCE_MEMORY, .capacity = 1 << 30, .free = 1 << 30, .steepness = 1000};
	T_OK(view_put_site(bench->view, &edge));
	T_OK(view_put_site(bench->view, &server));
	T_OK(demand_add_argument(&bench->demand.body, "job"));
	bench->request = (struct map_request){.demand = &bench->demand,
	                                      .ingress = identity_of(EDGE),
	                                      .now = NOW + 10 * MS};
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	(void)arena_free(bench->arena);
	(void)view_free(bench->view);
	free(bench);
	return 0;
}

static void expect_the_same_again(struct bench *bench, struct plan *plan)
{
	struct decision decision;
	struct map_request request = bench->request;
	struct plan again;
	int size;

	T_OK(map_demand(bench->view, &bench->request, bench->arena, plan));
	T_EQ(plan->part_count, 1);
	size = decision_encode(bench->view, &bench->request, plan, bench->octets, sizeof(bench->octets));
	T_OK(size);
	T_OK(decision_decode(bench->octets, (size_t)size, bench->arena, &decision));
	request.demand = &decision.demand;
	request.now = decision.now;
	T_OK(map_demand(decision.view, &request, bench->arena, &again));
	T_EQ(again.part_count, 1);
	T_EQ(again.parts[0].network, plan->parts[0].network);
	T_EQ(again.parts[0].start, plan->parts[0].start);
	T_EQ(again.finish, decision.finish);
	T_EQ(again.price, decision.price);
	T_EQ(again.stale, plan->stale);
	(void)view_free(decision.view);
}

static void what_routing_told(void **state)
{
	struct bench *bench = *state;
	struct plan plan;

	expect_the_same_again(bench, &plan);
	T_EQ(plan.parts[0].network, 10 * MS);
}

/* With its own time: the structure is stale here, what is free is not. */
static void what_a_probe_told(void **state)
{
	struct bench *bench = *state;
	const struct site_load load = {.identity = identity_of(SERVER),
	                               .measured = NOW + 3 * CLOCK_SECOND,
	                               .validity = CLOCK_SECOND,
	                               .wait = 7 * MS,
	                               .resource_count = 1,
	                               .resources = {{.kind = RESOURCE_CPU, .free = 4000000, .base = 3000}}};
	struct plan plan;

	T_OK(view_put_load(bench->view, &load));
	bench->request.now = load.measured + MS;
	expect_the_same_again(bench, &plan);
	T_EQ(plan.parts[0].start, 7 * MS);
	T_TRUE(plan.stale);
}

static void a_way_that_is_longer_than_its_links_say(void **state)
{
	struct bench *bench = *state;
	struct plan plan;

	T_OK(view_put_path(bench->view, identity_of(SERVER), 20 * MS, 0, 0, NOW, CLOCK_SECOND));
	view_compare_path(bench->view, identity_of(SERVER), 5 * MS);
	expect_the_same_again(bench, &plan);
	T_EQ(plan.parts[0].network, 40 * MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_routing_told),
	        TEST(what_a_probe_told),
	        TEST(a_way_that_is_longer_than_its_links_say),
	};

	return T_RUN(tests);
}
