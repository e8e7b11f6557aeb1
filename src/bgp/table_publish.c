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

/* ---- what is to be reported ---- */

/*
 * Paths that a round changes are listed, so that a change among a thousand is found without a search. Where
 * there is no memory for the list, or paths have moved, every path is looked at.
 */
static void begin_changes(struct table *table, const struct prefix *prefix)
{
	uint32_t *grown;

	table->changed_count = 0;
	if (prefix->count <= table->changed_size)
		return;
	grown = reallocarray(table->changed, prefix->count, 2 * sizeof(*grown));
	if (grown == NULL)
		return;
	table->changed = grown;
	table->changed_size = 2 * (size_t)prefix->count;
}

static void note_change(struct table *table, const struct prefix *prefix, struct path *path, unsigned flag)
{
	path->flags |= (uint8_t)flag;
	if (table->changed_count < table->changed_size)
		table->changed[table->changed_count] = (uint32_t)(path - table_paths(prefix));
	table->changed_count++;
}

/* How many places to look at for changes, and the path at each. */
static size_t places(const struct table *table, const struct prefix *prefix)
{
	return table->changed_count <= table->changed_size ? table->changed_count : prefix->count;
}

static uint32_t path_at(const struct table *table, size_t place)
{
	return table->changed_count <= table->changed_size ? table->changed[place] : (uint32_t)place;
}

/* ---- choices ---- */

/* Notes `path` as its origin's choice; `old` is the one before, NULL: none. */
static void choose(struct table *table, struct prefix *prefix, struct path *path, struct path *old)
{
	bool changed =
	        old == NULL || old->peer != path->peer || !attributes_equal(old->published, path->attributes);

	if (path->published != path->attributes)
		table_set_published(table, path, path->attributes);
	if (changed || old != path) /* another path of the same content may rank otherwise */
		note_change(table, prefix, path, changed ? CHANGED : 0);
	if (old == NULL || old == path)
		return;
	table_set_published(table, old, NULL);
	if (prefix->best == (uint32_t)(old - table_paths(prefix)))
		prefix->best = NO_PATH;
}

/* Without memory for a comparison the last path is taken: some route is better than none. */
static void decide_origin(struct table *table, struct prefix *prefix, uint64_t wanted)
{
	const uint64_t *origins = table_origins(prefix);
	struct path *paths = table_paths(prefix);
	struct path *old = NULL, *best = NULL;
	size_t count = 0, live = 0;

	for (uint32_t i = 0; i < prefix->count; i++) {
		struct path *path = &paths[i];

		if (origins[i] != wanted)
			continue;
		path->flags &= (uint8_t)~DIRTY;
		old = path->published != NULL ? path : old;
		if (path->attributes == NULL)
			continue;
		if (live++ == 1)
			(void)add_candidate(table, prefix, (uint32_t)(best - paths), &count);
		if (live > 1)
			(void)add_candidate(table, prefix, i, &count);
		best = path;
	}
	if (count > 1)
		best = &paths[decision_best(table->scratch, count)->number];
	if (best != NULL) {
		choose(table, prefix, best, old);
	} else if (old != NULL) {
		note_change(table, prefix, old, GONE);
		if (prefix->best == (uint32_t)(old - paths))
			prefix->best = NO_PATH;
	}
}

static void add_choice(struct table *table, const struct prefix *prefix, uint32_t at, size_t *count)
{
	if (table_is_choice(&table_paths(prefix)[at]))
		(void)add_candidate(table, prefix, at, count);
}

/*
 * A best one that is as it was needs to be held against the changed ones alone, unless MEDs are compared:
 * these do not order the paths, so that everything has to be looked at again.
 */
static void decide_best(struct table *table, struct prefix *prefix)
{
	const struct path *paths = table_paths(prefix);
	bool lasts = prefix->best != NO_PATH && (paths[prefix->best].flags & CHANGED) == 0 &&
	             !prefix->compares_med;
	const struct decision_candidate *best;
	size_t count = 0;

	if (lasts)
		add_choice(table, prefix, prefix->best, &count);
	for (size_t i = 0; lasts && i < places(table, prefix); i++)
		if (path_at(table, i) != prefix->best)
			add_choice(table, prefix, path_at(table, i), &count);
	for (uint32_t i = 0; !lasts && i < prefix->count; i++)
		add_choice(table, prefix, i, &count);
	best = decision_best(table->scratch, count);
	prefix->best = best != NULL ? best->number : NO_PATH;
}

/* What was the best before a round. */
struct before {
	struct attributes *attributes; /* held; NULL: there was none */
	int peer;
};

static struct before remember(const struct prefix *prefix)
{
	const struct path *path;

	if (prefix->best == NO_PATH)
		return (struct before){0};
	path = &table_paths(prefix)[prefix->best];
	return (struct before){attributes_hold(path->published), path->peer - 1};
}

static void decide(struct table *table, struct prefix *prefix)
{
	const struct path *paths = table_paths(prefix);

	begin_changes(table, prefix);
	for (uint32_t i = prefix->dirty_from; i < prefix->dirty_to; i++)
		if ((paths[i].flags & DIRTY) != 0)
			decide_origin(table, prefix, table_origins(prefix)[i]);
	prefix->dirty_from = prefix->dirty_to = 0;
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

/* The receiver may change paths and mark prefixes here. What is published stays until table_sweep(). */
static void report_origins(struct table *table, const struct prefix *prefix,
                           const struct table_report *report, void *context)
{
	uint64_t moves = table->moves;

	for (size_t i = 0; i < places(table, prefix); i++) {
		struct path *path = &table_paths(prefix)[path_at(table, i)];

		if ((path->flags & (CHANGED | GONE)) == 0)
			continue;
		report_origin(table, prefix, path, report, context);
		if (table->moves == moves)
			continue;
		moves = table->moves;
		table->changed_count = SIZE_MAX; /* the list is wrong now */
		i = SIZE_MAX;                    /* and on to 0 */
	}
}

static void report_best(const struct prefix *prefix, const struct before *before,
                        const struct table_report *report, void *context)
{
	bool was_foreign = before->attributes != NULL && before->peer != TABLE_LOCAL;
	struct table_choice choice;

	if (prefix->best == NO_PATH) {
		if (before->attributes != NULL)
			report->best_changed(context, prefix->key.address, prefix->key.length, NULL,
			                     was_foreign);
		return;
	}
	choice = table_choice_of(prefix, &table_paths(prefix)[prefix->best]);
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
