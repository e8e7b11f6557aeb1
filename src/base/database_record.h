/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The octets of a transaction in a journal: statements with their values; no system call.
 *
 *   define   u8 1, u16 number, u8 keys, u32 size, the statement's text with its NUL
 *   run      u8 2, u16 number, u8 count, the values: u8 type, then 8 octets for a number (none for NULL),
 *            or u32 size and the octets (a text has its NUL with it)
 *
 * A statement is defined before it is run, and once more in every segment of the journal. Of a statement
 * with keys only the last run matters of those that end in the same `keys` values (database_set()).
 */
#ifndef BASE_DATABASE_RECORD_H
#define BASE_DATABASE_RECORD_H

#include "base/compiler.h"
#include "base/cursor.h"
#include "base/database.h"
#include <stdbool.h>

enum { DATABASE_STATEMENTS = 1024, DATABASE_PARAMETERS = 32 };

/* Errors stick to the writer. */
void database_record_define(struct writer *writer, uint16_t number, uint8_t keys, const char *text);
void database_record_run(struct writer *writer, uint16_t number, const struct database_value *values,
                         size_t count);

/* Texts and octets are in place, valid as long as the record. */
struct database_item {
	uint16_t number;
	const char *text; /* of a definition, NULL in a run */
	uint8_t keys;     /* of a definition */
	struct database_value values[DATABASE_PARAMETERS];
	size_t count;
};
/* 1 for an item, 0 at the end, MALFORMED or TRUNCATED. */
int database_record_next(struct cursor *cursor, struct database_item *ret_item) CHECKED;

#endif
