/* SPDX-License-Identifier: Apache-2.0 */
#include "brute_force.h"

#include "base/clock.h"
#include "base/error.h"
#include "view/age.h"
#include <errno.h>
#include <string.h>

enum { WAYS = 4096, CHOICES = 4096, PARTS = 8 };

__extension__ typedef unsigned __int128 wide;

/* A loop-free path; links as (owner's index in the view, index of the link). */
struct way {
	uint32_t hops;
	uint32_t nodes[PLAN_HOPS];
	uint32_t links[PLAN_HOPS], backs[PLAN_HOPS]; /* of hop i: to the next one, and from that back */
	int64_t delay;
	bool broken[LINK_CLASSES]; /* some link promises no ceiling in the class */
	int64_t ceilings_up[LINK_CLASSES], ceilings_down[LINK_CLASSES];
	wide price, tariff; /* rate x price: money x 10^-6 per second */
	uint64_t least_up, least_down;
};

/* One part at a site over a path. */
struct choice {
	const struct site *site;
	const struct way *way;
	struct plan_part part; /* figures that do not depend on how many parts are at the site */
	money link_price, link_tariff, link_hold;
	int64_t carbon; /* as it is compared */
	uint32_t most;
	money price[PARTS], hold[PARTS]; /* behind so many parts at the site */
};

struct total {
	int64_t primary;
	money price;
	int64_t finish;
	money hold;
};

struct best {
	bool found;
	struct total total;
	uint32_t count;
	struct plan_part parts[PARTS];
};

struct force {
	const struct view *view;
	const struct map_request *request;
	const struct demand *demand;
	uint32_t parts;
	uint64_t up, down; /* of one part */
	struct way *ways;
	uint32_t way_count;
	struct choice *choices;
	uint32_t choice_count;
	uint32_t picked[PARTS];
	uint64_t steps;
	bool any_hold; /* the budget is left aside and the least hold looked for */
	struct best best;
	int error;
};

static uint64_t share(uint64_t amount, uint32_t parts)
{
	return (amount + parts - 1) / parts;
}

static uint64_t need(const struct force *force, enum resource_kind kind)
{
	const struct demand_body *body = &force->demand->body;

	for (uint32_t i = 0; i < body->need_count; i++)
		if (body->needs[i].kind == kind)
			return body->needs[i].each ? body->needs[i].amount
			                           : share(body->needs[i].amount, force->parts);
	return 0;
}

static const struct link_offer *link_to(const struct site *site, struct gateway_identity toward,
                                        uint32_t *ret_index)
{
	for (uint32_t i = 0; i < site->link_count; i++) {
		if (!gateway_equal(site->links[i].toward, toward))
			continue;
		*ret_index = i;
		return &site->links[i];
	}
	return NULL;
}

/* ---- Paths ---- */

static bool visited(const struct way *way, uint32_t node)
{
	for (uint32_t i = 0; i < way->hops; i++)
		if (way->nodes[i] == node)
			return true;
	return false;
}

/* Whether a direction of a link has what one part asks of it. */
static bool carries(const struct force *force, const struct link_offer *link, enum data_direction direction)
{
	uint64_t rate = direction == DATA_IN ? force->up : force->down;

	if (rate > 0)
		return link->free >= rate;
	return link->free > 0 || demand_data_size(&force->demand->body, direction, force->parts) == 0;
}

static void add_ceilings(struct way *way, const struct link_offer *link, const struct link_offer *back)
{
	for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
		way->broken[class] |= link->ceilings[class] == 0 || back->ceilings[class] == 0;
		way->ceilings_up[class] += link->ceilings[class];
		way->ceilings_down[class] += back->ceilings[class];
	}
}

static uint32_t staleness(const struct force *force, const struct site *site)
{
	return view_staleness(&view_facts(site)->structure, force->request->now);
}

/* Prices age, charges do not. */
static void add_prices(const struct force *force, struct way *way, const struct link_offer *link,
                       const struct site *owner, uint64_t rate, uint64_t total)
{
	money tariff = force->request->spot ? link_price(link, total) : link->tariff;

	way->price += (wide)rate * (uint64_t)view_link_price(link, total, staleness(force, owner));
	way->tariff += (wide)rate * (uint64_t)tariff;
}

static void walk(struct force *force, const struct way *way)
{
	uint32_t last = way->nodes[way->hops - 1];
	const struct site *here = view_site_at(force->view, last);

	if (force->way_count == WAYS) {
		force->error = BUSBAR_ERROR_TOO_LARGE;
		return;
	}
	force->ways[force->way_count++] = *way;
	for (uint32_t i = 0; i < here->link_count && way->hops < PLAN_HOPS; i++) {
		const struct link_offer *link = &here->links[i], *back;
		int index = view_site_index(force->view, link->toward);
		struct way next = *way;

		if (index < 0 || visited(way, (uint32_t)index) ||
		    view_suspected(force->view, link->toward, force->request->now) != 0)
			continue;
		next.links[way->hops - 1] = i;
		back = link_to(view_site_at(force->view, (size_t)index), here->identity,
		               &next.backs[way->hops - 1]);
		if (back == NULL || !carries(force, link, DATA_IN) || !carries(force, back, DATA_OUT))
			continue;
		next.nodes[next.hops++] = (uint32_t)index;
		next.delay += link->delay + back->delay;
		add_ceilings(&next, link, back);
		add_prices(force, &next, link, here, force->up, force->demand->body.bandwidth_up);
		add_prices(force, &next, back, view_site_at(force->view, (size_t)index), force->down,
		           force->demand->body.bandwidth_down);
		next.least_up = MINIMUM(next.least_up, link->free);
		next.least_down = MINIMUM(next.least_down, back->free);
		walk(force, &next);
	}
}

static void list_ways(struct force *force)
{
	int ingress = view_site_index(force->view, force->request->ingress);

	force->way_count = 0;
	if (ingress >= 0)
		walk(force, &(struct way){.hops = 1,
		                          .nodes = {(uint32_t)ingress},
		                          .least_up = UINT64_MAX,
		                          .least_down = UINT64_MAX});
}

/* ---- What a site would do ---- */

static bool named(const char (*names)[SITE_TEXT], uint32_t count, const char *name)
{
	bool found = count == 0;

	for (uint32_t i = 0; i < count; i++)
		found = found || strcmp(names[i], name) == 0;
	return found;
}

static bool admitted(const struct force *force, const struct site *site)
{
	const struct demand *demand = force->demand;
	bool model = demand->model_count == 0;

	for (uint32_t i = 0; i < demand->model_count; i++)
		model = model || demand->models[i] == site->model;
	return site->resource_count > 0 && model && site->trust >= demand->trust &&
	       named(demand->regions, demand->region_count, site->region) &&
	       named(demand->operators, demand->operator_count, site->operator) &&
	       view_suspected(force->view, site->identity, force->request->now) == 0;
}

/* Newer: versions compared number by number. */
static const struct view_service *newest(const struct force *force, const struct site *site)
{
	const struct demand_body *body = &force->demand->body;
	const struct view_service *best = NULL;

	for (size_t i = 0; i < view_service_count(force->view); i++) {
		const struct view_service *offer = view_service_at(force->view, i);

		if (strcmp(offer->title->name, body->service) != 0 ||
		    !gateway_equal(offer->site, site->identity) ||
		    (body->version[0] != '\0' && strcmp(body->version, offer->title->version) != 0))
			continue;
		if (best == NULL || strverscmp(offer->title->version, best->title->version) > 0)
			best = offer;
	}
	return best;
}

/* Micro-cores behind GFLOPS, rounded up. */
static uint64_t cores_behind(const struct site *site, uint64_t gflops)
{
	return (uint64_t)(((wide)gflops * 1000000 + site->gflops_per_core - 1) / site->gflops_per_core);
}

static uint64_t cores_for(const struct force *force, const struct site *site,
                          const struct view_service *service, uint64_t cores)
{
	uint64_t own = need(force, RESOURCE_CPU), gflops = need(force, RESOURCE_CPU_GFLOPS);

	if (own > 0 && gflops > 0 && site->gflops_per_core > 0)
		own = MAXIMUM(own, cores_behind(site, gflops));
	if (force->demand->body.reserve_time > 0)
		return own;
	if (force->demand->body.work_present)
		return own > 0 ? own : cores;
	if (service != NULL)
		return MAXIMUM(own, service->cpu);
	return own > 0 ? own : 1000000;
}

static int64_t time_for(const struct force *force, const struct site *site,
                        const struct view_service *service, uint64_t cores)
{
	const struct demand_body *body = &force->demand->body;
	uint64_t rate = 0, work = share(body->work.amount, force->parts);

	if (body->reserve_time > 0)
		return body->reserve_time;
	if (body->need_time > 0)
		return body->need_time;
	if (!body->work_present)
		return service != NULL ? service->time : 60 * CLOCK_SECOND;
	if (body->work.kind == RESOURCE_CPU)
		rate = cores_for(force, site, service, cores);
	else if (need(force, body->work.kind) > 0)
		rate = need(force, body->work.kind);
	else if (body->work.kind == RESOURCE_CPU_GFLOPS)
		rate = (uint64_t)((wide)cores_for(force, site, service, cores) * site->gflops_per_core /
		                  1000000);
	if (rate == 0)
		return -1;
	return (int64_t)(((wide)work * 1000000000 + rate - 1) / rate);
}

static int64_t movement(const struct force *force, const struct way *way, enum data_direction direction)
{
	uint64_t size = demand_data_size(&force->demand->body, direction, force->parts);
	uint64_t rate = direction == DATA_IN ? force->up : force->down;

	if (rate == 0)
		rate = direction == DATA_IN ? way->least_up : way->least_down;
	return way->hops == 1 || size == 0 ? 0 : (int64_t)((wide)size * 8000000000 / rate);
}

/* The loosest class that all links promise and that keeps to the limit, where there is a hard one. */
static void promise(const struct force *force, const struct way *way, struct plan_path *path)
{
	const struct map_request *request = force->request;
	const struct demand_body *body = &force->demand->body;
	int64_t access = request->access_ceiling_up + request->access_ceiling_down;
	bool found = false;

	for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
		int64_t up = way->ceilings_up[class], down = way->ceilings_down[class];

		if (way->broken[class] || (body->network_guaranteed && body->network_within > 0 &&
		                           access + up + down > body->network_within))
			continue;
		found = true;
		path->class = class;
		path->bound_up = request->access_ceiling_up + up;
		path->bound_down = request->access_ceiling_down + down;
	}
	path->measured = !found || request->access_ceiling_up == 0 || request->access_ceiling_down == 0 ||
	                 (way->hops > 1 && (force->up == 0 || force->down == 0));
	if (path->measured)
		path->bound_up = path->bound_down = 0;
}

/* Where a way to the site was measured to be longer than its links say, all count as at least so long. */
static int64_t delay_of(const struct force *force, const struct way *way)
{
	const struct view_facts *facts = view_facts(view_site_at(force->view, way->nodes[way->hops - 1]));

	return facts->contradicted & 1U << VIEW_PATH_DELAY ? MAXIMUM(way->delay, 2 * facts->path.delay)
	                                                   : way->delay;
}

static struct plan_part figures(const struct force *force, const struct way *way, int64_t start, int64_t time)
{
	const struct map_request *request = force->request;
	struct plan_part part = {.start = start, .time = time};
	int64_t margin = force->demand->body.need_time > 0 ? 1 : PLAN_TIME_MARGIN;

	part.transfer_in = movement(force, way, DATA_IN);
	part.transfer_out = movement(force, way, DATA_OUT);
	part.network = request->access_up + delay_of(force, way) + request->access_down;
	part.respond = part.network + start + time;
	part.finish = part.respond + part.transfer_in + part.transfer_out;
	part.limit = PLAN_TIME_MARGIN * (part.transfer_in + start) + margin * time;
	part.reserve = part.limit + PLAN_TIME_MARGIN * part.transfer_out + PLAN_RESERVE_GRACE;
	if (force->demand->body.reserve_time > 0)
		part.limit = part.reserve = MINIMUM(time, PLAN_RESERVATION_LIFETIME);
	promise(force, way, &part.path);
	return part;
}

static bool in_time(const struct force *force, const struct plan_part *part)
{
	const struct demand_body *body = &force->demand->body;

	return (body->network_guaranteed
	                ? !part->path.measured
	                : body->network_within == 0 || part->network <= body->network_within) &&
	       (body->respond_within == 0 || part->respond <= body->respond_within) &&
	       (body->finish_within == 0 || part->finish <= body->finish_within);
}

static bool any_in_time(const struct force *force, uint32_t node, int64_t start, int64_t time)
{
	for (uint32_t i = 0; i < force->way_count; i++) {
		const struct way *way = &force->ways[i];
		struct plan_part part = figures(force, way, start, time);

		if (way->nodes[way->hops - 1] == node && in_time(force, &part))
			return true;
	}
	return false;
}

/* One core, or as many as it takes; 0 when no number of free whole cores is enough. */
static uint64_t find_cores(const struct force *force, const struct site *site,
                           const struct view_service *service, uint32_t node, int64_t start)
{
	const struct demand_body *body = &force->demand->body;
	const struct resource_offer *cpu = site_resource(site, RESOURCE_CPU);
	bool open = body->work_present && body->need_time == 0 && need(force, RESOURCE_CPU) == 0 &&
	            need(force, RESOURCE_CPU_GFLOPS) == 0 &&
	            (body->work.kind == RESOURCE_CPU || body->work.kind == RESOURCE_CPU_GFLOPS);

	if (!open)
		return 1000000;
	for (uint64_t cores = 1000000; cpu != NULL && cores <= cpu->free; cores += 1000000)
		if (any_in_time(force, node, start, time_for(force, site, service, cores)))
			return cores;
	return 0;
}

static void claim(struct plan_part *part, enum resource_kind kind, uint64_t amount)
{
	if (amount > 0 && part->claim_count < PLAN_CLAIMS)
		part->claims[part->claim_count++] = (struct plan_claim){.kind = kind, .amount = amount};
}

static void list_claims(const struct force *force, const struct site *site,
                        const struct view_service *service, uint64_t cores, struct plan_part *part)
{
	bool reservation = force->demand->body.reserve_time > 0;
	uint64_t memory = need(force, RESOURCE_MEMORY);

	if (!reservation && service != NULL)
		memory = MAXIMUM(memory, service->memory);
	if (need(force, RESOURCE_CPU_GFLOPS) == 0 || need(force, RESOURCE_CPU) > 0)
		claim(part, RESOURCE_CPU, cores_for(force, site, service, cores));
	claim(part, RESOURCE_MEMORY, memory > 0 || reservation ? memory : UINT64_C(128) << 20);
	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		if (kind != RESOURCE_CPU && kind != RESOURCE_MEMORY &&
		    (kind != RESOURCE_CPU_GFLOPS || need(force, RESOURCE_CPU) == 0 ||
		     site->gflops_per_core == 0))
			claim(part, (enum resource_kind)kind, need(force, (enum resource_kind)kind));
}

/* Parts that the site has room for. GFLOPS come out of the same cores, each claim rounded up to micro-cores.
 */
static uint64_t room(const struct site *site, const struct plan_part *part)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < part->claim_count; i++) {
		const struct resource_offer *offer = site_resource(site, part->claims[i].kind);
		const struct resource_offer *cpu = site_resource(site, RESOURCE_CPU);
		uint64_t amount = part->claims[i].amount;

		least = MINIMUM(least, offer == NULL ? 0 : offer->free / amount);
		if (part->claims[i].kind == RESOURCE_CPU_GFLOPS && cpu != NULL && site->gflops_per_core > 0)
			least = MINIMUM(least, cpu->free / cores_behind(site, amount));
	}
	return least;
}

static uint64_t carbon_of(const struct site *site, const struct plan_part *part)
{
	wide cores = 0;

	for (uint32_t i = 0; i < part->claim_count; i++) {
		wide amount = part->claims[i].amount;

		if (part->claims[i].kind == RESOURCE_CPU_GFLOPS && site->gflops_per_core > 0)
			amount = cores_behind(site, part->claims[i].amount);
		else if (part->claims[i].kind != RESOURCE_CPU)
			continue;
		cores = MAXIMUM(cores, amount);
	}
	return (uint64_t)(cores * site->core_grams * (uint64_t)part->time / ((wide)1000000 * 1000000000));
}

/* A reservation pays for its whole time however often it is refreshed, and for the grace. */
static int64_t payable(const struct force *force, const struct plan_part *part, int64_t held)
{
	return force->demand->body.reserve_time > 0 ? part->time + PLAN_RESERVE_GRACE : held;
}

/* Money of a rate (money x 10^-6 per second) over a time. */
static money over(wide rate, int64_t time, bool up)
{
	const wide unit = (wide)1000000 * 1000000000;

	return (money)((rate * (uint64_t)time + (up ? unit - 1 : unit / 2)) / unit);
}

static void add_choice(struct force *force, const struct site *site, const struct way *way,
                       const struct plan_part *claims, uint32_t most, int64_t start)
{
	struct choice choice = {.site = site, .way = way, .most = most};
	struct plan_part part = figures(force, way, start, claims->time);
	int64_t held = part.start + part.time + part.transfer_in + part.transfer_out;
	bool asked = force->up > 0 || force->down > 0;

	if (!in_time(force, &part))
		return;
	if (force->choice_count == CHOICES) {
		force->error = BUSBAR_ERROR_TOO_LARGE;
		return;
	}
	part.site = site->identity;
	part.claim_count = claims->claim_count;
	memcpy(part.claims, claims->claims, sizeof(part.claims));
	part.call_price = claims->call_price;
	part.call_tariff = claims->call_tariff;
	part.carbon = carbon_of(site, &part);
	part.path.hop_count = way->hops;
	for (uint32_t i = 0; i < way->hops; i++)
		part.path.hops[i] = view_site_at(force->view, way->nodes[i])->identity;
	choice.carbon = part.carbon == 0 ? INT64_MAX / 1024 : (int64_t)part.carbon;
	choice.link_price = over(way->price, held, false);
	choice.link_tariff = over(way->tariff, held, false);
	choice.link_hold = asked ? over(way->tariff, payable(force, &part, part.reserve), true) +
	                                   2 * (money)(way->hops - 1)
	                         : 0;
	choice.part = part;
	force->choices[force->choice_count++] = choice;
}

static void list_choices_of(struct force *force, const struct site *site, uint32_t node)
{
	bool named_service = force->demand->body.service[0] != '\0';
	const struct view_service *service = named_service ? newest(force, site) : NULL;
	bool runs = force->demand->body.reserve_time == 0;
	int64_t start = !runs ? 0 : service != NULL ? service->start : site->start;
	struct plan_part claims = {.claim_count = 0};
	uint64_t cores, most;

	if (!admitted(force, site) || (named_service && service == NULL))
		return;
	cores = find_cores(force, site, service, node, start);
	if (cores == 0)
		return;
	claims.time = time_for(force, site, service, cores);
	if (claims.time < 0)
		return;
	if (runs && service != NULL) {
		claims.call_price = view_aged_price(service->price, staleness(force, site));
		claims.call_tariff = force->request->spot ? service->price : service->tariff;
	}
	list_claims(force, site, service, cores, &claims);
	most = room(site, &claims);
	for (uint32_t i = 0; i < force->way_count && most > 0; i++)
		if (force->ways[i].nodes[force->ways[i].hops - 1] == node)
			add_choice(force, site, &force->ways[i], &claims, (uint32_t)MINIMUM(most, PARTS),
			           start);
}

/* The part with its money, when `before` parts are at its site already. */
static struct plan_part priced(const struct force *force, const struct choice *choice, uint32_t before)
{
	struct plan_part part = choice->part;

	part.price = choice->link_price + part.call_price;
	part.tariff = choice->link_tariff + part.call_tariff;
	part.hold = choice->link_hold + part.call_tariff;
	for (uint32_t i = 0; i < part.claim_count; i++) {
		struct plan_claim *item = &part.claims[i];
		const struct resource_offer *offer = site_resource(choice->site, item->kind);
		uint64_t scale = resource_descriptions[item->kind].price_scale;
		money price = 0, tariff = 0, hold = 0;

		item->price = view_resource_price(offer, item->amount * (before + 1),
		                                  staleness(force, choice->site));
		item->tariff = force->request->spot ? resource_price(offer, item->amount * (before + 1))
		                                    : offer->tariff;
		if (money_charge(item->amount, scale, part.time, item->price, &price) < 0 ||
		    money_charge(item->amount, scale, part.time, item->tariff, &tariff) < 0 ||
		    money_charge(item->amount, scale, payable(force, &part, part.limit), item->tariff,
		                 &hold) < 0)
			return (struct plan_part){.price = INT64_MAX / 64, .hold = INT64_MAX / 64};
		part.price += price;
		part.tariff += tariff;
		part.hold += hold;
	}
	return part;
}

/* In the order of the prices of their paths: so parts of one site take their places. */
static void list_choices(struct force *force)
{
	force->choice_count = 0;
	for (uint32_t i = 0; i < view_site_count(force->view); i++)
		list_choices_of(force, view_site_at(force->view, i), i);
	for (uint32_t i = 1; i < force->choice_count; i++) {
		struct choice choice = force->choices[i];
		uint32_t at = i;

		for (; at > 0 && force->choices[at - 1].link_price > choice.link_price; at--)
			force->choices[at] = force->choices[at - 1];
		force->choices[at] = choice;
	}
	for (uint32_t i = 0; i < force->choice_count; i++) {
		struct choice *choice = &force->choices[i];

		for (uint32_t before = 0; before < choice->most; before++) {
			struct plan_part part = priced(force, choice, before);

			choice->price[before] = part.price;
			choice->hold[before] = part.hold;
		}
	}
}

/* ---- Distributions ---- */

/* Bandwidth that the picked parts take of one direction of a link. */
static uint64_t taken(const struct force *force, uint32_t count, uint32_t owner, uint32_t link)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct way *way = force->choices[force->picked[i]].way;

		for (uint32_t hop = 0; hop + 1 < way->hops; hop++) {
			if (way->nodes[hop] == owner && way->links[hop] == link)
				sum += force->up;
			if (way->nodes[hop + 1] == owner && way->backs[hop] == link)
				sum += force->down;
		}
	}
	return sum;
}

static bool links_suffice(const struct force *force, uint32_t count)
{
	const struct way *way = force->choices[force->picked[count - 1]].way;

	for (uint32_t hop = 0; hop + 1 < way->hops && (force->up > 0 || force->down > 0); hop++) {
		const struct site *near = view_site_at(force->view, way->nodes[hop]);
		const struct site *far = view_site_at(force->view, way->nodes[hop + 1]);

		if (taken(force, count, way->nodes[hop], way->links[hop]) > near->links[way->links[hop]].free)
			return false;
		if (taken(force, count, way->nodes[hop + 1], way->backs[hop]) >
		    far->links[way->backs[hop]].free)
			return false;
	}
	return true;
}

static bool beats(const struct force *force, const struct total *total)
{
	const struct total *best = &force->best.total;

	if (!force->best.found || total->primary != best->primary)
		return !force->best.found || total->primary < best->primary;
	return total->price != best->price ? total->price < best->price : total->finish < best->finish;
}

/* Picked parts at the same site as the choice. */
static uint32_t beside(const struct force *force, const struct choice *choice, uint32_t count)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < count; i++)
		before += force->choices[force->picked[i]].site == choice->site;
	return before;
}

static struct total add(const struct force *force, const struct total *total, const struct choice *choice,
                        uint32_t before)
{
	struct total sum = *total;

	sum.hold += choice->hold[before];
	sum.price += force->any_hold ? choice->hold[before] : choice->price[before];
	sum.finish = MAXIMUM(sum.finish, choice->part.finish);
	if (force->any_hold)
		return sum;
	if (force->demand->prefer == PREFER_LATENCY)
		sum.primary = sum.finish;
	if (force->demand->prefer == PREFER_CARBON)
		sum.primary += choice->carbon;
	return sum;
}

static void keep(struct force *force, const struct total *total)
{
	force->best.found = true;
	force->best.total = *total;
	force->best.count = force->parts;
	for (uint32_t i = 0; i < force->parts; i++) {
		const struct choice *choice = &force->choices[force->picked[i]];

		force->best.parts[i] = priced(force, choice, beside(force, choice, i));
	}
}

static void pick(struct force *force, uint32_t count, uint32_t first, const struct total *total)
{
	if (count == force->parts) {
		if (beats(force, total))
			keep(force, total);
		return;
	}
	for (uint32_t i = first; i < force->choice_count && force->error == 0; i++) {
		const struct choice *choice = &force->choices[i];
		const struct total *best = &force->best.total;
		uint32_t before = beside(force, choice, count);
		struct total next;

		if (++force->steps > BRUTE_FORCE_STEPS)
			force->error = BUSBAR_ERROR_TOO_LARGE;
		force->picked[count] = i;
		if (before == choice->most || !links_suffice(force, count + 1))
			continue;
		next = add(force, total, choice, before);
		if (!force->any_hold && force->demand->budget > 0 && next.hold > force->demand->budget)
			continue;
		/* Every further part only adds: what is worse already stays worse. */
		if (force->best.found && (next.primary > best->primary ||
		                          (next.primary == best->primary && next.price > best->price)))
			continue;
		pick(force, count + 1, i, &next);
	}
}

static void open_parts(struct force *force, uint32_t parts)
{
	force->parts = parts;
	force->up = share(force->demand->body.bandwidth_up, parts);
	force->down = share(force->demand->body.bandwidth_down, parts);
	list_ways(force);
	list_choices(force);
}

static void try_all(struct force *force)
{
	const struct demand_body *body = &force->demand->body;
	uint32_t most = MAXIMUM(body->split, 1U);

	if (!body->split_exactly && body->work_present && body->split_least.amount > 0)
		while (most > 1 && body->work.amount / most < body->split_least.amount)
			most--;
	for (uint32_t parts = body->split_exactly ? most : 1; parts <= most && force->error == 0; parts++) {
		struct total nothing = {.primary = 0};

		open_parts(force, parts);
		if (force->error == 0)
			pick(force, 0, 0, &nothing);
	}
}

static int status_of(struct force *force, money *ret_hold)
{
	const struct demand_body *body = &force->demand->body;
	bool known = body->service[0] == '\0';

	for (size_t i = 0; i < view_service_count(force->view); i++)
		known = known || strcmp(view_service_at(force->view, i)->title->name, body->service) == 0;
	if (!known)
		return BUSBAR_ERROR_UNKNOWN_SERVICE;
	if (force->demand->budget == 0)
		return BUSBAR_ERROR_INFEASIBLE;
	force->any_hold = true;
	try_all(force);
	*ret_hold = force->best.total.hold;
	return force->best.found ? BUSBAR_ERROR_BUDGET : BUSBAR_ERROR_INFEASIBLE;
}

static int fill(const struct force *force, struct arena *arena, struct plan *plan)
{
	plan->part_count = force->best.count;
	plan->parts = arena_copy(arena, force->best.parts, force->best.count * sizeof(*plan->parts));
	if (plan->parts == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < plan->part_count; i++) {
		plan->price += plan->parts[i].price;
		plan->tariff += plan->parts[i].tariff;
		plan->hold += plan->parts[i].hold;
		plan->network = MAXIMUM(plan->network, plan->parts[i].network);
		plan->respond = MAXIMUM(plan->respond, plan->parts[i].respond);
		plan->finish = MAXIMUM(plan->finish, plan->parts[i].finish);
	}
	return 0;
}

static int open_force(struct force *force, struct arena *arena)
{
	force->ways = arena_array(arena, WAYS, sizeof(*force->ways));
	force->choices = arena_array(arena, CHOICES, sizeof(*force->choices));
	return force->ways == NULL || force->choices == NULL ? -ENOMEM : 0;
}

int brute_force_choices(const struct view *view, const struct map_request *request, uint32_t parts,
                        struct arena *arena, struct plan_part **ret_parts, uint32_t *ret_count)
{
	struct force force = {.view = view, .request = request, .demand = request->demand};
	struct plan_part *list;
	int code = open_force(&force, arena);

	if (code < 0)
		return code;
	open_parts(&force, parts);
	list = arena_array(arena, force.choice_count + 1, sizeof(*list));
	if (force.error < 0 || list == NULL)
		return force.error < 0 ? force.error : -ENOMEM;
	for (uint32_t i = 0; i < force.choice_count; i++)
		list[i] = priced(&force, &force.choices[i], 0);
	*ret_parts = list;
	*ret_count = force.choice_count;
	return 0;
}

int brute_force_best(const struct view *view, const struct map_request *request, struct arena *arena,
                     struct plan *ret_plan)
{
	const struct demand *demand = request->demand;
	struct force force = {.view = view, .request = request, .demand = demand};
	struct plan plan = {.exact = true};
	int code = 0;

	if (demand->stage_count > 0 || demand->affinity[0] != '\0' || demand->offload) {
		*ret_plan = (struct plan){.status = BUSBAR_ERROR_NOT_SUPPORTED};
		return 0;
	}
	if (demand->body.split > PARTS)
		return BUSBAR_ERROR_TOO_LARGE;
	code = open_force(&force, arena);
	if (code < 0)
		return code;
	try_all(&force);
	if (force.error == 0 && force.best.found)
		code = fill(&force, arena, &plan);
	else if (force.error == 0)
		plan.status = status_of(&force, &plan.hold);
	if (code == 0)
		code = force.error;
	if (code == 0)
		*ret_plan = plan;
	return code;
}
