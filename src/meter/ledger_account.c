/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, accounts and transactions of the ledger. */
#include "base/error.h"
#include "base/text.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"
#include <string.h>

#define KEEP(table)                                                              \
	"CREATE TRIGGER IF NOT EXISTS " table "_changed BEFORE UPDATE ON " table \
	" BEGIN SELECT RAISE(ABORT, '" table " is append-only'); END;" REMAIN(table)
#define REMAIN(table)                                                            \
	"CREATE TRIGGER IF NOT EXISTS " table "_removed BEFORE DELETE ON " table \
	" BEGIN SELECT RAISE(ABORT, '" table " keeps its rows'); END;"

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS ledger_account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        "balance INTEGER NOT NULL) STRICT;"
        "CREATE TABLE IF NOT EXISTS ledger_transaction (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
        "program BLOB, time INTEGER NOT NULL) STRICT;"
        "CREATE TABLE IF NOT EXISTS ledger_entry ("
        "transaction_id INTEGER NOT NULL REFERENCES ledger_transaction,"
        "account INTEGER NOT NULL REFERENCES ledger_account, amount INTEGER NOT NULL,"
        "PRIMARY KEY (transaction_id, account)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS ledger_deposit (account INTEGER NOT NULL REFERENCES ledger_account,"
        "reference TEXT NOT NULL, transaction_id INTEGER REFERENCES ledger_transaction,"
        "PRIMARY KEY (account, reference)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS ledger_hold (program BLOB PRIMARY KEY, task BLOB NOT NULL,"
        "tenant INTEGER NOT NULL REFERENCES ledger_account, amount INTEGER NOT NULL CHECK (amount >= 0),"
        "closed INTEGER NOT NULL, time INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS ledger_hold_task ON ledger_hold (task);"
        "CREATE INDEX IF NOT EXISTS ledger_hold_open ON ledger_hold (program) WHERE closed = 0;"
        "CREATE TABLE IF NOT EXISTS ledger_hold_owner (program BLOB NOT NULL REFERENCES ledger_hold,"
        "site INTEGER NOT NULL, gateway INTEGER NOT NULL, supplier TEXT NOT NULL, state INTEGER NOT NULL,"
        "PRIMARY KEY (program, site, gateway)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS ledger_receipt (sequence INTEGER PRIMARY KEY,"
        "program BLOB NOT NULL REFERENCES ledger_hold, site INTEGER NOT NULL, gateway INTEGER NOT NULL,"
        "tenant INTEGER NOT NULL REFERENCES ledger_account,"
        "transaction_id INTEGER REFERENCES ledger_transaction, total INTEGER NOT NULL,"
        "charged INTEGER NOT NULL CHECK (charged BETWEEN 0 AND total), time INTEGER NOT NULL,"
        "octets BLOB NOT NULL, UNIQUE (program, site, gateway)) STRICT;"
        "CREATE INDEX IF NOT EXISTS ledger_receipt_tenant ON ledger_receipt (tenant, sequence);"
        /* What may change is a balance, the state of an owner and that a hold is closed. */
        KEEP("ledger_transaction") KEEP("ledger_entry") KEEP("ledger_deposit") KEEP("ledger_receipt")
                REMAIN("ledger_account") REMAIN("ledger_hold") REMAIN(
                        "ledger_hold_owner") "CREATE TRIGGER IF NOT EXISTS ledger_hold_changed "
                                             "BEFORE UPDATE OF program, task, tenant, amount, time ON "
                                             "ledger_hold "
                                             "BEGIN SELECT RAISE(ABORT, 'a hold stays as it was made'); END;";

int ledger_create_tables(struct database *database)
{
	return database_execute(database, schema);
}

/* Accounts. */

struct ledger_account *ledger_find_account(const struct ledger *ledger, const char *name)
{
	char key[LEDGER_NAME] = {0};

	if (strlen(name) >= sizeof(key))
		return NULL;
	text_copy(key, sizeof(key), name);
	return hash_get(ledger->accounts, key);
}

int ledger_need_account(struct ledger *ledger, const char *name, struct ledger_account **ret_account)
{
	struct ledger_account *account = ledger_find_account(ledger, name);
	int code = 0;

	if (account == NULL) {
		account = slab_take(ledger->account_slab);
		if (account == NULL)
			return BUSBAR_ERROR_TABLE_FULL;
		text_copy(account->name, sizeof(account->name), name);
		code = hash_put(ledger->accounts, account->name, account);
	}
	if (code < 0) {
		slab_release(ledger->account_slab, account);
		return code;
	}
	*ret_account = account;
	return 0;
}

int ledger_need_row(struct ledger *ledger, struct ledger_account *account)
{
	int code;

	if (account->state.row > 0)
		return 0;
	code = ledger_change_account(ledger, account);
	if (code == 0)
		code = database_write(
		        ledger->database, "INSERT INTO ledger_account (id, name, balance) VALUES (?, ?, 0)",
		        DATABASE_VALUES(DATABASE_NUMBER(ledger->next_account), DATABASE_TEXT(account->name)));
	if (code == 0)
		account->state.row = ledger->next_account++;
	return code;
}

static int load_account(struct ledger *ledger, sqlite3_stmt *statement)
{
	const char *name = (const char *)sqlite3_column_text(statement, 1);
	struct ledger_account *account;
	int code = name == NULL || strlen(name) >= LEDGER_NAME ? BUSBAR_ERROR_DATABASE
	                                                       : ledger_need_account(ledger, name, &account);

	if (code < 0)
		return code;
	account->state.row = sqlite3_column_int64(statement, 0);
	account->state.balance = sqlite3_column_int64(statement, 2);
	ledger->next_account = MAXIMUM(ledger->next_account, account->state.row + 1);
	return 0;
}

int ledger_load_accounts(struct ledger *ledger)
{
	struct database *database = ledger->database;
	sqlite3_stmt *statement = NULL;
	int code = database_numbers(database, "SELECT coalesce(max(id), 0) + 1 FROM ledger_transaction", NULL,
	                            0, &ledger->next_transaction, 1);

	ledger->next_account = 1;
	if (code >= 0)
		code = database_start(database, "SELECT id, name, balance FROM ledger_account", NULL, 0,
		                      &statement);
	while (code >= 0 && (code = database_step(database, statement)) > 0)
		code = load_account(ledger, statement);
	(void)sqlite3_reset(statement);
	if (code == 0)
		code = ledger_need_account(ledger, "escrow", &ledger->escrow);
	if (code == 0)
		code = ledger_need_account(ledger, "operator", &ledger->operator);
	if (code == 0)
		code = ledger_need_account(ledger, "world", &ledger->world);
	return code;
}

/* Transactions. */

static int enter_leg(struct ledger *ledger, int64_t transaction, const struct ledger_leg *leg)
{
	struct ledger_account *account = leg->account;
	money balance;
	int code = money_add(account->state.balance, leg->amount, &balance);

	if (code == 0)
		code = ledger_need_row(ledger, account);
	if (code == 0)
		code = ledger_change_account(ledger, account);
	if (code == 0)
		code = database_write(ledger->database, "INSERT INTO ledger_entry VALUES (?, ?, ?)",
		                      DATABASE_VALUES(DATABASE_NUMBER(transaction),
		                                      DATABASE_NUMBER(account->state.row),
		                                      DATABASE_NUMBER(leg->amount)));
	if (code == 0)
		code = database_set(
		        ledger->database, "UPDATE ledger_account SET balance = ? WHERE id = ?",
		        DATABASE_VALUES(DATABASE_NUMBER(balance), DATABASE_NUMBER(account->state.row)), 1);
	if (code == 0)
		account->state.balance = balance;
	return code;
}

/* 1 when there is something to move, 0 when there is not. All that can be refused is refused here. */
static int check_legs(const struct ledger_leg *legs, size_t count)
{
	money sum = 0;
	bool moves = false;

	for (size_t i = 0; i < count; i++) {
		money balance;
		int code = money_add(sum, legs[i].amount, &sum);

		if (code == 0)
			code = money_add(legs[i].account->state.balance, legs[i].amount, &balance);
		if (code < 0)
			return code;
		moves |= legs[i].amount != 0;
	}
	return sum != 0 ? BUSBAR_ERROR_LEDGER : moves;
}

static int write_transfer(struct ledger *ledger, enum ledger_kind kind, const struct identifier *program,
                          const struct ledger_leg *legs, size_t count, int64_t now)
{
	struct database_value octets = program ? DATABASE_ARRAY(program->octets) : DATABASE_OPTIONAL(0);
	int64_t row = ledger->next_transaction;
	int code = database_write(
	        ledger->database,
	        "INSERT INTO ledger_transaction (id, kind, program, time) VALUES (?, ?, ?, ?)",
	        DATABASE_VALUES(DATABASE_NUMBER(row), DATABASE_NUMBER(kind), octets, DATABASE_NUMBER(now)));

	for (size_t i = 0; i < count && code >= 0; i++)
		if (legs[i].amount != 0)
			code = enter_leg(ledger, row, &legs[i]);
	return code;
}

int ledger_transfer(struct ledger *ledger, enum ledger_kind kind, const struct identifier *program,
                    const struct ledger_leg *legs, size_t count, int64_t now, int64_t *ret_row)
{
	int moves = check_legs(legs, count);
	int code = moves <= 0 ? moves : write_transfer(ledger, kind, program, legs, count, now);

	if (code < 0)
		return code;
	*ret_row = moves > 0 ? ledger->next_transaction++ : 0;
	return 0;
}
