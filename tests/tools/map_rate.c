/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many decisions a second the mapper makes in a network like the demo's (lab/metro.yaml: six gateways,
 * nine links, four sites), for some kinds of demand; and what a snapshot of the view costs, behind some
 * changes, with many sites. Prints the best of ROUNDS rounds, which is what the machine can do when nothing
 * else runs. Usage: map_rate
 */
#include "base/clock.h"
#include "base/text.h"
#include "base/unit.h"
#include "map/map.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 15, GATEWAYS = 6, RATE_ARENA = 16 << 20 };

#define ROUND_TIME (CLOCK_SECOND / 10)
#define NOW INT64_C(1700000000000000000)
#define MS CLOCK_MILLISECOND
#define CORE UINT64_C(1000000)
#define MEBIBYTE (UINT64_C(1) << 20)
#define MEGABIT UINT64_C(1000000)

static const struct {
	const char *name;
	uint64_t cores, memory; /* GiB */
	money price;            /* nano-units per core second */
} gateways[GATEWAYS] = {
        {"edge-a", 5, 2, 5000}, {"edge-b", 4, 2, 20000}, {"core-1", 0, 0, 0},
        {"core-2", 0, 0, 0},    {"dc-1", 8, 4, 10000},   {"hpc-1", 16, 4, 6000},
};

static const struct {
	uint32_t between[2];
	int64_t delay;
} links[] = {
        {{1, 3}, 2 * MS}, {{1, 4}, 4 * MS}, {{2, 4}, 2 * MS},  {{2, 3}, 4 * MS},  {{3, 4}, 2 * MS},
        {{3, 5}, 5 * MS}, {{4, 5}, 6 * MS}, {{4, 6}, 10 * MS}, {{3, 6}, 12 * MS},
};

static void must(int code)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "map_rate: error %d\n", code);
	exit(EXIT_FAILURE);
}

static struct gateway_identity identity(uint32_t number)
{
	return (struct gateway_identity){.site = number, .gateway = 1};
}

static void add_links(struct site *site)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		for (uint32_t end = 0; end < 2; end++) {
			if (links[i].between[end] != site->identity.site)
				continue;
			site->links[site->link_count++] = (struct link_offer){
			        .from = site->identity,
			        .toward = identity(links[i].between[1 - end]),
			        .delay = links[i].delay,
			        .ceilings = {links[i].delay + MS, links[i].delay + 3 * MS},
			        .capacity = 1000 * MEGABIT,
			        .free = 1000 * MEGABIT,
			        .base = 100,
			        .tariff = 200,
			        .steepness = 32000,
			};
		}
	}
}

static void add_supply(struct site *site, uint64_t cores, uint64_t memory, money price)
{
	site->gflops_per_core = 20 * CORE;
	site->start = 2 * MS;
	site->resource_count = 3;
	site->resources[0] = (struct resource_offer){.kind = RESOURCE_CPU,
	                                             .capacity = cores * CORE,
	                                             .free = cores * CORE,
	                                             .base = price,
	                                             .tariff = price,
	                                             .steepness = 32000};
	site->resources[1] = (struct resource_offer){.kind = RESOURCE_CPU_GFLOPS,
	                                             .capacity = 20 * cores * CORE,
	                                             .free = 20 * cores * CORE,
	                                             .base = price / 20,
	                                             .tariff = price / 20,
	                                             .steepness = 32000};
	site->resources[2] = (struct resource_offer){.kind = RESOURCE_MEMORY,
	                                             .capacity = memory << 30,
	                                             .free = memory << 30,
	                                             .base = 1000,
	                                             .tariff = 1500,
	                                             .steepness = 4000};
}

static void add_service(struct view *view, uint32_t site, uint8_t address, const char *name, int64_t time)
{
	struct service_offer offer = {.site = identity(site),
	                              .address = {0xfd, [15] = address},
	                              .version = "1",
	                              .cpu = CORE,
	                              .memory = 256 * MEBIBYTE,
	                              .processes = 16,
	                              .time = time,
	                              .price = 12000,
	                              .tariff = 18000};

	text_copy(offer.name, sizeof(offer.name), name);
	must(view_put_service(view, &offer));
}

static struct view *open_view(void)
{
	struct view *view = view_create(
	        &(struct view_limits){.sites = 64, .services = 64, .reservations = 64, .suspects = 16});

	if (view == NULL)
		exit(EXIT_FAILURE);
	for (uint32_t i = 0; i < GATEWAYS; i++) {
		struct site site = {.identity = identity(i + 1),
		                    .measured = NOW,
		                    .validity = 9 * CLOCK_SECOND};

		text_copy(site.name, sizeof(site.name), gateways[i].name);
		if (gateways[i].cores > 0)
			add_supply(&site, gateways[i].cores, gateways[i].memory, gateways[i].price);
		add_links(&site);
		must(view_put_site(view, &site));
		if (gateways[i].cores == 0)
			continue;
		add_service(view, i + 1, 1, "ocr", 10 * CLOCK_SECOND);
		add_service(view, i + 1, 2, "cloud-render", 60 * CLOCK_SECOND);
	}
	return view;
}

static uint64_t decide(const struct view *view, const struct map_request *request, struct arena *arena)
{
	int64_t begin = clock_monotonic(&clock_system), end = begin + ROUND_TIME, now;
	uint64_t decisions = 0;

	do {
		struct plan plan;

		arena_reset(arena);
		must(map_demand(view, request, arena, &plan));
		must(plan.status);
		decisions++;
		now = clock_monotonic(&clock_system);
	} while (now < end);
	return decisions * CLOCK_SECOND / (uint64_t)(now - begin);
}

/* Gateways 1.. with the most links. */
static struct view *open_large(uint32_t sites)
{
	struct view *view =
	        view_create(&(struct view_limits){.sites = sites, .reservations = 64, .suspects = 16});

	if (view == NULL)
		exit(EXIT_FAILURE);
	for (uint32_t number = 1; number <= sites; number++) {
		struct site site = {.identity = identity(number), .measured = NOW, .link_count = SITE_LINKS};

		for (uint32_t i = 0; i < SITE_LINKS; i++)
			site.links[i] = (struct link_offer){.from = site.identity,
			                                    .toward = identity(number + i + 1)};
		must(view_put_site(view, &site));
	}
	return view;
}

/* Nanoseconds for a snapshot and its release, behind probes of `changes` sites, and for those probes alone.
 */
static void measure_snapshots(uint32_t sites, uint32_t changes)
{
	enum { SNAPSHOTS = 400 };
	struct view *view = open_large(sites);
	int64_t taking = INT64_MAX, changing = INT64_MAX, seed = 0;

	for (int round = 0; round < SNAPSHOTS; round++) {
		int64_t begin = clock_monotonic(&clock_system), middle, end;

		for (uint32_t i = 0; i < changes; i++, seed += 7919) {
			uint32_t number = 1 + (uint32_t)(seed % sites);

			must(view_put_link_delay(view, identity(number), identity(number + 1), seed, 0, 0,
			                         NOW, 0));
		}
		middle = clock_monotonic(&clock_system);
		view_release_snapshot(view_snapshot(view));
		end = clock_monotonic(&clock_system);
		changing = MINIMUM(changing, middle - begin);
		taking = MINIMUM(taking, end - middle);
	}
	(void)printf("%6u sites  snapshot %7.2f us, after %4u changes at %5.2f us each; view %.1f MB\n",
	             sites, (double)taking / 1e3, changes,
	             changes == 0 ? 0 : (double)changing / 1e3 / changes, (double)view_bytes(view) / 1e6);
	view = view_free(view);
}

static void measure(const char *name, const struct view *view, const struct demand *demand)
{
	struct map_request request = {.demand = demand,
	                              .ingress = identity(1),
	                              .access_up = MS,
	                              .access_down = MS,
	                              .access_ceiling_up = 2 * MS,
	                              .access_ceiling_down = 2 * MS,
	                              .spot = true,
	                              .now = NOW};
	struct arena *arena = arena_create(RATE_ARENA);
	uint64_t best = 0;

	if (arena == NULL)
		exit(EXIT_FAILURE);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t rate = decide(view, &request, arena);

		best = MAXIMUM(best, rate);
	}
	(void)printf("%-12s %8llu decisions/s\n", name, (unsigned long long)best);
	(void)arena_free(arena);
}

int main(void)
{
	struct view *view = open_view();
	struct demand call = {.body = {.service = "ocr", .network_within = 25 * MS}, .budget = 10000000};
	struct demand stream = {.body = {.service = "cloud-render",
	                                 .bandwidth_up = 20 * MEGABIT,
	                                 .bandwidth_down = 80 * MEGABIT,
	                                 .network_within = 60 * MS}};
	struct demand guaranteed = {.body = {.service = "cloud-render",
	                                     .reserve_time = 60 * CLOCK_SECOND,
	                                     .bandwidth_up = 20 * MEGABIT,
	                                     .bandwidth_down = 80 * MEGABIT,
	                                     .network_within = 40 * MS,
	                                     .network_guaranteed = true}};
	struct demand split = {.body = {.service = "cloud-render",
	                                .need_count = 1,
	                                .needs = {{RESOURCE_MEMORY, 256 * MEBIBYTE, true}},
	                                .work_present = true,
	                                .work = {RESOURCE_CPU_GFLOPS, 600 * CORE, false},
	                                .finish_within = 90 * CLOCK_SECOND,
	                                .split = 8,
	                                .split_exactly = true},
	                       .budget = 20000000};

	measure("call", view, &call);
	measure("stream", view, &stream);
	measure("guaranteed", view, &guaranteed);
	measure("split", view, &split);
	view = view_free(view);
	for (uint32_t changes = 0; changes <= 100; changes += 20 + (changes > 0) * 60) {
		measure_snapshots(6, changes);
		measure_snapshots(1000, changes);
		measure_snapshots(10000, changes);
	}
	return EXIT_SUCCESS;
}
