/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending and group commit. There are two buffers: records gather in one while the thread writes the
 * other. Where a segment ends follows from the sizes of the records alone, so that the appender, which
 * counts for itself, knows the segment of a record long before the thread makes its file.
 */
#include "base/journal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/journal_internal.h"
#include "busbar-error.h"
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 8 << 20, SEGMENT = 16 << 20, MAXIMUM_STORED = 1 << 30 };
#define GATHER (CLOCK_MILLISECOND / 10)

/* The thread. */

/* The records from `start` that belong to the segment that is written; 0 when it takes no more. */
static size_t part_for_segment(struct journal *journal, size_t start)
{
	const struct journal_buffer *buffer = &journal->writing;
	uint64_t offset = journal->writing_offset;
	size_t end = start;

	while (end < buffer->used && offset < journal->settings.segment) {
		size_t size = journal_frame_size(buffer->octets + end);

		end += size;
		offset += size;
	}
	return end - start;
}

static int begin_segment(struct journal *journal, uint64_t first)
{
	int descriptor;

	if (journal->descriptor >= 0)
		(void)close(journal->descriptor);
	journal->descriptor = -1;
	descriptor = journal_make_segment(journal, journal->writing_number + 1, first);
	if (descriptor < 0)
		return descriptor;
	journal->descriptor = descriptor;
	journal->writing_number++;
	journal->writing_offset = JOURNAL_HEAD;
	return 0;
}

/* Writes the buffer and makes it durable, segment by segment. */
static int write_buffer(struct journal *journal)
{
	const uint8_t *octets = journal->writing.octets;
	size_t start = 0;

	while (start < journal->writing.used) {
		size_t size = part_for_segment(journal, start);
		int code = 0;

		if (size == 0) {
			code = begin_segment(journal, journal_frame_position(octets + start));
			size = part_for_segment(journal, start);
		}
		if (code == 0)
			code = journal_write_at(journal->descriptor, octets + start, size,
			                        journal->writing_offset);
		if (code == 0 && fdatasync(journal->descriptor) < 0)
			code = -errno;
		if (code < 0)
			return code;
		journal->writing_offset += size;
		start += size;
	}
	return 0;
}

void journal_note_room(struct journal *journal)
{
	bool crowded = journal->filling.used > journal->settings.buffer / 2 ||
	               journal->statistics.stored > journal->settings.maximum / 2;

	__atomic_store_n(&journal->crowded, crowded, __ATOMIC_RELAXED);
}

/* Lets records gather, if the disk was used a moment ago. With the mutex, which is let go meanwhile. */
static void gather(struct journal *journal)
{
	int64_t at = journal->synced + journal->settings.gather;
	struct timespec until = {.tv_sec = at / CLOCK_SECOND, .tv_nsec = at % CLOCK_SECOND};

	(void)pthread_mutex_unlock(&journal->mutex);
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	(void)pthread_mutex_lock(&journal->mutex);
}

/* Takes what has gathered; false when there is nothing and nothing will come. With the mutex. */
static bool take_buffer(struct journal *journal)
{
	struct journal_buffer empty = journal->writing;

	while (journal->filling.used == 0 && !journal->closing) {
		journal->asleep = true;
		(void)pthread_cond_wait(&journal->work, &journal->mutex);
	}
	journal->asleep = false;
	if (!journal->closing)
		gather(journal);
	if (journal->filling.used == 0)
		return false;
	empty.used = 0;
	empty.records = 0;
	journal->writing = journal->filling;
	journal->filling = empty;
	journal_note_room(journal);
	return true;
}

/* With the mutex. */
static void note_buffer(struct journal *journal, int code, int64_t time)
{
	struct journal_statistics *statistics = &journal->statistics;
	uint64_t records = journal->writing.records;

	if (code < 0) {
		__atomic_store_n(&journal->failure, code, __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(&journal->durable, journal->durable + records, __ATOMIC_RELEASE);
		statistics->records += records;
		statistics->octets += journal->writing.used;
		statistics->syncs++;
		statistics->batch = MAXIMUM(statistics->batch, records);
		statistics->sync_time += time;
		statistics->sync_worst = MAXIMUM(statistics->sync_worst, time);
	}
	(void)pthread_cond_broadcast(&journal->change);
}

static void *write_on(void *context)
{
	struct journal *journal = context;
	int code = 0;

	(void)pthread_mutex_lock(&journal->mutex);
	while (code == 0 && take_buffer(journal)) {
		int64_t start;

		(void)pthread_mutex_unlock(&journal->mutex);
		start = clock_monotonic(&clock_system);
		code = write_buffer(journal);
		(void)pthread_mutex_lock(&journal->mutex);
		journal->synced = clock_monotonic(&clock_system);
		note_buffer(journal, code, journal->synced - start);
		(void)pthread_mutex_unlock(&journal->mutex);
		if (journal->settings.progress != NULL)
			journal->settings.progress(journal->settings.context);
		(void)pthread_mutex_lock(&journal->mutex);
	}
	(void)pthread_mutex_unlock(&journal->mutex);
	return NULL;
}

/* Signals are the main thread's alone. */
static int start_thread(struct journal *journal)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&journal->thread, NULL, write_on, journal);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

/* Opening and closing. */

static int make_lock(struct journal *journal)
{
	pthread_condattr_t attributes;

	if (pthread_mutex_init(&journal->mutex, NULL) != 0)
		return -ENOMEM;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&journal->work, NULL);
	(void)pthread_cond_init(&journal->change, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return 0;
}

static void release(struct journal *journal)
{
	if (journal->descriptor >= 0)
		(void)close(journal->descriptor);
	(void)pthread_cond_destroy(&journal->change);
	(void)pthread_cond_destroy(&journal->work);
	(void)pthread_mutex_destroy(&journal->mutex);
	free(journal->segments);
	free(journal->filling.octets);
	free(journal->writing.octets);
	free(journal);
}

static struct journal_settings with_defaults(const struct journal_settings *given)
{
	struct journal_settings settings = *given;

	if (settings.buffer == 0)
		settings.buffer = BUFFER;
	settings.buffer = MAXIMUM(settings.buffer, (size_t)JOURNAL_RECORD + JOURNAL_FRAME);
	if (settings.segment == 0)
		settings.segment = SEGMENT;
	if (settings.maximum == 0)
		settings.maximum = MAXIMUM_STORED;
	if (settings.gather == 0)
		settings.gather = GATHER;
	return settings;
}

/* What is appended next begins a segment of its own. */
static void begin_behind(struct journal *journal, uint64_t after)
{
	uint32_t last =
	        journal->segment_count == 0 ? 0 : journal->segments[journal->segment_count - 1].number;

	journal->position = MAXIMUM(journal->position, after);
	journal->durable = journal->position;
	journal->number = journal->writing_number = last;
	journal->offset = journal->writing_offset = journal->settings.segment;
}

int journal_open(const char *folder, const struct journal_settings *settings, uint64_t after,
                 struct journal **ret_journal)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int code = journal == NULL ? -ENOMEM : make_lock(journal);

	if (code < 0) {
		free(journal);
		return code;
	}
	journal->descriptor = -1;
	journal->settings = with_defaults(settings);
	journal->segments = calloc(JOURNAL_SEGMENTS, sizeof(*journal->segments));
	journal->filling.octets = malloc(journal->settings.buffer);
	journal->writing.octets = malloc(journal->settings.buffer);
	if (journal->segments == NULL || journal->filling.octets == NULL || journal->writing.octets == NULL)
		code = -ENOMEM;
	if (code == 0 &&
	    snprintf(journal->folder, sizeof(journal->folder), "%s", folder) >= (int)sizeof(journal->folder))
		code = -ENAMETOOLONG;
	if (code == 0)
		code = file_make_folder(folder, 0700);
	if (code == 0)
		code = journal_list(journal);
	if (code == 0) {
		begin_behind(journal, after);
		journal_note_room(journal);
		code = start_thread(journal);
	}
	if (code < 0) {
		release(journal);
		return code;
	}
	*ret_journal = journal;
	return 0;
}

struct journal *journal_close(struct journal *journal)
{
	if (journal == NULL)
		return NULL;
	(void)pthread_mutex_lock(&journal->mutex);
	journal->closing = true;
	(void)pthread_cond_signal(&journal->work);
	(void)pthread_mutex_unlock(&journal->mutex);
	(void)pthread_join(journal->thread, NULL);
	release(journal);
	return NULL;
}

/* Appending. */

static bool begins_segment(const struct journal *journal)
{
	return journal->offset >= journal->settings.segment;
}

/* With the mutex. */
static int check_room(const struct journal *journal, size_t size)
{
	if (journal->failure < 0)
		return journal->failure;
	if (size > journal->settings.buffer - journal->filling.used ||
	    journal->statistics.stored >= journal->settings.maximum ||
	    (begins_segment(journal) && journal->segment_count == JOURNAL_SEGMENTS))
		return BUSBAR_ERROR_TABLE_FULL;
	return 0;
}

/* Counts a record of `size` octets for its segment. With the mutex. */
static void count_octets(struct journal *journal, size_t size)
{
	struct journal_segment *segment;

	if (begins_segment(journal)) {
		journal->number++;
		journal->offset = JOURNAL_HEAD;
		journal->segments[journal->segment_count++] = (struct journal_segment){
		        .number = journal->number,
		        .first = journal->position + 1,
		        .octets = JOURNAL_HEAD,
		};
		journal->statistics.stored += JOURNAL_HEAD;
	}
	segment = &journal->segments[journal->segment_count - 1];
	segment->octets += size;
	journal->offset += size;
	journal->statistics.stored += size;
}

/* With the mutex, for a record that has room. */
static void put(struct journal *journal, const uint8_t frame[JOURNAL_FRAME], const void *octets, size_t size)
{
	uint8_t *target = journal->filling.octets + journal->filling.used;

	count_octets(journal, JOURNAL_FRAME + size);
	memcpy(target, frame, JOURNAL_FRAME);
	memcpy(target + JOURNAL_FRAME, octets, size);
	journal->filling.used += JOURNAL_FRAME + size;
	journal->filling.records++;
	__atomic_store_n(&journal->position, journal->position + 1, __ATOMIC_RELEASE);
	journal_note_room(journal);
	if (journal->asleep)
		(void)pthread_cond_signal(&journal->work);
	journal->asleep = false;
}

int journal_append(struct journal *journal, const void *octets, size_t size, uint64_t *ret_position)
{
	uint8_t frame[JOURNAL_FRAME];
	uint64_t position;
	int code;

	assert(size > 0);
	if (size > JOURNAL_RECORD)
		return BUSBAR_ERROR_TOO_LARGE;
	/* Nobody else moves the position. */
	position = journal_position(journal) + 1;
	journal_write_frame(position, octets, size, frame);
	(void)pthread_mutex_lock(&journal->mutex);
	code = check_room(journal, JOURNAL_FRAME + size);
	if (code == 0)
		put(journal, frame, octets, size);
	else
		journal->statistics.refused++;
	(void)pthread_mutex_unlock(&journal->mutex);
	if (code == 0)
		*ret_position = position;
	return code;
}

uint32_t journal_segment(const struct journal *journal)
{
	return journal->number + begins_segment(journal);
}

/* Looking. */

uint64_t journal_position(const struct journal *journal)
{
	return __atomic_load_n(&journal->position, __ATOMIC_ACQUIRE);
}

uint64_t journal_durable(const struct journal *journal)
{
	return __atomic_load_n(&journal->durable, __ATOMIC_ACQUIRE);
}

bool journal_crowded(const struct journal *journal)
{
	return __atomic_load_n(&journal->crowded, __ATOMIC_RELAXED) || journal_failure(journal) < 0;
}

int journal_failure(const struct journal *journal)
{
	return __atomic_load_n(&journal->failure, __ATOMIC_ACQUIRE);
}

int journal_wait(struct journal *journal, uint64_t position, int64_t patience)
{
	int64_t end = clock_monotonic(&clock_system) + patience;
	struct timespec until = {.tv_sec = end / CLOCK_SECOND, .tv_nsec = end % CLOCK_SECOND};
	int error = 0, code = 0;

	(void)pthread_mutex_lock(&journal->mutex);
	while (journal->durable < position && journal->failure == 0 && error == 0)
		error = pthread_cond_timedwait(&journal->change, &journal->mutex, &until);
	if (journal->durable < position)
		code = journal->failure < 0 ? journal->failure : BUSBAR_ERROR_NO_ANSWER;
	(void)pthread_mutex_unlock(&journal->mutex);
	return code;
}

void journal_statistics(struct journal *journal, struct journal_statistics *ret_statistics)
{
	(void)pthread_mutex_lock(&journal->mutex);
	*ret_statistics = journal->statistics;
	ret_statistics->segments = journal->segment_count;
	(void)pthread_mutex_unlock(&journal->mutex);
}
