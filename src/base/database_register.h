/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes of which only the last matters: statements that set the same columns of the same row wait here until
 * the transaction of SQLite that they are applied in ends, and a later one takes an earlier one's place. A
 * balance that changes a hundred times is written once.
 */
#ifndef BASE_DATABASE_REGISTER_H
#define BASE_DATABASE_REGISTER_H

#include "base/compiler.h"
#include "base/database_record.h"

struct registers;

/* NULL when memory is short, or there is no chance to be had for the seed. */
struct registers *registers_create(void);
/* Accepts NULL, returns NULL. */
struct registers *registers_free(struct registers *registers);
/*
 * Keeps a run, copied. Its last `keys` values say which row it is about, the others are numbers. TABLE_FULL
 * when there are too many rows: take them out first; TOO_LARGE when it does not fit, which is then so for
 * every run of that row.
 */
int registers_put(struct registers *registers, const struct database_item *item, size_t keys) CHECKED;
/* Run `index` in the order in which the rows came; its bytes are valid until the next registers_clear(). */
bool registers_at(const struct registers *registers, size_t index, struct database_item *ret_item);
void registers_clear(struct registers *registers);

#endif
