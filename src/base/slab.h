/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slab: objects of one size, counted and bounded.
 *
 * Objects are zeroed when handed out. Under AddressSanitizer every object is its own malloc(), so that
 * overruns and use after release are seen.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

struct slab;

/* At most `maximum` objects of `size` bytes, aligned to 16; NULL when memory is short or the size is absurd.
 */
struct slab *slab_create(size_t size, size_t maximum);
/* All objects must have been released (asserted). Accepts NULL, returns NULL. */
struct slab *slab_free(struct slab *slab);
/* NULL past the maximum or when memory is short. */
void *slab_take(struct slab *slab);
/* Accepts NULL. */
void slab_release(struct slab *slab, void *object);
/* Objects handed out now, and bytes taken from the system. */
size_t slab_count(const struct slab *slab);
size_t slab_bytes(const struct slab *slab);

#endif
