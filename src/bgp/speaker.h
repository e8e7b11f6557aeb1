/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP speaker: keeps sessions with its peers, announces our prefixes, and reports what others announce.
 *
 * IPv6 unicast over IPv6 TCP, eBGP and iBGP, 4-octet AS, ADD-PATH, extended messages (RFC 4271, RFC 4760, RFC
 * 6793, RFC 7606, RFC 7911, RFC 8654), route refresh (RFC 2918, RFC 7313), graceful restart (RFC 4724, RFC
 * 8538), TCP MD5 and GTSM (RFC 2385, RFC 5082). One path attribute of ours is carried as opaque octets. A
 * prefix may be announced by many (anycast): the best path of each origin is kept apart, reported, and
 * passed on where the peer speaks ADD-PATH. Not a route reflector: what iBGP told is not told to iBGP.
 *
 * Runs on one loop and is used from its thread alone. The process must ignore SIGPIPE. Callbacks come from
 * the loop, never from within a call of this interface, and may use it.
 */
#ifndef BGP_SPEAKER_H
#define BGP_SPEAKER_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct speaker;

enum {
	SPEAKER_NAME = 32,
	SPEAKER_PASSWORD = 81, /* with its final NUL */
	SPEAKER_ERROR = 192,
	SPEAKER_ATTRIBUTE_MAXIMUM = 3000, /* octets of our attribute */
	SPEAKER_PATHS = 1 << 18,          /* from one peer, where its settings say nothing */
	SPEAKER_RULES = 1024,             /* of one policy */
};

/* One rule: which routes it is about, and what becomes of them. */
struct speaker_rule {
	uint8_t prefix[16]; /* matches prefixes inside this one ... */
	uint8_t length;
	uint8_t least, most; /* ... that are so long ("ge" and "le"): 0..128 */
	bool accept;
	uint32_t community; /* and carry this community; 0: need not */
};

/* The first rule that matches decides. What none matches is refused; without rules all is accepted. */
struct speaker_policy {
	uint32_t count;
	const struct speaker_rule *rules;
};

struct speaker_peer {
	char name[SPEAKER_NAME]; /* for the log */
	uint8_t local[16];       /* :: for whichever the kernel takes */
	uint8_t remote[16];
	uint32_t interface; /* index, for link-local addresses; 0: none */
	uint32_t as;
	uint16_t port;         /* to connect to; 0: that of the settings */
	bool passive;          /* only accepts */
	bool edge_metadata;    /* is told attribute 42 of the routes passed on, and tells it from outside */
	bool cease_at_maximum; /* too many paths end the session (CEASE); else these are refused */
	uint8_t gtsm_hops;     /* the peer is at most so many hops away (RFC 5082); 0: unchecked */
	char password[SPEAKER_PASSWORD]; /* of TCP MD5 (RFC 2385), one per remote address; "": none */
	uint32_t maximum_paths;          /* 0: SPEAKER_PATHS */
	int64_t hold;                    /* ns; 0: that of the settings; negative: none */
	int64_t restart_time; /* ns that it keeps our routes, and we its as long as it says; 0: neither */
	struct speaker_policy import_policy, export_policy;
};

/* Everything is copied. */
struct speaker_settings {
	uint32_t as, identifier;
	int64_t hold;         /* ns, in steps of a second; 0 (none) or at least 3 s */
	int64_t send_hold;    /* ns that a peer may refuse to read, RFC 9687; 0: the RFC's default */
	int64_t stale_time;   /* ns that a peer which came back has to tell all again; 0: 360 s */
	int64_t deferral;     /* ns that decisions wait at the start for what the peers know; 0: not at all */
	bool forwarding_kept; /* what we forward outlived our own restart (RFC 4724: F bit) */
	int64_t minimum_interval; /* ns between two announcements of one route to one peer */
	uint8_t attribute;        /* type code of our attribute */
	uint16_t port;            /* to listen on; 0: any */
	uint32_t domain_count;    /* ASes that get our attribute; our own always does */
	const uint32_t *domain;
	uint32_t peer_count;
	const struct speaker_peer *peers;
	uint64_t seed; /* for hash tables and timers; not to be known by peers */
	/* A number of whom an attribute is from, which tells the paths of one AS apart; 0: it does not say.
	 * NULL: none does. */
	uint32_t (*announcer)(const uint8_t *attribute, size_t size);
	/* Whether attribute 42 leaves its route to one AS, and to which: outside the domain of that the route
	 * counts as withdrawn. NULL: it never does. */
	bool (*scope)(const uint8_t *edge_metadata, size_t size, uint32_t *ret_as);
};

/* A route as learned; pointers are valid during the callback. */
struct speaker_route {
	uint8_t prefix[16];
	uint8_t prefix_length;
	uint8_t next_hop[16];
	uint32_t origin_as;
	/* Of the announcing router: inside our own AS its BGP identifier, else what announcer() said, or 0.
	 */
	uint32_t originator;
	uint32_t peer;            /* its slot: index in the settings of speaker_create(), later see below */
	const uint8_t *attribute; /* NULL: without */
	size_t attribute_size;
	const uint8_t *edge_metadata; /* value of attribute 42 as it came; NULL: without */
	size_t edge_metadata_size;
	uint32_t as_path_count;
	const uint32_t *as_path; /* nearest first */
	uint32_t community_count;
	const uint32_t *communities;
};

/* A path as speaker_each_route() shows it. */
struct speaker_path {
	struct speaker_route route; /* peer UINT32_MAX: our own */
	uint8_t origin_code;        /* ORIGIN: 0 IGP, 1 EGP, 2 incomplete */
	bool chosen;                /* the best of its origin */
	bool best;                  /* of the prefix */
	bool stale;                 /* its peer is gone or has come back and not yet told it again */
	bool has_preference, has_med;
	uint32_t path_id; /* as received */
	uint32_t preference, med;
};

/* Each may be NULL. None is called for our own announcements. */
struct speaker_callbacks {
	void *context;
	/* The best path of one origin of a prefix is new, changed or (withdrawn: as it was) gone. */
	void (*route)(void *context, const struct speaker_route *route, bool withdrawn);
	/* The best path of a prefix over all; NULL: none any more, or we announce it ourselves. */
	void (*best)(void *context, const uint8_t prefix[16], uint8_t length,
	             const struct speaker_route *route);
	void (*peer)(void *context, uint32_t peer, bool established);
};

/* Messages of each type. */
struct speaker_messages {
	uint64_t open, update, notification, keepalive, route_refresh;
};

struct speaker_peer_status {
	char name[SPEAKER_NAME];
	uint8_t remote[16];
	uint32_t as, identifier; /* the identifier is 0 until the first OPEN */
	const char *state;       /* "idle", "connect", "active", "open-sent", "open-confirm", "established" */
	int64_t since;           /* of that state, ns on the monotonic clock */
	bool established, internal;
	/* As negotiated; meaningful while established. */
	bool add_path_send, add_path_receive, extended_messages, route_refresh, enhanced_refresh;
	bool graceful_restart, graceful_notification; /* RFC 4724, RFC 8538 */
	uint32_t hold;                                /* s */
	uint32_t peer_restart_time;                   /* s, as the peer says */
	struct speaker_messages received, sent;
	size_t paths, stale_paths;  /* accepted, and those of them that are stale */
	size_t advertised, waiting; /* routes that it knows from us, and changes it is still to be told */
	uint64_t announced_in;      /* prefixes announced, withdrawn, and refused, since the start */
	uint64_t withdrawn_in;      /* (policy, maximum, loops, unusable) */
	uint64_t refused_in;
	uint64_t flaps;                 /* sessions lost */
	char last_error[SPEAKER_ERROR]; /* the last NOTIFICATION or loss in words; "": none */
	bool last_error_received;
	int64_t last_error_at; /* monotonic */
};

struct speaker_statistics {
	uint32_t peers, established;
	size_t prefixes, origins, paths, bytes; /* of the routing table */
	size_t advertised;                      /* routes that peers know from us, over all peers */
	size_t refused_paths;                   /* past the maximum per peer */
	uint64_t updates_received, updates_sent;
	uint64_t withdrawn_for_error;  /* updates treated as withdraw, RFC 7606 */
	uint64_t discarded_attributes; /* RFC 7606 */
	uint64_t refused_routes;       /* loops, next hops, prefixes and scopes that cannot be used */
	uint64_t oversized;            /* routes not passed on because no message of ours can hold them */
	uint64_t refused_connections;
	uint64_t sessions_lost;
};

/*
 * Listens on every distinct local address of the peers, which need not exist yet, and starts to connect.
 * Negative errno when listening fails.
 */
int speaker_create(struct uv_loop_s *loop, const struct speaker_settings *settings,
                   const struct speaker_callbacks *callbacks, struct speaker **ret_speaker) CHECKED;
/*
 * Announces a prefix, or changes its attribute (NULL and 0: none). Tells the peers as soon as the minimum
 * interval allows, the newest value only. TOO_LARGE, BAD_VALUE, TABLE_FULL or -ENOMEM.
 */
int speaker_announce(struct speaker *speaker, const uint8_t prefix[16], uint8_t length,
                     const uint8_t *attribute, size_t size) CHECKED;
/* NOT_FOUND for a prefix that is not announced. */
int speaker_withdraw(struct speaker *speaker, const uint8_t prefix[16], uint8_t length);
/*
 * Makes these the peers. One is the same as before where local, remote, interface, as and port are. Its
 * session stays up unless what it is made of changed (password, gtsm_hops, hold, restart_time, passive);
 * a new policy or maximum holds from here on, routes known by then included. On failure (BAD_VALUE, -ENOMEM,
 * negative errno of a new address to listen on) all stays as it was.
 *
 * A peer lives in a slot, which it keeps as long as it is one; a removed one's slot may go to a later peer
 * once its routes have been reported as withdrawn.
 */
int speaker_reconfigure(struct speaker *speaker, const struct speaker_peer *peers, uint32_t count) CHECKED;
/* Slots in use lie below this. */
uint32_t speaker_peer_slots(const struct speaker *speaker);
/* NOT_FOUND for an empty slot. */
int speaker_peer_status(const struct speaker *speaker, uint32_t slot, struct speaker_peer_status *ret_status);
/*
 * Shows known paths, those of a prefix together, until at least `maximum` (not 0) have been shown or all.
 * *position is 0 at first and says where to go on; returns whether there may be more. What changes between
 * two calls may be shown twice or not at all. `show` must not change anything.
 */
bool speaker_each_route(const struct speaker *speaker, size_t *position, size_t maximum,
                        void (*show)(void *context, const struct speaker_path *path), void *context);
/* Asks the peer for all its routes (RFC 2918). NOT_FOUND, or STATE where no session can carry that. */
int speaker_refresh(struct speaker *speaker, uint32_t slot);
void speaker_statistics(const struct speaker *speaker, struct speaker_statistics *ret_statistics);
/* Where it listens; 0 without peers. */
uint16_t speaker_port(const struct speaker *speaker);
/*
 * Tells the peers goodbye (CEASE), closes everything and frees the speaker once the loop has turned, then
 * calls `closed` (may be NULL). No other callback comes any more. Accepts NULL: `closed` is called at once.
 */
void speaker_close(struct speaker *speaker, void (*closed)(void *context), void *context);
/* The same without goodbye: peers that agreed on graceful restart keep our routes, as after a crash. */
void speaker_leave(struct speaker *speaker, void (*closed)(void *context), void *context);

#endif
