/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four-ary min-heap of intrusive nodes. The owner embeds struct heap_node; the heap grows to a maximum.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>

struct heap_node {
	size_t position; /* 1-based while inside a heap, 0 outside */
};
struct heap;
/* True when a belongs above b. */
typedef bool (*heap_before)(const struct heap_node *a, const struct heap_node *b);

/* NULL when memory is short. */
struct heap *heap_create(heap_before before, size_t maximum);
/* Accepts NULL, returns NULL. Nodes still inside are taken out as by heap_clear(). */
struct heap *heap_free(struct heap *heap);
/* BUSBAR_ERROR_TABLE_FULL or -ENOMEM; BUSBAR_ERROR_STATE for a node that is inside a heap. */
int heap_push(struct heap *heap, struct heap_node *node) CHECKED;
/* The first node, NULL when empty; heap_pop() takes it out. */
struct heap_node *heap_peek(const struct heap *heap);
struct heap_node *heap_pop(struct heap *heap);
/* No effect on a node outside the heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* To be called after the node's key changed in place. No effect on a node outside the heap. */
void heap_update(struct heap *heap, struct heap_node *node);
size_t heap_count(const struct heap *heap);
/* Takes all nodes out. */
void heap_clear(struct heap *heap);

#endif
