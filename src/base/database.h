/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite database: WAL, prepared statements kept by their text. Used on one thread. Transactions do not
 * nest.
 *
 * Two ways of writing. database_open(): every commit waits for the disk (synchronous=FULL).
 * database_open_behind(): a transaction becomes one record of a journal, which is durable a moment later
 * (database_durable() says so) and is applied to SQLite in the background, in order, many at a time. The
 * calling thread waits for nothing; what it reads is what has been applied, not what it wrote last. What
 * a statement would refuse (a constraint) is not known when it is written: who writes decides by what it
 * knows, and reads at its own start what it must know.
 */
#ifndef BASE_DATABASE_H
#define BASE_DATABASE_H

#include "base/compiler.h"
#include "base/journal.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct database;
struct sqlite3_stmt;
struct uv_loop_s;

enum database_type { DATABASE_TYPE_NUMBER, DATABASE_TYPE_OPTIONAL, DATABASE_TYPE_TEXT, DATABASE_TYPE_OCTETS };

/* A value for a statement's parameter. Bytes are borrowed until the call that takes it is over. */
struct database_value {
	enum database_type type;
	int64_t number;
	const void *bytes;
	size_t size; /* octets only */
};

#define DATABASE_NUMBER(value) ((struct database_value){.type = DATABASE_TYPE_NUMBER, .number = (value)})
/* NULL when 0. */
#define DATABASE_OPTIONAL(value) ((struct database_value){.type = DATABASE_TYPE_OPTIONAL, .number = (value)})
/* NULL when the pointer is. */
#define DATABASE_TEXT(text) ((struct database_value){.type = DATABASE_TYPE_TEXT, .bytes = (text)})
#define DATABASE_OCTETS(pointer, length) \
	((struct database_value){.type = DATABASE_TYPE_OCTETS, .bytes = (pointer), .size = (size_t)(length)})
/* All of an array, such as an identifier's octets. */
#define DATABASE_ARRAY(array) DATABASE_OCTETS(array, sizeof(array))
/* A list of values and its length, as the two arguments that the functions below take. */
#define DATABASE_VALUES(...)                          \
	(const struct database_value[]){__VA_ARGS__}, \
	        sizeof((const struct database_value[]){__VA_ARGS__}) / sizeof(struct database_value)

/* Opens or creates; ":memory:" for tests. BUSBAR_ERROR_DATABASE. */
int database_open(const char *path, struct database **ret_database) CHECKED;

/* What is 0 is as in the comment. */
struct database_settings {
	size_t buffer;    /* octets of transactions in memory, 8 MiB; see base/journal.h */
	uint64_t segment; /* octets of a file of the journal, 16 MiB */
	uint64_t backlog; /* octets not yet safe in SQLite beyond which writing is refused, 1 GiB */
	int64_t delay;    /* ns for which transactions gather before they are applied together, 100 ms */
	/* On the loop, and never without one: database_durable() has grown. May be NULL. */
	void (*durable)(void *context);
	/* The journal has failed: nothing more will be durable. Or transactions cannot be applied at present,
	 * which is tried again every second. May be NULL. */
	void (*failed)(void *context, int code, const char *problem);
	void *context;
};
/*
 * Opens for writing behind, with the journal in `folder`; what an earlier life left there is applied
 * first. Without a loop (NULL) nothing is called back. MALFORMED for a damaged journal.
 */
int database_open_behind(struct uv_loop_s *loop, const char *path, const char *folder,
                         const struct database_settings *settings, struct database **ret_database) CHECKED;
/*
 * Drops an open transaction, makes durable and applies the rest, and closes. A handle stays on the loop of
 * database_open_behind() until it has run once more. Accepts NULL, returns NULL.
 */
struct database *database_close(struct database *database);

/* Runs SQL without results on SQLite itself, several statements allowed: the tables, at the start. With
 * writing behind it waits for what was written before, and is refused in a transaction. */
int database_execute(struct database *database, const char *sql) CHECKED;
int database_begin(struct database *database) CHECKED;
/* What fails here is to be rolled back. TABLE_FULL when writing behind has no room. */
int database_commit(struct database *database) CHECKED;
/* Safe to call when no transaction is open. */
void database_rollback(struct database *database);
bool database_in_transaction(const struct database *database);
/*
 * `ended` is called whenever a transaction that was begun has ended, so that what is in memory can follow.
 * TABLE_FULL.
 */
typedef void (*database_ended)(void *context, bool committed);
int database_watch(struct database *database, database_ended ended, void *context) CHECKED;
void database_unwatch(struct database *database, void *context);

/*
 * A reset statement with no bindings, prepared once per SQL text (which must be a literal: the pointer
 * is the key). Valid until the next database_prepare() with the same text.
 */
int database_prepare(struct database *database, const char *sql, struct sqlite3_stmt **ret_statement) CHECKED;
/* Steps a statement that returns no rows, then resets it. DUPLICATE for a unique constraint. */
int database_run(struct database *database, struct sqlite3_stmt *statement) CHECKED;
/* 1 for a row, 0 at the end (and reset), negative on failure. */
int database_step(struct database *database, struct sqlite3_stmt *statement) CHECKED;
/*
 * Writes: a statement without rows, in the open transaction or as one of its own. `sql` must be a literal
 * with at most 32 parameters. DUPLICATE for a unique constraint (not behind).
 */
int database_write(struct database *database, const char *sql, const struct database_value *values,
                   size_t count) CHECKED;
/*
 * As database_write(), for an UPDATE that sets columns to numbers in the one row that the last `keys` values
 * name: later such writes make this one void, and writing behind may then leave it out. So no other statement
 * that comes later may read these columns, or set them but by the same text.
 */
int database_set(struct database *database, const char *sql, const struct database_value *values,
                 size_t count, uint8_t keys) CHECKED;
/* database_prepare() with values: a walk that goes on by database_step(). */
int database_start(struct database *database, const char *sql, const struct database_value *values,
                   size_t count, struct sqlite3_stmt **ret_statement) CHECKED;
/* Reads the first `columns` numbers of the only row: 1, or 0 when there is none. NULL reads as 0. */
int database_numbers(struct database *database, const char *sql, const struct database_value *values,
                     size_t count, int64_t *ret_numbers, size_t columns) CHECKED;

/*
 * Positions number the transactions that were committed. What is at or below database_durable() survives
 * power loss: nothing that speaks of a later position may leave this machine. What is at or below
 * database_applied() can be read. All three are 0 as long as every commit waits for the disk itself.
 */
uint64_t database_position(const struct database *database);
uint64_t database_durable(const struct database *database);
uint64_t database_applied(const struct database *database);
/*
 * Whether half of the room for what is not yet durable, or not yet applied, is taken. New work should be
 * refused then, so that what has begun can still be written down: it has the other half.
 */
bool database_crowded(const struct database *database);
/* Waits until everything that was committed can be read: 0, NO_ANSWER after `patience` ns, or the failure
 * that keeps it from being applied. */
int database_settle(struct database *database, int64_t patience) CHECKED;

struct database_statistics {
	struct journal_statistics journal;
	uint64_t position, durable, applied;
	uint64_t batches; /* transactions of SQLite that applied the others */
	bool failing;     /* nothing can be applied, or nothing more be durable */
};
/* All 0 without a journal. */
void database_statistics(const struct database *database, struct database_statistics *ret_statistics);

/* The text of the last failure, for the log. */
const char *database_problem(const struct database *database);

#endif
