/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four-ary heap in an array. Node i (from 0) has children 4i+1..4i+4; every node knows its place, so that
 * removal needs no search.
 */
#include "base/heap.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAPACITY = 16 };

struct entry {
	int64_t key;
	struct heap_node *node;
};

struct heap {
	heap_before before; /* may be NULL */
	size_t maximum;
	size_t count;
	size_t capacity;
	struct entry *entries;
};

struct heap *heap_create(heap_before before, size_t maximum)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (heap) {
		heap->before = before;
		heap->maximum = maximum;
	}
	return heap;
}

struct heap *heap_free(struct heap *heap)
{
	if (heap) {
		heap_clear(heap);
		free(heap->entries);
		free(heap);
	}
	return NULL;
}

static int grow(struct heap *heap)
{
	size_t capacity = heap->capacity ? 2 * heap->capacity : FIRST_CAPACITY;
	struct entry *entries = reallocarray(heap->entries, capacity, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	heap->entries = entries;
	heap->capacity = capacity;
	return 0;
}

static bool comes_before(const struct heap *heap, struct entry a, struct entry b)
{
	if (a.key != b.key)
		return a.key < b.key;
	return heap->before && heap->before(a.node, b.node);
}

static void place(struct heap *heap, struct entry entry, size_t index)
{
	heap->entries[index] = entry;
	entry.node->position = index + 1;
}

static void rise(struct heap *heap, struct entry entry, size_t index)
{
	while (index > 0) {
		size_t parent = (index - 1) / ARITY;

		if (!comes_before(heap, entry, heap->entries[parent]))
			break;
		place(heap, heap->entries[parent], index);
		index = parent;
	}
	place(heap, entry, index);
}

/* The index of the first among the children of `index`, or `count` without any. */
static size_t first_child(const struct heap *heap, size_t index)
{
	size_t first = ARITY * index + 1;
	size_t end = MINIMUM(first + ARITY, heap->count);

	if (first >= heap->count)
		return heap->count;
	for (size_t i = first + 1; i < end; i++) {
		if (comes_before(heap, heap->entries[i], heap->entries[first]))
			first = i;
	}
	return first;
}

static void sink(struct heap *heap, struct entry entry, size_t index)
{
	for (;;) {
		size_t child = first_child(heap, index);

		if (child == heap->count || !comes_before(heap, heap->entries[child], entry))
			break;
		place(heap, heap->entries[child], index);
		index = child;
	}
	place(heap, entry, index);
}

int heap_push(struct heap *heap, struct heap_node *node, int64_t key)
{
	if (node->position != 0)
		return BUSBAR_ERROR_STATE;
	if (heap->count >= heap->maximum)
		return BUSBAR_ERROR_TABLE_FULL;
	if (heap->count == heap->capacity) {
		int code = grow(heap);

		if (code < 0)
			return code;
	}
	heap->count++;
	rise(heap, (struct entry){key, node}, heap->count - 1);
	return 0;
}

struct heap_node *heap_peek(const struct heap *heap)
{
	return heap->count ? heap->entries[0].node : NULL;
}

int64_t heap_least(const struct heap *heap)
{
	return heap->count ? heap->entries[0].key : INT64_MAX;
}

struct heap_node *heap_pop(struct heap *heap)
{
	struct heap_node *node = heap_peek(heap);

	if (node)
		heap_remove(heap, node);
	return node;
}

/* Puts an entry of changed key, or a stranger, where it belongs from `index` on. */
static void settle(struct heap *heap, struct entry entry, size_t index)
{
	if (index > 0 && comes_before(heap, entry, heap->entries[(index - 1) / ARITY]))
		rise(heap, entry, index);
	else
		sink(heap, entry, index);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t index = node->position - 1;
	struct entry last;

	if (node->position == 0)
		return;
	node->position = 0;
	last = heap->entries[--heap->count];
	if (last.node != node)
		settle(heap, last, index);
}

void heap_update(struct heap *heap, struct heap_node *node, int64_t key)
{
	if (node->position != 0)
		settle(heap, (struct entry){key, node}, node->position - 1);
}

size_t heap_count(const struct heap *heap)
{
	return heap->count;
}

void heap_clear(struct heap *heap)
{
	while (heap->count > 0)
		heap->entries[--heap->count].node->position = 0;
}
