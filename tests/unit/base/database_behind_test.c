/* SPDX-License-Identifier: Apache-2.0 */
/* Writing behind: what was called durable can be read after any death, whole transactions only, once each. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/database.h"
#include "base/database_record.h"
#include "base/file.h"
#include "base/random.h"
#include "t.h"
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define CREATE                                                                                    \
	"CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, octets BLOB," \
	"level INTEGER NOT NULL DEFAULT 0);"                                                      \
	"CREATE TABLE IF NOT EXISTS part (item INTEGER NOT NULL, number INTEGER NOT NULL);"       \
	"CREATE INDEX IF NOT EXISTS part_item ON part (item)"
#define PATIENCE (60 * CLOCK_SECOND)

struct place {
	char folder[64];
	char path[128], journal[128];
	struct database_settings settings;
	uv_loop_t *loop;
	struct database *database;
	int durable, failed; /* callbacks */
	char problem[256];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/busbar-behind-test-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/items.db", place->folder);
	(void)snprintf(place->journal, sizeof(place->journal), "%s/journal", place->folder);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	int code;

	(void)database_close(place->database);
	code = file_remove_tree(place->folder);
	free(place);
	return code;
}

static void begin(struct place *place)
{
	T_OK(database_open_behind(place->loop, place->path, place->journal, &place->settings,
	                          &place->database));
	T_OK(database_execute(place->database, CREATE));
}

static void end(struct place *place)
{
	place->database = database_close(place->database);
}

static int insert(struct database *database, int64_t id, const char *name)
{
	return database_write(database, "INSERT INTO item (id, name, octets) VALUES (?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(id), DATABASE_TEXT(name),
	                                      DATABASE_OCTETS("\0a", 2)));
}

static int insert_part(struct database *database, int64_t id, int64_t number)
{
	return database_write(database, "INSERT INTO part VALUES (?, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(id), DATABASE_NUMBER(number)));
}

/* An item and as many parts as its number says, modulo 5: one transaction. */
static int insert_whole(struct database *database, int64_t id)
{
	char name[32];
	int code = database_begin(database);

	(void)snprintf(name, sizeof(name), "item %lld", (long long)id);
	if (code == 0)
		code = insert(database, id, name);
	for (int64_t i = 0; i < id % 5 && code == 0; i++)
		code = insert_part(database, id, i);
	if (code == 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	return code;
}

static int64_t number(struct database *database, const char *sql)
{
	int64_t value = -1;

	T_EQ(database_numbers(database, sql, NULL, 0, &value, 1), 1);
	return value;
}

static int64_t count(struct database *database)
{
	return number(database, "SELECT count(*) FROM item");
}

/* Items 1..n, none twice, each with all its parts; n. */
static int64_t check_whole(struct database *database)
{
	int64_t items = count(database);

	T_EQ(number(database, "SELECT coalesce(max(id), 0) FROM item"), items);
	T_EQ(number(database, "SELECT count(*) FROM item i WHERE id % 5 != "
	                      "(SELECT count(*) FROM part WHERE item = i.id)"),
	     0);
	T_EQ(number(database, "SELECT count(*) FROM part WHERE item NOT IN (SELECT id FROM item)"), 0);
	return items;
}

static void test_records(void **state)
{
	uint8_t octets[256];
	struct writer writer = writer_open(octets, sizeof(octets));
	struct database_item item;
	struct cursor cursor;

	(void)state;
	database_record_define(&writer, 7, 2, "SELECT 1");
	database_record_run(&writer, 7,
	                    DATABASE_VALUES(DATABASE_NUMBER(-5), DATABASE_OPTIONAL(0), DATABASE_OPTIONAL(9),
	                                    DATABASE_TEXT("text"), DATABASE_TEXT(NULL),
	                                    DATABASE_OCTETS("\0\1", 2), DATABASE_OCTETS("", 0)));
	database_record_run(&writer, 1023, NULL, 0);
	T_EQ(writer.error, 0);
	cursor = cursor_open(octets, writer_size(&writer));
	T_EQ(database_record_next(&cursor, &item), 1);
	T_EQ(item.number, 7);
	T_TEXT(item.text, "SELECT 1");
	T_EQ(item.keys, 2);
	T_EQ(database_record_next(&cursor, &item), 1);
	T_TRUE(item.text == NULL);
	T_EQ(item.count, 7);
	T_EQ(item.values[0].number, -5);
	T_TRUE(item.values[1].type == DATABASE_TYPE_OPTIONAL && item.values[1].number == 0);
	T_EQ(item.values[2].number, 9);
	T_TEXT(item.values[3].bytes, "text");
	T_TRUE(item.values[4].type == DATABASE_TYPE_OPTIONAL);
	T_EQ(item.values[5].size, 2);
	T_BYTES(item.values[5].bytes, "\0\1", 2);
	T_TRUE(item.values[6].size == 0 && item.values[6].bytes != NULL);
	T_EQ(database_record_next(&cursor, &item), 1);
	T_EQ(item.count, 0);
	T_EQ(database_record_next(&cursor, &item), 0);
	for (size_t size = 1; size < writer_size(&writer); size++) {
		int code;

		cursor = cursor_open(octets, size);
		while ((code = database_record_next(&cursor, &item)) > 0)
			continue;
		T_TRUE(code <= 0);
	}
}

static void test_writes_are_applied(void **state)
{
	struct place *place = *state;

	begin(place);
	T_EQ(database_position(place->database), 0);
	T_OK(insert(place->database, 1, "one"));
	T_EQ(database_position(place->database), 1);
	T_OK(database_begin(place->database));
	T_TRUE(database_in_transaction(place->database));
	T_OK(insert(place->database, 2, "two"));
	T_OK(insert(place->database, 3, NULL));
	T_EQ(database_position(place->database), 1);
	T_OK(database_commit(place->database));
	T_EQ(database_position(place->database), 2);
	T_OK(database_settle(place->database, PATIENCE));
	T_EQ(database_durable(place->database), 2);
	T_EQ(database_applied(place->database), 2);
	T_EQ(count(place->database), 3);
	T_EQ(number(place->database, "SELECT count(*) FROM item WHERE octets = x'0061'"), 3);
	T_EQ(number(place->database, "SELECT id FROM item WHERE name IS NULL"), 3);
	/* Nothing was written: nothing has happened. */
	T_OK(database_begin(place->database));
	T_OK(database_commit(place->database));
	T_EQ(database_position(place->database), 2);
	end(place);
	begin(place);
	T_EQ(database_position(place->database), 2);
	T_EQ(count(place->database), 3);
}

/* Nothing of a transaction that was rolled back is left, its statements' definitions neither. */
static int set_level(struct database *database, int64_t id, int64_t level)
{
	return database_set(database, "UPDATE item SET level = ? WHERE id = ?",
	                    DATABASE_VALUES(DATABASE_NUMBER(level), DATABASE_NUMBER(id)), 1);
}

/* Of many settings of a row the last one stands, however many rows there are, before and after a restart. */
static void test_the_last_setting_stands(void **state)
{
	enum { ITEMS = 5000, ROUNDS = 5 };
	struct place *place = *state;
	struct database *plain = NULL;

	begin(place);
	for (int64_t id = 1; id <= ITEMS; id++)
		T_OK(insert(place->database, id, NULL));
	for (int64_t round = 1; round <= ROUNDS; round++) {
		T_OK(database_begin(place->database));
		for (int64_t id = 1; id <= ITEMS; id++)
			T_OK(set_level(place->database, id, round * id));
		T_OK(database_commit(place->database));
	}
	T_OK(set_level(place->database, 7, -1));
	T_OK(set_level(place->database, ITEMS + 1, -1)); /* no such row */
	T_OK(database_settle(place->database, PATIENCE));
	T_EQ(number(place->database, "SELECT count(*) FROM item WHERE level = 5 * id"), ITEMS - 1);
	T_EQ(number(place->database, "SELECT level FROM item WHERE id = 7"), -1);
	T_OK(set_level(place->database, 8, -2));
	end(place);
	begin(place);
	T_EQ(number(place->database, "SELECT level FROM item WHERE id = 8"), -2);
	end(place);
	/* Without a journal every one is made. */
	T_OK(database_open(place->path, &plain));
	T_OK(set_level(plain, 8, 3));
	T_EQ(number(plain, "SELECT level FROM item WHERE id = 8"), 3);
	(void)database_close(plain);
}

static void test_rollback(void **state)
{
	struct place *place = *state;

	begin(place);
	T_OK(database_begin(place->database));
	T_ERROR(database_begin(place->database), BUSBAR_ERROR_STATE);
	T_OK(insert(place->database, 1, "lost"));
	database_rollback(place->database);
	database_rollback(place->database);
	T_EQ(database_position(place->database), 0);
	T_ERROR(database_commit(place->database), BUSBAR_ERROR_STATE);
	T_OK(insert(place->database, 1, "kept"));
	T_OK(database_begin(place->database));
	T_OK(insert(place->database, 2, "dropped by closing"));
	end(place);
	begin(place);
	T_EQ(count(place->database), 1);
	T_EQ(number(place->database, "SELECT id FROM item WHERE name = 'kept'"), 1);
}

static void note_end(void *context, bool committed)
{
	((int *)context)[committed]++;
}

static void test_watchers(void **state)
{
	struct place *place = *state;
	int ended[2] = {0, 0}, others[2] = {0, 0};

	for (int behind = 0; behind < 2; behind++) {
		if (behind)
			begin(place);
		else
			T_OK(database_open(":memory:", &place->database));
		T_OK(database_watch(place->database, note_end, ended));
		T_OK(database_watch(place->database, note_end, others));
		T_OK(database_begin(place->database));
		T_OK(database_commit(place->database));
		T_OK(database_begin(place->database));
		database_rollback(place->database);
		database_rollback(place->database);
		database_unwatch(place->database, ended);
		T_OK(database_begin(place->database));
		T_OK(database_commit(place->database));
		T_EQ(ended[true], behind + 1);
		T_EQ(ended[false], behind + 1);
		T_EQ(others[true], 2 * (behind + 1));
		end(place);
	}
}

static void test_refusals(void **state)
{
	struct place *place = *state;
	size_t size = JOURNAL_RECORD;
	uint8_t *octets = calloc(1, size);
	sqlite3_stmt *statement;

	T_TRUE(octets != NULL);
	begin(place);
	T_ERROR(database_write(place->database, "INSERT INTO nothing VALUES (1)", NULL, 0),
	        BUSBAR_ERROR_DATABASE);
	T_ERROR(database_write(place->database, "SELECT 1", NULL, 0), BUSBAR_ERROR_STATE);
	T_ERROR(database_write(place->database, "INSERT INTO part VALUES (?, 1)", NULL, 0),
	        BUSBAR_ERROR_DATABASE);
	T_OK(database_begin(place->database));
	T_ERROR(database_execute(place->database, "DELETE FROM item"), BUSBAR_ERROR_STATE);
	T_OK(insert(place->database, 1, "before"));
	/* A statement that has no room is left out whole. */
	T_ERROR(database_write(place->database, "INSERT INTO item VALUES (2, NULL, ?, 0)",
	                       DATABASE_VALUES(DATABASE_OCTETS(octets, size))),
	        BUSBAR_ERROR_TOO_LARGE);
	T_OK(insert(place->database, 3, "behind"));
	T_OK(database_write(place->database, "INSERT INTO item VALUES (2, NULL, ?, 0)",
	                    DATABASE_VALUES(DATABASE_OCTETS(octets, 1000))));
	T_OK(database_commit(place->database));
	T_OK(database_settle(place->database, PATIENCE));
	T_EQ(count(place->database), 3);
	/* SQLite is written by the journal alone. */
	T_OK(database_prepare(place->database, "DELETE FROM item", &statement));
	T_ERROR(database_run(place->database, statement), BUSBAR_ERROR_DATABASE);
	T_EQ(count(place->database), 3);
	free(octets);
}

static void test_many_segments(void **state)
{
	struct place *place = *state;
	struct database_statistics statistics;

	place->settings.segment = 3000;
	place->settings.delay = 1;
	begin(place);
	for (int64_t id = 1; id <= 600; id++)
		T_OK(insert_whole(place->database, id));
	T_OK(database_settle(place->database, PATIENCE));
	T_EQ(check_whole(place->database), 600);
	database_statistics(place->database, &statistics);
	T_TRUE(statistics.batches > 0 && statistics.applied == 600 && !statistics.failing);
	end(place);
	begin(place);
	database_statistics(place->database, &statistics);
	T_EQ(statistics.journal.segments, 1);
	T_EQ(check_whole(place->database), 600);
}

static void on_durable(void *context)
{
	((struct place *)context)->durable++;
}

static void on_patience_lost(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nothing was told");
}

/* Something for the loop to wait for, beside what it is to be told. */
static void start_patience(uv_loop_t *loop, uv_timer_t *timer)
{
	T_OK(uv_timer_init(loop, timer));
	T_OK(uv_timer_start(timer, on_patience_lost, PATIENCE / CLOCK_MILLISECOND, 0));
}

static void test_the_loop_is_told(void **state)
{
	struct place *place = *state;
	uv_loop_t loop;
	uv_timer_t timer;

	T_OK(uv_loop_init(&loop));
	place->loop = &loop;
	place->settings.durable = on_durable;
	place->settings.context = place;
	begin(place);
	/* Its handle is no reason for the loop to go on. */
	T_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
	T_EQ(place->durable, 0);
	T_OK(insert(place->database, 1, "a"));
	start_patience(&loop, &timer);
	while (place->durable == 0)
		(void)uv_run(&loop, UV_RUN_ONCE);
	T_EQ(database_durable(place->database), 1);
	end(place);
	uv_close((uv_handle_t *)&timer, NULL);
	T_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
	T_OK(uv_loop_close(&loop));
}

/* Writes whole items for ever, saying how far they are durable. */
static void write_and_be_killed(struct place *place, int pipe_end)
{
	int64_t id;

	begin(place);
	id = (int64_t)database_position(place->database);
	for (;;) {
		uint64_t durable = database_durable(place->database);
		int code = insert_whole(place->database, id + 1);

		if (code == 0)
			id++;
		else if (code != BUSBAR_ERROR_TABLE_FULL)
			_exit(2);
		if (write(pipe_end, &durable, sizeof(durable)) != sizeof(durable))
			_exit(3);
	}
}

static uint64_t kill_a_writer(struct place *place, uint64_t numbers)
{
	uint64_t told = 0, value;
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

	random_seed(&random, 11);
	place->settings.segment = 50000;
	place->settings.delay = CLOCK_MILLISECOND;
	for (int round = 0; round < 15; round++) {
		uint64_t told = kill_a_writer(place, random_below(&random, 2000));

		begin(place);
		T_TRUE(database_position(place->database) >= told);
		T_EQ(check_whole(place->database), database_position(place->database));
		end(place);
	}
}

/* What SQLite has on the disk may be behind what it said: the journal has the rest. */
static void test_a_database_that_lost_its_end(void **state)
{
	struct place *place = *state;
	char wal[160];

	place->settings.delay = 1;
	begin(place);
	for (int64_t id = 1; id <= 200; id++)
		T_OK(insert_whole(place->database, id));
	end(place);
	T_OK(database_open(place->path, &place->database));
	T_OK(database_execute(place->database, "DELETE FROM item WHERE id > 120;"
	                                       "DELETE FROM part WHERE item > 120;"
	                                       "UPDATE journal_applied SET position = 120"));
	end(place);
	(void)snprintf(wal, sizeof(wal), "%s-wal", place->path);
	(void)unlink(wal);
	begin(place);
	T_EQ(check_whole(place->database), 200);
}

static void on_failed(void *context, int code, const char *problem)
{
	struct place *place = context;

	T_TRUE(code < 0);
	place->failed++;
	(void)snprintf(place->problem, sizeof(place->problem), "%s", problem);
}

/* What SQLite refuses stays in the journal: it is told, tried again, and not forgotten. */
static void test_what_cannot_be_applied(void **state)
{
	struct place *place = *state;
	struct database_statistics statistics;
	struct database *other;
	uv_timer_t timer;
	uv_loop_t loop;

	T_OK(uv_loop_init(&loop));
	place->loop = &loop;
	place->settings.failed = on_failed;
	place->settings.context = place;
	place->settings.delay = 1;
	begin(place);
	T_OK(database_execute(place->database, "CREATE TRIGGER no BEFORE INSERT ON item WHEN new.id = 2 "
	                                       "BEGIN SELECT RAISE(ABORT, 'not now'); END"));
	T_OK(insert(place->database, 1, "a"));
	T_OK(insert(place->database, 2, "b"));
	T_ERROR(database_settle(place->database, PATIENCE), BUSBAR_ERROR_DATABASE);
	T_TEXT(database_problem(place->database), "not now");
	start_patience(&loop, &timer);
	while (place->failed == 0)
		(void)uv_run(&loop, UV_RUN_ONCE);
	T_TEXT(place->problem, "not now");
	database_statistics(place->database, &statistics);
	T_TRUE(statistics.failing && statistics.applied < 2 && statistics.durable == 2);
	/* Closing gives up, and opening as well. */
	end(place);
	T_ERROR(database_open_behind(&loop, place->path, place->journal, &place->settings, &place->database),
	        BUSBAR_ERROR_DATABASE);
	T_OK(database_open(place->path, &other));
	T_OK(database_execute(other, "DROP TRIGGER no"));
	(void)database_close(other);
	begin(place);
	T_EQ(count(place->database), 2);
	/* While it is open, the next try does it. */
	T_OK(database_execute(place->database, "CREATE TRIGGER no BEFORE INSERT ON item WHEN new.id = 3 "
	                                       "BEGIN SELECT RAISE(ABORT, 'not now'); END"));
	T_OK(insert(place->database, 3, "c"));
	while (database_settle(place->database, PATIENCE) == 0)
		continue;
	T_OK(database_open(place->path, &other));
	T_OK(database_execute(other, "DROP TRIGGER no"));
	(void)database_close(other);
	while (database_settle(place->database, PATIENCE) < 0)
		(void)usleep(1000);
	T_EQ(count(place->database), 3);
	end(place);
	uv_close((uv_handle_t *)&timer, NULL);
	T_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
	T_OK(uv_loop_close(&loop));
}

/* A disk that takes no more of the journal: commits fail from then on, and nothing is called durable. */
static void test_a_disk_that_fails(void **state)
{
	struct place *place = *state;
	struct rlimit limit, before;
	int64_t written = 0;
	uint64_t durable;

	(void)signal(SIGXFSZ, SIG_IGN);
	begin(place);
	for (; written < 20; written++)
		T_OK(insert_whole(place->database, written + 1));
	T_OK(database_settle(place->database, PATIENCE));
	T_OK(getrlimit(RLIMIT_FSIZE, &before));
	limit = before;
	limit.rlim_cur = 4000;
	T_OK(setrlimit(RLIMIT_FSIZE, &limit));
	while (insert_whole(place->database, written + 1) == 0)
		written++;
	T_ERROR(insert_whole(place->database, written + 1), -EFBIG);
	T_ERROR(database_settle(place->database, PATIENCE), -EFBIG);
	T_TRUE(strstr(database_problem(place->database), "journal") != NULL);
	durable = database_durable(place->database);
	T_TRUE(durable >= 20 && durable < (uint64_t)written);
	T_OK(setrlimit(RLIMIT_FSIZE, &before));
	end(place);
	begin(place);
	T_TRUE(check_whole(place->database) >= (int64_t)durable);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        WITH_FOLDER(test_records),
	        WITH_FOLDER(test_writes_are_applied),
	        WITH_FOLDER(test_the_last_setting_stands),
	        WITH_FOLDER(test_rollback),
	        WITH_FOLDER(test_watchers),
	        WITH_FOLDER(test_refusals),
	        WITH_FOLDER(test_many_segments),
	        WITH_FOLDER(test_the_loop_is_told),
	        WITH_FOLDER(test_kills),
	        WITH_FOLDER(test_a_database_that_lost_its_end),
	        WITH_FOLDER(test_what_cannot_be_applied),
	        WITH_FOLDER(test_a_disk_that_fails),
	};

	return T_RUN(tests);
}
