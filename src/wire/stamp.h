/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STAMP test packets (RFC 8762), unauthenticated (44 octets) and authenticated (112 octets, HMAC-SHA-256
 * truncated to 128 bits), with extensions behind them (RFC 8972, stamp_tlv.h). Timestamps are PTPv2 truncated
 * (Z bit set), as RFC 8762 4.2.1 allows.
 *
 * A reply has the size of its probe: whoever asks reserves the room. What is wrong with extensions does not
 * spoil the packet that they came with, but nothing in them is used then.
 */
#ifndef WIRE_STAMP_H
#define WIRE_STAMP_H

#include "base/compiler.h"
#include "model/load.h"
#include "wire/load_codec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STAMP_PORT = 862,
	STAMP_SIZE = 44,
	STAMP_SIZE_AUTHENTICATED = 112,
	STAMP_MAXIMUM = 1152, /* with extensions */
	STAMP_KEY = 32,
	STAMP_SEGMENTS = 10, /* of a way back */
};

struct stamp_error {
	bool synchronised;
	uint8_t scale, multiplier;
};

/* The extensions of a packet that was decoded. */
struct stamp_tlvs {
	const uint8_t *bytes; /* inside the decoded packet */
	size_t size;
	size_t broken_at; /* of the one that cannot be read, with those behind it; `size`: all can */
	/*
	 * What is wrong with them, 0 for nothing: MALFORMED, BAD_MAC (not authentic), in replies also
	 * UNKNOWN_FIELD (the reflector does not know one). Without a key none is authentic, but that is no
	 * error.
	 */
	int error;
};

struct stamp_probe {
	uint32_t sequence;
	int64_t sent; /* wall clock, ns */
	struct stamp_error error;
	uint16_t session; /* SSID, RFC 8972 3; 0 none */
	/* Asked for by extensions; as decoded, by authentic ones. */
	uint16_t room;    /* octets for the load of the reflector's site; 0: not asked for */
	uint16_t padding; /* Extra Padding, octets of its value; 0: none */
	uint32_t way_count;
	uint8_t way[STAMP_SEGMENTS][16]; /* of the reply, in order of travel, to where the probe came from */
	struct stamp_tlvs tlvs;          /* decoded */
};

struct stamp_reply {
	uint32_t sequence;
	int64_t sent; /* by the reflector */
	struct stamp_error error;
	uint16_t session;
	int64_t received; /* by the reflector */
	uint32_t sender_sequence;
	int64_t sender_sent;
	struct stamp_error sender_error;
	uint8_t sender_ttl;
	/* Encoded: the probe's, and the way that was asked for is not taken. */
	struct stamp_tlvs tlvs;
	bool way_refused;
	/* Encoded when the probe asks for it; decoded when there is an authentic one. */
	bool has_load;
	struct site_load load;
};

/* key NULL: unauthenticated. Return the size. */
int stamp_encode_probe(const struct stamp_probe *probe, const uint8_t *key, uint8_t *buffer,
                       size_t capacity) CHECKED;
/* As large as the probe was. */
int stamp_encode_reply(const struct stamp_reply *reply, const uint8_t *key, uint8_t *buffer,
                       size_t capacity) CHECKED;
/* TRUNCATED, TOO_LARGE, MALFORMED, BAD_MAC. What is wrong with the extensions alone is in tlvs.error. */
int stamp_decode_probe(const uint8_t *bytes, size_t size, const uint8_t *key,
                       struct stamp_probe *ret_probe) CHECKED;
int stamp_decode_reply(const uint8_t *bytes, size_t size, const uint8_t *key,
                       struct stamp_reply *ret_reply) CHECKED;

#endif
