/* SPDX-License-Identifier: Apache-2.0 */
/* Pool: a stack of owned objects, and a list of children with the youngest first. */
#include "base/pool.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* One owned object: foreign with its release function, or memory of the pool's own behind this header. */
struct item {
	struct item *older;
	void *object;
	pool_release release; /* NULL: memory[] */
	_Alignas(16) unsigned char memory[];
};

struct pool {
	struct pool *parent;
	struct pool *children;
	struct pool *older;   /* sibling */
	struct pool *younger; /* sibling */
	struct item *items;   /* last registered first */
	size_t count;
};

struct pool *pool_create(struct pool *parent)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool || !parent)
		return pool;
	pool->parent = parent;
	pool->older = parent->children;
	if (pool->older)
		pool->older->younger = pool;
	parent->children = pool;
	return pool;
}

static void leave_parent(struct pool *pool)
{
	if (pool->younger)
		pool->younger->older = pool->older;
	else if (pool->parent)
		pool->parent->children = pool->older;
	if (pool->older)
		pool->older->younger = pool->younger;
}

static void release_items(struct pool *pool)
{
	while (pool->items) {
		struct item *item = pool->items;

		pool->items = item->older;
		pool->count--;
		if (item->release)
			item->release(item->object);
		free(item);
	}
}

/* The youngest leaf at or below `pool`: what must be freed first. */
static struct pool *youngest_leaf(struct pool *pool)
{
	while (pool->children)
		pool = pool->children;
	return pool;
}

/* Without recursion, for a tree may be deep: down to a leaf, then on from its parent. */
struct pool *pool_free(struct pool *pool)
{
	struct pool *place = pool;

	while (pool) {
		struct pool *leaf = youngest_leaf(place);

		place = leaf->parent;
		if (leaf == pool)
			pool = NULL;
		leave_parent(leaf);
		release_items(leaf);
		free(leaf);
	}
	return NULL;
}

static struct item *add_item(struct pool *pool, size_t size)
{
	struct item *item = size > SIZE_MAX - sizeof(*item) ? NULL : calloc(1, sizeof(*item) + size);

	if (!item)
		return NULL;
	item->older = pool->items;
	pool->items = item;
	pool->count++;
	return item;
}

void *pool_alloc(struct pool *pool, size_t size)
{
	struct item *item = add_item(pool, size);

	return item ? item->memory : NULL;
}

int pool_own(struct pool *pool, void *object, pool_release release)
{
	struct item *item = add_item(pool, 0);

	if (!item)
		return -ENOMEM;
	item->object = object;
	item->release = release;
	return 0;
}

size_t pool_count(const struct pool *pool)
{
	return pool->count;
}
