/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/datagram.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/demand_codec.h"
#include "wire/field.h"
#include <string.h>

enum { TASK_STATE_BOUND = 16 };

static const uint8_t magic[] = {'B', 'u', 's', 'b'};

static bool carries_demand(enum datagram_type type)
{
	return type == DATAGRAM_QUOTE || type == DATAGRAM_RUN || type == DATAGRAM_CALL ||
	       type == DATAGRAM_RESERVE;
}

/* Anything has a price; what reserves is not run, what runs is not reserved. */
static bool suits(enum datagram_type type, const struct demand *demand)
{
	return type == DATAGRAM_QUOTE || (type == DATAGRAM_RESERVE) == (demand->body.reserve_time > 0);
}

static void put_ask(struct writer *writer, const struct datagram *datagram)
{
	if (datagram->ask.document == 0 && datagram->type == DATAGRAM_DOCUMENT)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	field_put_choice(writer, datagram->ask.document, DOCUMENTS);
	field_put_identifier(writer, &datagram->ask.task);
	writer_u32(writer, datagram->ask.part);
	field_put_amount(writer, datagram->ask.offset);
}

static void get_ask(struct cursor *cursor, struct datagram *datagram)
{
	uint8_t document = cursor_u8(cursor);

	if (document >= DOCUMENTS || (datagram->type == DATAGRAM_DOCUMENT && document == 0))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	datagram->ask.document = (enum datagram_document)document;
	datagram->ask.task = field_identifier(cursor);
	datagram->ask.part = cursor_u32(cursor);
	datagram->ask.offset = field_amount(cursor);
}

static void put_error(struct writer *writer, const struct datagram *datagram)
{
	field_put_code(writer, datagram->error.code);
	field_put_text(writer, datagram->error.text);
}

static void get_error(struct cursor *cursor, struct datagram *datagram)
{
	datagram->error.code = field_code(cursor);
	cursor_text(cursor, datagram->error.text, sizeof(datagram->error.text));
}

static void put_task(struct writer *writer, const struct datagram *datagram)
{
	field_put_identifier(writer, &datagram->task.task);
	field_put_choice(writer, datagram->task.state, TASK_STATE_BOUND);
	field_put_code(writer, datagram->task.code);
	field_put_identity(writer, datagram->task.anchor);
}

static void get_task(struct cursor *cursor, struct datagram *datagram)
{
	datagram->task.task = field_identifier(cursor);
	datagram->task.state = field_choice(cursor, TASK_STATE_BOUND);
	datagram->task.code = field_code(cursor);
	datagram->task.anchor = field_identity(cursor);
}

static void put_follow(struct writer *writer, const struct datagram *datagram)
{
	field_put_identifier(writer, &datagram->follow.task);
	field_put_somebody(writer, datagram->follow.anchor);
}

static void get_follow(struct cursor *cursor, struct datagram *datagram)
{
	datagram->follow.task = field_identifier(cursor);
	datagram->follow.anchor = field_somebody(cursor);
}

static void put_result(struct writer *writer, const struct datagram *datagram)
{
	field_put_identifier(writer, &datagram->result.task);
	field_put_code(writer, datagram->result.code);
	field_put_amount(writer, datagram->result.size);
	writer_bytes(writer, datagram->result.digest, sizeof(datagram->result.digest));
	if (datagram->result.inline_size > DATAGRAM_SLICE) {
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
		return;
	}
	if (datagram->result.inline_size > 0 && datagram->result.inline_size != datagram->result.size)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u16(writer, (uint16_t)datagram->result.inline_size);
	writer_bytes(writer, datagram->result.output, datagram->result.inline_size);
}

static void get_result(struct cursor *cursor, struct datagram *datagram)
{
	datagram->result.task = field_identifier(cursor);
	datagram->result.code = field_code(cursor);
	datagram->result.size = field_amount(cursor);
	cursor_copy(cursor, datagram->result.digest, sizeof(datagram->result.digest));
	datagram->result.inline_size = cursor_u16(cursor);
	if (datagram->result.inline_size > DATAGRAM_SLICE) {
		datagram->result.inline_size = 0;
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
	}
	if (datagram->result.inline_size > 0 && datagram->result.inline_size != datagram->result.size)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	cursor_copy(cursor, datagram->result.output, datagram->result.inline_size);
}

/* A slice lies within what it is a slice of; an empty one may stand past its end. */
static bool slice_is_within(const struct datagram *datagram)
{
	uint64_t total = datagram->slice.total, offset = datagram->slice.offset;

	return datagram->slice.size == 0 || (offset <= total && datagram->slice.size <= total - offset);
}

static void put_slice(struct writer *writer, const struct datagram *datagram)
{
	field_put_amount(writer, datagram->slice.total);
	field_put_amount(writer, datagram->slice.offset);
	if (datagram->slice.size > DATAGRAM_SLICE) {
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
		return;
	}
	if (!slice_is_within(datagram))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u16(writer, (uint16_t)datagram->slice.size);
	writer_bytes(writer, datagram->slice.bytes, datagram->slice.size);
}

static void get_slice(struct cursor *cursor, struct datagram *datagram)
{
	datagram->slice.total = field_amount(cursor);
	datagram->slice.offset = field_amount(cursor);
	datagram->slice.size = cursor_u16(cursor);
	if (datagram->slice.size > DATAGRAM_SLICE) {
		datagram->slice.size = 0;
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
	}
	if (!slice_is_within(datagram))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	cursor_copy(cursor, datagram->slice.bytes, datagram->slice.size);
}

static const struct codec {
	enum datagram_type type;
	void (*put)(struct writer *writer, const struct datagram *datagram);
	void (*get)(struct cursor *cursor, struct datagram *datagram);
} codecs[] = {
        {DATAGRAM_QUOTE, NULL, NULL},
        {DATAGRAM_RUN, NULL, NULL},
        {DATAGRAM_CALL, NULL, NULL},
        {DATAGRAM_DOCUMENT, put_ask, get_ask},
        {DATAGRAM_OUTPUT, put_ask, get_ask},
        {DATAGRAM_CANCEL, put_ask, get_ask},
        {DATAGRAM_RESERVE, NULL, NULL},
        {DATAGRAM_FOLLOW, put_follow, get_follow},
        {DATAGRAM_RELOAD, put_ask, get_ask},
        {DATAGRAM_ERROR, put_error, get_error},
        {DATAGRAM_TASK, put_task, get_task},
        {DATAGRAM_RESULT, put_result, get_result},
        {DATAGRAM_SLICE_OF, put_slice, get_slice},
};

static const struct codec *find_codec(unsigned type)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if ((unsigned)codecs[i].type == type)
			return &codecs[i];
	return NULL;
}

static void put_demand(struct writer *writer, enum datagram_type type, const struct demand *demand)
{
	int size;

	if (demand == NULL) {
		field_fail(writer, BUSBAR_ERROR_MISSING_FIELD);
		return;
	}
	if (!suits(type, demand))
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	if (writer->error != 0)
		return;
	size = demand_codec_encode(demand, writer->next, (size_t)(writer->end - writer->next));
	if (size < 0)
		field_fail(writer, size);
	else
		(void)writer_reserve(writer, (size_t)size);
}

static int put_mac(struct writer *writer, const uint8_t *secret)
{
	const struct seal_bytes part = {writer->start, writer_size(writer)};
	uint8_t mac[SEAL_MAC];
	int code = secret == NULL ? 0 : seal_mac(secret, &part, 1, mac);

	if (code == 0 && secret != NULL)
		writer_bytes(writer, mac, sizeof(mac));
	return code < 0 ? code : field_finish(writer);
}

int datagram_encode(const struct datagram *datagram, const struct demand *demand, const uint8_t *secret,
                    uint8_t *buffer, size_t capacity)
{
	/* The MAC must still fit behind the demand. */
	size_t reserve = secret == NULL ? 0 : SEAL_MAC;
	struct writer writer;
	const struct codec *codec = find_codec(datagram->type);

	if (codec == NULL || (secret == NULL && datagram->type != DATAGRAM_ERROR))
		return BUSBAR_ERROR_BAD_VALUE;
	capacity = MINIMUM(capacity, (size_t)DATAGRAM_MAXIMUM);
	if (capacity < reserve)
		return BUSBAR_ERROR_TOO_LARGE;
	writer = writer_open(buffer, capacity - reserve);
	writer_bytes(&writer, magic, sizeof(magic));
	writer_u8(&writer, DATAGRAM_VERSION);
	writer_u8(&writer, (uint8_t)datagram->type);
	writer_u32(&writer, datagram->key);
	field_put_identifier(&writer, &datagram->identifier);
	field_put_amount(&writer, (uint64_t)datagram->sent);
	if (carries_demand(datagram->type))
		put_demand(&writer, datagram->type, demand);
	else
		codec->put(&writer, datagram);
	if (writer.error != 0)
		return writer.error;
	writer.end += reserve;
	return put_mac(&writer, secret);
}

static int check_mac(const uint8_t *bytes, size_t size, const uint8_t *secret)
{
	const struct seal_bytes part = {bytes, size - SEAL_MAC};
	uint8_t mac[SEAL_MAC];
	int code = seal_mac(secret, &part, 1, mac);

	if (code < 0)
		return code;
	return seal_compare(mac, bytes + size - SEAL_MAC, SEAL_MAC) == 0 ? 0 : BUSBAR_ERROR_BAD_MAC;
}

/* Version, type, key, identifier, time; fills what the error reply needs. */
static int decode_header(struct cursor *cursor, struct datagram *datagram)
{
	const uint8_t *start = cursor_bytes(cursor, sizeof(magic));
	uint8_t version = cursor_u8(cursor), type = cursor_u8(cursor);

	datagram->key = cursor_u32(cursor);
	datagram->identifier = field_identifier(cursor);
	datagram->sent = (int64_t)cursor_u64(cursor);
	if (cursor->error != 0)
		return cursor->error;
	if (memcmp(start, magic, sizeof(magic)) != 0)
		return BUSBAR_ERROR_MALFORMED;
	if (version != DATAGRAM_VERSION)
		return BUSBAR_ERROR_VERSION;
	if (find_codec(type) == NULL)
		return BUSBAR_ERROR_MALFORMED;
	datagram->type = (enum datagram_type)type;
	return 0;
}

static int decode_body(struct cursor *cursor, struct arena *arena, struct datagram *datagram,
                       struct demand *ret_demand)
{
	int code;

	if (datagram->sent < 0)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	if (!carries_demand(datagram->type)) {
		find_codec(datagram->type)->get(cursor, datagram);
		return cursor_finish(cursor);
	}
	if (ret_demand == NULL)
		return BUSBAR_ERROR_MALFORMED;
	code = demand_codec_decode(cursor->next, cursor_left(cursor), arena, ret_demand);
	return code == 0 && !suits(datagram->type, ret_demand) ? BUSBAR_ERROR_BAD_VALUE : code;
}

/* A refusal of what could not be authenticated carries no MAC; its content is all there is. */
static int refuse(int code, struct cursor *cursor, struct datagram *ret_datagram)
{
	if (ret_datagram->type != DATAGRAM_ERROR)
		return code;
	get_error(cursor, ret_datagram);
	return BUSBAR_ERROR_BAD_MAC;
}

int datagram_decode(const uint8_t *bytes, size_t size, datagram_secret secret, void *context,
                    struct arena *arena, struct datagram *ret_datagram, struct demand *ret_demand)
{
	struct datagram datagram = {.key = 0};
	struct cursor cursor = cursor_open(bytes, size);
	const uint8_t *known;
	int code = size > DATAGRAM_MAXIMUM ? BUSBAR_ERROR_TOO_LARGE : decode_header(&cursor, &datagram);

	*ret_datagram = datagram;
	if (code < 0)
		return code;
	known = secret(context, datagram.key);
	if (known == NULL)
		return refuse(BUSBAR_ERROR_UNKNOWN_TENANT, &cursor, ret_datagram);
	if (cursor_left(&cursor) < SEAL_MAC)
		return refuse(BUSBAR_ERROR_TRUNCATED, &cursor, ret_datagram);
	code = check_mac(bytes, size, known);
	if (code < 0)
		return refuse(code, &cursor, ret_datagram);
	cursor.end -= SEAL_MAC;
	datagram.authentic = true;
	code = decode_body(&cursor, arena, &datagram, ret_demand);
	*ret_datagram = datagram;
	return code;
}
