/* SPDX-License-Identifier: Apache-2.0 */
#include "view/reach.h"

#include "base/heap.h"
#include <stdlib.h>

#define LONGEST (INT64_MAX / 4)

struct place {
	struct heap_node node; /* in the heap while it may still come nearer */
	int64_t delay;         /* negative: not reached */
};

struct view_reach {
	size_t count;
	struct place places[];
};

static int64_t bounded(int64_t delay)
{
	return delay < 0 ? 0 : MINIMUM(delay, LONGEST);
}

/* False when memory is short. */
static bool come_nearer(struct heap *heap, struct place *place, int64_t delay)
{
	if (place->delay >= 0 && place->delay <= delay)
		return true;
	place->delay = delay;
	if (place->node.position == 0)
		return heap_push(heap, &place->node, delay) == 0;
	heap_update(heap, &place->node, delay);
	return true;
}

static bool spread(const struct view *view, struct view_reach *reach, struct heap *heap)
{
	struct heap_node *node;

	while ((node = heap_pop(heap)) != NULL) {
		const struct place *here = CONTAINER_OF(node, struct place, node);
		const struct site *site = view_site_at(view, (size_t)(here - reach->places));
		size_t next;

		for (uint32_t i = 0; i < site->link_count; i++)
			if (view_site_and_index(view, site->links[i].toward, &next) != NULL &&
			    !come_nearer(heap, &reach->places[next],
			                 MINIMUM(here->delay + bounded(site->links[i].delay), LONGEST)))
				return false;
	}
	return true;
}

struct view_reach *view_reach_create(const struct view *view, struct gateway_identity from)
{
	size_t count = view_site_count(view), first;
	struct view_reach *reach = calloc(1, sizeof(*reach) + count * sizeof(*reach->places));
	struct heap *heap = heap_create(NULL, count);
	bool done = reach != NULL && heap != NULL;

	for (size_t i = 0; done && i < count; i++)
		reach->places[i].delay = -1;
	if (done && view_site_and_index(view, from, &first) != NULL)
		done = come_nearer(heap, &reach->places[first], 0) && spread(view, reach, heap);
	for (size_t i = 0; done && i < count; i++) {
		const struct view_path *path = &view_facts(view_site_at(view, i))->path;

		if (path->measured != 0)
			reach->places[i].delay = bounded(path->delay);
	}
	if (done)
		reach->count = count;
	heap_free(heap);
	return done ? reach : view_reach_free(reach);
}

struct view_reach *view_reach_free(struct view_reach *reach)
{
	free(reach);
	return NULL;
}

int64_t view_reach_delay(const struct view_reach *reach, size_t index)
{
	return index < reach->count ? reach->places[index].delay : -1;
}
