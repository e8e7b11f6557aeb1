/* SPDX-License-Identifier: Apache-2.0 */
/* Table usage_receipt: append-only but for the mark that the ingress has a receipt. */
#include "meter/usage.h"

#include "base/error.h"
#include "meter/row.h"
#include "meter/summary.h"
#include "wire/answer.h"
#include <errno.h>
#include <stdlib.h>

struct usage {
	struct database *database;
};

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS usage_receipt (sequence INTEGER PRIMARY KEY, program BLOB NOT NULL "
        "UNIQUE,"
        "site INTEGER NOT NULL, gateway INTEGER NOT NULL, acknowledged INTEGER NOT NULL,"
        "octets BLOB NOT NULL) STRICT;"
        "CREATE INDEX IF NOT EXISTS usage_receipt_pending ON usage_receipt (sequence) WHERE acknowledged = 0;"
        "CREATE TRIGGER IF NOT EXISTS usage_receipt_changed "
        "BEFORE UPDATE OF sequence, program, site, gateway, octets ON usage_receipt "
        "BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;"
        "CREATE TRIGGER IF NOT EXISTS usage_receipt_removed BEFORE DELETE ON usage_receipt "
        "BEGIN SELECT RAISE(ABORT, 'receipts are never removed'); END;";

int usage_open(struct database *database, struct usage **ret_usage)
{
	struct usage *usage = calloc(1, sizeof(*usage));
	int code;

	if (usage == NULL)
		return -ENOMEM;
	usage->database = database;
	code = database_execute(database, schema);
	if (code < 0) {
		free(usage);
		return code;
	}
	*ret_usage = usage;
	return 0;
}

struct usage *usage_close(struct usage *usage)
{
	free(usage);
	return NULL;
}

int usage_put(struct usage *usage, const struct receipt *receipt)
{
	uint8_t octets[ANSWER_MAXIMUM];
	money total;
	int size;
	int code = receipt_total(receipt, &total);

	if (code < 0)
		return code;
	size = answer_encode_receipt(receipt, octets, sizeof(octets));
	if (size < 0)
		return size;
	return database_write(usage->database,
	                      "INSERT INTO usage_receipt (program, site, gateway, acknowledged, octets) "
	                      "VALUES (?, ?, ?, 0, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(receipt->program.octets),
	                                      DATABASE_NUMBER(receipt->ingress.site),
	                                      DATABASE_NUMBER(receipt->ingress.gateway),
	                                      DATABASE_OCTETS(octets, size)));
}

int usage_get(struct usage *usage, const struct identifier *program, struct receipt *ret_receipt)
{
	struct receipt receipt;
	sqlite3_stmt *statement;
	int code = database_start(usage->database, "SELECT octets FROM usage_receipt WHERE program = ?",
	                          DATABASE_VALUES(DATABASE_ARRAY(program->octets)), &statement);

	if (code == 0)
		code = database_step(usage->database, statement);
	if (code <= 0)
		return code < 0 ? code : BUSBAR_ERROR_NOT_FOUND;
	code = row_receipt(statement, 0, &receipt);
	(void)sqlite3_reset(statement);
	if (code == 0)
		*ret_receipt = receipt;
	return code;
}

int usage_acknowledge(struct usage *usage, const struct identifier *program)
{
	int64_t sequence;
	int code = database_numbers(
	        usage->database,
	        "UPDATE usage_receipt SET acknowledged = 1 WHERE program = ? RETURNING sequence",
	        DATABASE_VALUES(DATABASE_ARRAY(program->octets)), &sequence, 1);

	if (code < 0)
		return code;
	return code == 0 ? BUSBAR_ERROR_NOT_FOUND : 0;
}

int usage_pending(struct usage *usage, struct receipt *ret_receipts, uint32_t maximum)
{
	uint32_t count = 0;
	sqlite3_stmt *statement;
	int code = database_start(
	        usage->database,
	        "SELECT octets FROM usage_receipt WHERE acknowledged = 0 ORDER BY sequence LIMIT ?",
	        DATABASE_VALUES(DATABASE_NUMBER(maximum)), &statement);

	if (code < 0)
		return code;
	while ((code = database_step(usage->database, statement)) > 0) {
		code = row_receipt(statement, 0, &ret_receipts[count]);
		if (code < 0)
			break;
		count++;
	}
	(void)sqlite3_reset(statement);
	return code < 0 ? code : (int)count;
}

/* The row's columns must say what its receipt says. */
static int add_row(struct summary_builder *builder, sqlite3_stmt *statement)
{
	struct gateway_identity ingress = row_gateway(statement, 0);
	struct identifier program;
	struct receipt receipt;
	money total;
	int code = row_identifier(statement, 2, &program);

	if (code == 0)
		code = row_receipt(statement, 3, &receipt);
	if (code == 0)
		code = receipt_total(&receipt, &total);
	if (code < 0)
		return code;
	if (!identifier_equal(&receipt.program, &program) || !gateway_equal(receipt.ingress, ingress))
		return BUSBAR_ERROR_LEDGER;
	return summary_add(builder, ingress, &program, total);
}

int usage_summary(struct usage *usage, struct ledger_summary *ret_summaries, uint32_t maximum)
{
	struct summary_builder builder = {.summaries = ret_summaries, .maximum = maximum};
	sqlite3_stmt *statement;
	int code = database_start(
	        usage->database,
	        "SELECT site, gateway, program, octets FROM usage_receipt ORDER BY site, gateway", NULL, 0,
	        &statement);

	if (code < 0)
		return code;
	while ((code = database_step(usage->database, statement)) > 0) {
		code = add_row(&builder, statement);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code < 0 ? code : (int)builder.count;
}
