/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite with the settings that durability needs. Statements are kept in a hash table by the address of
 * their SQL text; every failure leaves its text in `problem`, for SQLite forgets it at the next call.
 */
#include "base/database.h"
#include "base/database_internal.h"
#include "base/hash.h"
#include "busbar-error.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUSY_TIMEOUT = 5000, /* ms */
	/* SQLite's own pieces of memory: a value of a common size fits. */
	PIECE = 1536,
	PIECES = 128,
};

/* Keeps the text of a failure and gives its code. */
static int fail(struct database *database, int result)
{
	(void)snprintf(database->problem, sizeof(database->problem), "%s", sqlite3_errmsg(database->handle));
	switch (result) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return BUSBAR_ERROR_DUPLICATE;
	default:
		return BUSBAR_ERROR_DATABASE;
	}
}

int database_refuse(struct database *database, int code, const char *reason)
{
	(void)snprintf(database->problem, sizeof(database->problem), "%s", reason);
	return code;
}

/* The mode comes back as text; a file system without shared memory would silently stay in another. */
static int set_journal(struct database *database)
{
	sqlite3_stmt *statement = NULL;
	const char *mode = NULL;
	int code = 0;
	int result = sqlite3_prepare_v2(database->handle, "PRAGMA journal_mode=WAL", -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result != SQLITE_ROW)
		code = fail(database, result);
	else
		mode = (const char *)sqlite3_column_text(statement, 0);
	if (code == 0 && (!mode || (strcmp(mode, "wal") != 0 && strcmp(mode, "memory") != 0)))
		code = database_refuse(database, BUSBAR_ERROR_DATABASE, "no write-ahead log here");
	(void)sqlite3_finalize(statement);
	return code;
}

/* Nobody asks how much memory SQLite has, and counting it takes a lock at every piece. */
static void configure_sqlite(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int set_up(struct database *database, const char *path)
{
	static pthread_once_t configured = PTHREAD_ONCE_INIT;
	/* One thread uses it: no locks. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
	int result, code;

	(void)pthread_once(&configured, configure_sqlite);
	result = sqlite3_open_v2(path, &database->handle, flags, NULL);
	if (result != SQLITE_OK)
		return fail(database, result);
	(void)sqlite3_db_config(database->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, PIECE, PIECES);
	result = sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT);
	if (result != SQLITE_OK)
		return fail(database, result);
	code = set_journal(database);
	if (code < 0)
		return code;
	return database_execute(database, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
}

int database_open(const char *path, struct database **ret_database)
{
	struct database *database = calloc(1, sizeof(*database));
	int code;

	if (!database)
		return -ENOMEM;
	database->statements = hash_create(sizeof(const char *), DATABASE_STATEMENTS, 0);
	code = database->statements ? set_up(database, path) : -ENOMEM;
	if (code < 0) {
		(void)database_close(database);
		return code;
	}
	*ret_database = database;
	return 0;
}

struct database *database_close(struct database *database)
{
	size_t position = 0;
	const void *key;
	void *statement;

	if (!database)
		return NULL;
	database->behind = behind_close(database->behind);
	while (database->statements && hash_next(database->statements, &position, &key, &statement))
		(void)sqlite3_finalize(statement);
	(void)hash_free(database->statements);
	(void)sqlite3_close(database->handle);
	free(database);
	return NULL;
}

static int execute(struct database *database, const char *sql)
{
	int result = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : fail(database, result);
}

int database_execute(struct database *database, const char *sql)
{
	return database->behind ? behind_execute(database, sql) : execute(database, sql);
}

/* Transactions. */

int database_begin(struct database *database)
{
	int code = 0;

	if (database->open)
		return database_refuse(database, BUSBAR_ERROR_STATE, "a transaction is open");
	if (database->behind)
		behind_begin(database->behind);
	else
		/* Immediate: the only place where another process can keep us waiting is here. */
		code = execute(database, "BEGIN IMMEDIATE");
	database->open = code == 0;
	return code;
}

static void end(struct database *database, bool committed)
{
	database->open = false;
	for (size_t i = 0; i < database->watcher_count; i++)
		database->watchers[i].ended(database->watchers[i].context, committed);
}

int database_commit(struct database *database)
{
	int code;

	if (!database->open)
		return database_refuse(database, BUSBAR_ERROR_STATE, "no transaction is open");
	code = database->behind ? behind_commit(database) : execute(database, "COMMIT");
	if (code == 0)
		end(database, true);
	return code;
}

void database_rollback(struct database *database)
{
	if (!database->open)
		return;
	if (database->behind)
		behind_rollback(database->behind);
	/* After some failures SQLite has done so itself. `problem` keeps the failure that led here. */
	else if (sqlite3_get_autocommit(database->handle) == 0)
		(void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
	end(database, false);
}

bool database_in_transaction(const struct database *database)
{
	return database->open;
}

int database_watch(struct database *database, database_ended ended, void *context)
{
	if (database->watcher_count == DATABASE_WATCHERS)
		return BUSBAR_ERROR_TABLE_FULL;
	database->watchers[database->watcher_count].ended = ended;
	database->watchers[database->watcher_count].context = context;
	database->watcher_count++;
	return 0;
}

void database_unwatch(struct database *database, void *context)
{
	for (size_t i = database->watcher_count; i-- > 0;)
		if (database->watchers[i].context == context)
			database->watchers[i] = database->watchers[--database->watcher_count];
}

/* Statements. */

static int prepare_new(struct database *database, const char *sql, struct sqlite3_stmt **ret_statement)
{
	sqlite3_stmt *statement = NULL;
	const char *rest = NULL;
	int result =
	        sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, &rest);
	int code;

	if (result != SQLITE_OK)
		return fail(database, result);
	if (!statement || rest[strspn(rest, " \t\n")] != '\0')
		code = database_refuse(database, BUSBAR_ERROR_DATABASE, "not exactly one statement");
	else
		code = hash_put(database->statements, &sql, statement);
	if (code < 0) {
		(void)sqlite3_finalize(statement);
		return code;
	}
	*ret_statement = statement;
	return 0;
}

int database_prepare(struct database *database, const char *sql, struct sqlite3_stmt **ret_statement)
{
	sqlite3_stmt *statement = hash_get(database->statements, &sql);

	if (!statement)
		return prepare_new(database, sql, ret_statement);
	/* What reset gives here is the failure of the last run, told then. */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	*ret_statement = statement;
	return 0;
}

int database_run(struct database *database, struct sqlite3_stmt *statement)
{
	int code = database_step(database, statement);

	if (code <= 0)
		return code;
	(void)sqlite3_reset(statement);
	return database_refuse(database, BUSBAR_ERROR_STATE, "the statement gives rows");
}

int database_step(struct database *database, struct sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);
	int code = 0;

	if (result == SQLITE_ROW)
		return 1;
	if (result != SQLITE_DONE)
		code = fail(database, result);
	(void)sqlite3_reset(statement);
	return code;
}

/* `keep` is SQLITE_TRANSIENT where the value's bytes may go before the statement is reset. */
static int bind(struct sqlite3_stmt *statement, int column, const struct database_value *value,
                sqlite3_destructor_type keep)
{
	switch (value->type) {
	case DATABASE_TYPE_OPTIONAL:
		if (value->number == 0)
			return sqlite3_bind_null(statement, column);
		return sqlite3_bind_int64(statement, column, value->number);
	case DATABASE_TYPE_NUMBER:
		return sqlite3_bind_int64(statement, column, value->number);
	case DATABASE_TYPE_TEXT:
		return sqlite3_bind_text(statement, column, value->bytes, -1, keep);
	case DATABASE_TYPE_OCTETS:
		return sqlite3_bind_blob64(statement, column, value->bytes, value->size, keep);
	}
	return SQLITE_MISUSE;
}

static int bind_all(struct database *database, struct sqlite3_stmt *statement,
                    const struct database_value *values, size_t count, sqlite3_destructor_type keep)
{
	for (size_t i = 0; i < count; i++)
		if (bind(statement, (int)i + 1, &values[i], keep) != SQLITE_OK)
			return database_refuse(database, BUSBAR_ERROR_DATABASE,
			                       sqlite3_errmsg(database->handle));
	return 0;
}

int database_start(struct database *database, const char *sql, const struct database_value *values,
                   size_t count, struct sqlite3_stmt **ret_statement)
{
	struct sqlite3_stmt *statement;
	int code = database_prepare(database, sql, &statement);

	if (code == 0)
		code = bind_all(database, statement, values, count, SQLITE_TRANSIENT);
	if (code < 0)
		return code;
	*ret_statement = statement;
	return 0;
}

int database_write_prepared(struct database *database, struct sqlite3_stmt *statement,
                            const struct database_value *values, size_t count)
{
	int code;

	if (database->open && sqlite3_get_autocommit(database->handle) != 0)
		return database_refuse(database, BUSBAR_ERROR_DATABASE,
		                       "SQLite has given the transaction up");
	code = bind_all(database, statement, values, count, SQLITE_STATIC);
	return code < 0 ? code : database_run(database, statement);
}

int database_write(struct database *database, const char *sql, const struct database_value *values,
                   size_t count)
{
	return database_set(database, sql, values, count, 0);
}

int database_set(struct database *database, const char *sql, const struct database_value *values,
                 size_t count, uint8_t keys)
{
	struct sqlite3_stmt *statement;
	int code;

	if (database->behind)
		return behind_write(database, sql, values, count, keys);
	code = database_prepare(database, sql, &statement);
	return code < 0 ? code : database_write_prepared(database, statement, values, count);
}

int database_numbers(struct database *database, const char *sql, const struct database_value *values,
                     size_t count, int64_t *ret_numbers, size_t columns)
{
	struct sqlite3_stmt *statement;
	int code = database_start(database, sql, values, count, &statement);

	if (code == 0)
		code = database_step(database, statement);
	if (code <= 0)
		return code;
	for (size_t i = 0; i < columns; i++)
		ret_numbers[i] = sqlite3_column_int64(statement, (int)i);
	/* To the end: a statement that also writes has done so only then. */
	code = database_step(database, statement);
	(void)sqlite3_reset(statement);
	if (code < 0)
		return code;
	return code == 0 ? 1 : database_refuse(database, BUSBAR_ERROR_DATABASE, "more than one row");
}

uint64_t database_position(const struct database *database)
{
	return database->behind ? behind_position(database->behind) : 0;
}

bool database_crowded(const struct database *database)
{
	return database->behind && behind_crowded(database->behind);
}

uint64_t database_durable(const struct database *database)
{
	return database->behind ? behind_durable(database->behind) : 0;
}

uint64_t database_applied(const struct database *database)
{
	return database->behind ? behind_applied(database->behind) : 0;
}

int database_settle(struct database *database, int64_t patience)
{
	return database->behind ? behind_settle(database, patience) : 0;
}

void database_statistics(const struct database *database, struct database_statistics *ret_statistics)
{
	*ret_statistics = (struct database_statistics){.position = 0};
	if (database->behind)
		behind_statistics(database->behind, ret_statistics);
}

const char *database_problem(const struct database *database)
{
	return database->problem;
}
