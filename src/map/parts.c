/* SPDX-License-Identifier: Apache-2.0 */
#include "map/parts.h"

#include "map/load.h"
#include <errno.h>
#include <string.h>

/* A candidate's next part. */
struct seat {
	const struct option *option; /* NULL: no part more */
	struct candidate_cost cost;
	uint32_t taken;
};

/* The distribution under construction. */
struct search {
	const struct job *job;
	const struct candidate *candidates;
	uint32_t count;
	struct seat *seats; /* per candidate */
	struct load load;
	const struct option **options; /* all of them, cheapest first, so that good ones are found early */
	uint32_t option_count;
	money least;                  /* weight of any first part */
	const struct option **chosen; /* per part */
	uint32_t *ordinals;
	bool by_hold; /* what is held is minimised, and no budget bounds it */
	bool exhausted;
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

static enum demand_prefer preference(const struct search *search)
{
	return search->by_hold ? PREFER_COST : search->job->request->demand->prefer;
}

static money budget_of(const struct search *search)
{
	money budget = search->job->request->demand->budget;

	return search->by_hold || budget == 0 ? INT64_MAX : budget;
}

static money weight_of(const struct search *search, const struct candidate_cost *cost)
{
	return search->by_hold ? cost->hold : cost->price;
}

static struct score add_part(const struct search *search, const struct score *score,
                             const struct option *option, const struct candidate_cost *cost)
{
	struct score sum = *score;

	sum.price += weight_of(search, cost);
	if (search->by_hold)
		return sum;
	sum.finish = MAXIMUM(sum.finish, option->finish);
	if (preference(search) == PREFER_LATENCY)
		sum.primary = sum.finish;
	else if (preference(search) == PREFER_CARBON)
		sum.primary += candidate_carbon(&search->candidates[option->candidate]);
	return sum;
}

static void keep_best(struct search *search, const struct score *score, money hold)
{
	search->best.found = true;
	search->best.score = *score;
	search->best.hold = hold;
	memcpy(search->best.options, search->chosen, search->job->parts * sizeof(*search->chosen));
	memcpy(search->best.ordinals, search->ordinals, search->job->parts * sizeof(*search->ordinals));
}

/* The least score that the rest could still lead to. */
static struct score bound(const struct search *search, const struct score *score, uint32_t parts)
{
	struct score least = *score;

	least.price += (money)(search->job->parts - parts) * search->least;
	return least;
}

static bool spend_step(struct search *search)
{
	if (*search->job->steps == 0) {
		search->exhausted = true;
		return false;
	}
	(*search->job->steps)--;
	return true;
}

/* Parts `parts`.. from options[first].. on; equal parts need no other order. */
static void branch(struct search *search, uint32_t parts, uint32_t first, const struct score *score,
                   money hold)
{
	if (parts == search->job->parts) {
		if (!search->best.found || score_compare(score, &search->best.score) < 0)
			keep_best(search, score, hold);
		return;
	}
	for (uint32_t i = first; i < search->option_count && spend_step(search); i++) {
		const struct option *option = search->options[i];
		struct seat *seat = &search->seats[option->candidate];
		const struct candidate *candidate = &search->candidates[option->candidate];
		struct candidate_cost cost;
		struct score next, least;

		if (seat->taken == candidate->most || !load_fits(&search->load, option, 1, NULL))
			continue;
		cost = candidate_cost(search->job, candidate, option, seat->taken + 1);
		next = add_part(search, score, option, &cost);
		least = bound(search, &next, parts + 1);
		if (hold + cost.hold > budget_of(search) ||
		    (search->best.found && score_compare(&least, &search->best.score) >= 0))
			continue;
		search->chosen[parts] = option;
		search->ordinals[parts] = ++seat->taken;
		load_add(&search->load, option);
		branch(search, parts + 1, i, &next, hold + cost.hold);
		load_remove(&search->load, option);
		seat->taken--;
	}
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

/* The option that holds least for the candidate's next part. */
static const struct option *lightest(const struct search *search, const struct candidate *candidate,
                                     uint32_t ordinal)
{
	const struct option *best = NULL;
	money least = 0;

	for (uint32_t i = 0; i < candidate->option_count; i++) {
		money hold = candidate_cost(search->job, candidate, &candidate->options[i], ordinal).hold;

		if (best == NULL || hold < least) {
			best = &candidate->options[i];
			least = hold;
		}
	}
	return best;
}

/* Finds the candidate's next part, when there is room for one that finishes by `latest`. */
static void fill_seat(struct search *search, uint32_t index, int64_t latest)
{
	const struct candidate *candidate = &search->candidates[index];
	struct seat *seat = &search->seats[index];

	seat->option = NULL;
	if (candidate->option_count == 0 || seat->taken == candidate->most)
		return;
	seat->option = search->by_hold ? lightest(search, candidate, seat->taken + 1)
	                               : candidate_cheapest(candidate, latest);
	if (seat->option != NULL)
		seat->cost = candidate_cost(search->job, candidate, seat->option, seat->taken + 1);
}

/* Which of two next parts is the better one: below, above or 0. */
static int compare_seats(const struct search *search, const struct seat *a, const struct seat *b)
{
	money weight = weight_of(search, &a->cost), other = weight_of(search, &b->cost);

	if (preference(search) == PREFER_CARBON) {
		int64_t carbon = candidate_carbon(&search->candidates[a->option->candidate]);
		int64_t than = candidate_carbon(&search->candidates[b->option->candidate]);

		if (carbon != than)
			return carbon < than ? -1 : 1;
	}
	if (weight != other)
		return weight < other ? -1 : 1;
	return (a->option->finish > b->option->finish) - (a->option->finish < b->option->finish);
}

/* The best next part; each of several equals with the same chance. */
static const struct seat *best_seat(const struct search *search)
{
	struct random *random = search->job->request->random;
	const struct seat *best = NULL;
	uint64_t equals = 0;

	for (uint32_t i = 0; i < search->count; i++) {
		const struct seat *seat = &search->seats[i];
		int order;

		if (seat->option == NULL)
			continue;
		order = best == NULL ? -1 : compare_seats(search, seat, best);
		equals = order < 0 ? 1 : equals + (order == 0);
		if (order < 0 || (order == 0 && random != NULL && random_below(random, equals) == 0))
			best = seat;
	}
	return best;
}

/* False when there is no room for all parts, even independently of each other. */
static bool take_cheapest(struct search *search, struct score *ret_score, money *ret_hold)
{
	int64_t latest = preference(search) == PREFER_LATENCY ? earliest_finish(search) : INT64_MAX;
	struct score score = {0};
	money hold = 0;

	memset(search->seats, 0, search->count * sizeof(*search->seats));
	for (uint32_t i = 0; i < search->count; i++)
		fill_seat(search, i, latest);
	for (uint32_t part = 0; part < search->job->parts; part++) {
		const struct seat *best = best_seat(search);
		uint32_t index;

		if (best == NULL)
			return false;
		index = best->option->candidate;
		score = add_part(search, &score, best->option, &best->cost);
		hold += best->cost.hold;
		search->chosen[part] = best->option;
		search->ordinals[part] = ++search->seats[index].taken;
		fill_seat(search, index, latest);
	}
	*ret_score = score;
	*ret_hold = hold;
	return true;
}

/* Whether the links carry all chosen parts together. */
static bool links_hold(struct search *search)
{
	uint32_t added = 0;

	while (added < search->job->parts && load_fits(&search->load, search->chosen[added], 1, NULL))
		load_add(&search->load, search->chosen[added++]);
	for (uint32_t part = 0; part < added; part++)
		load_remove(&search->load, search->chosen[part]);
	return added == search->job->parts;
}

static int sort_options(struct search *search)
{
	struct arena *arena = search->job->arena;
	uint32_t total = 0;
	money *weights;

	for (uint32_t i = 0; i < search->count; i++)
		total += search->candidates[i].option_count;
	search->options = arena_array(arena, total, sizeof(*search->options));
	weights = arena_array(arena, total, sizeof(*weights));
	if (search->options == NULL || weights == NULL)
		return -ENOMEM;
	search->option_count = 0;
	for (uint32_t i = 0; i < search->count; i++) {
		for (uint32_t j = 0; j < search->candidates[i].option_count; j++) {
			const struct option *option = &search->candidates[i].options[j];
			struct candidate_cost cost =
			        candidate_cost(search->job, &search->candidates[i], option, 1);
			money weight = weight_of(search, &cost);
			uint32_t at = search->option_count++;

			for (; at > 0 && weights[at - 1] > weight; at--) {
				search->options[at] = search->options[at - 1];
				weights[at] = weights[at - 1];
			}
			search->options[at] = option;
			weights[at] = weight;
		}
	}
	search->least = weights[0];
	return 0;
}

static int branch_and_bound(struct search *search)
{
	struct score nothing = {0};
	int code = sort_options(search);

	if (code < 0)
		return code;
	memset(search->seats, 0, search->count * sizeof(*search->seats));
	branch(search, 0, 0, &nothing, 0);
	return 0;
}

static int open_search(struct search *search, const struct job *job, const struct candidate *candidates,
                       uint32_t count)
{
	struct arena *arena = job->arena;

	*search = (struct search){.job = job, .candidates = candidates, .count = count};
	search->seats = arena_array(arena, count + 1, sizeof(*search->seats));
	search->chosen = arena_array(arena, job->parts, sizeof(*search->chosen));
	search->ordinals = arena_array(arena, job->parts, sizeof(*search->ordinals));
	search->best.options = arena_array(arena, job->parts, sizeof(*search->best.options));
	search->best.ordinals = arena_array(arena, job->parts, sizeof(*search->best.ordinals));
	if (search->seats == NULL || search->chosen == NULL || search->ordinals == NULL ||
	    search->best.options == NULL || search->best.ordinals == NULL)
		return -ENOMEM;
	return load_open(job, &search->load);
}

/* What the lightest parts hold, each looked at by itself: no distribution holds less. */
static money hold_floor(struct search *search)
{
	struct score score;
	money hold = 0;

	search->by_hold = true;
	(void)take_cheapest(search, &score, &hold);
	search->by_hold = false;
	return hold;
}

/* Nothing was found within the budget: what would the lightest distribution have held? */
static int find_least_hold(struct search *search)
{
	struct score score;
	money hold;
	int code = 0;

	search->by_hold = true;
	if (take_cheapest(search, &score, &hold) && links_hold(search))
		keep_best(search, &score, hold);
	else
		code = branch_and_bound(search);
	search->by_hold = false;
	if (search->best.found && search->best.hold > budget_of(search))
		search->best.least_hold = search->best.hold;
	search->best.found = false;
	return code;
}

static int search_jointly(struct search *search)
{
	bool bounded = search->job->request->demand->budget > 0;
	int code = 0;

	if (!bounded || hold_floor(search) <= budget_of(search))
		code = branch_and_bound(search);
	if (code == 0 && bounded && !search->best.found)
		code = find_least_hold(search);
	search->best.exact = !search->exhausted && search->job->frontier.scarce_complete;
	return code;
}

int parts_distribute(const struct job *job, const struct candidate *candidates, uint32_t count,
                     struct distribution *ret_distribution)
{
	struct search search;
	struct score score;
	money hold;
	int code = open_search(&search, job, candidates, count);

	if (code < 0)
		return code;
	search.best.exact = true;
	if (take_cheapest(&search, &score, &hold)) {
		if (links_hold(&search) && hold <= budget_of(&search))
			keep_best(&search, &score, hold);
		else
			code = search_jointly(&search);
	}
	if (code < 0)
		return code;
	*ret_distribution = search.best;
	return 0;
}
