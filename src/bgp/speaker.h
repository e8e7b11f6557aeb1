/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP speaker: keeps sessions with its peers, announces our prefixes, and reports what others announce.
 *
 * IPv6 unicast over IPv6 TCP, eBGP and iBGP, 4-octet AS, ADD-PATH, extended messages (RFC 4271, RFC 4760, RFC
 * 6793, RFC 7606, RFC 7911, RFC 8654). One path attribute of ours is carried as opaque octets. A prefix may
 * be announced by many (anycast): the best path of each origin is kept apart, reported, and passed on where
 * the peer speaks ADD-PATH. Not a route reflector: what iBGP told is not told to iBGP.
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
	SPEAKER_ATTRIBUTE_MAXIMUM = 3000, /* octets of our attribute */
};

struct speaker_peer {
	char name[SPEAKER_NAME]; /* for the log */
	uint8_t local[16];       /* :: for whichever the kernel takes */
	uint8_t remote[16];
	uint32_t interface; /* index, for link-local addresses; 0: none */
	uint32_t as;
	uint16_t port; /* to connect to; 0: that of the settings */
	bool passive;  /* only accepts */
};

/* Everything is copied. */
struct speaker_settings {
	uint32_t as, identifier;
	int64_t hold;             /* ns, in steps of a second; 0 (none) or at least 3 s */
	int64_t minimum_interval; /* ns between two announcements of one route to one peer */
	uint8_t attribute;        /* type code of our attribute */
	uint16_t port;            /* to listen on; 0: any */
	uint32_t domain_count;    /* ASes that get our attribute; our own always does */
	const uint32_t *domain;
	uint32_t peer_count;
	const struct speaker_peer *peers;
	uint64_t seed; /* for hash tables and timers; not to be known by peers */
};

/* A route as learned; pointers are valid during the callback. */
struct speaker_route {
	uint8_t prefix[16];
	uint8_t prefix_length;
	uint8_t next_hop[16];
	uint32_t origin_as;
	uint32_t originator;      /* BGP identifier of the announcing router inside our own AS, else 0 */
	uint32_t peer;            /* index in the settings */
	const uint8_t *attribute; /* NULL: without */
	size_t attribute_size;
	uint32_t as_path_count;
	const uint32_t *as_path; /* nearest first */
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

struct speaker_statistics {
	uint32_t peers, established;
	size_t prefixes, origins, paths, bytes; /* of the routing table */
	size_t advertised;                      /* routes that peers know from us, over all peers */
	size_t refused_paths;                   /* past the maximum per peer */
	uint64_t updates_received, updates_sent;
	uint64_t withdrawn_for_error;  /* updates treated as withdraw, RFC 7606 */
	uint64_t discarded_attributes; /* RFC 7606 */
	uint64_t refused_routes;       /* loops, next hops and prefixes that cannot be used */
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
void speaker_statistics(const struct speaker *speaker, struct speaker_statistics *ret_statistics);
/* Where it listens; 0 without peers. */
uint16_t speaker_port(const struct speaker *speaker);
/*
 * Tells the peers goodbye (CEASE), closes everything and frees the speaker once the loop has turned, then
 * calls `closed` (may be NULL). No other callback comes any more. Accepts NULL: `closed` is called at once.
 */
void speaker_close(struct speaker *speaker, void (*closed)(void *context), void *context);

#endif
