/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability view: what every gateway says of itself, folded from routes, probes and own measurements.
 *
 * Pure: time comes in as a number. Every value has a source, a time and a validity (struct view_facts); what
 * becomes of it behind its validity is view/age.h's. All tables are bounded and counted. Sites are kept
 * ordered by identity, so that walks are deterministic.
 *
 * The structure of a site comes by routing. The reply of a probe brings newer free amounts and prices, which
 * hold until routing brings newer ones or their validity ends. Links that this gateway has measured show
 * what it measured as long as that is valid. Local reservations are taken off what is shown. Where nothing of
 * this is the case, what the owner announced is all that is kept.
 *
 * Threads: a view belongs to one thread, which alone may call anything on it. Other threads read snapshots:
 * views that never change, on which any thread may at any time call what takes a constant view. The view's
 * thread takes them, and they go from hand to hand like any pointer, with their one reference each; whoever
 * has one gives it back with view_release_snapshot(), which any thread may call. Memory goes back in the
 * view's own thread when it next takes a snapshot or expires. A snapshot costs the same however large the
 * view is: it shares everything with the view and with other snapshots, until the view changes it.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/compiler.h"
#include "model/edge_metadata.h"
#include "model/gateway.h"
#include "model/load.h"
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
	size_t edges;       /* routes with Edge Metadata */
	uint32_t tolerance; /* thousandths that two sources may differ by; 0: VIEW_TOLERANCE */
	int64_t window;     /* ns: what is that close was measured at the same time; 0: VIEW_WINDOW */
};
enum { VIEW_TOLERANCE = 250 };
#define VIEW_WINDOW INT64_C(10000000000)

/* Snapshots that differ and are held at the same time. */
enum { VIEW_SNAPSHOTS = 64 };

enum view_source { VIEW_ROUTE, VIEW_PROBE, VIEW_MEASURED, VIEW_EDGE, VIEW_SOURCES };
extern const char *const view_source_names[VIEW_SOURCES + 1]; /* NULL-terminated */

/* Where a value is from. */
struct view_stamp {
	enum view_source source;
	int64_t measured; /* wall clock of the source, ns */
	int64_t validity; /* ns after which it is unknown; 0: not said */
};

/* What two sources can contradict each other in. */
enum view_value {
	VIEW_LINK_DELAY,
	VIEW_PATH_DELAY,
	VIEW_FREE,
	VIEW_PRICE,
	VIEW_SERVICE_TIME,
	VIEW_CONTENT,
	VIEW_VALUES
};
extern const char *const view_value_names[VIEW_VALUES + 1]; /* NULL-terminated */

/* Measured by this gateway. */
struct view_path {
	int64_t delay, jitter; /* one way */
	uint32_t loss;         /* parts per million */
	int64_t measured;      /* 0: never */
	int64_t validity;
};

/* What is known of the values of a site. */
struct view_facts {
	struct view_stamp structure; /* all but the following */
	struct view_stamp amounts;   /* free and price of its resources */
	uint32_t running, waiting;   /* runs; where a probe brought the amounts */
	int64_t wait;                /* of a run that comes now; where a probe brought the amounts */
	struct view_path path;       /* from this gateway to the site */
	uint32_t links_measured;     /* a bit for each link whose delay, jitter and loss are our own */
	uint32_t links_contradicted; /* a bit for each link whose delay is */
	uint32_t contradicted;       /* a bit for each view_value of the site and its links that is now */
};

/* A site as a view shows it. */
struct view_site {
	struct view_facts facts;
	struct site site;
};

/* A service at a site, as view_put_service() was told. The texts are shared by all that have the same. */
struct view_title {
	char name[SERVICE_NAME];
	char version[SERVICE_VERSION];
};
struct view_service {
	const struct view_title *title;
	struct gateway_identity site;
	uint8_t address[16]; /* CS-ID */
	uint8_t score;
	bool contradicted; /* its time, of which the longer one is shown */
	struct metric metrics[METRIC_KINDS];
	uint32_t processes;
	uint64_t cpu;
	uint64_t memory;
	uint32_t running;
	int64_t time;
	int64_t start;
	money price;
	money tariff;
};

/* A route with Edge Metadata, whoever sent them. */
struct view_edge {
	struct gateway_identity site; /* whose route it is, by its sealed attribute; none: it has none */
	uint8_t address[16];
	uint8_t length; /* of the prefix */
	uint32_t as, originator;
	int64_t measured; /* when it came, wall clock of this gateway */
	struct edge_metadata metadata;
};

/*
 * Two sources said different things of a value at about the same time (RFC 10054 R20): further apart than the
 * tolerance. The cautious one is shown - the longer delay, the smaller amount, the higher price - and marked
 * in the facts of its site as long as that is so. A trace is kept of when it began, of at most
 * VIEW_TRACE_EACH times a site, no two within VIEW_TRACE_INTERVAL.
 */
struct view_contradiction {
	uint64_t number; /* ascending; those in between were too many of a site */
	struct gateway_identity site;
	enum view_value value;
	struct gateway_identity toward; /* of a link */
	enum view_source sources[2];
	int64_t values[2];
	int64_t times[2];
	int64_t noted; /* the last time that view_expire() was told before */
};
enum { VIEW_TRACE = 256, VIEW_TRACE_EACH = 8 };
#define VIEW_TRACE_INTERVAL INT64_C(60000000000)

struct view *view_create(const struct view_limits *limits);
/* No snapshot may be held any more (asserted). Accepts NULL, returns NULL. */
struct view *view_free(struct view *view);

/*
 * The view as it is now, with a reference of the caller's: the newest snapshot once more when nothing has
 * changed since, else a new one. NULL when memory is short or VIEW_SNAPSHOTS are held.
 */
const struct view *view_snapshot(struct view *view);
/* One more reference, as long as the caller knows of one that is held. Any thread. Accepts NULL. Returns
 * snapshot. */
const struct view *view_share_snapshot(const struct view *snapshot);
/* Any thread. Accepts NULL, returns NULL. */
const struct view *view_release_snapshot(const struct view *snapshot);

/* Adds or replaces. STALE when `site->measured` is older than what is known; TABLE_FULL. */
int view_put_site(struct view *view, const struct site *site) CHECKED;
/* Removes the site and its services; NOT_FOUND; -ENOMEM, then all or a part of them is there still. */
int view_remove_site(struct view *view, struct gateway_identity identity);
int view_put_service(struct view *view, const struct service_offer *service) CHECKED;
/* NOT_FOUND, -ENOMEM. */
int view_remove_service(struct view *view, struct gateway_identity site, const uint8_t address[16]);

/*
 * What a site said in the reply of a probe. STALE when it is older than what is known, however that came;
 * NOT_FOUND, TABLE_FULL. Kinds and links that the site does not have are passed over.
 */
int view_put_load(struct view *view, const struct site_load *load) CHECKED;
/* This gateway's measurement of the way to a site, one way. NOT_FOUND, TABLE_FULL. */
int view_put_path(struct view *view, struct gateway_identity toward, int64_t delay, int64_t jitter,
                  uint32_t loss, int64_t measured, int64_t validity) CHECKED;
/*
 * What the links of the way that was measured sum up to, one way: where that contradicts the measurement the
 * longer one is shown. 0: not known.
 */
void view_compare_path(struct view *view, struct gateway_identity toward, int64_t declared);
/*
 * This gateway's measurement of the link from `from` to `toward`: shown in place of what its owner declares
 * as long as it is valid. NOT_FOUND, TABLE_FULL.
 */
int view_put_link_delay(struct view *view, struct gateway_identity from, struct gateway_identity toward,
                        int64_t delay, int64_t jitter, uint32_t loss, int64_t measured,
                        int64_t validity) CHECKED;

/* The Edge Metadata of a route, for those of the same site, address, AS and originator. TABLE_FULL. */
int view_put_edge(struct view *view, const struct view_edge *edge) CHECKED;
/* NOT_FOUND, -ENOMEM. */
int view_remove_edge(struct view *view, struct gateway_identity site, const uint8_t address[16], uint32_t as,
                     uint32_t originator);
/*
 * The newest and the oldest word of a site that are told at the same time by different originators: further
 * apart than the window and than words of the site are valid they contradict each other.
 */
void view_compare_content(struct view *view, struct gateway_identity site, int64_t newest, int64_t oldest);

/*
 * Moves the local copy of the owner's free amount at once after a decision, until the owner's own newer
 * values arrive (measured > `decided`) or `until` has passed.
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
/*
 * Drops local reservations and suspicions that ended, returns how many. Values of probes and own measurements
 * whose validity has ended give way to the owner's.
 */
size_t view_expire(struct view *view, int64_t now);

/*
 * Sites in order of identity, as they are shown; NULL past the end or when absent. Of its links a site of a
 * view has only `link_count`: it must not be copied as a whole, see view_copy_site().
 */
size_t view_site_count(const struct view *view);
const struct site *view_site_at(const struct view *view, size_t index);
const struct site *view_site(const struct view *view, struct gateway_identity identity);
/* Index for view_site_at, or NOT_FOUND. */
int view_site_index(const struct view *view, struct gateway_identity identity);
/* Both at once; `ret_index` untouched when absent. */
const struct site *view_site_and_index(const struct view *view, struct gateway_identity identity,
                                       size_t *ret_index);
const struct site *view_site_by_name(const struct view *view, const char *name);
/* What is known of the values of a site that a view gave out. */
static inline const struct view_facts *view_facts(const struct site *site)
{
	return &CONTAINER_OF((uintptr_t)site, const struct view_site, site)->facts;
}
/* Links beyond the count become zero. */
void view_copy_site(const struct site *site, struct site *ret_site);

size_t view_service_count(const struct view *view);
/* Ordered by name, version, site. */
const struct view_service *view_service_at(const struct view *view, size_t index);
/* First index of a name, or NOT_FOUND; offers of one name are neighbours. */
int view_service_first(const struct view *view, const char *name);
/* The versions of a service that are offered anywhere, newest first; of very many, the newest. */
enum { VIEW_VERSIONS = 16 };
struct view_versions {
	uint32_t count;
	const struct view_title *titles[VIEW_VERSIONS];
};
/* All versions of the name, or just the one if `version` is not empty. Valid until the view is changed. */
void view_list_versions(const struct view *view, const char *name, const char *version,
                        struct view_versions *ret_versions);
/* The newest of the versions that a site offers; NULL when it offers none. */
const struct view_service *view_newest_service(const struct view *view, const struct view_versions *versions,
                                               struct gateway_identity site);
/* The same by name and version. */
const struct view_service *view_service_of(const struct view *view, const char *name, const char *version,
                                           struct gateway_identity site);
void view_copy_service(const struct view_service *service, struct service_offer *ret_offer);

/* By site (those that are nobody's first), address, AS and originator. */
size_t view_edge_count(const struct view *view);
const struct view_edge *view_edge_at(const struct view *view, size_t index);

/* The trace, the oldest first. */
size_t view_contradiction_count(const struct view *view);
const struct view_contradiction *view_contradiction_at(const struct view *view, size_t index);

/* What the tables of a view take; of a snapshot, what they took when it was made. */
struct view_table {
	const char *name;
	size_t entries, bytes;
	size_t maximum; /* of entries; 0: bounded by the other tables */
};
enum { VIEW_TABLES = 10 };
/* The table of routes from which the view is made, which is kept elsewhere, is shown beside the view's own.
 */
void view_note_routes(struct view *view, size_t entries, size_t bytes, size_t maximum);
void view_tables(const struct view *view, struct view_table ret_tables[VIEW_TABLES]);
/* Memory of all tables, of a view with its snapshots, bytes. */
size_t view_bytes(const struct view *view);

#endif
