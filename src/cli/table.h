/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Column output. Cells are added from left to right and wrap to the next row; each column is as wide as
 * its widest cell. What comes from outside loses its control characters, so that a name cannot drive the
 * terminal. A failure to allocate is kept and reported by table_print().
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stddef.h>
#include <stdio.h>

enum table_side { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title; /* NULL ends the list */
	enum table_side side;
};

struct table;

/* `columns` outlives the table, which lives in the arena; NULL when that is full. */
struct table *table_create(const struct table_column *columns, struct arena *arena);
/* Accepts a NULL table. "" is shown as "-". */
void table_cell(struct table *table, const char *format, ...) PRINTF(2, 3);
/* Titles and rows; nothing when there are no rows. 0, -ENOMEM, or -errno of the stream. */
int table_print(const struct table *table, FILE *stream) CHECKED;
size_t table_rows(const struct table *table);

/* Writes a text with '?' for control characters (C0, DEL, C1). */
void table_put_text(FILE *stream, const char *text);

#endif
