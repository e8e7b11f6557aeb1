/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/row.h"

#include "base/error.h"
#include "wire/answer.h"
#include <string.h>

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
