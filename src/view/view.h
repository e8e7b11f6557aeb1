/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability view: what every gateway says of itself, folded from routes and probes.
 *
 * Pure: time comes in as a number. Every value has a source (its owner), a time and a validity. All
 * tables are bounded and counted. Sites are kept ordered by identity, so that walks are deterministic.
 *
 * Threads: a view belongs to one thread, which alone may call anything on it. Other threads read snapshots:
 * views that never change, on which any thread may at any time call what takes a constant view. The view's
 * thread takes them, and they go from hand to hand like any pointer, with their one reference each; whoever
 * has one gives it back with view_release_snapshot(), which any thread may call. Memory goes back in the
 * view's own thread when it next takes a snapshot or expires. A snapshot shares all entries that did not
 * change with the view and with other snapshots.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/compiler.h"
#include "model/gateway.h"
#include "model/service.h"
#include "model/site.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view;

struct view_limits {
	size_t sites;
	size_t services;
	size_t reservations; /* local ones, see view_reserve() */
	size_t suspects;
};

/* Snapshots that differ and are held at the same time. */
enum { VIEW_SNAPSHOTS = 64 };

struct view *view_create(const struct view_limits *limits);
/* No snapshot may be held any more (asserted). Accepts NULL, returns NULL. */
struct view *view_free(struct view *view);

/*
 * The view as it is now, with a reference of the caller's: the newest snapshot once more when nothing has
 * changed since, else a new one, at the cost of a copy of the tables of pointers that changed. NULL when
 * memory is short or VIEW_SNAPSHOTS are held.
 */
const struct view *view_snapshot(struct view *view);
/* One more reference, as long as the caller knows of one that is held. Any thread. Accepts NULL. Returns
 * snapshot. */
const struct view *view_share_snapshot(const struct view *snapshot);
/* Any thread. Accepts NULL, returns NULL. */
const struct view *view_release_snapshot(const struct view *snapshot);

/* Adds or replaces. STALE when `site->measured` is older than what is known; TABLE_FULL. */
int view_put_site(struct view *view, const struct site *site) CHECKED;
/* Removes the site and its services; NOT_FOUND. */
int view_remove_site(struct view *view, struct gateway_identity identity);
int view_put_service(struct view *view, const struct service_offer *service) CHECKED;
int view_remove_service(struct view *view, struct gateway_identity site, const uint8_t address[16]);

/*
 * A probe's measurement of the link from `from` to `toward`, newer than what the owner announced. NOT_FOUND,
 * TABLE_FULL.
 */
int view_put_link_delay(struct view *view, struct gateway_identity from, struct gateway_identity toward,
                        int64_t delay, int64_t jitter, uint32_t loss);

/*
 * Moves the local copy of the owner's free amount at once after a decision, until the owner's own newer
 * values arrive (view_put_site with measured > `decided`) or `until` has passed.
 */
int view_reserve(struct view *view, struct gateway_identity owner, enum resource_kind kind, uint64_t amount,
                 int64_t decided, int64_t until) CHECKED;
int view_reserve_link(struct view *view, struct gateway_identity owner, struct gateway_identity toward,
                      uint64_t rate, int64_t decided, int64_t until) CHECKED;
/* Takes back what was noted with this `decided`: the decision came to nothing. */
void view_unreserve(struct view *view, int64_t decided);
/* Notes that an owner refused or did not answer; the mapper avoids it until then. */
int view_suspect(struct view *view, struct gateway_identity owner, int error, int64_t until) CHECKED;
/* It answers after all: a suspicion of silence (NO_ANSWER) ends at `until`, if not before. */
void view_heard(struct view *view, struct gateway_identity owner, int64_t until);
/* The code of a suspicion that still holds at `now`; 0 for none. */
int view_suspected(const struct view *view, struct gateway_identity owner, int64_t now);
/* Drops local reservations and suspicions that ended, returns how many. */
size_t view_expire(struct view *view, int64_t now);

/* Sites in order of identity, with local reservations subtracted; NULL past the end or when absent. */
size_t view_site_count(const struct view *view);
const struct site *view_site_at(const struct view *view, size_t index);
const struct site *view_site(const struct view *view, struct gateway_identity identity);
/* Index for view_site_at, or NOT_FOUND. */
int view_site_index(const struct view *view, struct gateway_identity identity);
const struct site *view_site_by_name(const struct view *view, const char *name);
/* True when the values are older than their validity at `now`. */
bool view_site_stale(const struct site *site, int64_t now);

size_t view_service_count(const struct view *view);
/* Ordered by name, version, site. */
const struct service_offer *view_service_at(const struct view *view, size_t index);
/* First index of a name, or NOT_FOUND; offers of one name are neighbours. */
int view_service_first(const struct view *view, const char *name);

/* Memory of all tables, of a view with its snapshots, bytes. */
size_t view_bytes(const struct view *view);

#endif
