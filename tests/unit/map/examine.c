/* SPDX-License-Identifier: Apache-2.0 */
#include "examine.h"

#include "base/clock.h"
#include "brute_force.h"
#include "view/age.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES_ARENA = 32 << 20, SITES = 32 };

__extension__ typedef unsigned __int128 wide;

struct examination {
	const struct view *view;
	const struct map_request *request;
	const struct demand *demand;
	const struct plan *plan;
	uint32_t parts; /* the number that the reasons speak of */
	struct arena *arena;
	struct plan_part *choices;
	uint32_t choice_count;
	uint64_t used[SITES][SITE_LINKS]; /* by all parts; for the reasons, by all but one */
	char *complaint;
};

static bool PRINTF(2, 3) complain(struct examination *examination, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(examination->complaint, EXAMINE_TEXT, format, arguments);
	va_end(arguments);
	return false;
}

#define EXPECT(examination, actual, expected)                                                         \
	do {                                                                                          \
		int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                 \
		if (actual_ != expected_)                                                             \
			return complain(examination, "%s is %" PRId64 ", expected %" PRId64, #actual, \
			                actual_, expected_);                                          \
	} while (0)
#define EXPECT_TRUE(examination, condition)                                     \
	do {                                                                    \
		if (!(condition))                                               \
			return complain(examination, "not so: %s", #condition); \
	} while (0)

static uint64_t share(uint64_t amount, uint32_t parts)
{
	return amount / parts + (amount % parts > 0);
}

static const struct link_offer *find_link(const struct view *view, struct gateway_identity from,
                                          struct gateway_identity toward, uint64_t **used,
                                          struct examination *examination)
{
	const struct site *site = view_site(view, from);

	for (uint32_t i = 0; site != NULL && i < site->link_count; i++) {
		if (!gateway_equal(site->links[i].toward, toward))
			continue;
		*used = &examination->used[view_site_index(view, from)][i];
		return &site->links[i];
	}
	return NULL;
}

static uint32_t staleness(const struct examination *examination, struct gateway_identity site)
{
	return view_staleness(&view_facts(view_site(examination->view, site))->structure,
	                      examination->request->now);
}

/* ---- Figures ---- */

/* Of the link that leaves the gateway `hop`, and of the one back. */
static bool examine_prices(struct examination *examination, const struct plan_path *path, uint32_t hop,
                           const struct link_offer *link, const struct link_offer *back)
{
	const struct demand_body *body = &examination->demand->body;
	const struct plan_link *shown = &path->links[hop];
	bool spot = examination->request->spot;

	EXPECT(examination, shown->price,
	       view_link_price(link, body->bandwidth_up, staleness(examination, path->hops[hop])));
	EXPECT(examination, shown->back_price,
	       view_link_price(back, body->bandwidth_down, staleness(examination, path->hops[hop + 1])));
	EXPECT(examination, shown->tariff, spot ? link_price(link, body->bandwidth_up) : link->tariff);
	EXPECT(examination, shown->back_tariff, spot ? link_price(back, body->bandwidth_down) : back->tariff);
	return true;
}

/* Ceilings of a class over a path, both directions and the access link; 0: somewhere none is promised. */
static int64_t bound_of(struct examination *examination, const struct plan_path *path, uint32_t class,
                        int64_t *ret_up)
{
	const struct map_request *request = examination->request;
	int64_t up = request->access_ceiling_up, down = request->access_ceiling_down;
	bool promised = up > 0 && down > 0;

	for (uint32_t i = 0; i + 1 < path->hop_count; i++) {
		uint64_t *unused;
		const struct link_offer *link =
		        find_link(examination->view, path->hops[i], path->hops[i + 1], &unused, examination);
		const struct link_offer *back =
		        find_link(examination->view, path->hops[i + 1], path->hops[i], &unused, examination);

		promised = promised && link->ceilings[class] > 0 && back->ceilings[class] > 0;
		promised = promised && path->rate_up > 0 && path->rate_down > 0;
		up += link->ceilings[class];
		down += back->ceilings[class];
	}
	*ret_up = up;
	return promised ? up + down : 0;
}

/* Hard when some class is, and then in the loosest one that keeps to a guaranteed limit. */
static bool examine_promise(struct examination *examination, const struct plan_path *path)
{
	const struct demand_body *body = &examination->demand->body;
	int64_t limit = body->network_guaranteed ? body->network_within : INT64_MAX, up, bound;

	EXPECT_TRUE(examination, path->class < LINK_CLASSES);
	bound = bound_of(examination, path, path->class, &up);
	EXPECT(examination, path->measured, bound == 0);
	EXPECT(examination, path->bound_up, path->measured ? 0 : up);
	EXPECT(examination, path->bound_up + path->bound_down, bound);
	EXPECT_TRUE(examination, !body->network_guaranteed || (!path->measured && bound <= limit));
	for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
		bound = bound_of(examination, path, class, &up);
		if (path->measured)
			EXPECT(examination, bound, 0);
		else if (class > path->class)
			EXPECT_TRUE(examination, bound == 0 || bound > limit);
	}
	return true;
}

static bool examine_path(struct examination *examination, const struct plan_part *part)
{
	const struct plan_path *path = &part->path;
	const struct demand_body *body = &examination->demand->body;
	const struct map_request *request = examination->request;
	int64_t up = request->access_up, down = request->access_down;
	wide price = 0;

	EXPECT_TRUE(examination, path->hop_count >= 1 && path->hop_count <= PLAN_HOPS);
	EXPECT_TRUE(examination, gateway_equal(path->hops[0], request->ingress));
	EXPECT_TRUE(examination, gateway_equal(path->hops[path->hop_count - 1], part->site));
	EXPECT(examination, path->rate_up, share(body->bandwidth_up, examination->plan->part_count));
	EXPECT(examination, path->rate_down, share(body->bandwidth_down, examination->plan->part_count));
	for (uint32_t i = 0; i + 1 < path->hop_count; i++) {
		const struct plan_link *shown = &path->links[i];
		uint64_t *used, *used_back;
		const struct link_offer *link =
		        find_link(examination->view, path->hops[i], path->hops[i + 1], &used, examination);
		const struct link_offer *back = find_link(examination->view, path->hops[i + 1], path->hops[i],
		                                          &used_back, examination);

		EXPECT_TRUE(examination, link != NULL && back != NULL);
		for (uint32_t before = 0; before <= i; before++)
			EXPECT_TRUE(examination, !gateway_equal(path->hops[before], path->hops[i + 1]));
		if (!examine_prices(examination, path, i, link, back))
			return false;
		EXPECT(examination, view_suspected(examination->view, path->hops[i + 1], request->now), 0);
		*used += path->rate_up;
		*used_back += path->rate_down;
		EXPECT_TRUE(examination, *used <= link->free && *used_back <= back->free);
		up += link->delay;
		down += back->delay;
		price += (wide)path->rate_up * (uint64_t)shown->price;
		price += (wide)path->rate_down * (uint64_t)shown->back_price;
		EXPECT(examination, shown->delay, link->delay);
		EXPECT(examination, shown->back_delay, back->delay);
		EXPECT(examination, shown->least, link->least);
		EXPECT(examination, shown->back_least, back->least);
		EXPECT(examination, shown->ceiling, link->ceilings[path->class]);
		EXPECT(examination, shown->back_ceiling, back->ceilings[path->class]);
	}
	EXPECT(examination, path->delay_up, up);
	EXPECT(examination, path->delay_down, down);
	EXPECT(examination, path->price, (money)((price + 500000) / 1000000));
	return examine_promise(examination, path);
}

static int64_t movement(const struct examination *examination, const struct plan_part *part,
                        enum data_direction direction)
{
	uint64_t size =
	        demand_data_size(&examination->demand->body, direction, examination->plan->part_count);
	uint64_t rate = direction == DATA_IN ? part->path.rate_up : part->path.rate_down;
	uint64_t narrowest = UINT64_MAX, *unused;

	for (uint32_t i = 0; i + 1 < part->path.hop_count; i++) {
		struct gateway_identity near = part->path.hops[i], far = part->path.hops[i + 1];
		const struct link_offer *link =
		        direction == DATA_IN
		                ? find_link(examination->view, near, far, &unused, (void *)examination)
		                : find_link(examination->view, far, near, &unused, (void *)examination);

		narrowest = MINIMUM(narrowest, link->free);
	}
	if (rate == 0)
		rate = narrowest;
	return part->path.hop_count == 1 || size == 0 ? 0 : (int64_t)((wide)size * 8 * 1000000000 / rate);
}

static bool examine_times(struct examination *examination, const struct plan_part *part)
{
	const struct demand_body *body = &examination->demand->body;
	int64_t run = body->need_time > 0 ? part->time : PLAN_TIME_MARGIN * part->time;

	EXPECT(examination, part->network, part->path.delay_up + part->path.delay_down);
	EXPECT(examination, part->respond, part->network + part->start + part->time);
	EXPECT(examination, part->transfer_in, movement(examination, part, DATA_IN));
	EXPECT(examination, part->transfer_out, movement(examination, part, DATA_OUT));
	EXPECT(examination, part->finish, part->respond + part->transfer_in + part->transfer_out);
	if (body->reserve_time > 0) {
		EXPECT(examination, part->time, body->reserve_time);
		EXPECT(examination, part->start + part->call_price + part->call_tariff, 0);
		EXPECT(examination, part->limit, MINIMUM(part->time, PLAN_RESERVATION_LIFETIME));
		EXPECT(examination, part->reserve, part->limit);
	} else {
		EXPECT(examination, part->limit, PLAN_TIME_MARGIN * (part->start + part->transfer_in) + run);
		EXPECT(examination, part->reserve,
		       part->limit + PLAN_TIME_MARGIN * part->transfer_out + PLAN_RESERVE_GRACE);
	}
	EXPECT_TRUE(examination, body->network_guaranteed || body->network_within == 0 ||
	                                 part->network <= body->network_within);
	EXPECT_TRUE(examination, body->respond_within == 0 || part->respond <= body->respond_within);
	EXPECT_TRUE(examination, body->finish_within == 0 || part->finish <= body->finish_within);
	return true;
}

static money charge(uint64_t amount, uint64_t scale, int64_t time, money rate)
{
	wide unit = (wide)scale * 1000000000;

	return (money)(((wide)amount * (uint64_t)time * (uint64_t)rate + unit / 2) / unit);
}

/* What the links cost at `rates`, every line of a receipt by itself. */
static money link_lines(const struct plan_part *part, int64_t time, bool tariff, uint32_t *lines)
{
	const struct plan_path *path = &part->path;
	money sum = 0;

	*lines = 0;
	for (uint32_t i = 0; i + 1 < path->hop_count; i++) {
		const struct plan_link *link = &path->links[i];

		sum += charge(path->rate_up, LINK_PRICE_SCALE, time, tariff ? link->tariff : link->price);
		sum += charge(path->rate_down, LINK_PRICE_SCALE, time,
		              tariff ? link->back_tariff : link->back_price);
		*lines += 2;
	}
	return sum;
}

static bool is_near(money actual, money expected, uint32_t slack)
{
	return actual >= expected - (money)slack && actual <= expected + (money)slack;
}

static bool examine_money(struct examination *examination, const struct plan_part *part)
{
	int64_t held = part->start + part->time + part->transfer_in + part->transfer_out;
	money price = part->call_price, tariff = part->call_tariff, hold = part->call_tariff;
	bool runs = examination->demand->body.reserve_time == 0;
	int64_t claimed = runs ? part->limit : part->time + PLAN_RESERVE_GRACE;
	int64_t reserved = runs ? part->reserve : claimed;
	uint32_t lines;

	for (uint32_t i = 0; i < part->claim_count; i++) {
		const struct plan_claim *claim = &part->claims[i];
		uint64_t scale = resource_descriptions[claim->kind].price_scale;

		price += charge(claim->amount, scale, part->time, claim->price);
		tariff += charge(claim->amount, scale, part->time, claim->tariff);
		hold += charge(claim->amount, scale, claimed, claim->tariff);
	}
	price += link_lines(part, held, false, &lines);
	tariff += link_lines(part, held, true, &lines);
	hold += link_lines(part, reserved, true, &lines);
	EXPECT_TRUE(examination, is_near(part->price, price, lines));
	EXPECT_TRUE(examination, is_near(part->tariff, tariff, lines));
	/* Whatever the lines round to, the hold covers them, and not by much more. */
	EXPECT_TRUE(examination, part->hold >= hold && part->hold <= hold + 2 * (money)lines);
	return true;
}

/* The prices of parts at one site: those of the first, the second and so on, each once. */
static bool examine_ordinals(struct examination *examination, uint32_t index)
{
	const struct plan *plan = examination->plan;
	const struct plan_part *part = &plan->parts[index];
	const struct site *site = view_site(examination->view, part->site);
	uint32_t ordinal = 1;

	for (uint32_t i = 0; i < index; i++)
		ordinal += gateway_equal(plan->parts[i].site, part->site);
	for (uint32_t i = 0; i < part->claim_count; i++) {
		const struct plan_claim *claim = &part->claims[i];
		const struct resource_offer *offer = site_resource(site, claim->kind);

		EXPECT_TRUE(examination, offer != NULL && claim->amount * ordinal <= offer->free);
		EXPECT(examination, claim->price,
		       view_resource_price(offer, claim->amount * ordinal,
		                           staleness(examination, part->site)));
		EXPECT(examination, claim->tariff,
		       examination->request->spot ? resource_price(offer, claim->amount * ordinal)
		                                  : offer->tariff);
	}
	return true;
}

static bool rests_on_stale(const struct examination *examination)
{
	for (uint32_t i = 0; i < examination->plan->part_count; i++) {
		const struct plan_path *path = &examination->plan->parts[i].path;

		if (staleness(examination, examination->plan->parts[i].site) > 0)
			return true;
		for (uint32_t hop = 0; path->hop_count > 1 && hop < path->hop_count; hop++)
			if (staleness(examination, path->hops[hop]) > 0)
				return true;
	}
	return false;
}

static bool examine_sums(struct examination *examination)
{
	const struct plan *plan = examination->plan;
	money price = 0, tariff = 0, hold = 0, budget = examination->demand->budget;
	int64_t network = 0, respond = 0, finish = 0;

	for (uint32_t i = 0; i < plan->part_count; i++) {
		price += plan->parts[i].price;
		tariff += plan->parts[i].tariff;
		hold += plan->parts[i].hold;
		network = MAXIMUM(network, plan->parts[i].network);
		respond = MAXIMUM(respond, plan->parts[i].respond);
		finish = MAXIMUM(finish, plan->parts[i].finish);
	}
	EXPECT(examination, plan->price, price);
	EXPECT(examination, plan->tariff, tariff);
	EXPECT(examination, plan->hold, hold);
	EXPECT(examination, plan->network, network);
	EXPECT(examination, plan->respond, respond);
	EXPECT(examination, plan->finish, finish);
	EXPECT(examination, plan->stale, rests_on_stale(examination));
	EXPECT_TRUE(examination, budget == 0 || hold <= budget);
	return true;
}

/* ---- Reasons ---- */

static bool serves(const struct examination *examination, struct gateway_identity site)
{
	for (uint32_t i = 0; i < examination->plan->part_count; i++)
		if (gateway_equal(examination->plan->parts[i].site, site))
			return true;
	return false;
}

/* Whether the part fits on its way beside those of the plan. */
static bool fits(struct examination *examination, const struct plan_part *choice)
{
	const struct demand_body *body = &examination->demand->body;
	uint64_t up = share(body->bandwidth_up, examination->parts);
	uint64_t down = share(body->bandwidth_down, examination->parts), *used;

	for (uint32_t i = 0; i + 1 < choice->path.hop_count; i++) {
		struct gateway_identity near = choice->path.hops[i], far = choice->path.hops[i + 1];
		const struct link_offer *link = find_link(examination->view, near, far, &used, examination);

		if (*used + up > link->free)
			return false;
		link = find_link(examination->view, far, near, &used, examination);
		if (*used + down > link->free)
			return false;
	}
	return true;
}

static uint64_t known_carbon(uint64_t carbon)
{
	return carbon == 0 ? UINT64_MAX : carbon;
}

static uint64_t dirtiest(const struct examination *examination)
{
	uint64_t worst = 0;

	for (uint32_t i = 0; i < examination->plan->part_count; i++)
		worst = MAXIMUM(worst, known_carbon(examination->plan->parts[i].carbon));
	return worst;
}

/* The chosen part that the loser would replace. */
static const struct plan_part *rival(const struct examination *examination)
{
	const struct plan *plan = examination->plan;
	const struct plan_part *dearest = NULL;

	for (uint32_t i = 0; i < plan->part_count; i++) {
		const struct plan_part *part = &plan->parts[i];

		if (examination->demand->prefer == PREFER_CARBON &&
		    known_carbon(part->carbon) < dirtiest(examination))
			continue;
		if (dearest == NULL || part->price >= dearest->price)
			dearest = part;
	}
	return dearest;
}

/* The least price of a part there that is in time for the preference; with `fitting` and room on its way. */
static money least_price(struct examination *examination, struct gateway_identity site, bool fitting)
{
	bool by_time = examination->demand->prefer == PREFER_LATENCY;
	money least = INT64_MAX;

	for (uint32_t i = 0; i < examination->choice_count; i++) {
		const struct plan_part *choice = &examination->choices[i];

		if (gateway_equal(choice->site, site) &&
		    (!by_time || choice->finish <= examination->plan->finish) &&
		    (!fitting || fits(examination, choice)))
			least = MINIMUM(least, choice->price);
	}
	return least;
}

static int64_t least_finish(struct examination *examination, struct gateway_identity site, bool fitting)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < examination->choice_count; i++)
		if (gateway_equal(examination->choices[i].site, site) &&
		    (!fitting || fits(examination, &examination->choices[i])))
			least = MINIMUM(least, examination->choices[i].finish);
	return least;
}

static bool has_choice(const struct examination *examination, struct gateway_identity site)
{
	for (uint32_t i = 0; i < examination->choice_count; i++)
		if (gateway_equal(examination->choices[i].site, site))
			return true;
	return false;
}

/* Against what was chosen: never a smaller figure than the winner's. */
static bool examine_lost(struct examination *examination, const struct plan_reason *reason)
{
	const struct plan *plan = examination->plan;
	enum demand_prefer prefer = examination->demand->prefer;
	uint64_t carbon = 0;

	EXPECT_TRUE(examination, plan->status == 0);
	for (uint32_t i = 0; i < examination->choice_count; i++)
		if (gateway_equal(examination->choices[i].site, reason->site))
			carbon = examination->choices[i].carbon;
	if (reason->kind == REASON_CARBON) {
		EXPECT_TRUE(examination, prefer == PREFER_CARBON);
		EXPECT(examination, reason->have, carbon);
		EXPECT(examination, reason->need, dirtiest(examination));
		EXPECT_TRUE(examination, known_carbon(carbon) > dirtiest(examination));
	} else if (reason->kind == REASON_LATENCY && prefer == PREFER_LATENCY) {
		EXPECT_TRUE(examination,
		            reason->have == least_finish(examination, reason->site, false) ||
		                    reason->have == least_finish(examination, reason->site, true));
		EXPECT(examination, reason->need, plan->finish);
		EXPECT_TRUE(examination, reason->have > reason->need);
	} else if (reason->kind == REASON_LATENCY) { /* the price is the same */
		EXPECT(examination, reason->need, plan->finish);
		EXPECT_TRUE(examination, reason->have > reason->need);
		EXPECT_TRUE(examination,
		            least_price(examination, reason->site, false) == rival(examination)->price ||
		                    least_price(examination, reason->site, true) ==
		                            rival(examination)->price);
	} else {
		EXPECT(examination, reason->need, rival(examination)->price);
		EXPECT_TRUE(examination,
		            reason->have == least_price(examination, reason->site, false) ||
		                    reason->have == least_price(examination, reason->site, true));
		EXPECT_TRUE(examination, reason->have >= reason->need);
		EXPECT_TRUE(examination,
		            prefer != PREFER_CARBON || carbon == 0 || carbon == dirtiest(examination));
	}
	return true;
}

/* What a path is made of: delays, or the ceilings of a class, of a link in both directions; -1: none. */
static int64_t weight_of(const struct link_offer *link, const struct link_offer *back, int class)
{
	if (class < 0)
		return link->delay + back->delay;
	return link->ceilings[class] == 0 || back->ceilings[class] == 0
	               ? -1
	               : link->ceilings[class] + back->ceilings[class];
}

/*
 * The least sum of delays, or with `class` of its ceilings, both ways, over links with the bandwidth and
 * without the access link; INT64_MAX: no way there.
 */
static int64_t least_sum(struct examination *examination, struct gateway_identity target, bool any_rate,
                         bool suspects, int class)
{
	const struct demand_body *body = &examination->demand->body;
	int64_t least[SITES];
	size_t count = view_site_count(examination->view);
	uint64_t up = share(body->bandwidth_up, examination->parts);
	uint64_t down = share(body->bandwidth_down, examination->parts), *used;
	int index = view_site_index(examination->view, examination->request->ingress);

	up = up == 0 && demand_data_size(body, DATA_IN, 1) > 0 ? 1 : up;
	down = down == 0 && demand_data_size(body, DATA_OUT, 1) > 0 ? 1 : down;
	for (size_t i = 0; i < count; i++)
		least[i] = INT64_MAX;
	least[index] = 0;
	for (size_t round = 0; round < count; round++) {
		for (size_t i = 0; i < count; i++) {
			const struct site *site = view_site_at(examination->view, i);

			for (uint32_t j = 0; j < site->link_count && least[i] != INT64_MAX; j++) {
				const struct link_offer *link = &site->links[j];
				const struct link_offer *back = find_link(examination->view, link->toward,
				                                          site->identity, &used, examination);
				int to = view_site_index(examination->view, link->toward);

				if (back == NULL || weight_of(link, back, class) < 0 ||
				    (!any_rate && (link->free < up || back->free < down)) ||
				    (!suspects && view_suspected(examination->view, link->toward,
				                                 examination->request->now) != 0))
					continue;
				least[to] = MINIMUM(least[to], least[i] + weight_of(link, back, class));
			}
		}
	}
	return least[view_site_index(examination->view, target)];
}

static int64_t least_network(struct examination *examination, struct gateway_identity target, bool any_rate,
                             bool suspects)
{
	const struct map_request *request = examination->request;
	int64_t least = least_sum(examination, target, any_rate, suspects, -1);

	return least == INT64_MAX ? INT64_MAX : least + request->access_up + request->access_down;
}

/* No path there is hard enough: no less bound exists, or none at all and someone promises nothing. */
static bool examine_guarantee(struct examination *examination, const struct plan_reason *reason)
{
	const struct map_request *request = examination->request;
	bool access = request->access_ceiling_up > 0 && request->access_ceiling_down > 0, promises = true;
	const struct site *owner = view_site(examination->view, reason->link);
	int64_t least = INT64_MAX;

	EXPECT(examination, reason->need, examination->demand->body.network_within);
	EXPECT_TRUE(examination, !has_choice(examination, reason->site));
	for (int class = 0; class < LINK_CLASSES && access; class ++)
		least = MINIMUM(least, least_sum(examination, reason->site, false, false, class));
	if (least != INT64_MAX) {
		EXPECT(examination, reason->have,
		       least + request->access_ceiling_up + request->access_ceiling_down);
		EXPECT_TRUE(examination, reason->have > reason->need);
		return true;
	}
	EXPECT(examination, reason->have, 0);
	EXPECT_TRUE(examination, owner != NULL);
	if (!access) {
		EXPECT(examination, owner->identity.site, request->ingress.site);
		return true;
	}
	for (uint32_t i = 0; i < owner->link_count; i++)
		for (uint32_t class = 0; class < LINK_CLASSES; class ++)
			promises = promises && owner->links[i].ceilings[class] > 0;
	EXPECT_TRUE(examination, !promises);
	return true;
}

/* The time that a part would take at best: with all whole cores that are free. */
static int64_t best_time(const struct examination *examination, const struct site *site)
{
	const struct demand_body *body = &examination->demand->body;
	const struct resource_offer *cpu = site_resource(site, RESOURCE_CPU);
	uint64_t cores = cpu == NULL ? 0 : cpu->free / 1000000 * 1000000, rate;

	if (body->need_time > 0)
		return body->need_time;
	if (!body->work_present) /* a service's own time: at least nothing */
		return body->service[0] != '\0' ? 0 : 60 * CLOCK_SECOND;
	if (body->need_count >= 2 && body->needs[1].kind == RESOURCE_CPU_GFLOPS)
		return 0; /* cpu is named as well: the larger counts */
	for (uint32_t i = 0; i < body->need_count; i++) {
		uint64_t amount = body->needs[i].each ? body->needs[i].amount
		                                      : share(body->needs[i].amount, examination->parts);

		if (body->needs[i].kind == body->work.kind)
			return (int64_t)((wide)share(body->work.amount, examination->parts) * 1000000000 /
			                 amount);
		if (body->needs[i].kind == RESOURCE_CPU)
			cores = amount;
	}
	cores = MAXIMUM(cores, UINT64_C(1000000));
	rate = body->work.kind == RESOURCE_CPU ? cores
	                                       : (uint64_t)((wide)cores * site->gflops_per_core / 1000000);
	return rate == 0 ? 0
	                 : (int64_t)((wide)share(body->work.amount, examination->parts) * 1000000000 / rate);
}

/* A ceiling that no path there meets. */
static bool examine_ceiling(struct examination *examination, const struct plan_reason *reason)
{
	const struct demand_body *body = &examination->demand->body;
	const struct site *site = view_site(examination->view, reason->site);
	int64_t network = least_network(examination, reason->site, false, false);
	int64_t least = network + best_time(examination, site);

	EXPECT_TRUE(examination, !has_choice(examination, reason->site));
	EXPECT_TRUE(examination, reason->have > reason->need);
	if (reason->kind == REASON_NETWORK) {
		EXPECT(examination, reason->have, network);
		EXPECT(examination, reason->need, body->network_within);
		return true;
	}
	EXPECT(examination, reason->need,
	       reason->kind == REASON_RESPOND ? body->respond_within : body->finish_within);
	EXPECT_TRUE(examination, reason->have >= least);
	if (body->work_present && body->need_count == 0 && body->service[0] == '\0' &&
	    reason->kind == REASON_RESPOND)
		EXPECT_TRUE(examination, reason->have <= least + site->start + 1);
	return true;
}

/* The owner named has a link with just that much left, and no way with enough leads there. */
static bool examine_bandwidth(struct examination *examination, const struct plan_reason *reason)
{
	const struct site *owner = view_site(examination->view, reason->link);
	bool found = false;

	EXPECT_TRUE(examination, owner != NULL && reason->have < reason->need);
	for (uint32_t i = 0; i < owner->link_count; i++) {
		uint64_t used = examination->used[view_site_index(examination->view, reason->link)][i];

		found = found || owner->links[i].free - used == (uint64_t)reason->have;
	}
	EXPECT_TRUE(examination, found);
	if (!has_choice(examination, reason->site)) {
		EXPECT_TRUE(examination, least_network(examination, reason->site, false, false) == INT64_MAX);
		EXPECT_TRUE(examination, least_network(examination, reason->site, true, false) != INT64_MAX);
	} else if (examination->plan->status == 0) {
		EXPECT_TRUE(examination, least_price(examination, reason->site, true) == INT64_MAX ||
		                                 examination->demand->prefer == PREFER_LATENCY);
	}
	return true;
}

static bool examine_budget(struct examination *examination, const struct plan_reason *reason)
{
	EXPECT(examination, reason->need, examination->demand->budget);
	EXPECT_TRUE(examination, reason->have > reason->need);
	EXPECT_TRUE(examination, has_choice(examination, reason->site));
	if (examination->plan->status == 0) {
		money others = examination->plan->hold - rival(examination)->hold;
		bool found = false;

		for (uint32_t i = 0; i < examination->choice_count; i++)
			found = found || (gateway_equal(examination->choices[i].site, reason->site) &&
			                  reason->have == others + examination->choices[i].hold);
		EXPECT_TRUE(examination, found);
	}
	return true;
}

static bool examine_resource(struct examination *examination, const struct plan_reason *reason)
{
	const struct site *site = view_site(examination->view, reason->site);
	const struct resource_offer *offer = site_resource(site, reason->resource);

	EXPECT_TRUE(examination, reason->have < reason->need);
	if (reason->have == 0 && reason->need == 1) { /* its speed is not known */
		EXPECT(examination, site->gflops_per_core, 0);
		EXPECT(examination, reason->resource, RESOURCE_CPU_GFLOPS);
		return true;
	}
	EXPECT(examination, reason->have, offer == NULL ? 0 : offer->free);
	EXPECT_TRUE(examination, !has_choice(examination, reason->site) || examination->plan->status < 0);
	return true;
}

static bool offers(const struct examination *examination, struct gateway_identity site)
{
	const struct demand_body *body = &examination->demand->body;

	for (size_t i = 0; i < view_service_count(examination->view); i++) {
		const struct view_service *offer = view_service_at(examination->view, i);

		if (gateway_equal(offer->site, site) && strcmp(offer->title->name, body->service) == 0 &&
		    (body->version[0] == '\0' || strcmp(offer->title->version, body->version) == 0))
			return true;
	}
	return false;
}

static bool is_named(const char (*names)[SITE_TEXT], uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool examine_admission(struct examination *examination, const struct plan_reason *reason)
{
	const struct demand *demand = examination->demand;
	const struct site *site = view_site(examination->view, reason->site);
	int64_t now = examination->request->now;
	bool model = false;

	for (uint32_t i = 0; i < demand->model_count; i++)
		model = model || demand->models[i] == site->model;
	EXPECT_TRUE(examination, !has_choice(examination, reason->site));
	switch (reason->kind) {
	case REASON_SERVICE:
		EXPECT_TRUE(examination, !offers(examination, reason->site));
		break;
	case REASON_REGION:
		EXPECT_TRUE(examination,
		            demand->region_count > 0 &&
		                    !is_named(demand->regions, demand->region_count, site->region));
		break;
	case REASON_OPERATOR:
		EXPECT_TRUE(examination,
		            demand->operator_count > 0 &&
		                    !is_named(demand->operators, demand->operator_count, site->operator));
		break;
	case REASON_MODEL:
		EXPECT_TRUE(examination, demand->model_count > 0 && !model);
		break;
	case REASON_TRUST:
		EXPECT(examination, reason->have, site->trust);
		EXPECT(examination, reason->need, demand->trust);
		EXPECT_TRUE(examination, reason->have < reason->need);
		break;
	case REASON_SITE:
		EXPECT_TRUE(examination, !gateway_is_none(examination->request->site));
		EXPECT_TRUE(examination, !gateway_equal(examination->request->site, reason->site));
		break;
	case REASON_SUSPECT:
		if (reason->error != 0) {
			EXPECT(examination, reason->error,
			       view_suspected(examination->view, reason->site, now));
			break;
		}
		EXPECT_TRUE(examination, least_network(examination, reason->site, true, false) == INT64_MAX);
		EXPECT_TRUE(examination, least_network(examination, reason->site, true, true) != INT64_MAX);
		break;
	case REASON_UNREACHABLE:
		EXPECT_TRUE(examination, least_network(examination, reason->site, true, true) == INT64_MAX);
		break;
	default:
		return complain(examination, "reason %d is not one", (int)reason->kind);
	}
	return true;
}

static bool examine_reason(struct examination *examination, const struct plan_reason *reason)
{
	switch (reason->kind) {
	case REASON_PRICE:
	case REASON_CARBON:
	case REASON_LATENCY:
		return examine_lost(examination, reason);
	case REASON_NETWORK:
	case REASON_RESPOND:
	case REASON_FINISH:
		return examine_ceiling(examination, reason);
	case REASON_GUARANTEE:
		return examine_guarantee(examination, reason);
	case REASON_BANDWIDTH:
		return examine_bandwidth(examination, reason);
	case REASON_BUDGET:
		return examine_budget(examination, reason);
	case REASON_RESOURCE:
		return examine_resource(examination, reason);
	default:
		return examine_admission(examination, reason);
	}
}

/* A loser would take the rival's place on the links. */
static void remove_rival(struct examination *examination)
{
	const struct plan_path *path = &rival(examination)->path;
	uint64_t *used;

	for (uint32_t i = 0; i + 1 < path->hop_count; i++) {
		(void)find_link(examination->view, path->hops[i], path->hops[i + 1], &used, examination);
		*used -= path->rate_up;
		(void)find_link(examination->view, path->hops[i + 1], path->hops[i], &used, examination);
		*used -= path->rate_down;
	}
}

/* Every site with resources either serves or has one reason, in order of identity. */
static bool examine_reasons(struct examination *examination)
{
	uint32_t next = 0;

	if (brute_force_choices(examination->view, examination->request, examination->parts,
	                        examination->arena, &examination->choices, &examination->choice_count) < 0)
		return complain(examination, "too many choices");
	EXPECT(examination, examination->plan->reasons_dropped, 0);
	for (size_t i = 0; i < view_site_count(examination->view); i++) {
		const struct site *site = view_site_at(examination->view, i);

		if (site->resource_count == 0 || serves(examination, site->identity))
			continue;
		EXPECT_TRUE(examination, next < examination->plan->reason_count);
		EXPECT(examination, examination->plan->reasons[next].site.site, site->identity.site);
		if (!examine_reason(examination, &examination->plan->reasons[next++]))
			return false;
	}
	EXPECT(examination, examination->plan->reason_count, next);
	return true;
}

/* Where nothing was found the reasons are those of one number of parts. */
static bool examine_any_number(struct examination *examination)
{
	uint32_t most = MAXIMUM(examination->demand->body.split, 1U);

	for (examination->parts = most; examination->parts > 0; examination->parts--) {
		arena_reset(examination->arena);
		if (examine_reasons(examination))
			return true;
	}
	return false;
}

static bool examine_parts(struct examination *examination)
{
	const struct plan *plan = examination->plan;
	const struct demand_body *body = &examination->demand->body;

	EXPECT_TRUE(examination, plan->part_count >= 1 && plan->part_count <= MAXIMUM(body->split, 1U));
	EXPECT_TRUE(examination, !body->split_exactly || plan->part_count == MAXIMUM(body->split, 1U));
	for (uint32_t i = 0; i < plan->part_count; i++)
		if (!examine_path(examination, &plan->parts[i]) ||
		    !examine_times(examination, &plan->parts[i]) ||
		    !examine_money(examination, &plan->parts[i]) || !examine_ordinals(examination, i))
			return false;
	return examine_sums(examination);
}

bool examine_plan(const struct view *view, const struct map_request *request, const struct plan *plan,
                  char ret_complaint[EXAMINE_TEXT])
{
	struct examination examination = {.view = view,
	                                  .request = request,
	                                  .demand = request->demand,
	                                  .plan = plan,
	                                  .parts = plan->part_count,
	                                  .arena = arena_create(CHOICES_ARENA),
	                                  .complaint = ret_complaint};
	bool good;

	if (examination.arena == NULL)
		return complain(&examination, "no memory");
	if (plan->status < 0) {
		good = examine_any_number(&examination);
	} else {
		good = examine_parts(&examination);
		if (good)
			remove_rival(&examination);
		good = good && examine_reasons(&examination);
	}
	(void)arena_free(examination.arena);
	return good;
}
