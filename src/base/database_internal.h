/* SPDX-License-Identifier: Apache-2.0 */
/* What the database's files share. */
#ifndef BASE_DATABASE_INTERNAL_H
#define BASE_DATABASE_INTERNAL_H

#include "base/compiler.h"
#include "base/database.h"
#include "base/database_record.h"
#include <sqlite3.h>

enum { DATABASE_WATCHERS = 8 };

struct behind;

struct database {
	sqlite3 *handle;
	struct hash *statements; /* address of the SQL text -> sqlite3_stmt */
	struct behind *behind;   /* NULL: every commit waits for the disk */
	bool open;               /* a transaction was begun and not yet ended */
	struct {
		database_ended ended;
		void *context;
	} watchers[DATABASE_WATCHERS];
	size_t watcher_count;
	char problem[256];
};

/* Keeps the text of a refusal and gives its code. */
int database_refuse(struct database *database, int code, const char *reason);

/*
 * database_write() on SQLite itself, of a statement that database_prepare() gave once and all of whose
 * parameters have a value each time.
 */
int database_write_prepared(struct database *database, struct sqlite3_stmt *statement,
                            const struct database_value *values, size_t count) CHECKED;

/* Writing behind: the caller's side. */
struct behind *behind_close(struct behind *behind);
void behind_begin(struct behind *behind);
int behind_write(struct database *database, const char *sql, const struct database_value *values,
                 size_t count, uint8_t keys) CHECKED;
int behind_commit(struct database *database) CHECKED;
void behind_rollback(struct behind *behind);
int behind_execute(struct database *database, const char *sql) CHECKED;
uint64_t behind_position(const struct behind *behind);
bool behind_crowded(const struct behind *behind);
uint64_t behind_durable(const struct behind *behind);
uint64_t behind_applied(const struct behind *behind);
int behind_settle(struct database *database, int64_t patience) CHECKED;
void behind_statistics(const struct behind *behind, struct database_statistics *ret_statistics);

#endif
