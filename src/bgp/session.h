/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP finite state machine (RFC 4271 section 8) of one connection.
 *
 * Pure: time and randomness come in, everything that is done goes out through struct session_output. A peer
 * has two machines, twins: one connects, one accepts; when both get as far as an OPEN, the BGP identifiers
 * decide which survives (RFC 4271 section 6.8, RFC 6286). Connections that end before an OPEN are normal:
 * reflectors refuse for a while after an error, so the connecting machine tries again with a growing delay.
 *
 * Timers are deadlines: connect retry, hold (30 s while connecting, four minutes until the OPEN is here),
 * keepalive (a third of the hold time). The send hold timer (RFC 9687) needs to know the socket and is kept
 * by the owner, who brings its end as an event. Differences from RFC 4271: a lost machine restarts by itself
 * (AutomaticStart with IdleHoldTime), and an accepted connection sends its OPEN after the peer's, which says
 * whose it is (DelayOpen).
 *
 * Graceful restart (RFC 4724): the machine negotiates it and says at the end of a session whether the peer's
 * routes may outlive it: after a lost connection, and after a NOTIFICATION where both sides agreed on that
 * (RFC 8538) and it is no hard reset.
 */
#ifndef BGP_SESSION_H
#define BGP_SESSION_H

#include "base/random.h"
#include "bgp/message.h"

#define SESSION_NEVER INT64_MAX

enum session_state {
	SESSION_IDLE,         /* no connection; waits for a start or for the retry deadline */
	SESSION_CONNECT,      /* TCP is connecting */
	SESSION_ACTIVE,       /* listens; tries again at the retry deadline if there is one */
	SESSION_OPEN_SENT,    /* waits for the peer's OPEN */
	SESSION_OPEN_CONFIRM, /* waits for the peer's KEEPALIVE */
	SESSION_ESTABLISHED,
	SESSION_STATES,
};

enum session_event {
	SESSION_START,
	SESSION_STOP,
	SESSION_CONNECTED, /* our connect() succeeded */
	SESSION_ACCEPTED,  /* the peer connected and was given to this machine */
	SESSION_CLOSED,    /* TCP failed: refused, reset or ended */
	SESSION_RETRY_TIMER,
	SESSION_HOLD_TIMER,
	SESSION_KEEPALIVE_TIMER,
	SESSION_OPEN,
	SESSION_KEEPALIVE,
	SESSION_UPDATE,
	SESSION_NOTIFICATION,
	SESSION_ERROR,     /* we found an error: NOTIFICATION and close */
	SESSION_COLLISION, /* the twin won */
	SESSION_TWIN_DOWN, /* the twin lost its connection */
	SESSION_REPLACED,  /* the peer has restarted and connects anew: RFC 4724 section 5 */
	SESSION_SEND_HOLD_TIMER,
	SESSION_EVENTS,
};

struct session_settings {
	uint32_t as;
	uint32_t identifier;
	uint32_t remote_as;
	uint16_t hold_time; /* seconds; 0 or at least 3 */
	bool passive;       /* never connects */
	uint16_t
	        restart_time; /* seconds that our routes may outlive us at the peer; 0: no graceful restart */
	bool forwarding_kept; /* F bit while restarting */
	int64_t retry_minimum; /* ns; the first delay, doubled up to the maximum */
	int64_t retry_maximum;
	uint64_t seed; /* for the timers' jitter */
};

/* connect returns a negative code when no attempt could be made. All run inside session_step(). */
struct session_output {
	int (*connect)(void *context);
	void (*disconnect)(void *context);
	void (*send)(void *context, const uint8_t *bytes, size_t size);
	void (*established)(void *context);
	/* Was established. `graceful`: what the peer told may be kept for its restart time. */
	void (*down)(void *context, bool graceful);
	/* A NOTIFICATION goes out or came in. */
	void (*notified)(void *context, const struct message_error *error, bool received);
};

struct session_input {
	enum session_event event;
	int64_t now;                       /* ns, monotonic */
	const struct message_open *open;   /* SESSION_OPEN */
	const struct message_error *error; /* SESSION_ERROR, SESSION_NOTIFICATION, SESSION_STOP */
};

/* Fields are for reading only; session_init() and session_step() alone write them. */
struct session {
	struct session_settings settings;
	const struct session_output *output;
	void *context;
	const char *name; /* for the log; not owned */
	struct session *twin;
	enum session_state state;
	int64_t since;                           /* of the state */
	int64_t retry_at, hold_at, keepalive_at; /* SESSION_NEVER: off */
	int64_t retry_delay;
	int64_t hold_time; /* ns, negotiated; 0: none */
	struct message_open remote;
	bool extended_messages, add_path_send, add_path_receive; /* negotiated */
	bool route_refresh, enhanced_refresh, graceful_restart, graceful_notification;
	bool lasted;      /* the session has seen a second KEEPALIVE */
	bool restarting;  /* R bit of our OPENs */
	uint64_t ignored; /* events without a meaning in their state */
	struct random random;
};

/* The machine is Idle. `name` and `output` must outlive it; `twin` may be set later with session_pair(). */
void session_init(struct session *session, const struct session_settings *settings,
                  const struct session_output *output, void *context, const char *name);
void session_pair(struct session *a, struct session *b);
/* Whether we have just started and lost what we knew: said in our OPENs. At first it is so. */
void session_set_restarting(struct session *session, bool restarting);

/* The only way in which a machine changes. */
void session_step(struct session *session, const struct session_input *input);

/* Runs the events whose deadlines have passed. */
void session_tick(struct session *session, int64_t now);
/* The earliest deadline, or SESSION_NEVER. */
int64_t session_deadline(const struct session *session);
/* True while the machine holds a TCP connection or attempt. */
bool session_connected(const struct session *session);
/* "idle", "connect", ... */
const char *session_state_name(enum session_state state);

#endif
