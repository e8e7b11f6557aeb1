/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/stamp_tlv.h"

#include "base/error.h"
#include "wire/field.h"
#include "wire/seal.h"
#include <string.h>

enum {
	UNRECOGNISED = 0x80, /* U, of RFC 8972 4.2; what a sender sets */
	MALFORMED = 0x40,
	UNVERIFIED = 0x20, /* I */
	TLV_PADDING = 1,
	TLV_HMAC = 8,
	TLV_RETURN = 10,
	TLV_LOAD = 252,
	RETURN_SEGMENTS = 4, /* sub-TLV */
	HEAD = 4,
	MAC = 16,
	SEGMENT = 16,
	SEQUENCE = 4, /* octets that every packet begins with, and every HMAC */
};

struct tlv {
	uint8_t flags, type;
	uint16_t size;
	const uint8_t *value;
};

/* False for one that does not fit what is left. */
static bool next_tlv(struct cursor *cursor, struct tlv *ret_tlv)
{
	struct tlv tlv = {.flags = cursor_u8(cursor)};

	tlv.type = cursor_u8(cursor);
	tlv.size = cursor_u16(cursor);
	tlv.value = cursor_bytes(cursor, tlv.size);
	if (cursor->error != 0)
		return false;
	*ret_tlv = tlv;
	return true;
}

static bool is_known(const struct tlv *tlv, const uint8_t *key)
{
	return tlv->type == TLV_PADDING ||
	       (key != NULL && (tlv->type == TLV_HMAC || tlv->type == TLV_RETURN || tlv->type == TLV_LOAD));
}

static void open_tlv(struct writer *writer, uint8_t flags, uint8_t type, size_t size)
{
	writer_u8(writer, flags);
	writer_u8(writer, type);
	writer_u16(writer, (uint16_t)size);
}

static void put_zeros(struct writer *writer, size_t size)
{
	uint8_t *zeros = writer_reserve(writer, size);

	if (zeros != NULL)
		memset(zeros, 0, size);
}

static int mac_of(const uint8_t *packet, const uint8_t *tlvs, size_t size, const uint8_t *key,
                  uint8_t ret_mac[MAC])
{
	const struct seal_bytes parts[] = {{packet, SEQUENCE}, {tlvs, size}};
	uint8_t mac[SEAL_MAC];
	int code = seal_mac(key, parts, ARRAY_SIZE(parts), mac);

	if (code == 0)
		memcpy(ret_mac, mac, MAC);
	return code;
}

/* Over what was written from `start` on. */
static void put_mac(struct writer *writer, size_t start, uint8_t flags, const uint8_t *key)
{
	uint8_t mac[MAC];
	int code;

	if (writer->error != 0)
		return;
	code = mac_of(writer->start, writer->start + start, writer_size(writer) - start, key, mac);
	if (code < 0)
		field_fail(writer, code);
	open_tlv(writer, flags, TLV_HMAC, MAC);
	writer_bytes(writer, mac, MAC);
}

static void put_way(struct writer *writer, const struct stamp_probe *probe)
{
	size_t size = (size_t)probe->way_count * SEGMENT;

	if (probe->way_count > STAMP_SEGMENTS) {
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
		return;
	}
	open_tlv(writer, UNRECOGNISED, TLV_RETURN, HEAD + size);
	open_tlv(writer, UNRECOGNISED, RETURN_SEGMENTS, size);
	writer_bytes(writer, probe->way, size);
}

void stamp_tlv_put_probe(struct writer *writer, const struct stamp_probe *probe, const uint8_t *key)
{
	size_t start = writer_size(writer);

	if (probe->way_count > 0)
		put_way(writer, probe);
	if (probe->room > 0) {
		open_tlv(writer, UNRECOGNISED, TLV_LOAD, probe->room);
		put_zeros(writer, probe->room);
	}
	if (probe->padding > 0) {
		open_tlv(writer, UNRECOGNISED, TLV_PADDING, probe->padding);
		put_zeros(writer, probe->padding);
	}
	if (key != NULL && writer_size(writer) > start)
		put_mac(writer, start, UNRECOGNISED, key);
}

/* What the reflector says of one of the probe's. */
static uint8_t flags_of(const struct tlv *tlv, const struct stamp_reply *reply, const uint8_t *key)
{
	uint8_t flags = 0;

	if (!is_known(tlv, key) || (tlv->type == TLV_RETURN && reply->way_refused))
		flags |= UNRECOGNISED;
	if (reply->tlvs.error == BUSBAR_ERROR_BAD_MAC)
		flags |= UNVERIFIED;
	return flags;
}

static void put_load(struct writer *writer, const struct tlv *tlv, const struct stamp_reply *reply)
{
	uint8_t *room = writer_reserve(writer, tlv->size);

	/* A load that has no room is none: the room stays zero. */
	if (room != NULL && load_codec_encode(&reply->load, room, tlv->size) < 0)
		memset(room, 0, tlv->size);
}

static void put_one(struct writer *writer, const struct tlv *tlv, const struct stamp_reply *reply,
                    size_t start, const uint8_t *key)
{
	uint8_t flags = flags_of(tlv, reply, key);
	bool authentic = key != NULL && reply->tlvs.error == 0;

	if (tlv->type == TLV_HMAC && authentic) {
		put_mac(writer, start, flags, key);
		return;
	}
	open_tlv(writer, flags, tlv->type, tlv->size);
	if (tlv->type == TLV_LOAD && authentic && reply->has_load)
		put_load(writer, tlv, reply);
	else
		writer_bytes(writer, tlv->value, tlv->size);
}

/* From the first that cannot be read on: as it came, but for the M flag. */
static void put_broken(struct writer *writer, const struct stamp_tlvs *tlvs)
{
	size_t size = tlvs->size - tlvs->broken_at;

	if (size == 0)
		return;
	writer_u8(writer, MALFORMED);
	writer_bytes(writer, tlvs->bytes + tlvs->broken_at + 1, size - 1);
}

void stamp_tlv_put_reply(struct writer *writer, const struct stamp_reply *reply, const uint8_t *key)
{
	struct cursor cursor = cursor_open(reply->tlvs.bytes, reply->tlvs.broken_at);
	size_t start = writer_size(writer);
	struct tlv tlv;

	while (cursor_left(&cursor) > 0 && next_tlv(&cursor, &tlv))
		put_one(writer, &tlv, reply, start, key);
	put_broken(writer, &reply->tlvs);
}

/* The one list of segments that there may be. */
static bool read_way(const struct tlv *tlv, struct stamp_probe *probe)
{
	struct cursor cursor = cursor_open(tlv->value, tlv->size);
	struct tlv list;

	if (!next_tlv(&cursor, &list) || cursor_left(&cursor) > 0 || list.type != RETURN_SEGMENTS ||
	    list.size == 0 || list.size % SEGMENT != 0 || list.size / SEGMENT > STAMP_SEGMENTS)
		return false;
	probe->way_count = list.size / SEGMENT;
	memcpy(probe->way, list.value, list.size);
	return true;
}

/* What a walk over extensions has met. */
struct walk {
	const uint8_t *packet;
	const uint8_t *key;
	size_t hmac_at; /* of the HMAC; SIZE_MAX: none yet */
	bool needs_mac, misplaced;
	uint16_t padding;
	const struct tlv *load, *way;
	struct tlv found[2];
};

/* False for one whose length is wrong for its type, or that is there twice. */
static bool look_at(struct walk *walk, const struct tlv *tlv, size_t at)
{
	const struct tlv **place = tlv->type == TLV_LOAD ? &walk->load : &walk->way;

	if (tlv->type == TLV_PADDING) {
		walk->padding = tlv->size;
		return true;
	}
	if (walk->hmac_at != SIZE_MAX)
		walk->misplaced = true;
	if (!is_known(tlv, walk->key)) {
		walk->needs_mac = true;
		return true;
	}
	if (tlv->type == TLV_HMAC) {
		if (tlv->size != MAC || walk->hmac_at != SIZE_MAX)
			return false;
		walk->hmac_at = at;
		return true;
	}
	walk->needs_mac = true;
	if (*place != NULL)
		return false;
	walk->found[tlv->type == TLV_LOAD] = *tlv;
	*place = &walk->found[tlv->type == TLV_LOAD];
	return true;
}

static bool is_authentic(const struct walk *walk, const struct stamp_tlvs *tlvs)
{
	uint8_t mac[MAC];

	if (walk->hmac_at == SIZE_MAX)
		return !walk->needs_mac;
	return !walk->misplaced && mac_of(walk->packet, tlvs->bytes, walk->hmac_at, walk->key, mac) == 0 &&
	       seal_compare(mac, tlvs->bytes + walk->hmac_at + HEAD, MAC) == 0;
}

/* Reads all that can be read; whether it is authentic is the last question, since it costs most. */
static void take(struct walk *walk, size_t base, size_t size, struct stamp_tlvs *tlvs)
{
	struct cursor cursor = cursor_open(walk->packet + base, size - base);
	struct tlv tlv;
	size_t at = 0;

	*tlvs = (struct stamp_tlvs){.bytes = walk->packet + base,
	                            .size = size - base,
	                            .broken_at = size - base};
	while (cursor_left(&cursor) > 0) {
		if (!next_tlv(&cursor, &tlv) || !look_at(walk, &tlv, at)) {
			tlvs->broken_at = at;
			tlvs->error = BUSBAR_ERROR_MALFORMED;
			return;
		}
		at = tlvs->size - cursor_left(&cursor);
	}
	if (walk->key != NULL && !is_authentic(walk, tlvs))
		tlvs->error = BUSBAR_ERROR_BAD_MAC;
}

void stamp_tlv_get_probe(const uint8_t *packet, size_t base, size_t size, const uint8_t *key,
                         struct stamp_probe *probe)
{
	struct walk walk = {.packet = packet, .key = key, .hmac_at = SIZE_MAX};

	probe->room = probe->padding = 0;
	probe->way_count = 0;
	take(&walk, base, size, &probe->tlvs);
	if (probe->tlvs.error != 0)
		return;
	if (walk.way != NULL && !read_way(walk.way, probe)) {
		probe->tlvs.error = BUSBAR_ERROR_MALFORMED;
		probe->tlvs.broken_at = (size_t)(walk.way->value - probe->tlvs.bytes) - HEAD;
		return;
	}
	probe->padding = walk.padding;
	if (walk.load != NULL)
		probe->room = walk.load->size;
}

static int error_of_flags(uint8_t flags)
{
	return (flags & UNVERIFIED) != 0     ? BUSBAR_ERROR_BAD_MAC
	       : (flags & MALFORMED) != 0    ? BUSBAR_ERROR_MALFORMED
	       : (flags & UNRECOGNISED) != 0 ? BUSBAR_ERROR_UNKNOWN_FIELD
	                                     : 0;
}

/* The first complaint of the reflector. */
static int complaint_of(const struct stamp_tlvs *tlvs)
{
	struct cursor cursor = cursor_open(tlvs->bytes, tlvs->size);
	struct tlv tlv;
	int error = 0;

	while (error == 0 && cursor_left(&cursor) > 0 && next_tlv(&cursor, &tlv))
		error = error_of_flags(tlv.flags);
	return error;
}

void stamp_tlv_get_reply(const uint8_t *packet, size_t base, size_t size, const uint8_t *key,
                         struct stamp_reply *reply)
{
	struct walk walk = {.packet = packet, .key = key, .hmac_at = SIZE_MAX};
	int code;

	reply->has_load = false;
	take(&walk, base, size, &reply->tlvs);
	if (key == NULL || reply->tlvs.error != 0)
		return;
	reply->tlvs.error = complaint_of(&reply->tlvs);
	if (walk.load == NULL || walk.load->flags != 0)
		return;
	code = load_codec_decode(walk.load->value, walk.load->size, &reply->load);
	reply->has_load = code == 0;
	/* A room that is left empty is no mistake. */
	if (code < 0 && code != BUSBAR_ERROR_MISSING_FIELD)
		reply->tlvs.error = code;
}
