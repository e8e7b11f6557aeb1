/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what was called durable is there after any death, and nothing half. */
#include "base/journal.h"

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/journal_format.h"
#include "base/random.h"
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 60 };

struct place {
	char folder[64];
	struct journal_settings settings;
	struct journal *journal;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/busbar-journal-test-XXXXXX");
	*state = place;
	return mkdtemp(place->folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	int code;

	(void)journal_close(place->journal);
	code = file_remove_tree(place->folder);
	free(place);
	return code;
}

static void begin(struct place *place)
{
	T_OK(journal_open(place->folder, &place->settings, 0, &place->journal));
}

static void end(struct place *place)
{
	place->journal = journal_close(place->journal);
}

/* A record's octets follow from its position: its size as well. */
static size_t make(uint64_t position, uint8_t octets[1024])
{
	struct random random;
	size_t size;

	random_seed(&random, position);
	size = (size_t)random_below(&random, 1000) + 1;
	random_fill(&random, octets, size);
	return size;
}

static int append(struct journal *journal)
{
	uint8_t octets[1024];
	uint64_t position = journal_position(journal) + 1, given = 0;
	int code = journal_append(journal, octets, make(position, octets), &given);

	if (code == 0)
		T_EQ(given, position);
	return code;
}

static void append_many(struct journal *journal, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		T_OK(append(journal));
	T_OK(journal_wait(journal, journal_position(journal), PATIENCE * CLOCK_SECOND));
}

/* Reads on behind `after` to the end; the position that was reached. */
static uint64_t read_all(struct journal *journal, uint64_t after)
{
	struct journal_reader *reader = NULL;
	struct journal_record record;
	uint64_t position = after;
	uint8_t octets[1024];
	int code;

	T_OK(journal_reader_open(journal, after, &reader));
	while ((code = journal_read(reader, &record)) > 0) {
		if (record.position <= after)
			continue;
		T_EQ(record.position, ++position);
		T_EQ(record.size, make(position, octets));
		T_BYTES(record.octets, octets, record.size);
	}
	T_OK(code);
	T_TRUE(journal_reader_close(reader) == NULL);
	return position;
}

static struct journal_statistics statistics(struct journal *journal)
{
	struct journal_statistics values;

	journal_statistics(journal, &values);
	return values;
}

static void test_checksum(void **state)
{
	static const char digits[] = "123456789";
	uint8_t octets[100];

	(void)state;
	/* The check value of the polynomial, and RFC 3720 B.4: 32 octets of 0, of ff, and rising. */
	T_EQ(checksum(0, digits, 9), 0xe3069283);
	memset(octets, 0, sizeof(octets));
	T_EQ(checksum(0, octets, 32), 0x8a9136aa);
	memset(octets, 0xff, sizeof(octets));
	T_EQ(checksum(0, octets, 32), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	T_EQ(checksum(0, octets, 32), 0x46dd794e);
	T_EQ(checksum(0, octets, 0), 0);
	for (size_t size = 0; size <= sizeof(octets); size++) {
		T_EQ(checksum(0, octets, size), checksum_portable(0, octets, size));
		T_EQ(checksum(checksum(0, octets, size), octets + size, sizeof(octets) - size),
		     checksum(0, octets, sizeof(octets)));
	}
}

static void test_appends_are_read(void **state)
{
	struct place *place = *state;

	begin(place);
	T_EQ(journal_position(place->journal), 0);
	T_EQ(read_all(place->journal, 0), 0);
	append_many(place->journal, 500);
	T_EQ(journal_durable(place->journal), 500);
	T_EQ(read_all(place->journal, 0), 500);
	T_EQ(read_all(place->journal, 499), 500);
	T_EQ(read_all(place->journal, 500), 500);
	T_EQ(statistics(place->journal).records, 500);
	T_TRUE(statistics(place->journal).syncs > 0 && statistics(place->journal).sync_worst > 0);
	end(place);
	begin(place);
	T_EQ(journal_position(place->journal), 500);
	T_EQ(journal_durable(place->journal), 500);
	append_many(place->journal, 10);
	T_EQ(read_all(place->journal, 123), 510);
}

/* What was appended is made durable by closing. */
static void test_closing_waits(void **state)
{
	struct place *place = *state;

	begin(place);
	for (int i = 0; i < 100; i++)
		T_OK(append(place->journal));
	end(place);
	begin(place);
	T_EQ(read_all(place->journal, 0), 100);
	T_TRUE(journal_close(NULL) == NULL && journal_reader_close(NULL) == NULL);
}

/* A reader that follows sees every record, and only what is durable. */
static void test_a_reader_follows(void **state)
{
	struct place *place = *state;
	struct journal_reader *reader;
	struct journal_record record;
	uint64_t position = 0;
	uint8_t octets[1024];

	place->settings.segment = 4000;
	begin(place);
	T_OK(journal_reader_open(place->journal, 0, &reader));
	T_EQ(journal_read(reader, &record), 0);
	for (int round = 0; round < 200; round++) {
		int code;

		append_many(place->journal, (uint64_t)round % 5);
		while ((code = journal_read(reader, &record)) > 0) {
			T_EQ(record.position, ++position);
			T_EQ(record.size, make(position, octets));
			T_BYTES(record.octets, octets, record.size);
		}
		T_OK(code);
		T_EQ(position, journal_durable(place->journal));
		T_OK(journal_discard(place->journal, position));
	}
	(void)journal_reader_close(reader);
	T_EQ(position, 400);
	T_TRUE(statistics(place->journal).segments < 4);
}

static void test_segments_are_discarded(void **state)
{
	struct place *place = *state;
	struct journal_reader *reader;
	uint64_t stored;
	uint32_t segment;

	place->settings.segment = 10000;
	begin(place);
	segment = journal_segment(place->journal);
	T_EQ(segment, 1);
	append_many(place->journal, 300);
	T_TRUE(journal_segment(place->journal) > 10);
	stored = statistics(place->journal).stored;
	T_OK(journal_discard(place->journal, 0));
	T_EQ(statistics(place->journal).stored, stored);
	T_OK(journal_discard(place->journal, 200));
	T_TRUE(statistics(place->journal).stored < stored);
	T_EQ(read_all(place->journal, 200), 300);
	T_ERROR(journal_reader_open(place->journal, 0, &reader), BUSBAR_ERROR_MALFORMED);
	T_OK(journal_discard(place->journal, 300));
	T_EQ(statistics(place->journal).segments, 1);
	/* Positions go on, and discarded files are used again. */
	append_many(place->journal, 300);
	end(place);
	begin(place);
	T_EQ(read_all(place->journal, 300), 600);
	T_EQ(journal_position(place->journal), 600);
}

/* Discarded files are used again: what they held before is never taken for a record. */
static void test_files_in_their_second_life(void **state)
{
	struct place *place = *state;

	place->settings.segment = 3000;
	for (int round = 0; round < 20; round++) {
		uint64_t before, after;

		begin(place);
		before = journal_position(place->journal);
		append_many(place->journal, 40);
		T_EQ(read_all(place->journal, before), before + 40);
		T_OK(journal_discard(place->journal, before + 30));
		append_many(place->journal, 7);
		after = journal_position(place->journal);
		end(place);
		begin(place);
		T_EQ(journal_position(place->journal), after);
		T_EQ(read_all(place->journal, before + 30), after);
		T_OK(journal_discard(place->journal, after));
		end(place);
	}
}

static void test_positions_go_on_behind_what_is_known(void **state)
{
	struct place *place = *state;

	T_OK(journal_open(place->folder, &place->settings, 1000, &place->journal));
	T_EQ(journal_durable(place->journal), 1000);
	append_many(place->journal, 5);
	end(place);
	begin(place);
	T_EQ(journal_position(place->journal), 1005);
	T_EQ(read_all(place->journal, 1000), 1005);
}

static void test_refusals(void **state)
{
	struct place *place = *state;
	uint8_t *octets = calloc(1, JOURNAL_RECORD + 1);
	uint64_t position;

	T_TRUE(octets != NULL);
	place->settings.maximum = 20000;
	place->settings.segment = 5000;
	begin(place);
	T_ERROR(journal_append(place->journal, octets, JOURNAL_RECORD + 1, &position),
	        BUSBAR_ERROR_TOO_LARGE);
	T_TRUE(!journal_crowded(place->journal));
	while (statistics(place->journal).stored <= 10000)
		T_OK(append(place->journal));
	T_TRUE(journal_crowded(place->journal));
	while (statistics(place->journal).stored < 20000)
		T_OK(append(place->journal));
	T_ERROR(append(place->journal), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(statistics(place->journal).refused, 1);
	T_OK(journal_wait(place->journal, journal_position(place->journal), PATIENCE * CLOCK_SECOND));
	T_OK(journal_discard(place->journal, journal_durable(place->journal)));
	T_OK(append(place->journal));
	/* The buffer: a second record of this size fits only when the first is on the disk. */
	end(place);
	place->settings = (struct journal_settings){.buffer = 1};
	begin(place);
	T_OK(journal_append(place->journal, octets, JOURNAL_RECORD, &position));
	while (journal_append(place->journal, octets, JOURNAL_RECORD, &position) == 0)
		continue;
	T_TRUE(statistics(place->journal).refused == 1);
	T_OK(journal_wait(place->journal, journal_position(place->journal), PATIENCE * CLOCK_SECOND));
	T_OK(journal_append(place->journal, octets, JOURNAL_RECORD, &position));
	T_ERROR(journal_wait(place->journal, position + 1, 0), BUSBAR_ERROR_NO_ANSWER);
	free(octets);
}

static void segment_path(const struct place *place, uint32_t number, char path[128])
{
	(void)snprintf(path, 128, "%s/journal-%08u.log", place->folder, number);
}

/* Whatever is cut off the last record, those before it stay. */
static void test_torn_at_every_octet(void **state)
{
	struct place *place = *state;
	uint64_t before, whole;
	uint8_t octets[1024];
	char path[128];
	struct stat status;

	begin(place);
	append_many(place->journal, 3);
	before = statistics(place->journal).stored;
	append_many(place->journal, 1);
	whole = statistics(place->journal).stored;
	T_EQ(whole - before, JOURNAL_FRAME + make(4, octets));
	end(place);
	segment_path(place, 1, path);
	for (uint64_t size = whole - 1; size >= before; size--) {
		T_OK(truncate(path, (off_t)size));
		begin(place);
		T_EQ(journal_position(place->journal), 3);
		T_EQ(statistics(place->journal).cut, size - before);
		T_EQ(read_all(place->journal, 0), 3);
		end(place);
		T_OK(stat(path, &status));
		T_EQ(status.st_size, before);
		/* Something else may stand there: the next size is one of zeros. */
		T_OK(truncate(path, (off_t)size - 1 > (off_t)before ? (off_t)size - 1 : (off_t)before));
	}
	begin(place);
	append_many(place->journal, 2);
	T_EQ(read_all(place->journal, 0), 5);
}

static void flip(const char *path, off_t offset)
{
	int descriptor = open(path, O_RDWR);
	uint8_t octet;

	T_TRUE(descriptor >= 0);
	T_EQ(pread(descriptor, &octet, 1, offset), 1);
	octet ^= 0x10;
	T_EQ(pwrite(descriptor, &octet, 1, offset), 1);
	(void)close(descriptor);
}

/* Damage before the last segment is told: a crash cannot have done it. */
static void test_damage(void **state)
{
	struct place *place = *state;
	struct journal_reader *reader;
	struct journal_record record;
	char path[128];
	int code;

	place->settings.segment = 2000;
	begin(place);
	while (journal_segment(place->journal) < 3)
		append_many(place->journal, 1);
	end(place);
	segment_path(place, 1, path);
	flip(path, 100);
	begin(place);
	T_OK(journal_reader_open(place->journal, 0, &reader));
	while ((code = journal_read(reader, &record)) > 0)
		continue;
	T_ERROR(code, BUSBAR_ERROR_MALFORMED);
	(void)journal_reader_close(reader);
	end(place);
	for (off_t offset = 0; offset < JOURNAL_HEAD; offset++) {
		flip(path, offset);
		T_ERROR(journal_open(place->folder, &place->settings, 0, &place->journal),
		        BUSBAR_ERROR_MALFORMED);
		flip(path, offset);
	}
	flip(path, 100);
	begin(place);
	T_EQ(read_all(place->journal, 0), journal_position(place->journal));
}

/* Any octet of the last record that went wrong takes that record, and the next one takes its place. */
static void test_wrong_octets_at_the_end(void **state)
{
	struct place *place = *state;
	struct stat status;
	char path[128];
	uint64_t first;

	begin(place);
	append_many(place->journal, 3);
	first = statistics(place->journal).stored;
	append_many(place->journal, 1);
	end(place);
	for (uint32_t segment = 1; segment <= 20; segment++) {
		segment_path(place, segment, path);
		T_OK(stat(path, &status));
		flip(path, (off_t)first + segment - 1 < status.st_size ? (off_t)first + segment - 1
		                                                       : status.st_size - 1);
		begin(place);
		T_EQ(journal_position(place->journal), 3);
		append_many(place->journal, 1);
		T_EQ(read_all(place->journal, 0), 4);
		end(place);
		first = JOURNAL_HEAD;
	}
}

/* Appends for ever, saying how far it is durable. */
static void write_and_be_killed(struct place *place, int pipe_end)
{
	if (journal_open(place->folder, &place->settings, 0, &place->journal) < 0)
		_exit(1);
	for (;;) {
		uint64_t durable = journal_durable(place->journal);
		int code = append(place->journal);

		if (code < 0 && code != BUSBAR_ERROR_TABLE_FULL)
			_exit(2);
		if (write(pipe_end, &durable, sizeof(durable)) != sizeof(durable))
			_exit(3);
		if (journal_discard(place->journal, durable > 500 ? durable - 500 : 0) < 0)
			_exit(4);
	}
}

static uint64_t kill_a_writer(struct place *place, struct random *random)
{
	uint64_t told = 0, value, numbers = random_below(random, 3000);
	int ends[2], status;
	pid_t child;

	T_OK(pipe(ends));
	child = fork();
	T_OK(child);
	if (child == 0) {
		(void)close(ends[0]);
		write_and_be_killed(place, ends[1]);
	}
	(void)close(ends[1]);
	for (uint64_t i = 0; i <= numbers && read(ends[0], &value, sizeof(value)) == sizeof(value); i++)
		told = value;
	(void)kill(child, SIGKILL);
	T_EQ(waitpid(child, &status, 0), child);
	T_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(ends[0], &value, sizeof(value)) == sizeof(value))
		told = value;
	(void)close(ends[0]);
	return told;
}

static void test_kills(void **state)
{
	struct place *place = *state;
	struct random random;

	random_seed(&random, 7);
	place->settings.segment = 200000;
	for (int round = 0; round < 20; round++) {
		uint64_t told = kill_a_writer(place, &random), position;

		begin(place);
		position = journal_position(place->journal);
		T_TRUE(position >= told);
		T_EQ(read_all(place->journal, told > 500 ? told - 500 : 0), position);
		end(place);
	}
}

static void note_progress(void *context)
{
	(void)__atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST);
}

/* A disk that takes no more: nothing that did not reach it is called durable, and nothing more is taken. */
static void test_a_disk_that_fails(void **state)
{
	struct place *place = *state;
	struct rlimit limit, before;
	int progress = 0;
	uint64_t durable;

	(void)signal(SIGXFSZ, SIG_IGN);
	place->settings.progress = note_progress;
	place->settings.context = &progress;
	begin(place);
	append_many(place->journal, 20);
	durable = journal_durable(place->journal);
	T_TRUE(progress > 0);
	T_OK(getrlimit(RLIMIT_FSIZE, &before));
	limit = before;
	limit.rlim_cur = statistics(place->journal).stored + 5; /* less than any record */
	T_OK(setrlimit(RLIMIT_FSIZE, &limit));
	for (int i = 0; i < 10; i++)
		(void)append(place->journal);
	T_ERROR(journal_wait(place->journal, durable + 1, PATIENCE * CLOCK_SECOND), -EFBIG);
	T_OK(setrlimit(RLIMIT_FSIZE, &before));
	T_ERROR(journal_failure(place->journal), -EFBIG);
	T_ERROR(append(place->journal), -EFBIG);
	T_EQ(journal_durable(place->journal), durable);
	T_EQ(read_all(place->journal, 0), durable);
	end(place);
	place->settings.progress = NULL;
	begin(place);
	T_TRUE(journal_position(place->journal) >= durable);
	append_many(place->journal, 3);
	T_EQ(read_all(place->journal, 0), journal_position(place->journal));
}

static void test_opening(void **state)
{
	struct place *place = *state;
	struct journal *journal = NULL;
	char path[128];

	T_ERROR(journal_open("/proc/nothing/here", &place->settings, 0, &journal), -ENOENT);
	segment_path(place, 1, path);
	T_OK(file_write(path, "no journal", 10, 0600));
	T_ERROR(journal_open(place->folder, &place->settings, 0, &journal), BUSBAR_ERROR_MALFORMED);
	T_TRUE(journal == NULL);
	/* What has no such name is left alone. */
	T_OK(unlink(path));
	(void)snprintf(path, sizeof(path), "%s/journal-1.log", place->folder);
	T_OK(file_write(path, "no journal", 10, 0600));
	begin(place);
	append_many(place->journal, 1);
	T_OK(access(path, F_OK));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        WITH_FOLDER(test_checksum),
	        WITH_FOLDER(test_appends_are_read),
	        WITH_FOLDER(test_closing_waits),
	        WITH_FOLDER(test_a_reader_follows),
	        WITH_FOLDER(test_segments_are_discarded),
	        WITH_FOLDER(test_files_in_their_second_life),
	        WITH_FOLDER(test_positions_go_on_behind_what_is_known),
	        WITH_FOLDER(test_refusals),
	        WITH_FOLDER(test_torn_at_every_octet),
	        WITH_FOLDER(test_damage),
	        WITH_FOLDER(test_wrong_octets_at_the_end),
	        WITH_FOLDER(test_kills),
	        WITH_FOLDER(test_a_disk_that_fails),
	        WITH_FOLDER(test_opening),
	};

	return T_RUN(tests);
}
