/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slab: chunks of objects, each chunk as large as all before it together, and a list of free objects
 * threaded through the objects themselves. What of the last chunk was never handed out is not touched, so
 * that growing takes no time. Chunks go back to the system with the slab.
 */
#include "base/slab.h"
#include "base/compiler.h"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SINGLE_OBJECTS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SINGLE_OBJECTS true
#endif
#endif
#ifndef SINGLE_OBJECTS
#define SINGLE_OBJECTS false
#endif

enum { ALIGNMENT = 16, FIRST_CHUNK = 16 /* objects */ };

struct chunk {
	struct chunk *next;
	_Alignas(ALIGNMENT) unsigned char objects[];
};

struct free_object {
	struct free_object *next;
};

struct slab {
	size_t size; /* of an object, rounded up to the alignment where objects share chunks */
	size_t maximum;
	size_t count;    /* handed out */
	size_t capacity; /* in all chunks */
	size_t bytes;
	struct chunk *chunks;
	struct free_object *free_objects;
	unsigned char *fresh; /* of the last chunk, the objects never handed out yet */
	size_t fresh_count;
};

struct slab *slab_create(size_t size, size_t maximum)
{
	struct slab *slab;

	if (size == 0 || size > SIZE_MAX / (2 * FIRST_CHUNK))
		return NULL;
	slab = calloc(1, sizeof(*slab));
	if (slab) {
		slab->size = SINGLE_OBJECTS ? size : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
		slab->maximum = maximum;
		slab->bytes = sizeof(*slab);
	}
	return slab;
}

struct slab *slab_free(struct slab *slab)
{
	if (!slab)
		return NULL;
	assert(slab->count == 0);
	while (slab->chunks) {
		struct chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		free(chunk);
	}
	free(slab);
	return NULL;
}

static bool grow(struct slab *slab)
{
	size_t wanted = slab->capacity ? slab->capacity : FIRST_CHUNK;
	size_t count = MINIMUM(wanted, slab->maximum - slab->capacity);
	size_t bytes;
	struct chunk *chunk;

	if (__builtin_mul_overflow(count, slab->size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*chunk), &bytes))
		return false;
	chunk = malloc(bytes);
	if (!chunk)
		return false;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	slab->capacity += count;
	slab->bytes += bytes;
	slab->fresh = chunk->objects;
	slab->fresh_count = count;
	return true;
}

/* An object used before, or else one from the last chunk. */
static void *take_shared(struct slab *slab)
{
	struct free_object *object = slab->free_objects;

	if (object) {
		slab->free_objects = object->next;
	} else if (slab->fresh_count > 0 || grow(slab)) {
		object = (struct free_object *)(void *)slab->fresh;
		slab->fresh += slab->size;
		slab->fresh_count--;
	} else {
		return NULL;
	}
	slab->count++;
	return memset(object, 0, slab->size);
}

static void *take_single(struct slab *slab)
{
	void *object = calloc(1, slab->size);

	if (object) {
		slab->count++;
		slab->bytes += slab->size;
	}
	return object;
}

void *slab_take(struct slab *slab)
{
	if (slab->count >= slab->maximum)
		return NULL;
	return SINGLE_OBJECTS ? take_single(slab) : take_shared(slab);
}

void slab_release(struct slab *slab, void *object)
{
	if (!object)
		return;
	assert(slab->count > 0);
	slab->count--;
	if (SINGLE_OBJECTS) {
		slab->bytes -= slab->size;
		free(object);
	} else {
		struct free_object *free_object = object;

		free_object->next = slab->free_objects;
		slab->free_objects = free_object;
	}
}

size_t slab_count(const struct slab *slab)
{
	return slab->count;
}

size_t slab_bytes(const struct slab *slab)
{
	return slab->bytes;
}
