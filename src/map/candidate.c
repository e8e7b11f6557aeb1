/* SPDX-License-Identifier: Apache-2.0 */
#include "map/candidate.h"

#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <string.h>

/* Memory of a part that asks for none, and time of a run that says nothing of its time. */
#define MEMORY_DEFAULT (UINT64_C(128) << 20)
#define RUN_TIME_DEFAULT (60 * CLOCK_SECOND)

__extension__ typedef unsigned __int128 wide;

static const struct demand_body *body_of(const struct job *job)
{
	return &job->request->demand->body;
}

static uint64_t divide_up(uint64_t amount, uint32_t parts)
{
	return amount / parts + (amount % parts != 0);
}

/* Amount of a kind that one part needs by the demand's own words; 0: none said. */
static uint64_t needed(const struct job *job, enum resource_kind kind)
{
	const struct demand_body *body = body_of(job);

	for (uint32_t i = 0; i < body->need_count; i++)
		if (body->needs[i].kind == kind)
			return body->needs[i].each ? body->needs[i].amount
			                           : divide_up(body->needs[i].amount, job->parts);
	return 0;
}

static int rule_out(struct candidate *candidate, enum plan_reason_kind kind, int64_t have, int64_t need)
{
	candidate->reason = (struct plan_reason){
	        .site = candidate->site->identity, .kind = kind, .have = have, .need = need};
	return 1;
}

/* The newest matching version that the site offers. */
static const struct service_offer *find_offer(const struct job *job, const struct site *site)
{
	const struct demand_body *body = body_of(job);
	int first = view_service_first(job->view, body->service);
	const struct service_offer *found = NULL, *offer;

	if (first < 0)
		return NULL;
	for (size_t i = (size_t)first; (offer = view_service_at(job->view, i)) != NULL; i++) {
		if (strcmp(offer->name, body->service) != 0)
			break;
		if (gateway_equal(offer->site, site->identity) &&
		    (body->version[0] == '\0' || strcmp(body->version, offer->version) == 0))
			found = offer;
	}
	return found;
}

static bool is_listed(const char (*places)[SITE_TEXT], uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(places[i], name) == 0)
			return true;
	return count == 0;
}

static bool is_model_listed(const struct demand *demand, enum supply_model model)
{
	for (uint32_t i = 0; i < demand->model_count; i++)
		if (demand->models[i] == model)
			return true;
	return demand->model_count == 0;
}

/* Whether the site may serve at all: service, residency, trust, freshness. */
static int check_admission(const struct job *job, struct candidate *candidate)
{
	const struct demand *demand = job->request->demand;
	const struct site *site = candidate->site;
	int suspicion = view_suspected(job->view, site->identity, job->request->now);

	if (demand->body.service[0] != '\0' && candidate->service == NULL)
		return rule_out(candidate, REASON_SERVICE, 0, 0);
	if (!is_listed(demand->regions, demand->region_count, site->region))
		return rule_out(candidate, REASON_REGION, 0, 0);
	if (!is_listed(demand->operators, demand->operator_count, site->operator))
		return rule_out(candidate, REASON_OPERATOR, 0, 0);
	if (!is_model_listed(demand, site->model))
		return rule_out(candidate, REASON_MODEL, 0, 0);
	if (site->trust < demand->trust)
		return rule_out(candidate, REASON_TRUST, site->trust, demand->trust);
	if (view_site_stale(site, job->request->now))
		return rule_out(candidate, REASON_STALE, job->request->now - site->measured, site->validity);
	if (suspicion != 0) {
		(void)rule_out(candidate, REASON_SUSPECT, 0, 0);
		candidate->reason.error = suspicion;
		return 1;
	}
	return 0;
}

/* No path in the frontier: for want of bandwidth, because of a suspect, or because there is none. */
static int explain_unreachable(const struct job *job, struct candidate *candidate)
{
	struct path_request request = job->path_request;
	uint32_t node = (uint32_t)view_site_index(job->view, candidate->site->identity);
	struct gateway_identity owner;
	uint64_t free, rate;

	if (path_widest(job->view, &request, node, job->arena, &owner, &free, &rate)) {
		(void)rule_out(candidate, REASON_BANDWIDTH, (int64_t)free, (int64_t)rate);
		candidate->reason.link = owner;
		return 1;
	}
	request.use_suspects = true;
	if (path_widest(job->view, &request, node, job->arena, &owner, &free, &rate))
		return rule_out(candidate, REASON_SUSPECT, 0, 0);
	return rule_out(candidate, REASON_UNREACHABLE, 0, 0);
}

static int add_claim(struct candidate *candidate, enum resource_kind kind, uint64_t amount)
{
	if (amount == 0)
		return 0;
	if (candidate->claim_count == PLAN_CLAIMS)
		return BUSBAR_ERROR_TOO_LARGE;
	candidate->claims[candidate->claim_count++] = (struct plan_claim){.kind = kind, .amount = amount};
	return 0;
}

/* Processors of one part: the demand's own number, else the service's, else `cores`. */
static uint64_t cores_of(const struct job *job, const struct candidate *candidate, uint64_t cores)
{
	uint64_t own = needed(job, RESOURCE_CPU);

	if (body_of(job)->work_present)
		return own != 0 ? own : cores;
	if (candidate->service != NULL)
		return MAXIMUM(candidate->service->cpu, own);
	return own != 0 ? own : resource_descriptions[RESOURCE_CPU].scale;
}

static int list_claims(const struct job *job, struct candidate *candidate, uint64_t cores)
{
	static const enum resource_kind others[] = {RESOURCE_CPU_GFLOPS, RESOURCE_GPU, RESOURCE_GPU_TFLOPS,
	                                            RESOURCE_NPU_TOPS, RESOURCE_STORAGE};
	uint64_t memory = needed(job, RESOURCE_MEMORY);
	int code = 0;

	candidate->claim_count = 0;
	if (candidate->service != NULL)
		memory = MAXIMUM(memory, candidate->service->memory);
	/* GFLOPS that the demand names are the processors; else they are counted in cores. */
	if (needed(job, RESOURCE_CPU_GFLOPS) == 0 || needed(job, RESOURCE_CPU) != 0)
		code = add_claim(candidate, RESOURCE_CPU, cores_of(job, candidate, cores));
	if (code == 0)
		code = add_claim(candidate, RESOURCE_MEMORY, memory == 0 ? MEMORY_DEFAULT : memory);
	for (size_t i = 0; i < ARRAY_SIZE(others) && code == 0; i++)
		code = add_claim(candidate, others[i], needed(job, others[i]));
	return code;
}

/* Base units of the work's kind that a part gets done per second; 0: the site cannot say. */
static uint64_t work_rate(const struct job *job, const struct candidate *candidate, uint64_t cores)
{
	const struct demand_need *work = &body_of(job)->work;
	uint64_t own = needed(job, work->kind);

	if (work->kind == RESOURCE_CPU)
		return cores_of(job, candidate, cores);
	if (own != 0)
		return own;
	if (work->kind == RESOURCE_CPU_GFLOPS)
		return (uint64_t)((wide)cores_of(job, candidate, cores) * candidate->site->gflops_per_core /
		                  resource_descriptions[RESOURCE_CPU].scale);
	return 0;
}

/* Expected run time of a part on `cores`; -1 when it cannot be known. */
static int64_t run_time(const struct job *job, const struct candidate *candidate, uint64_t cores)
{
	const struct demand_body *body = body_of(job);
	uint64_t rate;
	wide time;

	if (body->need_time > 0)
		return body->need_time;
	if (!body->work_present)
		return candidate->service != NULL ? candidate->service->time : RUN_TIME_DEFAULT;
	rate = work_rate(job, candidate, cores);
	if (rate == 0)
		return -1;
	time = ((wide)divide_up(body->work.amount, job->parts) * (uint64_t)CLOCK_SECOND + rate - 1) / rate;
	return time > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)time;
}

static uint64_t narrowest(const struct job *job, uint32_t label, bool up)
{
	const struct path_label *labels = job->frontier.labels;
	uint64_t least = UINT64_MAX;

	for (; labels[label].parent != PATH_LABELS; label = labels[label].parent) {
		const struct site *here = view_site_at(job->view, labels[label].node);
		const struct site *before = view_site_at(job->view, labels[labels[label].parent].node);
		const struct link_offer *link =
		        up ? path_link(before, here->identity) : path_link(here, before->identity);

		least = MINIMUM(least, link->free);
	}
	return least;
}

/* Time to move `size` octets: at the rate asked for, else at what is free on the path. */
static int64_t transfer_time(const struct job *job, uint32_t label, uint64_t size, uint64_t rate, bool up)
{
	wide time;

	if (size == 0 || job->frontier.labels[label].hops == 1)
		return 0;
	if (rate == 0)
		rate = narrowest(job, label, up);
	if (rate == 0)
		return INT64_MAX / 8;
	time = (wide)size * 8 * (uint64_t)CLOCK_SECOND / rate;
	return time > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)time;
}

static struct option make_option(const struct job *job, const struct candidate *candidate, uint32_t label)
{
	const struct path_label *path = &job->frontier.labels[label];
	const struct demand_body *body = body_of(job);
	struct option option = {
	        .label = label,
	        .transfer_in = transfer_time(job, label, demand_data_size(body, DATA_IN, job->parts),
	                                     job->path_request.rate_up, true),
	        .transfer_out = transfer_time(job, label, demand_data_size(body, DATA_OUT, job->parts),
	                                      job->path_request.rate_down, false),
	        .network = path->delay + job->request->access_up + job->request->access_down,
	};

	option.respond = option.network + candidate->start + candidate->time;
	option.finish = option.respond + option.transfer_in + option.transfer_out;
	option.limit = PLAN_TIME_MARGIN * (candidate->start + option.transfer_in);
	option.limit += body->need_time > 0 ? body->need_time : PLAN_TIME_MARGIN * candidate->time;
	option.reserve = option.limit + PLAN_TIME_MARGIN * option.transfer_out + PLAN_RESERVE_GRACE;
	return option;
}

static bool is_within(int64_t value, int64_t ceiling)
{
	return ceiling == 0 || value <= ceiling;
}

static bool meets_ceilings(const struct job *job, const struct option *option)
{
	const struct demand_body *body = body_of(job);

	return is_within(option->network, body->network_within) &&
	       is_within(option->respond, body->respond_within) &&
	       is_within(option->finish, body->finish_within);
}

/* Whether any path meets every ceiling with the candidate's present time. */
static bool has_feasible_path(const struct job *job, const struct candidate *candidate, uint32_t first)
{
	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next) {
		struct option option = make_option(job, candidate, label);

		if (meets_ceilings(job, &option))
			return true;
	}
	return false;
}

/* More cores help only where the demand leaves their number open. */
static bool cores_are_open(const struct job *job)
{
	const struct demand_body *body = body_of(job);

	return body->work_present &&
	       (body->work.kind == RESOURCE_CPU || body->work.kind == RESOURCE_CPU_GFLOPS) &&
	       needed(job, RESOURCE_CPU) == 0 && needed(job, RESOURCE_CPU_GFLOPS) == 0 &&
	       body->need_time == 0;
}

/* The rate rule. Sets claims and time; 1 when ruled out. */
static int choose_cores(const struct job *job, struct candidate *candidate, uint32_t first)
{
	uint64_t one = resource_descriptions[RESOURCE_CPU].scale;
	const struct resource_offer *cpu = site_resource(candidate->site, RESOURCE_CPU);
	uint64_t most = cpu == NULL ? 0 : cpu->free / one;
	uint64_t cores = one;

	candidate->time = run_time(job, candidate, cores);
	if (candidate->time < 0) {
		(void)rule_out(candidate, REASON_RESOURCE, 0, 1);
		candidate->reason.resource = body_of(job)->work.kind;
		return 1;
	}
	if (cores_are_open(job)) {
		for (uint64_t count = 2; count <= most && !has_feasible_path(job, candidate, first);
		     count++) {
			cores = count * one;
			candidate->time = run_time(job, candidate, cores);
		}
		if (!has_feasible_path(job, candidate, first)) {
			/* Not even all cores help: the reason is told for one. */
			cores = one;
			candidate->time = run_time(job, candidate, cores);
		}
	}
	return list_claims(job, candidate, cores);
}

/* How many parts fit; 1 when not even one does. */
static int count_room(struct candidate *candidate, uint32_t parts)
{
	candidate->most = parts;
	for (uint32_t i = 0; i < candidate->claim_count; i++) {
		const struct plan_claim *claim = &candidate->claims[i];
		const struct resource_offer *offer = site_resource(candidate->site, claim->kind);
		uint64_t free = offer == NULL ? 0 : offer->free;

		if (claim->amount > free) {
			(void)rule_out(candidate, REASON_RESOURCE, (int64_t)free, (int64_t)claim->amount);
			candidate->reason.resource = claim->kind;
			return 1;
		}
		candidate->most = (uint32_t)MINIMUM((uint64_t)candidate->most, free / claim->amount);
	}
	return 0;
}

static int charge_links(const struct job *job, const struct candidate *candidate, struct option *option)
{
	struct plan_path path;
	int64_t held = candidate->start + candidate->time + option->transfer_in + option->transfer_out;
	int code = 0;

	if (job->path_request.rate_up == 0 && job->path_request.rate_down == 0)
		return 0;
	path_describe(job->view, &job->path_request, &job->frontier, option->label, job->request->spot,
	              &path);
	for (uint32_t i = 0; i + 1 < path.hop_count && code == 0; i++) {
		const struct {
			uint64_t rate;
			money price, tariff;
		} ways[] = {{path.rate_up, path.links[i].price, path.links[i].tariff},
		            {path.rate_down, path.links[i].back_price, path.links[i].back_tariff}};

		for (size_t way = 0; way < ARRAY_SIZE(ways) && code == 0; way++) {
			money price, tariff, hold;

			code = money_charge(ways[way].rate, LINK_PRICE_SCALE, held, ways[way].price, &price);
			if (code == 0)
				code = money_charge(ways[way].rate, LINK_PRICE_SCALE, held, ways[way].tariff,
				                    &tariff);
			if (code == 0)
				code = money_charge(ways[way].rate, LINK_PRICE_SCALE, option->reserve,
				                    ways[way].tariff, &hold);
			if (code < 0)
				break;
			option->link_price += price;
			option->link_tariff += tariff;
			option->link_hold += hold;
		}
	}
	return code;
}

/* The best that any path offers, against the first ceiling that it breaks. */
static int explain_ceilings(const struct job *job, struct candidate *candidate, uint32_t first)
{
	const struct demand_body *body = body_of(job);
	struct option best = make_option(job, candidate, first);

	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next) {
		struct option option = make_option(job, candidate, label);

		best.network = MINIMUM(best.network, option.network);
		best.respond = MINIMUM(best.respond, option.respond);
		best.finish = MINIMUM(best.finish, option.finish);
	}
	if (!is_within(best.network, body->network_within))
		return rule_out(candidate, REASON_NETWORK, best.network, body->network_within);
	if (!is_within(best.respond, body->respond_within))
		return rule_out(candidate, REASON_RESPOND, best.respond, body->respond_within);
	return rule_out(candidate, REASON_FINISH, best.finish, body->finish_within);
}

static int list_options(const struct job *job, struct candidate *candidate, uint32_t index, uint32_t first)
{
	uint32_t count = 0;
	int code;

	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next)
		count++;
	candidate->options = arena_array(job->arena, count, sizeof(*candidate->options));
	if (candidate->options == NULL)
		return -ENOMEM;
	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next) {
		struct option option = make_option(job, candidate, label);

		if (!meets_ceilings(job, &option))
			continue;
		option.candidate = index;
		code = charge_links(job, candidate, &option);
		if (code < 0)
			return code;
		candidate->options[candidate->option_count++] = option;
	}
	return candidate->option_count > 0 ? 0 : explain_ceilings(job, candidate, first);
}

static void find_carbon(struct candidate *candidate)
{
	for (uint32_t i = 0; i < candidate->claim_count; i++)
		if (candidate->claims[i].kind == RESOURCE_CPU)
			candidate->carbon =
			        (uint64_t)((wide)candidate->site->core_grams * candidate->claims[i].amount *
			                   (uint64_t)candidate->time /
			                   resource_descriptions[RESOURCE_CPU].scale /
			                   (uint64_t)CLOCK_SECOND);
}

/* 0: can serve; 1: ruled out with a reason; negative: failure. */
static int examine(const struct job *job, struct candidate *candidate, uint32_t index)
{
	int node = view_site_index(job->view, candidate->site->identity);
	uint32_t first;
	int code;

	if (body_of(job)->service[0] != '\0')
		candidate->service = find_offer(job, candidate->site);
	code = check_admission(job, candidate);
	if (code != 0)
		return code;
	first = job->frontier.first[node];
	if (first == PATH_LABELS)
		return explain_unreachable(job, candidate);
	candidate->start = candidate->service != NULL ? candidate->service->start : candidate->site->start;
	if (candidate->service != NULL) {
		candidate->call_price = candidate->service->price;
		candidate->call_tariff =
		        job->request->spot ? candidate->service->price : candidate->service->tariff;
	}
	code = choose_cores(job, candidate, first);
	if (code == 0)
		code = count_room(candidate, job->parts);
	if (code == 0)
		code = list_options(job, candidate, index, first);
	find_carbon(candidate);
	return code;
}

int candidate_list(const struct job *job, struct candidate **ret_candidates, uint32_t *ret_count)
{
	size_t sites = view_site_count(job->view);
	struct candidate *candidates = arena_array(job->arena, sites + 1, sizeof(*candidates));
	uint32_t count = 0;

	if (candidates == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < sites; i++) {
		const struct site *site = view_site_at(job->view, i);
		int code;

		if (site->resource_count == 0)
			continue;
		candidates[count].site = site;
		code = examine(job, &candidates[count], count);
		if (code < 0)
			return code;
		count++;
	}
	*ret_candidates = candidates;
	*ret_count = count;
	return 0;
}

/* Price and tariff per price unit of a claim, when `ordinal` parts of the kind are at the site. */
static struct plan_claim priced(const struct job *job, const struct candidate *candidate, uint32_t claim,
                                uint32_t ordinal)
{
	struct plan_claim priced = candidate->claims[claim];
	const struct resource_offer *offer = site_resource(candidate->site, priced.kind);

	priced.price = resource_price(offer, priced.amount * ordinal);
	priced.tariff = job->request->spot ? priced.price : offer->tariff;
	return priced;
}

static int add_charge(const struct plan_claim *claim, money rate, int64_t time, money *sum)
{
	money charge;
	int code = money_charge(claim->amount, resource_descriptions[claim->kind].price_scale, time, rate,
	                        &charge);

	return code < 0 ? code : money_add(*sum, charge, sum);
}

int candidate_cost(const struct job *job, const struct candidate *candidate, const struct option *option,
                   uint32_t ordinal, struct candidate_cost *ret_cost)
{
	struct candidate_cost cost = {.price = candidate->call_price + option->link_price,
	                              .tariff = candidate->call_tariff + option->link_tariff,
	                              .hold = candidate->call_tariff + option->link_hold};
	int code = 0;

	for (uint32_t i = 0; i < candidate->claim_count && code == 0; i++) {
		struct plan_claim claim = priced(job, candidate, i, ordinal);

		code = add_charge(&claim, claim.price, candidate->time, &cost.price);
		if (code == 0)
			code = add_charge(&claim, claim.tariff, candidate->time, &cost.tariff);
		if (code == 0)
			code = add_charge(&claim, claim.tariff, option->limit, &cost.hold);
	}
	if (code < 0)
		return code;
	*ret_cost = cost;
	return 0;
}

int candidate_part(const struct job *job, const struct candidate *candidate, const struct option *option,
                   uint32_t ordinal, struct plan_part *ret_part)
{
	struct plan_part part = {
	        .site = candidate->site->identity,
	        .claim_count = candidate->claim_count,
	        .start = candidate->start,
	        .time = candidate->time,
	        .limit = option->limit,
	        .reserve = option->reserve,
	        .transfer_in = option->transfer_in,
	        .transfer_out = option->transfer_out,
	        .call_price = candidate->call_price,
	        .call_tariff = candidate->call_tariff,
	        .network = option->network,
	        .respond = option->respond,
	        .finish = option->finish,
	        .carbon = candidate->carbon,
	};
	struct candidate_cost cost;
	int code = candidate_cost(job, candidate, option, ordinal, &cost);

	if (code < 0)
		return code;
	for (uint32_t i = 0; i < candidate->claim_count; i++)
		part.claims[i] = priced(job, candidate, i, ordinal);
	part.price = cost.price;
	part.tariff = cost.tariff;
	part.hold = cost.hold;
	path_describe(job->view, &job->path_request, &job->frontier, option->label, job->request->spot,
	              &part.path);
	part.path.delay_up += job->request->access_up;
	part.path.delay_down += job->request->access_down;
	*ret_part = part;
	return 0;
}
