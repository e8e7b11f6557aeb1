/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: what every peer told (Adj-RIB-In) and what was chosen from it (Loc-RIB).
 *
 * A path belongs to (prefix, peer, path identifier). The paths of a prefix fall into origins: the last AS of
 * the path and, so that several sites of one AS stay apart, its originator: inside our own AS the BGP
 * identifier of the router that announced it, from another AS what the attribute says of its announcer. One
 * path is chosen per origin, and one of these overall.
 *
 * Updates only mark what they touch; table_publish() decides and reports. So the reports' receiver may
 * change the table, bursts are decided once, and what was published stays readable until the next round.
 * Bounded by paths per peer; everything is counted.
 */
#ifndef BGP_TABLE_H
#define BGP_TABLE_H

#include "bgp/attributes.h"
#include "bgp/decision.h"

enum { TABLE_LOCAL = -1 }; /* the peer number of our own routes */

struct table;

struct table_settings {
	uint32_t as;
	uint32_t identifier;
	uint64_t seed;
	uint32_t (*announcer)(const uint8_t *attribute, size_t size); /* as that of the speaker */
};

struct table_peer {
	bool external;
	uint32_t identifier;
	uint8_t address[16];
};

/* A published choice. `attributes` is valid until the next table_publish() unless held. */
struct table_choice {
	uint8_t address[16];
	uint8_t length;
	struct attributes *attributes;
	int peer;
	uint32_t origin_as;
	uint32_t originator; /* of another AS: the announcer, 0 where that is not known */
	uint32_t number;     /* of the origin among this prefix's, never 0; our ADD-PATH identifier */
};

struct table_report {
	/* The best path of one origin is new, changed or (withdrawn: choice as it was) gone. */
	void (*origin_changed)(void *context, const struct table_choice *choice, bool withdrawn);
	/*
	 * The best path of a prefix changed; NULL: there is none. `was_foreign`: the one before came from a
	 * peer, not from ourselves.
	 */
	void (*best_changed)(void *context, const uint8_t address[16], uint8_t length,
	                     const struct table_choice *choice, bool was_foreign);
};

/* A path as it is known now. */
struct table_path {
	uint8_t address[16];
	uint8_t length;
	struct attributes *attributes;
	int peer;
	uint32_t path_id, origin_as, originator;
	bool chosen, best, stale;
};

struct table_statistics {
	size_t prefixes, origins, paths;
	size_t bytes;   /* attributes and nodes */
	size_t refused; /* paths past the maximum */
};

/* NULL when memory is short. */
struct table *table_create(const struct table_settings *settings);
/* Accepts NULL, returns NULL. Not from within a report. */
struct table *table_free(struct table *table);

/* Makes room for peers 0 .. count-1; at first there is TABLE_LOCAL alone. -ENOMEM. */
int table_set_peers(struct table *table, size_t count) CHECKED;
/* Paths that a peer may have from here on; at first 2^18. */
void table_set_maximum(struct table *table, int peer, size_t maximum);
/* Describes the peer of a new session. */
void table_set_peer(struct table *table, int peer, const struct table_peer *description);
/* New path or replacement; the table takes its own reference. TABLE_FULL or -ENOMEM. */
int table_update(struct table *table, int peer, const struct update_prefix *prefix,
                 struct attributes *attributes) CHECKED;
/* Absent is fine. */
void table_withdraw(struct table *table, int peer, const struct update_prefix *prefix);
/* Withdraws everything the peer told. */
void table_flush(struct table *table, int peer);
/* What the peer told counts as stale until it tells it again; table_flush_stale() withdraws what it did not.
 */
void table_mark_stale(struct table *table, int peer);
void table_flush_stale(struct table *table, int peer);
size_t table_peer_paths(const struct table *table, int peer);
size_t table_peer_stale(const struct table *table, int peer);
/* Whether paths of the peer are known, or were and are still to be reported as gone. */
bool table_peer_known(const struct table *table, int peer);

/* Whether table_publish() has anything to do. */
bool table_dirty(const struct table *table);
/*
 * Decides for marked prefixes, the longest marked first, and reports, until all is done or about `maximum`
 * changes have been; the rest stays marked. Not re-entrant.
 */
void table_publish(struct table *table, const struct table_report *report, void *context, size_t maximum);

/* The published choice of the whole prefix, or of one origin by its number; false when there is none. */
bool table_best(const struct table *table, const uint8_t address[16], uint8_t length,
                struct table_choice *ret_choice);
bool table_origin(const struct table *table, const uint8_t address[16], uint8_t length, uint32_t number,
                  struct table_choice *ret_choice);
/* Shows every published origin choice; `best` tells the overall best one. The table must not be changed. */
void table_each(const struct table *table,
                void (*show)(void *context, const struct table_choice *choice, bool best), void *context);
/* See speaker_each_route(). */
bool table_each_path(const struct table *table, size_t *position, size_t maximum,
                     void (*show)(void *context, const struct table_path *path), void *context);
void table_count(const struct table *table, struct table_statistics *ret_statistics);

#endif
