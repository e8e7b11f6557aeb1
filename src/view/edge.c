/* SPDX-License-Identifier: Apache-2.0 */
/* Edge Metadata of routes, and what they say of a service's time beside what its site declares. */
#include "base/error.h"
#include "view/view_internal.h"

#include <errno.h>
#include <string.h>

struct edge_key {
	struct gateway_identity site;
	const uint8_t *address;
	uint32_t as, originator;
};

static struct edge *edge_in(const struct entry *entry)
{
	return (struct edge *)(uintptr_t)entry;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_edge(const void *key, const struct entry *entry)
{
	const struct edge_key *edge = key;
	const struct view_edge *here = &edge_in(entry)->edge;
	int order = gateway_compare(edge->site, here->site);

	if (order == 0)
		order = memcmp(edge->address, here->address, sizeof(here->address));
	if (order == 0)
		order = compare_numbers(edge->as, here->as);
	return order != 0 ? order : compare_numbers(edge->originator, here->originator);
}

int view_open_edges(struct view *view)
{
	view->edges = (struct tree){.compare = compare_edge};
	view->edge_slab = slab_create(sizeof(struct edge), view->limits.edges * (VIEW_SNAPSHOTS + 1));
	return view->edge_slab == NULL ? -ENOMEM : 0;
}

void view_close_edges(struct view *view)
{
	struct entry *entry;

	for (size_t i = 0; (entry = tree_at(&view->edges, i)) != NULL; i++)
		view_release_entry(view, ENTRY_EDGE, entry);
	tree_clear(view, &view->edges);
	view->edge_slab = slab_free(view->edge_slab);
}

int view_put_edge(struct view *view, const struct view_edge *edge)
{
	const struct edge_key key = {edge->site, edge->address, edge->as, edge->originator};
	struct entry *former = tree_find(&view->edges, &key);
	struct edge *entry;
	int code;

	if (former == NULL && view->edges.count == view->limits.edges)
		return BUSBAR_ERROR_TABLE_FULL;
	entry = view_new_entry(view, ENTRY_EDGE);
	if (entry == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	entry->edge = *edge;
	code = former == NULL ? tree_insert(view, &view->edges, &key, &entry->entry)
	                      : tree_replace(view, &view->edges, &key, &entry->entry);
	if (code < 0) {
		view_release_entry(view, ENTRY_EDGE, &entry->entry);
		return BUSBAR_ERROR_TABLE_FULL;
	}
	if (former != NULL)
		view_drop_entry(view, ENTRY_EDGE, former);
	view->changed = true;
	view_review_service(view, edge->site, edge->address);
	return 0;
}

int view_remove_edge(struct view *view, struct gateway_identity site, const uint8_t address[16], uint32_t as,
                     uint32_t originator)
{
	const struct edge_key key = {site, address, as, originator};
	struct entry *entry = tree_find(&view->edges, &key);
	int code = entry == NULL ? BUSBAR_ERROR_NOT_FOUND : tree_remove(view, &view->edges, &key);

	if (code < 0)
		return code;
	view_drop_entry(view, ENTRY_EDGE, entry);
	view->changed = true;
	view_review_service(view, site, address);
	return 0;
}

int64_t view_edge_delay(const struct view *view, struct gateway_identity site, const uint8_t address[16],
                        int64_t *ret_measured)
{
	const struct edge_key first = {site, address, 0, 0};
	const struct entry *entry;
	int64_t delay = -1;
	size_t index;

	if (view->edges.count == 0)
		return -1;
	entry = tree_seek(&view->edges, &first, &index);
	for (; entry != NULL; entry = tree_at(&view->edges, ++index)) {
		const struct view_edge *edge = &edge_in(entry)->edge;

		if (!gateway_equal(edge->site, site) || memcmp(edge->address, address, 16) != 0)
			break;
		if (!(edge->metadata.present & EDGE_DELAY) || edge->metadata.delay <= delay)
			continue;
		delay = edge->metadata.delay;
		*ret_measured = edge->measured;
	}
	return delay;
}

size_t view_edge_count(const struct view *view)
{
	return view->edges.count;
}

const struct view_edge *view_edge_at(const struct view *view, size_t index)
{
	const struct entry *entry = tree_at(&view->edges, index);

	return entry == NULL ? NULL : &edge_in(entry)->edge;
}
