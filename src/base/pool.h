/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: the owner of resources with one life (a peer, a gateway, a request).
 *
 * Pools form a tree; freeing a pool frees its children and then, in reverse order of registration, what
 * it owns. Nothing is released twice and nothing is left behind.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/compiler.h"
#include <stddef.h>

struct pool;
typedef void (*pool_release)(void *object);

/* A pool below `parent` (NULL: a root); NULL when memory is short. */
struct pool *pool_create(struct pool *parent);
/* Accepts NULL, returns NULL. Children go first, the youngest before the others; a child may also be freed
 * on its own before. A release function must not touch the pool that calls it. */
struct pool *pool_free(struct pool *pool);
/* Zeroed memory owned by the pool; NULL when memory is short. */
void *pool_alloc(struct pool *pool, size_t size);
/* The pool calls release(object) when it is freed. On failure nothing is registered: -ENOMEM. */
int pool_own(struct pool *pool, void *object, pool_release release) CHECKED;
/* Objects owned, children excluded. */
size_t pool_count(const struct pool *pool);

#endif
