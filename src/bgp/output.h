/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one peer has been told (Adj-RIB-Out) and what it is still to be told.
 *
 * Pure. Only names are queued, never routes: what is sent is what is true when the turn comes, so a burst of
 * changes costs one message. An announcement of a prefix waits until the minimum interval has passed since
 * the last one of the same name; a withdrawal does not wait (RFC 4271 section 9.2.1.1).
 */
#ifndef BGP_OUTPUT_H
#define BGP_OUTPUT_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_NEVER INT64_MAX

/* A prefix and, where ADD-PATH is spoken, the path identifier that we gave it. */
struct output_name {
	uint8_t address[16];
	uint32_t path_id;
	uint8_t length;
	uint8_t zero[3];
};

struct output;
struct output_entry;

/* At most `maximum` names; `interval` in ns. NULL when memory is short. */
struct output *output_create(size_t maximum, int64_t interval, uint64_t seed);
/* Accepts NULL, returns NULL. */
struct output *output_free(struct output *output);
/* Forgets everything: the session is over. */
void output_clear(struct output *output);

/* Something about this name changed. TABLE_FULL or -ENOMEM. */
int output_mark(struct output *output, const struct output_name *name, int64_t now) CHECKED;
/* Whether the name is noted here in any way. */
bool output_knows(const struct output *output, const struct output_name *name);
/* When output_take() next has something: now or earlier, later, or OUTPUT_NEVER. */
int64_t output_due(const struct output *output);
/* Takes a name whose turn has come, NULL when there is none. The caller answers with one of the next three.
 */
struct output_entry *output_take(struct output *output, int64_t now);
const struct output_name *output_entry_name(const struct output_entry *entry);
/* Whether the peer knows this name, and whether it may be announced again now. */
bool output_entry_advertised(const struct output_entry *entry);
bool output_entry_ready(const struct output_entry *entry, int64_t now);
void output_announced(struct output *output, struct output_entry *entry, int64_t now);
/* The peer does not know the name (any more). */
void output_withdrawn(struct output *output, struct output_entry *entry, int64_t now);
/* Not ready: waits for its interval. */
void output_postponed(struct output *output, struct output_entry *entry);

/* Names that the peer knows, and names waiting. */
size_t output_advertised(const struct output *output);
size_t output_waiting(const struct output *output);

#endif
