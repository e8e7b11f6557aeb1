/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal's files share. */
#ifndef BASE_JOURNAL_INTERNAL_H
#define BASE_JOURNAL_INTERNAL_H

#include "base/compiler.h"
#include "base/journal.h"
#include "base/journal_format.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { JOURNAL_SEGMENTS = 4096, JOURNAL_PATH = 4096, JOURNAL_NAME = 24 };

struct journal_segment {
	uint32_t number;
	uint64_t first;  /* position of its first record */
	uint64_t octets; /* those of its records, torn or stale ones excluded, and of its head */
};

/* Records with their frames, one after another. */
struct journal_buffer {
	uint8_t *octets;
	size_t used;
	uint64_t records;
};

enum journal_spare { JOURNAL_SPARE_NONE, JOURNAL_SPARE_BUSY, JOURNAL_SPARE_READY };

struct journal {
	struct journal_settings settings;
	char folder[JOURNAL_PATH - JOURNAL_NAME];
	pthread_t thread;

	/* The appender's own. */
	uint32_t number; /* segment of the last record */
	uint64_t offset; /* octets in it */

	/* The thread's own. */
	struct journal_buffer writing;
	int descriptor; /* of the segment that is written, or -1 */
	uint32_t writing_number;
	uint64_t writing_offset;
	int64_t synced; /* monotonic: the end of the last sync */

	/* Everything below is guarded by the mutex; what others ask for often they read without it, as it was
	 * a moment ago: the positions, `failure` and `crowded`. */
	pthread_mutex_t mutex;
	pthread_cond_t work;   /* for the thread: there is something to write, or no more will come */
	pthread_cond_t change; /* for journal_wait(): more is durable, or the journal has failed */
	struct journal_buffer filling;
	uint64_t position;
	uint64_t durable;
	int failure;
	bool asleep, closing;
	bool crowded;
	enum journal_spare spare;
	struct journal_segment *segments; /* oldest first; the last is the one that is written */
	size_t segment_count;
	struct journal_statistics statistics;
};

/* Whether it is crowded, once there is more or less in it. With the mutex. */
void journal_note_room(struct journal *journal);

/* Path of a segment; of the discarded file that is kept; and of a new file. */
void journal_segment_path(const struct journal *journal, uint32_t number, char ret_path[JOURNAL_PATH]);
void journal_spare_path(const struct journal *journal, char ret_path[JOURNAL_PATH]);
void journal_new_path(const struct journal *journal, char ret_path[JOURNAL_PATH]);

/* Writes all of it at an offset; -errno. */
int journal_write_at(int descriptor, const void *octets, size_t size, uint64_t offset) CHECKED;
/* Makes the names in the folder durable. */
int journal_sync_folder(const struct journal *journal) CHECKED;
/* Makes the file of a segment, durably, and gives its descriptor. For the thread. */
int journal_make_segment(struct journal *journal, uint32_t number, uint64_t first) CHECKED;

/* Lists what the folder has, cuts the torn end and sets the positions and the segments; no thread runs yet.
 */
int journal_list(struct journal *journal) CHECKED;

#endif
