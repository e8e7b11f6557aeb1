/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program packets: IPv6, segment routing header (RFC 8754), UDP. Layout: docs/wire.md.
 *
 * SRH TLVs, three of them of the experimental range (124..126): PROGRAM (key id, id, ingress, part, expiry),
 * one OPERAND per instruction, PROGRAM MAC (HMAC-SHA-256 over the source, Last Entry, Flags, Tag, the segment
 * list, size and octets of all TLVs before it and the payload). PadN pads to 8 octets, never Pad1, and stands
 * before the MAC. Last, and alone behind the MAC, comes the HMAC TLV (RFC 8754 2.1.2): kernels check it where
 * they forward, packet_decode() where a program is executed. The UDP payload is the inline input, at most
 * PACKET_PAYLOAD octets.
 */
#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include "base/compiler.h"
#include "model/program.h"
#include "wire/seal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_MAXIMUM = 1940, /* fits the core MTU of 2000 */
	PACKET_PAYLOAD = 1024,
	PACKET_HOP_LIMIT = 64,
};

struct packet {
	uint8_t source[16];
	uint8_t destination[16]; /* the current segment */
	uint8_t segments_left;
	uint32_t segment_count;
	uint8_t segments[PROGRAM_INSTRUCTIONS][16]; /* in order of travel */
	struct program program;
	uint8_t key;
	const uint8_t *payload; /* inside the decoded bytes */
	size_t payload_size;
};

/*
 * A program as a packet that is about to travel to segments[0]. Returns the size, at most PACKET_MAXIMUM.
 * segments as made by compile_segments(), program.instruction_count of them. TOO_LARGE, the codes of
 * program_check(), MALFORMED for a segment whose function is not its instruction's.
 */
int packet_encode(const struct program *program, const uint8_t segments[][16], const uint8_t source[16],
                  const struct seal_key *key, const void *payload, size_t payload_size, uint8_t *buffer,
                  size_t capacity) CHECKED;
/* Whether packet_encode() has room for the program with so many octets of inline input. */
bool packet_fits(const struct program *program, size_t payload_size);
/*
 * Checks everything that can be checked without keys (lengths, RFC 8754 rules, TLVs, UDP checksum), then the
 * key id, then the MACs, then what the program says (program_check), and decodes. The MACs are checked
 * against the ring: UNKNOWN_KEY, BAD_SEGMENT_MAC (HMAC TLV), BAD_PROGRAM_MAC.
 */
int packet_decode(const uint8_t *bytes, size_t size, const struct seal_ring *ring,
                  struct packet *ret_packet) CHECKED;
/*
 * Index into segments of the current one: segment_count - 1 - segments_left. packet_advance() moves the
 * packet in place to the segment after `count` more: segments left, destination and hop limit (RFC 8754
 * 4.3.1.1). STATE when fewer segments are left (or count is 0), EXPIRED when the hop limit is used up,
 * MALFORMED or TRUNCATED for what is no packet of a program.
 */
int packet_advance(uint8_t *bytes, size_t size, uint32_t count) CHECKED;

/*
 * A plain IPv6/UDP datagram from source to destination, through `segment_count` End segments in order of
 * travel (0: no SRH): how answers follow the program's path back. The SRH carries an HMAC TLV of the key.
 */
int packet_encode_plain(const uint8_t source[16], const uint8_t destination[16], uint16_t source_port,
                        uint16_t destination_port, const uint8_t segments[][16], uint32_t segment_count,
                        const struct seal_key *key, const void *payload, size_t payload_size, uint8_t *buffer,
                        size_t capacity) CHECKED;

/* The binary form of a program alone: its TLVs, without packet and MAC. For journals and for people's tools.
 */
int packet_encode_program(const struct program *program, uint8_t *buffer, size_t capacity) CHECKED;
int packet_decode_program(const uint8_t *bytes, size_t size, struct program *ret_program) CHECKED;

#endif
