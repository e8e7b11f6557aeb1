/* SPDX-License-Identifier: Apache-2.0 */
/* Holds in memory: loaded at the start, kept while they are open, forgotten when the tables know their end.
 */
#include "base/error.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { CLOSED_KEPT = 16384 }; /* for receipts that come again */

bool ledger_hold_closed(const struct ledger_hold *hold)
{
	return hold->state.awaited == 0;
}

int ledger_hold_owner(const struct ledger_hold *hold, struct gateway_identity identity)
{
	for (uint32_t i = 0; i < hold->owner_count; i++)
		if (gateway_equal(hold->owners[i].identity, identity))
			return (int)i;
	return BUSBAR_ERROR_NOT_FOUND;
}

/* The tables in memory. */

struct ledger_hold *ledger_first_of_task(const struct ledger *ledger, const struct identifier *task)
{
	return hash_get(ledger->by_task, task->octets);
}

int ledger_new_hold(struct ledger *ledger, struct ledger_hold **ret_hold)
{
	struct ledger_hold *hold = slab_take(ledger->hold_slab);

	if (hold == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	*ret_hold = hold;
	return 0;
}

int ledger_put_hold(struct ledger *ledger, struct ledger_hold *hold)
{
	int code = hash_put(ledger->holds, hold->program.octets, hold);

	if (code < 0)
		return code;
	hold->next_of_task = ledger_first_of_task(ledger, &hold->task);
	code = hash_put(ledger->by_task, hold->task.octets, hold);
	if (code < 0)
		(void)hash_remove(ledger->holds, hold->program.octets);
	return code;
}

static void leave_task(struct ledger *ledger, struct ledger_hold *hold)
{
	struct ledger_hold *first = ledger_first_of_task(ledger, &hold->task);
	struct ledger_hold *before = first;
	int code = 0;

	if (first != hold) {
		while (before->next_of_task != hold)
			before = before->next_of_task;
		before->next_of_task = hold->next_of_task;
	} else if (hold->next_of_task != NULL) {
		code = hash_put(ledger->by_task, hold->task.octets, hold->next_of_task);
	} else {
		(void)hash_remove(ledger->by_task, hold->task.octets);
	}
	assert(code == 0); /* the key is there already */
	(void)code;
}

void ledger_drop_hold(struct ledger *ledger, struct ledger_hold *hold)
{
	(void)hash_remove(ledger->holds, hold->program.octets);
	leave_task(ledger, hold);
	slab_release(ledger->hold_slab, hold);
}

void ledger_list_closed(struct ledger *ledger, struct ledger_hold *hold)
{
	if (hold->listed)
		return;
	hold->listed = true;
	hold->next_closed = NULL;
	*(ledger->newest_closed ? &ledger->newest_closed->next_closed : &ledger->oldest_closed) = hold;
	ledger->newest_closed = hold;
	ledger->closed_count++;
}

void ledger_forget_closed(struct ledger *ledger)
{
	struct ledger_hold *hold;

	/* Never what the open transaction may have changed. */
	while (ledger->undo_count == 0 && ledger->closed_count > CLOSED_KEPT &&
	       (hold = ledger->oldest_closed)->position <= database_applied(ledger->database)) {
		ledger->oldest_closed = hold->next_closed;
		if (hold->next_closed == NULL)
			ledger->newest_closed = NULL;
		ledger->closed_count--;
		if (identifier_compare(&hold->program, &ledger->forgotten) > 0)
			ledger->forgotten = hold->program;
		ledger_drop_hold(ledger, hold);
	}
}

/* The tables on the disk. */

static int read_owner(struct ledger *ledger, struct ledger_hold *hold, sqlite3_stmt *statement)
{
	enum ledger_owner_state state = (enum ledger_owner_state)sqlite3_column_int(statement, 2);
	char name[LEDGER_NAME];
	uint32_t index = hold->owner_count;

	if (index == LEDGER_OWNERS)
		return BUSBAR_ERROR_DATABASE;
	hold->owner_count++;
	hold->owners[index].identity = row_gateway(statement, 0);
	if (state == LEDGER_AWAITED)
		hold->state.awaited |= (uint16_t)(1U << index);
	else if (state == LEDGER_POSTED)
		hold->state.posted |= (uint16_t)(1U << index);
	(void)snprintf(name, sizeof(name), "supplier:%.31s", (const char *)sqlite3_column_text(statement, 3));
	return ledger_need_account(ledger, name, &hold->owners[index].supplier);
}

static int read_owners(struct ledger *ledger, struct ledger_hold *hold)
{
	sqlite3_stmt *statement = NULL;
	int code = database_start(ledger->database,
	                          "SELECT site, gateway, state, supplier FROM ledger_hold_owner "
	                          "WHERE program = ?",
	                          DATABASE_VALUES(DATABASE_ARRAY(hold->program.octets)), &statement);

	while (code >= 0 && (code = database_step(ledger->database, statement)) > 0)
		code = read_owner(ledger, hold, statement);
	(void)sqlite3_reset(statement);
	return code;
}

/* Columns: program, task, name of the tenant's account, amount, charged. */
static int read_hold(struct ledger *ledger, struct ledger_hold *hold, sqlite3_stmt *statement)
{
	const char *name = (const char *)sqlite3_column_text(statement, 2);
	int code = row_identifier(statement, 0, &hold->program);

	if (code == 0)
		code = row_identifier(statement, 1, &hold->task);
	if (code == 0)
		code = name == NULL ? BUSBAR_ERROR_DATABASE
		                    : ledger_need_account(ledger, name, &hold->tenant);
	if (code == 0)
		code = read_owners(ledger, hold);
	hold->amount = sqlite3_column_int64(statement, 3);
	hold->state.charged = sqlite3_column_int64(statement, 4);
	return code;
}

static int load_hold(struct ledger *ledger, sqlite3_stmt *statement, struct ledger_hold **ret_hold)
{
	struct ledger_hold *hold;
	int code = ledger_new_hold(ledger, &hold);

	if (code < 0)
		return code;
	code = read_hold(ledger, hold, statement);
	if (code == 0)
		code = ledger_put_hold(ledger, hold);
	if (code < 0) {
		slab_release(ledger->hold_slab, hold);
		return code;
	}
	if (ledger_hold_closed(hold))
		ledger_list_closed(ledger, hold);
	*ret_hold = hold;
	return 0;
}

#define SELECT_HOLD                                                                \
	"SELECT h.program, h.task, a.name, h.amount,"                              \
	"(SELECT sum(charged) FROM ledger_receipt r WHERE r.program = h.program) " \
	"FROM ledger_hold h JOIN ledger_account a ON a.id = h.tenant "

/* The youngest program of all; those that are closed are not loaded. */
static int load_forgotten(struct ledger *ledger)
{
	sqlite3_stmt *statement = NULL;
	int code = database_start(ledger->database,
	                          "SELECT program FROM ledger_hold ORDER BY program DESC LIMIT 1", NULL, 0,
	                          &statement);

	if (code == 0)
		code = database_step(ledger->database, statement);
	if (code > 0)
		code = row_identifier(statement, 0, &ledger->forgotten);
	(void)sqlite3_reset(statement);
	return code;
}

int ledger_load_holds(struct ledger *ledger)
{
	struct ledger_hold *hold;
	sqlite3_stmt *statement = NULL;
	int code = load_forgotten(ledger);

	if (code == 0)
		code = database_start(ledger->database, SELECT_HOLD "WHERE h.closed = 0", NULL, 0,
		                      &statement);
	while (code >= 0 && (code = database_step(ledger->database, statement)) > 0)
		code = load_hold(ledger, statement, &hold);
	(void)sqlite3_reset(statement);
	return code;
}

/* One that was forgotten, or was never there. */
static int recall(struct ledger *ledger, const struct identifier *program, struct ledger_hold **ret_hold)
{
	sqlite3_stmt *statement = NULL;
	int code;

	ledger_forget_closed(ledger);
	code = database_start(ledger->database, SELECT_HOLD "WHERE h.program = ?",
	                      DATABASE_VALUES(DATABASE_ARRAY(program->octets)), &statement);
	if (code == 0)
		code = database_step(ledger->database, statement);
	if (code > 0)
		code = load_hold(ledger, statement, ret_hold);
	else if (code == 0)
		code = BUSBAR_ERROR_NOT_FOUND;
	(void)sqlite3_reset(statement);
	return code;
}

int ledger_find_hold(struct ledger *ledger, const struct identifier *program, struct ledger_hold **ret_hold)
{
	struct ledger_hold *hold = hash_get(ledger->holds, program->octets);

	if (hold != NULL) {
		*ret_hold = hold;
		return 0;
	}
	if (identifier_compare(program, &ledger->forgotten) > 0)
		return BUSBAR_ERROR_NOT_FOUND;
	return recall(ledger, program, ret_hold);
}
