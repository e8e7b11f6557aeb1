/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include "base/clock.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"", "edge-a", "core-1", "dc-1", "hpc-1", "edge-b", "core-2", "dc-2"};
static const char *const regions[] = {"north", "south", "west"};
static const char *const operators[] = {"red", "blue"};
static const char *const versions[] = {"2", "3", "10"};

struct view *network_view(void)
{
	return view_create(
	        &(struct view_limits){.sites = 32, .services = 64, .reservations = 64, .suspects = 16});
}

struct gateway_identity network_identity(uint32_t number)
{
	return (struct gateway_identity){.site = number, .gateway = 1};
}

struct site network_site(uint32_t number, const char *name)
{
	struct site site = {.identity = network_identity(number),
	                    .locator = {0xfd, 0, 0, 0, 0, (uint8_t)number},
	                    .model = SUPPLY_CLOUD,
	                    .measured = NETWORK_NOW - CLOCK_SECOND,
	                    .validity = 10 * CLOCK_SECOND};

	text_copy(site.name, sizeof(site.name), name);
	return site;
}

void network_add_resource(struct site *site, enum resource_kind kind, uint64_t capacity, uint64_t free,
                          money base, money tariff)
{
	site->resources[site->resource_count++] = (struct resource_offer){.kind = kind,
	                                                                  .capacity = capacity,
	                                                                  .free = free,
	                                                                  .base = base,
	                                                                  .steepness = 1000,
	                                                                  .tariff = tariff};
}

struct link_offer *network_add_link(struct site *site, uint32_t toward, int64_t delay, uint64_t capacity,
                                    money base)
{
	struct link_offer *link = &site->links[site->link_count++];

	*link = (struct link_offer){.from = site->identity,
	                            .toward = network_identity(toward),
	                            .delay = delay,
	                            .least = delay / 2,
	                            .ceilings = {MAXIMUM(delay, 1)},
	                            .capacity = capacity,
	                            .free = capacity,
	                            .base = base,
	                            .steepness = 1000,
	                            .tariff = base};
	return link;
}

void network_put(struct view *view, const struct site *site)
{
	if (view_put_site(view, site) < 0)
		abort();
}

/* What the generator draws from. */
struct draw {
	struct random random;
	enum network_kind kind;
	uint32_t gateways;
	struct network *network;
};

static uint64_t below(struct draw *draw, uint64_t bound)
{
	return random_below(&draw->random, bound);
}

static uint64_t between(struct draw *draw, uint64_t least, uint64_t most)
{
	return least + below(draw, most - least + 1);
}

static bool chance(struct draw *draw, uint64_t percent)
{
	return below(draw, 100) < percent;
}

static money some_price(struct draw *draw, uint64_t most)
{
	static const money round[] = {0, 1000, 1000, 2000};

	return draw->kind == NETWORK_EQUAL ? round[below(draw, 4)] : (money)below(draw, most);
}

static uint32_t some_steepness(struct draw *draw)
{
	return draw->kind == NETWORK_EQUAL ? 1000 : 1000 + (uint32_t)below(draw, 20) * 1000;
}

static int64_t some_delay(struct draw *draw)
{
	return draw->kind == NETWORK_EQUAL ? (int64_t)between(draw, 1, 2) * CLOCK_MILLISECOND
	                                   : (int64_t)between(draw, 10, 20000) * CLOCK_MICROSECOND;
}

static void add_offer(struct draw *draw, struct site *site, enum resource_kind kind, uint64_t capacity,
                      uint64_t grain, money price)
{
	struct resource_offer *offer = &site->resources[site->resource_count];

	network_add_resource(site, kind, capacity,
	                     chance(draw, 40) ? capacity : below(draw, capacity / grain + 1) * grain,
	                     some_price(draw, (uint64_t)price), some_price(draw, (uint64_t)price));
	offer->steepness = some_steepness(draw);
}

/* What the book derives: cpu.gflops is cpu at the site's calibration. */
static void add_gflops(struct site *site)
{
	struct resource_offer offer = site->resources[0];

	offer.kind = RESOURCE_CPU_GFLOPS;
	offer.capacity = offer.capacity / CORE * site->gflops_per_core;
	offer.free = (uint64_t)((unsigned __int128)offer.free * site->gflops_per_core / CORE);
	offer.base = offer.base * 1000000 / (money)site->gflops_per_core;
	offer.tariff = offer.tariff * 1000000 / (money)site->gflops_per_core;
	site->resources[site->resource_count++] = offer;
}

static void add_resources(struct draw *draw, struct site *site)
{
	site->gflops_per_core = chance(draw, 80) ? between(draw, 10, 60) * CORE + below(draw, CORE) : 0;
	site->core_grams = chance(draw, 70) ? between(draw, 1, 5) * 100 : 0;
	site->start = (int64_t)below(draw, 20) * CLOCK_MILLISECOND;
	add_offer(draw, site, RESOURCE_CPU, between(draw, 2, 16) * CORE, CORE / 4, 20000);
	if (site->gflops_per_core > 0)
		add_gflops(site);
	add_offer(draw, site, RESOURCE_MEMORY, between(draw, 4, 32) * 256 * MEBIBYTE, 64 * MEBIBYTE, 5000);
	if (chance(draw, 30))
		add_offer(draw, site, RESOURCE_GPU, between(draw, 1, 4) * CORE, CORE, 90000);
}

static void add_service(struct draw *draw, const struct site *site)
{
	struct service_offer offer = {.site = site->identity,
	                              .address = {0xfd, 1, (uint8_t)site->identity.site},
	                              .score = 5,
	                              .cpu = between(draw, 0, 4) * CORE / 2,
	                              .memory = below(draw, 4) * 128 * MEBIBYTE,
	                              .processes = 8,
	                              .start = (int64_t)below(draw, 10) * CLOCK_MILLISECOND,
	                              .price = some_price(draw, 3000),
	                              .tariff = some_price(draw, 3000)};

	text_copy(offer.name, sizeof(offer.name), chance(draw, 90) ? "render" : "read");
	for (uint64_t i = between(draw, 1, 2); i > 0; i--) {
		text_copy(offer.version, sizeof(offer.version), versions[below(draw, 3)]);
		offer.address[3] = (uint8_t)i;
		offer.time = (int64_t)between(draw, 1, 100) * CLOCK_MILLISECOND;
		if (view_put_service(draw->network->view, &offer) < 0)
			abort();
	}
}

/* Tight and loose ones, of both classes, of one or of none. */
static void add_ceilings(struct draw *draw, struct link_offer *link)
{
	int64_t tight = link->delay + some_delay(draw) / 8, loose = tight + some_delay(draw);

	link->ceilings[0] = chance(draw, 92) ? tight : 0;
	link->ceilings[1] = chance(draw, 80) ? loose : 0;
}

static void add_links(struct draw *draw, struct site *site)
{
	/* More gateways, fewer links: what is to be tried by force stays small. */
	uint64_t percent = draw->gateways <= 4 ? 75 : draw->gateways == 5 ? 60 : 42;

	for (uint32_t toward = 1; toward <= draw->gateways; toward++) {
		struct link_offer *link;

		if (toward == site->identity.site ||
		    !chance(draw, percent + (draw->kind == NETWORK_SCARCE ? 22 : 17)))
			continue;
		link = network_add_link(site, toward, some_delay(draw),
		                        between(draw, 1, draw->kind == NETWORK_SCARCE ? 12 : 60) * 2 *
		                                MEGABIT,
		                        some_price(draw, 3000));
		link->free = chance(draw, 30) ? link->capacity
		                              : below(draw, link->capacity / MEGABIT + 1) * MEGABIT;
		link->steepness = some_steepness(draw);
		link->tariff = some_price(draw, 3000);
		add_ceilings(draw, link);
	}
}

static void add_gateway(struct draw *draw, uint32_t number)
{
	struct site site = network_site(number, names[number]);

	text_copy(site.region, sizeof(site.region), regions[below(draw, 3)]);
	text_copy(site.operator, sizeof(site.operator), operators[below(draw, 2)]);
	site.model = (enum supply_model)between(draw, SUPPLY_EDGE, SUPPLY_GRID);
	site.trust = (uint32_t)below(draw, 11);
	if (chance(draw, 10))
		site.validity = CLOCK_SECOND / 2;
	if (chance(draw, 80)) {
		add_resources(draw, &site);
		if (chance(draw, 90))
			add_service(draw, &site);
	} else {
		site.model = SUPPLY_TRANSIT;
	}
	add_links(draw, &site);
	network_put(draw->network->view, &site);
	if (chance(draw, 7) &&
	    view_suspect(draw->network->view, site.identity, -2019, NETWORK_NOW + CLOCK_SECOND) < 0)
		abort();
}

static void add_need(struct demand_body *body, enum resource_kind kind, uint64_t amount, bool each)
{
	body->needs[body->need_count++] = (struct demand_need){.kind = kind, .amount = amount, .each = each};
}

static void ask_resources(struct draw *draw, struct demand_body *body)
{
	if (chance(draw, 25))
		add_need(body, RESOURCE_CPU, between(draw, 1, 8) * CORE / 2, chance(draw, 50));
	if (chance(draw, 15))
		add_need(body, RESOURCE_CPU_GFLOPS, between(draw, 5, 120) * CORE, chance(draw, 50));
	if (chance(draw, 30))
		add_need(body, RESOURCE_MEMORY, between(draw, 1, 15) * 100 * MEBIBYTE, chance(draw, 50));
	if (chance(draw, 8))
		add_need(body, RESOURCE_GPU, CORE, chance(draw, 50));
	if (chance(draw, 15))
		body->need_time = (int64_t)between(draw, 1, 30) * 100 * CLOCK_MILLISECOND;
	if (!chance(draw, 45))
		return;
	body->work_present = true;
	if (chance(draw, 50))
		body->work = (struct demand_need){.kind = RESOURCE_CPU,
		                                  .amount = between(draw, 1, 200) * CORE / 10};
	else
		body->work = (struct demand_need){.kind = RESOURCE_CPU_GFLOPS,
		                                  .amount = between(draw, 1, 400) * CORE};
}

static void ask_network(struct draw *draw, struct demand_body *body)
{
	uint64_t most = draw->kind == NETWORK_SCARCE ? 30 : 20;

	if (draw->kind == NETWORK_SCARCE || chance(draw, 45))
		body->bandwidth_up = between(draw, 1, most) * MEGABIT;
	if (draw->kind == NETWORK_SCARCE ? chance(draw, 60) : chance(draw, 45))
		body->bandwidth_down = between(draw, 1, most) * MEGABIT;
	if (chance(draw, 35))
		body->network_within = (int64_t)between(draw, 2, 90) * CLOCK_MILLISECOND;
	if (chance(draw, 20))
		body->respond_within = (int64_t)between(draw, 40, 3000) * CLOCK_MILLISECOND;
	if (chance(draw, 30))
		body->finish_within = (int64_t)between(draw, 100, 9000) * CLOCK_MILLISECOND;
	for (uint32_t i = 0; i < 2; i++)
		if (chance(draw, 35))
			body->data[body->data_count++] =
			        (struct demand_data){.direction = (enum data_direction)below(draw, 2),
			                             .each = chance(draw, 30),
			                             .blob = chance(draw, 30),
			                             .size = between(draw, 1, 2000) * 1000};
}

/* Ceilings hold only where both directions are reserved. */
static void ask_guarantee(struct draw *draw, struct demand_body *body)
{
	if (chance(draw, 30))
		return;
	body->network_guaranteed = true;
	body->network_within = (int64_t)between(draw, 12, 60) * CLOCK_MILLISECOND;
	if (body->bandwidth_up == 0)
		body->bandwidth_up = between(draw, 1, 10) * MEGABIT;
	if (body->bandwidth_down == 0)
		body->bandwidth_down = between(draw, 1, 10) * MEGABIT;
}

/* Holds what is needed: for the traffic with a service, or at any site. */
static void ask_reservation(struct draw *draw, struct demand_body *body)
{
	body->reserve_time = (int64_t)between(draw, 1, 800) * 100 * CLOCK_MILLISECOND;
	ask_resources(draw, body);
	ask_network(draw, body);
	ask_guarantee(draw, body);
	body->need_time = 0;
	body->work_present = false;
	body->work = (struct demand_need){.amount = 0};
	body->respond_within = 0;
	body->finish_within = 0;
	body->data_count = 0;
	memset(body->data, 0, sizeof(body->data));
	if (body->bandwidth_up > 0 || body->bandwidth_down > 0)
		text_copy(body->service, sizeof(body->service), "render");
	else if (body->need_count == 0)
		add_need(body, RESOURCE_CPU, CORE, false);
}

static void ask_split(struct draw *draw, struct demand_body *body)
{
	uint64_t most = draw->gateways <= 4 ? 4 : draw->gateways == 5 ? 3 : 2;

	if (draw->kind != NETWORK_SCARCE && chance(draw, 40))
		return;
	body->split = (uint32_t)between(draw, 2, most);
	body->split_exactly = chance(draw, 35);
	if (!body->split_exactly && body->work_present && chance(draw, 25))
		body->split_least =
		        (struct demand_need){.kind = body->work.kind, .amount = body->work.amount / 3 + 1};
}

static void ask_place(struct draw *draw, struct demand *demand)
{
	while (demand->region_count < 2 && chance(draw, 12))
		text_copy(demand->regions[demand->region_count++], SITE_TEXT, regions[below(draw, 3)]);
	if (chance(draw, 8))
		text_copy(demand->operators[demand->operator_count++], SITE_TEXT, operators[below(draw, 2)]);
	if (chance(draw, 8)) {
		demand->models[demand->model_count++] = SUPPLY_CLOUD;
		demand->models[demand->model_count++] = SUPPLY_EDGE;
	}
	if (chance(draw, 12))
		demand->trust = (uint32_t)between(draw, 1, 4);
}

static void ask(struct draw *draw, struct demand *demand)
{
	struct demand_body *body = &demand->body;

	demand->prefer = (enum demand_prefer)below(draw, PREFER_CHOICES);
	if (chance(draw, 35)) {
		ask_reservation(draw, body);
		ask_place(draw, demand);
		return;
	}
	if (chance(draw, 60)) {
		text_copy(body->service, sizeof(body->service), chance(draw, 95) ? "render" : "sing");
		if (chance(draw, 20))
			text_copy(body->version, sizeof(body->version), versions[below(draw, 3)]);
	} else if (demand_add_argument(body, "job") < 0) {
		abort();
	}
	ask_resources(draw, body);
	ask_network(draw, body);
	ask_split(draw, body);
	ask_place(draw, demand);
}

/* A budget near what the best plan without one holds: a little below, or above. */
static void ask_budget(struct draw *draw, struct network *network)
{
	struct arena *arena = arena_create(64 << 20);
	struct plan plan;

	if (arena == NULL || map_demand(network->view, &network->request, arena, &plan) < 0)
		abort();
	if (plan.status == 0)
		network->demand.budget = MAXIMUM(plan.hold * (money)between(draw, 85, 120) / 100, 1);
	else
		network->demand.budget = (money)between(draw, 1, 1000000);
	(void)arena_free(arena);
}

void network_open(struct network *network, enum network_kind kind, uint64_t seed)
{
	struct draw draw = {.kind = kind, .network = network};

	*network = (struct network){.view = network_view()};
	if (network->view == NULL)
		abort();
	random_seed(&draw.random, seed * NETWORK_KINDS + (uint64_t)kind);
	draw.gateways = (uint32_t)between(&draw, 2, kind == NETWORK_SCARCE ? 5 : 7);
	for (uint32_t number = 1; number <= draw.gateways; number++)
		add_gateway(&draw, number);
	ask(&draw, &network->demand);
	network->request = (struct map_request){
	        .demand = &network->demand,
	        .ingress = network_identity((uint32_t)between(&draw, 1, draw.gateways)),
	        .access_up = (int64_t)below(&draw, 5000) * CLOCK_MICROSECOND,
	        .access_down = (int64_t)below(&draw, 5000) * CLOCK_MICROSECOND,
	        .access_ceiling_up = chance(&draw, 90) ? 5 * CLOCK_MILLISECOND : 0,
	        .access_ceiling_down = chance(&draw, 90) ? 6 * CLOCK_MILLISECOND : 0,
	        .spot = chance(&draw, 40),
	        .now = NETWORK_NOW,
	};
	if (kind == NETWORK_POOR || chance(&draw, 15))
		ask_budget(&draw, network);
	random_seed(&network->random, seed);
	if (chance(&draw, 50))
		network->request.random = &network->random;
}

void network_close(struct network *network)
{
	network->view = view_free(network->view);
}
