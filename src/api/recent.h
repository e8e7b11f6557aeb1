/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers used lately, against replays: each is bound to a digest of the request's MAC and sender.
 * Entries live as long as a request of their age would be accepted; when a table is full, the oldest go. Any
 * thread may call: identifiers are spread over tables with a lock each.
 */
#ifndef API_RECENT_H
#define API_RECENT_H

#include "base/compiler.h"
#include "model/identifier.h"
#include <stddef.h>
#include <stdint.h>

struct recent;

struct recent_use {
	uint8_t mac[32];
	uint8_t sender[18]; /* address and port */
};

/* At most `maximum` entries in all; NULL when memory is short. */
struct recent *recent_create(size_t maximum, int64_t lifetime, uint64_t seed);
struct recent *recent_free(struct recent *recent);
/* 0 for a new identifier (now noted), 1 for the same request again, REPLAYED for another one. */
int recent_note(struct recent *recent, const struct identifier *identifier, const struct recent_use *use,
                int64_t now) CHECKED;
size_t recent_count(struct recent *recent);

#endif
