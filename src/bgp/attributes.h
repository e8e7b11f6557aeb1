/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path attributes kept beyond their message: one block, never changed, shared by reference count among
 * the prefixes of an UPDATE and the reports made from them.
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
const struct update_attributes *attributes_view(const struct attributes *attributes);
/* Bytes that the block takes. */
size_t attributes_bytes(const struct attributes *attributes);
bool attributes_equal(const struct update_attributes *a, const struct update_attributes *b);

#endif
