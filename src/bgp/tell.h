/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: names are noted as the table changes, and told as interval and connection allow. */
#ifndef BGP_TELL_H
#define BGP_TELL_H

#include "bgp/speaker_internal.h"

/*
 * A choice of the table changed: of an origin where the peer speaks ADD-PATH, else of a whole prefix, which
 * may have none (NULL). Only while established.
 */
void tell_mark(struct peering *peering, const uint8_t address[16], uint8_t length,
               const struct table_choice *choice);
/* Notes everything there is. Only while established. */
void tell_again(struct peering *peering);
/* Tells the peer what is due and what its connection takes. */
void tell_due(struct peering *peering, int64_t now);
/* Asks the peer for all its routes; STATE where no session can carry that. */
int tell_ask(struct peering *peering) CHECKED;

#endif
