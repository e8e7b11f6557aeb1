/* SPDX-License-Identifier: Apache-2.0 */
#include "map/map.h"

#include "base/error.h"
#include "map/parts.h"
#include <errno.h>
#include <string.h>

/* What one number of parts led to. */
struct outcome {
	struct job job;
	struct candidate *candidates;
	uint32_t count;
	struct distribution distribution;
	bool found;
	money least_hold; /* when the budget was in the way */
};

static bool is_supported(const struct demand *demand)
{
	return demand->stage_count == 0 && demand->affinity[0] == '\0' && !demand->offload;
}

static uint64_t divide_up(uint64_t amount, uint32_t parts)
{
	return amount / parts + (amount % parts != 0);
}

static int open_job(const struct view *view, const struct map_request *request, struct arena *arena,
                    uint32_t parts, struct job *job)
{
	const struct demand_body *body = &request->demand->body;

	*job = (struct job){
	        .view = view,
	        .request = request,
	        .arena = arena,
	        .parts = parts,
	        .path_request = {.ingress = request->ingress,
	                         .rate_up = divide_up(body->bandwidth_up, parts),
	                         .rate_down = divide_up(body->bandwidth_down, parts),
	                         .total_up = body->bandwidth_up,
	                         .total_down = body->bandwidth_down,
	                         .now = request->now},
	};
	return path_search(view, &job->path_request, arena, &job->frontier);
}

static int try_parts(const struct view *view, const struct map_request *request, struct arena *arena,
                     uint32_t parts, struct outcome *outcome)
{
	int code = open_job(view, request, arena, parts, &outcome->job);

	if (code == 0)
		code = candidate_list(&outcome->job, &outcome->candidates, &outcome->count);
	if (code == 0)
		code = parts_distribute(&outcome->job, outcome->candidates, outcome->count,
		                        &outcome->distribution, &outcome->least_hold);
	if (code < 0)
		return code;
	outcome->found = code == 1;
	return 0;
}

static uint32_t most_parts(const struct demand_body *body)
{
	uint32_t most = MAXIMUM(body->split, 1U);

	if (body->split_least.amount > 0 && body->work_present)
		most = (uint32_t)MINIMUM((uint64_t)most,
		                         MAXIMUM(body->work.amount / body->split_least.amount, 1U));
	return most;
}

static bool serves(const struct outcome *outcome, uint32_t candidate)
{
	for (uint32_t i = 0; outcome->found && i < outcome->job.parts; i++)
		if (outcome->distribution.options[i]->candidate == candidate)
			return true;
	return false;
}

/* What the chosen parts have that a losing candidate is compared with. */
static void compare_loser(const struct outcome *outcome, const struct candidate *candidate,
                          const struct option *option, money price, struct plan_reason *reason)
{
	const struct distribution *chosen = &outcome->distribution;
	const struct demand *demand = outcome->job.request->demand;
	money dearest = 0;
	int64_t slowest = 0;
	uint64_t dirtiest = 0;

	for (uint32_t i = 0; i < outcome->job.parts; i++) {
		const struct option *taken = chosen->options[i];
		const struct candidate *winner = &outcome->candidates[taken->candidate];
		struct candidate_cost cost;

		if (candidate_cost(&outcome->job, winner, taken, chosen->ordinals[i], &cost) == 0)
			dearest = MAXIMUM(dearest, cost.price);
		slowest = MAXIMUM(slowest, taken->finish);
		dirtiest = MAXIMUM(dirtiest, winner->carbon);
	}
	if (demand->prefer == PREFER_LATENCY && option->finish > slowest)
		*reason =
		        (struct plan_reason){.kind = REASON_LATENCY, .have = option->finish, .need = slowest};
	else if (demand->prefer == PREFER_CARBON && candidate->carbon > dirtiest)
		*reason = (struct plan_reason){.kind = REASON_CARBON,
		                               .have = (int64_t)candidate->carbon,
		                               .need = (int64_t)dirtiest};
	else
		*reason = (struct plan_reason){.kind = REASON_PRICE, .have = price, .need = dearest};
}

/* Why a candidate that could have served did not. */
static int explain_loser(const struct outcome *outcome, const struct candidate *candidate,
                         struct plan_reason *reason)
{
	const struct demand *demand = outcome->job.request->demand;
	const struct option *best = &candidate->options[0];
	struct candidate_cost cost;
	int code;

	for (uint32_t i = 1; i < candidate->option_count; i++) {
		const struct option *option = &candidate->options[i];
		bool better = demand->prefer == PREFER_LATENCY ? option->finish < best->finish
		                                               : option->link_price < best->link_price;

		if (better)
			best = option;
	}
	code = candidate_cost(&outcome->job, candidate, best, 1, &cost);
	if (code < 0)
		return code;
	if (outcome->found)
		compare_loser(outcome, candidate, best, cost.price, reason);
	else if (outcome->least_hold > 0)
		*reason = (struct plan_reason){.kind = REASON_BUDGET,
		                               .have = outcome->least_hold,
		                               .need = demand->budget};
	else /* it has room for some parts, not for all, or the links between have not */
		*reason = (struct plan_reason){
		        .kind = REASON_RESOURCE,
		        .resource = candidate->claims[0].kind,
		        .have = (int64_t)(candidate->claims[0].amount * candidate->most),
		        .need = (int64_t)(candidate->claims[0].amount * outcome->job.parts)};
	reason->site = candidate->site->identity;
	return 0;
}

static int list_reasons(const struct outcome *outcome, struct plan *plan)
{
	for (uint32_t i = 0; i < outcome->count; i++) {
		const struct candidate *candidate = &outcome->candidates[i];
		struct plan_reason reason = candidate->reason;
		int code = 0;

		if (serves(outcome, i))
			continue;
		if (reason.kind == REASON_NONE)
			code = explain_loser(outcome, candidate, &reason);
		if (code < 0)
			return code;
		if (plan->reason_count < PLAN_REASONS)
			plan->reasons[plan->reason_count++] = reason;
		else
			plan->reasons_dropped++;
	}
	return 0;
}

static int fill_plan(const struct outcome *outcome, struct plan *plan)
{
	const struct distribution *chosen = &outcome->distribution;
	uint32_t parts = outcome->job.parts;

	plan->parts = arena_array(outcome->job.arena, parts, sizeof(*plan->parts));
	if (plan->parts == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < parts; i++) {
		const struct option *option = chosen->options[i];
		struct plan_part *part = &plan->parts[i];
		int code = candidate_part(&outcome->job, &outcome->candidates[option->candidate], option,
		                          chosen->ordinals[i], part);

		if (code < 0)
			return code;
		plan->price += part->price;
		plan->tariff += part->tariff;
		plan->hold += part->hold;
		plan->network = MAXIMUM(plan->network, part->network);
		plan->respond = MAXIMUM(plan->respond, part->respond);
		plan->finish = MAXIMUM(plan->finish, part->finish);
	}
	plan->part_count = parts;
	return 0;
}

/* Why nothing is feasible: the demand's own fault first. */
static int find_status(const struct view *view, const struct outcome *outcome, const struct demand *demand)
{
	if (demand->body.service[0] != '\0' && view_service_first(view, demand->body.service) < 0)
		return BUSBAR_ERROR_UNKNOWN_SERVICE;
	return outcome->least_hold > 0 ? BUSBAR_ERROR_BUDGET : BUSBAR_ERROR_INFEASIBLE;
}

/* Fewer parts win among equals, so a later number must be better. */
static bool is_improvement(const struct outcome *outcome, const struct outcome *best)
{
	if (!outcome->found)
		return false;
	return !best->found || score_compare(&outcome->distribution.score, &best->distribution.score) < 0;
}

int map_demand(const struct view *view, const struct map_request *request, struct arena *arena,
               struct plan *ret_plan)
{
	const struct demand_body *body = &request->demand->body;
	uint32_t most = most_parts(body);
	struct outcome best = {.found = false};
	struct plan plan = {.exact = true};
	int code;

	if (!is_supported(request->demand)) {
		*ret_plan = (struct plan){.status = BUSBAR_ERROR_NOT_SUPPORTED};
		return 0;
	}
	for (uint32_t parts = body->split_exactly ? most : 1; parts <= most; parts++) {
		struct arena_mark mark = arena_save(arena);
		struct outcome outcome = {.found = false};

		code = try_parts(view, request, arena, parts, &outcome);
		if (code < 0)
			return code;
		plan.exact = plan.exact && outcome.job.frontier.complete &&
		             (!outcome.found || outcome.distribution.exact);
		/* The last number explains best when none is feasible: its parts are the smallest. */
		if (is_improvement(&outcome, &best) || (!best.found && parts == most))
			best = outcome;
		else
			arena_restore(arena, mark);
	}
	plan.status = best.found ? 0 : find_status(view, &best, request->demand);
	code = best.found ? fill_plan(&best, &plan) : 0;
	if (code == 0)
		code = list_reasons(&best, &plan);
	if (code < 0)
		return code;
	*ret_plan = plan;
	return 0;
}
