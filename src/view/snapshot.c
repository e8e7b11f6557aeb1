/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view_internal.h"

#include <stdlib.h>
#include <string.h>

void *view_new_entry(struct view *view, enum entry_kind kind)
{
	struct entry *entry = slab_take(view->slabs[kind]);

	if (entry != NULL)
		entry->born = view->next_number;
	return entry;
}

bool view_is_shown(const struct view *view, const struct entry *entry)
{
	return view->newest != NULL && entry->born <= view->newest->number;
}

/* To the newest of the snapshots that show it, from `snapshot` on; without one the entry goes. */
static void hand_over(struct view *view, enum entry_kind kind, struct snapshot *snapshot, struct entry *entry)
{
	if (snapshot == NULL || entry->born > snapshot->number) {
		slab_release(view->slabs[kind], entry);
		return;
	}
	entry->next = snapshot->replaced[kind];
	snapshot->replaced[kind] = entry;
}

void view_drop_entry(struct view *view, enum entry_kind kind, struct entry *entry)
{
	hand_over(view, kind, view->newest, entry);
}

static void table_release(struct table *table)
{
	if (table != NULL && --table->snapshots == 0)
		free(table);
}

static struct table *table_create(void *const *entries, size_t count)
{
	struct table *table = malloc(sizeof(*table) + count * sizeof(*entries));

	if (table == NULL)
		return NULL;
	*table = (struct table){.snapshots = 1, .count = count};
	if (count > 0)
		memcpy(table->entries, entries, count * sizeof(*entries));
	return table;
}

/* The newest snapshot's table when nothing has changed since, else a copy. */
static struct table *table_take(const struct view *view, enum entry_kind kind)
{
	struct table *table = view->newest == NULL ? NULL : view->newest->tables[kind];

	if (table != NULL && !view->changed[kind]) {
		table->snapshots++;
		return table;
	}
	return kind == ENTRY_NODE ? table_create((void *const *)view->nodes, view->node_count)
	                          : table_create((void *const *)view->services, view->service_count);
}

static struct snapshot *snapshot_free(struct snapshot *snapshot)
{
	for (int kind = 0; kind < ENTRY_KINDS; kind++)
		table_release(snapshot->tables[kind]);
	free(snapshot->view.suspects);
	free(snapshot);
	return NULL;
}

static struct snapshot *snapshot_create(const struct view *view)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct view *shown = &snapshot->view;

	if (snapshot == NULL)
		return NULL;
	snapshot->tables[ENTRY_NODE] = table_take(view, ENTRY_NODE);
	snapshot->tables[ENTRY_SERVICE] = table_take(view, ENTRY_SERVICE);
	shown->suspects = calloc(view->suspect_count + 1, sizeof(*shown->suspects));
	if (snapshot->tables[ENTRY_NODE] == NULL || snapshot->tables[ENTRY_SERVICE] == NULL ||
	    shown->suspects == NULL)
		return snapshot_free(snapshot);
	memcpy(shown->suspects, view->suspects, view->suspect_count * sizeof(*shown->suspects));
	shown->suspect_count = view->suspect_count;
	shown->nodes = (struct node **)snapshot->tables[ENTRY_NODE]->entries;
	shown->node_count = view->node_count;
	shown->services = (struct service **)snapshot->tables[ENTRY_SERVICE]->entries;
	shown->service_count = view->service_count;
	shown->bytes = sizeof(*snapshot) + (view->suspect_count + 1) * sizeof(*shown->suspects);
	return snapshot;
}

static void set_changed(struct view *view, bool changed)
{
	for (int kind = 0; kind < ENTRY_KINDS; kind++)
		view->changed[kind] = changed;
	view->suspects_changed = changed;
}

static void drop_snapshot(struct view *view, struct snapshot **place)
{
	struct snapshot *snapshot = *place;

	/* What the view has changed since an older one is not kept track of. */
	if (snapshot == view->newest)
		set_changed(view, true);
	*place = snapshot->older;
	view->snapshot_count--;
	for (int kind = 0; kind < ENTRY_KINDS; kind++) {
		for (struct entry *entry = snapshot->replaced[kind], *next; entry != NULL; entry = next) {
			next = entry->next;
			hand_over(view, (enum entry_kind)kind, snapshot->older, entry);
		}
	}
	(void)snapshot_free(snapshot);
}

void view_collect(struct view *view)
{
	struct snapshot **place = &view->newest;

	/* What holders have read they read before they counted down. */
	while (*place != NULL)
		if (atomic_load_explicit(&(*place)->holders, memory_order_acquire) == 0)
			drop_snapshot(view, place);
		else
			place = &(*place)->older;
}

size_t view_snapshot_bytes(const struct view *view)
{
	const struct snapshot *newer = NULL;
	size_t bytes = 0;

	for (const struct snapshot *here = view->newest; here != NULL; newer = here, here = here->older) {
		bytes += here->view.bytes;
		for (int kind = 0; kind < ENTRY_KINDS; kind++)
			if (newer == NULL || newer->tables[kind] != here->tables[kind])
				bytes += sizeof(*here->tables[kind]) +
				         here->tables[kind]->count * sizeof(void *);
	}
	return bytes;
}

static bool is_current(const struct view *view)
{
	return view->newest != NULL && !view->changed[ENTRY_NODE] && !view->changed[ENTRY_SERVICE] &&
	       !view->suspects_changed;
}

const struct view *view_snapshot(struct view *view)
{
	struct snapshot *snapshot;

	if (!is_current(view)) {
		view_collect(view);
		snapshot = view->snapshot_count == VIEW_SNAPSHOTS ? NULL : snapshot_create(view);
		if (snapshot == NULL)
			return NULL;
		snapshot->number = view->next_number++;
		snapshot->older = view->newest;
		view->newest = snapshot;
		view->snapshot_count++;
		set_changed(view, false);
	}
	(void)atomic_fetch_add_explicit(&view->newest->holders, 1, memory_order_relaxed);
	return &view->newest->view;
}

const struct view *view_share_snapshot(const struct view *snapshot)
{
	/* Its first member: it was not constant when it was made. */
	struct snapshot *held = (struct snapshot *)(uintptr_t)snapshot;

	if (held != NULL)
		(void)atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
	return snapshot;
}

const struct view *view_release_snapshot(const struct view *snapshot)
{
	struct snapshot *held = (struct snapshot *)(uintptr_t)snapshot;

	if (held != NULL)
		(void)atomic_fetch_sub_explicit(&held->holders, 1, memory_order_release);
	return NULL;
}
