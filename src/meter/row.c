/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/row.h"

#include "base/error.h"
#include "wire/answer.h"
#include <string.h>

static int bind(sqlite3_stmt *statement, int column, const struct row_value *value)
{
	switch (value->type) {
	case ROW_TYPE_OPTIONAL:
		if (value->number == 0)
			return sqlite3_bind_null(statement, column);
		return sqlite3_bind_int64(statement, column, value->number);
	case ROW_TYPE_NUMBER:
		return sqlite3_bind_int64(statement, column, value->number);
	case ROW_TYPE_TEXT:
		return sqlite3_bind_text(statement, column, value->bytes, -1, SQLITE_TRANSIENT);
	case ROW_TYPE_OCTETS:
		return sqlite3_bind_blob64(statement, column, value->bytes, value->size, SQLITE_TRANSIENT);
	}
	return SQLITE_MISUSE;
}

int row_start(struct database *database, const char *sql, const struct row_value *values, size_t count,
              sqlite3_stmt **ret_statement)
{
	sqlite3_stmt *statement;
	int code = database_prepare(database, sql, &statement);

	if (code < 0)
		return code;
	for (size_t i = 0; i < count; i++)
		if (bind(statement, (int)i + 1, &values[i]) != SQLITE_OK)
			return BUSBAR_ERROR_DATABASE;
	*ret_statement = statement;
	return 0;
}

int row_write(struct database *database, const char *sql, const struct row_value *values, size_t count)
{
	sqlite3_stmt *statement;
	int code = row_start(database, sql, values, count, &statement);

	return code < 0 ? code : database_run(database, statement);
}

int row_numbers(struct database *database, const char *sql, const struct row_value *values, size_t count,
                int64_t *ret_numbers, size_t columns)
{
	sqlite3_stmt *statement;
	int code = row_start(database, sql, values, count, &statement);

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
	return code == 0 ? 1 : BUSBAR_ERROR_DATABASE;
}

int row_identifier(sqlite3_stmt *statement, int column, struct identifier *ret_identifier)
{
	const void *octets = sqlite3_column_blob(statement, column);

	if (octets == NULL || sqlite3_column_bytes(statement, column) != sizeof(ret_identifier->octets))
		return BUSBAR_ERROR_DATABASE;
	memcpy(ret_identifier->octets, octets, sizeof(ret_identifier->octets));
	return 0;
}

struct gateway_identity row_gateway(sqlite3_stmt *statement, int column)
{
	return (struct gateway_identity){
	        .site = (uint32_t)sqlite3_column_int64(statement, column),
	        .gateway = (uint16_t)sqlite3_column_int64(statement, column + 1),
	};
}

int row_receipt(sqlite3_stmt *statement, int column, struct receipt *ret_receipt)
{
	const uint8_t *octets = sqlite3_column_blob(statement, column);
	int size = sqlite3_column_bytes(statement, column);

	if (octets == NULL || answer_decode_receipt(octets, (size_t)size, ret_receipt) < 0)
		return BUSBAR_ERROR_DATABASE;
	return 0;
}
