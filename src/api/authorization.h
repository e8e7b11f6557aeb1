/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Authorization header of transfers: `Busbar KIND:KEY:TIME:MAC`.
 *
 * KIND is `tenant`, and KEY the tenant's key number, or `gateway`, and KEY `SITE.GATEWAY/KEYID` of a key of
 * the domain. TIME is the sender's wall clock in nanoseconds. MAC is an HMAC-SHA-256 in hexadecimal over
 * method, path and TIME, each closed by a newline. What the header admits is idempotent and names its
 * content by digest, so a repetition within the time window gains nothing. Pure.
 */
#ifndef API_AUTHORIZATION_H
#define API_AUTHORIZATION_H

#include "base/compiler.h"
#include "wire/datagram.h"
#include "wire/seal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUTHORIZATION_TEXT = 160 };

/* Seconds by which the sender's clock may differ. */
#define AUTHORIZATION_WINDOW 60

/* What a verifier knows. `secret` may be NULL: then there are no tenants. */
struct authorization_keys {
	const struct seal_ring *ring;
	datagram_secret secret;
	void *context;
};

/* Header values, without the name `Authorization`. */
int authorization_of_tenant(uint32_t key, const uint8_t secret[SEAL_SECRET], const char *method,
                            const char *path, int64_t now, char ret_text[AUTHORIZATION_TEXT]) CHECKED;
int authorization_of_gateway(const struct seal_key *key, struct gateway_identity identity, const char *method,
                             const char *path, int64_t now, char ret_text[AUTHORIZATION_TEXT]) CHECKED;

/* Whether the header, which may be NULL, says that it is a tenant's; authorization_check() says if it is. */
bool authorization_is_tenants(const char *text);

/*
 * 0 when the header was made with a known key, for this method and path, within the window around `now`.
 * MALFORMED, UNKNOWN_TENANT, UNKNOWN_KEY, BAD_MAC, STALE (time outside the window).
 */
int authorization_check(const char *text, const struct authorization_keys *keys, const char *method,
                        const char *path, int64_t now) CHECKED;

#endif
