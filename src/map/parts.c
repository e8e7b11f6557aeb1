/* SPDX-License-Identifier: Apache-2.0 */
#include "map/parts.h"

#include "base/error.h"
#include <errno.h>
#include <string.h>

/* The distribution under construction. */
struct search {
	const struct job *job;
	const struct candidate *candidates;
	uint32_t count;
	uint32_t *taken;               /* per candidate: parts so far */
	const struct option **options; /* all of them, cheapest candidates first */
	uint32_t option_count;
	money *least;                 /* per option: price of its first part */
	money least_price;            /* of any first part */
	const struct option **chosen; /* per part */
	uint32_t *ordinals;
	money budget;
	uint32_t steps;
	bool found;
	struct distribution best;
};

int score_compare(const struct score *a, const struct score *b)
{
	if (a->primary != b->primary)
		return a->primary < b->primary ? -1 : 1;
	if (a->price != b->price)
		return a->price < b->price ? -1 : 1;
	return (a->finish > b->finish) - (a->finish < b->finish);
}

static enum demand_prefer preference(const struct job *job)
{
	return job->request->demand->prefer;
}

static struct score add_part(const struct job *job, const struct score *score,
                             const struct candidate *candidate, const struct option *option, money price)
{
	struct score sum = *score;

	sum.price += price;
	sum.finish = MAXIMUM(sum.finish, option->finish);
	if (preference(job) == PREFER_LATENCY)
		sum.primary = sum.finish;
	else if (preference(job) == PREFER_CARBON)
		sum.primary += (int64_t)MINIMUM(candidate->carbon, (uint64_t)INT64_MAX / DEMAND_PARTS);
	return sum;
}

/* Bandwidth that the first `parts` chosen parts take from one direction of a link. */
static uint64_t used_on(const struct search *search, uint32_t parts, struct gateway_identity from,
                        struct gateway_identity toward)
{
	const struct job *job = search->job;
	const struct path_label *labels = job->frontier.labels;
	uint64_t used = 0;

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t label = search->chosen[i]->label;

		for (; labels[label].parent != PATH_LABELS; label = labels[label].parent) {
			struct gateway_identity here = view_site_at(job->view, labels[label].node)->identity;
			struct gateway_identity before =
			        view_site_at(job->view, labels[labels[label].parent].node)->identity;

			if (gateway_equal(before, from) && gateway_equal(here, toward))
				used += job->path_request.rate_up;
			if (gateway_equal(here, from) && gateway_equal(before, toward))
				used += job->path_request.rate_down;
		}
	}
	return used;
}

static bool link_holds(const struct search *search, uint32_t parts, const struct site *from,
                       struct gateway_identity toward)
{
	return used_on(search, parts, from->identity, toward) <= path_link(from, toward)->free;
}

/* Whether the links of the last of `parts` parts can carry all of them. */
static bool links_hold(const struct search *search, uint32_t parts)
{
	const struct job *job = search->job;
	const struct path_label *labels = job->frontier.labels;
	uint32_t label = search->chosen[parts - 1]->label;

	if (job->path_request.rate_up == 0 && job->path_request.rate_down == 0)
		return true;
	for (; labels[label].parent != PATH_LABELS; label = labels[label].parent) {
		const struct site *here = view_site_at(job->view, labels[label].node);
		const struct site *before = view_site_at(job->view, labels[labels[label].parent].node);

		if (!link_holds(search, parts, before, here->identity) ||
		    !link_holds(search, parts, here, before->identity))
			return false;
	}
	return true;
}

static void keep_best(struct search *search, const struct score *score, money hold)
{
	search->found = true;
	search->best.score = *score;
	search->best.hold = hold;
	memcpy(search->best.options, search->chosen, search->job->parts * sizeof(*search->chosen));
	memcpy(search->best.ordinals, search->ordinals, search->job->parts * sizeof(*search->ordinals));
}

/* The least score that the rest could still lead to. */
static struct score bound(const struct search *search, const struct score *score, uint32_t parts)
{
	struct score least = *score;

	least.price += (money)(search->job->parts - parts) * search->least_price;
	return least;
}

/* Parts `parts`.. from options[first].. on; equal parts need no other order. */
static int branch(struct search *search, uint32_t parts, uint32_t first, const struct score *score,
                  money hold)
{
	int code = 0;

	if (parts == search->job->parts) {
		if (!search->found || score_compare(score, &search->best.score) < 0)
			keep_best(search, score, hold);
		return 0;
	}
	for (uint32_t i = first; i < search->option_count && code == 0; i++) {
		const struct option *option = search->options[i];
		const struct candidate *candidate = &search->candidates[option->candidate];
		uint32_t ordinal = search->taken[option->candidate] + 1;
		struct candidate_cost cost;
		struct score next, least;

		if (search->steps++ > PARTS_STEPS)
			return 0;
		if (ordinal > candidate->most)
			continue;
		code = candidate_cost(search->job, candidate, option, ordinal, &cost);
		if (code < 0)
			return code;
		next = add_part(search->job, score, candidate, option, cost.price);
		least = bound(search, &next, parts + 1);
		search->chosen[parts] = option;
		search->ordinals[parts] = ordinal;
		if ((search->budget > 0 && hold + cost.hold > search->budget) ||
		    (search->found && score_compare(&least, &search->best.score) >= 0) ||
		    !links_hold(search, parts + 1))
			continue;
		search->taken[option->candidate]++;
		code = branch(search, parts + 1, i, &next, hold + cost.hold);
		search->taken[option->candidate]--;
	}
	return code;
}

/* The candidate's best path when nothing but the preference matters and no path may finish after `latest`. */
static const struct option *best_option(const struct candidate *candidate, int64_t latest)
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

static int64_t fastest(const struct candidate *candidate)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < candidate->option_count; i++)
		least = MINIMUM(least, candidate->options[i].finish);
	return least;
}

/* The earliest time by which all parts can have finished. */
static int64_t earliest_finish(const struct search *search)
{
	int64_t latest = -1;

	for (;;) {
		int64_t next = INT64_MAX;
		uint64_t room = 0;

		for (uint32_t i = 0; i < search->count; i++) {
			int64_t finish = fastest(&search->candidates[i]);

			if (finish > latest)
				next = MINIMUM(next, finish);
			else
				room += search->candidates[i].most;
		}
		if (room >= search->job->parts || next == INT64_MAX)
			return latest;
		latest = next;
	}
}

/* True when a part at `option` is the better next one. */
static bool is_better(const struct job *job, const struct candidate *candidate, const struct option *option,
                      money price, const struct candidate *than, const struct option *than_option,
                      money than_price)
{
	if (than == NULL)
		return true;
	if (preference(job) == PREFER_CARBON && candidate->carbon != than->carbon)
		return candidate->carbon < than->carbon;
	if (price != than_price)
		return price < than_price;
	return option->finish < than_option->finish;
}

/* 1 when all parts found a place, independently of each other. */
static int take_cheapest(struct search *search, struct score *ret_score, money *ret_hold)
{
	const struct job *job = search->job;
	int64_t latest = preference(job) == PREFER_LATENCY ? earliest_finish(search) : INT64_MAX;
	struct score score = {0};
	money hold = 0;

	for (uint32_t part = 0; part < job->parts; part++) {
		const struct candidate *best = NULL;
		const struct option *best_way = NULL;
		struct candidate_cost cost, best_cost = {0};

		for (uint32_t i = 0; i < search->count; i++) {
			const struct candidate *candidate = &search->candidates[i];
			const struct option *way = best_option(candidate, latest);
			int code;

			if (way == NULL || search->taken[i] >= candidate->most)
				continue;
			code = candidate_cost(job, candidate, way, search->taken[i] + 1, &cost);
			if (code < 0)
				return code;
			if (!is_better(job, candidate, way, cost.price, best, best_way, best_cost.price))
				continue;
			best = candidate;
			best_way = way;
			best_cost = cost;
		}
		if (best == NULL)
			return 0;
		search->chosen[part] = best_way;
		search->ordinals[part] = ++search->taken[best_way->candidate];
		score = add_part(job, &score, best, best_way, best_cost.price);
		hold += best_cost.hold;
	}
	*ret_score = score;
	*ret_hold = hold;
	return 1;
}

static bool all_links_hold(const struct search *search)
{
	for (uint32_t part = 1; part <= search->job->parts; part++)
		if (!links_hold(search, part))
			return false;
	return true;
}

/* All options, those of cheaper candidates first, so that good distributions are found early. */
static int sort_options(struct search *search)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < search->count; i++)
		total += search->candidates[i].option_count;
	search->options = arena_array(search->job->arena, total + 1, sizeof(*search->options));
	search->least = arena_array(search->job->arena, total + 1, sizeof(*search->least));
	if (search->options == NULL || search->least == NULL)
		return -ENOMEM;
	search->least_price = INT64_MAX;
	for (uint32_t i = 0; i < search->count; i++) {
		for (uint32_t j = 0; j < search->candidates[i].option_count; j++) {
			const struct option *option = &search->candidates[i].options[j];
			struct candidate_cost cost;
			uint32_t at = search->option_count++;
			int code = candidate_cost(search->job, &search->candidates[i], option, 1, &cost);

			if (code < 0)
				return code;
			for (; at > 0 && search->least[at - 1] > cost.price; at--) {
				search->options[at] = search->options[at - 1];
				search->least[at] = search->least[at - 1];
			}
			search->options[at] = option;
			search->least[at] = cost.price;
			search->least_price = MINIMUM(search->least_price, cost.price);
		}
	}
	return 0;
}

static int branch_and_bound(struct search *search)
{
	struct score nothing = {0};
	int code = sort_options(search);

	memset(search->taken, 0, search->count * sizeof(*search->taken));
	return code < 0 ? code : branch(search, 0, 0, &nothing, 0);
}

static int open_search(struct search *search, const struct job *job, const struct candidate *candidates,
                       uint32_t count)
{
	struct arena *arena = job->arena;

	*search = (struct search){
	        .job = job, .candidates = candidates, .count = count, .budget = job->request->demand->budget};
	search->taken = arena_array(arena, count + 1, sizeof(*search->taken));
	search->chosen = arena_array(arena, job->parts, sizeof(*search->chosen));
	search->ordinals = arena_array(arena, job->parts, sizeof(*search->ordinals));
	search->best.options = arena_array(arena, job->parts, sizeof(*search->best.options));
	search->best.ordinals = arena_array(arena, job->parts, sizeof(*search->best.ordinals));
	if (search->taken == NULL || search->chosen == NULL || search->ordinals == NULL ||
	    search->best.options == NULL || search->best.ordinals == NULL)
		return -ENOMEM;
	return 0;
}

int parts_distribute(const struct job *job, const struct candidate *candidates, uint32_t count,
                     struct distribution *ret_distribution, money *ret_hold)
{
	struct search search;
	struct score score;
	money hold = 0;
	int code = open_search(&search, job, candidates, count);

	*ret_hold = 0;
	if (code == 0)
		code = take_cheapest(&search, &score, &hold);
	if (code <= 0)
		return code; /* there is not even room without what joins the sites */
	if (all_links_hold(&search) && (search.budget == 0 || hold <= search.budget)) {
		keep_best(&search, &score, hold);
		search.best.exact = true;
	} else {
		code = branch_and_bound(&search);
		if (code < 0)
			return code;
		search.best.exact = search.steps <= PARTS_STEPS;
	}
	if (!search.found) {
		*ret_hold = search.budget > 0 ? hold : 0;
		return 0;
	}
	*ret_distribution = search.best;
	return 1;
}
