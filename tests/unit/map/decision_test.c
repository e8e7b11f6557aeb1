/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the mapper on hand-made networks: worked examples, refusals, limits and draws. */
#include "tests/t.h"

#include "base/clock.h"
#include "base/text.h"
#include "map/map.h"
#include "map/parts.h"
#include "network.h"
#include <errno.h>
#include <stdio.h>

#define MS CLOCK_MILLISECOND

enum { ARENA = 64 << 20 };

struct fixture {
	struct view *view;
	struct arena *arena;
	struct demand demand;
	struct map_request request;
	struct plan plan;
	struct random random;
	char text[MAP_REASON_TEXT];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (fixture == NULL)
		return -1;
	fixture->view = network_view();
	fixture->arena = arena_create(ARENA);
	fixture->request = (struct map_request){.demand = &fixture->demand,
	                                        .ingress = network_identity(1),
	                                        .now = NETWORK_NOW};
	*state = fixture;
	return fixture->view == NULL || fixture->arena == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	(void)view_free(fixture->view);
	(void)arena_free(fixture->arena);
	free(fixture);
	return 0;
}

static void map(struct fixture *fixture)
{
	T_OK(map_demand(fixture->view, &fixture->request, fixture->arena, &fixture->plan));
}

/* A job of one command; the rest is said by the test. */
static struct demand_body *ask_job(struct fixture *fixture)
{
	T_OK(demand_add_argument(&fixture->demand.body, "job"));
	return &fixture->demand.body;
}

static struct demand_body *ask_service(struct fixture *fixture, const char *name)
{
	text_copy(fixture->demand.body.service, SERVICE_NAME, name);
	return &fixture->demand.body;
}

static void join(struct site *a, struct site *b, int64_t up, int64_t down, uint64_t capacity, money base)
{
	network_add_link(a, b->identity.site, up, capacity, base);
	network_add_link(b, a->identity.site, down, capacity, base);
}

/* A site with so many free cores and much memory at the same prices everywhere. */
static struct site executor(uint32_t number, const char *name, uint64_t cores, money price)
{
	struct site site = network_site(number, name);

	site.gflops_per_core = 20 * CORE;
	network_add_resource(&site, RESOURCE_CPU, cores * CORE, cores * CORE, price, price);
	network_add_resource(&site, RESOURCE_MEMORY, 1024 * 1024 * MEBIBYTE, 1024 * 1024 * MEBIBYTE, 0, 0);
	return site;
}

static void offer(struct fixture *fixture, uint32_t site, const char *name, const char *version, int64_t time)
{
	struct service_offer service = {.site = network_identity(site),
	                                .address = {0xfd, (uint8_t)site, (uint8_t)version[0]},
	                                .cpu = CORE,
	                                .memory = 256 * MEBIBYTE,
	                                .time = time};

	text_copy(service.name, sizeof(service.name), name);
	text_copy(service.version, sizeof(service.version), version);
	T_OK(view_put_service(fixture->view, &service));
}

/* The one reason about a site, as text; "" when it has none. */
static const char *reason_of(struct fixture *fixture, uint32_t site)
{
	fixture->text[0] = '\0';
	for (uint32_t i = 0; i < fixture->plan.reason_count; i++)
		if (fixture->plan.reasons[i].site.site == site)
			(void)map_reason_text(fixture->view, &fixture->plan.reasons[i], fixture->text);
	return fixture->text;
}

/*
 * Cloud rendering for a headset, motion to photon within 20 ms (the worked example of the CATS use
 * cases): the access link takes 1.5 + 7.9 ms; compute + network are 4 + 9, 10 + 4 and 5 + 5 ms.
 */
static void build_headset(struct fixture *fixture)
{
	static const struct {
		const char *name;
		int64_t compute, network;
	} sites[] = {{"site-1", 4 * MS, 9 * MS}, {"site-2", 10 * MS, 4 * MS}, {"site-3", 5 * MS, 5 * MS}};
	struct site ingress = network_site(1, "edge-a");

	for (uint32_t i = 0; i < 3; i++) {
		struct site site = executor(i + 2, sites[i].name, 8, 1000);

		join(&ingress, &site, sites[i].network / 2, sites[i].network - sites[i].network / 2,
		     1000 * MEGABIT, 10);
		network_put(fixture->view, &site);
		offer(fixture, i + 2, "headset", "1", sites[i].compute);
	}
	network_put(fixture->view, &ingress);
	ask_service(fixture, "headset")->bandwidth_down = 40 * MEGABIT;
	fixture->request.access_up = 3 * MS / 2;
	fixture->request.access_down = 79 * MS / 10;
}

static void test_headset(void **state)
{
	struct fixture *fixture = *state;
	int64_t totals[3];

	build_headset(fixture);
	for (uint32_t i = 0; i < 3; i++) {
		const struct site *site = view_site(fixture->view, network_identity(i + 2));
		const struct link_offer *there = &view_site(fixture->view, network_identity(1))->links[i];

		totals[i] = fixture->request.access_up + there->delay + site->links[0].delay +
		            fixture->request.access_down + view_service_at(fixture->view, i)->time;
	}
	T_EQ(totals[0], 22400000);
	T_EQ(totals[1], 23400000);
	T_EQ(totals[2], 19400000);
	/* The best compute is at site 1, the best network leads to site 2: both would miss. */
	T_TRUE(view_service_at(fixture->view, 0)->time < view_service_at(fixture->view, 2)->time);
	fixture->demand.body.respond_within = 20 * MS;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_TRUE(fixture->plan.exact);
	T_EQ(fixture->plan.part_count, 1);
	T_EQ(fixture->plan.parts[0].site.site, 4);
	T_EQ(fixture->plan.respond, 19400000);
	T_TEXT(reason_of(fixture, 2), "site-1: respond 22.4 ms > 20 ms");
	T_TEXT(reason_of(fixture, 3), "site-2: respond 23.4 ms > 20 ms");
	T_TEXT(reason_of(fixture, 4), "");
}

static void test_headset_limits(void **state)
{
	struct fixture *fixture = *state;

	build_headset(fixture);
	fixture->demand.body.respond_within = 19400000; /* to the nanosecond */
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	fixture->demand.body.respond_within = 19399999;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_EQ(fixture->plan.reason_count, 3);
	fixture->demand.body.respond_within = 0;
	fixture->demand.prefer = PREFER_LATENCY; /* no ceiling: it is the fastest as well */
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 4);
	T_TEXT(reason_of(fixture, 2), "site-1: latency 22.4 ms > 19.4 ms");
}

static void test_not_supported(void **state)
{
	struct fixture *fixture = *state;
	struct demand_stage stage = {.name = "first"};
	struct site site = executor(1, "edge-a", 4, 10);

	network_put(fixture->view, &site);
	ask_job(fixture);
	fixture->demand.stages = &stage;
	fixture->demand.stage_count = 1;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_NOT_SUPPORTED);
	fixture->demand.stage_count = 0;
	fixture->demand.offload = true;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_NOT_SUPPORTED);
	fixture->demand.offload = false;
	text_copy(fixture->demand.affinity, sizeof(fixture->demand.affinity), "group");
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_NOT_SUPPORTED);
	fixture->demand.affinity[0] = '\0';
	map(fixture);
	T_EQ(fixture->plan.status, 0);
}

static void test_services(void **state)
{
	struct fixture *fixture = *state;
	struct site site = executor(1, "edge-a", 4, 10);

	network_put(fixture->view, &site);
	offer(fixture, 1, "read", "9", 9 * MS);
	offer(fixture, 1, "read", "10", 10 * MS);
	ask_service(fixture, "write");
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_UNKNOWN_SERVICE);
	T_TEXT(reason_of(fixture, 1), "edge-a: does not offer the service");
	ask_service(fixture, "read");
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.parts[0].time, 10 * MS); /* version 10 is newer than 9 */
	text_copy(fixture->demand.body.version, SERVICE_VERSION, "9");
	map(fixture);
	T_EQ(fixture->plan.parts[0].time, 9 * MS);
	text_copy(fixture->demand.body.version, SERVICE_VERSION, "8");
	map(fixture); /* the service is known, this version of it is not offered */
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_EQ(fixture->plan.reasons[0].kind, REASON_SERVICE);
}

static void test_budget(void **state)
{
	struct fixture *fixture = *state;
	struct site cheap = executor(1, "edge-a", 4, 1000), dear = executor(2, "dc-1", 4, 3000);
	struct demand_body *body = ask_job(fixture);
	money hold;

	join(&cheap, &dear, MS, MS, MEGABIT, 0);
	network_put(fixture->view, &cheap);
	network_put(fixture->view, &dear);
	body->work_present = true;
	body->work = (struct demand_need){.kind = RESOURCE_CPU, .amount = 10 * CORE};
	map(fixture);
	T_EQ(fixture->plan.price, 10000);
	hold = fixture->plan.hold;
	T_EQ(hold, 30000); /* three times as long */
	fixture->demand.budget = hold;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	fixture->demand.budget = hold - 1;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_BUDGET);
	T_EQ(fixture->plan.reason_count, 2);
	T_EQ(fixture->plan.reasons[0].kind, REASON_BUDGET);
	T_EQ(fixture->plan.reasons[0].have, hold);
	T_TEXT(reason_of(fixture, 1), "edge-a: holds 0.00003 > budget 0.000029999");
	T_TEXT(reason_of(fixture, 2), "dc-1: holds 0.00003 > budget 0.000029999");
	/* More money would not help: then the budget is not to blame. */
	body->needs[body->need_count++] = (struct demand_need){.kind = RESOURCE_GPU, .amount = CORE};
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 2), "dc-1: gpu 0 GPUs free < 1 GPUs wanted");
}

/* A chain of `count` gateways from 1 on; the last one can execute. */
static void build_chain(struct fixture *fixture, uint32_t count)
{
	for (uint32_t number = 1; number <= count; number++) {
		struct site site = network_site(number, "hop");

		if (number == count)
			site = executor(number, "end", 4, 10);
		if (number > 1)
			network_add_link(&site, number - 1, MS, 100 * MEGABIT, 1);
		if (number < count)
			network_add_link(&site, number + 1, MS, 100 * MEGABIT, 1);
		network_put(fixture->view, &site);
	}
}

static void test_longest_path(void **state)
{
	struct fixture *fixture = *state;
	struct site site;

	ask_job(fixture)->bandwidth_up = MEGABIT;
	build_chain(fixture, PLAN_HOPS);
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.parts[0].path.hop_count, PLAN_HOPS);
	T_EQ(fixture->plan.network, 2 * (PLAN_HOPS - 1) * MS);
	build_chain(fixture, PLAN_HOPS + 1);
	view_copy_site(view_site(fixture->view, network_identity(PLAN_HOPS)), &site);
	site.resource_count = 0;
	network_put(fixture->view, &site);
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, PLAN_HOPS + 1), "end: no path");
}

/* The chain to gateway 11 is cheaper and faster than the shortcut, but too long to go on from there. */
static void test_length_counts(void **state)
{
	struct fixture *fixture = *state;
	struct site first, eleventh;

	ask_job(fixture)->bandwidth_up = MEGABIT;
	build_chain(fixture, PLAN_HOPS + 1);
	view_copy_site(view_site(fixture->view, network_identity(1)), &first);
	view_copy_site(view_site(fixture->view, network_identity(11)), &eleventh);
	join(&first, &eleventh, 50 * MS, 50 * MS, 100 * MEGABIT, 5000);
	network_put(fixture->view, &first);
	network_put(fixture->view, &eleventh);
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.parts[0].path.hop_count, 4);
	T_EQ(fixture->plan.network, 104 * MS);
}

/* Both directions must exist, and each must have its own rate free. */
static void test_directions(void **state)
{
	struct fixture *fixture = *state;
	struct site ingress = network_site(1, "edge-a"), there = executor(2, "dc-1", 4, 10);
	struct demand_body *body = ask_job(fixture);

	network_add_link(&ingress, 2, MS, 10 * MEGABIT, 1);
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &there);
	map(fixture);
	T_TEXT(reason_of(fixture, 2), "dc-1: no path");
	network_add_link(&there, 1, 2 * MS, 20 * MEGABIT, 1);
	network_put(fixture->view, &there);
	body->bandwidth_up = 10 * MEGABIT;
	body->bandwidth_down = 20 * MEGABIT;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.parts[0].path.delay_up, MS);
	T_EQ(fixture->plan.parts[0].path.delay_down, 2 * MS);
	body->bandwidth_up = 20 * MEGABIT;
	map(fixture);
	T_TEXT(reason_of(fixture, 2), "dc-1: link of edge-a 10 Mbit/s free < 20 Mbit/s wanted");
	body->bandwidth_up = 10 * MEGABIT;
	body->bandwidth_down++;
	map(fixture);
	T_TEXT(reason_of(fixture, 2), "dc-1: link of dc-1 20 Mbit/s free < 20000001 bit/s wanted");
}

/* Two parts over a link that carries one: the second takes the long way round. */
static void test_shared_link(void **state)
{
	struct fixture *fixture = *state;
	struct site ingress = network_site(1, "edge-a"), around = network_site(2, "core-1");
	struct site there = executor(3, "dc-1", 8, 10);
	struct demand_body *body = ask_job(fixture);

	join(&ingress, &there, MS, MS, 30 * MEGABIT, 1);
	join(&ingress, &around, 10 * MS, MS, 30 * MEGABIT, 2);
	join(&around, &there, 10 * MS, MS, 30 * MEGABIT, 2);
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &around);
	network_put(fixture->view, &there);
	body->bandwidth_up = 40 * MEGABIT;
	body->split = 2;
	body->split_exactly = true;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_TRUE(fixture->plan.exact);
	T_EQ(fixture->plan.part_count, 2);
	T_EQ(fixture->plan.parts[0].path.hop_count + fixture->plan.parts[1].path.hop_count, 5);
	body->bandwidth_up = 61 * MEGABIT; /* more than both ways together */
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 3), "dc-1: link of edge-a 30 Mbit/s free < 30500 kbit/s wanted");
}

/* As many cores as it takes; the reason tells what all free ones would do. */
static void test_rate_rule(void **state)
{
	struct fixture *fixture = *state;
	struct site site = executor(1, "edge-a", 6, 1000);
	struct demand_body *body = ask_job(fixture);

	site.resources[0].free = 5 * CORE + CORE / 2;
	network_put(fixture->view, &site);
	body->work_present = true;
	body->work = (struct demand_need){.kind = RESOURCE_CPU_GFLOPS, .amount = 400 * CORE};
	map(fixture); /* 20 GFLOPS on one core */
	T_EQ(fixture->plan.parts[0].claims[0].amount, CORE);
	T_EQ(fixture->plan.parts[0].time, 20 * CLOCK_SECOND);
	body->finish_within = 7 * CLOCK_SECOND;
	map(fixture);
	T_EQ(fixture->plan.parts[0].claims[0].amount, 3 * CORE);
	T_TRUE(fixture->plan.finish <= 7 * CLOCK_SECOND);
	body->finish_within = 3 * CLOCK_SECOND;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 1), "edge-a: finish 4000 ms > 3000 ms");
	body->split = 2; /* two parts of half the work on two cores each do not fit; of one part neither */
	body->finish_within = 4500 * MS;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.part_count, 1);
	T_EQ(fixture->plan.parts[0].claims[0].amount, 5 * CORE);
}

/* Claims of GFLOPS are cores, each rounded up: three of a third do not fit where the sum would. */
static void test_gflops_fit_as_cores(void **state)
{
	struct fixture *fixture = *state;
	struct site site = executor(1, "edge-a", 2, 1000);
	struct demand_body *body = ask_job(fixture);

	site.gflops_per_core = 7 * CORE;
	network_add_resource(&site, RESOURCE_CPU_GFLOPS, 14 * CORE, 14 * CORE, 143, 143);
	network_put(fixture->view, &site);
	body->needs[body->need_count++] =
	        (struct demand_need){.kind = RESOURCE_CPU_GFLOPS, .amount = 4666666, .each = true};
	body->split = 3;
	body->split_exactly = true;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	body->needs[0].amount = 4666662; /* 666666 micro-cores */
	map(fixture);
	T_EQ(fixture->plan.status, 0);
}

static void set_ceilings(struct link_offer *link, int64_t tight, int64_t loose)
{
	link->ceilings[0] = tight;
	link->ceilings[1] = loose;
}

static void promise(struct site *site, int64_t tight, int64_t loose)
{
	for (uint32_t i = 0; i < site->link_count; i++)
		set_ceilings(&site->links[i], tight, loose);
}

/* edge-a to dc-1 over core-1, which is cheap, fast and promises nothing, or over core-2, which is dear. */
static void build_two_ways(struct fixture *fixture)
{
	struct site ingress = network_site(1, "edge-a"), cheap = network_site(2, "core-1");
	struct site dear = network_site(3, "core-2"), there = executor(4, "dc-1", 8, 10);
	struct demand_body *body = ask_service(fixture, "stream");

	join(&ingress, &cheap, 2 * MS, 2 * MS, 100 * MEGABIT, 1);
	join(&cheap, &there, 3 * MS, 3 * MS, 100 * MEGABIT, 1);
	join(&ingress, &dear, 4 * MS, 4 * MS, 100 * MEGABIT, 50);
	join(&dear, &there, 4 * MS, 4 * MS, 100 * MEGABIT, 50);
	promise(&ingress, 5 * MS, 7 * MS);
	promise(&cheap, 0, 0);
	promise(&dear, 5 * MS, 8 * MS);
	promise(&there, 6 * MS, 9 * MS);
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &cheap);
	network_put(fixture->view, &dear);
	network_put(fixture->view, &there);
	offer(fixture, 4, "stream", "1", 9 * MS);
	body->bandwidth_up = 2 * MEGABIT;
	body->bandwidth_down = 10 * MEGABIT;
	body->network_within = 40 * MS;
	fixture->request.access_up = MS;
	fixture->request.access_down = MS;
	fixture->request.access_ceiling_up = 2 * MS;
	fixture->request.access_ceiling_down = 3 * MS;
}

static void test_guaranteed(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	const struct plan_path *path;

	build_two_ways(fixture);
	map(fixture); /* measured, the cheap way does */
	path = &fixture->plan.parts[0].path;
	T_EQ(path->hops[1].site, 2);
	T_EQ(fixture->plan.network, 12 * MS);
	T_TRUE(path->measured);
	T_EQ(path->bound_up, 0);
	T_EQ(path->class, 0);
	T_EQ(path->links[0].ceiling, 5 * MS);
	T_EQ(path->links[1].ceiling, 0);
	body->network_guaranteed = true;
	map(fixture); /* but nothing is promised there; the loose class of the dear way is tight enough */
	path = &fixture->plan.parts[0].path;
	T_EQ(path->hops[1].site, 3);
	T_TRUE(!path->measured);
	T_EQ(path->class, 1);
	T_EQ(path->bound_up, 2 * MS + 7 * MS + 8 * MS);
	T_EQ(path->bound_down, 3 * MS + 9 * MS + 8 * MS);
	T_EQ(path->links[0].delay, 4 * MS);
	T_EQ(path->links[0].ceiling, 7 * MS);
	T_EQ(path->links[1].back_ceiling, 9 * MS);
}

static void test_guaranteed_limits(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	const struct plan_path *path;

	build_two_ways(fixture);
	body->network_guaranteed = true;
	body->network_within = 37 * MS; /* to the nanosecond */
	map(fixture);
	T_EQ(fixture->plan.parts[0].path.class, 1);
	body->network_within--;
	map(fixture);
	path = &fixture->plan.parts[0].path;
	T_EQ(path->class, 0); /* only the tight class is left */
	T_EQ(path->bound_up + path->bound_down, 26 * MS);
	T_EQ(path->links[0].ceiling, 5 * MS);
	body->network_within = 26 * MS - 1;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 4), "dc-1: bound 26 ms > 25.999999 ms");
	fixture->request.access_ceiling_down = 0;
	map(fixture); /* the ingress answers for the client's own link */
	T_TEXT(reason_of(fixture, 4), "dc-1: edge-a promises no bound");
}

/* Who promises nothing is named; a limit that nobody guarantees does not keep the others away. */
static void test_nothing_promised(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	struct site dear;

	build_two_ways(fixture);
	body->network_guaranteed = true;
	view_copy_site(view_site(fixture->view, network_identity(3)), &dear);
	promise(&dear, 0, 8 * MS);
	network_put(fixture->view, &dear);
	map(fixture); /* the one class that all promise */
	T_EQ(fixture->plan.parts[0].path.class, 1);
	body->network_within = 30 * MS;
	map(fixture);
	T_TEXT(reason_of(fixture, 4), "dc-1: bound 37 ms > 30 ms");
	dear.links[1].ceilings[1] = 0;
	network_put(fixture->view, &dear);
	map(fixture);
	T_TEXT(reason_of(fixture, 4), "dc-1: core-1 promises no bound");
	T_EQ(fixture->plan.reasons[0].have, 0);
	T_EQ(fixture->plan.reasons[0].need, 30 * MS);
	body->network_guaranteed = false;
	body->bandwidth_down = 0;
	map(fixture); /* without reservation a ceiling does not hold either */
	T_TRUE(fixture->plan.parts[0].path.measured);
}

/* Holds what is needed for as long as asked, claims nothing else and starts nothing. */
static void test_reservation(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	const struct plan_part *part;

	build_two_ways(fixture);
	body->network_guaranteed = true;
	body->reserve_time = 100 * CLOCK_SECOND;
	map(fixture);
	part = &fixture->plan.parts[0];
	T_EQ(fixture->plan.status, 0);
	T_EQ(part->claim_count, 0);
	T_EQ(part->time, 100 * CLOCK_SECOND);
	T_EQ(part->start, 0);
	T_EQ(part->limit, PLAN_RESERVATION_LIFETIME);
	T_EQ(part->reserve, PLAN_RESERVATION_LIFETIME);
	/* 12 Mbit/s over two links at 50 each, for the time and the grace; a nano-unit per line more. */
	T_EQ(part->tariff, 12 * 2 * 50 * 100);
	T_EQ(part->hold, 12 * 2 * 50 * 105 + 4);
	body->needs[body->need_count++] = (struct demand_need){.kind = RESOURCE_CPU, .amount = 2 * CORE};
	body->reserve_time = 10 * CLOCK_SECOND;
	map(fixture);
	part = &fixture->plan.parts[0];
	T_EQ(part->claim_count, 1);
	T_EQ(part->claims[0].amount, 2 * CORE); /* no memory that nobody asked for */
	T_EQ(part->limit, 10 * CLOCK_SECOND);
	T_EQ(part->hold, 12 * 2 * 50 * 15 + 4 + 2 * 10 * 15);
	body->needs[0].amount = 9 * CORE;
	map(fixture);
	T_TEXT(reason_of(fixture, 4), "dc-1: cpu 8 cores free < 9 cores wanted");
}

/* At the ingress's own site there is no link to reserve: the client's own is all that must promise. */
static void test_reservation_at_home(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	struct site home = executor(1, "edge-a", 4, 10);

	network_put(fixture->view, &home);
	body->needs[body->need_count++] = (struct demand_need){.kind = RESOURCE_CPU, .amount = CORE};
	body->reserve_time = CLOCK_SECOND;
	fixture->request.access_ceiling_up = 2 * MS;
	fixture->request.access_ceiling_down = 3 * MS;
	body->network_within = 5 * MS;
	body->network_guaranteed = true;
	map(fixture); /* no service is named: any site will do */
	T_EQ(fixture->plan.status, 0);
	T_EQ(fixture->plan.parts[0].path.hop_count, 1);
	T_TRUE(!fixture->plan.parts[0].path.measured);
	T_EQ(fixture->plan.parts[0].path.bound_up, 2 * MS);
	T_EQ(fixture->plan.parts[0].path.bound_down, 3 * MS);
	body->network_within--;
	map(fixture);
	T_TEXT(reason_of(fixture, 1), "edge-a: bound 5 ms > 4.999999 ms");
	body->network_guaranteed = false;
	fixture->request.access_ceiling_up = 0;
	map(fixture);
	T_TRUE(fixture->plan.parts[0].path.measured);
}

static void build_twins(struct fixture *fixture)
{
	struct site ingress = network_site(1, "edge-a");

	for (uint32_t number = 2; number <= 5; number++) {
		struct site twin = executor(number, "dc", 64, 1000);

		join(&ingress, &twin, MS, MS, 100 * MEGABIT, 0);
		network_put(fixture->view, &twin);
	}
	network_put(fixture->view, &ingress);
	ask_job(fixture);
}

static void test_draws(void **state)
{
	enum { DECISIONS = 4000 };
	struct fixture *fixture = *state;
	uint32_t chosen[6] = {0};

	build_twins(fixture);
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 2); /* no random: the lowest identity */
	T_TEXT(reason_of(fixture, 5), "dc: price 0.00006 = 0.00006");
	random_seed(&fixture->random, 7);
	fixture->request.random = &fixture->random;
	for (int i = 0; i < DECISIONS; i++) {
		arena_reset(fixture->arena);
		map(fixture);
		chosen[fixture->plan.parts[0].site.site]++;
	}
	/* Five standard deviations (27) about a quarter of all. */
	for (uint32_t number = 2; number <= 5; number++)
		T_TRUE(chosen[number] > DECISIONS / 4 - 137 && chosen[number] < DECISIONS / 4 + 137);
}

static void test_carbon(void **state)
{
	struct fixture *fixture = *state;
	struct site unknown = executor(1, "edge-a", 4, 10), dirty = executor(2, "dc-1", 4, 20);
	struct site clean = executor(3, "dc-2", 4, 30);

	dirty.core_grams = 500;
	clean.core_grams = 100;
	join(&unknown, &dirty, MS, MS, MEGABIT, 0);
	join(&unknown, &clean, MS, MS, MEGABIT, 0);
	network_put(fixture->view, &unknown);
	network_put(fixture->view, &dirty);
	network_put(fixture->view, &clean);
	ask_job(fixture)->need_time = 10 * CLOCK_SECOND;
	fixture->demand.prefer = PREFER_CARBON;
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 3);
	T_EQ(fixture->plan.parts[0].carbon, 1000);
	T_TEXT(reason_of(fixture, 1), "edge-a: carbon unknown > 1000 ug");
	T_TEXT(reason_of(fixture, 2), "dc-1: carbon 5000 > 1000 ug");
}

/* An owner that announces absurd figures loses; it harms neither the sums nor the other sites. */
static void test_absurd_offers(void **state)
{
	struct fixture *fixture = *state;
	struct site ingress = executor(1, "edge-a", 4, 10), absurd = executor(2, "absurd", 4, INT64_MAX);
	struct site slow = executor(3, "slow", 4, 1);
	struct demand_body *body = ask_job(fixture);

	absurd.resources[0].steepness = UINT32_MAX;
	absurd.core_grams = INT64_MAX;
	absurd.trust = 10;
	slow.start = INT64_MAX;
	join(&ingress, &absurd, MS, MS, INT64_MAX, INT64_MAX);
	ingress.links[0].steepness = UINT32_MAX;
	join(&ingress, &slow, INT64_MAX, INT64_MAX, 100 * MEGABIT, 1);
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &absurd);
	network_put(fixture->view, &slow);
	body->bandwidth_up = MEGABIT;
	body->data[body->data_count++] = (struct demand_data){.direction = DATA_OUT, .size = INT64_MAX};
	body->split = 2;
	for (uint32_t prefer = 0; prefer < PREFER_CHOICES; prefer++) {
		fixture->demand.prefer = (enum demand_prefer)prefer;
		map(fixture);
		T_EQ(fixture->plan.status, 0);
		T_TRUE(fixture->plan.parts[0].site.site == 1 || fixture->plan.parts[0].site.site == 3);
		T_TRUE(fixture->plan.hold > 0 && fixture->plan.finish > 0);
		T_EQ(fixture->plan.reasons[0].site.site + fixture->plan.parts[0].site.site > 2, 1);
	}
	fixture->demand.trust = 10; /* only the absurd one is left, and it cannot be paid */
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 2), "absurd: holds 2251799.814 > budget 0");
	T_TEXT(reason_of(fixture, 1), "edge-a: trust 0 < 10");
}

/* An absurd demand is refused or priced, not miscounted. */
static void test_absurd_demands(void **state)
{
	struct fixture *fixture = *state;
	struct site site = executor(1, "edge-a", 4, 1000);
	struct demand_body *body = ask_job(fixture);

	network_put(fixture->view, &site);
	body->need_time = INT64_MAX;
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_TRUE(fixture->plan.finish > 0 && fixture->plan.parts[0].limit > 0);
	body->need_time = 0;
	body->work_present = true;
	body->work = (struct demand_need){.kind = RESOURCE_CPU_GFLOPS, .amount = INT64_MAX};
	body->finish_within = CLOCK_SECOND;
	map(fixture);
	T_ERROR(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_EQ(fixture->plan.reasons[0].kind, REASON_FINISH);
	body->work.amount = CORE;
	body->bandwidth_up = INT64_MAX;
	body->split = DEMAND_PARTS;
	map(fixture);
	T_EQ(fixture->plan.status, 0); /* at the ingress itself no link is needed */
}

static void test_little_memory(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_create(4096);
	struct plan untouched = {.status = 77};

	assert_non_null(arena);
	build_twins(fixture);
	T_ERROR(map_demand(fixture->view, &fixture->request, arena, &untouched), -ENOMEM);
	T_EQ(untouched.status, 77);
	fixture->request.ingress = network_identity(30);
	T_ERROR(map_demand(fixture->view, &fixture->request, fixture->arena, &untouched),
	        BUSBAR_ERROR_NOT_FOUND);
	T_EQ(untouched.status, 77);
	(void)arena_free(arena);
}

static void test_too_many_kinds(void **state)
{
	struct fixture *fixture = *state;
	struct site site = executor(1, "edge-a", 4, 1000);
	struct demand_body *body = ask_job(fixture);

	network_put(fixture->view, &site);
	for (uint32_t kind = RESOURCE_GPU; kind <= RESOURCE_NPU_TOPS; kind++)
		body->needs[body->need_count++] =
		        (struct demand_need){.kind = (enum resource_kind)kind, .amount = 1};
	T_ERROR(map_demand(fixture->view, &fixture->request, fixture->arena, &fixture->plan),
	        BUSBAR_ERROR_TOO_LARGE);
}

static void test_many_reasons(void **state)
{
	struct fixture *fixture = *state;
	struct view *view =
	        view_create(&(struct view_limits){.sites = 100, .reservations = 1, .suspects = 1});

	assert_non_null(view);
	for (uint32_t number = 1; number <= 100; number++) {
		struct site site = executor(number, "dc", 4, 1000);

		network_put(view, &site);
	}
	(void)view_free(fixture->view);
	fixture->view = view;
	ask_job(fixture);
	map(fixture);
	T_EQ(fixture->plan.reason_count, PLAN_REASONS);
	T_EQ(fixture->plan.reasons_dropped, 99 - PLAN_REASONS);
	for (uint32_t i = 0; i < PLAN_REASONS; i++)
		T_EQ(fixture->plan.reasons[i].site.site, i + 2);
}

/* Many parts over links that only just carry them: the search may give up, but says so and in time. */
static void test_hard_search(void **state)
{
	struct fixture *fixture = *state;
	struct site ingress = network_site(1, "edge-a"), joints[5], sites[20];
	struct demand_body *body = ask_job(fixture);
	int64_t begin;

	for (uint32_t i = 0; i < 5; i++)
		joints[i] = network_site(2 + i, "core");
	for (uint32_t i = 0; i < 20; i++) {
		sites[i] = executor(7 + i, "dc", 8, 1000 + 137 * (money)(i * i % 11));
		sites[i].resources[0].steepness = 20000;
		for (uint32_t j = 0; j < 5; j++)
			if ((i + j) % 5 < 3)
				join(&joints[j], &sites[i], (1 + i * j % 7) * MS, MS, (5 + i % 3) * MEGABIT,
				     (money)(i * 79 + j * 31) % 97);
		network_put(fixture->view, &sites[i]);
	}
	for (uint32_t i = 0; i < 5; i++) {
		join(&ingress, &joints[i], (5 - i) * MS, MS, (18 + i) * MEGABIT, 10 * (money)i * i);
		network_put(fixture->view, &joints[i]);
	}
	network_put(fixture->view, &ingress);
	body->bandwidth_up = 88 * MEGABIT;
	body->split = 22;
	body->split_exactly = true;
	body->work_present = true;
	body->work = (struct demand_need){.kind = RESOURCE_CPU, .amount = 100 * CORE};
	begin = clock_monotonic(&clock_system);
	map(fixture);
	print_message("# hard search: %.0f ms, status %d, %s\n",
	              (double)(clock_monotonic(&clock_system) - begin) / (double)MS, fixture->plan.status,
	              fixture->plan.exact ? "exact" : "not exact");
	T_EQ(fixture->plan.status, 0);
	T_TRUE(!fixture->plan.exact);
	T_EQ(fixture->plan.part_count, 22);
	T_TRUE(clock_monotonic(&clock_system) - begin < 30 * CLOCK_SECOND);
}

static void test_speed(void **state)
{
	struct fixture *fixture = *state;
	struct site sites[6];
	uint32_t decisions = 0;
	int64_t begin = clock_monotonic(&clock_system), end = begin + CLOCK_SECOND / 4;

	for (uint32_t i = 0; i < 6; i++)
		sites[i] = i == 0 ? network_site(1, "edge-a") : executor(i + 1, "dc", 16, 900 + 10 * i);
	for (uint32_t i = 0; i < 6; i++)
		for (uint32_t j = i + 1; j < 6; j++)
			if (i + j != 5)
				join(&sites[i], &sites[j], (i + 2 * j) * MS, MS, 1000 * MEGABIT, 7 + i * j);
	for (uint32_t i = 0; i < 6; i++)
		network_put(fixture->view, &sites[i]);
	ask_job(fixture)->bandwidth_up = 20 * MEGABIT;
	fixture->demand.body.bandwidth_down = 80 * MEGABIT;
	fixture->demand.body.network_within = 60 * MS;
	for (; clock_monotonic(&clock_system) < end; decisions++) {
		arena_reset(fixture->arena);
		map(fixture);
		T_EQ(fixture->plan.status, 0);
	}
	print_message("# six gateways: %.0f decisions/s\n",
	              decisions * 1e9 / (double)(clock_monotonic(&clock_system) - begin));
	T_TRUE(decisions > 10);
}

/* The route feed has stopped: demands are placed all the same, and plans say on what. */
static void test_no_news(void **state)
{
	struct fixture *fixture = *state;
	money fresh;

	build_headset(fixture);
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_TRUE(!fixture->plan.stale);
	fresh = fixture->plan.price;
	for (int64_t age = 10 * CLOCK_SECOND; age < 1000000 * CLOCK_SECOND; age *= 10) {
		struct gateway_identity site = fixture->plan.parts[0].site;
		money tariff = fixture->plan.tariff, price = fixture->plan.price;

		fixture->request.now = NETWORK_NOW + age;
		map(fixture);
		T_EQ(fixture->plan.status, 0);
		T_TRUE(fixture->plan.stale);
		T_TRUE(gateway_equal(fixture->plan.parts[0].site, site)); /* all are as old */
		T_TRUE(fixture->plan.price >= price);
		T_EQ(fixture->plan.tariff, tariff);
	}
	T_TRUE(fixture->plan.price >= 7 * fresh);
}

/* What was heard of lately goes before what is cheaper by old values, and is not waited for. */
static void test_news_win(void **state)
{
	struct fixture *fixture = *state;
	struct site ingress = network_site(1, "edge-a"), cheap = executor(2, "cheap", 4, 1000);
	struct site fresh = executor(3, "fresh", 4, 3000);

	join(&ingress, &cheap, MS, MS, 100 * MEGABIT, 0);
	join(&ingress, &fresh, MS, MS, 100 * MEGABIT, 0);
	cheap.validity = CLOCK_SECOND;
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &cheap);
	network_put(fixture->view, &fresh);
	ask_job(fixture);
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 2);
	T_TRUE(!fixture->plan.stale);
	fixture->request.now = NETWORK_NOW + 4 * CLOCK_SECOND;
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 3);
	T_TRUE(!fixture->plan.stale);
	fixture->request.site = network_identity(2);
	map(fixture);
	T_EQ(fixture->plan.status, 0);
	T_TRUE(fixture->plan.stale);
}

/* A run waits where the site says that it must. */
static void test_queue(void **state)
{
	struct fixture *fixture = *state;
	struct site_load load = {.identity = network_identity(4), .measured = NETWORK_NOW, .wait = MS};

	build_headset(fixture);
	fixture->demand.body.respond_within = 20 * MS;
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 4);
	T_EQ(fixture->plan.parts[0].start, 0);
	T_OK(view_put_load(fixture->view, &load));
	map(fixture);
	T_EQ(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 4), "site-3: respond 20.4 ms > 20 ms");
}

/* Where a measured way is longer than its links declare, what is measured counts. */
static void test_links_that_lie(void **state)
{
	struct fixture *fixture = *state;

	build_headset(fixture);
	fixture->demand.body.respond_within = 20 * MS;
	T_OK(view_put_path(fixture->view, network_identity(4), 7 * MS / 2, 0, 0, NETWORK_NOW, 0));
	view_compare_path(fixture->view, network_identity(4), 5 * MS / 2);
	map(fixture);
	T_EQ(fixture->plan.status, BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(reason_of(fixture, 4), "site-3: respond 21.4 ms > 20 ms");
	view_compare_path(fixture->view, network_identity(4), 0);
	map(fixture);
	T_EQ(fixture->plan.status, 0);
}

/* What a tenant may not see serves it not, and is not spoken of; on the way it is all the same. */
static void test_sight(void **state)
{
	static const char *const east[] = {"east"}, *const other[] = {"other"};
	struct view_sight sight = {.regions = {1, east}};
	struct fixture *fixture = *state;
	struct site ingress = network_site(1, "edge-a"), middle = executor(2, "middle", 8, 1);
	struct site far = executor(3, "far", 8, 1000);

	text_copy(far.region, sizeof(far.region), "east");
	join(&ingress, &middle, MS, MS, 1000 * MEGABIT, 10);
	join(&middle, &far, MS, MS, 1000 * MEGABIT, 10);
	network_put(fixture->view, &ingress);
	network_put(fixture->view, &middle);
	network_put(fixture->view, &far);
	offer(fixture, 2, "render", "1", MS);
	offer(fixture, 3, "render", "1", MS);
	ask_service(fixture, "render");
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 2);
	fixture->request.sight = &sight;
	map(fixture);
	T_EQ(fixture->plan.parts[0].site.site, 3);
	T_EQ(fixture->plan.parts[0].path.hop_count, 3);
	T_EQ(fixture->plan.reason_count, 0);
	sight = (struct view_sight){.services = {1, other}};
	map(fixture);
	T_EQ(fixture->plan.status, BUSBAR_ERROR_UNKNOWN_SERVICE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(headset),
	        TEST(headset_limits),
	        TEST(not_supported),
	        TEST(services),
	        TEST(budget),
	        TEST(longest_path),
	        TEST(length_counts),
	        TEST(directions),
	        TEST(shared_link),
	        TEST(rate_rule),
	        TEST(gflops_fit_as_cores),
	        TEST(guaranteed),
	        TEST(guaranteed_limits),
	        TEST(nothing_promised),
	        TEST(reservation),
	        TEST(reservation_at_home),
	        TEST(draws),
	        TEST(carbon),
	        TEST(absurd_offers),
	        TEST(absurd_demands),
	        TEST(little_memory),
	        TEST(too_many_kinds),
	        TEST(many_reasons),
	        TEST(hard_search),
	        TEST(no_news),
	        TEST(news_win),
	        TEST(queue),
	        TEST(links_that_lie),
	        TEST(sight),
	        TEST(speed),
	};

	return T_RUN(tests);
}
