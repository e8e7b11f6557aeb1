/* SPDX-License-Identifier: Apache-2.0 */
#include "base/journal_format.h"

#include "base/checksum.h"
#include "base/cursor.h"
#include "busbar-error.h"
#include <string.h>

enum { VERSION = 1, HEAD_CHECKED = JOURNAL_HEAD - 4, FRAME_CHECK = 4 };

static const uint8_t magic[8] = {'b', 'u', 's', 'b', 'a', 'r', 'j', 'l'};

void journal_write_head(uint64_t first, uint8_t head[JOURNAL_HEAD])
{
	struct writer writer = writer_open(head, JOURNAL_HEAD);

	writer_bytes(&writer, magic, sizeof(magic));
	writer_u32(&writer, VERSION);
	writer_u32(&writer, 0);
	writer_u64(&writer, first);
	writer_u32(&writer, 0);
	writer_u32(&writer, checksum(0, head, HEAD_CHECKED));
}

int journal_read_head(const uint8_t *octets, size_t size, uint64_t *ret_first)
{
	struct cursor cursor = cursor_open(octets, size);
	const uint8_t *name = cursor_bytes(&cursor, sizeof(magic));
	uint32_t version = cursor_u32(&cursor);
	uint64_t first;

	(void)cursor_u32(&cursor);
	first = cursor_u64(&cursor);
	(void)cursor_u32(&cursor);
	if (cursor_u32(&cursor) != checksum(0, octets, MINIMUM(size, (size_t)HEAD_CHECKED)) ||
	    cursor.error < 0 || memcmp(name, magic, sizeof(magic)) != 0 || first == 0 || first > INT64_MAX)
		return BUSBAR_ERROR_MALFORMED;
	if (version != VERSION)
		return BUSBAR_ERROR_VERSION;
	*ret_first = first;
	return 0;
}

/* Over the size, the position and the octets. */
static uint32_t check(const uint8_t frame[JOURNAL_FRAME], const void *octets, size_t size)
{
	uint32_t sum = checksum(0, frame, FRAME_CHECK);

	sum = checksum(sum, frame + 2 * FRAME_CHECK, JOURNAL_FRAME - 2 * FRAME_CHECK);
	return checksum(sum, octets, size);
}

static uint64_t number(const uint8_t *octets, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | octets[i];
	return value;
}

void journal_write_frame(uint64_t position, const void *octets, size_t size, uint8_t frame[JOURNAL_FRAME])
{
	struct writer writer = writer_open(frame, JOURNAL_FRAME);

	writer_u32(&writer, (uint32_t)size);
	writer_u32(&writer, 0);
	writer_u64(&writer, position);
	writer = writer_open(frame + FRAME_CHECK, FRAME_CHECK);
	writer_u32(&writer, check(frame, octets, size));
}

size_t journal_frame_size(const uint8_t frame[JOURNAL_FRAME])
{
	size_t size = (size_t)number(frame, FRAME_CHECK);

	return size == 0 || size > JOURNAL_RECORD ? 0 : size + JOURNAL_FRAME;
}

uint64_t journal_frame_position(const uint8_t frame[JOURNAL_FRAME])
{
	return number(frame + 2 * FRAME_CHECK, sizeof(uint64_t));
}

bool journal_read_record(const uint8_t *octets, size_t size, uint64_t position,
                         struct journal_record *ret_record)
{
	size_t whole = size < JOURNAL_FRAME ? 0 : journal_frame_size(octets);

	if (whole == 0 || whole > size || journal_frame_position(octets) != position ||
	    number(octets + FRAME_CHECK, FRAME_CHECK) !=
	            check(octets, octets + JOURNAL_FRAME, whole - JOURNAL_FRAME))
		return false;
	ret_record->position = position;
	ret_record->octets = octets + JOURNAL_FRAME;
	ret_record->size = whole - JOURNAL_FRAME;
	return true;
}
