/* SPDX-License-Identifier: Apache-2.0 */
/* The decision process: see decision.h. */
#include "bgp/decision.h"
#include <string.h>

typedef const struct decision_candidate *candidate;

static int64_t preference(candidate c)
{
	if (c->local)
		return INT64_MAX;
	return c->attributes->has_local_preference ? c->attributes->local_preference
	                                           : DECISION_DEFAULT_PREFERENCE;
}

static bool lower_preference(candidate c, candidate other)
{
	return preference(c) < preference(other);
}

static bool longer_path(candidate c, candidate other)
{
	return c->attributes->as_count > other->attributes->as_count;
}

static bool higher_origin(candidate c, candidate other)
{
	return c->attributes->origin > other->attributes->origin;
}

static uint32_t med(candidate c)
{
	return c->attributes->has_med ? c->attributes->med : 0;
}

static uint32_t neighbour_as(candidate c)
{
	return c->attributes->as_count > 0 ? c->attributes->as_path[0] : 0;
}

static bool higher_med(candidate c, candidate other)
{
	return neighbour_as(c) == neighbour_as(other) && med(c) > med(other);
}

static bool internal(candidate c, candidate other)
{
	return !c->external && other->external;
}

/* RFC 4456 section 9: a reflected path counts as its originator's. */
static uint32_t identifier(candidate c)
{
	return c->attributes->has_originator ? c->attributes->originator : c->identifier;
}

static bool higher_identifier(candidate c, candidate other)
{
	return identifier(c) > identifier(other);
}

static bool more_clusters(candidate c, candidate other)
{
	return c->attributes->cluster_count > other->attributes->cluster_count;
}

static bool higher_address(candidate c, candidate other)
{
	return memcmp(c->address, other->address, sizeof(c->address)) > 0;
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

static size_t keep_unbeaten_by(candidate *candidates, size_t count, const struct step *step, candidate best)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!step->worse(candidates[i], best))
			candidates[kept++] = candidates[i];
	return kept;
}

static size_t run_total(candidate *candidates, size_t count, const struct step *step)
{
	candidate best = candidates[0];

	for (size_t i = 1; i < count; i++)
		if (step->worse(best, candidates[i]))
			best = candidates[i];
	return keep_unbeaten_by(candidates, count, step, best);
}

static bool beaten(const struct step *step, candidate c, const candidate *others, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (step->worse(c, others[i]))
			return true;
	return false;
}

/* Those already removed need no look: whoever beat them is still there and beats what they would beat. */
static size_t run_partial(candidate *candidates, size_t count, const struct step *step)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		candidate c = candidates[i];

		if (!beaten(step, c, candidates, kept) && !beaten(step, c, &candidates[i + 1], count - i - 1))
			candidates[kept++] = c;
	}
	return kept;
}

static bool same_med(candidate *candidates, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (med(candidates[i]) != med(candidates[0]))
			return false;
	return true;
}

const struct decision_candidate *decision_best(const struct decision_candidate **candidates, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps) && count > 1; i++) {
		if (!steps[i].partial)
			count = run_total(candidates, count, &steps[i]);
		else if (!same_med(candidates, count))
			count = run_partial(candidates, count, &steps[i]);
	}
	return count > 0 ? candidates[0] : NULL;
}
