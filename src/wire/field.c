/* SPDX-License-Identifier: Apache-2.0 */
/* Fields shared by the codecs, and the TLV tables. */
#include "wire/field.h"

#include "base/error.h"
#include <limits.h>
#include <string.h>

enum { NUMBER_OCTETS = 9, NUMBER_BITS = 7, NUMBER_MORE = 0x80 };

void field_fail(struct writer *writer, int code)
{
	if (!writer->error)
		writer->error = code;
}

int field_finish(const struct writer *writer)
{
	return writer->error ? writer->error : (int)writer_size(writer);
}

uint64_t field_amount(struct cursor *cursor)
{
	uint64_t amount = cursor_u64(cursor);

	if (amount > INT64_MAX)
		cursor_fail(cursor, BUSBAR_ERROR_AMOUNT_OVERFLOW);
	return amount > INT64_MAX ? 0 : amount;
}

void field_put_amount(struct writer *writer, uint64_t amount)
{
	if (amount > INT64_MAX)
		field_fail(writer, BUSBAR_ERROR_AMOUNT_OVERFLOW);
	writer_u64(writer, amount);
}

uint64_t field_number(struct cursor *cursor, uint64_t maximum)
{
	uint64_t number = 0;

	for (int i = 0; i < NUMBER_OCTETS; i++) {
		uint8_t octet = cursor_u8(cursor);

		number = number << NUMBER_BITS | (octet & (NUMBER_MORE - 1));
		if (i == 0 && octet == NUMBER_MORE)
			break;
		if (octet & NUMBER_MORE)
			continue;
		if (number > maximum)
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return number > maximum ? 0 : number;
	}
	cursor_fail(cursor, number == 0 ? BUSBAR_ERROR_MALFORMED : BUSBAR_ERROR_AMOUNT_OVERFLOW);
	return 0;
}

void field_put_number(struct writer *writer, uint64_t number)
{
	int groups = 1;

	if (number > INT64_MAX) {
		field_fail(writer, BUSBAR_ERROR_AMOUNT_OVERFLOW);
		return;
	}
	while (number >> (groups * NUMBER_BITS))
		groups++;
	while (groups-- > 0) {
		uint8_t bits = (uint8_t)(number >> (groups * NUMBER_BITS)) & (NUMBER_MORE - 1);

		writer_u8(writer, groups > 0 ? bits | NUMBER_MORE : bits);
	}
}

uint64_t field_present(struct cursor *cursor)
{
	uint64_t number = field_number(cursor, INT64_MAX);

	if (number == 0)
		cursor_fail(cursor, BUSBAR_ERROR_AMOUNT_ZERO);
	return number;
}

uint8_t field_choice(struct cursor *cursor, unsigned bound)
{
	uint8_t choice = cursor_u8(cursor);

	if (choice >= bound)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return choice >= bound ? 0 : choice;
}

void field_put_choice(struct writer *writer, unsigned choice, unsigned bound)
{
	if (choice >= bound)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)choice);
}

uint8_t field_flags(struct cursor *cursor, uint8_t mask)
{
	uint8_t flags = cursor_u8(cursor);

	if (flags & ~mask)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return flags & mask;
}

int32_t field_code(struct cursor *cursor)
{
	int32_t code = (int32_t)cursor_u32(cursor);

	if (code > 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return code > 0 ? 0 : code;
}

void field_put_code(struct writer *writer, int32_t code)
{
	if (code > 0)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u32(writer, (uint32_t)code);
}

static bool is_control(char character)
{
	return (unsigned char)character < 0x20 || character == 0x7f;
}

void field_put_text(struct writer *writer, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (is_control(*at))
			field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	}
	writer_text(writer, text);
}

static bool argument_is_clean(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (is_control(text[i]) && text[i] != '\t' && text[i] != '\n')
			return false;
	}
	return true;
}

void field_arguments(struct cursor *cursor, uint32_t count, char *arguments, size_t capacity)
{
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		size_t size = field_number(cursor, INT64_MAX);
		const uint8_t *text = cursor_bytes(cursor, size);

		if (!text)
			return;
		if (size + 1 > capacity - used) {
			cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
			return;
		}
		if (!argument_is_clean((const char *)text, size))
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		if (size != 0)
			memcpy(arguments + used, text, size);
		arguments[used + size] = '\0';
		used += size + 1;
	}
}

void field_put_arguments(struct writer *writer, uint32_t count, const char *arguments, size_t capacity)
{
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		size_t size = strnlen(arguments + used, capacity - used);

		if (size == capacity - used) {
			field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
			return;
		}
		if (!argument_is_clean(arguments + used, size))
			field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
		field_put_number(writer, size);
		writer_bytes(writer, arguments + used, size);
		used += size + 1;
	}
}

struct gateway_identity field_identity(struct cursor *cursor)
{
	uint32_t site = cursor_u32(cursor);

	return (struct gateway_identity){.site = site, .gateway = cursor_u16(cursor)};
}

void field_put_identity(struct writer *writer, struct gateway_identity identity)
{
	writer_u32(writer, identity.site);
	writer_u16(writer, identity.gateway);
}

struct gateway_identity field_somebody(struct cursor *cursor)
{
	struct gateway_identity identity = field_identity(cursor);

	if (gateway_is_none(identity))
		cursor_fail(cursor, BUSBAR_ERROR_MISSING_FIELD);
	return identity;
}

void field_put_somebody(struct writer *writer, struct gateway_identity identity)
{
	if (gateway_is_none(identity))
		field_fail(writer, BUSBAR_ERROR_MISSING_FIELD);
	field_put_identity(writer, identity);
}

struct identifier field_identifier(struct cursor *cursor)
{
	struct identifier identifier;

	cursor_copy(cursor, identifier.octets, sizeof(identifier.octets));
	return identifier;
}

void field_put_identifier(struct writer *writer, const struct identifier *identifier)
{
	writer_bytes(writer, identifier->octets, sizeof(identifier->octets));
}

/* One TLV: the length is patched in once the value is written. */
static void write_value(struct writer *writer, const struct field_row *row, const void *object,
                        uint32_t index)
{
	size_t start, size;

	writer_u8(writer, row->type);
	writer_u16(writer, 0);
	start = writer_size(writer);
	row->write(writer, object, index);
	size = writer_size(writer) - start;
	if (size > UINT16_MAX)
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
	writer_patch_u16(writer, start - 2, (uint16_t)size);
}

void field_write(struct writer *writer, const struct field_set *sets, size_t set_count)
{
	for (size_t s = 0; s < set_count; s++) {
		for (size_t r = 0; r < sets[s].row_count; r++) {
			const struct field_row *row = &sets[s].rows[r];
			uint32_t count = row->count(sets[s].object);

			for (uint32_t i = 0; i < count && !writer->error; i++)
				write_value(writer, row, sets[s].object, i);
		}
	}
}

/* The row of a type and, in *ret_object, what it describes; NULL when no set knows it. */
static const struct field_row *find_row(const struct field_set *sets, size_t set_count, uint8_t type,
                                        void **ret_object)
{
	for (size_t s = 0; s < set_count; s++) {
		for (size_t r = 0; r < sets[s].row_count; r++) {
			if (sets[s].rows[r].type != type)
				continue;
			*ret_object = sets[s].object;
			return &sets[s].rows[r];
		}
	}
	return NULL;
}

/* Fields that were required and did not come. */
static void check_required(struct cursor *cursor, const struct field_set *sets, size_t set_count,
                           const bool seen[UINT8_MAX + 1])
{
	for (size_t s = 0; s < set_count; s++) {
		for (size_t r = 0; r < sets[s].row_count; r++) {
			if (sets[s].rows[r].required && !seen[sets[s].rows[r].type])
				cursor_fail(cursor, BUSBAR_ERROR_MISSING_FIELD);
		}
	}
}

static void read_value(struct cursor *cursor, struct cursor value, const struct field_row *row, void *object,
                       void *context)
{
	int code;

	row->read(&value, object, context);
	code = cursor_finish(&value);
	/* Inside a value whose length was stated, running out is a contradiction, not a cut message. */
	if (code == BUSBAR_ERROR_TRUNCATED)
		code = BUSBAR_ERROR_MALFORMED;
	if (code < 0)
		cursor_fail(cursor, code);
}

void field_read(struct cursor *cursor, const struct field_set *sets, size_t set_count, unsigned optional,
                void *context)
{
	bool seen[UINT8_MAX + 1] = {false};
	uint8_t last = 0;

	while (cursor_left(cursor) > 0) {
		uint8_t type = cursor_u8(cursor);
		struct cursor value = cursor_part(cursor, cursor_u16(cursor));
		void *object = NULL;
		const struct field_row *row = find_row(sets, set_count, type, &object);

		if (type < last || (row && seen[type] && !row->repeated))
			cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		else if (row)
			read_value(cursor, value, row, object, context);
		else if (type < optional)
			cursor_fail(cursor, BUSBAR_ERROR_UNKNOWN_FIELD);
		seen[type] = true;
		last = type;
	}
	if (!cursor->error)
		check_required(cursor, sets, set_count, seen);
}
