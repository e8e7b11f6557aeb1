/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded cursors: every access goes through take() or room(), the only places that move `next`. */
#include "base/cursor.h"
#include "busbar-error.h"
#include <endian.h>
#include <string.h>

/* What an empty cursor or writer points to, so that no arithmetic is done on NULL. */
static const uint8_t nothing[1];

/* The next `size` bytes, which are passed over; NULL once anything failed. */
static const uint8_t *take(struct cursor *cursor, size_t size)
{
	const uint8_t *bytes = cursor->next;

	if (cursor->error)
		return NULL;
	if (size > (size_t)(cursor->end - cursor->next)) {
		cursor->error = BUSBAR_ERROR_TRUNCATED;
		return NULL;
	}
	cursor->next += size;
	return bytes;
}

struct cursor cursor_open(const void *bytes, size_t size)
{
	const uint8_t *start = bytes && size ? bytes : nothing;

	return (struct cursor){.next = start, .end = start + (bytes ? size : 0)};
}

void cursor_copy(struct cursor *cursor, void *target, size_t size)
{
	const uint8_t *bytes = take(cursor, size);

	if (size == 0)
		return;
	if (bytes)
		memcpy(target, bytes, size);
	else
		memset(target, 0, size);
}

uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, 1);

	return bytes ? *bytes : 0;
}

uint16_t cursor_u16(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, sizeof(uint16_t));
	uint16_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return be16toh(value);
}

uint32_t cursor_u32(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

uint64_t cursor_u64(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, sizeof(uint64_t));
	uint64_t value = 0;

	if (bytes)
		memcpy(&value, bytes, sizeof(value));
	return be64toh(value);
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t size)
{
	return take(cursor, size);
}

void cursor_text(struct cursor *cursor, char *target, size_t capacity)
{
	size_t size = cursor_u8(cursor);
	const uint8_t *bytes = take(cursor, size);

	if (bytes && size >= capacity)
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
	for (size_t i = 0; !cursor->error && i < size; i++) {
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	}
	if (cursor->error)
		size = 0;
	if (capacity == 0)
		return;
	if (size != 0)
		memcpy(target, bytes, size);
	target[size] = '\0';
}

struct cursor cursor_part(struct cursor *cursor, size_t size)
{
	const uint8_t *bytes = take(cursor, size);
	struct cursor part = cursor_open(bytes, bytes ? size : 0);

	part.error = cursor->error;
	return part;
}

size_t cursor_left(const struct cursor *cursor)
{
	return cursor->error ? 0 : (size_t)(cursor->end - cursor->next);
}

void cursor_fail(struct cursor *cursor, int code)
{
	if (!cursor->error)
		cursor->error = code;
}

int cursor_finish(const struct cursor *cursor)
{
	if (cursor->error)
		return cursor->error;
	return cursor->next == cursor->end ? 0 : BUSBAR_ERROR_MALFORMED;
}

/* Room for `size` bytes, counted as written; NULL once anything failed. */
static uint8_t *room(struct writer *writer, size_t size)
{
	uint8_t *bytes = writer->next;

	if (writer->error)
		return NULL;
	if (size > (size_t)(writer->end - writer->next)) {
		writer->error = BUSBAR_ERROR_TOO_LARGE;
		return NULL;
	}
	writer->next += size;
	return bytes;
}

struct writer writer_open(void *bytes, size_t capacity)
{
	/* Nothing is ever written through `nothing`: its capacity is 0. */
	uint8_t *start = bytes && capacity ? bytes : (uint8_t *)(uintptr_t)nothing;

	return (struct writer){.start = start, .next = start, .end = start + (bytes ? capacity : 0)};
}

void writer_bytes(struct writer *writer, const void *bytes, size_t size)
{
	uint8_t *target = room(writer, size);

	if (target && size != 0)
		memcpy(target, bytes, size);
}

void writer_u8(struct writer *writer, uint8_t value)
{
	uint8_t *target = room(writer, 1);

	if (target)
		*target = value;
}

void writer_u16(struct writer *writer, uint16_t value)
{
	uint8_t *target = room(writer, sizeof(value));

	value = htobe16(value);
	if (target)
		memcpy(target, &value, sizeof(value));
}

void writer_u32(struct writer *writer, uint32_t value)
{
	uint8_t *target = room(writer, sizeof(value));

	value = htobe32(value);
	if (target)
		memcpy(target, &value, sizeof(value));
}

void writer_u64(struct writer *writer, uint64_t value)
{
	uint8_t *target = room(writer, sizeof(value));

	value = htobe64(value);
	if (target)
		memcpy(target, &value, sizeof(value));
}

void writer_text(struct writer *writer, const char *text)
{
	size_t size = strlen(text);

	if (size > UINT8_MAX) {
		if (!writer->error)
			writer->error = BUSBAR_ERROR_TOO_LARGE;
		return;
	}
	writer_u8(writer, (uint8_t)size);
	writer_bytes(writer, text, size);
}

uint8_t *writer_reserve(struct writer *writer, size_t size)
{
	return room(writer, size);
}

/* Overwrites `size` octets at `offset`, which must have been written before. */
static void patch(struct writer *writer, size_t offset, const void *bytes, size_t size)
{
	size_t written = (size_t)(writer->next - writer->start);

	if (writer->error)
		return;
	if (offset > written || size > written - offset) {
		writer->error = BUSBAR_ERROR_TOO_LARGE;
		return;
	}
	memcpy(writer->start + offset, bytes, size);
}

void writer_patch_u16(struct writer *writer, size_t offset, uint16_t value)
{
	value = htobe16(value);
	patch(writer, offset, &value, sizeof(value));
}

void writer_patch_u8(struct writer *writer, size_t offset, uint8_t value)
{
	patch(writer, offset, &value, sizeof(value));
}

size_t writer_size(const struct writer *writer)
{
	return (size_t)(writer->next - writer->start);
}
