/* SPDX-License-Identifier: Apache-2.0 */
#include "map/candidate.h"

#include "base/clock.h"
#include "base/error.h"
#include "view/age.h"
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

/* Nothing runs. */
static bool is_reservation(const struct job *job)
{
	return body_of(job)->reserve_time > 0;
}

static int64_t bounded_time(int64_t time)
{
	return time < 0 ? 0 : MINIMUM(time, PATH_TIME_MOST);
}

static money bounded_money(money amount)
{
	return amount < 0 ? 0 : MINIMUM(amount, CANDIDATE_MONEY_MOST);
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

/* Whether the site may serve at all: service, residency, trust. */
static int check_admission(const struct job *job, struct candidate *candidate)
{
	const struct demand *demand = job->request->demand;
	const struct site *site = candidate->site;
	int suspicion = view_suspected(job->view, site->identity, job->request->now);

	if (!gateway_is_none(job->request->site) && !gateway_equal(job->request->site, site->identity))
		return rule_out(candidate, REASON_SITE, 0, 0);
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
		if (free >= rate) /* wide enough, so there are too many gateways on the way */
			return rule_out(candidate, REASON_UNREACHABLE, 0, 0);
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

/* Cores that the owner's book takes for a claim of GFLOPS: it rounds each claim up (book.h). */
static uint64_t cores_behind(const struct site *site, uint64_t gflops)
{
	wide cores = ((wide)gflops * resource_descriptions[RESOURCE_CPU].scale + site->gflops_per_core - 1) /
	             site->gflops_per_core;

	return cores > UINT64_MAX ? UINT64_MAX : (uint64_t)cores;
}

/* Processors of one part: the demand's own number, else the service's, else `cores`; none where nothing runs.
 */
static uint64_t cores_of(const struct job *job, const struct candidate *candidate, uint64_t cores)
{
	uint64_t own = needed(job, RESOURCE_CPU), gflops = needed(job, RESOURCE_CPU_GFLOPS);

	if (own != 0 && gflops != 0 && candidate->site->gflops_per_core != 0)
		own = MAXIMUM(own, cores_behind(candidate->site, gflops));
	if (is_reservation(job))
		return own;
	if (body_of(job)->work_present)
		return own != 0 ? own : cores;
	if (candidate->service != NULL)
		return MAXIMUM(candidate->service->cpu, own);
	return own != 0 ? own : resource_descriptions[RESOURCE_CPU].scale;
}

static uint64_t memory_of(const struct job *job, const struct candidate *candidate)
{
	uint64_t memory = needed(job, RESOURCE_MEMORY);

	if (is_reservation(job))
		return memory;
	if (candidate->service != NULL)
		memory = MAXIMUM(memory, candidate->service->memory);
	return memory == 0 ? MEMORY_DEFAULT : memory;
}

static int list_claims(const struct job *job, struct candidate *candidate, uint64_t cores)
{
	static const enum resource_kind others[] = {RESOURCE_CPU_GFLOPS, RESOURCE_GPU, RESOURCE_GPU_TFLOPS,
	                                            RESOURCE_NPU_TOPS, RESOURCE_STORAGE};
	uint64_t memory = memory_of(job, candidate);
	/* Both are named: the GFLOPS are in the number of cores already, and paid for once. */
	bool counted = needed(job, RESOURCE_CPU) != 0 && candidate->site->gflops_per_core != 0;
	int code = 0;

	candidate->claim_count = 0;
	/* GFLOPS that the demand names are the processors; else they are counted in cores. */
	if (needed(job, RESOURCE_CPU_GFLOPS) == 0 || needed(job, RESOURCE_CPU) != 0)
		code = add_claim(candidate, RESOURCE_CPU, cores_of(job, candidate, cores));
	if (code == 0)
		code = add_claim(candidate, RESOURCE_MEMORY, memory);
	for (size_t i = 0; i < ARRAY_SIZE(others) && code == 0; i++)
		if (!counted || others[i] != RESOURCE_CPU_GFLOPS)
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

	if (is_reservation(job))
		return bounded_time(body->reserve_time);
	if (body->need_time > 0)
		return bounded_time(body->need_time);
	if (!body->work_present)
		return candidate->service != NULL ? bounded_time(candidate->service->time) : RUN_TIME_DEFAULT;
	rate = work_rate(job, candidate, cores);
	if (rate == 0)
		return -1;
	time = ((wide)divide_up(body->work.amount, job->parts) * (uint64_t)CLOCK_SECOND + rate - 1) / rate;
	return time > PATH_TIME_MOST ? PATH_TIME_MOST : (int64_t)time;
}

/* Time to move `size` octets at the rate asked for, else at the `width` that is free on the path. */
static int64_t transfer_time(const struct path_label *label, uint64_t size, uint64_t rate, uint64_t width)
{
	wide time;

	if (size == 0 || label->hops == 1)
		return 0;
	time = (wide)size * 8 * (uint64_t)CLOCK_SECOND / (rate == 0 ? width : rate);
	return time > PATH_TIME_MOST ? PATH_TIME_MOST : (int64_t)time;
}

static bool is_access_hard(const struct job *job)
{
	return job->request->access_ceiling_up > 0 && job->request->access_ceiling_down > 0;
}

/* The least bound of a path over all classes, access link included. */
static int64_t least_bound(const struct job *job, const struct path_label *path)
{
	const struct map_request *request = job->request;
	int64_t least = PATH_NO_BOUND;

	if (!is_access_hard(job))
		return PATH_NO_BOUND;
	for (uint32_t class = 0; class < LINK_CLASSES; class ++)
		least = MINIMUM(least, path->bounds[class]);
	return least == PATH_NO_BOUND ? PATH_NO_BOUND
	                              : least + bounded_time(request->access_ceiling_up) +
	                                        bounded_time(request->access_ceiling_down);
}

/* How long claim and links are held for, and how long they can be charged for at most. */
static void set_limits(const struct job *job, const struct candidate *candidate, struct option *option)
{
	if (is_reservation(job)) {
		option->limit = MINIMUM(candidate->time, PLAN_RESERVATION_LIFETIME);
		option->reserve = option->limit;
		option->claim_most = candidate->time + PLAN_RESERVE_GRACE;
		option->link_most = option->claim_most;
		return;
	}
	option->limit = PLAN_TIME_MARGIN * (candidate->start + option->transfer_in);
	option->limit += body_of(job)->need_time > 0 ? candidate->time : PLAN_TIME_MARGIN * candidate->time;
	option->reserve = option->limit + PLAN_TIME_MARGIN * option->transfer_out + PLAN_RESERVE_GRACE;
	option->claim_most = option->limit;
	option->link_most = option->reserve;
}

static struct option make_option(const struct job *job, const struct candidate *candidate, uint32_t label)
{
	const struct path_label *path = &job->frontier.labels[label];
	const struct map_request *request = job->request;
	const struct demand_body *body = body_of(job);
	struct option option = {
	        .label = label,
	        .transfer_in = transfer_time(path, demand_data_size(body, DATA_IN, job->parts),
	                                     job->path_request.rate_up, path->width_up),
	        .transfer_out = transfer_time(path, demand_data_size(body, DATA_OUT, job->parts),
	                                      job->path_request.rate_down, path->width_down),
	        .network = MAXIMUM(path->delay, candidate->least_network) + bounded_time(request->access_up) +
	                   bounded_time(request->access_down),
	        .bound = least_bound(job, path),
	};

	option.respond = option.network + candidate->start + candidate->time;
	option.finish = option.respond + option.transfer_in + option.transfer_out;
	set_limits(job, candidate, &option);
	return option;
}

static bool is_within(int64_t value, int64_t ceiling)
{
	return ceiling == 0 || value <= ceiling;
}

/* Measured delays, or where it must be guaranteed the bound instead. */
static bool meets_network(const struct job *job, const struct option *option)
{
	const struct demand_body *body = body_of(job);

	if (!body->network_guaranteed)
		return is_within(option->network, body->network_within);
	return option->bound != PATH_NO_BOUND && is_within(option->bound, body->network_within);
}

static bool meets_ceilings(const struct job *job, const struct option *option)
{
	const struct demand_body *body = body_of(job);

	return meets_network(job, option) && is_within(option->respond, body->respond_within) &&
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

static bool suffices(const struct job *job, struct candidate *candidate, uint32_t first, uint64_t cores)
{
	candidate->time = run_time(job, candidate, cores);
	return has_feasible_path(job, candidate, first);
}

/* The least number of whole cores that suffices; all when none does. More cores are never slower. */
static uint64_t least_cores(const struct job *job, struct candidate *candidate, uint32_t first)
{
	uint64_t one = resource_descriptions[RESOURCE_CPU].scale;
	const struct resource_offer *cpu = site_resource(candidate->site, RESOURCE_CPU);
	uint64_t low = 1, high = MAXIMUM(cpu == NULL ? 0 : cpu->free / one, UINT64_C(1));

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (suffices(job, candidate, first, middle * one))
			high = middle;
		else
			low = middle + 1;
	}
	return low * one;
}

/* The rate rule. Sets claims and time; 1 when ruled out. */
static int choose_cores(const struct job *job, struct candidate *candidate, uint32_t first)
{
	uint64_t cores = resource_descriptions[RESOURCE_CPU].scale;

	if (run_time(job, candidate, cores) < 0) {
		(void)rule_out(candidate, REASON_RESOURCE, 0, 1);
		candidate->reason.resource = body_of(job)->work.kind;
		return 1;
	}
	if (cores_are_open(job) && !suffices(job, candidate, first, cores))
		cores = least_cores(job, candidate, first);
	candidate->time = run_time(job, candidate, cores);
	return list_claims(job, candidate, cores);
}

/* Parts of a claim that fit into what is free. */
static uint64_t room_for(const struct candidate *candidate, const struct plan_claim *claim)
{
	const struct site *site = candidate->site;
	const struct resource_offer *offer = site_resource(site, claim->kind);
	const struct resource_offer *cpu = site_resource(site, RESOURCE_CPU);
	uint64_t room = offer == NULL ? 0 : offer->free / claim->amount;

	if (claim->kind == RESOURCE_CPU_GFLOPS && cpu != NULL && site->gflops_per_core > 0)
		room = MINIMUM(room, cpu->free / cores_behind(site, claim->amount));
	return room;
}

/* How many parts fit; 1 when not even one does. */
static int count_room(struct candidate *candidate, uint32_t parts)
{
	candidate->most = parts;
	for (uint32_t i = 0; i < candidate->claim_count; i++) {
		const struct plan_claim *claim = &candidate->claims[i];
		const struct resource_offer *offer = site_resource(candidate->site, claim->kind);
		uint64_t room = room_for(candidate, claim);

		if (room == 0) {
			(void)rule_out(candidate, REASON_RESOURCE, offer == NULL ? 0 : (int64_t)offer->free,
			               (int64_t)claim->amount);
			candidate->reason.resource = claim->kind;
			return 1;
		}
		if (room < candidate->most) {
			candidate->most = (uint32_t)room;
			candidate->tightest = i;
		}
	}
	return 0;
}

/* Charge for links at `rate` (money x 10^-6 per second) over `time`. */
static money link_charge(path_wide rate, int64_t time, bool round_up)
{
	const wide divisor = (wide)LINK_PRICE_SCALE * (uint64_t)CLOCK_SECOND;
	wide product;

	if (__builtin_mul_overflow(rate, (wide)(uint64_t)time, &product))
		return CANDIDATE_MONEY_MOST;
	product = product / divisor + (product % divisor >= (round_up ? 1 : divisor / 2));
	return product > CANDIDATE_MONEY_MOST ? CANDIDATE_MONEY_MOST : (money)product;
}

/* Each link and direction is a line of a receipt, rounded by itself: the hold has room for that. */
static void charge_links(const struct job *job, const struct candidate *candidate, struct option *option)
{
	const struct path_label *label = &job->frontier.labels[option->label];
	int64_t held = candidate->start + candidate->time + option->transfer_in + option->transfer_out;

	if (job->path_request.rate_up == 0 && job->path_request.rate_down == 0)
		return;
	option->link_price = link_charge(label->price, held, false);
	option->link_tariff = link_charge(label->tariff, held, false);
	option->link_hold =
	        link_charge(label->tariff, option->link_most, true) + 2 * (money)(label->hops - 1);
}

/* Not even the hardest path's bound is good enough; without any, someone promises nothing. */
static int explain_guarantee(const struct job *job, struct candidate *candidate, uint32_t first,
                             int64_t bound)
{
	int64_t limit = body_of(job)->network_within;

	if (bound != PATH_NO_BOUND)
		return rule_out(candidate, REASON_GUARANTEE, bound, limit);
	(void)rule_out(candidate, REASON_GUARANTEE, 0, limit);
	/* The access link is the ingress's, and it is there that a direction goes without reservation. */
	candidate->reason.link = job->request->ingress;
	if (is_access_hard(job) && path_is_reserved(&job->path_request))
		candidate->reason.link = path_unbounded(job->view, &job->frontier, first);
	return 1;
}

/* The first ceiling that no path meets together with those before it, and the best figure there is. */
static int explain_ceilings(const struct job *job, struct candidate *candidate, uint32_t first)
{
	const struct demand_body *body = body_of(job);
	int64_t network = INT64_MAX, bound = PATH_NO_BOUND, respond = INT64_MAX, finish = INT64_MAX;

	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next) {
		struct option option = make_option(job, candidate, label);

		network = MINIMUM(network, option.network);
		bound = MINIMUM(bound, option.bound);
		if (!meets_network(job, &option))
			continue;
		respond = MINIMUM(respond, option.respond);
		if (is_within(option.respond, body->respond_within))
			finish = MINIMUM(finish, option.finish);
	}
	if (respond == INT64_MAX && body->network_guaranteed)
		return explain_guarantee(job, candidate, first, bound);
	if (respond == INT64_MAX)
		return rule_out(candidate, REASON_NETWORK, network, body->network_within);
	if (!is_within(respond, body->respond_within))
		return rule_out(candidate, REASON_RESPOND, respond, body->respond_within);
	return rule_out(candidate, REASON_FINISH, finish, body->finish_within);
}

/* Whether every part over the option costs less than the mapper can count. */
static bool is_countable(const struct job *job, const struct candidate *candidate,
                         const struct option *option)
{
	struct candidate_cost cost = candidate_cost(job, candidate, option, candidate->most);

	return cost.price < CANDIDATE_MONEY_MOST && cost.tariff < CANDIDATE_MONEY_MOST &&
	       cost.hold < CANDIDATE_MONEY_MOST;
}

static int list_options(const struct job *job, struct candidate *candidate, uint32_t index, uint32_t first)
{
	bool met = false;
	uint32_t count = 0;

	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next)
		count++;
	candidate->options = arena_array(job->arena, count, sizeof(*candidate->options));
	if (candidate->options == NULL)
		return -ENOMEM;
	for (uint32_t label = first; label != PATH_LABELS; label = job->frontier.labels[label].next) {
		struct option option = make_option(job, candidate, label);

		if (!meets_ceilings(job, &option))
			continue;
		met = true;
		option.candidate = index;
		charge_links(job, candidate, &option);
		if (is_countable(job, candidate, &option))
			candidate->options[candidate->option_count++] = option;
	}
	if (candidate->option_count > 0)
		return 0;
	return met ? rule_out(candidate, REASON_BUDGET, CANDIDATE_MONEY_MOST, job->request->demand->budget)
	           : explain_ceilings(job, candidate, first);
}

/* Of the cores, however they are claimed. */
static void find_carbon(struct candidate *candidate)
{
	const struct site *site = candidate->site;
	uint64_t scale = resource_descriptions[RESOURCE_CPU].scale, cores = 0;
	wide carbon;

	for (uint32_t i = 0; i < candidate->claim_count; i++) {
		const struct plan_claim *claim = &candidate->claims[i];

		if (claim->kind == RESOURCE_CPU)
			cores = MAXIMUM(cores, claim->amount);
		else if (claim->kind == RESOURCE_CPU_GFLOPS && site->gflops_per_core > 0)
			cores = MAXIMUM(cores, cores_behind(site, claim->amount));
	}
	if (__builtin_mul_overflow((wide)site->core_grams * cores, (wide)(uint64_t)candidate->time, &carbon))
		carbon = (wide)-1;
	carbon /= (wide)scale * (uint64_t)CLOCK_SECOND;
	candidate->carbon = carbon > INT64_MAX ? INT64_MAX : (uint64_t)carbon;
}

int64_t candidate_carbon(const struct candidate *candidate)
{
	const uint64_t most = INT64_MAX / (2 * DEMAND_PARTS) / (DEMAND_PARTS + 1);

	/* One unknown is more than all parts of known carbon together. */
	if (candidate->carbon == 0)
		return INT64_MAX / (2 * DEMAND_PARTS);
	return (int64_t)MINIMUM(candidate->carbon, most);
}

const struct option *candidate_cheapest(const struct candidate *candidate, int64_t latest)
{
	const struct option *best = NULL;

	for (uint32_t i = 0; i < candidate->option_count; i++) {
		const struct option *option = &candidate->options[i];

		if (option->finish > latest)
			continue;
		if (best == NULL || option->link_price < best->link_price ||
		    (option->link_price == best->link_price && option->finish < best->finish))
			best = option;
	}
	return best;
}

/* What it takes to start, in time and money. */
static void set_start(const struct job *job, struct candidate *candidate)
{
	const struct view_service *service = candidate->service;
	const struct view_facts *facts = view_facts(candidate->site);

	candidate->start = bounded_time(service != NULL ? service->start : candidate->site->start) +
	                   bounded_time(facts->wait);
	if (service == NULL)
		return;
	candidate->call_price = bounded_money(
	        view_aged_price(service->price, view_staleness(&facts->structure, job->request->now)));
	candidate->call_tariff = bounded_money(job->request->spot ? service->price : service->tariff);
}

/* Where measurement and declaration contradict each other the cautious one counts, whichever path is taken.
 */
static int64_t least_network(const struct site *site)
{
	const struct view_facts *facts = view_facts(site);

	return facts->contradicted >> VIEW_PATH_DELAY & 1 ? 2 * bounded_time(facts->path.delay) : 0;
}

/* 0: can serve; 1: ruled out with a reason; negative: failure. */
static int examine(const struct job *job, struct candidate *candidate, uint32_t index)
{
	int node = view_site_index(job->view, candidate->site->identity);
	uint32_t first;
	int code;

	if (body_of(job)->service[0] != '\0')
		candidate->service =
		        view_newest_service(job->view, &job->versions, candidate->site->identity);
	candidate->least_network = least_network(candidate->site);
	candidate->staleness = view_staleness(&view_facts(candidate->site)->amounts, job->request->now);
	code = check_admission(job, candidate);
	if (code != 0)
		return code;
	first = job->frontier.first[node];
	if (first == PATH_LABELS)
		return explain_unreachable(job, candidate);
	if (!is_reservation(job))
		set_start(job, candidate);
	code = choose_cores(job, candidate, first);
	if (code == 0)
		code = count_room(candidate, job->parts);
	if (code == 0)
		code = list_options(job, candidate, index, first);
	find_carbon(candidate);
	return code;
}

int candidate_list(struct job *job, struct candidate **ret_candidates, uint32_t *ret_count)
{
	size_t sites = view_site_count(job->view);
	struct candidate *candidates = arena_array(job->arena, sites + 1, sizeof(*candidates));
	uint32_t count = 0;

	if (candidates == NULL)
		return -ENOMEM;
	if (body_of(job)->service[0] != '\0' && view_sees_service(job->request->sight, body_of(job)->service))
		view_list_versions(job->view, body_of(job)->service, body_of(job)->version, &job->versions);
	for (size_t i = 0; i < sites; i++) {
		const struct site *site = view_site_at(job->view, i);
		int code;

		if (site->resource_count == 0 || !view_sees_site(job->request->sight, site))
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

	priced.price = view_resource_price(offer, priced.amount * ordinal, candidate->staleness);
	if (!job->request->spot)
		priced.tariff = offer->tariff;
	else
		priced.tariff = candidate->staleness == 0 ? priced.price
		                                          : resource_price(offer, priced.amount * ordinal);
	return priced;
}

static money claim_charge(const struct plan_claim *claim, money rate, int64_t time)
{
	money charge;

	if (money_charge(claim->amount, resource_descriptions[claim->kind].price_scale, time, rate, &charge) <
	    0)
		return CANDIDATE_MONEY_MOST;
	return bounded_money(charge);
}

struct candidate_cost candidate_cost(const struct job *job, const struct candidate *candidate,
                                     const struct option *option, uint32_t ordinal)
{
	struct candidate_cost cost = {.price = candidate->call_price + option->link_price,
	                              .tariff = candidate->call_tariff + option->link_tariff,
	                              .hold = candidate->call_tariff + option->link_hold};

	for (uint32_t i = 0; i < candidate->claim_count; i++) {
		struct plan_claim claim = priced(job, candidate, i, ordinal);

		cost.price += claim_charge(&claim, claim.price, candidate->time);
		cost.tariff += claim_charge(&claim, claim.tariff, candidate->time);
		cost.hold += claim_charge(&claim, claim.tariff, option->claim_most);
	}
	return cost;
}

/* Without both ceilings of the client's own link nothing is hard. */
static void add_access(const struct job *job, struct plan_path *path)
{
	const struct map_request *request = job->request;

	path->delay_up += bounded_time(request->access_up);
	path->delay_down += bounded_time(request->access_down);
	path->bound_up += bounded_time(request->access_ceiling_up);
	path->bound_down += bounded_time(request->access_ceiling_down);
	path->measured = path->measured || !is_access_hard(job);
	if (path->measured) {
		path->bound_up = 0;
		path->bound_down = 0;
	}
}

bool candidate_is_stale(const struct job *job, const struct candidate *candidate, const struct option *option)
{
	return candidate->staleness > 0 ||
	       path_is_stale(job->view, &job->path_request, &job->frontier, option->label);
}

struct plan_part candidate_part(const struct job *job, const struct candidate *candidate,
                                const struct option *option, uint32_t ordinal)
{
	struct candidate_cost cost = candidate_cost(job, candidate, option, ordinal);
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
	        .price = cost.price,
	        .tariff = cost.tariff,
	        .hold = cost.hold,
	        .network = option->network,
	        .respond = option->respond,
	        .finish = option->finish,
	        .carbon = candidate->carbon,
	};

	for (uint32_t i = 0; i < candidate->claim_count; i++)
		part.claims[i] = priced(job, candidate, i, ordinal);
	path_describe(job->view, &job->path_request, &job->frontier, option->label, &part.path);
	add_access(job, &part.path);
	return part;
}
