/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peering: both connections that one peer may have with us, and what goes over the one that won.
 *
 * Joins transport, session machine, table and output; the decisions are theirs. Machine events run at once;
 * what they change in the table is published by the speaker's next round.
 */
#ifndef BGP_PEERING_H
#define BGP_PEERING_H

#include "bgp/speaker_internal.h"

/* A peering that was not started. Takes the policies of the settings over where it succeeds. -ENOMEM. */
int peering_create(struct speaker *speaker, uint32_t slot, const struct speaker_peer *settings,
                   struct peering **ret_peering) CHECKED;
/* Accepts NULL. */
void peering_free(struct peering *peering);
void peering_start(struct peering *peering);
/* Ends what there is, with a CEASE of that subcode. */
void peering_stop(struct peering *peering, uint8_t subcode);
/* Gives it other settings of the same peer and takes their policies over: see speaker_reconfigure(). */
void peering_change(struct peering *peering, const struct speaker_peer *settings);
/* Asks the peer for all its routes; STATE where no session can carry that. */
int peering_refresh(struct peering *peering) CHECKED;
/* Whether an incoming connection's ends are this peer's. */
bool peering_matches(const struct peering *peering, const struct connection *connection);
/* Whether it can take an incoming connection; peering_accept() gives it one, with the OPEN it brought. */
bool peering_can_accept(const struct peering *peering);
void peering_accept(struct peering *peering, struct connection *connection, const struct message_open *open);
/* Runs the timers that are due; peering_deadline() says when the next is, or something is to be told. */
void peering_tick(struct peering *peering, int64_t now);
int64_t peering_deadline(const struct peering *peering);
/* Tells the peer what is due and what its connection takes. */
void peering_advertise(struct peering *peering, int64_t now);
/* A choice of the table changed; `number` 0 where the peer does not speak ADD-PATH. Only while established.
 */
void peering_mark(struct peering *peering, const uint8_t address[16], uint8_t length, uint32_t number);

#endif
