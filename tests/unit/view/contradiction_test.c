/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that say different things: what is shown then, what is marked, and what is kept of it. */
#include "tests/t.h"

#include "base/clock.h"
#include "view/view.h"

#define SECOND CLOCK_SECOND
#define MS CLOCK_MILLISECOND

enum { SITES = 80, CORE = 1000000 };

static struct gateway_identity id(uint32_t site)
{
	return (struct gateway_identity){.site = site, .gateway = 1};
}

static struct view *open_view(void)
{
	struct view *view = view_create(&(struct view_limits){
	        .sites = SITES, .services = 8, .reservations = 8, .suspects = 4, .edges = 4});

	assert_non_null(view);
	return view;
}

static void put(struct view *view, uint32_t number, int64_t measured, int64_t delay)
{
	struct site site = {.identity = id(number),
	                    .measured = measured,
	                    .resource_count = 1,
	                    .resources = {{RESOURCE_CPU, 10 * CORE, 8 * CORE, 100, 1000, 100}},
	                    .link_count = 1,
	                    .links = {{.from = id(number), .toward = id(99), .delay = delay}}};

	T_OK(view_put_site(view, &site));
}

static const struct view_facts *facts(const struct view *view, uint32_t number)
{
	return view_facts(view_site(view, id(number)));
}

static int64_t delay(const struct view *view, uint32_t number)
{
	return view_site(view, id(number))->links[0].delay;
}

static void measure(struct view *view, uint32_t number, int64_t measured, int64_t found)
{
	T_OK(view_put_link_delay(view, id(number), id(99), found, 1, 2, measured, 60 * SECOND));
}

static void test_link_delay(void **state)
{
	struct view *view = open_view();
	const struct view_contradiction *found;

	put(view, 1, 100 * SECOND, 10 * MS);
	measure(view, 1, 101 * SECOND, 8 * MS); /* within a quarter */
	T_EQ(delay(view, 1), 8 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	measure(view, 1, 102 * SECOND, 7 * MS); /* further apart: the longer one, though we measured less */
	T_EQ(delay(view, 1), 10 * MS);
	T_EQ(facts(view, 1)->contradicted, 1U << VIEW_LINK_DELAY);
	T_EQ(facts(view, 1)->links_contradicted, 1);
	T_EQ(view_contradiction_count(view), 1);
	found = view_contradiction_at(view, 0);
	T_EQ(found->number, 1);
	T_EQ(found->value, VIEW_LINK_DELAY);
	T_EQ(found->toward.site, 99);
	T_EQ(found->sources[0], VIEW_ROUTE);
	T_EQ(found->values[0], 10 * MS);
	T_EQ(found->sources[1], VIEW_MEASURED);
	T_EQ(found->values[1], 7 * MS);
	T_EQ(found->times[1], 102 * SECOND);
	measure(view, 1, 103 * SECOND, 30 * MS); /* goes on: no new one */
	T_EQ(delay(view, 1), 30 * MS);
	T_EQ(view_contradiction_count(view), 1);
	put(view, 1, 104 * SECOND, 29 * MS); /* they agree again */
	T_EQ(delay(view, 1), 30 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	T_EQ(facts(view, 1)->links_contradicted, 0);
	/* Not at the same time: what was measured is just newer. */
	measure(view, 1, 130 * SECOND, 5 * MS);
	T_EQ(delay(view, 1), 5 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	/* Hardly any time at all. */
	put(view, 1, 140 * SECOND, MS / 10);
	measure(view, 1, 140 * SECOND, MS / 2);
	T_EQ(facts(view, 1)->contradicted, 0);
	view_free(view);
}

static void test_path_delay(void **state)
{
	struct view *view = open_view();

	view_compare_path(view, id(1), 5 * MS); /* nothing is known of it */
	put(view, 1, 100 * SECOND, 0);
	T_OK(view_put_path(view, id(1), 10 * MS, 1, 2, 100 * SECOND, 10 * SECOND));
	view_compare_path(view, id(1), 9 * MS);
	T_EQ(facts(view, 1)->path.delay, 10 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	view_compare_path(view, id(1), 5 * MS);
	T_EQ(facts(view, 1)->path.delay, 10 * MS);
	T_EQ(facts(view, 1)->contradicted, 1U << VIEW_PATH_DELAY);
	T_EQ(view_contradiction_at(view, 0)->values[0], 5 * MS);
	T_OK(view_put_path(view, id(1), 2 * MS, 1, 2, 101 * SECOND, 10 * SECOND));
	T_EQ(facts(view, 1)->path.delay, 5 * MS);
	view_compare_path(view, id(1), 0); /* by another way, of which nothing is declared */
	T_EQ(facts(view, 1)->path.delay, 2 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	view_compare_path(view, id(1), 5 * MS);
	T_EQ(view_expire(view, 112 * SECOND), 0); /* probes have stopped */
	T_EQ(facts(view, 1)->path.measured, 0);
	T_EQ(facts(view, 1)->contradicted, 0);
	view_free(view);
}

static void test_amounts(void **state)
{
	struct view *view = open_view();
	struct site_load load = {.identity = id(1),
	                         .measured = 100 * SECOND,
	                         .validity = 10 * SECOND,
	                         .resource_count = 1,
	                         .resources = {{RESOURCE_CPU, 9 * CORE, 110}}};
	const struct resource_offer *offer;

	put(view, 1, 100 * SECOND, 0);
	T_OK(view_put_load(view, &load));
	offer = view_site(view, id(1))->resources;
	T_EQ(offer->free, 9 * CORE);
	T_EQ(offer->base, 110);
	T_EQ(facts(view, 1)->contradicted, 0);
	load.resources[0] = (struct load_resource){RESOURCE_CPU, 2 * CORE, 50}; /* of the same moment */
	T_OK(view_put_load(view, &load));
	offer = view_site(view, id(1))->resources;
	T_EQ(offer->free, 2 * CORE);
	T_EQ(offer->base, 100);
	T_EQ(facts(view, 1)->contradicted, 1U << VIEW_FREE | 1U << VIEW_PRICE);
	T_EQ(view_contradiction_count(view), 1); /* one line of a site is enough */
	load.measured += SECOND;                 /* it has become so */
	T_OK(view_put_load(view, &load));
	offer = view_site(view, id(1))->resources;
	T_EQ(offer->base, 50);
	T_EQ(facts(view, 1)->contradicted, 0);
	view_free(view);
}

static void test_service_time(void **state)
{
	struct view *view = open_view();
	struct service_offer offer = {.site = id(1), .address = {7}, .name = "s", .time = 20 * MS};
	struct view_edge edge = {.site = id(1),
	                         .address = {7},
	                         .length = 128,
	                         .as = 5,
	                         .measured = SECOND,
	                         .metadata = {.present = EDGE_DELAY, .delay = 40 * MS}};
	const struct view *before;

	put(view, 1, 100 * SECOND, 0);
	T_OK(view_put_edge(view, &edge)); /* before the service is known */
	T_OK(view_put_service(view, &offer));
	T_EQ(view_service_at(view, 0)->time, 40 * MS);
	T_TRUE(view_service_at(view, 0)->contradicted);
	T_EQ(view_contradiction_count(view), 1);
	T_EQ(view_contradiction_at(view, 0)->value, VIEW_SERVICE_TIME);
	T_EQ(view_contradiction_at(view, 0)->sources[1], VIEW_EDGE);
	before = view_snapshot(view);
	edge.as = 6;
	edge.metadata.delay = 70 * MS; /* of another way to it */
	T_OK(view_put_edge(view, &edge));
	T_EQ(view_service_at(view, 0)->time, 70 * MS);
	T_OK(view_remove_edge(view, id(1), edge.address, 6, 0));
	T_ERROR(view_remove_edge(view, id(1), edge.address, 6, 0), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(view_service_at(view, 0)->time, 40 * MS);
	offer.time = 39 * MS;
	T_OK(view_put_service(view, &offer));
	T_EQ(view_service_at(view, 0)->time, 39 * MS);
	T_TRUE(!view_service_at(view, 0)->contradicted);
	offer.time = 20 * MS;
	T_OK(view_put_service(view, &offer));
	T_OK(view_remove_edge(view, id(1), edge.address, 5, 0));
	T_EQ(view_service_at(view, 0)->time, 20 * MS);
	T_EQ(view_edge_count(view), 0);
	T_EQ(view_service_at(before, 0)->time, 40 * MS);
	T_EQ(view_edge_count(before), 1);
	T_EQ(view_contradiction_count(before), 1);
	(void)view_release_snapshot(before);
	for (uint32_t i = 0; i < 4; i++) {
		edge.as = i;
		T_OK(view_put_edge(view, &edge));
	}
	edge.as = 9;
	T_ERROR(view_put_edge(view, &edge), BUSBAR_ERROR_TABLE_FULL);
	view_free(view);
}

/* A site that lies and agrees in turns gets few lines, and none of anybody else's. */
static void test_liar(void **state)
{
	struct view *view = open_view();
	uint32_t own = 0;

	put(view, 1, 100 * SECOND, 10 * MS);
	put(view, 2, 100 * SECOND, 10 * MS);
	(void)view_expire(view, 100 * SECOND);
	measure(view, 2, 100 * SECOND, 50 * MS);
	for (int64_t now = 100; now < 4000; now++) {
		(void)view_expire(view, now * SECOND);
		put(view, 1, now * SECOND, now % 2 == 0 ? 10 * MS : 50 * MS);
		measure(view, 1, now * SECOND, 50 * MS);
		T_EQ(facts(view, 1)->contradicted != 0, now % 2 == 0);
	}
	T_EQ(view_contradiction_count(view), 1 + VIEW_TRACE_EACH);
	for (size_t i = 0; i < view_contradiction_count(view); i++) {
		const struct view_contradiction *found = view_contradiction_at(view, i);

		own += found->site.site == 1;
		T_TRUE(i == 0 || found->number > view_contradiction_at(view, i - 1)->number);
		T_TRUE(i < 2 ||
		       found->noted - view_contradiction_at(view, i - 1)->noted >= VIEW_TRACE_INTERVAL);
	}
	T_EQ(own, VIEW_TRACE_EACH);
	view_free(view);
}

/* Many liars: the oldest lines go. */
static void test_many_liars(void **state)
{
	struct view *view = open_view();

	for (uint32_t round = 0; round < 8; round++) {
		int64_t now = (100 + 61 * round) * SECOND;

		(void)view_expire(view, now);
		for (uint32_t number = 1; number <= SITES; number++) {
			put(view, number, now, 50 * MS);
			measure(view, number, now, 50 * MS);
			put(view, number, now + 1, 10 * MS);
		}
	}
	T_EQ(view_contradiction_count(view), VIEW_TRACE);
	T_EQ(view_contradiction_at(view, VIEW_TRACE - 1)->site.site, SITES);
	/* A site that goes takes its marks with it; the trace stays. */
	T_OK(view_remove_site(view, id(1)));
	put(view, 1, 1, 10 * MS);
	T_EQ(facts(view, 1)->contradicted, 0);
	T_EQ(view_contradiction_count(view), VIEW_TRACE);
	view_free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_link_delay), cmocka_unit_test(test_path_delay),
	        cmocka_unit_test(test_amounts),    cmocka_unit_test(test_service_time),
	        cmocka_unit_test(test_liar),       cmocka_unit_test(test_many_liars),
	};

	return T_RUN(tests);
}
