/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STAMP test packets (RFC 8762), unauthenticated (44 octets) and authenticated (112 octets, HMAC-SHA-256
 * truncated to 128 bits). Timestamps are PTPv2 truncated (Z bit set), as RFC 8762 4.2.1 allows.
 */
#ifndef WIRE_STAMP_H
#define WIRE_STAMP_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMP_PORT = 862, STAMP_SIZE = 44, STAMP_SIZE_AUTHENTICATED = 112, STAMP_KEY = 32 };

struct stamp_error {
	bool synchronised;
	uint8_t scale, multiplier;
};

struct stamp_probe {
	uint32_t sequence;
	int64_t sent; /* wall clock, ns */
	struct stamp_error error;
	uint16_t session; /* SSID, RFC 8972 3; 0 none */
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
};

/* key NULL: unauthenticated. Return the size. */
int stamp_encode_probe(const struct stamp_probe *probe, const uint8_t *key, uint8_t *buffer,
                       size_t capacity) CHECKED;
int stamp_encode_reply(const struct stamp_reply *reply, const uint8_t *key, uint8_t *buffer,
                       size_t capacity) CHECKED;
/* TRUNCATED, MALFORMED, BAD_MAC. */
int stamp_decode_probe(const uint8_t *bytes, size_t size, const uint8_t *key,
                       struct stamp_probe *ret_probe) CHECKED;
int stamp_decode_reply(const uint8_t *bytes, size_t size, const uint8_t *key,
                       struct stamp_reply *ret_reply) CHECKED;

#endif
