/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers of a tenant's command: one blob at a time, waiting until it is done. Limits of time as in
 * transfer.h.
 */
#ifndef API_TRANSFER_CLIENT_H
#define API_TRANSFER_CLIENT_H

#include "base/compiler.h"
#include "wire/seal.h"
#include <stddef.h>
#include <stdint.h>

struct transfer_client {
	const char *address; /* IPv6 literal, with or without brackets, or a host name */
	uint16_t port;
	uint32_t key;          /* the tenant's key number */
	const uint8_t *secret; /* SEAL_SECRET octets */
};

/* `digest` is the SHA-256 of the bytes. The gateway's code on refusal, NO_ANSWER, PEER. */
int transfer_client_put(const struct transfer_client *client, const uint8_t digest[32], const void *bytes,
                        size_t size) CHECKED;
/*
 * *ret_bytes is the caller's to free(), never NULL on success. TOO_LARGE past maximum, DIGEST when it is
 * not what was asked for.
 */
int transfer_client_get(const struct transfer_client *client, const uint8_t digest[32], size_t maximum,
                        uint8_t **ret_bytes, size_t *ret_size) CHECKED;

#endif
