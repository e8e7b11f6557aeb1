/* SPDX-License-Identifier: Apache-2.0 */
/* Database: settings, transactions, statement cache, and what survives a process that dies. */
#include "base/database.h"
#include "base/file.h"
#include "t.h"
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CREATE "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)"

struct place {
	char folder[64];
	char path[128];
	struct database *database;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/busbar-database-test-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/items.db", place->folder);
	if (database_open(place->path, &place->database) < 0 || database_execute(place->database, CREATE) < 0)
		return -1;
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

static int insert(struct database *database, int64_t id, const char *name)
{
	sqlite3_stmt *statement = NULL;
	int code = database_prepare(database, "INSERT INTO item VALUES (?, ?)", &statement);

	if (code < 0)
		return code;
	(void)sqlite3_bind_int64(statement, 1, id);
	if (name)
		(void)sqlite3_bind_text(statement, 2, name, -1, SQLITE_TRANSIENT);
	return database_run(database, statement);
}

/* The first column of the only row. */
static int64_t number(struct database *database, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value;

	T_OK(database_prepare(database, sql, &statement));
	T_EQ(database_step(database, statement), 1);
	value = sqlite3_column_int64(statement, 0);
	T_EQ(database_step(database, statement), 0);
	return value;
}

static int64_t count(struct database *database)
{
	return number(database, "SELECT count(*) FROM item");
}

static void test_settings(void **state)
{
	struct place *place = *state;
	sqlite3_stmt *statement = NULL;

	T_OK(database_prepare(place->database, "PRAGMA journal_mode", &statement));
	T_EQ(database_step(place->database, statement), 1);
	T_TEXT((const char *)sqlite3_column_text(statement, 0), "wal");
	T_EQ(database_step(place->database, statement), 0);
	T_EQ(number(place->database, "PRAGMA synchronous"), 2);
	T_EQ(number(place->database, "PRAGMA foreign_keys"), 1);
	T_TRUE(number(place->database, "PRAGMA busy_timeout") > 0);
}

static void test_transactions(void **state)
{
	struct database *database = ((struct place *)*state)->database;

	T_TRUE(!database_in_transaction(database));
	T_ERROR(database_commit(database), BUSBAR_ERROR_STATE);
	database_rollback(database);
	T_OK(database_begin(database));
	T_TRUE(database_in_transaction(database));
	T_ERROR(database_begin(database), BUSBAR_ERROR_STATE);
	T_OK(insert(database, 1, "a"));
	database_rollback(database);
	T_TRUE(!database_in_transaction(database));
	T_EQ(count(database), 0);
	T_OK(database_begin(database));
	T_OK(insert(database, 1, "a"));
	T_OK(insert(database, 2, "b"));
	T_OK(database_commit(database));
	T_TRUE(!database_in_transaction(database));
	T_EQ(count(database), 2);
}

static void test_failures_have_codes_and_texts(void **state)
{
	struct database *database = ((struct place *)*state)->database;
	sqlite3_stmt *statement = NULL;

	T_OK(insert(database, 1, "a"));
	T_ERROR(insert(database, 1, "b"), BUSBAR_ERROR_DUPLICATE);
	T_TRUE(strstr(database_problem(database), "item.id") != NULL);
	T_ERROR(insert(database, 2, "a"), BUSBAR_ERROR_DUPLICATE);
	T_TRUE(strstr(database_problem(database), "item.name") != NULL);
	/* Another constraint is no duplicate. */
	T_ERROR(insert(database, 3, NULL), BUSBAR_ERROR_DATABASE);
	T_OK(insert(database, 4, "d"));
	T_ERROR(database_execute(database, "SELECT FROM WHERE"), BUSBAR_ERROR_DATABASE);
	T_TRUE(strstr(database_problem(database), "syntax error") != NULL);
	T_ERROR(database_prepare(database, "SELECT nothing FROM item", &statement), BUSBAR_ERROR_DATABASE);
	T_ERROR(database_prepare(database, "", &statement), BUSBAR_ERROR_DATABASE);
	T_ERROR(database_prepare(database, "SELECT 1; SELECT 2", &statement), BUSBAR_ERROR_DATABASE);
	T_TRUE(statement == NULL);
	T_OK(database_prepare(database, "SELECT id FROM item", &statement));
	T_ERROR(database_run(database, statement), BUSBAR_ERROR_STATE);
	T_EQ(count(database), 2);
}

static void test_a_failure_inside_a_transaction_is_undone(void **state)
{
	struct database *database = ((struct place *)*state)->database;

	T_OK(insert(database, 1, "a"));
	T_OK(database_begin(database));
	T_OK(insert(database, 2, "b"));
	T_ERROR(insert(database, 1, "c"), BUSBAR_ERROR_DUPLICATE);
	database_rollback(database);
	T_TRUE(strstr(database_problem(database), "item.id") != NULL);
	T_EQ(count(database), 1);
}

static void test_statements_are_kept_and_clean(void **state)
{
	static const char sql[] = "SELECT id FROM item WHERE ?1 IS NULL OR id = ?1 ORDER BY id";
	struct database *database = ((struct place *)*state)->database;
	sqlite3_stmt *first = NULL, *second = NULL;

	for (int i = 1; i <= 3; i++)
		T_OK(insert(database, i, (const char *[]){"", "a", "b", "c"}[i]));
	T_OK(database_prepare(database, sql, &first));
	(void)sqlite3_bind_int64(first, 1, 2);
	T_EQ(database_step(database, first), 1);
	T_EQ(sqlite3_column_int64(first, 0), 2);
	/* In the middle of its rows: prepared again it starts anew, without its binding. */
	T_OK(database_prepare(database, sql, &second));
	T_TRUE(first == second);
	for (int i = 1; i <= 3; i++) {
		T_EQ(database_step(database, second), 1);
		T_EQ(sqlite3_column_int64(second, 0), i);
	}
	T_EQ(database_step(database, second), 0);
}

static void test_the_cache_is_bounded(void **state)
{
	enum { TEXTS = 1100, SIZE = 32 };
	struct database *database = ((struct place *)*state)->database;
	char *texts = calloc(TEXTS, SIZE);
	sqlite3_stmt *statement = NULL;
	int prepared = 0, code = 0;

	T_TRUE(texts != NULL);
	while (code == 0 && prepared < TEXTS) {
		char *text = texts + (ptrdiff_t)prepared * SIZE;

		(void)snprintf(text, SIZE, "SELECT %d", prepared);
		code = database_prepare(database, text, &statement);
		prepared += code == 0;
	}
	T_ERROR(code, BUSBAR_ERROR_TABLE_FULL);
	T_EQ(prepared, 1024);
	/* What is known still works. */
	T_OK(database_prepare(database, texts, &statement));
	T_EQ(database_step(database, statement), 1);
	((struct place *)*state)->database = database_close(database);
	free(texts);
}

static void test_foreign_keys_hold(void **state)
{
	struct database *database = ((struct place *)*state)->database;

	T_OK(database_execute(database, "CREATE TABLE part (item INTEGER NOT NULL REFERENCES item (id));"
	                                "INSERT INTO item VALUES (1, 'a'); INSERT INTO part VALUES (1);"));
	T_ERROR(database_execute(database, "INSERT INTO part VALUES (2)"), BUSBAR_ERROR_DATABASE);
	T_ERROR(database_execute(database, "DELETE FROM item"), BUSBAR_ERROR_DATABASE);
}

static void test_content_survives_reopening(void **state)
{
	struct place *place = *state;

	T_OK(database_begin(place->database));
	T_OK(insert(place->database, 1, "kept"));
	T_OK(database_commit(place->database));
	T_OK(database_begin(place->database));
	T_OK(insert(place->database, 2, "lost"));
	T_TRUE(database_close(place->database) == NULL);
	place->database = NULL;
	T_OK(database_open(place->path, &place->database));
	T_EQ(count(place->database), 1);
	T_EQ(number(place->database, "SELECT id FROM item WHERE name = 'kept'"), 1);
}

/* Commits one item, says so, begins another, and dies without a word to SQLite. */
static void write_and_die(const char *path, int pipe_end)
{
	struct database *database = NULL;

	if (database_open(path, &database) == 0 && database_begin(database) == 0 &&
	    insert(database, 1, "kept") == 0 && database_commit(database) == 0 &&
	    write(pipe_end, "c", 1) == 1 && database_begin(database) == 0 && insert(database, 2, "lost") == 0)
		(void)kill(getpid(), SIGKILL);
	_exit(1);
}

static void test_commits_survive_a_killed_process(void **state)
{
	struct place *place = *state;
	int ends[2], status = 0;
	char committed = 0;
	pid_t child;

	place->database = database_close(place->database);
	T_OK(pipe(ends));
	child = fork();
	T_OK(child);
	if (child == 0)
		write_and_die(place->path, ends[1]);
	(void)close(ends[1]);
	T_EQ(waitpid(child, &status, 0), child);
	T_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	T_EQ(read(ends[0], &committed, 1), 1);
	(void)close(ends[0]);
	T_OK(database_open(place->path, &place->database));
	T_EQ(count(place->database), 1);
	T_EQ(number(place->database, "SELECT id FROM item WHERE name = 'kept'"), 1);
}

static void test_opening(void **state)
{
	struct place *place = *state;
	struct database *database = NULL;
	char path[128];

	T_ERROR(database_open("/nonexistent/folder/x.db", &database), BUSBAR_ERROR_DATABASE);
	T_TRUE(database == NULL);
	(void)snprintf(path, sizeof(path), "%s/text", place->folder);
	T_OK(file_write(path, "this is a text and by no means a database, whatever its size may be", 68,
	                0600));
	T_ERROR(database_open(path, &database), BUSBAR_ERROR_DATABASE);
	T_OK(database_open(":memory:", &database));
	T_OK(database_execute(database, CREATE));
	T_OK(insert(database, 1, "a"));
	T_EQ(count(database), 1);
	T_TRUE(database_close(database) == NULL);
	T_TRUE(database_close(NULL) == NULL);
}

int main(void)
{
#define WITH_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        WITH_DATABASE(test_settings),
	        WITH_DATABASE(test_transactions),
	        WITH_DATABASE(test_failures_have_codes_and_texts),
	        WITH_DATABASE(test_a_failure_inside_a_transaction_is_undone),
	        WITH_DATABASE(test_statements_are_kept_and_clean),
	        WITH_DATABASE(test_the_cache_is_bounded),
	        WITH_DATABASE(test_foreign_keys_hold),
	        WITH_DATABASE(test_content_survives_reopening),
	        WITH_DATABASE(test_commits_survive_a_killed_process),
	        WITH_DATABASE(test_opening),
	};

	return T_RUN(tests);
}
