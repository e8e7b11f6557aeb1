/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof that the ledger holds what its rules say, from its rows alone.
 *
 * Sums are taken in two halves (amount >> 32 and its low 32 bits), which cannot overflow in SQL however
 * the rows were altered, and joined in 128 bits here.
 */
#include "base/error.h"
#include "base/log.h"
#include "meter/ledger_internal.h"
#include "meter/row.h"
#include "meter/summary.h"
#include <string.h>

#define TAG "ledger"

__extension__ typedef __int128 wide;

struct proof {
	struct ledger *ledger;
	struct ledger_check check;
	struct summary_builder builder;
	uint64_t broken; /* rows that break a rule */
	bool in_transaction;
};

typedef int (*visit_row)(struct proof *proof, sqlite3_stmt *statement);

static int walk(struct proof *proof, const char *sql, visit_row visit)
{
	struct database *database = proof->ledger->database;
	sqlite3_stmt *statement;
	int code = database_start(database, sql, NULL, 0, &statement);

	if (code < 0)
		return code;
	while ((code = database_step(database, statement)) > 0) {
		code = visit(proof, statement);
		if (code < 0)
			break;
	}
	(void)sqlite3_reset(statement);
	return code;
}

static void note(struct proof *proof, const char *rule, int64_t row)
{
	proof->broken++;
	log_error(TAG, "event=broken rule=%s row=%lld", rule, (long long)row);
}

/* The two halves of a sum in neighbouring columns. */
static wide read_sum(sqlite3_stmt *statement, int column)
{
	return (wide)sqlite3_column_int64(statement, column) * ((wide)1 << 32) +
	       sqlite3_column_int64(statement, column + 1);
}

static money clamp(wide sum)
{
	return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (money)sum;
}

/* Columns: entries, sum of all entries. */
static int visit_totals(struct proof *proof, sqlite3_stmt *statement)
{
	proof->check.entries = (uint64_t)sqlite3_column_int64(statement, 0);
	proof->check.entries_sum = clamp(read_sum(statement, 1));
	proof->check.transactions = (uint64_t)sqlite3_column_int64(statement, 3);
	if (proof->check.entries_sum != 0)
		note(proof, "entries-sum-to-zero", 0);
	return 0;
}

/* Columns: transaction, its sum. */
static int visit_transaction(struct proof *proof, sqlite3_stmt *statement)
{
	if (read_sum(statement, 1) != 0) {
		proof->check.unbalanced++;
		note(proof, "transaction-balances", sqlite3_column_int64(statement, 0));
	}
	return 0;
}

/* Columns: row, name, balance, sum. Only the world may owe. Memory is what the rows say, between
 * transactions. */
static int visit_account(struct proof *proof, sqlite3_stmt *statement)
{
	const char *name = (const char *)sqlite3_column_text(statement, 1);
	money balance = sqlite3_column_int64(statement, 2);
	wide sum = read_sum(statement, 3);
	const struct ledger_account *account;

	if (name == NULL)
		return BUSBAR_ERROR_DATABASE;
	if (strcmp(name, proof->ledger->escrow->name) == 0)
		proof->check.escrow = clamp(sum);
	if (sum != balance)
		note(proof, "balance-is-sum-of-entries", sqlite3_column_int64(statement, 0));
	if (sum < 0 && strcmp(name, proof->ledger->world->name) != 0)
		note(proof, "account-does-not-owe", sqlite3_column_int64(statement, 0));
	account = ledger_find_account(proof->ledger, name);
	if (!proof->in_transaction && (account == NULL || account->state.balance != balance))
		note(proof, "memory-is-rows", sqlite3_column_int64(statement, 0));
	return 0;
}

/*
 * Columns: amount, closed, owners awaited, charged, entries on escrow, the first of them. A hold is open
 * while an owner is awaited; then escrow has what was not yet charged of it, and afterwards nothing.
 */
static int visit_hold(struct proof *proof, sqlite3_stmt *statement)
{
	money amount = sqlite3_column_int64(statement, 0);
	bool closed = sqlite3_column_int64(statement, 1) != 0;
	bool awaits = sqlite3_column_int64(statement, 2) > 0;
	wide left = closed ? 0 : amount - read_sum(statement, 3);

	if (closed == awaits)
		note(proof, "open-while-awaiting", 0);
	if (sqlite3_column_int64(statement, 7) != amount)
		note(proof, "amount-was-taken", 0);
	if (read_sum(statement, 5) != left || left < 0)
		note(proof, "escrow-of-program", 0);
	proof->check.open_programs += !closed;
	proof->check.open_holds = clamp((wide)proof->check.open_holds + left);
	return 0;
}

/* Columns: sequence, site, gateway, program, total, charged, entry on escrow, owner's state, octets. */
static int visit_receipt(struct proof *proof, sqlite3_stmt *statement)
{
	int64_t sequence = sqlite3_column_int64(statement, 0);
	struct gateway_identity owner = row_gateway(statement, 1);
	money charged = sqlite3_column_int64(statement, 5);
	struct identifier program;
	struct receipt receipt;
	money total;
	int code = row_identifier(statement, 3, &program);

	if (code == 0)
		code = row_receipt(statement, 8, &receipt);
	if (code < 0 || receipt_total(&receipt, &total) < 0) {
		note(proof, "receipt-is-readable", sequence);
		return 0;
	}
	if (total != sqlite3_column_int64(statement, 4) || !gateway_equal(receipt.owner, owner) ||
	    !identifier_equal(&receipt.program, &program))
		note(proof, "receipt-as-posted", sequence);
	if (charged < 0 || charged > total || -sqlite3_column_int64(statement, 6) != charged)
		note(proof, "receipt-was-charged", sequence);
	if (sqlite3_column_int(statement, 7) != LEDGER_POSTED)
		note(proof, "owner-of-receipt-settled", sequence);
	proof->check.disputes += charged < total;
	return summary_add(&proof->builder, owner, &program, total);
}

/* Any row is one that points at something that is not there, or an owner without its receipt. */
static int visit_orphan(struct proof *proof, sqlite3_stmt *statement)
{
	note(proof, "nothing-is-missing", sqlite3_column_int64(statement, 1));
	return 0;
}

static const struct rule {
	const char *sql;
	visit_row visit;
} rules[] = {
        {"SELECT count(*), sum(amount >> 32), sum(amount & 4294967295),"
         "(SELECT count(*) FROM ledger_transaction) FROM ledger_entry",
         visit_totals},
        {"SELECT transaction_id, sum(amount >> 32), sum(amount & 4294967295) FROM ledger_entry "
         "GROUP BY transaction_id",
         visit_transaction},
        {"SELECT a.id, a.name, a.balance, e.high, e.low FROM ledger_account a LEFT JOIN "
         "(SELECT account, sum(amount >> 32) AS high, sum(amount & 4294967295) AS low "
         "FROM ledger_entry GROUP BY account) e ON e.account = a.id",
         visit_account},
        {"PRAGMA foreign_key_check", visit_orphan},
        {"SELECT 'owner', o.site FROM ledger_hold_owner o LEFT JOIN ledger_receipt r "
         "ON r.program = o.program AND r.site = o.site AND r.gateway = o.gateway "
         "WHERE o.state = 1 AND r.sequence IS NULL",
         visit_orphan},
        {"SELECT h.amount, h.closed,"
         "(SELECT count(*) FROM ledger_hold_owner o WHERE o.program = h.program AND o.state = 0),"
         "(SELECT sum(charged >> 32) FROM ledger_receipt r WHERE r.program = h.program),"
         "(SELECT sum(charged & 4294967295) FROM ledger_receipt r WHERE r.program = h.program),"
         "e.high, e.low, e.taken FROM ledger_hold h LEFT JOIN "
         "(SELECT t.program, sum(e.amount >> 32) AS high, sum(e.amount & 4294967295) AS low,"
         "max(CASE WHEN t.kind = 2 THEN e.amount END) AS taken "
         "FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id "
         "WHERE e.account = (SELECT id FROM ledger_account WHERE name = 'escrow') "
         "GROUP BY t.program) e ON e.program = h.program",
         visit_hold},
        {"SELECT r.sequence, r.site, r.gateway, r.program, r.total, r.charged, e.amount, o.state, r.octets "
         "FROM ledger_receipt r LEFT JOIN ledger_entry e ON e.transaction_id = r.transaction_id "
         "AND e.account = (SELECT id FROM ledger_account WHERE name = 'escrow') "
         "LEFT JOIN ledger_hold_owner o ON o.program = r.program AND o.site = r.site "
         "AND o.gateway = r.gateway ORDER BY r.site, r.gateway",
         visit_receipt},
};

static int prove(struct proof *proof)
{
	struct ledger_check *check = &proof->check;
	int code = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && code >= 0; i++)
		code = walk(proof, rules[i].sql, rules[i].visit);
	if (code < 0)
		return code;
	if (check->escrow != check->open_holds)
		note(proof, "escrow-is-open-holds", 0);
	if (!proof->in_transaction &&
	    hash_count(proof->ledger->holds) - proof->ledger->closed_count != check->open_programs)
		note(proof, "memory-is-holds", 0);
	check->summary_count = proof->builder.count;
	check->summaries_dropped = proof->builder.dropped;
	return proof->broken > 0 ? BUSBAR_ERROR_LEDGER : 0;
}

int ledger_check(struct ledger *ledger, struct ledger_check *ret_check)
{
	struct proof proof = {
	        .ledger = ledger,
	        .in_transaction = database_in_transaction(ledger->database),
	};
	int code = database_settle(ledger->database, LEDGER_PATIENCE);

	if (code < 0)
		return code;
	proof.builder = (struct summary_builder){
	        .summaries = proof.check.summaries,
	        .maximum = ARRAY_SIZE(proof.check.summaries),
	};
	code = prove(&proof);
	if (code == 0 || code == BUSBAR_ERROR_LEDGER)
		*ret_check = proof.check;
	return code;
}
