/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, message authentication (HMAC-SHA-256) and sealing (AES-256-GCM), over GnuTLS.
 *
 * Keys are named by one octet so that they can roll over: the first key of a ring seals, every key
 * opens. Sub-keys are derived per purpose and per sender (HMAC of the secret over both), so that two
 * gateways never share a nonce space.
 */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "base/compiler.h"
#include "model/gateway.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEAL_SECRET = 32, SEAL_MAC = 32, SEAL_TAG = 16, SEAL_KEYS = 4 };

struct seal_cache;

struct seal_key {
	uint8_t identifier;
	uint8_t secret[SEAL_SECRET];
	struct seal_cache *cache; /* of ciphers, see seal_use_cache(); NULL: none */
	/* What seal_prepare() has derived already. */
	bool prepared;
	uint8_t segment[SEAL_SECRET];
};
struct seal_ring {
	uint32_t count;
	struct seal_key keys[SEAL_KEYS];
};

/* What a sub-key is for; part of its derivation. */
enum seal_purpose { SEAL_ATTRIBUTE = 1, SEAL_PROGRAM, SEAL_ANSWER, SEAL_PROBE, SEAL_TRANSFER, SEAL_SEGMENT };

struct seal_bytes {
	const void *bytes;
	size_t size;
};

/* The key to seal with; NULL for an empty ring. */
const struct seal_key *seal_first(const struct seal_ring *ring);
const struct seal_key *seal_find(const struct seal_ring *ring, uint8_t identifier);

/* HMAC-SHA-256 with the plain secret (tenants' datagrams). */
int seal_mac(const uint8_t secret[SEAL_SECRET], const struct seal_bytes *parts, size_t count,
             uint8_t ret_mac[SEAL_MAC]) CHECKED;
/* HMAC with the domain key's sub-key of purpose and sender. */
int seal_domain_mac(const struct seal_key *key, enum seal_purpose purpose, struct gateway_identity sender,
                    const struct seal_bytes *parts, size_t count, uint8_t ret_mac[SEAL_MAC]) CHECKED;
/*
 * The sub-key of SRH HMAC TLVs: of no sender, since kernels are given one secret per key id. Over no message:
 * the HMAC itself is the secret.
 */
int seal_segment_secret(const struct seal_key *key, uint8_t ret_secret[SEAL_SECRET]) CHECKED;
/* Derives once what every packet needs; a ring does the same without, more slowly. */
int seal_prepare(struct seal_ring *ring) CHECKED;
/*
 * Ciphers kept for the senders of which something was opened, so that not every message derives a key and
 * sets up a cipher. `maximum` ciphers of about 1 kB; the ones used longest ago make room. The keys of a ring
 * use it from then on, in one thread only, which is that of the cache. NULL when memory is short.
 */
struct seal_cache *seal_cache_create(size_t maximum);
/* No key may use it any more. Accepts NULL, returns NULL. */
struct seal_cache *seal_cache_free(struct seal_cache *cache);
void seal_use_cache(struct seal_ring *ring, struct seal_cache *cache);
/* Ciphers kept now. */
size_t seal_cache_count(const struct seal_cache *cache);
/* Constant time; 0 when equal, 1 when not. */
int seal_compare(const void *a, const void *b, size_t size);

/*
 * Seals `size` bytes in place; the SEAL_TAG octets that follow them are written. `sequence` must never
 * repeat for one sender and key; it is the nonce.
 */
int seal_close(const struct seal_key *key, struct gateway_identity sender, uint64_t sequence,
               const void *clear, size_t clear_size, uint8_t *bytes, size_t size) CHECKED;
/* Opens in place; UNSEALED when key, clear part, nonce or bytes are not what was sealed. */
int seal_open(const struct seal_key *key, struct gateway_identity sender, uint64_t sequence,
              const void *clear, size_t clear_size, uint8_t *bytes, size_t size) CHECKED;

/* SHA-256 of bytes and of a file. */
int seal_digest(const void *bytes, size_t size, uint8_t ret_digest[32]) CHECKED;
int seal_digest_file(int descriptor, uint8_t ret_digest[32], uint64_t *ret_size) CHECKED;

#endif
