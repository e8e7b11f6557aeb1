/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view and its snapshots are made of.
 *
 * A table of a view is a table of pointers. What they point to may be shown by snapshots as well, and is then
 * never changed: the view puts a changed copy in its place. Which that is needs no counting: snapshots have
 * ascending numbers, and an entry knows the number of the first snapshot that can show it. An entry that is
 * replaced goes to the newest snapshot that shows it; when that snapshot goes the entry passes to the next
 * older one that shows it, or goes for good. Only the view's own thread does any of this; other threads do
 * nothing but count a snapshot's holders down.
 */
#ifndef VIEW_INTERNAL_H
#define VIEW_INTERNAL_H

#include "base/slab.h"
#include "view/view.h"
#include <stdatomic.h>

struct entry {
	uint64_t born; /* number of the first snapshot that can show it */
	struct entry *next;
};

/* One gateway: what it announced, and the same with the local reservations taken off. */
struct node {
	struct entry entry;
	struct site announced;
	struct site shown;
};

struct service {
	struct entry entry;
	struct service_offer offer;
};

/* A decision of this ingress that the owner's own values do not show yet. */
struct reservation {
	struct gateway_identity owner;
	bool link;
	enum resource_kind kind;
	struct gateway_identity toward;
	uint64_t amount;
	int64_t decided, until;
};

struct suspect {
	struct gateway_identity owner;
	int error;
	int64_t until;
};

/* The kinds of entries that snapshots share. */
enum entry_kind { ENTRY_NODE, ENTRY_SERVICE, ENTRY_KINDS };

struct view {
	struct node **nodes; /* ordered by identity */
	size_t node_count;
	struct service **services; /* ordered by name, version, site */
	size_t service_count;
	struct suspect *suspects;
	size_t suspect_count;
	size_t bytes; /* of the tables */
	/* The rest a snapshot does not have. */
	struct view_limits limits;
	struct slab *slabs[ENTRY_KINDS];
	struct reservation *reservations;
	size_t reservation_count;
	struct snapshot *newest; /* the others behind it, by age */
	uint32_t snapshot_count;
	uint64_t next_number;
	bool changed[ENTRY_KINDS]; /* tables, since the newest snapshot */
	bool suspects_changed;
};

/* A copy of a table of pointers, shared by the snapshots between which it did not change. */
struct table {
	uint32_t snapshots;
	size_t count;
	void *entries[];
};

struct snapshot {
	struct view view;
	_Atomic uint32_t holders;
	uint64_t number;
	struct snapshot *older;
	struct table *tables[ENTRY_KINDS];
	struct entry *replaced[ENTRY_KINDS]; /* since this snapshot, which is the newest that shows them */
};

/* A zeroed entry that no snapshot shows; NULL when memory is short. */
void *view_new_entry(struct view *view, enum entry_kind kind);
/* Whether a snapshot shows the entry: then it must not be changed. */
bool view_is_shown(const struct view *view, const struct entry *entry);
/* Gives up an entry that the view's own table no longer has; at once, or with the last snapshot that shows
 * it.
 */
void view_drop_entry(struct view *view, enum entry_kind kind, struct entry *entry);
/* Frees snapshots that nobody holds. */
void view_collect(struct view *view);
/* Memory of all snapshots but for the entries. Only neighbours share tables. */
size_t view_snapshot_bytes(const struct view *view);

#endif
