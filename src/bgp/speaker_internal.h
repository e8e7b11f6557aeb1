/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What speaker.c (interface, rounds), peers.c (the set of peers), show.c (looking), peering.c (sessions),
 * receive.c and tell.c (routes in and out) and pending.c (strangers) share.
 */
#ifndef BGP_SPEAKER_INTERNAL_H
#define BGP_SPEAKER_INTERNAL_H

#include "bgp/advertise.h"
#include "bgp/output.h"
#include "bgp/session.h"
#include "bgp/speaker.h"
#include "bgp/table.h"
#include "bgp/transport.h"

enum {
	SPEAKER_ADVERTISED = 1 << 20, /* routes per peer */
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
	uint32_t index;               /* its slot */
	struct speaker_peer settings; /* owns the rules of its policies */
	struct machine machines[PEERING_SIDES];
	struct machine *up; /* the established one */
	struct output *output;
	struct advertise advertise; /* of the established session */
	bool owes_end_of_rib, owes_refresh, owes_refresh_end;
	bool told_all;    /* its End-of-RIB has come */
	bool reported_up; /* to the owner of the speaker, and how many losses by then */
	uint64_t reported_flaps;
	int64_t stale_until;  /* when stale routes go; INT64_MAX: there are none */
	int64_t barred_until; /* no connection before */
	bool overflowed;      /* a change could not be noted: only a new session puts it right */
	bool removed;         /* is no peer any more; goes when its routes are gone */
	/* The rest is for show. */
	struct speaker_messages received, sent;
	uint64_t announced_in, withdrawn_in, refused_in, flaps;
	char last_error[SPEAKER_ERROR];
	bool last_error_received;
	int64_t last_error_at;
};

/* Connections whose OPEN has not come yet, see pending.h. */
struct pending;

struct speaker {
	struct speaker_settings settings; /* domain is a copy; the peers are in `peerings` */
	struct speaker_callbacks callbacks;
	struct transport *transport;
	struct table *table;
	struct peering **peerings; /* by slot; NULL: empty */
	uint32_t slots;
	struct pending *pending;
	size_t pending_count;
	struct speaker_statistics statistics; /* the counters alone */
	uint16_t port;
	bool starting;           /* since the start; peers hear that we have lost what they told */
	int64_t starting_until;  /* at the latest */
	int64_t deferring_until; /* no decision before, unless all peers have told all; 0: no more */
	bool closing;
	bool silent; /* closes without goodbye */
	void (*closed)(void *context);
	void *closed_context;
};

#endif
