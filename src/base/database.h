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
/* The text of the last failure, for the log. */
const char *database_problem(const struct database *database);

#endif
