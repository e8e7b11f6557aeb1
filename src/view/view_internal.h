/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view and its snapshots are made of.
 *
 * What a snapshot shows is never changed: the view puts a changed copy in its place, of an entry as of the
 * nodes of the trees that lead to it. Which those are needs no counting: snapshots have ascending numbers,
 * and an entry knows the number of the first snapshot that can show it. An entry that is replaced goes to the
 * newest snapshot that shows it; when that snapshot goes the entry passes to the next older one that shows
 * it, or goes for good. Only the view's own thread does any of this; other threads do nothing but count a
 * snapshot's holders down.
 */
#ifndef VIEW_INTERNAL_H
#define VIEW_INTERNAL_H

#include "base/slab.h"
#include "view/tree.h"
#include "view/view.h"
#include <stdatomic.h>

/* A site as it is shown. Last, because there is room for its own links only. */
struct node {
	struct entry entry;
	struct view_site shown;
};

/* Shared by services, never shown by itself: it lives as long as an entry that names it. */
struct title {
	struct entry entry;
	struct view_title text;
	uint32_t uses;
};

struct service {
	struct entry entry;
	struct view_service offer;
	int64_t declared; /* time, by its site */
};

struct edge {
	struct entry entry;
	struct view_edge edge;
};

struct trace {
	struct entry entry;
	struct view_contradiction what;
};

/* A decision of this ingress that the owner's own values do not show yet. */
struct reservation {
	struct local *local; /* of its owner */
	bool link, over;
	enum resource_kind kind;
	struct gateway_identity toward;
	uint64_t amount;
	int64_t decided, until;
	struct reservation *next;          /* of the same owner, by age */
	struct reservation *newer, *older; /* of all */
};

struct suspect {
	struct gateway_identity owner;
	int error;
	int64_t until;
};

/* A link that this gateway has measured itself. */
struct measured_link {
	struct gateway_identity toward;
	struct view_path values;
};
enum { LOCAL_LINKS = 4 };

/*
 * What this gateway knows of a site beside what its owner announced. Sites of which it knows nothing of its
 * own have none, and are shown as they were announced.
 */
struct local {
	struct entry entry;
	struct gateway_identity identity;
	struct node *announced; /* shown by nobody; NULL: the site is not known */
	struct reservation *reservations, **last;
	bool loaded;
	struct site_load load;
	struct view_path path;
	int64_t declared_path; /* sum of its links; 0: not known */
	uint32_t link_count;
	struct measured_link links[LOCAL_LINKS];
	uint32_t contradicted, links_contradicted; /* as in the facts */
	bool noted;                                /* in the trace, and when last */
	int64_t noted_at;
	bool marked; /* to be shown anew, with `next` */
	struct local *next;
};

/* The kinds of entries that snapshots share. */
enum entry_kind { ENTRY_TREE, ENTRY_NODE, ENTRY_SERVICE, ENTRY_EDGE, ENTRY_TRACE, ENTRY_KINDS };

struct view {
	struct tree nodes;    /* by identity */
	struct tree services; /* by name, version, site */
	struct tree edges;    /* by site, address, AS, originator */
	struct tree trace;    /* by number */
	struct suspect *suspects;
	size_t suspect_count;
	/* The rest a snapshot does not have. */
	struct view_limits limits;
	struct slab *trees, *edge_slab, *trace_slab, *service_slab, *node_slabs[SITE_LINKS + 1], *titles,
	        *locals, *reservations;
	struct tree places;      /* services by site, address; hidden */
	struct tree title_index; /* hidden */
	struct tree local_index; /* hidden */
	struct reservation *oldest, *latest;
	struct snapshot *newest; /* the others behind it, by age */
	uint32_t snapshot_count;
	uint64_t next_number;
	struct view_table routes;
	uint64_t contradictions;
	int64_t now;  /* as view_expire() was told last */
	bool changed; /* since the newest snapshot */
};

struct snapshot {
	struct view view;
	_Atomic uint32_t holders;
	uint64_t number;
	struct snapshot *older;
	struct entry *replaced[ENTRY_KINDS]; /* since this snapshot, which is the newest that shows them */
	struct view_table tables[VIEW_TABLES];
};

/* In the order of gateway_compare(), for one comparison. */
static inline uint64_t view_number(struct gateway_identity identity)
{
	return (uint64_t)identity.site << 16 | identity.gateway;
}

static inline int view_compare_identity(struct gateway_identity a, struct gateway_identity b)
{
	return (view_number(a) > view_number(b)) - (view_number(a) < view_number(b));
}

/* Room that a site with so many links takes. */
size_t view_site_size(uint32_t link_count);

/* A zeroed entry that no snapshot shows, not a node; NULL when memory is short. */
void *view_new_entry(struct view *view, enum entry_kind kind);
struct node *view_new_node(struct view *view, uint32_t link_count);
/* Whether a snapshot shows the entry: then it must not be changed. */
bool view_is_shown(const struct view *view, const struct entry *entry);
/* Gives up an entry that the view's own tree no longer has; at once, or with the last snapshot that shows it.
 */
void view_drop_entry(struct view *view, enum entry_kind kind, struct entry *entry);
/* No snapshot shows it. */
void view_release_entry(struct view *view, enum entry_kind kind, struct entry *entry);
/* Frees snapshots that nobody holds. */
void view_collect(struct view *view);

/* Services (service.c). */
int view_open_services(struct view *view) CHECKED;
void view_close_services(struct view *view);
/* -ENOMEM: some are there still. */
int view_remove_services(struct view *view, struct gateway_identity site) CHECKED;
void view_release_title(struct view *view, const struct view_title *title);

/* The service at that place is shown as it was declared, or as long as Edge Metadata say. */
void view_review_service(struct view *view, struct gateway_identity site, const uint8_t address[16]);

/* Edge Metadata (edge.c). */
int view_open_edges(struct view *view) CHECKED;
void view_close_edges(struct view *view);
/* The longest delay that routes to that place predict; negative: none does. */
int64_t view_edge_delay(const struct view *view, struct gateway_identity site, const uint8_t address[16],
                        int64_t *ret_measured);

/* Contradictions (contradiction.c). */
int view_open_trace(struct view *view) CHECKED;
void view_close_trace(struct view *view);
bool view_is_same_time(const struct view *view, int64_t a, int64_t b);
bool view_is_at_once(int64_t a, int64_t b);
bool view_delays_differ(const struct view *view, int64_t a, int64_t b);
bool view_amounts_differ(const struct view *view, uint64_t a, uint64_t b, uint64_t capacity);
bool view_prices_differ(const struct view *view, money a, money b);
/* One begins; it is traced unless the site has just had one. */
void view_note_contradiction(struct view *view, struct local *local, const struct view_contradiction *what);

/* Local knowledge (local.c). */
int view_open_locals(struct view *view) CHECKED;
void view_close_locals(struct view *view);
struct local *view_local(const struct view *view, struct gateway_identity identity);
/* The one of the identity, a new one if there is none; NULL when memory or room is short. */
struct local *view_need_local(struct view *view, struct gateway_identity identity);
/* What its owner now announces of a site of which something is known. */
int view_announce_local(struct view *view, struct local *local, const struct site *site) CHECKED;
/* The site is gone; what was reserved stays noted, in case that it returns. */
void view_forget_announced(struct view *view, struct local *local);
/* Shows the site anew, with all that is known; drops a local that knows nothing. */
int view_show_local(struct view *view, struct local *local);

/* Sites (view.c). */
struct node *view_node(const struct view *view, struct gateway_identity identity);
/* The node to be changed: a copy in its place when a snapshot shows it. NULL when memory is short. */
struct node *view_own_node(struct view *view, struct node *node);
/* Shows it from now on. `facts` is what to say of it. */
int view_show_site(struct view *view, const struct site *site, const struct view_facts *facts) CHECKED;

#endif
