/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of what is over but could still be asked for: tasks that a client may submit again, programs of
 * which a copy may still be on its way. Each is remembered until a given time.
 *
 * They are kept in the order in which they came, so one with a later end keeps those behind it a little
 * longer; nothing is moved or resized while the table is in use.
 */
#ifndef EXECUTE_PAST_H
#define EXECUTE_PAST_H

#include "base/compiler.h"
#include "model/identifier.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct past;

/* NULL when memory is short. Memory is touched only as it is used. */
struct past *past_create(uint32_t maximum, uint64_t seed);
/* Accepts NULL, returns NULL. */
struct past *past_free(struct past *past);
/* Remembers until `until`, whatever was said before; forgets what is over at `now`. TABLE_FULL. */
int past_put(struct past *past, const struct identifier *identifier, int64_t until, int64_t now) CHECKED;
/* Whether a new one can be put; forgets as past_put(). */
bool past_has_room(struct past *past, int64_t now);
bool past_has(const struct past *past, const struct identifier *identifier, int64_t now);
uint32_t past_count(const struct past *past);
size_t past_bytes(const struct past *past);

#endif
