/* SPDX-License-Identifier: Apache-2.0 */
#include "model/identifier.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/hex.h"
#include <string.h>

enum { TIME_OCTETS = 6 };

/* RFC 9562 4.1, 4.2: variant 10 and version 7. */
static void stamp_version(struct identifier *identifier)
{
	identifier->octets[6] = (uint8_t)(0x70 | (identifier->octets[6] & 0x0f));
	identifier->octets[8] = (uint8_t)(0x80 | (identifier->octets[8] & 0x3f));
}

static void stamp_time(struct identifier *identifier, int64_t time)
{
	uint64_t milliseconds = (uint64_t)(time / CLOCK_MILLISECOND);

	for (int i = 0; i < TIME_OCTETS; i++)
		identifier->octets[i] = (uint8_t)(milliseconds >> (8 * (TIME_OCTETS - 1 - i)));
}

struct identifier identifier_make(int64_t now, struct random *random)
{
	struct identifier identifier;

	random_fill(random, identifier.octets, sizeof(identifier.octets));
	stamp_time(&identifier, now);
	stamp_version(&identifier);
	return identifier;
}

struct identifier identifier_floor(int64_t time)
{
	struct identifier identifier = {{0}};

	stamp_time(&identifier, time);
	return identifier;
}

struct identifier identifier_derive(const struct identifier *parent, uint32_t index)
{
	struct identifier child = *parent;
	uint64_t high = hash_bytes_of(parent->octets, sizeof(parent->octets), index);
	uint64_t low = hash_bytes_of(parent->octets, sizeof(parent->octets), ~(uint64_t)index);

	for (int i = 0; i < 2; i++)
		child.octets[TIME_OCTETS + i] = (uint8_t)(high >> (8 * i));
	for (int i = 0; i < 8; i++)
		child.octets[8 + i] = (uint8_t)(low >> (8 * i));
	stamp_version(&child);
	return child;
}

int identifier_compare(const struct identifier *a, const struct identifier *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets));
}

bool identifier_equal(const struct identifier *a, const struct identifier *b)
{
	return identifier_compare(a, b) == 0;
}

bool identifier_is_zero(const struct identifier *identifier)
{
	static const struct identifier zero;

	return identifier_equal(identifier, &zero);
}

int64_t identifier_time(const struct identifier *identifier)
{
	uint64_t milliseconds = 0;

	for (int i = 0; i < TIME_OCTETS; i++)
		milliseconds = milliseconds << 8 | identifier->octets[i];
	/* 2^48 ms x 10^6 stays below 2^68: clamp what a forged identifier may claim. */
	if (milliseconds > (uint64_t)(INT64_MAX / CLOCK_MILLISECOND))
		return INT64_MAX;
	return (int64_t)milliseconds * CLOCK_MILLISECOND;
}

char *identifier_text(const struct identifier *identifier, char text[IDENTIFIER_TEXT])
{
	return hex_format(identifier->octets, sizeof(identifier->octets), text);
}

int identifier_parse(const char *text, struct identifier *ret_identifier)
{
	return hex_parse(text, ret_identifier->octets, sizeof(ret_identifier->octets));
}
