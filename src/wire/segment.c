/* SPDX-License-Identifier: Apache-2.0 */
/* Segment identifiers: 48 bits of locator, 16 of function, 64 of argument. */
#include "wire/segment.h"

#include <string.h>

enum { LOCATOR_OCTETS = 6, FUNCTION_OCTETS = 2, ARGUMENT_OCTETS = 8, OWN_ADDRESS = 1 };

static void store(uint8_t *octets, uint64_t value, int count)
{
	while (count-- > 0) {
		octets[count] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t load(const uint8_t *octets, int count)
{
	uint64_t value = 0;

	for (int i = 0; i < count; i++)
		value = value << 8 | octets[i];
	return value;
}

void segment_make(const uint8_t locator[16], uint16_t function, uint64_t argument, uint8_t ret_segment[16])
{
	memmove(ret_segment, locator, LOCATOR_OCTETS);
	store(ret_segment + LOCATOR_OCTETS, function, FUNCTION_OCTETS);
	store(ret_segment + LOCATOR_OCTETS + FUNCTION_OCTETS, argument, ARGUMENT_OCTETS);
}

uint16_t segment_function(const uint8_t segment[16])
{
	return (uint16_t)load(segment + LOCATOR_OCTETS, FUNCTION_OCTETS);
}

uint64_t segment_argument(const uint8_t segment[16])
{
	return load(segment + LOCATOR_OCTETS + FUNCTION_OCTETS, ARGUMENT_OCTETS);
}

bool segment_within(const uint8_t segment[16], const uint8_t locator[16])
{
	return memcmp(segment, locator, LOCATOR_OCTETS) == 0;
}

void segment_gateway_address(const uint8_t locator[16], uint8_t ret_address[16])
{
	segment_make(locator, 0, OWN_ADDRESS, ret_address);
}

void segment_transfers_address(const uint8_t locator[16], uint8_t ret_address[16])
{
	segment_make(locator, SEGMENT_FUNCTION_TRANSFERS, OWN_ADDRESS, ret_address);
}

void segment_program_address(const uint8_t locator[16], const struct identifier *program,
                             uint8_t ret_address[16])
{
	const uint8_t *last = program->octets + sizeof(program->octets) - ARGUMENT_OCTETS;

	segment_make(locator, SEGMENT_FUNCTION_TRANSFERS, load(last, ARGUMENT_OCTETS), ret_address);
}

uint16_t segment_function_of(enum operation operation)
{
	if (operation == OPERATION_FORWARD)
		return SEGMENT_FUNCTION_END;
	return (uint16_t)(SEGMENT_FUNCTION_BASE + (int)operation);
}
