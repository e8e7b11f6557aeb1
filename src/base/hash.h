/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table from keys of one fixed size to pointers, open addressing, keyed by a secret seed so that a
 * peer cannot aim at one bucket. Bounded: put fails at the maximum. Values are not owned.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash;

/* NULL when memory is short or key_size is not 1..64 bytes. A maximum above 2^30 counts as 2^30. */
struct hash *hash_create(size_t key_size, size_t maximum, uint64_t seed);
/* Accepts NULL, returns NULL. */
struct hash *hash_free(struct hash *hash);
/* NULL when absent. */
void *hash_get(const struct hash *hash, const void *key);
/* Inserts or replaces; value must not be NULL. BUSBAR_ERROR_TABLE_FULL or -ENOMEM. */
int hash_put(struct hash *hash, const void *key, void *value) CHECKED;
/* The value removed, NULL when absent. */
void *hash_remove(struct hash *hash, const void *key);
void hash_clear(struct hash *hash);
size_t hash_count(const struct hash *hash);
size_t hash_bytes(const struct hash *hash);
/*
 * Walk: start with *position 0; false at the end. Removing the entry just returned is allowed; putting
 * during a walk, or removing another entry, is not. The key is valid until the next put or remove. Every
 * entry comes once: deletion pulls later entries of a run back by some slots, and the walk runs
 * downwards from below an empty slot, so what is pulled has been visited.
 */
bool hash_next(const struct hash *hash, size_t *position, const void **ret_key, void **ret_value);
/* The keyed hash of any bytes (SipHash-1-3). */
uint64_t hash_bytes_of(const void *bytes, size_t size, uint64_t seed);

#endif
