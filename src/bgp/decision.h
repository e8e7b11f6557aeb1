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

struct decision_candidate {
	const struct update_attributes *attributes;
	bool local;          /* announced by this speaker itself: above everything */
	bool external;       /* from eBGP */
	uint32_t identifier; /* BGP identifier of the peer */
	uint8_t address[16]; /* of the peer */
	uint32_t path_id;    /* as received */
};

/* The best candidate; NULL when count is 0. The array is reordered. */
const struct decision_candidate *decision_best(const struct decision_candidate **candidates, size_t count);

#endif
