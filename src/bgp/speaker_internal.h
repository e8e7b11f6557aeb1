/* SPDX-License-Identifier: Apache-2.0 */
/* What speaker.c (interface, rounds), peering.c (sessions) and pending.c (strangers) share. */
#ifndef BGP_SPEAKER_INTERNAL_H
#define BGP_SPEAKER_INTERNAL_H

#include "bgp/advertise.h"
#include "bgp/output.h"
#include "bgp/session.h"
#include "bgp/speaker.h"
#include "bgp/table.h"
#include "bgp/transport.h"

enum {
	SPEAKER_PATHS = 65536,        /* per peer, and of our own */
	SPEAKER_ADVERTISED = 1 << 18, /* routes per peer */
};

enum peering_side { PEERING_CONNECT, PEERING_ACCEPT, PEERING_SIDES };

struct peering;

/* One connection's state machine. The connection is there exactly while session_connected(). */
struct machine {
	struct peering *peering;
	struct session session;
	struct connection *connection;
};

struct peering {
	struct speaker *speaker;
	uint32_t index;
	struct speaker_peer settings;
	struct machine machines[PEERING_SIDES];
	struct machine *up; /* the established one */
	struct output *output;
	struct advertise advertise; /* of the established session */
	bool owes_end_of_rib;
	bool overflowed; /* a change could not be noted: only a new session puts it right */
};

/* Connections whose OPEN has not come yet, see pending.h. */
struct pending;

struct speaker {
	struct speaker_settings settings; /* domain and peers point to copies */
	struct speaker_callbacks callbacks;
	struct transport *transport;
	struct table *table;
	struct peering *peerings;
	struct pending *pending;
	size_t pending_count;
	struct speaker_statistics statistics; /* the counters alone */
	uint16_t port;
	bool closing;
	void (*closed)(void *context);
	void *closed_context;
};

#endif
