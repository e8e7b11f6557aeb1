/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side of writing behind: a transaction gathers as octets in memory and goes to the journal
 * when it is committed. A statement's text goes there once per segment; which segment a transaction will
 * be in is known when it begins, for nothing else is appended meanwhile.
 */
#include "base/clock.h"
#include "base/database_apply.h"
#include "base/database_internal.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TAG "database"

enum { NEAR_BITS = 8 };
#define BACKLOG (UINT64_C(1) << 30)
/* How long closing waits for a slow disk, and making tables for what was written before. */
#define PATIENCE (600 * CLOCK_SECOND)

struct statement {
	const char *sql;
	uint16_t number;
	uint8_t keys; /* of database_set() */
	int parameters;
	uint32_t segment;               /* of the journal, in which it is defined */
	struct statement *next_defined; /* by the same transaction */
};

/* On the loop; freed when its handle is closed. */
struct wake {
	uv_async_t async;
	struct behind *behind;
};

struct behind {
	struct database_settings settings;
	struct journal *journal;
	struct applier *applier;
	struct hash *statements;                /* address of the SQL text -> struct statement */
	struct statement *near[1 << NEAR_BITS]; /* some of them, by an easier hash */
	uint8_t *octets;                        /* of the open transaction */
	struct writer writer;
	struct statement *defined; /* by the open transaction */
	uint64_t position;
	struct wake *wake; /* NULL without a loop */
	uint64_t told;     /* position that durable() was called for */
	int told_failure;
};

/* Telling the loop. */

static int find_failure(const struct behind *behind, char problem[256])
{
	int code = journal_failure(behind->journal);

	if (code == 0)
		return applier_failure(behind->applier, problem);
	(void)snprintf(problem, 256, "journal: %s", error_text(code));
	return code;
}

static void on_wake(uv_async_t *async)
{
	struct behind *behind = ((struct wake *)(void *)async)->behind;
	const struct database_settings *settings = &behind->settings;
	uint64_t durable = journal_durable(behind->journal);
	char problem[256];
	int failure = find_failure(behind, problem);

	if (failure < 0 && failure != behind->told_failure && settings->failed != NULL)
		settings->failed(settings->context, failure, problem);
	behind->told_failure = failure;
	if (durable > behind->told && settings->durable != NULL) {
		behind->told = durable;
		settings->durable(settings->context);
	}
}

/* From the threads. */
static void wake_loop(void *context)
{
	struct behind *behind = context;

	if (behind->wake != NULL)
		(void)uv_async_send(&behind->wake->async);
}

static void on_progress(void *context)
{
	struct behind *behind = context;

	applier_wake(behind->applier, journal_durable(behind->journal));
	wake_loop(behind);
}

static int open_wake(struct behind *behind, uv_loop_t *loop)
{
	int code;

	if (loop == NULL)
		return 0;
	behind->wake = calloc(1, sizeof(*behind->wake));
	if (behind->wake == NULL)
		return -ENOMEM;
	behind->wake->behind = behind;
	code = uv_async_init(loop, &behind->wake->async, on_wake);
	if (code < 0) {
		free(behind->wake);
		behind->wake = NULL;
		return code;
	}
	/* It is no reason for the loop to go on. */
	uv_unref((uv_handle_t *)&behind->wake->async);
	return 0;
}

static void on_wake_closed(uv_handle_t *handle)
{
	free(handle);
}

/* Opening and closing. */

/* The position that SQLite has. */
static int read_applied(struct database *database, uint64_t *ret_applied)
{
	int64_t applied;
	int code = database_execute(
	        database, "CREATE TABLE IF NOT EXISTS journal_applied (id INTEGER PRIMARY KEY CHECK (id = 1),"
	                  "position INTEGER NOT NULL) STRICT;"
	                  "INSERT OR IGNORE INTO journal_applied VALUES (1, 0)");

	if (code == 0)
		code = database_numbers(database, "SELECT position FROM journal_applied", NULL, 0, &applied,
		                        1);
	if (code == 0)
		code = database_refuse(database, BUSBAR_ERROR_DATABASE, "no position of the journal");
	if (code < 0)
		return code;
	*ret_applied = (uint64_t)applied;
	return 0;
}

static int open_journal(struct behind *behind, const char *folder, uint64_t applied)
{
	const struct journal_settings settings = {
	        .buffer = behind->settings.buffer,
	        .segment = behind->settings.segment,
	        .maximum = behind->settings.backlog,
	        .progress = on_progress,
	        .context = behind,
	};
	struct journal_statistics statistics;
	int code = journal_open(folder, &settings, applied, &behind->journal);

	if (code < 0)
		return code;
	behind->position = behind->told = journal_position(behind->journal);
	journal_statistics(behind->journal, &statistics);
	if (statistics.cut > 0)
		log_notice(TAG, "event=torn-end-cut octets=%llu position=%llu",
		           (unsigned long long)statistics.cut, (unsigned long long)behind->position);
	return 0;
}

static int open_behind(struct behind *behind, struct database *database, uv_loop_t *loop, const char *path,
                       const char *folder)
{
	struct applier_settings settings = {
	        .path = path,
	        .delay = behind->settings.delay,
	        .backlog = behind->settings.backlog,
	        .failing = wake_loop,
	        .context = behind,
	};
	int code = read_applied(database, &settings.applied);

	behind->statements = hash_create(sizeof(const char *), DATABASE_STATEMENTS, 0);
	behind->octets = malloc(JOURNAL_RECORD);
	if (code == 0 && (behind->statements == NULL || behind->octets == NULL))
		code = -ENOMEM;
	if (code == 0)
		code = open_wake(behind, loop);
	if (code == 0)
		code = open_journal(behind, folder, settings.applied);
	settings.journal = behind->journal;
	if (code == 0)
		code = applier_open(&settings, database->problem, &behind->applier);
	/* From here on SQLite is written by the applier alone. */
	return code < 0 ? code : database_execute(database, "PRAGMA query_only=ON");
}

int database_open_behind(struct uv_loop_s *loop, const char *path, const char *folder,
                         const struct database_settings *settings, struct database **ret_database)
{
	struct behind *behind = calloc(1, sizeof(*behind));
	struct database *database = NULL;
	int code = behind == NULL ? -ENOMEM : database_open(path, &database);

	if (code == 0) {
		behind->settings = *settings;
		if (settings->delay == 0)
			behind->settings.delay = 100 * CLOCK_MILLISECOND;
		if (settings->backlog == 0)
			behind->settings.backlog = BACKLOG;
		code = open_behind(behind, database, loop, path, folder);
	}
	if (code < 0) {
		log_error(TAG, "event=not-opened code=%d cause=\"%s\"", code,
		          database == NULL ? error_text(code) : database->problem);
		(void)behind_close(behind);
		(void)database_close(database);
		return code;
	}
	database->behind = behind;
	*ret_database = database;
	return 0;
}

struct behind *behind_close(struct behind *behind)
{
	size_t position = 0;
	const void *key;
	void *statement;

	if (behind == NULL)
		return NULL;
	if (behind->applier != NULL && journal_wait(behind->journal, behind->position, PATIENCE) < 0)
		log_error(TAG, "event=closed cause=\"what was written last is not durable\"");
	if (behind->applier != NULL)
		applier_stop(behind->applier, journal_durable(behind->journal));
	/* Its thread may tell the applier of progress until then. */
	(void)journal_close(behind->journal);
	(void)applier_free(behind->applier);
	if (behind->wake != NULL)
		uv_close((uv_handle_t *)&behind->wake->async, on_wake_closed);
	while (behind->statements && hash_next(behind->statements, &position, &key, &statement))
		free(statement);
	(void)hash_free(behind->statements);
	free(behind->octets);
	free(behind);
	return NULL;
}

/* Writing. */

static int add_statement(struct database *database, const char *sql, uint8_t keys,
                         struct statement **ret_statement)
{
	struct behind *behind = database->behind;
	struct statement *statement;
	sqlite3_stmt *prepared = NULL;
	/* Prepared to be checked: what is wrong with it is to be known here. */
	int code = database_prepare(database, sql, &prepared);

	if (code < 0)
		return code;
	statement = calloc(1, sizeof(*statement));
	if (statement == NULL)
		return -ENOMEM;
	statement->sql = sql;
	statement->keys = keys;
	statement->number = (uint16_t)hash_count(behind->statements);
	statement->parameters = sqlite3_bind_parameter_count(prepared);
	code = sqlite3_column_count(prepared) > 0
	               ? database_refuse(database, BUSBAR_ERROR_STATE, "the statement gives rows")
	               : hash_put(behind->statements, &sql, statement);
	if (code < 0) {
		free(statement);
		return code;
	}
	*ret_statement = statement;
	return 0;
}

static int find_statement(struct database *database, const char *sql, size_t count, uint8_t keys,
                          struct statement **ret_statement)
{
	/* Addresses are nobody's choice: Fibonacci hashing (Knuth) will do. */
	uint64_t place = (uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15) >> (64 - NEAR_BITS);
	struct statement *statement = database->behind->near[place];
	int code = 0;

	if (statement == NULL || statement->sql != sql)
		statement = hash_get(database->behind->statements, &sql);
	if (statement == NULL)
		code = add_statement(database, sql, keys, &statement);
	if (code < 0)
		return code;
	database->behind->near[place] = statement;
	if (count > DATABASE_PARAMETERS || statement->parameters != (int)count)
		return database_refuse(database, BUSBAR_ERROR_DATABASE, "another number of parameters");
	*ret_statement = statement;
	return 0;
}

void behind_begin(struct behind *behind)
{
	behind->writer = writer_open(behind->octets, JOURNAL_RECORD);
	behind->defined = NULL;
}

static void define(struct behind *behind, struct statement *statement)
{
	database_record_define(&behind->writer, statement->number, statement->keys, statement->sql);
	statement->segment = journal_segment(behind->journal);
	statement->next_defined = behind->defined;
	behind->defined = statement;
}

void behind_rollback(struct behind *behind)
{
	for (struct statement *statement = behind->defined; statement; statement = statement->next_defined)
		statement->segment = 0;
	behind_begin(behind);
}

static int commit(struct behind *behind)
{
	size_t size = writer_size(&behind->writer);

	return size == 0 ? 0 : journal_append(behind->journal, behind->octets, size, &behind->position);
}

int behind_commit(struct database *database)
{
	int code = commit(database->behind);

	return code < 0 ? database_refuse(database, code, error_text(code)) : 0;
}

/* A statement is written whole or not at all. */
static int put(struct database *database, struct statement *statement, const struct database_value *values,
               size_t count)
{
	struct behind *behind = database->behind;
	struct writer before = behind->writer;
	bool defines = statement->segment != journal_segment(behind->journal);

	if (defines)
		define(behind, statement);
	database_record_run(&behind->writer, statement->number, values, count);
	if (behind->writer.error == 0)
		return 0;
	if (defines) {
		behind->defined = statement->next_defined;
		statement->segment = 0;
	}
	behind->writer = before;
	return database_refuse(database, BUSBAR_ERROR_TOO_LARGE, "the transaction is too large");
}

int behind_write(struct database *database, const char *sql, const struct database_value *values,
                 size_t count, uint8_t keys)
{
	struct behind *behind = database->behind;
	struct statement *statement = NULL;
	int code = find_statement(database, sql, count, keys, &statement);

	if (code < 0)
		return code;
	if (database->open)
		return put(database, statement, values, count);
	behind_begin(behind);
	code = put(database, statement, values, count);
	if (code == 0)
		code = behind_commit(database);
	if (code < 0)
		behind_rollback(behind);
	return code;
}

int behind_execute(struct database *database, const char *sql)
{
	int code, result;

	if (database->open)
		return database_refuse(database, BUSBAR_ERROR_STATE, "a transaction is open");
	code = behind_settle(database, PATIENCE);
	if (code < 0)
		return code;
	(void)sqlite3_exec(database->handle, "PRAGMA query_only=OFF", NULL, NULL, NULL);
	result = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
	if (result != SQLITE_OK)
		code = database_refuse(database, BUSBAR_ERROR_DATABASE, sqlite3_errmsg(database->handle));
	(void)sqlite3_exec(database->handle, "PRAGMA query_only=ON", NULL, NULL, NULL);
	return code;
}

/* Looking. */

uint64_t behind_position(const struct behind *behind)
{
	return behind->position;
}

bool behind_crowded(const struct behind *behind)
{
	return journal_crowded(behind->journal);
}

uint64_t behind_durable(const struct behind *behind)
{
	return journal_durable(behind->journal);
}

uint64_t behind_applied(const struct behind *behind)
{
	return applier_applied(behind->applier);
}

int behind_settle(struct database *database, int64_t patience)
{
	struct behind *behind = database->behind;
	int64_t start = clock_monotonic(&clock_system);
	int code = journal_wait(behind->journal, behind->position, patience);

	if (code == 0)
		code = applier_wait(behind->applier, behind->position,
		                    patience - (clock_monotonic(&clock_system) - start));
	if (code == BUSBAR_ERROR_NO_ANSWER)
		return database_refuse(database, code, "not everything is applied yet");
	if (code < 0)
		(void)find_failure(behind, database->problem);
	return code;
}

void behind_statistics(const struct behind *behind, struct database_statistics *ret_statistics)
{
	char problem[256];

	journal_statistics(behind->journal, &ret_statistics->journal);
	ret_statistics->position = behind->position;
	ret_statistics->durable = journal_durable(behind->journal);
	ret_statistics->applied = applier_applied(behind->applier);
	ret_statistics->batches = applier_batches(behind->applier);
	ret_statistics->failing = find_failure(behind, problem) < 0;
}
