/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment identifiers, `locator:function:argument` (48:16:64 bits, RFC 8986 3.1).
 *
 * Function 0x0000 with argument 1 is the gateway's own address, 0x0001 is End. 0x0006 and 0x0007 are End.DT6,
 * where attached traffic is decapsulated: at a site for its services, at an edge for its clients. 0x0008 are
 * addresses of the gateway that bulk transfers on reserved paths have, no segments.
 * 0xb000..0xbfff are Busbar's functions, routed to the gateway's TUN device: 0xb000 + operation.
 */
#ifndef WIRE_SEGMENT_H
#define WIRE_SEGMENT_H

#include "model/program.h"
#include <stdbool.h>
#include <stdint.h>

enum {
	SEGMENT_FUNCTION_END = 0x0001,
	SEGMENT_FUNCTION_SERVICES = 0x0006,
	SEGMENT_FUNCTION_CLIENTS = 0x0007,
	SEGMENT_FUNCTION_TRANSFERS = 0x0008,
	SEGMENT_FUNCTION_BASE = 0xb000,
	SEGMENT_FUNCTION_BITS = 52, /* prefix length of locator:b000 */
};

void segment_make(const uint8_t locator[16], uint16_t function, uint64_t argument, uint8_t ret_segment[16]);
uint16_t segment_function(const uint8_t segment[16]);
uint64_t segment_argument(const uint8_t segment[16]);
/* True when the segment's first 48 bits are those of the locator. */
bool segment_within(const uint8_t segment[16], const uint8_t locator[16]);
/* locator::1 */
void segment_gateway_address(const uint8_t locator[16], uint8_t ret_address[16]);
/* locator:8::1, where a gateway takes transfers on reserved paths */
void segment_transfers_address(const uint8_t locator[16], uint8_t ret_address[16]);
/*
 * Where the gateway makes those of one program from: locator:8: and the last 64 bits of its identifier, which
 * begin with 10.
 */
void segment_program_address(const uint8_t locator[16], const struct identifier *program,
                             uint8_t ret_address[16]);
/* Function of an operation; End for OPERATION_FORWARD. */
uint16_t segment_function_of(enum operation operation);

#endif
