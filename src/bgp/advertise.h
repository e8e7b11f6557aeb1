/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer is told: the rules for passing routes on, and the messages that say it.
 *
 * Pure. Standards: RFC 4271 sections 5.1 and 9.1.3, RFC 1997 (well-known communities).
 */
#ifndef BGP_ADVERTISE_H
#define BGP_ADVERTISE_H

#include "bgp/table.h"

/* A session as its announcements see it. */
struct advertise {
	uint32_t as, remote_as;
	int peer; /* its number in the table */
	bool external;
	bool add_path;       /* it takes path identifiers */
	bool inside;         /* it gets our attribute */
	bool edge_metadata;  /* it gets attribute 42 */
	bool confined;       /* our domain is one AS: our own routes carry NO_EXPORT */
	uint8_t opaque_code; /* of our attribute */
	uint8_t next_hop[16];
};

/*
 * Whether the peer may have the route. `from_internal`: it came over iBGP. Never back to whom it came from
 * or to an AS that has seen it.
 */
bool advertise_permitted(const struct advertise *advertise, const struct table_choice *choice,
                         bool from_internal);
/* The UPDATE that announces a permitted route, at most UPDATE_SIZE_MAXIMUM octets: its size, or TOO_LARGE. */
int advertise_announce(const struct advertise *advertise, const struct table_choice *choice,
                       uint8_t bytes[UPDATE_SIZE_MAXIMUM]) CHECKED;
/* The UPDATE that withdraws prefixes in wire form, or the End-of-RIB marker where there are none. */
int advertise_withdraw(const struct advertise *advertise, const uint8_t *prefixes, size_t size,
                       uint8_t bytes[UPDATE_SIZE_MAXIMUM]) CHECKED;

#endif
