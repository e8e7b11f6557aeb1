/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite database: WAL, synchronous=FULL, prepared statements kept by their text.
 *
 * One connection per daemon, used on the loop's thread. Transactions do not nest. What database_commit()
 * has acknowledged survives power loss.
 */
#ifndef BASE_DATABASE_H
#define BASE_DATABASE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct database;
struct sqlite3_stmt;

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
/* Finalises and closes. Accepts NULL, returns NULL. */
struct database *database_close(struct database *database);

/* Runs SQL without results, several statements allowed. */
int database_execute(struct database *database, const char *sql) CHECKED;
int database_begin(struct database *database) CHECKED;
int database_commit(struct database *database) CHECKED;
/* Safe to call when no transaction is open. */
void database_rollback(struct database *database);
bool database_in_transaction(const struct database *database);

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
 * Writes: a statement without rows, in the open transaction or as one of its own. `sql` must be a literal.
 * DUPLICATE for a unique constraint.
 */
int database_write(struct database *database, const char *sql, const struct database_value *values,
                   size_t count) CHECKED;
/* database_prepare() with values: a walk that goes on by database_step(). */
int database_start(struct database *database, const char *sql, const struct database_value *values,
                   size_t count, struct sqlite3_stmt **ret_statement) CHECKED;
/* Reads the first `columns` numbers of the only row: 1, or 0 when there is none. NULL reads as 0. */
int database_numbers(struct database *database, const char *sql, const struct database_value *values,
                     size_t count, int64_t *ret_numbers, size_t columns) CHECKED;

/*
 * Positions count what was committed. What is at or below database_durable() survives power loss: nothing
 * that speaks of a later position may leave this machine. The two are equal as long as every commit waits
 * for the disk itself.
 */
uint64_t database_position(const struct database *database);
uint64_t database_durable(const struct database *database);
/* Waits until reads see everything that was committed, at most `patience` ns: 0, or NO_ANSWER. */
int database_settle(struct database *database, int64_t patience) CHECKED;

/* The text of the last failure, for the log. */
const char *database_problem(const struct database *database);

#endif
