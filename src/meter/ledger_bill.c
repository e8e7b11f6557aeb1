/* SPDX-License-Identifier: Apache-2.0 */
/* Bills, and what a task was charged: from the rows. */
#include "base/error.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"
#include <stdio.h>

/* What is forgotten of a task can be read; the rest is in memory. */
static int add_forgotten(struct ledger *ledger, const struct identifier *task, money *charge)
{
	sqlite3_stmt *statement = NULL;
	int code = database_start(ledger->database,
	                          "SELECT h.program, r.charged FROM ledger_hold h JOIN ledger_receipt r "
	                          "ON r.program = h.program WHERE h.task = ?",
	                          DATABASE_VALUES(DATABASE_ARRAY(task->octets)), &statement);

	while (code >= 0 && (code = database_step(ledger->database, statement)) > 0) {
		struct identifier program;

		code = row_identifier(statement, 0, &program);
		if (code == 0 && hash_get(ledger->holds, program.octets) == NULL)
			*charge += sqlite3_column_int64(statement, 1);
	}
	(void)sqlite3_reset(statement);
	return code;
}

int ledger_task_charge(struct ledger *ledger, const struct identifier *task, money *ret_charge)
{
	money charge = 0;
	int code;

	for (const struct ledger_hold *hold = ledger_first_of_task(ledger, task); hold;
	     hold = hold->next_of_task)
		charge += hold->state.charged;
	code = add_forgotten(ledger, task, &charge);
	if (code == 0)
		*ret_charge = charge;
	return code;
}

/* Bills. */

/* A receipt of a bill. */
struct billed {
	int64_t sequence;
	money charged;
	struct ledger_line line; /* what all its lines share */
	struct receipt receipt;
};

static int read_billed(sqlite3_stmt *statement, struct billed *billed)
{
	int code = row_identifier(statement, 2, &billed->line.task);

	billed->sequence = sqlite3_column_int64(statement, 0);
	billed->charged = sqlite3_column_int64(statement, 1);
	billed->line.time = sqlite3_column_int64(statement, 3);
	(void)snprintf(billed->line.supplier, sizeof(billed->line.supplier), "%s",
	               (const char *)sqlite3_column_text(statement, 4));
	if (code == 0)
		code = row_receipt(statement, 5, &billed->receipt);
	billed->line.program = billed->receipt.program;
	billed->line.owner = billed->receipt.owner;
	return code;
}

/* The receipt after `billed->sequence`: 1, or 0 at the end. Read whole, for visitors may call anything. */
static int next_billed(struct ledger *ledger, int64_t tenant, struct billed *billed)
{
	sqlite3_stmt *statement;
	int code = database_start(ledger->database,
	                          "SELECT r.sequence, r.charged, h.task, r.time, o.supplier, r.octets "
	                          "FROM ledger_receipt r JOIN ledger_hold h ON h.program = r.program "
	                          "JOIN ledger_hold_owner o ON o.program = r.program AND o.site = r.site "
	                          "AND o.gateway = r.gateway "
	                          "WHERE r.tenant = ? AND r.sequence > ? ORDER BY r.sequence LIMIT 1",
	                          DATABASE_VALUES(DATABASE_NUMBER(tenant), DATABASE_NUMBER(billed->sequence)),
	                          &statement);

	if (code == 0)
		code = database_step(ledger->database, statement);
	if (code <= 0)
		return code;
	code = read_billed(statement, billed);
	(void)sqlite3_reset(statement);
	return code < 0 ? code : 1;
}

/* The last lines of a disputed receipt are cut, so that what is shown is what was charged. */
static int visit_lines(struct billed *billed, ledger_line_visit visit, void *context)
{
	money left = billed->charged;
	int code = 0;

	for (uint32_t i = 0; i < billed->receipt.line_count && code == 0; i++) {
		billed->line.line = billed->receipt.lines[i];
		billed->line.line.charge = MINIMUM(billed->line.line.charge, left);
		left -= billed->line.line.charge;
		code = visit(context, &billed->line);
	}
	return code;
}

int ledger_bill(struct ledger *ledger, const char *tenant, ledger_line_visit visit, void *context)
{
	char account[LEDGER_NAME];
	const struct ledger_account *found;
	struct billed billed = {0};
	int code = ledger_name_tenant(tenant, account);

	if (code == 0)
		code = database_settle(ledger->database, LEDGER_PATIENCE);
	if (code < 0)
		return code;
	found = ledger_find_account(ledger, account);
	if (found == NULL)
		return 0;
	while ((code = next_billed(ledger, found->state.row, &billed)) > 0) {
		code = visit_lines(&billed, visit, context);
		if (code != 0)
			break;
	}
	return code;
}
