/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions over marked prefixes, and their reports: see table.h. */
#include "bgp/table_internal.h"
#include <stdlib.h>
#include <string.h>

/* Adds a candidate to the scratch list of `*count`; false when memory is short. */
static bool add_candidate(struct table *table, const struct prefix *prefix, uint32_t at, size_t *count)
{
	const struct path *path = &table_paths(prefix)[at];
	const struct table_peer *peer = &table->peers[path->peer].description;
	const struct update_attributes a = attributes_view(path->attributes);
	struct decision_candidate *grown;

	if (*count == table->scratch_size) {
		grown = reallocarray(table->scratch, 2 * *count + 16, sizeof(*grown));
		if (grown == NULL)
			return false;
		table->scratch = grown;
		table->scratch_size = 2 * *count + 16;
	}
	table->scratch[(*count)++] = (struct decision_candidate){
	        .local = path->peer == 0,
	        .external = peer->external,
	        .origin = a.origin,
	        .preference = a.has_local_preference ? a.local_preference : DECISION_DEFAULT_PREFERENCE,
	        .as_count = (uint32_t)a.as_count,
	        .cluster_count = (uint32_t)a.cluster_count,
	        .med = a.med,
	        .neighbour_as = a.as_count > 0 ? a.as_path[0] : 0,
	        .identifier = a.has_originator ? a.originator : peer->identifier,
	        .address = peer->address,
	        .path_id = path->path_id,
	        .number = at,
	};
	return true;
}

/* Notes `path` as its origin's choice; `old` is the one before, NULL: none. */
static void choose(struct table *table, struct path *path, struct path *old)
{
	bool changed =
	        old == NULL || old->peer != path->peer || !attributes_equal(old->published, path->attributes);

	if (path->published != path->attributes)
		table_set_published(table, path, path->attributes);
	if (changed)
		path->flags |= CHANGED;
	if (old == NULL || old == path)
		return;
	table_set_published(table, old, NULL);
	old->flags &= (uint8_t) ~(BEST | CHANGED);
}

/* Without memory for a comparison the last path is taken: some route is better than none. */
static void decide_origin(struct table *table, struct prefix *prefix, uint32_t as, uint32_t originator)
{
	struct path *paths = table_paths(prefix);
	struct path *old = NULL, *best = NULL;
	size_t count = 0;

	for (uint32_t i = 0; i < prefix->count; i++) {
		struct path *path = &paths[i];

		if (!table_is_of(path, as, originator))
			continue;
		path->flags &= (uint8_t)~DIRTY;
		old = path->published != NULL ? path : old;
		if (path->attributes == NULL)
			continue;
		best = path;
		(void)add_candidate(table, prefix, i, &count);
	}
	if (count > 1)
		best = &paths[decision_best(table->scratch, count)->number];
	if (best != NULL)
		choose(table, best, old);
	else if (old != NULL)
		old->flags = (uint8_t)((old->flags & ~BEST) | GONE);
}

/*
 * A best one that is as it was needs to be held against the changed ones alone, unless MEDs are compared:
 * these do not order the paths, so that everything has to be looked at again.
 */
static void decide_best(struct table *table, struct prefix *prefix)
{
	struct path *paths = table_paths(prefix);
	uint32_t old = table_find_best(prefix);
	bool lasts = old < prefix->count && (paths[old].flags & CHANGED) == 0 && !prefix->compares_med;
	uint32_t best = prefix->count;
	size_t count = 0;

	for (uint32_t i = 0; i < prefix->count; i++) {
		if (!table_is_choice(&paths[i]) || (lasts && i != old && (paths[i].flags & CHANGED) == 0))
			continue;
		best = i;
		(void)add_candidate(table, prefix, i, &count);
	}
	if (count > 1)
		best = decision_best(table->scratch, count)->number;
	if (old < prefix->count)
		paths[old].flags &= (uint8_t)~BEST;
	if (best < prefix->count)
		paths[best].flags |= BEST;
}

/* What was the best before a round. */
struct before {
	struct attributes *attributes; /* held; NULL: there was none */
	int peer;
};

static struct before remember(const struct prefix *prefix)
{
	uint32_t best = table_find_best(prefix);
	const struct path *path = &table_paths(prefix)[best];

	if (best == prefix->count)
		return (struct before){0};
	return (struct before){attributes_hold(path->published), path->peer - 1};
}

static void decide(struct table *table, struct prefix *prefix)
{
	const struct path *paths = table_paths(prefix);

	for (uint32_t i = 0; i < prefix->count; i++)
		if ((paths[i].flags & DIRTY) != 0)
			decide_origin(table, prefix, paths[i].as, paths[i].originator);
	decide_best(table, prefix);
}

static void report_origin(struct table *table, const struct prefix *prefix, struct path *path,
                          const struct table_report *report, void *context)
{
	struct table_choice choice = table_choice_of(prefix, path);
	bool gone = (path->flags & GONE) != 0;

	path->flags &= (uint8_t) ~(CHANGED | GONE);
	if (gone) {
		attributes_hold(choice.attributes);
		table_set_published(table, path, NULL);
	}
	report->origin_changed(context, &choice, gone);
	if (gone)
		table_drop(table, choice.attributes);
}

/*
 * The receiver may change paths and mark prefixes here, which moves paths about: then the search begins
 * again. What is published stays until table_sweep().
 */
static void report_origins(struct table *table, const struct prefix *prefix,
                           const struct table_report *report, void *context)
{
	for (uint32_t i = 0; i < prefix->count; i++) {
		struct path *path = &table_paths(prefix)[i];
		uint64_t moves = table->moves;

		if ((path->flags & (CHANGED | GONE)) == 0)
			continue;
		report_origin(table, prefix, path, report, context);
		if (table->moves != moves)
			i = UINT32_MAX; /* and on to 0 */
	}
}

static void report_best(const struct prefix *prefix, const struct before *before,
                        const struct table_report *report, void *context)
{
	bool was_foreign = before->attributes != NULL && before->peer != TABLE_LOCAL;
	uint32_t best = table_find_best(prefix);
	struct table_choice choice;

	if (best == prefix->count) {
		if (before->attributes != NULL)
			report->best_changed(context, prefix->key.address, prefix->key.length, NULL,
			                     was_foreign);
		return;
	}
	choice = table_choice_of(prefix, &table_paths(prefix)[best]);
	if (before->attributes == NULL || before->peer != choice.peer ||
	    !attributes_equal(before->attributes, choice.attributes))
		report->best_changed(context, prefix->key.address, prefix->key.length, &choice, was_foreign);
}

bool table_dirty(const struct table *table)
{
	return table->dirty != NULL;
}

/* What the receiver marks meanwhile waits for the next round, so that a round always ends. */
void table_publish(struct table *table, const struct table_report *report, void *context)
{
	struct prefix *list = table->dirty, *next;

	table->dirty = NULL;
	for (struct prefix *prefix = list; prefix != NULL; prefix = next) {
		struct before before = remember(prefix);

		next = prefix->next_dirty;
		prefix->dirty = false;
		decide(table, prefix);
		report_origins(table, prefix, report, context);
		report_best(prefix, &before, report, context);
		table_drop(table, before.attributes);
		table_sweep(table, prefix);
	}
}
