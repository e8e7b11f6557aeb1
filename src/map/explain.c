/* SPDX-License-Identifier: Apache-2.0 */
#include "map/explain.h"

#include "map/load.h"

/* The chosen parts, as losers are compared with them. */
struct chosen {
	const struct outcome *outcome;
	struct load load; /* of the links, by all parts but the rival */
	money hold;       /* of all parts but the rival */
	/* The part that a loser would take the place of: the dearest one of those worst in what comes first.
	 */
	struct candidate_cost rival;
	int64_t slowest;
	int64_t dirtiest; /* candidate_carbon() */
};

static struct candidate_cost cost_of_part(const struct outcome *outcome, uint32_t part)
{
	const struct option *option = outcome->distribution.options[part];

	return candidate_cost(&outcome->job, &outcome->candidates[option->candidate], option,
	                      outcome->distribution.ordinals[part]);
}

static int64_t carbon_of_part(const struct outcome *outcome, uint32_t part)
{
	return candidate_carbon(&outcome->candidates[outcome->distribution.options[part]->candidate]);
}

static enum demand_prefer preference(const struct outcome *outcome)
{
	return outcome->job.request->demand->prefer;
}

static void find_rival(struct chosen *chosen)
{
	const struct outcome *outcome = chosen->outcome;
	const struct option *const *options = outcome->distribution.options;
	uint32_t rival = outcome->job.parts;

	for (uint32_t i = 0; i < outcome->job.parts; i++) {
		if (preference(outcome) == PREFER_CARBON && carbon_of_part(outcome, i) < chosen->dirtiest)
			continue;
		if (rival == outcome->job.parts ||
		    cost_of_part(outcome, i).price >= cost_of_part(outcome, rival).price)
			rival = i;
	}
	chosen->rival = cost_of_part(outcome, rival);
	chosen->hold -= chosen->rival.hold;
	load_remove(&chosen->load, options[rival]);
}

static int open_chosen(const struct outcome *outcome, struct chosen *chosen)
{
	int code;

	*chosen = (struct chosen){.outcome = outcome};
	code = load_open(&outcome->job, &chosen->load);
	if (code < 0 || !outcome->distribution.found)
		return code;
	for (uint32_t i = 0; i < outcome->job.parts; i++) {
		const struct option *option = outcome->distribution.options[i];

		load_add(&chosen->load, option);
		chosen->hold += cost_of_part(outcome, i).hold;
		chosen->slowest = MAXIMUM(chosen->slowest, option->finish);
		chosen->dirtiest = MAXIMUM(chosen->dirtiest, carbon_of_part(outcome, i));
	}
	find_rival(chosen);
	return 0;
}

/* Strictly worse than the worst chosen part, in the order of the preference. */
static bool is_worse(const struct chosen *chosen, const struct candidate *candidate,
                     const struct option *option, struct plan_reason *reason)
{
	const struct outcome *outcome = chosen->outcome;
	money price = candidate_cost(&outcome->job, candidate, option, 1).price,
	      dearest = chosen->rival.price;
	int64_t carbon = candidate_carbon(candidate);
	bool carbon_counts = preference(outcome) == PREFER_CARBON;

	if (preference(outcome) == PREFER_LATENCY && option->finish > chosen->slowest) {
		*reason = (struct plan_reason){.kind = REASON_LATENCY,
		                               .have = option->finish,
		                               .need = chosen->slowest};
	} else if (carbon_counts && carbon > chosen->dirtiest) {
		*reason = (struct plan_reason){.kind = REASON_CARBON,
		                               .have = (int64_t)candidate->carbon,
		                               .need = chosen->dirtiest};
	} else if (carbon_counts && carbon < chosen->dirtiest) {
		return false;
	} else if (price > dearest) {
		*reason = (struct plan_reason){.kind = REASON_PRICE, .have = price, .need = dearest};
	} else if (price == dearest && option->finish > chosen->slowest) {
		*reason = (struct plan_reason){.kind = REASON_LATENCY,
		                               .have = option->finish,
		                               .need = chosen->slowest};
	} else {
		return false;
	}
	return true;
}

/* Its best option by the preference; with `fitting` only among those that the links have room for. */
static const struct option *best_option(const struct chosen *chosen, const struct candidate *candidate,
                                        bool fitting, struct load_shortage *shortage)
{
	bool by_time = preference(chosen->outcome) == PREFER_LATENCY;
	const struct option *best = NULL;

	for (uint32_t i = 0; i < candidate->option_count; i++) {
		const struct option *option = &candidate->options[i];
		int64_t late = by_time ? MAXIMUM(option->finish - chosen->slowest, 0) : 0;
		int64_t best_late = best != NULL && by_time ? MAXIMUM(best->finish - chosen->slowest, 0) : 0;

		if (fitting && !load_fits(&chosen->load, option, 1, shortage))
			continue;
		if (best == NULL || late < best_late ||
		    (late == best_late &&
		     (option->link_price < best->link_price ||
		      (option->link_price == best->link_price && option->finish < best->finish))))
			best = option;
	}
	return best;
}

static struct plan_reason short_link(const struct load_shortage *shortage)
{
	return (struct plan_reason){.kind = REASON_BANDWIDTH,
	                            .link = shortage->owner,
	                            .have = (int64_t)shortage->free,
	                            .need = (int64_t)shortage->need};
}

/* Why a candidate that could have served has no part beside the chosen ones. */
static struct plan_reason explain_loser(const struct chosen *chosen, const struct candidate *candidate)
{
	const struct outcome *outcome = chosen->outcome;
	money budget = outcome->job.request->demand->budget;
	const struct option *option = best_option(chosen, candidate, false, NULL);
	struct load_shortage shortage = {.free = 0};
	struct candidate_cost cost;
	struct plan_reason reason;

	if (is_worse(chosen, candidate, option, &reason))
		return reason;
	option = best_option(chosen, candidate, true, &shortage);
	if (option == NULL)
		return short_link(&shortage);
	if (is_worse(chosen, candidate, option, &reason))
		return reason;
	cost = candidate_cost(&outcome->job, candidate, option, 1);
	if (budget > 0 && chosen->hold + cost.hold > budget)
		return (struct plan_reason){.kind = REASON_BUDGET,
		                            .have = chosen->hold + cost.hold,
		                            .need = budget};
	return (struct plan_reason){.kind = REASON_PRICE, .have = cost.price, .need = chosen->rival.price};
}

/* What all parts together hold at one candidate, over its cheapest path. */
static money hold_of_all(const struct outcome *outcome, const struct candidate *candidate)
{
	money hold = 0;

	for (uint32_t ordinal = 1; ordinal <= outcome->job.parts; ordinal++)
		hold += candidate_cost(&outcome->job, candidate, &candidate->options[0], ordinal).hold;
	return hold;
}

/* Why a candidate with room for some part does not help: for all there is no room, or no money. */
static struct plan_reason explain_failure(const struct chosen *chosen, const struct candidate *candidate)
{
	const struct outcome *outcome = chosen->outcome;
	const struct plan_claim *claim = &candidate->claims[candidate->tightest];
	struct load_shortage shortage;

	if (outcome->distribution.least_hold > 0)
		return (struct plan_reason){.kind = REASON_BUDGET,
		                            .have = outcome->distribution.least_hold,
		                            .need = outcome->job.request->demand->budget};
	if (candidate->most == outcome->job.parts) {
		if (!load_fits(&chosen->load, &candidate->options[0], outcome->job.parts, &shortage))
			return short_link(&shortage);
		/* The search was given up before it came here: then it costs too much. */
		return (struct plan_reason){.kind = REASON_BUDGET,
		                            .have = hold_of_all(outcome, candidate),
		                            .need = outcome->job.request->demand->budget};
	}
	return (struct plan_reason){.kind = REASON_RESOURCE,
	                            .resource = claim->kind,
	                            .have = (int64_t)site_resource(candidate->site, claim->kind)->free,
	                            .need = (int64_t)(claim->amount * outcome->job.parts)};
}

static bool serves(const struct outcome *outcome, uint32_t candidate)
{
	for (uint32_t i = 0; outcome->distribution.found && i < outcome->job.parts; i++)
		if (outcome->distribution.options[i]->candidate == candidate)
			return true;
	return false;
}

int explain_outcome(const struct outcome *outcome, struct plan *plan)
{
	struct chosen chosen;
	int code = open_chosen(outcome, &chosen);

	if (code < 0)
		return code;
	for (uint32_t i = 0; i < outcome->count; i++) {
		const struct candidate *candidate = &outcome->candidates[i];
		struct plan_reason reason = candidate->reason;

		if (serves(outcome, i))
			continue;
		if (plan->reason_count == PLAN_REASONS) {
			plan->reasons_dropped++;
			continue;
		}
		if (reason.kind == REASON_NONE)
			reason = outcome->distribution.found ? explain_loser(&chosen, candidate)
			                                     : explain_failure(&chosen, candidate);
		reason.site = candidate->site->identity;
		plan->reasons[plan->reason_count++] = reason;
	}
	return 0;
}
