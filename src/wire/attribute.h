/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP path attribute of Busbar: a clear header and sealed TLVs. Layout: docs/wire.md.
 *
 * Clear: version, content (site or service), key id, site, gateway, sequence, domain (list of ASes).
 * Sealed with AES-256-GCM: the TLVs; the clear header and the route's prefix are authenticated with
 * them, so that an attribute cannot be moved to another route. Unknown TLVs are ignored (R8).
 */
#ifndef WIRE_ATTRIBUTE_H
#define WIRE_ATTRIBUTE_H

#include "base/compiler.h"
#include "model/service.h"
#include "model/site.h"
#include "wire/seal.h"
#include <stddef.h>
#include <stdint.h>

enum { ATTRIBUTE_VERSION = 1, ATTRIBUTE_DOMAIN = 16, ATTRIBUTE_MAXIMUM = 3000 };
enum attribute_content { ATTRIBUTE_SITE = 1, ATTRIBUTE_SERVICE = 2 };

struct attribute_header {
	enum attribute_content content;
	uint8_t key;
	struct gateway_identity sender;
	uint64_t sequence; /* grows with every encoding by one sender; starts at the wall clock in ns */
	uint32_t domain_count;
	uint32_t domain[ATTRIBUTE_DOMAIN];
};

/* Both encode into `buffer` of `capacity` octets and return the size. header->key is set from the key. */
int attribute_encode_site(const struct attribute_header *header, const struct site *site,
                          const uint8_t prefix[16], uint8_t prefix_length, const struct seal_key *key,
                          uint8_t *buffer, size_t capacity) CHECKED;
int attribute_encode_service(const struct attribute_header *header, const struct service_offer *service,
                             const uint8_t prefix[16], uint8_t prefix_length, const struct seal_key *key,
                             uint8_t *buffer, size_t capacity) CHECKED;

/* Reads the clear header only. */
int attribute_peek(const uint8_t *bytes, size_t size, struct attribute_header *ret_header) CHECKED;
/*
 * Opens and decodes; exactly one of *ret_site, *ret_service is filled, by header.content. The sender of
 * the header is the identity of what is decoded. UNKNOWN_KEY, UNSEALED, MALFORMED, VERSION, ...
 */
int attribute_decode(const uint8_t *bytes, size_t size, const uint8_t prefix[16], uint8_t prefix_length,
                     const struct seal_ring *ring, struct attribute_header *ret_header, struct site *ret_site,
                     struct service_offer *ret_service) CHECKED;
/* The TLVs alone, without header or seal: for decision logs, golden tests and the fuzzer. */
int attribute_encode_site_values(const struct site *site, uint8_t *buffer, size_t capacity) CHECKED;
int attribute_decode_site_values(const uint8_t *bytes, size_t size, struct site *ret_site) CHECKED;
int attribute_encode_service_values(const struct service_offer *service, uint8_t *buffer,
                                    size_t capacity) CHECKED;
int attribute_decode_service_values(const uint8_t *bytes, size_t size,
                                    struct service_offer *ret_service) CHECKED;

#endif
