/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a journal: names, opening, making and discarding segments.
 *
 * A file gets the name of a segment when its head is durable, and loses it, durably, before it is
 * written over. A file that is used again is `spare.log`, one that is made from nothing `new.log`.
 */
#include "base/journal_internal.h"

#include "busbar-error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPARE "spare.log"
#define NEW "new.log"

enum { CHUNK = 1 << 20, NUMBER_MAXIMUM = 99999999 };

void journal_segment_path(const struct journal *journal, uint32_t number, char ret_path[JOURNAL_PATH])
{
	(void)snprintf(ret_path, JOURNAL_PATH, "%s/journal-%08u.log", journal->folder, number);
}

void journal_spare_path(const struct journal *journal, char ret_path[JOURNAL_PATH])
{
	(void)snprintf(ret_path, JOURNAL_PATH, "%s/" SPARE, journal->folder);
}

void journal_new_path(const struct journal *journal, char ret_path[JOURNAL_PATH])
{
	(void)snprintf(ret_path, JOURNAL_PATH, "%s/" NEW, journal->folder);
}

int journal_write_at(int descriptor, const void *octets, size_t size, uint64_t offset)
{
	const uint8_t *next = octets;

	while (size > 0) {
		ssize_t written = pwrite(descriptor, next, size, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		next += written;
		offset += (uint64_t)written;
		size -= (size_t)written;
	}
	return 0;
}

int journal_sync_folder(const struct journal *journal)
{
	int descriptor = open(journal->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = descriptor < 0 || fsync(descriptor) < 0 ? -errno : 0;

	if (descriptor >= 0)
		(void)close(descriptor);
	return code;
}

static int write_head(int descriptor, uint64_t first)
{
	uint8_t head[JOURNAL_HEAD];
	int code;

	journal_write_head(first, head);
	code = journal_write_at(descriptor, head, sizeof(head), 0);
	return code == 0 && fdatasync(descriptor) < 0 ? -errno : code;
}

/* Whether the discarded file is there for the taking; it is taken then. */
static bool take_spare(struct journal *journal)
{
	bool ready;

	(void)pthread_mutex_lock(&journal->mutex);
	ready = journal->spare == JOURNAL_SPARE_READY;
	if (ready)
		journal->spare = JOURNAL_SPARE_BUSY;
	(void)pthread_mutex_unlock(&journal->mutex);
	return ready;
}

static void set_spare(struct journal *journal, enum journal_spare spare)
{
	(void)pthread_mutex_lock(&journal->mutex);
	journal->spare = spare;
	(void)pthread_mutex_unlock(&journal->mutex);
}

int journal_make_segment(struct journal *journal, uint32_t number, uint64_t first)
{
	char from[JOURNAL_PATH], path[JOURNAL_PATH];
	int descriptor, code;
	bool spare;

	if (number > NUMBER_MAXIMUM)
		return BUSBAR_ERROR_TOO_LARGE;
	spare = take_spare(journal);
	if (spare)
		journal_spare_path(journal, from);
	else
		journal_new_path(journal, from);
	journal_segment_path(journal, number, path);
	descriptor = open(from, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (spare ? 0 : O_CREAT | O_TRUNC), 0600);
	code = descriptor < 0 ? -errno : write_head(descriptor, first);
	if (code == 0 && rename(from, path) < 0)
		code = -errno;
	if (code == 0)
		code = journal_sync_folder(journal);
	if (spare)
		set_spare(journal, JOURNAL_SPARE_NONE);
	if (code < 0 && descriptor >= 0)
		(void)close(descriptor);
	return code < 0 ? code : descriptor;
}

/* Discarding. */

/* The oldest segment, when the one behind it says that it ends at or below `position`. */
static bool oldest_below(struct journal *journal, uint64_t position, struct journal_segment *ret_segment,
                         bool *ret_keep)
{
	bool found;

	(void)pthread_mutex_lock(&journal->mutex);
	found = journal->segment_count > 1 && journal->segments[1].first <= position + 1 &&
	        journal->segments[1].first <= journal->durable + 1;
	if (found)
		*ret_segment = journal->segments[0];
	*ret_keep = found && journal->spare == JOURNAL_SPARE_NONE;
	if (*ret_keep)
		journal->spare = JOURNAL_SPARE_BUSY;
	(void)pthread_mutex_unlock(&journal->mutex);
	return found;
}

static void forget_oldest(struct journal *journal)
{
	(void)pthread_mutex_lock(&journal->mutex);
	journal->statistics.stored -= journal->segments[0].octets;
	journal->segment_count--;
	journal_note_room(journal);
	memmove(journal->segments, journal->segments + 1,
	        journal->segment_count * sizeof(*journal->segments));
	(void)pthread_mutex_unlock(&journal->mutex);
}

/* To be written over only when its name is gone for good. */
static int keep_file(struct journal *journal, const char *path)
{
	char spare[JOURNAL_PATH];
	int code;

	journal_spare_path(journal, spare);
	code = rename(path, spare) < 0 ? -errno : journal_sync_folder(journal);
	set_spare(journal, code == 0 ? JOURNAL_SPARE_READY : JOURNAL_SPARE_NONE);
	return code;
}

int journal_discard(struct journal *journal, uint64_t position)
{
	struct journal_segment segment;
	bool keep;
	int code = 0;

	while (code == 0 && oldest_below(journal, position, &segment, &keep)) {
		char path[JOURNAL_PATH];

		journal_segment_path(journal, segment.number, path);
		if (keep)
			code = keep_file(journal, path);
		else if (unlink(path) < 0)
			code = -errno;
		if (code == 0 || code == -ENOENT)
			forget_oldest(journal);
	}
	return code;
}

/* Opening. */

static int by_number(const void *a, const void *b)
{
	uint32_t left = ((const struct journal_segment *)a)->number;
	uint32_t right = ((const struct journal_segment *)b)->number;

	return left < right ? -1 : left > right;
}

/* The number in the name of a segment, 0 for another name. */
static uint32_t name_number(const char *name)
{
	char canonical[JOURNAL_NAME];
	unsigned number;

	if (sscanf(name, "journal-%8u.log", &number) != 1)
		return 0;
	(void)snprintf(canonical, sizeof(canonical), "journal-%08u.log", number);
	return strcmp(canonical, name) == 0 ? number : 0;
}

static int read_names(struct journal *journal)
{
	DIR *folder = opendir(journal->folder);
	struct dirent *entry;
	int code = 0;

	if (folder == NULL)
		return -errno;
	while (code == 0 && (entry = readdir(folder)) != NULL) {
		uint32_t number = name_number(entry->d_name);

		if (number > 0 && journal->segment_count == JOURNAL_SEGMENTS)
			code = BUSBAR_ERROR_TABLE_FULL;
		else if (number > 0)
			journal->segments[journal->segment_count++].number = number;
	}
	(void)closedir(folder);
	qsort(journal->segments, journal->segment_count, sizeof(*journal->segments), by_number);
	return code;
}

static int read_head(struct journal *journal, struct journal_segment *segment)
{
	char path[JOURNAL_PATH];
	uint8_t head[JOURNAL_HEAD];
	struct stat status = {0};
	ssize_t got = -1;
	int descriptor;

	journal_segment_path(journal, segment->number, path);
	descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (descriptor >= 0 && fstat(descriptor, &status) == 0)
		got = pread(descriptor, head, sizeof(head), 0);
	if (descriptor >= 0)
		(void)close(descriptor);
	if (got < 0)
		return -errno;
	segment->octets = (uint64_t)status.st_size;
	return journal_read_head(head, (size_t)got, &segment->first);
}

/* Positions rise from segment to segment; one without records shares its first with the next. */
static int read_heads(struct journal *journal)
{
	uint64_t before = 0;
	int code = 0;

	for (size_t i = 0; i < journal->segment_count && code == 0; i++) {
		struct journal_segment *segment = &journal->segments[i];

		code = read_head(journal, segment);
		if (code == 0 && segment->first < before)
			code = BUSBAR_ERROR_MALFORMED;
		before = segment->first;
		journal->statistics.stored += segment->octets;
	}
	return code;
}

/* Where the whole records of the last segment end: *ret_end octets from its begin. */
static int find_end(struct journal *journal, const char *path, struct journal_segment *segment)
{
	size_t capacity = CHUNK + JOURNAL_RECORD + JOURNAL_FRAME, have = 0, next = 0;
	uint8_t *octets = malloc(capacity);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t end = JOURNAL_HEAD;
	struct journal_record record;
	ssize_t got = 1;

	while (octets != NULL && descriptor >= 0 && got > 0) {
		memmove(octets, octets + next, have - next);
		have -= next;
		next = 0;
		got = pread(descriptor, octets + have, capacity - have, (off_t)(end + have));
		have += got > 0 ? (size_t)got : 0;
		while (journal_read_record(octets + next, have - next, journal->position + 1, &record)) {
			next += JOURNAL_FRAME + record.size;
			end += JOURNAL_FRAME + record.size;
			journal->position++;
		}
		/* A whole record would have fitted. */
		if (next == 0)
			break;
	}
	free(octets);
	if (descriptor >= 0)
		(void)close(descriptor);
	if (octets == NULL || descriptor < 0 || got < 0)
		return octets == NULL ? -ENOMEM : -errno;
	segment->octets = end;
	return 0;
}

/* What is behind the last whole record was never called durable. */
static int cut(struct journal *journal)
{
	struct journal_segment *segment = &journal->segments[journal->segment_count - 1];
	uint64_t size = segment->octets;
	char path[JOURNAL_PATH];
	int descriptor, code;

	journal_segment_path(journal, segment->number, path);
	journal->position = segment->first - 1;
	code = find_end(journal, path, segment);
	if (code < 0 || size <= segment->octets)
		return code;
	descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (descriptor < 0)
		return -errno;
	if (ftruncate(descriptor, (off_t)segment->octets) < 0 || fsync(descriptor) < 0)
		code = -errno;
	(void)close(descriptor);
	journal->statistics.cut = size - segment->octets;
	journal->statistics.stored -= size - segment->octets;
	return code;
}

int journal_list(struct journal *journal)
{
	char path[JOURNAL_PATH];
	int code = read_names(journal);

	if (code == 0)
		code = read_heads(journal);
	if (code == 0 && journal->segment_count > 0)
		code = cut(journal);
	journal_spare_path(journal, path);
	if (code == 0 && unlink(path) < 0 && errno != ENOENT)
		code = -errno;
	journal_new_path(journal, path);
	if (code == 0 && unlink(path) < 0 && errno != ENOENT)
		code = -errno;
	return code;
}
