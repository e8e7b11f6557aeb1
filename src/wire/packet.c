/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packet.h"

#include "base/cursor.h"
#include "base/error.h"
#include "wire/field.h"
#include "wire/program_codec.h"
#include "wire/segment.h"
#include <string.h>

enum {
	IPV6_HEADER = 40,
	IPV6_ROUTING = 43,
	IPV6_UDP = 17,
	IPV6_HOP_LIMIT_AT = 7,
	IPV6_SOURCE_AT = 8,
	IPV6_DESTINATION_AT = 24,
	SRH_HEADER = 8,
	SRH_TYPE = 4,
	IPV6_NEXT_AT = 6,
	SRH_TYPE_AT = IPV6_HEADER + 2,
	SRH_SEGMENTS_LEFT_AT = IPV6_HEADER + 3,
	SRH_LAST_AT = IPV6_HEADER + 4, /* Last Entry, Flags, Tag, then the segments */
	SRH_FLAGS_AT = IPV6_HEADER + 5,
	SRH_FLAG_HMAC = 0x08, /* kernels look for an HMAC TLV only where it is set */
	SRH_SEGMENTS_AT = IPV6_HEADER + SRH_HEADER,
	SEGMENT = 16,
	TLV_PAD1 = 0,
	TLV_PADN = 4,
	TLV_HMAC = 5,
	TLV_PROGRAM = 124,
	TLV_OPERAND = 125,
	TLV_MAC = 126,
	TLV_HEADER = 2,
	HMAC_HEAD = 6, /* D bit, reserved, key id */
	HMAC_SIZE = TLV_HEADER + HMAC_HEAD + SEAL_MAC,
	UDP_HEADER = 8,
	PADDING_MAXIMUM = 9,
	PROGRAM_VERSION = 1,
	PROGRAM_PORT = 4180,
};

/* Where the parts of a packet are. */
struct layout {
	size_t segments; /* number */
	size_t tlvs, tlvs_end;
	size_t udp;
};

static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (size % 2 != 0)
		sum += (uint32_t)bytes[size - 1] << 8;
	return sum;
}

/* RFC 8200 8.1, with the final destination (RFC 8754 4.3.1.1). 0 when `udp` carries the right checksum. */
static uint16_t checksum(const uint8_t source[16], const uint8_t destination[16], const uint8_t *udp,
                         size_t size)
{
	uint32_t sum = add_words(0, source, 16);

	sum = add_words(sum, destination, 16);
	sum += (uint32_t)(size >> 16) + (uint32_t)(size & 0xffff) + IPV6_UDP;
	sum = add_words(sum, udp, size);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_ipv6(struct writer *writer, uint8_t next, const uint8_t source[16],
                     const uint8_t destination[16])
{
	writer_u32(writer, UINT32_C(6) << 28);
	writer_u16(writer, 0); /* payload length: patched */
	writer_u8(writer, next);
	writer_u8(writer, PACKET_HOP_LIMIT);
	writer_bytes(writer, source, 16);
	writer_bytes(writer, destination, 16);
}

/* The header and the list, which is in reverse on the wire. */
static void put_srh(struct writer *writer, const uint8_t segments[][16], uint32_t count)
{
	writer_u8(writer, IPV6_UDP);
	writer_u8(writer, 0); /* length: patched */
	writer_u8(writer, SRH_TYPE);
	writer_u8(writer, (uint8_t)(count - 1));
	writer_u8(writer, (uint8_t)(count - 1));
	writer_u8(writer, SRH_FLAG_HMAC);
	writer_u16(writer, 0);
	for (uint32_t i = count; i-- > 0;)
		writer_bytes(writer, segments[i], SEGMENT);
}

/* PadN (Pad1 makes kernels drop the packet) so that the header ends on 8 octets once `follows` more are in.
 */
static void put_padding(struct writer *writer, size_t follows)
{
	static const uint8_t zeros[8];
	size_t gap = (8 - (writer_size(writer) + follows) % 8) % 8;

	if (gap == 0)
		return;
	if (gap < TLV_HEADER)
		gap += 8;
	writer_u8(writer, TLV_PADN);
	writer_u8(writer, (uint8_t)(gap - TLV_HEADER));
	writer_bytes(writer, zeros, gap - TLV_HEADER);
}

/* Ends the header with the HMAC TLV, whose MAC comes when all is written: patch_hmac(). */
static void close_srh(struct writer *writer, uint8_t key)
{
	writer_u8(writer, TLV_HMAC);
	writer_u8(writer, HMAC_SIZE - TLV_HEADER);
	writer_u16(writer, 0);
	writer_u32(writer, key);
	(void)writer_reserve(writer, SEAL_MAC);
	/* In 8 octets, the first 8 left out. */
	writer_patch_u8(writer, IPV6_HEADER + 1, (uint8_t)((writer_size(writer) - IPV6_HEADER) / 8 - 1));
}

static void put_udp(struct writer *writer, uint16_t source_port, uint16_t destination_port,
                    const void *payload, size_t size)
{
	writer_u16(writer, source_port);
	writer_u16(writer, destination_port);
	writer_u16(writer, (uint16_t)(UDP_HEADER + size));
	writer_u16(writer, 0);
	writer_bytes(writer, payload, size);
}

/* Payload length and checksum, when everything else is written. */
static int close_packet(struct writer *writer, size_t udp, const uint8_t source[16],
                        const uint8_t destination[16])
{
	size_t size = writer_size(writer);
	uint16_t sum;

	if (writer->error != 0)
		return writer->error;
	writer_patch_u16(writer, 4, (uint16_t)(size - IPV6_HEADER));
	sum = checksum(source, destination, writer->start + udp, size - udp);
	writer_patch_u16(writer, udp + 6, sum == 0 ? 0xffff : sum);
	return field_finish(writer);
}

/* Begins a TLV whose length is patched by close_tlv(). */
static size_t open_tlv(struct writer *writer, uint8_t type)
{
	writer_u8(writer, type);
	writer_u8(writer, 0);
	return writer_size(writer);
}

static void close_tlv(struct writer *writer, size_t start)
{
	size_t size = writer_size(writer) - start;

	if (writer->error != 0)
		return;
	if (size > UINT8_MAX)
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
	else
		writer_patch_u8(writer, start - 1, (uint8_t)size);
}

static void put_program_tlvs(struct writer *writer, const struct program *program, uint8_t key)
{
	size_t start = open_tlv(writer, TLV_PROGRAM);

	writer_u8(writer, PROGRAM_VERSION);
	writer_u8(writer, key);
	program_codec_put_head(writer, program);
	close_tlv(writer, start);
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		start = open_tlv(writer, TLV_OPERAND);
		program_codec_put_operand(writer, &program->instructions[i], (uint8_t)i);
		close_tlv(writer, start);
	}
}

/*
 * Covers the source (answers go there), Last Entry, Flags, Tag and segment list, the TLVs up to the MAC with
 * their padding, and the payload. Each part says where it ends before the next one begins: what the tenant
 * sends as payload can never be read as TLVs or segments under the same MAC.
 */
static int program_mac(const uint8_t *bytes, const struct layout *layout, size_t mac_tlv, size_t size,
                       const struct seal_key *key, struct gateway_identity ingress, uint8_t mac[SEAL_MAC])
{
	size_t tlvs = mac_tlv - layout->tlvs;
	const uint8_t tlvs_size[] = {(uint8_t)(tlvs >> 8), (uint8_t)tlvs};
	const struct seal_bytes parts[] = {
	        {bytes + IPV6_SOURCE_AT, SEGMENT},
	        {bytes + SRH_LAST_AT, layout->tlvs - SRH_LAST_AT},
	        {tlvs_size, sizeof(tlvs_size)},
	        {bytes + layout->tlvs, tlvs},
	        {bytes + layout->udp + UDP_HEADER, size - layout->udp - UDP_HEADER},
	};

	return seal_domain_mac(key, SEAL_PROGRAM, ingress, parts, ARRAY_SIZE(parts), mac);
}

/*
 * RFC 8754 2.1.2.1, as kernels do it: source, Last Entry and Flags, key id, segment list. The sub-key is what
 * the kernels of the domain have been given under the key's id.
 */
static int segment_mac(const uint8_t *bytes, size_t segments, const struct seal_key *key,
                       uint8_t mac[SEAL_MAC])
{
	const uint8_t key_id[] = {0, 0, 0, key->identifier};
	const struct seal_bytes parts[] = {
	        {bytes + IPV6_SOURCE_AT, SEGMENT},
	        {bytes + SRH_LAST_AT, SRH_FLAGS_AT + 1 - SRH_LAST_AT},
	        {key_id, sizeof(key_id)},
	        {bytes + SRH_SEGMENTS_AT, segments * SEGMENT},
	};
	uint8_t secret[SEAL_SECRET];
	int code = seal_segment_secret(key, secret);

	return code < 0 ? code : seal_mac(secret, parts, ARRAY_SIZE(parts), mac);
}

/* Into the HMAC TLV that close_srh() wrote, which ends where `end` says. */
static int patch_hmac(uint8_t *bytes, size_t end, size_t segments, const struct seal_key *key)
{
	uint8_t mac[SEAL_MAC];
	int code = segment_mac(bytes, segments, key, mac);

	if (code == 0)
		memcpy(bytes + end - SEAL_MAC, mac, sizeof(mac));
	return code;
}

/* A segment must be what its instruction says, or the operand would be executed by somebody else. */
static int check_functions(const struct program *program, const uint8_t segments[][16])
{
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		if (segment_function(segments[i]) != segment_function_of(program->instructions[i].operation))
			return BUSBAR_ERROR_MALFORMED;
	}
	return 0;
}

/* Everything but MACs, length and checksum; where they go is in *layout and *mac_tlv. */
static void put_packet(struct writer *writer, const struct program *program, const uint8_t segments[][16],
                       const uint8_t source[16], uint8_t key, const struct seal_bytes *payload,
                       struct layout *layout, size_t *mac_tlv)
{
	put_ipv6(writer, IPV6_ROUTING, source, segments[0]);
	put_srh(writer, segments, program->instruction_count);
	layout->segments = program->instruction_count;
	layout->tlvs = writer_size(writer);
	put_program_tlvs(writer, program, key);
	put_padding(writer, TLV_HEADER + SEAL_MAC);
	*mac_tlv = writer_size(writer);
	writer_u8(writer, TLV_MAC);
	writer_u8(writer, SEAL_MAC);
	(void)writer_reserve(writer, SEAL_MAC);
	close_srh(writer, key);
	layout->udp = writer_size(writer);
	put_udp(writer, PROGRAM_PORT, PROGRAM_PORT, payload->bytes, payload->size);
}

int packet_encode(const struct program *program, const uint8_t segments[][16], const uint8_t source[16],
                  const struct seal_key *key, const void *payload, size_t payload_size, uint8_t *buffer,
                  size_t capacity)
{
	struct writer writer = writer_open(buffer, MINIMUM(capacity, (size_t)PACKET_MAXIMUM));
	const struct seal_bytes input = {payload, payload_size};
	struct layout layout;
	uint8_t mac[SEAL_MAC];
	size_t mac_tlv;
	int code = program_check(program);

	if (code == 0 && payload_size > PACKET_PAYLOAD)
		code = BUSBAR_ERROR_TOO_LARGE;
	if (code == 0)
		code = check_functions(program, segments);
	if (code < 0)
		return code;
	put_packet(&writer, program, segments, source, key->identifier, &input, &layout, &mac_tlv);
	if (writer.error != 0)
		return writer.error;
	code = program_mac(buffer, &layout, mac_tlv, writer_size(&writer), key, program->ingress, mac);
	if (code == 0)
		code = patch_hmac(buffer, layout.udp, layout.segments, key);
	if (code < 0)
		return code;
	memcpy(buffer + mac_tlv + TLV_HEADER, mac, sizeof(mac));
	return close_packet(&writer, layout.udp, source, segments[layout.segments - 1]);
}

int packet_encode_plain(const uint8_t source[16], const uint8_t destination[16], uint16_t source_port,
                        uint16_t destination_port, const uint8_t segments[][16], uint32_t segment_count,
                        const struct seal_key *key, const void *payload, size_t payload_size, uint8_t *buffer,
                        size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);
	uint8_t list[PROGRAM_INSTRUCTIONS + 1][16];
	size_t udp;
	int code = 0;

	if (segment_count > PROGRAM_INSTRUCTIONS ||
	    payload_size > UINT16_MAX - UDP_HEADER - SRH_HEADER - sizeof(list) - HMAC_SIZE)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < segment_count; i++)
		memcpy(list[i], segments[i], SEGMENT);
	memcpy(list[segment_count], destination, SEGMENT);
	put_ipv6(&writer, segment_count > 0 ? IPV6_ROUTING : IPV6_UDP, source, list[0]);
	if (segment_count > 0) {
		put_srh(&writer, (const uint8_t(*)[16])list, segment_count + 1);
		close_srh(&writer, key->identifier);
	}
	udp = writer_size(&writer);
	if (segment_count > 0 && writer.error == 0)
		code = patch_hmac(buffer, udp, (size_t)segment_count + 1, key);
	if (code < 0)
		return code;
	put_udp(&writer, source_port, destination_port, payload, payload_size);
	return close_packet(&writer, udp, source, destination);
}

/* IPv6 and SRH: RFC 8200 3, RFC 8754 2. */
static int decode_headers(const uint8_t *bytes, size_t size, struct packet *packet, struct layout *layout)
{
	struct cursor cursor = cursor_open(bytes, size);
	uint8_t next, length, type, last, flags;
	uint16_t payload;

	if (cursor_u32(&cursor) >> 28 != 6)
		return BUSBAR_ERROR_MALFORMED;
	payload = cursor_u16(&cursor);
	next = cursor_u8(&cursor);
	(void)cursor_u8(&cursor);
	cursor_copy(&cursor, packet->source, SEGMENT);
	cursor_copy(&cursor, packet->destination, SEGMENT);
	if (cursor.error == 0 && (next != IPV6_ROUTING || payload != size - IPV6_HEADER))
		return BUSBAR_ERROR_MALFORMED;
	next = cursor_u8(&cursor);
	length = cursor_u8(&cursor);
	type = cursor_u8(&cursor);
	packet->segments_left = cursor_u8(&cursor);
	last = cursor_u8(&cursor);
	flags = cursor_u8(&cursor);
	(void)cursor_u16(&cursor);
	if (cursor.error != 0)
		return cursor.error;
	layout->segments = (size_t)last + 1;
	layout->tlvs = SRH_SEGMENTS_AT + layout->segments * SEGMENT;
	layout->tlvs_end = IPV6_HEADER + ((size_t)length + 1) * 8;
	layout->udp = layout->tlvs_end;
	if (next != IPV6_UDP || type != SRH_TYPE || flags != SRH_FLAG_HMAC ||
	    layout->segments > PROGRAM_INSTRUCTIONS || packet->segments_left > last ||
	    layout->tlvs > layout->tlvs_end)
		return BUSBAR_ERROR_MALFORMED;
	return layout->udp + UDP_HEADER > size ? BUSBAR_ERROR_TRUNCATED : 0;
}

static int decode_segments(const uint8_t *bytes, const struct layout *layout, struct packet *packet)
{
	packet->segment_count = (uint32_t)layout->segments;
	for (size_t i = 0; i < layout->segments; i++)
		memcpy(packet->segments[layout->segments - 1 - i], bytes + SRH_SEGMENTS_AT + i * SEGMENT,
		       SEGMENT);
	/* The destination is always the segment that Segments Left points to. */
	if (memcmp(packet->destination, packet->segments[layout->segments - 1 - packet->segments_left],
	           SEGMENT) != 0)
		return BUSBAR_ERROR_MALFORMED;
	return 0;
}

static int decode_udp(const uint8_t *bytes, size_t size, const struct layout *layout, struct packet *packet)
{
	struct cursor cursor = cursor_open(bytes + layout->udp, size - layout->udp);
	uint16_t source_port = cursor_u16(&cursor), destination_port = cursor_u16(&cursor);
	uint16_t length = cursor_u16(&cursor), sum = cursor_u16(&cursor);

	if (length != size - layout->udp || source_port != PROGRAM_PORT || destination_port != PROGRAM_PORT ||
	    sum == 0)
		return BUSBAR_ERROR_MALFORMED;
	if (checksum(packet->source, packet->segments[packet->segment_count - 1], bytes + layout->udp,
	             size - layout->udp) != 0)
		return BUSBAR_ERROR_MALFORMED;
	packet->payload_size = cursor_left(&cursor);
	packet->payload = bytes + layout->udp + UDP_HEADER;
	return packet->payload_size > PACKET_PAYLOAD ? BUSBAR_ERROR_TOO_LARGE : 0;
}

/* What was met while walking the TLVs. */
struct walk {
	bool program;
	size_t mac_tlv; /* 0: not yet */
	const uint8_t *mac;
	const uint8_t *hmac; /* NULL: not yet */
};

static int decode_program_tlv(struct cursor value, struct packet *packet, struct walk *walk)
{
	if (walk->program)
		return BUSBAR_ERROR_MALFORMED;
	walk->program = true;
	if (cursor_u8(&value) != PROGRAM_VERSION)
		return value.error != 0 ? value.error : BUSBAR_ERROR_VERSION;
	packet->key = cursor_u8(&value);
	program_codec_head(&value, &packet->program);
	return cursor_finish(&value);
}

static int decode_operand_tlv(struct cursor value, struct packet *packet)
{
	struct program *program = &packet->program;
	uint8_t position;

	if (program->instruction_count == packet->segment_count)
		return BUSBAR_ERROR_MALFORMED;
	program_codec_operand(&value, &program->instructions[program->instruction_count], &position);
	if (value.error == 0 && position != program->instruction_count)
		return BUSBAR_ERROR_MALFORMED;
	program->instruction_count++;
	return cursor_finish(&value);
}

/* The D bit would say that the list is reduced; ours never is. */
static int decode_hmac_tlv(struct cursor value, const struct packet *packet, struct walk *walk)
{
	uint16_t reserved = cursor_u16(&value);
	uint32_t key = cursor_u32(&value);

	if (value.error == 0 && (reserved != 0 || key != packet->key))
		return BUSBAR_ERROR_MALFORMED;
	walk->hmac = cursor_bytes(&value, SEAL_MAC);
	return cursor_finish(&value);
}

static int decode_tlv(uint8_t type, struct cursor value, size_t at, struct packet *packet, struct walk *walk)
{
	bool ours = type == TLV_PROGRAM || type == TLV_OPERAND || type == TLV_MAC;

	/* Nothing may hide behind the MAC but the HMAC, which is last, and nothing come before its program.
	 */
	if ((walk->mac_tlv != 0) != (type == TLV_HMAC) || walk->hmac != NULL ||
	    (ours && type != TLV_PROGRAM && !walk->program))
		return BUSBAR_ERROR_MALFORMED;
	switch (type) {
	case TLV_PROGRAM:
		return decode_program_tlv(value, packet, walk);
	case TLV_OPERAND:
		return decode_operand_tlv(value, packet);
	case TLV_MAC:
		walk->mac_tlv = at;
		walk->mac = cursor_bytes(&value, SEAL_MAC);
		return cursor_finish(&value);
	case TLV_HMAC:
		return decode_hmac_tlv(value, packet, walk);
	default:
		return 0; /* PadN, and what later versions add: the MAC covers it */
	}
}

static int walk_tlvs(const uint8_t *bytes, const struct layout *layout, struct packet *packet,
                     struct walk *walk)
{
	struct cursor cursor = cursor_open(bytes + layout->tlvs, layout->tlvs_end - layout->tlvs);

	while (cursor_left(&cursor) > 0) {
		size_t at = (size_t)(cursor.next - bytes);
		uint8_t type = cursor_u8(&cursor);
		struct cursor value;
		int code;

		if (type == TLV_PAD1 && walk->mac_tlv == 0)
			continue;
		value = cursor_part(&cursor, cursor_u8(&cursor));
		if (cursor.error != 0)
			return cursor.error;
		code = decode_tlv(type, value, at, packet, walk);
		if (code < 0)
			return code;
	}
	return 0;
}

static int decode_tlvs(const uint8_t *bytes, const struct layout *layout, struct packet *packet,
                       struct walk *walk)
{
	int code = walk_tlvs(bytes, layout, packet, walk);

	/* Inside a header whose length was stated, running out is a contradiction, not a cut message. */
	if (code == BUSBAR_ERROR_TRUNCATED)
		return BUSBAR_ERROR_MALFORMED;
	if (code == 0 && (!walk->program || walk->hmac == NULL ||
	                  packet->program.instruction_count != packet->segment_count))
		return BUSBAR_ERROR_MALFORMED;
	return code;
}

/* The cheaper one first: it is over the segments alone. */
static int check_macs(const uint8_t *bytes, size_t size, const struct layout *layout, const struct walk *walk,
                      const struct seal_ring *ring, const struct packet *packet)
{
	const struct seal_key *key = seal_find(ring, packet->key);
	uint8_t mac[SEAL_MAC];
	int code;

	if (key == NULL)
		return BUSBAR_ERROR_UNKNOWN_KEY;
	code = segment_mac(bytes, layout->segments, key, mac);
	if (code == 0 && seal_compare(mac, walk->hmac, sizeof(mac)) != 0)
		code = BUSBAR_ERROR_BAD_SEGMENT_MAC;
	if (code < 0)
		return code;
	code = program_mac(bytes, layout, walk->mac_tlv, size, key, packet->program.ingress, mac);
	if (code < 0)
		return code;
	return seal_compare(mac, walk->mac, sizeof(mac)) == 0 ? 0 : BUSBAR_ERROR_BAD_PROGRAM_MAC;
}

int packet_decode(const uint8_t *bytes, size_t size, const struct seal_ring *ring, struct packet *ret_packet)
{
	struct packet packet = {.segments_left = 0};
	struct layout layout;
	struct walk walk = {.program = false};
	int code = size > PACKET_MAXIMUM ? BUSBAR_ERROR_TOO_LARGE
	                                 : decode_headers(bytes, size, &packet, &layout);

	if (code == 0)
		code = decode_segments(bytes, &layout, &packet);
	if (code == 0)
		code = decode_tlvs(bytes, &layout, &packet, &walk);
	if (code == 0)
		code = decode_udp(bytes, size, &layout, &packet);
	if (code == 0)
		code = check_macs(bytes, size, &layout, &walk, ring, &packet);
	if (code == 0)
		code = check_functions(&packet.program, (const uint8_t(*)[16])packet.segments);
	if (code == 0)
		code = program_check(&packet.program);
	if (code < 0)
		return code;
	*ret_packet = packet;
	return 0;
}

int packet_advance(uint8_t *bytes, size_t size, uint32_t count)
{
	uint8_t left, last;

	if (size < SRH_SEGMENTS_AT)
		return BUSBAR_ERROR_TRUNCATED;
	left = bytes[SRH_SEGMENTS_LEFT_AT];
	last = bytes[SRH_LAST_AT];
	if (bytes[IPV6_NEXT_AT] != IPV6_ROUTING || bytes[SRH_TYPE_AT] != SRH_TYPE || left > last)
		return BUSBAR_ERROR_MALFORMED;
	if (SRH_SEGMENTS_AT + ((size_t)last + 1) * SEGMENT > size)
		return BUSBAR_ERROR_TRUNCATED;
	if (count == 0 || count > left)
		return BUSBAR_ERROR_STATE;
	if (bytes[IPV6_HOP_LIMIT_AT] <= 1)
		return BUSBAR_ERROR_EXPIRED;
	left = (uint8_t)(left - count);
	bytes[IPV6_HOP_LIMIT_AT]--;
	bytes[SRH_SEGMENTS_LEFT_AT] = left;
	memcpy(bytes + IPV6_DESTINATION_AT, bytes + SRH_SEGMENTS_AT + (size_t)left * SEGMENT, SEGMENT);
	return 0;
}

int packet_encode_program(const struct program *program, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);
	int code = program_check(program);

	if (code < 0)
		return code;
	put_program_tlvs(&writer, program, 0);
	return field_finish(&writer);
}

int packet_decode_program(const uint8_t *bytes, size_t size, struct program *ret_program)
{
	struct packet packet;
	struct cursor cursor = cursor_open(bytes, size);
	struct walk walk = {.program = false};
	int code = 0;

	packet.segment_count = PROGRAM_INSTRUCTIONS;
	program_clear(&packet.program);
	while (cursor_left(&cursor) > 0 && code == 0) {
		uint8_t type = cursor_u8(&cursor);
		struct cursor value = cursor_part(&cursor, cursor_u8(&cursor));

		code = cursor.error;
		if (code == 0 && type != TLV_PROGRAM && type != TLV_OPERAND)
			code = BUSBAR_ERROR_MALFORMED;
		if (code == 0)
			code = decode_tlv(type, value, 0, &packet, &walk);
	}
	if (code == 0)
		code = cursor.error;
	if (code == 0)
		code = program_check(&packet.program);
	if (code < 0)
		return code;
	program_copy(ret_program, &packet.program);
	return 0;
}

bool packet_fits(const struct program *program, size_t payload_size)
{
	uint8_t bytes[PACKET_MAXIMUM];
	int size = packet_encode_program(program, bytes, sizeof(bytes));
	size_t around = IPV6_HEADER + SRH_HEADER + program->instruction_count * (size_t)SEGMENT + TLV_HEADER +
	                SEAL_MAC + PADDING_MAXIMUM + HMAC_SIZE + UDP_HEADER;

	return size >= 0 && payload_size <= PACKET_PAYLOAD &&
	       around + (size_t)size + payload_size <= PACKET_MAXIMUM;
}
