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

struct heap {
	heap_before before;
	size_t maximum;
	size_t count;
	size_t capacity;
	struct heap_node **nodes;
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
		free(heap->nodes);
		free(heap);
	}
	return NULL;
}

static int grow(struct heap *heap)
{
	size_t capacity = heap->capacity ? 2 * heap->capacity : FIRST_CAPACITY;
	struct heap_node **nodes = reallocarray(heap->nodes, capacity, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->capacity = capacity;
	return 0;
}

static void place(struct heap *heap, struct heap_node *node, size_t index)
{
	heap->nodes[index] = node;
	node->position = index + 1;
}

static void rise(struct heap *heap, struct heap_node *node, size_t index)
{
	while (index > 0) {
		size_t parent = (index - 1) / ARITY;

		if (!heap->before(node, heap->nodes[parent]))
			break;
		place(heap, heap->nodes[parent], index);
		index = parent;
	}
	place(heap, node, index);
}

/* The index of the first among the children of `index`, or `count` without any. */
static size_t first_child(const struct heap *heap, size_t index)
{
	size_t first = ARITY * index + 1;
	size_t end = MINIMUM(first + ARITY, heap->count);

	if (first >= heap->count)
		return heap->count;
	for (size_t i = first + 1; i < end; i++) {
		if (heap->before(heap->nodes[i], heap->nodes[first]))
			first = i;
	}
	return first;
}

static void sink(struct heap *heap, struct heap_node *node, size_t index)
{
	for (;;) {
		size_t child = first_child(heap, index);

		if (child == heap->count || !heap->before(heap->nodes[child], node))
			break;
		place(heap, heap->nodes[child], index);
		index = child;
	}
	place(heap, node, index);
}

int heap_push(struct heap *heap, struct heap_node *node)
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
	rise(heap, node, heap->count - 1);
	return 0;
}

struct heap_node *heap_peek(const struct heap *heap)
{
	return heap->count ? heap->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *heap)
{
	struct heap_node *node = heap_peek(heap);

	if (node)
		heap_remove(heap, node);
	return node;
}

/* Puts a node of changed key, or a stranger, where it belongs from `index` on. */
static void settle(struct heap *heap, struct heap_node *node, size_t index)
{
	if (index > 0 && heap->before(node, heap->nodes[(index - 1) / ARITY]))
		rise(heap, node, index);
	else
		sink(heap, node, index);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t index = node->position - 1;
	struct heap_node *last;

	if (node->position == 0)
		return;
	node->position = 0;
	last = heap->nodes[--heap->count];
	if (last != node)
		settle(heap, last, index);
}

void heap_update(struct heap *heap, struct heap_node *node)
{
	if (node->position != 0)
		settle(heap, node, node->position - 1);
}

size_t heap_count(const struct heap *heap)
{
	return heap->count;
}

void heap_clear(struct heap *heap)
{
	while (heap->count > 0)
		heap->nodes[--heap->count]->position = 0;
}
