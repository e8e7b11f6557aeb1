/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the accounts: statements with their values, in one call each.
 *
 * A statement is never left half-stepped except inside a walk, so that calls may nest freely as long as
 * a walk's body makes none with the walk's own text.
 */
#ifndef METER_ROW_H
#define METER_ROW_H

#include "base/compiler.h"
#include "base/database.h"
#include "model/identifier.h"
#include "model/receipt.h"
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

enum row_type { ROW_TYPE_NUMBER, ROW_TYPE_OPTIONAL, ROW_TYPE_TEXT, ROW_TYPE_OCTETS };

/* Bytes are borrowed until the statement has run. */
struct row_value {
	enum row_type type;
	int64_t number;
	const void *bytes;
	size_t size;
};

#define ROW_NUMBER(value) ((struct row_value){.type = ROW_TYPE_NUMBER, .number = (value)})
/* NULL when 0. */
#define ROW_OPTIONAL(value) ((struct row_value){.type = ROW_TYPE_OPTIONAL, .number = (value)})
#define ROW_TEXT(text) ((struct row_value){.type = ROW_TYPE_TEXT, .bytes = (text)})
#define ROW_OCTETS(pointer, length) \
	((struct row_value){.type = ROW_TYPE_OCTETS, .bytes = (pointer), .size = (size_t)(length)})
#define ROW_IDENTIFIER(identifier) ROW_OCTETS((identifier)->octets, sizeof((identifier)->octets))
/* A list of values and its length, as the two arguments that the functions below take. */
#define ROW(...)                                 \
	(const struct row_value[]){__VA_ARGS__}, \
	        sizeof((const struct row_value[]){__VA_ARGS__}) / sizeof(struct row_value)

/* Prepares and binds; `sql` must be a literal. The walk is then by database_step(). */
int row_start(struct database *database, const char *sql, const struct row_value *values, size_t count,
              sqlite3_stmt **ret_statement) CHECKED;
/* Runs a statement without rows. */
int row_write(struct database *database, const char *sql, const struct row_value *values,
              size_t count) CHECKED;
/* Reads the first `columns` numbers of the only row: 1, or 0 when there is none. NULL reads as 0. */
int row_numbers(struct database *database, const char *sql, const struct row_value *values, size_t count,
                int64_t *ret_numbers, size_t columns) CHECKED;

/* Columns of the present row. DATABASE when what is there cannot be what was written. */
int row_identifier(sqlite3_stmt *statement, int column, struct identifier *ret_identifier) CHECKED;
struct gateway_identity row_gateway(sqlite3_stmt *statement, int column); /* two columns: site, gateway */
int row_receipt(sqlite3_stmt *statement, int column, struct receipt *ret_receipt) CHECKED;

#endif
