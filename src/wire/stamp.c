/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/stamp.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/error.h"
#include "wire/field.h"
#include "wire/seal.h"
#include "wire/stamp_tlv.h"
#include <string.h>

/* RFC 8762 4.2.1, 4.2.2, 4.3.1, 4.3.2; what is named MBZ there is `blank` here. */
enum { STAMP_MAC = 16, STAMP_AUTHENTICATED = STAMP_SIZE_AUTHENTICATED - STAMP_MAC };

static void put_blank(struct writer *writer, size_t size)
{
	uint8_t *blank = writer_reserve(writer, size);

	if (blank != NULL)
		memset(blank, 0, size);
}

/* PTPv2 truncated (RFC 8877): 32 bits of seconds, 32 of nanoseconds. */
static void put_time(struct writer *writer, int64_t time)
{
	if (time < 0 || time / CLOCK_SECOND > UINT32_MAX)
		field_fail(writer, BUSBAR_ERROR_AMOUNT_OVERFLOW);
	writer_u32(writer, (uint32_t)(time / CLOCK_SECOND));
	writer_u32(writer, (uint32_t)(time % CLOCK_SECOND));
}

static int64_t get_time(struct cursor *cursor)
{
	int64_t seconds = cursor_u32(cursor), nanoseconds = cursor_u32(cursor);

	if (nanoseconds >= CLOCK_SECOND)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return seconds * CLOCK_SECOND + nanoseconds;
}

/* S, Z (1: PTPv2), scale, multiplier: RFC 4656 4.1.2 with RFC 8186. */
static void put_error(struct writer *writer, const struct stamp_error *error)
{
	if (error->scale > 0x3f || error->multiplier == 0)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)((error->synchronised ? 0x80 : 0) | 0x40 | (error->scale & 0x3f)));
	writer_u8(writer, error->multiplier);
}

static struct stamp_error get_error(struct cursor *cursor)
{
	uint8_t first = cursor_u8(cursor);
	struct stamp_error error = {.synchronised = (first & 0x80) != 0, .scale = first & 0x3f};

	error.multiplier = cursor_u8(cursor);
	if (cursor->error == 0 && ((first & 0x40) == 0 || error.multiplier == 0))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return error;
}

static void put_mac(struct writer *writer, const uint8_t *key)
{
	const struct seal_bytes part = {writer->start, writer_size(writer)};
	uint8_t mac[SEAL_MAC];
	int code;

	if (writer->error != 0)
		return;
	code = seal_mac(key, &part, 1, mac);
	if (code < 0)
		field_fail(writer, code);
	writer_bytes(writer, mac, STAMP_MAC);
}

static size_t base_size(const uint8_t *key)
{
	return key == NULL ? STAMP_SIZE : STAMP_SIZE_AUTHENTICATED;
}

static int check_packet(const uint8_t *bytes, size_t size, const uint8_t *key)
{
	const struct seal_bytes part = {bytes, STAMP_AUTHENTICATED};
	uint8_t mac[SEAL_MAC];
	int code;

	if (size < base_size(key) || size > STAMP_MAXIMUM)
		return size < base_size(key) ? BUSBAR_ERROR_TRUNCATED : BUSBAR_ERROR_TOO_LARGE;
	if (key == NULL)
		return 0;
	code = seal_mac(key, &part, 1, mac);
	if (code < 0)
		return code;
	return seal_compare(mac, bytes + STAMP_AUTHENTICATED, STAMP_MAC) == 0 ? 0 : BUSBAR_ERROR_BAD_MAC;
}

int stamp_encode_probe(const struct stamp_probe *probe, const uint8_t *key, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)STAMP_MAXIMUM));

	writer_u32(&writer, probe->sequence);
	if (key != NULL)
		put_blank(&writer, 12);
	put_time(&writer, probe->sent);
	put_error(&writer, &probe->error);
	writer_u16(&writer, probe->session);
	put_blank(&writer, key != NULL ? 68 : 28);
	if (key != NULL)
		put_mac(&writer, key);
	stamp_tlv_put_probe(&writer, probe, key);
	return field_finish(&writer);
}

int stamp_decode_probe(const uint8_t *bytes, size_t size, const uint8_t *key, struct stamp_probe *ret_probe)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct stamp_probe probe;
	int code = check_packet(bytes, size, key);

	if (code < 0)
		return code;
	probe.sequence = cursor_u32(&cursor);
	if (key != NULL)
		(void)cursor_bytes(&cursor, 12);
	probe.sent = get_time(&cursor);
	probe.error = get_error(&cursor);
	probe.session = cursor_u16(&cursor);
	if (cursor.error != 0)
		return cursor.error;
	stamp_tlv_get_probe(bytes, base_size(key), size, key, &probe);
	*ret_probe = probe;
	return 0;
}

int stamp_encode_reply(const struct stamp_reply *reply, const uint8_t *key, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)STAMP_MAXIMUM));
	bool authenticated = key != NULL;

	writer_u32(&writer, reply->sequence);
	put_blank(&writer, authenticated ? 12 : 0);
	put_time(&writer, reply->sent);
	put_error(&writer, &reply->error);
	writer_u16(&writer, reply->session);
	put_blank(&writer, authenticated ? 4 : 0);
	put_time(&writer, reply->received);
	put_blank(&writer, authenticated ? 8 : 0);
	writer_u32(&writer, reply->sender_sequence);
	put_blank(&writer, authenticated ? 12 : 0);
	put_time(&writer, reply->sender_sent);
	put_error(&writer, &reply->sender_error);
	put_blank(&writer, authenticated ? 6 : 2);
	writer_u8(&writer, reply->sender_ttl);
	put_blank(&writer, authenticated ? 15 : 3);
	if (authenticated)
		put_mac(&writer, key);
	stamp_tlv_put_reply(&writer, reply, key);
	return field_finish(&writer);
}

int stamp_decode_reply(const uint8_t *bytes, size_t size, const uint8_t *key, struct stamp_reply *ret_reply)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct stamp_reply reply;
	bool authenticated = key != NULL;
	int code = check_packet(bytes, size, key);

	if (code < 0)
		return code;
	reply.sequence = cursor_u32(&cursor);
	(void)cursor_bytes(&cursor, authenticated ? 12 : 0);
	reply.sent = get_time(&cursor);
	reply.error = get_error(&cursor);
	reply.session = cursor_u16(&cursor);
	(void)cursor_bytes(&cursor, authenticated ? 4 : 0);
	reply.received = get_time(&cursor);
	(void)cursor_bytes(&cursor, authenticated ? 8 : 0);
	reply.sender_sequence = cursor_u32(&cursor);
	(void)cursor_bytes(&cursor, authenticated ? 12 : 0);
	reply.sender_sent = get_time(&cursor);
	reply.sender_error = get_error(&cursor);
	(void)cursor_bytes(&cursor, authenticated ? 6 : 2);
	reply.sender_ttl = cursor_u8(&cursor);
	if (cursor.error != 0)
		return cursor.error;
	reply.way_refused = false;
	stamp_tlv_get_reply(bytes, base_size(key), size, key, &reply);
	*ret_reply = reply;
	return 0;
}
