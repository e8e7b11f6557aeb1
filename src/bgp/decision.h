/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision process of RFC 4271 section 9.1: which of several paths to one destination is best.
 *
 * Pure. Steps run in the RFC's order under its letters; each removes the candidates that some other one
 * beats, so the outcome does not depend on the order in which paths arrived.
 */
#ifndef BGP_DECISION_H
#define BGP_DECISION_H

#include "bgp/update.h"

enum { DECISION_DEFAULT_PREFERENCE = 100 };

/* What is compared of a path. Without LOCAL_PREF and MED: DECISION_DEFAULT_PREFERENCE and 0. */
struct decision_candidate {
	bool local;    /* announced by this speaker itself: above everything */
	bool external; /* from eBGP */
	uint8_t origin;
	uint32_t preference;
	uint32_t as_count, cluster_count;
	uint32_t med;
	uint32_t neighbour_as;  /* 0 for an empty path */
	uint32_t identifier;    /* of the originator where a reflector names it, else of the peer */
	const uint8_t *address; /* of the peer, 16 octets */
	uint32_t path_id;       /* as received */
	uint32_t number;        /* the caller's; not compared */
};

/* The best candidate, whose place in the array may be new; NULL when count is 0. */
const struct decision_candidate *decision_best(struct decision_candidate *candidates, size_t count);

#endif
