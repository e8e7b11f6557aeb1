/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: a list of chunks, each twice the size of the one before. Chunks behind `current` are spare and
 * empty; chunks up to `current` are in use.
 */
#include "base/arena.h"
#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_CHUNK = 4096 };

struct chunk {
	struct chunk *next;
	struct chunk *previous;
	size_t size;
	size_t used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct chunk *first;
	struct chunk *current; /* NULL: nothing handed out */
	size_t maximum;
	size_t used;
	size_t taken;
};

struct arena *arena_create(size_t maximum)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena)
		arena->maximum = maximum;
	return arena;
}

static struct chunk *spare_after(const struct arena *arena)
{
	return arena->current ? arena->current->next : arena->first;
}

/* Gives the spare chunks back to the system. */
static void drop_spare(struct arena *arena)
{
	struct chunk *chunk = spare_after(arena);

	if (arena->current)
		arena->current->next = NULL;
	else
		arena->first = NULL;
	while (chunk) {
		struct chunk *next = chunk->next;

		arena->taken -= chunk->size;
		ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size);
		free(chunk);
		chunk = next;
	}
}

struct arena *arena_free(struct arena *arena)
{
	if (arena) {
		arena_reset(arena);
		drop_spare(arena);
		free(arena);
	}
	return NULL;
}

/* A new empty chunk of at least `size` bytes right behind the current one, as far as the maximum lets. */
static struct chunk *add_chunk(struct arena *arena, size_t size)
{
	size_t wanted = arena->current ? 2 * arena->current->size : FIRST_CHUNK;
	size_t allowed = arena->maximum - arena->taken;
	struct chunk *chunk = NULL;

	wanted = MINIMUM(MAXIMUM(wanted, size), allowed);
	if (wanted < size || wanted > SIZE_MAX - sizeof(*chunk))
		return NULL;
	chunk = malloc(sizeof(*chunk) + wanted);
	if (!chunk)
		return NULL;
	*chunk = (struct chunk){.next = spare_after(arena), .previous = arena->current, .size = wanted};
	if (chunk->next)
		chunk->next->previous = chunk;
	if (arena->current)
		arena->current->next = chunk;
	else
		arena->first = chunk;
	arena->taken += wanted;
	ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
	return chunk;
}

/* The chunk behind the current one, made if need be, with room for `size` bytes. */
static struct chunk *next_chunk(struct arena *arena, size_t size)
{
	struct chunk *chunk = spare_after(arena);

	if (chunk && chunk->size >= size)
		return chunk;
	chunk = add_chunk(arena, size);
	if (!chunk) {
		/* Small spare chunks may be what stands between us and the maximum. */
		drop_spare(arena);
		chunk = add_chunk(arena, size);
	}
	return chunk;
}

/*
 * The size as reserved in a chunk: a multiple of the alignment, except that the last bytes of a maximum
 * which is no such multiple can be used too.
 */
static size_t reserved(const struct chunk *chunk, size_t size)
{
	size_t left = chunk->size - chunk->used;
	size_t padding = (ALIGNMENT - size % ALIGNMENT) % ALIGNMENT;

	return size + MINIMUM(padding, left - size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->current;
	void *bytes;

	if (size == 0 || size > arena->maximum)
		return NULL;
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = next_chunk(arena, size);
		if (!chunk)
			return NULL;
		arena->current = chunk;
	}
	bytes = chunk->bytes + chunk->used;
	arena->used += reserved(chunk, size);
	chunk->used += reserved(chunk, size);
	ASAN_UNPOISON_MEMORY_REGION(bytes, size);
	return memset(bytes, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t product;

	return __builtin_mul_overflow(count, size, &product) ? NULL : arena_alloc(arena, product);
}

char *arena_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text) + 1);
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
	void *copy = arena_alloc(arena, size);

	return copy ? memcpy(copy, bytes, size) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)length + 1);
	if (!text)
		return NULL;
	va_start(arguments, format);
	(void)vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}

struct arena_mark arena_save(const struct arena *arena)
{
	struct chunk *chunk = arena->current;

	return (struct arena_mark){.chunk = chunk, .used = chunk ? chunk->used : 0};
}

/* Empties a chunk down to `used` bytes. */
static void shrink(struct arena *arena, struct chunk *chunk, size_t used)
{
	arena->used -= chunk->used - used;
	chunk->used = used;
	ASAN_POISON_MEMORY_REGION(chunk->bytes + used, chunk->size - used);
}

void arena_restore(struct arena *arena, struct arena_mark mark)
{
	while (arena->current && arena->current != mark.chunk) {
		shrink(arena, arena->current, 0);
		arena->current = arena->current->previous;
	}
	if (arena->current)
		shrink(arena, arena->current, mark.used);
}

void arena_reset(struct arena *arena)
{
	arena_restore(arena, (struct arena_mark){0});
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}

size_t arena_taken(const struct arena *arena)
{
	return arena->taken;
}
