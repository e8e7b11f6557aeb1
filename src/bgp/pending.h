/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incoming connections before their OPEN, which says whose they are: several peers may share an address.
 *
 * Only addresses of configured peers get this far, and only some connections at a time, for some time.
 */
#ifndef BGP_PENDING_H
#define BGP_PENDING_H

#include "bgp/speaker_internal.h"

/* Takes the connection over, or closes it. */
void pending_add(struct speaker *speaker, struct connection *connection, int64_t now);
/* Closes those whose time is over. */
void pending_tick(struct speaker *speaker, int64_t now);
int64_t pending_deadline(const struct speaker *speaker);
/* Closes all. */
void pending_clear(struct speaker *speaker);

#endif
