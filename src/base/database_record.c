/* SPDX-License-Identifier: Apache-2.0 */
#include "base/database_record.h"

#include "busbar-error.h"
#include <string.h>

enum { DEFINE = 1, RUN = 2 };
enum { IS_NULL, IS_NUMBER, IS_TEXT, IS_OCTETS };

static void write_octets(struct writer *writer, const void *octets, size_t size)
{
	writer_u32(writer, (uint32_t)size);
	writer_bytes(writer, octets, size);
}

void database_record_define(struct writer *writer, uint16_t number, uint8_t keys, const char *text)
{
	writer_u8(writer, DEFINE);
	writer_u16(writer, number);
	writer_u8(writer, keys);
	write_octets(writer, text, strlen(text) + 1);
}

static void write_number(struct writer *writer, int64_t number)
{
	writer_u8(writer, IS_NUMBER);
	writer_u64(writer, (uint64_t)number);
}

static void write_value(struct writer *writer, const struct database_value *value)
{
	switch (value->type) {
	case DATABASE_TYPE_NUMBER:
		write_number(writer, value->number);
		return;
	case DATABASE_TYPE_OPTIONAL:
		if (value->number == 0)
			break;
		write_number(writer, value->number);
		return;
	case DATABASE_TYPE_TEXT:
		if (value->bytes == NULL)
			break;
		writer_u8(writer, IS_TEXT);
		write_octets(writer, value->bytes, strlen(value->bytes) + 1);
		return;
	case DATABASE_TYPE_OCTETS:
		if (value->bytes == NULL)
			break;
		writer_u8(writer, IS_OCTETS);
		write_octets(writer, value->bytes, value->size);
		return;
	}
	writer_u8(writer, IS_NULL);
}

void database_record_run(struct writer *writer, uint16_t number, const struct database_value *values,
                         size_t count)
{
	writer_u8(writer, RUN);
	writer_u16(writer, number);
	writer_u8(writer, (uint8_t)count);
	for (size_t i = 0; i < count; i++)
		write_value(writer, &values[i]);
}

/* A text that ends where its octets do. */
static const char *read_text(struct cursor *cursor)
{
	uint32_t size = cursor_u32(cursor);
	const char *text = (const char *)cursor_bytes(cursor, size);

	if (cursor->error == 0 && (size == 0 || memchr(text, '\0', size) != text + size - 1))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return text;
}

static struct database_value read_value(struct cursor *cursor)
{
	uint32_t size;

	switch (cursor_u8(cursor)) {
	case IS_NULL:
		return DATABASE_OPTIONAL(0);
	case IS_NUMBER:
		return DATABASE_NUMBER((int64_t)cursor_u64(cursor));
	case IS_TEXT:
		return DATABASE_TEXT(read_text(cursor));
	case IS_OCTETS:
		size = cursor_u32(cursor);
		return DATABASE_OCTETS(cursor_bytes(cursor, size), size);
	default:
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return DATABASE_OPTIONAL(0);
	}
}

static void read_definition(struct cursor *cursor, struct database_item *item)
{
	item->keys = cursor_u8(cursor);
	item->text = read_text(cursor);
	if (item->keys > DATABASE_PARAMETERS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static void read_run(struct cursor *cursor, struct database_item *item)
{
	item->count = cursor_u8(cursor);
	if (item->count > DATABASE_PARAMETERS) {
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return;
	}
	for (size_t i = 0; i < item->count; i++)
		item->values[i] = read_value(cursor);
}

int database_record_next(struct cursor *cursor, struct database_item *ret_item)
{
	uint8_t what;

	if (cursor_left(cursor) == 0)
		return cursor->error;
	what = cursor_u8(cursor);
	ret_item->number = cursor_u16(cursor);
	ret_item->text = NULL;
	ret_item->count = 0;
	if (what == DEFINE)
		read_definition(cursor, ret_item);
	else if (what == RUN)
		read_run(cursor, ret_item);
	else
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	if (ret_item->number >= DATABASE_STATEMENTS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return cursor->error < 0 ? cursor->error : 1;
}
