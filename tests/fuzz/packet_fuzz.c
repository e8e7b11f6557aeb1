/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program packets as they come, and with lengths, destination, MACs and checksum put right: a program that
 * is accepted encodes alone and in a packet to what decodes to it, and a packet advances to what decodes.
 */
#include "base/error.h"
#include "wire/packet.h"
#include <stdlib.h>
#include <string.h>

enum { IPV6 = 40, LIST_AT = 48, LEFT_AT = 43, LAST_AT = 44, INGRESS_AT = 20 };
enum { HMAC = 5, HMAC_SIZE = 40, HMAC_FLAG = 8, PROGRAM = 124, MAC = 126 };

static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 1, .secret = "secret"}}};

static void put_u16(uint8_t *bytes, size_t number)
{
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
}

static uint32_t add(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

/* Lengths, destination and checksum. */
static void repair_frame(uint8_t *bytes, size_t size, size_t udp)
{
	uint32_t sum;

	put_u16(bytes + 4, size - IPV6);
	if (bytes[LEFT_AT] <= bytes[LAST_AT])
		memcpy(bytes + 24, bytes + LIST_AT + bytes[LEFT_AT] * 16u, 16);
	put_u16(bytes + udp + 4, size - udp);
	put_u16(bytes + udp + 6, 0);
	sum = add(bytes + 8, 16) + add(bytes + LIST_AT, 16) + (uint32_t)(size - udp) + 17 +
	      add(bytes + udp, size - udp);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	put_u16(bytes + udp + 6, sum ? sum : 0xffff);
}

/* Of the HMAC TLV, which is where a kernel looks for it. */
static void repair_hmac(uint8_t *bytes, size_t tlvs, size_t udp)
{
	uint8_t secret[SEAL_SECRET];
	const struct seal_bytes parts[] = {{bytes + 8, 16},
	                                   {bytes + LAST_AT, 2},
	                                   {bytes + udp - HMAC_SIZE + 4, 4},
	                                   {bytes + LIST_AT, tlvs - LIST_AT}};

	if (tlvs + HMAC_SIZE > udp || bytes[udp - HMAC_SIZE] != HMAC)
		return;
	bytes[LAST_AT + 1] = HMAC_FLAG;
	if (seal_segment_secret(&ring.keys[0], secret) < 0 ||
	    seal_mac(secret, parts, 4, bytes + udp - SEAL_MAC) < 0)
		abort();
}

/* The MAC of the first PROGRAM's ingress, where there is a place for it. */
static void repair_mac(uint8_t *bytes, size_t size, size_t tlvs, size_t udp)
{
	const uint8_t *ingress = NULL;

	for (size_t at = tlvs; at + 2 + SEAL_MAC <= udp; at += bytes[at] ? 2u + bytes[at + 1] : 1) {
		const uint8_t covered[] = {(uint8_t)((at - tlvs) >> 8), (uint8_t)(at - tlvs)};
		const struct seal_bytes parts[] = {{bytes + 8, 16},
		                                   {bytes + LAST_AT, tlvs - LAST_AT},
		                                   {covered, 2},
		                                   {bytes + tlvs, at - tlvs},
		                                   {bytes + udp + 8, size - udp - 8}};
		struct gateway_identity identity;

		if (bytes[at] == PROGRAM && !ingress)
			ingress = bytes + at + INGRESS_AT;
		if (bytes[at] != MAC || !ingress)
			continue;
		identity.site = (uint32_t)ingress[0] << 24 | (uint32_t)ingress[1] << 16 |
		                (uint32_t)ingress[2] << 8 | ingress[3];
		identity.gateway = (uint16_t)(ingress[4] << 8 | ingress[5]);
		if (seal_domain_mac(&ring.keys[0], SEAL_PROGRAM, identity, parts, 5, bytes + at + 2) < 0)
			abort();
		return;
	}
}

static void check_alone(const struct program *program)
{
	static uint8_t first[PACKET_MAXIMUM], second[PACKET_MAXIMUM];
	struct program decoded;
	int size = packet_encode_program(program, first, sizeof(first));

	if (size < 0 || packet_decode_program(first, (size_t)size, &decoded) < 0 ||
	    packet_encode_program(&decoded, second, sizeof(second)) != size ||
	    memcmp(first, second, (size_t)size) != 0)
		abort();
}

static void check_packet(uint8_t *bytes, size_t size)
{
	static uint8_t again[PACKET_MAXIMUM];
	struct packet packet, decoded;
	int length;

	if (packet_decode(bytes, size, &ring, &packet) < 0)
		return;
	check_alone(&packet.program);
	length = packet_encode(&packet.program, (const uint8_t(*)[16])packet.segments, packet.source,
	                       &ring.keys[0], packet.payload, packet.payload_size, again, sizeof(again));
	/* Longer only where somebody else's padding was less. */
	if (length < 0 ? length != BUSBAR_ERROR_TOO_LARGE
	               : packet_decode(again, (size_t)length, &ring, &decoded) < 0)
		abort();
	if (packet_advance(bytes, size, 1) == 0 && packet_decode(bytes, size, &ring, &decoded) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[PACKET_MAXIMUM];
	struct program program;
	struct packet packet;
	size_t tlvs, udp;

	if (packet_decode(data, size, &ring, &packet) == 0)
		check_alone(&packet.program);
	if (packet_decode_program(data, size, &program) == 0)
		check_alone(&program);
	if (size < LIST_AT || size > sizeof(bytes))
		return 0;
	memcpy(bytes, data, size);
	tlvs = LIST_AT + (bytes[LAST_AT] + 1u) * 16;
	udp = IPV6 + (bytes[IPV6 + 1] + 1u) * 8;
	if (tlvs > udp || udp + 8 > size)
		return 0;
	repair_hmac(bytes, tlvs, udp);
	repair_mac(bytes, size, tlvs, udp);
	repair_frame(bytes, size, udp);
	check_packet(bytes, size);
	return 0;
}
