/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four-ary min-heap of intrusive nodes, by a 64-bit key such as a time. The owner embeds struct heap_node;
 * the heap grows to a maximum. Keys are kept in the heap: to compare touches no node.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	size_t position; /* 1-based while inside a heap, 0 outside */
};
struct heap;
/* Of two nodes with the same key: true when a belongs above b. */
typedef bool (*heap_before)(const struct heap_node *a, const struct heap_node *b);

/* NULL when memory is short. With `before` NULL nodes of the same key come in no order. */
struct heap *heap_create(heap_before before, size_t maximum);
/* Accepts NULL, returns NULL. Nodes still inside are taken out as by heap_clear(). */
struct heap *heap_free(struct heap *heap);
/* BUSBAR_ERROR_TABLE_FULL or -ENOMEM; BUSBAR_ERROR_STATE for a node that is inside a heap. */
int heap_push(struct heap *heap, struct heap_node *node, int64_t key) CHECKED;
/* The first node, NULL when empty; heap_pop() takes it out. */
struct heap_node *heap_peek(const struct heap *heap);
/* The first node's key; INT64_MAX when empty. */
int64_t heap_least(const struct heap *heap);
struct heap_node *heap_pop(struct heap *heap);
/* No effect on a node outside the heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Gives the node another key. No effect on a node outside the heap. */
void heap_update(struct heap *heap, struct heap_node *node, int64_t key);
size_t heap_count(const struct heap *heap);
/* Takes all nodes out. */
void heap_clear(struct heap *heap);

#endif
