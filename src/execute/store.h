/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs by content: files named by their SHA-256 in one folder, within a quota.
 *
 * A blob is whole and verified before it can be opened. When the quota is reached the least recently
 * used blobs that are not held go first; a blob that does not fit even then is refused.
 */
#ifndef EXECUTE_STORE_H
#define EXECUTE_STORE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_writer;

enum { STORE_DIGEST = 32 };

/* Reads what is in the folder (made when missing); unfinished files are removed. */
int store_open(const char *folder, uint64_t quota, struct store **ret_store) CHECKED;
struct store *store_close(struct store *store);

bool store_has(struct store *store, const uint8_t digest[STORE_DIGEST]);
/* A read-only descriptor, the caller's; NOT_FOUND. */
int store_read(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t *ret_size) CHECKED;
/* Whole blobs at once; *ret_digest names it. An existing blob is a success. */
int store_put(struct store *store, const void *bytes, size_t size, uint8_t ret_digest[STORE_DIGEST]) CHECKED;
/* Takes over a finished file on the same filesystem by renaming it. */
int store_adopt(struct store *store, const char *path, uint8_t ret_digest[STORE_DIGEST],
                uint64_t *ret_size) CHECKED;

/* Streaming: begin, append, then finish (DIGEST when the content is not `digest`) or abandon. */
int store_begin(struct store *store, const uint8_t digest[STORE_DIGEST], uint64_t maximum,
                struct store_writer **ret_writer) CHECKED;
int store_append(struct store_writer *writer, const void *bytes, size_t size) CHECKED;
int store_finish(struct store_writer *writer) CHECKED;
void store_abandon(struct store_writer *writer);

/* A held blob is not evicted; holds count. */
int store_hold(struct store *store, const uint8_t digest[STORE_DIGEST]) CHECKED;
void store_release(struct store *store, const uint8_t digest[STORE_DIGEST]);

uint64_t store_used(const struct store *store);
size_t store_count(const struct store *store);

#endif
