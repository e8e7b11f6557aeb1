/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path attributes kept beyond their message: one compact block, never changed, shared by reference count
 * among the prefixes of an UPDATE and the reports made from them.
 */
#ifndef BGP_ATTRIBUTES_H
#define BGP_ATTRIBUTES_H

#include "bgp/update.h"

struct attributes;

/* A copy of everything `source` points to, with one reference; NULL when memory is short. */
struct attributes *attributes_create(const struct update_attributes *source);
struct attributes *attributes_hold(struct attributes *attributes);
/* Gives one reference back. Accepts NULL, returns NULL. */
struct attributes *attributes_release(struct attributes *attributes);
/* A view into the block, valid as long as that. */
struct update_attributes attributes_view(const struct attributes *attributes);
/* Bytes that the block takes, and references to it. */
size_t attributes_bytes(const struct attributes *attributes);
size_t attributes_references(const struct attributes *attributes);
/* Whether both say the same. The Partial bit of our attribute says something of the way, not of the route. */
bool attributes_equal(const struct attributes *a, const struct attributes *b);

#endif
