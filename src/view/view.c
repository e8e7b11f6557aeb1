/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "view/view_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const view_source_names[] = {"route", "probe", "measured", "edge-metadata", NULL};

_Static_assert(offsetof(struct site, links) + sizeof(((struct site *)NULL)->links) == sizeof(struct site),
               "links are the last of a site");

size_t view_site_size(uint32_t link_count)
{
	return offsetof(struct site, links) + link_count * sizeof(struct link_offer);
}

static inline struct node *node_in(const struct entry *entry)
{
	return (struct node *)(uintptr_t)entry;
}

static inline int compare_node(const void *key, const struct entry *entry)
{
	return view_compare_identity(*(const struct gateway_identity *)key,
	                             node_in(entry)->shown.site.identity);
}

static struct node *seek(const struct view *view, struct gateway_identity identity, size_t *ret_index)
{
	struct entry *entry = tree_search(&view->nodes, &identity, compare_node, ret_index);

	return entry != NULL && compare_node(&identity, entry) == 0 ? node_in(entry) : NULL;
}

static struct view_table table_of(const char *name, size_t entries, size_t bytes, size_t maximum)
{
	return (struct view_table){.name = name, .entries = entries, .bytes = bytes, .maximum = maximum};
}

struct view *view_create(const struct view_limits *limits)
{
	struct view *view = calloc(1, sizeof(*view));

	if (view == NULL)
		return NULL;
	view->limits = *limits;
	if (view->limits.tolerance == 0)
		view->limits.tolerance = VIEW_TOLERANCE;
	if (view->limits.window == 0)
		view->limits.window = VIEW_WINDOW;
	view->next_number = 1;
	view_note_routes(view, 0, 0, 0);
	view->nodes = (struct tree){.compare = compare_node};
	/* At worst each entry has a node of its own, in each of the four trees and for each snapshot. */
	view->trees = slab_create(sizeof(struct tree_node), SIZE_MAX / sizeof(struct tree_node));
	view->suspects = calloc(limits->suspects + 1, sizeof(*view->suspects));
	if (view->trees == NULL || view->suspects == NULL || view_open_services(view) < 0 ||
	    view_open_locals(view) < 0 || view_open_edges(view) < 0 || view_open_trace(view) < 0)
		return view_free(view);
	return view;
}

struct view *view_free(struct view *view)
{
	struct entry *entry;

	if (view == NULL)
		return NULL;
	view_collect(view);
	assert(view->newest == NULL);
	for (size_t i = 0; (entry = tree_at(&view->nodes, i)) != NULL; i++)
		view_release_entry(view, ENTRY_NODE, entry);
	tree_clear(view, &view->nodes);
	view_close_services(view);
	view_close_locals(view);
	view_close_edges(view);
	view_close_trace(view);
	for (uint32_t i = 0; i <= SITE_LINKS; i++)
		slab_free(view->node_slabs[i]);
	slab_free(view->trees);
	free(view->suspects);
	free(view);
	return NULL;
}

struct node *view_node(const struct view *view, struct gateway_identity identity)
{
	size_t index;

	return seek(view, identity, &index);
}

static void copy_site(struct site *target, const struct site *source)
{
	memcpy(target, source, view_site_size(source->link_count));
}

struct node *view_own_node(struct view *view, struct node *node)
{
	struct node *copy;

	view->changed = true;
	if (!view_is_shown(view, &node->entry))
		return node;
	copy = view_new_node(view, node->shown.site.link_count);
	if (copy == NULL)
		return NULL;
	copy->shown.facts = node->shown.facts;
	copy_site(&copy->shown.site, &node->shown.site);
	if (tree_replace(view, &view->nodes, &node->shown.site.identity, &copy->entry) < 0) {
		view_release_entry(view, ENTRY_NODE, &copy->entry);
		return NULL;
	}
	view_drop_entry(view, ENTRY_NODE, &node->entry);
	return copy;
}

int view_show_site(struct view *view, const struct site *site, const struct view_facts *facts)
{
	struct node *former = view_node(view, site->identity), *node = former;
	int code = 0;

	if (former == NULL && view->nodes.count == view->limits.sites)
		return BUSBAR_ERROR_TABLE_FULL;
	if (former == NULL || view_is_shown(view, &former->entry) ||
	    former->shown.site.link_count != site->link_count)
		node = view_new_node(view, site->link_count);
	if (node == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	node->shown.facts = *facts;
	copy_site(&node->shown.site, site);
	if (former == NULL)
		code = tree_insert(view, &view->nodes, &site->identity, &node->entry);
	else if (node != former)
		code = tree_replace(view, &view->nodes, &site->identity, &node->entry);
	if (code < 0) {
		view_release_entry(view, ENTRY_NODE, &node->entry);
		return BUSBAR_ERROR_TABLE_FULL;
	}
	if (former != NULL && node != former)
		view_drop_entry(view, ENTRY_NODE, &former->entry);
	view->changed = true;
	return 0;
}

int view_put_site(struct view *view, const struct site *site)
{
	const struct view_stamp stamp = {VIEW_ROUTE, site->measured, site->validity};
	const struct node *node = view_node(view, site->identity);
	struct local *local = view_local(view, site->identity);

	if (node != NULL && site->measured < node->shown.facts.structure.measured)
		return BUSBAR_ERROR_STALE;
	if (node == NULL && view->nodes.count == view->limits.sites)
		return BUSBAR_ERROR_TABLE_FULL;
	if (local != NULL)
		return view_announce_local(view, local, site);
	return view_show_site(view, site, &(struct view_facts){.structure = stamp, .amounts = stamp});
}

int view_remove_site(struct view *view, struct gateway_identity identity)
{
	struct node *node = view_node(view, identity);
	struct local *local = view_local(view, identity);
	int code;

	if (node == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	code = view_remove_services(view, identity);
	if (code == 0)
		code = tree_remove(view, &view->nodes, &identity);
	if (code < 0)
		return code;
	view->changed = true;
	view_drop_entry(view, ENTRY_NODE, &node->entry);
	if (local != NULL)
		view_forget_announced(view, local);
	return 0;
}

size_t view_site_count(const struct view *view)
{
	return view->nodes.count;
}

static const struct site *site_in(const struct entry *entry)
{
	return entry == NULL ? NULL : &node_in(entry)->shown.site;
}

const struct site *view_site_at(const struct view *view, size_t index)
{
	return site_in(tree_at(&view->nodes, index));
}

const struct site *view_site(const struct view *view, struct gateway_identity identity)
{
	const struct node *node = view_node(view, identity);

	return node == NULL ? NULL : &node->shown.site;
}

int view_site_index(const struct view *view, struct gateway_identity identity)
{
	size_t index;

	return seek(view, identity, &index) == NULL ? BUSBAR_ERROR_NOT_FOUND : (int)index;
}

const struct site *view_site_and_index(const struct view *view, struct gateway_identity identity,
                                       size_t *ret_index)
{
	size_t index;
	const struct node *node = seek(view, identity, &index);

	if (node == NULL)
		return NULL;
	*ret_index = index;
	return &node->shown.site;
}

const struct site *view_site_by_name(const struct view *view, const char *name)
{
	const struct site *site;

	for (size_t i = 0; (site = view_site_at(view, i)) != NULL; i++)
		if (strcmp(site->name, name) == 0)
			return site;
	return NULL;
}

void view_copy_site(const struct site *site, struct site *ret_site)
{
	memset(ret_site, 0, sizeof(*ret_site));
	copy_site(ret_site, site);
}

void view_note_routes(struct view *view, size_t entries, size_t bytes, size_t maximum)
{
	view->routes = table_of("routes", entries, bytes, maximum);
}

void view_tables(const struct view *view, struct view_table ret_tables[VIEW_TABLES])
{
	size_t bytes = 0;

	if (view->trees == NULL) { /* a snapshot */
		memcpy(ret_tables, CONTAINER_OF((uintptr_t)view, const struct snapshot, view)->tables,
		       VIEW_TABLES * sizeof(*ret_tables));
		return;
	}
	for (uint32_t i = 0; i <= SITE_LINKS; i++)
		bytes += view->node_slabs[i] == NULL ? 0 : slab_bytes(view->node_slabs[i]);
	ret_tables[0] = table_of("sites", view->nodes.count, bytes, view->limits.sites);
	ret_tables[1] = table_of("services", view->services.count, slab_bytes(view->service_slab),
	                         view->limits.services);
	ret_tables[2] = table_of("titles", view->title_index.count, slab_bytes(view->titles), 0);
	ret_tables[3] = table_of("index", slab_count(view->trees), slab_bytes(view->trees), 0);
	ret_tables[4] = table_of("own-values", slab_count(view->locals), slab_bytes(view->locals),
	                         view->limits.sites + view->limits.reservations);
	ret_tables[5] = table_of("reservations", slab_count(view->reservations),
	                         slab_bytes(view->reservations), view->limits.reservations);
	ret_tables[7] =
	        table_of("edge-metadata", view->edges.count, slab_bytes(view->edge_slab), view->limits.edges);
	ret_tables[8] =
	        table_of("contradictions", view->trace.count, slab_bytes(view->trace_slab), VIEW_TRACE);
	ret_tables[9] = view->routes;
	ret_tables[6] =
	        table_of("suspects", view->suspect_count,
	                 (view->limits.suspects + 1) * sizeof(*view->suspects), view->limits.suspects);
}

size_t view_bytes(const struct view *view)
{
	struct view_table tables[VIEW_TABLES];
	size_t bytes = sizeof(*view) + view->snapshot_count * sizeof(struct snapshot);

	view_tables(view, tables);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		bytes += tables[i].bytes;
	return bytes;
}
