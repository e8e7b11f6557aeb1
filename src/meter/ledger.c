/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deposits, holds, receipts and bills. The refusals of daily life (no money, not held, a wrong charge) come
 * before anything is written, so that they do no harm inside a caller's transaction either.
 */
#include "meter/ledger.h"

#include "base/error.h"
#include "base/log.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"
#include "wire/answer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "ledger"

enum { FEE_WHOLE = 1000000 };

int ledger_open(struct database *database, uint32_t fee, struct ledger **ret_ledger)
{
	struct ledger *ledger;
	bool own;
	int code;

	if (fee > FEE_WHOLE)
		return BUSBAR_ERROR_BAD_VALUE;
	ledger = calloc(1, sizeof(*ledger));
	if (ledger == NULL)
		return -ENOMEM;
	*ledger = (struct ledger){.database = database, .fee = fee};
	code = ledger_enter(ledger, &own);
	if (code == 0)
		code = ledger_leave(ledger, own, ledger_create_tables(database));
	if (code < 0) {
		free(ledger);
		return code;
	}
	*ret_ledger = ledger;
	return 0;
}

struct ledger *ledger_close(struct ledger *ledger)
{
	free(ledger);
	return NULL;
}

/* "tenant:NAME". */
static int name_tenant(const char *tenant, char ret_account[LEDGER_NAME])
{
	size_t size = strlen(tenant);

	if (size == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	if (size >= LEDGER_NAME - strlen("tenant:"))
		return BUSBAR_ERROR_TOO_LARGE;
	(void)snprintf(ret_account, LEDGER_NAME, "tenant:%s", tenant);
	return 0;
}

/* Deposits and balances. */

static int write_deposit(struct ledger *ledger, const char *account, money amount, const char *reference,
                         int64_t now)
{
	const struct ledger_leg legs[] = {{LEDGER_WORLD, -amount}, {account, amount}};
	int64_t row, transaction, found;
	money balance;
	int code = ledger_need_account(ledger, account, &row, &balance);

	if (code < 0)
		return code;
	code = database_numbers(ledger->database,
	                        "SELECT 1 FROM ledger_deposit WHERE account = ? AND reference = ?",
	                        DATABASE_VALUES(DATABASE_NUMBER(row), DATABASE_TEXT(reference)), &found, 1);
	if (code != 0)
		return code;
	code = ledger_transfer(ledger, LEDGER_DEPOSIT, NULL, legs, ARRAY_SIZE(legs), now, &transaction);
	if (code < 0)
		return code;
	return database_write(ledger->database, "INSERT INTO ledger_deposit VALUES (?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(row), DATABASE_TEXT(reference),
	                                      DATABASE_OPTIONAL(transaction)));
}

int ledger_deposit(struct ledger *ledger, const char *tenant, money amount, const char *reference,
                   int64_t now)
{
	char account[LEDGER_NAME];
	bool own;
	int code = name_tenant(tenant, account);

	if (code == 0 && amount < 0)
		code = BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (code == 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	return ledger_leave(ledger, own, write_deposit(ledger, account, amount, reference, now));
}

int ledger_balance(struct ledger *ledger, const char *account, money *ret_balance)
{
	int64_t row;
	int code = ledger_find_account(ledger, account, &row, ret_balance);

	return code < 0 ? code : 0;
}

/* Holds. */

/* What the tables say of a program. */
struct hold {
	int64_t tenant; /* row of the account */
	money amount;
	bool closed;
	money charged;
	int64_t awaited; /* owners */
};

static int find_hold(struct ledger *ledger, const struct identifier *program, struct hold *ret_hold)
{
	int64_t numbers[5];
	int code = database_numbers(
	        ledger->database,
	        "SELECT tenant, amount, closed,"
	        "(SELECT sum(charged) FROM ledger_receipt r WHERE r.program = h.program),"
	        "(SELECT count(*) FROM ledger_hold_owner o WHERE o.program = h.program AND o.state = 0) "
	        "FROM ledger_hold h WHERE program = ?",
	        DATABASE_VALUES(DATABASE_ARRAY(program->octets)), numbers, ARRAY_SIZE(numbers));

	if (code <= 0)
		return code < 0 ? code : BUSBAR_ERROR_NOT_FOUND;
	*ret_hold = (struct hold){
	        .tenant = numbers[0],
	        .amount = numbers[1],
	        .closed = numbers[2] != 0,
	        .charged = numbers[3],
	        .awaited = numbers[4],
	};
	return 0;
}

static int check_owners(const struct ledger_owner *owners, uint32_t count)
{
	if (count == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	if (count > LEDGER_OWNERS)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < count; i++) {
		if (memchr(owners[i].supplier, '\0', sizeof(owners[i].supplier)) == NULL)
			return BUSBAR_ERROR_TOO_LARGE;
		for (uint32_t before = 0; before < i; before++)
			if (gateway_equal(owners[before].identity, owners[i].identity))
				return BUSBAR_ERROR_DUPLICATE;
	}
	return 0;
}

static int write_owners(struct ledger *ledger, const struct identifier *program,
                        const struct ledger_owner *owners, uint32_t count)
{
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0; i++)
		code = database_write(ledger->database,
		                      "INSERT INTO ledger_hold_owner VALUES (?, ?, ?, ?, ?)",
		                      DATABASE_VALUES(DATABASE_ARRAY(program->octets),
		                                      DATABASE_NUMBER(owners[i].identity.site),
		                                      DATABASE_NUMBER(owners[i].identity.gateway),
		                                      DATABASE_TEXT(owners[i].supplier),
		                                      DATABASE_NUMBER(LEDGER_AWAITED)));
	return code;
}

static int write_hold(struct ledger *ledger, const struct identifier *task, const struct identifier *program,
                      const char *account, money amount, int64_t now)
{
	const struct ledger_leg legs[] = {{account, -amount}, {LEDGER_ESCROW, amount}};
	int64_t row, transaction;
	money balance;
	int code = ledger_find_account(ledger, account, &row, &balance);

	if (code < 0)
		return code;
	if (balance < amount)
		return BUSBAR_ERROR_NO_FUNDS;
	code = ledger_need_account(ledger, account, &row, &balance);
	if (code >= 0)
		code = ledger_transfer(ledger, LEDGER_HOLD, program, legs, ARRAY_SIZE(legs), now,
		                       &transaction);
	if (code < 0)
		return code;
	return database_write(ledger->database, "INSERT INTO ledger_hold VALUES (?, ?, ?, ?, 0, ?)",
	                      DATABASE_VALUES(DATABASE_ARRAY(program->octets), DATABASE_ARRAY(task->octets),
	                                      DATABASE_NUMBER(row), DATABASE_NUMBER(amount),
	                                      DATABASE_NUMBER(now)));
}

int ledger_hold(struct ledger *ledger, const struct identifier *task, const struct identifier *program,
                const char *tenant, money amount, const struct ledger_owner *owners, uint32_t owner_count,
                int64_t now)
{
	char account[LEDGER_NAME];
	struct hold hold;
	bool own;
	int code = name_tenant(tenant, account);

	if (code == 0 && amount < 0)
		code = BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (code == 0)
		code = check_owners(owners, owner_count);
	if (code == 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	code = find_hold(ledger, program, &hold);
	if (code == 0)
		return ledger_leave(ledger, own, 1);
	if (code == BUSBAR_ERROR_NOT_FOUND)
		code = write_hold(ledger, task, program, account, amount, now);
	if (code == 0)
		code = write_owners(ledger, program, owners, owner_count);
	return ledger_leave(ledger, own, code);
}

/* Receipts. */

/* An owner of a hold. */
struct owner {
	enum ledger_owner_state state;
	char supplier[LEDGER_NAME]; /* its account */
};

static int find_owner(struct ledger *ledger, const struct identifier *program,
                      struct gateway_identity identity, struct owner *ret_owner)
{
	sqlite3_stmt *statement;
	int code = database_start(ledger->database,
	                          "SELECT state, supplier FROM ledger_hold_owner "
	                          "WHERE program = ? AND site = ? AND gateway = ?",
	                          DATABASE_VALUES(DATABASE_ARRAY(program->octets),
	                                          DATABASE_NUMBER(identity.site),
	                                          DATABASE_NUMBER(identity.gateway)),
	                          &statement);

	if (code == 0)
		code = database_step(ledger->database, statement);
	if (code <= 0)
		return code < 0 ? code : BUSBAR_ERROR_NOT_FOUND;
	ret_owner->state = (enum ledger_owner_state)sqlite3_column_int(statement, 0);
	(void)snprintf(ret_owner->supplier, sizeof(ret_owner->supplier), "supplier:%s",
	               (const char *)sqlite3_column_text(statement, 1));
	(void)sqlite3_reset(statement);
	return 0;
}

/* Name of the account in a row. */
static int read_name(struct ledger *ledger, int64_t row, char ret_name[LEDGER_NAME])
{
	sqlite3_stmt *statement;
	int code = database_start(ledger->database, "SELECT name FROM ledger_account WHERE id = ?",
	                          DATABASE_VALUES(DATABASE_NUMBER(row)), &statement);

	if (code == 0)
		code = database_step(ledger->database, statement);
	if (code <= 0)
		return code < 0 ? code : BUSBAR_ERROR_DATABASE;
	(void)snprintf(ret_name, LEDGER_NAME, "%s", (const char *)sqlite3_column_text(statement, 0));
	(void)sqlite3_reset(statement);
	return 0;
}

/* Gives back what is left of a hold that awaits nobody. */
static int close_hold(struct ledger *ledger, const struct identifier *program, const struct hold *hold,
                      int64_t now)
{
	char tenant[LEDGER_NAME];
	money rest = hold->amount - hold->charged;
	const struct ledger_leg legs[] = {{LEDGER_ESCROW, -rest}, {tenant, rest}};
	int64_t transaction;
	int code = read_name(ledger, hold->tenant, tenant);

	if (code == 0)
		code = ledger_transfer(ledger, LEDGER_CLOSE, program, legs, ARRAY_SIZE(legs), now,
		                       &transaction);
	if (code < 0)
		return code;
	return database_write(ledger->database, "UPDATE ledger_hold SET closed = 1 WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_ARRAY(program->octets)));
}

/* An owner is awaited no more; closes the hold when it was the last. */
static int settle_owner(struct ledger *ledger, const struct identifier *program,
                        struct gateway_identity identity, enum ledger_owner_state state, int64_t now)
{
	struct hold hold;
	int code = database_write(ledger->database,
	                          "UPDATE ledger_hold_owner SET state = ? "
	                          "WHERE program = ? AND site = ? AND gateway = ?",
	                          DATABASE_VALUES(DATABASE_NUMBER(state), DATABASE_ARRAY(program->octets),
	                                          DATABASE_NUMBER(identity.site),
	                                          DATABASE_NUMBER(identity.gateway)));

	if (code == 0)
		code = find_hold(ledger, program, &hold);
	if (code < 0 || hold.closed || hold.awaited > 0)
		return code;
	return close_hold(ledger, program, &hold, now);
}

/* Rounded half away from zero; charge >= 0 and fee <= 1, so that it fits. */
static money fee_of(const struct ledger *ledger, money charge)
{
	__extension__ unsigned __int128 product = (unsigned __int128)charge * ledger->fee;

	return (money)((product + FEE_WHOLE / 2) / FEE_WHOLE);
}

static int pay(struct ledger *ledger, const struct identifier *program, const char *supplier, money charge,
               int64_t now, int64_t *ret_transaction)
{
	money fee = fee_of(ledger, charge);
	const struct ledger_leg legs[] = {
	        {LEDGER_ESCROW, -charge},
	        {supplier, charge - fee},
	        {LEDGER_OPERATOR, fee},
	};

	return ledger_transfer(ledger, LEDGER_RECEIPT, program, legs, ARRAY_SIZE(legs), now, ret_transaction);
}

static int write_receipt(struct ledger *ledger, const struct receipt *receipt, const struct hold *hold,
                         int64_t transaction, money total, money charged, int64_t now)
{
	uint8_t octets[ANSWER_MAXIMUM];
	int size = answer_encode_receipt(receipt, octets, sizeof(octets));

	if (size < 0)
		return size;
	return database_write(
	        ledger->database,
	        "INSERT INTO ledger_receipt (program, site, gateway, tenant, transaction_id, total,"
	        "charged, time, octets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        DATABASE_VALUES(DATABASE_ARRAY(receipt->program.octets), DATABASE_NUMBER(receipt->owner.site),
	                        DATABASE_NUMBER(receipt->owner.gateway), DATABASE_NUMBER(hold->tenant),
	                        DATABASE_OPTIONAL(transaction), DATABASE_NUMBER(total),
	                        DATABASE_NUMBER(charged), DATABASE_NUMBER(now),
	                        DATABASE_OCTETS(octets, size)));
}

static void note_dispute(const struct receipt *receipt, money total, money charged)
{
	char program[IDENTIFIER_TEXT], owner[GATEWAY_TEXT], claimed[MONEY_TEXT], given[MONEY_TEXT];

	log_warning(TAG, "event=dispute program=%s owner=%s claimed=%s charged=%s",
	            identifier_text(&receipt->program, program), gateway_text(receipt->owner, owner),
	            money_text(total, claimed), money_text(charged, given));
}

/* An owner that was excused and now sends a receipt after all is paid from what is still held. */
static int write_post(struct ledger *ledger, const struct receipt *receipt, int64_t now)
{
	struct hold hold;
	struct owner owner;
	money total, left, charged;
	int64_t transaction;
	int code = find_hold(ledger, &receipt->program, &hold);

	if (code == 0)
		code = find_owner(ledger, &receipt->program, receipt->owner, &owner);
	if (code < 0 || owner.state == LEDGER_POSTED)
		return code < 0 ? code : 1;
	code = receipt_total(receipt, &total);
	if (code < 0)
		return code;
	left = hold.closed ? 0 : hold.amount - hold.charged;
	charged = MINIMUM(total, left);
	if (charged < total)
		note_dispute(receipt, total, charged);
	code = pay(ledger, &receipt->program, owner.supplier, charged, now, &transaction);
	if (code == 0)
		code = write_receipt(ledger, receipt, &hold, transaction, total, charged, now);
	if (code < 0)
		return code;
	return settle_owner(ledger, &receipt->program, receipt->owner, LEDGER_POSTED, now);
}

int ledger_post(struct ledger *ledger, const struct receipt *receipt, int64_t now)
{
	bool own;
	int code = ledger_enter(ledger, &own);

	return code < 0 ? code : ledger_leave(ledger, own, write_post(ledger, receipt, now));
}

static int write_excuse(struct ledger *ledger, const struct identifier *program,
                        struct gateway_identity identity, int64_t now)
{
	struct owner owner;
	int code = find_owner(ledger, program, identity, &owner);

	if (code < 0)
		return code;
	if (owner.state != LEDGER_AWAITED)
		return 1;
	return settle_owner(ledger, program, identity, LEDGER_EXCUSED, now);
}

int ledger_excuse(struct ledger *ledger, const struct identifier *program, struct gateway_identity owner,
                  int64_t now)
{
	bool own;
	int code = ledger_enter(ledger, &own);

	return code < 0 ? code : ledger_leave(ledger, own, write_excuse(ledger, program, owner, now));
}

int ledger_closed(struct ledger *ledger, const struct identifier *program)
{
	struct hold hold;
	int code = find_hold(ledger, program, &hold);

	return code < 0 ? code : hold.closed;
}

int ledger_task_charge(struct ledger *ledger, const struct identifier *task, money *ret_charge)
{
	money charge;
	int code = database_numbers(ledger->database,
	                            "SELECT sum(r.charged) FROM ledger_hold h JOIN ledger_receipt r "
	                            "ON r.program = h.program WHERE h.task = ?",
	                            DATABASE_VALUES(DATABASE_ARRAY(task->octets)), &charge, 1);

	if (code < 0)
		return code;
	*ret_charge = charge;
	return 0;
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
	struct billed billed = {0};
	int64_t row;
	money balance;
	int code = name_tenant(tenant, account);

	if (code == 0)
		code = ledger_find_account(ledger, account, &row, &balance);
	if (code <= 0)
		return code;
	while ((code = next_billed(ledger, row, &billed)) > 0) {
		code = visit_lines(&billed, visit, context);
		if (code != 0)
			break;
	}
	return code;
}
