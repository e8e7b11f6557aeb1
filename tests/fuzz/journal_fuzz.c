/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment of a journal. What is in it is either damage that is told, or so many whole records, the same
 * however often it is opened; a record appended to them is read behind them. The records' own content is
 * taken apart as a transaction of a database.
 */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/database_record.h"
#include "base/file.h"
#include "base/journal.h"
#include "base/journal_format.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATIENCE = 60 };

/* Where what was read goes, so that it is read. */
static volatile uint8_t sink;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Texts end, and no value reaches out of the record. */
static void take_apart(const uint8_t *octets, size_t size)
{
	struct cursor cursor = cursor_open(octets, size);
	struct database_item item;
	uint8_t sum = 0;
	int code;

	while ((code = database_record_next(&cursor, &item)) > 0) {
		must(item.number < DATABASE_STATEMENTS && item.count <= DATABASE_PARAMETERS);
		if (item.text != NULL)
			sum ^= (uint8_t)strlen(item.text);
		for (size_t i = 0; i < item.count; i++) {
			const struct database_value *value = &item.values[i];

			if (value->type == DATABASE_TYPE_TEXT)
				sum ^= (uint8_t)strlen(value->bytes);
			for (size_t j = 0; value->type == DATABASE_TYPE_OCTETS && j < value->size; j++)
				sum ^= ((const uint8_t *)value->bytes)[j];
		}
	}
	must(code <= 0);
	sink = sum;
}

/* Reads from the begin to the end; the number of records. */
static uint64_t read_all(struct journal *journal, uint64_t first)
{
	struct journal_reader *reader = NULL;
	struct journal_record record;
	uint64_t count = 0;
	int code = journal_reader_open(journal, first - 1, &reader);

	must(code == 0);
	while ((code = journal_read(reader, &record)) > 0) {
		must(record.position == first + count++);
		take_apart(record.octets, record.size);
	}
	must(code == 0);
	(void)journal_reader_close(reader);
	return count;
}

/* A name for each process that fuzzes; in memory where there is such a place. */
static void name_folder(char folder[64])
{
	(void)snprintf(folder, 64, "%s/busbar-journal-fuzz-%d",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
}

static void try_folder(const char *folder, uint64_t first)
{
	const struct journal_settings settings = {.buffer = 1};
	struct journal_statistics statistics;
	struct journal *journal;
	uint64_t position, appended = 0;
	int code = journal_open(folder, &settings, 0, &journal);

	must(code == 0);
	position = journal_position(journal);
	must(read_all(journal, first) == position + 1 - first);
	code = journal_append(journal, "x", 1, &appended);
	must(code == 0 && appended == position + 1);
	code = journal_wait(journal, appended, PATIENCE * CLOCK_SECOND);
	must(code == 0);
	(void)journal_close(journal);
	code = journal_open(folder, &settings, 0, &journal);
	must(code == 0 && journal_position(journal) == appended);
	journal_statistics(journal, &statistics);
	must(statistics.cut == 0);
	must(read_all(journal, first) == appended + 1 - first);
	(void)journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct journal_settings settings = {.buffer = 1};
	char folder[64], path[128];
	struct journal *journal;
	uint64_t first = 0;
	int head = journal_read_head(data, size, &first), code;

	/* As a transaction on its own: a checksum is hard to meet by chance. */
	take_apart(data, size);
	name_folder(folder);
	code = file_make_folder(folder, 0700);
	must(code == 0);
	(void)snprintf(path, sizeof(path), "%s/journal-00000001.log", folder);
	code = file_write(path, data, size, 0600);
	must(code == 0);
	if (head < 0)
		must(journal_open(folder, &settings, 0, &journal) == head);
	else
		try_folder(folder, first);
	code = file_remove_tree(folder);
	must(code == 0);
	return 0;
}
