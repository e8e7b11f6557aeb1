/* SPDX-License-Identifier: Apache-2.0 */
/* The set of peers: slots, addresses to listen on, and their change (speaker_reconfigure()). */
#ifndef BGP_PEERS_H
#define BGP_PEERS_H

#include "bgp/speaker_internal.h"

/* Frees removed peers of which no route is left. */
void peers_sweep(struct speaker *speaker);
/* Frees all. */
void peers_free(struct speaker *speaker);

#endif
