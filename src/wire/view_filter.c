/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/view_filter.h"

#include "base/error.h"
#include <string.h>

/* A bound: ten bits of number, six of binary exponent. */
enum { DIGITS = 10, EXPONENT_MOST = 53 };

uint32_t view_filter_name(const char *name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * UINT32_C(16777619);
	return hash == 0 ? 1 : hash;
}

static uint16_t pack(int64_t bound)
{
	const uint64_t most = UINT64_C(1023) << EXPONENT_MOST;
	uint64_t left = bound < 0 ? 0 : MINIMUM((uint64_t)bound, most);
	unsigned exponent = 0;

	for (; left >> DIGITS != 0; exponent++)
		left = (left + 1) >> 1; /* up */
	return (uint16_t)(exponent << DIGITS | left);
}

static int64_t unpack(uint16_t packed)
{
	return (int64_t)((uint64_t)(packed & ((1U << DIGITS) - 1)) << (packed >> DIGITS));
}

static void put(uint8_t *octets, uint32_t value, int count)
{
	for (; count-- > 0; value >>= 8)
		octets[count] = (uint8_t)value;
}

static uint32_t get(const uint8_t *octets, int count)
{
	uint32_t value = 0;

	for (int i = 0; i < count; i++)
		value = value << 8 | octets[i];
	return value;
}

void view_filter_encode(const struct view_filter *filter, struct identifier *ret_argument)
{
	uint8_t *octets = ret_argument->octets;

	memset(ret_argument, 0, sizeof(*ret_argument));
	octets[0] = filter->parts;
	octets[1] = filter->models;
	octets[2] = filter->kinds;
	put(octets + 4, filter->service, 4);
	put(octets + 8, filter->region, 4);
	put(octets + 12, pack(filter->price), 2);
	put(octets + 14, pack(filter->latency), 2);
}

int view_filter_decode(const struct identifier *argument, struct view_filter *ret_filter)
{
	const uint8_t *octets = argument->octets;
	uint16_t price = (uint16_t)get(octets + 12, 2), latency = (uint16_t)get(octets + 14, 2);
	struct view_filter filter = {.parts = octets[0],
	                             .models = octets[1],
	                             .kinds = octets[2],
	                             .service = get(octets + 4, 4),
	                             .region = get(octets + 8, 4)};

	if ((filter.parts & ~VIEW_PARTS) != 0 || filter.models >> SUPPLY_MODELS != 0 ||
	    filter.kinds >> RESOURCE_KINDS != 0 || octets[3] != 0 || price >> DIGITS > EXPONENT_MOST ||
	    latency >> DIGITS > EXPONENT_MOST)
		return BUSBAR_ERROR_BAD_VALUE;
	filter.price = unpack(price);
	filter.latency = unpack(latency);
	*ret_filter = filter;
	return 0;
}
