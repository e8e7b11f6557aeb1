/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory for one round of work, freed all at once.
 *
 * Invariant: the arena never takes more than its maximum from the system. Allocations are zeroed and
 * aligned to 16 bytes. Chunks are kept by arena_reset() for the next round. The chunks' own headers (48
 * bytes each) are not counted, so that one allocation of the whole maximum fits. Under AddressSanitizer
 * what is not handed out is poisoned.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/compiler.h"
#include <stddef.h>

struct arena;
struct arena_mark {
	void *chunk;
	size_t used;
};

/* An arena that may hold `maximum` bytes; NULL when memory is short. */
struct arena *arena_create(size_t maximum);
/* Accepts NULL, returns NULL. */
struct arena *arena_free(struct arena *arena);

/* Zeroed memory that lives until reset, restore or free; NULL past the maximum. size 0 gives NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* As arena_alloc for count x size, with the product checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Copies of a text or bytes inside the arena; NULL when full. */
char *arena_text(struct arena *arena, const char *text);
void *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_format(struct arena *arena, const char *format, ...) PRINTF(2, 3);

/* Everything allocated after the mark is given back by arena_restore(); marks nest. */
struct arena_mark arena_save(const struct arena *arena);
void arena_restore(struct arena *arena, struct arena_mark mark);
void arena_reset(struct arena *arena);

/* Bytes handed out now, and bytes taken from the system. */
size_t arena_used(const struct arena *arena);
size_t arena_taken(const struct arena *arena);

#endif
