/* SPDX-License-Identifier: Apache-2.0 */
#include "map/map.h"

#include "base/error.h"
#include "map/explain.h"
#include <errno.h>

static bool is_supported(const struct demand *demand)
{
	return demand->stage_count == 0 && demand->affinity[0] == '\0' && !demand->offload;
}

static uint64_t divide_up(uint64_t amount, uint32_t parts)
{
	return amount / parts + (amount % parts != 0);
}

/* What an access link that promises ceilings leaves of a guaranteed limit for the other links. */
static int64_t link_bound(const struct map_request *request)
{
	int64_t limit = request->demand->body.network_within;
	int64_t access = MINIMUM(request->access_ceiling_up, PATH_TIME_MOST) +
	                 MINIMUM(request->access_ceiling_down, PATH_TIME_MOST);

	return limit == 0 ? PATH_NO_BOUND - 1 : limit - access;
}

static int open_job(const struct view *view, const struct map_request *request, struct arena *arena,
                    uint32_t parts, uint32_t *steps, struct job *job)
{
	const struct demand_body *body = &request->demand->body;

	*job = (struct job){
	        .view = view,
	        .request = request,
	        .arena = arena,
	        .steps = steps,
	        .parts = parts,
	        .path_request = {.ingress = request->ingress,
	                         .parts = parts,
	                         .rate_up = divide_up(body->bandwidth_up, parts),
	                         .rate_down = divide_up(body->bandwidth_down, parts),
	                         .total_up = body->bandwidth_up,
	                         .total_down = body->bandwidth_down,
	                         .moves_in = body->bandwidth_up == 0 &&
	                                     demand_data_size(body, DATA_IN, parts) > 0,
	                         .moves_out = body->bandwidth_down == 0 &&
	                                      demand_data_size(body, DATA_OUT, parts) > 0,
	                         .bounded = request->demand->budget > 0,
	                         .spot = request->spot,
	                         .guaranteed = body->network_guaranteed,
	                         .bound = link_bound(request),
	                         .now = request->now},
	};
	return path_search(view, &job->path_request, arena, &job->frontier);
}

static int try_parts(const struct view *view, const struct map_request *request, struct arena *arena,
                     uint32_t parts, uint32_t *steps, struct outcome *outcome)
{
	int code = open_job(view, request, arena, parts, steps, &outcome->job);

	if (code == 0)
		code = candidate_list(&outcome->job, &outcome->candidates, &outcome->count);
	if (code == 0)
		code = parts_distribute(&outcome->job, outcome->candidates, outcome->count,
		                        &outcome->distribution);
	return code;
}

static uint32_t most_parts(const struct demand_body *body)
{
	uint32_t most = MAXIMUM(body->split, 1U);

	if (!body->split_exactly && body->split_least.amount > 0 && body->work_present)
		most = (uint32_t)MINIMUM((uint64_t)most,
		                         MAXIMUM(body->work.amount / body->split_least.amount, 1U));
	return most;
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
		const struct candidate *candidate = &outcome->candidates[option->candidate];
		struct plan_part *part = &plan->parts[i];

		*part = candidate_part(&outcome->job, candidate, option, chosen->ordinals[i]);
		plan->stale = plan->stale || candidate_is_stale(&outcome->job, candidate, option);
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
	if (demand->body.service[0] != '\0' &&
	    (view_service_first(view, demand->body.service) < 0 ||
	     !view_sees_service(outcome->job.request->sight, demand->body.service)))
		return BUSBAR_ERROR_UNKNOWN_SERVICE;
	return outcome->distribution.least_hold > 0 ? BUSBAR_ERROR_BUDGET : BUSBAR_ERROR_INFEASIBLE;
}

/*
 * Fewer parts win among equals, so a later number must be better. Where nothing is feasible, a number that
 * only the budget stopped explains most, the lightest of them; else the last one, whose parts are smallest.
 */
static bool is_better(const struct outcome *outcome, const struct outcome *best)
{
	const struct distribution *here = &outcome->distribution, *there = &best->distribution;

	if (here->found != there->found)
		return here->found;
	if (here->found)
		return score_compare(&here->score, &there->score) < 0;
	if (here->least_hold > 0 && there->least_hold > 0)
		return here->least_hold < there->least_hold;
	return there->least_hold == 0;
}

int map_demand(const struct view *view, const struct map_request *request, struct arena *arena,
               struct plan *ret_plan)
{
	const struct demand_body *body = &request->demand->body;
	uint32_t most = most_parts(body), first = body->split_exactly ? most : 1, steps = PARTS_STEPS;
	struct outcome best = {.count = 0};
	struct plan plan = {.exact = true};
	int code;

	if (!is_supported(request->demand)) {
		*ret_plan = (struct plan){.status = BUSBAR_ERROR_NOT_SUPPORTED};
		return 0;
	}
	for (uint32_t parts = first; parts <= most; parts++) {
		struct arena_mark mark = arena_save(arena);
		struct outcome outcome = {.count = 0};

		code = try_parts(view, request, arena, parts, &steps, &outcome);
		if (code < 0)
			return code;
		plan.exact = plan.exact && outcome.job.frontier.complete && outcome.distribution.exact;
		if (parts == first || is_better(&outcome, &best))
			best = outcome;
		else
			arena_restore(arena, mark);
	}
	plan.status = best.distribution.found ? 0 : find_status(view, &best, request->demand);
	code = best.distribution.found ? fill_plan(&best, &plan) : 0;
	if (code == 0)
		code = explain_outcome(&best, &plan);
	if (code < 0)
		return code;
	*ret_plan = plan;
	return 0;
}
