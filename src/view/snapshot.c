/* SPDX-License-Identifier: Apache-2.0 */
#include "view/view_internal.h"

#include <stdlib.h>
#include <string.h>

static struct slab *slab_of(const struct view *view, enum entry_kind kind, const struct entry *entry)
{
	switch (kind) {
	case ENTRY_TREE:
		return view->trees;
	case ENTRY_SERVICE:
		return view->service_slab;
	case ENTRY_EDGE:
		return view->edge_slab;
	case ENTRY_TRACE:
		return view->trace_slab;
	default:
		return view->node_slabs[((const struct node *)(const void *)entry)->shown.site.link_count];
	}
}

void *view_new_entry(struct view *view, enum entry_kind kind)
{
	struct entry *entry = slab_take(slab_of(view, kind, NULL));

	if (entry != NULL)
		entry->born = view->next_number;
	return entry;
}

struct node *view_new_node(struct view *view, uint32_t link_count)
{
	struct slab **slab = &view->node_slabs[link_count];
	struct node *node;

	/* Every snapshot can show other values of everything. */
	if (*slab == NULL)
		*slab = slab_create(offsetof(struct node, shown.site) + view_site_size(link_count),
		                    view->limits.sites * (VIEW_SNAPSHOTS + 1));
	node = *slab == NULL ? NULL : slab_take(*slab);
	if (node == NULL)
		return NULL;
	node->entry.born = view->next_number;
	node->shown.site.link_count = link_count;
	return node;
}

bool view_is_shown(const struct view *view, const struct entry *entry)
{
	return view->newest != NULL && entry->born <= view->newest->number;
}

void view_release_entry(struct view *view, enum entry_kind kind, struct entry *entry)
{
	if (kind == ENTRY_SERVICE)
		view_release_title(view, ((struct service *)(void *)entry)->offer.title);
	slab_release(slab_of(view, kind, entry), entry);
}

/* To the newest of the snapshots that show it, from `snapshot` on; without one the entry goes. */
static void hand_over(struct view *view, enum entry_kind kind, struct snapshot *snapshot, struct entry *entry)
{
	if (snapshot == NULL || entry->born > snapshot->number) {
		view_release_entry(view, kind, entry);
		return;
	}
	entry->next = snapshot->replaced[kind];
	snapshot->replaced[kind] = entry;
}

void view_drop_entry(struct view *view, enum entry_kind kind, struct entry *entry)
{
	hand_over(view, kind, view->newest, entry);
}

static struct snapshot *snapshot_create(const struct view *view)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct view *shown = &snapshot->view;

	if (snapshot == NULL)
		return NULL;
	shown->suspects = calloc(view->suspect_count + 1, sizeof(*shown->suspects));
	if (shown->suspects == NULL) {
		free(snapshot);
		return NULL;
	}
	memcpy(shown->suspects, view->suspects, view->suspect_count * sizeof(*shown->suspects));
	shown->suspect_count = view->suspect_count;
	shown->nodes = view->nodes;
	shown->services = view->services;
	shown->edges = view->edges;
	shown->trace = view->trace;
	shown->contradictions = view->contradictions;
	view_tables(view, snapshot->tables);
	return snapshot;
}

static void drop_snapshot(struct view *view, struct snapshot **place)
{
	struct snapshot *snapshot = *place;

	/* What the view has changed since an older one is not kept track of. */
	if (snapshot == view->newest)
		view->changed = true;
	*place = snapshot->older;
	view->snapshot_count--;
	for (int kind = 0; kind < ENTRY_KINDS; kind++) {
		for (struct entry *entry = snapshot->replaced[kind], *next; entry != NULL; entry = next) {
			next = entry->next;
			hand_over(view, (enum entry_kind)kind, snapshot->older, entry);
		}
	}
	free(snapshot->view.suspects);
	free(snapshot);
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

const struct view *view_snapshot(struct view *view)
{
	struct snapshot *snapshot;

	if (view->newest == NULL || view->changed) {
		view_collect(view);
		snapshot = view->snapshot_count == VIEW_SNAPSHOTS ? NULL : snapshot_create(view);
		if (snapshot == NULL)
			return NULL;
		snapshot->number = view->next_number++;
		snapshot->older = view->newest;
		view->newest = snapshot;
		view->snapshot_count++;
		view->changed = false;
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
