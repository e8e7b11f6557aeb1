/* SPDX-License-Identifier: Apache-2.0 */
/* What table.c (changes), table_publish.c (decisions) and table_look.c share: how routes are kept. */
#ifndef BGP_TABLE_INTERNAL_H
#define BGP_TABLE_INTERNAL_H

#include "bgp/table.h"

struct key {
	uint8_t address[16];
	uint8_t length;
};
_Static_assert(sizeof(struct key) == 17, "hashed as bytes");

enum path_flag {
	DIRTY = 1,   /* its origin is to be decided */
	STALE = 2,   /* not told again since its peer went away */
	CHANGED = 4, /* chosen in this round, to be reported */
	GONE = 8,    /* `published` is to be reported as withdrawn */
};

#define NO_PATH UINT32_MAX

struct path {
	struct attributes *attributes; /* NULL: withdrawn */
	struct attributes *published;  /* as its origin's choice was reported; NULL: it is not the choice */
	uint32_t path_id;
	uint32_t number; /* of the origin */
	uint16_t peer;   /* place in table->peers */
	uint8_t flags;
};

/*
 * An origin is the AS that announces a route and inside our own AS the router, as one number. Origins lie
 * apart from their paths, close together: to find one among a thousand they are all looked at.
 */
struct prefix {
	struct key key;
	bool dirty : 1;
	bool compares_med : 1;         /* some path has a MED: to be better is no order any more */
	bool forgets : 1;              /* some path is withdrawn and may have nothing left to be reported */
	bool displaces : 1;            /* some origin has a number that is not its own */
	uint32_t count, capacity;      /* capacity 1: the path is `one` */
	uint32_t best;                 /* the choice of the whole prefix; NO_PATH: none */
	uint32_t dirty_from, dirty_to; /* outside of these no path is DIRTY */
	struct prefix *next;           /* of the same bucket */
	struct prefix *next_dirty;
	union {
		struct {
			struct path path;
			uint64_t origin;
		} one;
		struct path *many; /* and behind as many as there is room for, their origins */
	};
};

struct peer {
	struct table_peer description;
	size_t paths, stale, maximum;
	size_t records; /* paths and withdrawn ones still to be reported */
};

struct table {
	struct table_settings settings;
	struct prefix **buckets; /* of prefixes, by the keyed hash of their names */
	size_t bucket_count;     /* a power of two */
	size_t prefixes;
	struct slab *slab; /* of prefixes */
	struct prefix *dirty;
	struct peer *peers; /* [0] is TABLE_LOCAL */
	size_t peer_count;  /* that one included */
	struct decision_candidate *scratch;
	size_t scratch_size;
	uint32_t *changed; /* paths to be reported of the prefix that is being published */
	size_t changed_size, changed_count;
	size_t paths, choices, array_bytes, attribute_bytes, refused;
	uint64_t moves; /* how often paths changed their places */
};

/* The peer's own place. */
static inline struct peer *table_peer_of(const struct table *table, int peer)
{
	return &table->peers[peer + 1];
}

static inline struct path *table_paths(const struct prefix *prefix)
{
	return prefix->capacity > 1 ? prefix->many : (struct path *)(uintptr_t)&prefix->one.path;
}

static inline uint64_t *table_origins(const struct prefix *prefix)
{
	return prefix->capacity > 1 ? (uint64_t *)(void *)(prefix->many + prefix->capacity)
	                            : (uint64_t *)(uintptr_t)&prefix->one.origin;
}

/* A path whose choice is public and stays so. */
static inline bool table_is_choice(const struct path *path)
{
	return path->published != NULL && (path->flags & GONE) == 0;
}

static inline uint64_t table_make_origin(uint32_t as, uint32_t router)
{
	return (uint64_t)as << 32 | router;
}

static inline uint32_t table_origin_as(uint64_t origin)
{
	return (uint32_t)(origin >> 32);
}

static inline uint32_t table_origin_router(uint64_t origin)
{
	return (uint32_t)origin;
}

/* The first prefix of the next bucket that has any, for a walk from *position 0 on; NULL at the end. */
struct prefix *table_walk(const struct table *table, size_t *position);
/* NULL when the prefix is not known. */
struct prefix *table_find(const struct table *table, const uint8_t address[16], uint8_t length);
/* What was reported of a path that is a choice. */
struct table_choice table_choice_of(const struct prefix *prefix, const struct path *path);
/* Gives a reference back and counts its bytes. Accepts NULL, returns NULL. */
struct attributes *table_drop(struct table *table, struct attributes *attributes);
/* Notes what the path was reported as; NULL: it is not. */
void table_set_published(struct table *table, struct path *path, struct attributes *attributes);
/* Forgets records that say nothing any more, and the prefix if none is left. */
void table_sweep(struct table *table, struct prefix *prefix);

#endif
