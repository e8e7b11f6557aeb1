/* SPDX-License-Identifier: Apache-2.0 */
/* The decision process: see decision.h. */
#include "bgp/decision.h"
#include <string.h>

typedef const struct decision_candidate *candidate;

static bool lower_preference(candidate c, candidate other)
{
	return c->local != other->local ? other->local : c->preference < other->preference;
}

static bool longer_path(candidate c, candidate other)
{
	return c->as_count > other->as_count;
}

static bool higher_origin(candidate c, candidate other)
{
	return c->origin > other->origin;
}

static bool higher_med(candidate c, candidate other)
{
	return c->neighbour_as == other->neighbour_as && c->med > other->med;
}

static bool internal(candidate c, candidate other)
{
	return !c->external && other->external;
}

static bool higher_identifier(candidate c, candidate other)
{
	return c->identifier > other->identifier;
}

static bool more_clusters(candidate c, candidate other)
{
	return c->cluster_count > other->cluster_count;
}

static bool higher_address(candidate c, candidate other)
{
	return memcmp(c->address, other->address, 16) > 0;
}

static bool higher_path_id(candidate c, candidate other)
{
	return c->path_id > other->path_id;
}

/* partial: not every two candidates can be compared, so each is held against all others. */
static const struct step {
	const char *letter;
	bool partial;
	bool (*worse)(candidate c, candidate other);
} steps[] = {
        {"9.1.1 degree of preference", false, lower_preference},
        {"9.1.2.2 a", false, longer_path},
        {"9.1.2.2 b", false, higher_origin},
        {"9.1.2.2 c", true, higher_med},
        {"9.1.2.2 d", false, internal},
        /* 9.1.2.2 e, the interior cost, is the same for all: there is no view of the interior routing. */
        {"9.1.2.2 f", false, higher_identifier},
        {"RFC 4456 section 9", false, more_clusters},
        {"9.1.2.2 g", false, higher_address},
        {"several paths of one peer", false, higher_path_id},
};

static size_t keep_unbeaten_by(struct decision_candidate *list, size_t count, const struct step *step,
                               const struct decision_candidate *best)
{
	const struct decision_candidate champion = *best;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!step->worse(&list[i], &champion))
			list[kept++] = list[i];
	return kept;
}

static size_t run_total(struct decision_candidate *list, size_t count, const struct step *step)
{
	candidate best = &list[0];

	for (size_t i = 1; i < count; i++)
		if (step->worse(best, &list[i]))
			best = &list[i];
	return keep_unbeaten_by(list, count, step, best);
}

static bool beaten(const struct step *step, candidate c, candidate others, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (step->worse(c, &others[i]))
			return true;
	return false;
}

/* Those already removed need no look: whoever beat them is still there and beats what they would beat. */
static size_t run_partial(struct decision_candidate *list, size_t count, const struct step *step)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct decision_candidate c = list[i];

		if (!beaten(step, &c, list, kept) && !beaten(step, &c, &list[i + 1], count - i - 1))
			list[kept++] = c;
	}
	return kept;
}

static bool same_med(candidate list, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (list[i].med != list[0].med)
			return false;
	return true;
}

const struct decision_candidate *decision_best(struct decision_candidate *candidates, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps) && count > 1; i++) {
		if (!steps[i].partial)
			count = run_total(candidates, count, &steps[i]);
		else if (!same_med(candidates, count))
			count = run_partial(candidates, count, &steps[i]);
	}
	return count > 0 ? &candidates[0] : NULL;
}
