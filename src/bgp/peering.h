/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peering: both connections that one peer may have with us, and what goes over the one that won.
 *
 * Joins transport, session machine, table and output; the decisions are theirs. Machine events run at once;
 * what they change in the table is published by the speaker's next round. What comes in is receive.c's part,
 * what goes out tell.c's.
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
/* Whether an incoming connection's ends are this peer's. */
bool peering_matches(const struct peering *peering, const struct connection *connection);
/* Whether it can take an incoming connection; peering_accept() gives it one, with the OPEN it brought. */
bool peering_can_accept(const struct peering *peering, const struct message_open *open);
void peering_accept(struct peering *peering, struct connection *connection, const struct message_open *open);
/* Reports whether there is a session, where that changed. */
void peering_report(struct peering *peering);
/* Runs the timers that are due; peering_deadline() says when the next is, or something is to be told. */
void peering_tick(struct peering *peering, int64_t now);
int64_t peering_deadline(struct peering *peering);

/* ---- for receive.c and tell.c ---- */

/* An event of the machine, now. */
void peering_step(struct machine *machine, enum session_event event, const struct message_open *open,
                  const struct message_error *error);
/* A whole message to the peer, counted; only while connected. */
void peering_send(struct machine *machine, const uint8_t *bytes, size_t size);
void peering_count(struct speaker_messages *messages, uint8_t type);
/* What the peer told is stale for so long, until it is told again; the end of that, and why. */
void peering_begin_stale(struct peering *peering, int64_t time);
void peering_end_stale(struct peering *peering, const char *event);
/* Whether an AS belongs to our domain. */
bool peering_in_domain(const struct speaker_settings *settings, uint32_t as);
/* How long a peer may take to tell everything again, ns. */
int64_t peering_stale_time(const struct peering *peering);

#endif
