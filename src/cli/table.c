/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { TABLE_CELL = 512, TABLE_GAP = 2 };

struct table {
	const struct table_column *columns;
	size_t column_count;
	struct arena *arena;
	const char **cells; /* row by row */
	size_t cell_count, capacity;
	bool failed;
};

struct table *table_create(const struct table_column *columns, struct arena *arena)
{
	struct table *table = arena_alloc(arena, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	table->arena = arena;
	while (columns[table->column_count].title != NULL)
		table->column_count++;
	return table;
}

static bool grow(struct table *table)
{
	size_t larger = table->capacity == 0 ? 64 : 2 * table->capacity;
	const char **cells = arena_array(table->arena, larger, sizeof(*cells));

	if (cells == NULL)
		return false;
	if (table->cell_count > 0)
		memcpy(cells, table->cells, table->cell_count * sizeof(*cells));
	table->cells = cells;
	table->capacity = larger;
	return true;
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[TABLE_CELL];
	va_list arguments;
	const char *copy;

	if (table == NULL || table->failed)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	copy = arena_text(table->arena, text[0] == '\0' ? "-" : text);
	if (copy == NULL || (table->cell_count == table->capacity && !grow(table))) {
		table->failed = true;
		return;
	}
	table->cells[table->cell_count++] = copy;
}

size_t table_rows(const struct table *table)
{
	return table == NULL ? 0 : table->cell_count / table->column_count;
}

/* Characters, not octets: UTF-8 continuations take no room. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = width_of(table->columns[column].title);

	for (size_t cell = column; cell < table->cell_count; cell += table->column_count) {
		size_t wanted = width_of(table->cells[cell]);

		width = wanted > width ? wanted : width;
	}
	return width;
}

/* No blanks at the end of a line. */
static void put_cell(const struct table *table, size_t column, const char *text, size_t width, FILE *stream)
{
	bool last = column + 1 == table->column_count;
	size_t blanks = width - width_of(text);

	if (table->columns[column].side == TABLE_RIGHT) {
		(void)fprintf(stream, "%*s", (int)blanks, "");
		table_put_text(stream, text);
		blanks = 0;
	} else {
		table_put_text(stream, text);
	}
	if (last)
		(void)fputc('\n', stream);
	else
		(void)fprintf(stream, "%*s", (int)(blanks + TABLE_GAP), "");
}

int table_print(const struct table *table, FILE *stream)
{
	size_t *widths;

	if (table == NULL || table->failed)
		return -ENOMEM;
	if (table->cell_count == 0)
		return 0;
	widths = arena_array(table->arena, table->column_count, sizeof(*widths));
	if (widths == NULL)
		return -ENOMEM;
	for (size_t column = 0; column < table->column_count; column++) {
		widths[column] = column_width(table, column);
		put_cell(table, column, table->columns[column].title, widths[column], stream);
	}
	for (size_t cell = 0; cell < table->cell_count; cell++)
		put_cell(table, cell % table->column_count, table->cells[cell],
		         widths[cell % table->column_count], stream);
	return ferror(stream) ? -EIO : 0;
}

void table_put_text(FILE *stream, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) { /* U+0080..U+009F */
			(void)fputc('?', stream);
			at++;
		} else {
			(void)fputc(*at < 0x20 || *at == 0x7f ? '?' : *at, stream);
		}
	}
}
