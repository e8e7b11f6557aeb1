/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, accounts and transactions of the ledger. */
#include "base/error.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"

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
        "CREATE INDEX IF NOT EXISTS ledger_transaction_program ON ledger_transaction (program) "
        "WHERE program IS NOT NULL;"
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

int ledger_enter(struct ledger *ledger, bool *ret_own)
{
	bool own = !database_in_transaction(ledger->database);
	int code = own ? database_begin(ledger->database) : 0;

	if (code == 0)
		*ret_own = own;
	return code;
}

int ledger_leave(struct ledger *ledger, bool own, int code)
{
	int commit = 0;

	if (!own)
		return code;
	if (code >= 0)
		commit = database_commit(ledger->database);
	if (commit < 0)
		code = commit;
	if (code < 0)
		database_rollback(ledger->database);
	return code;
}

int ledger_find_account(struct ledger *ledger, const char *name, int64_t *ret_row, money *ret_balance)
{
	int64_t numbers[2] = {0, 0};
	int code = database_numbers(ledger->database, "SELECT id, balance FROM ledger_account WHERE name = ?",
	                            DATABASE_VALUES(DATABASE_TEXT(name)), numbers, 2);

	if (code < 0)
		return code;
	*ret_row = numbers[0];
	*ret_balance = numbers[1];
	return code;
}

int ledger_need_account(struct ledger *ledger, const char *name, int64_t *ret_row, money *ret_balance)
{
	int code = ledger_find_account(ledger, name, ret_row, ret_balance);

	if (code != 0)
		return code;
	return database_numbers(ledger->database,
	                        "INSERT INTO ledger_account (name, balance) VALUES (?, 0) RETURNING id",
	                        DATABASE_VALUES(DATABASE_TEXT(name)), ret_row, 1);
}

static int enter_leg(struct ledger *ledger, int64_t transaction, const struct ledger_leg *leg)
{
	int64_t account;
	money balance;
	int code = ledger_need_account(ledger, leg->account, &account, &balance);

	if (code >= 0)
		code = money_add(balance, leg->amount, &balance);
	if (code < 0)
		return code;
	code = database_write(ledger->database, "INSERT INTO ledger_entry VALUES (?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(transaction), DATABASE_NUMBER(account),
	                                      DATABASE_NUMBER(leg->amount)));
	if (code < 0)
		return code;
	return database_write(ledger->database, "UPDATE ledger_account SET balance = ? WHERE id = ?",
	                      DATABASE_VALUES(DATABASE_NUMBER(balance), DATABASE_NUMBER(account)));
}

/* 1 when there is something to move, 0 when there is not. */
static int check_legs(const struct ledger_leg *legs, size_t count)
{
	money sum = 0;
	bool moves = false;

	for (size_t i = 0; i < count; i++) {
		int code = money_add(sum, legs[i].amount, &sum);

		if (code < 0)
			return code;
		moves |= legs[i].amount != 0;
	}
	return sum != 0 ? BUSBAR_ERROR_LEDGER : moves;
}

int ledger_transfer(struct ledger *ledger, enum ledger_kind kind, const struct identifier *program,
                    const struct ledger_leg *legs, size_t count, int64_t now, int64_t *ret_row)
{
	int64_t row = 0;
	struct database_value octets = program ? DATABASE_ARRAY(program->octets) : DATABASE_OPTIONAL(0);
	int code = check_legs(legs, count);

	if (code > 0)
		code = database_numbers(
		        ledger->database,
		        "INSERT INTO ledger_transaction (kind, program, time) VALUES (?, ?, ?) "
		        "RETURNING id",
		        DATABASE_VALUES(DATABASE_NUMBER(kind), octets, DATABASE_NUMBER(now)), &row, 1);
	for (size_t i = 0; i < count && code >= 0; i++)
		if (legs[i].amount != 0)
			code = enter_leg(ledger, row, &legs[i]);
	if (code < 0)
		return code;
	*ret_row = row;
	return 0;
}
