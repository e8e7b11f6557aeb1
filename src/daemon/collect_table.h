/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routes brought into the view: found by the route (prefix and who originates it) and by what it brought
 * (whose site, or which service at whose site), which several routes may bring. There are very many, so they
 * are small: both indexes are plain arrays of pointers with linear probing.
 */
#ifndef DAEMON_COLLECT_TABLE_H
#define DAEMON_COLLECT_TABLE_H

#include "base/compiler.h"
#include "wire/attribute.h"

struct collect_table;

/* A route of one originator: a gateway of our own AS has its router's identifier, another AS is one. */
struct route_key {
	uint8_t prefix[16];
	uint32_t as, originator;
	uint32_t length;
};

/* What a route of an originator brings. */
struct brought {
	uint8_t prefix[16];
	uint32_t as, originator;
	uint32_t site; /* of the sender; 0: it brings no attribute */
	uint16_t gateway;
	uint8_t length;
	uint8_t content : 2;
	bool edge : 1; /* Edge Metadata */
	uint64_t sequence;
	struct brought *next; /* another route that brings the same */
};

struct gateway_identity collect_table_sender(const struct brought *brought);

struct collect_table *collect_table_create(size_t maximum, uint64_t seed);
struct collect_table *collect_table_free(struct collect_table *table);
struct brought *collect_table_find(const struct collect_table *table, const struct route_key *key);
/* The first of the routes that bring the same as this header and prefix; NULL: none. */
struct brought *collect_table_first(const struct collect_table *table, const struct attribute_header *header,
                                    const uint8_t prefix[16], uint8_t length);
/* A route that brings nothing yet. NULL at the maximum or when memory is short. */
struct brought *collect_table_add(struct collect_table *table, const struct route_key *key);
/* The attribute that the route brings from now on; it must bring none. -ENOMEM. */
int collect_table_bring(struct collect_table *table, struct brought *brought,
                        const struct attribute_header *header) CHECKED;
/* The route brings it no longer; true when no other does either. */
bool collect_table_leave(struct collect_table *table, struct brought *brought);
/* The route, which brings no attribute, is gone. */
void collect_table_remove(struct collect_table *table, struct brought *brought);
size_t collect_table_count(const struct collect_table *table);
size_t collect_table_bytes(const struct collect_table *table);

#endif
