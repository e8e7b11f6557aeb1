/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal: records appended to files, made durable by a thread of its own.
 *
 * journal_append() copies a record into memory and never waits for the disk; the thread writes what has
 * gathered meanwhile and makes it durable with one fdatasync() (group commit). Records are numbered on
 * from 1 through all lives of the folder. Its files are segments, `journal-NNNNNNNN.log`:
 *
 *   head     8 octets of name, u32 version, u32 zero, u64 position of the first record, u32 zero, u32
 * checksum record   u32 size, u32 checksum, u64 position, octets; and so on
 *
 * Numbers are big-endian; a checksum is CRC-32C over all else of its head or record. The first record
 * whose checksum or position is wrong ends a segment: after it comes what a crash left half-written, or
 * what the file held in an earlier life, for discarded files are used again (to write over a file takes
 * less of the disk than to extend one). A segment is begun when the one before is durable, so
 * that only the last can end in a torn record; it is cut there when the journal is opened.
 *
 * A failed write() or fdatasync() ends the journal: what the disk holds is not known then, nothing more is
 * called durable, and every append is refused.
 *
 * Threads: one appends; one reads and discards; the rest is safe from any. One mutex guards all that they
 * share (struct journal says what), and is never held over a system call; positions are read without it.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

enum { JOURNAL_RECORD = 4 << 20 }; /* octets that a record may have */

/* What is 0 is as in the comment. */
struct journal_settings {
	size_t buffer;    /* octets in memory that await the disk, 8 MiB; at least a record fits */
	uint64_t segment; /* a segment that has as many octets gets no more records; 16 MiB */
	uint64_t maximum; /* octets in all segments, 1 GiB; until there are less, appends are refused */
	/*
	 * ns from one sync to the next, 100 us: what comes in between gathers, and a disk that is fast does
	 * not take the processor for syncs of a record each. After a pause the first record does not wait.
	 */
	int64_t gather;
	/* On the journal's thread: more is durable, or the journal has failed. May be NULL. */
	void (*progress)(void *context);
	void *context;
};

struct journal_statistics {
	uint64_t records, octets; /* made durable in this life */
	uint64_t syncs;
	uint64_t batch;                /* records of the largest sync */
	int64_t sync_time, sync_worst; /* ns: of all syncs, and of the longest */
	uint64_t refused;              /* appends */
	uint64_t segments, stored;     /* segments now, and their octets */
	uint64_t cut;                  /* octets of the torn end that was found at opening */
};

/*
 * Opens the folder's journal, or begins one. Positions go on behind the larger of `after` and the last
 * record. -errno; MALFORMED for a segment that no crash can have left so; TABLE_FULL for too many.
 */
int journal_open(const char *folder, const struct journal_settings *settings, uint64_t after,
                 struct journal **ret_journal) CHECKED;
/* Makes durable what was appended, unless the journal has failed. Accepts NULL, returns NULL. */
struct journal *journal_close(struct journal *journal);

/*
 * Appends a record of 1 to JOURNAL_RECORD octets. TABLE_FULL while memory or the folder have no room;
 * TOO_LARGE; or the failure that ended the journal.
 */
int journal_append(struct journal *journal, const void *octets, size_t size, uint64_t *ret_position) CHECKED;
/* The number of the segment that the next record goes to. For the thread that appends. */
uint32_t journal_segment(const struct journal *journal);
/* Position of the last record that was appended; and of the last that will survive whatever happens. */
uint64_t journal_position(const struct journal *journal);
uint64_t journal_durable(const struct journal *journal);
/* Half of what it has room for, in memory or in the folder, is taken, or it has failed: what can wait should.
 */
bool journal_crowded(const struct journal *journal);
/* 0, or the -errno of what ended the journal. */
int journal_failure(const struct journal *journal);
/* Waits at most `patience` ns until `position` is durable: 0, NO_ANSWER, or the failure. */
int journal_wait(struct journal *journal, uint64_t position, int64_t patience) CHECKED;
void journal_statistics(struct journal *journal, struct journal_statistics *ret_statistics);

/*
 * Gives up segments all of whose records are at or below `position`; the one that is written stays.
 * -errno; what was not given up now will be by a later call.
 */
int journal_discard(struct journal *journal, uint64_t position) CHECKED;

struct journal_reader;
struct journal_record {
	uint64_t position;
	uint32_t segment;
	const uint8_t *octets; /* valid until the next read */
	size_t size;
};
/* Reads from the begin of the segment that has the record behind `after`, which is not always the first
 * there. MALFORMED when that record is missing. */
int journal_reader_open(struct journal *journal, uint64_t after, struct journal_reader **ret_reader) CHECKED;
struct journal_reader *journal_reader_close(struct journal_reader *reader);
/* 1 for a record, 0 when none is durable yet, MALFORMED when the files are damaged, -errno. */
int journal_read(struct journal_reader *reader, struct journal_record *ret_record) CHECKED;

#endif
