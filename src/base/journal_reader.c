/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the files of a journal while it is written: never behind what is durable. */
#include "base/journal_internal.h"

#include "busbar-error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

struct journal_reader {
	struct journal *journal;
	uint64_t next;    /* position of the record to be read */
	uint64_t durable; /* as it was when last asked */
	struct journal_segment segment;
	int descriptor;
	uint64_t offset; /* of what is in memory, in the file */
	size_t start, have;
	uint8_t octets[JOURNAL_FRAME + JOURNAL_RECORD];
};

/* The segment that must hold the next record: the last that begins at or before it. */
static bool find_segment(struct journal_reader *reader, struct journal_segment *ret_segment)
{
	struct journal *journal = reader->journal;
	bool found = false;

	(void)pthread_mutex_lock(&journal->mutex);
	for (size_t i = 0; i < journal->segment_count && journal->segments[i].first <= reader->next; i++) {
		*ret_segment = journal->segments[i];
		found = true;
	}
	(void)pthread_mutex_unlock(&journal->mutex);
	return found;
}

static int open_segment(struct journal_reader *reader, const struct journal_segment *segment)
{
	char path[JOURNAL_PATH];
	int descriptor;

	journal_segment_path(reader->journal, segment->number, path);
	descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (descriptor < 0)
		return -errno;
	if (reader->descriptor >= 0)
		(void)close(reader->descriptor);
	reader->descriptor = descriptor;
	reader->segment = *segment;
	reader->offset = JOURNAL_HEAD;
	reader->start = reader->have = 0;
	return 0;
}

/* What came to memory before the file was written so far may be old, so all of it is read again. */
static int fill(struct journal_reader *reader, size_t size)
{
	ssize_t got;

	reader->offset += reader->start;
	reader->start = reader->have = 0;
	got = pread(reader->descriptor, reader->octets, size, (off_t)reader->offset);
	if (got < 0)
		return -errno;
	reader->have = (size_t)got;
	return 0;
}

static bool is_in_memory(const struct journal_reader *reader, uint64_t position,
                         struct journal_record *ret_record)
{
	return journal_read_record(reader->octets + reader->start, reader->have - reader->start, position,
	                           ret_record);
}

/* 1 when the record `position` comes next in the file and now is in memory, 0 when it does not. */
static int find_record(struct journal_reader *reader, uint64_t position, struct journal_record *ret_record)
{
	int code = 0;
	size_t whole;

	if (is_in_memory(reader, position, ret_record))
		return 1;
	code = fill(reader, CHUNK);
	whole = reader->have < JOURNAL_FRAME ? 0 : journal_frame_size(reader->octets);
	if (code == 0 && whole > reader->have)
		code = fill(reader, whole);
	return code < 0 ? code : is_in_memory(reader, position, ret_record);
}

/* On to the segment that begins with the next record. */
static int go_on(struct journal_reader *reader)
{
	struct journal_segment segment;

	if (!find_segment(reader, &segment) || segment.first != reader->next ||
	    segment.number == reader->segment.number)
		return BUSBAR_ERROR_MALFORMED;
	return open_segment(reader, &segment);
}

/* To the begin of the segment that has the next record, or will have it. */
static int start(struct journal_reader *reader)
{
	struct journal_segment segment;

	if (!find_segment(reader, &segment))
		return reader->next <= reader->durable ? BUSBAR_ERROR_MALFORMED : 0;
	if (segment.first > reader->durable)
		return 0;
	reader->next = segment.first;
	return open_segment(reader, &segment);
}

int journal_reader_open(struct journal *journal, uint64_t after, struct journal_reader **ret_reader)
{
	struct journal_reader *reader = malloc(sizeof(*reader));
	int code;

	if (reader == NULL)
		return -ENOMEM;
	reader->journal = journal;
	reader->next = after + 1;
	reader->durable = journal_durable(journal);
	reader->segment = (struct journal_segment){.number = 0};
	reader->descriptor = -1;
	reader->offset = reader->start = reader->have = 0;
	code = start(reader);
	if (code < 0) {
		(void)journal_reader_close(reader);
		return code;
	}
	*ret_reader = reader;
	return 0;
}

struct journal_reader *journal_reader_close(struct journal_reader *reader)
{
	if (reader == NULL)
		return NULL;
	if (reader->descriptor >= 0)
		(void)close(reader->descriptor);
	free(reader);
	return NULL;
}

int journal_read(struct journal_reader *reader, struct journal_record *ret_record)
{
	int code = 0;

	if (reader->next > reader->durable)
		reader->durable = journal_durable(reader->journal);
	if (reader->next > reader->durable)
		return 0;
	if (reader->descriptor >= 0)
		code = find_record(reader, reader->next, ret_record);
	if (code == 0) {
		code = go_on(reader);
		if (code == 0)
			code = find_record(reader, reader->next, ret_record);
		if (code == 0)
			code = BUSBAR_ERROR_MALFORMED;
	}
	if (code < 0)
		return code;
	ret_record->segment = reader->segment.number;
	reader->start += JOURNAL_FRAME + ret_record->size;
	reader->next++;
	return 1;
}
