/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger's files share: tables, accounts and transactions.
 *
 * ledger_account   name and balance (the sum of the account's entries, kept beside them)
 * ledger_transaction, ledger_entry   append-only; entries of a transaction sum to zero
 * ledger_deposit   references that were used
 * ledger_hold, ledger_hold_owner   programs, and whose receipts they await
 * ledger_receipt   append-only: the receipts' octets, their totals and what was charged of them; one
 *                  that was charged less than its total is a dispute
 */
#ifndef METER_LEDGER_INTERNAL_H
#define METER_LEDGER_INTERNAL_H

#include "base/compiler.h"
#include "meter/ledger.h"
#include <stdbool.h>

#define LEDGER_ESCROW "escrow"
#define LEDGER_OPERATOR "operator"
#define LEDGER_WORLD "world"

enum ledger_kind { LEDGER_DEPOSIT = 1, LEDGER_HOLD, LEDGER_RECEIPT, LEDGER_CLOSE };
enum ledger_owner_state { LEDGER_AWAITED, LEDGER_POSTED, LEDGER_EXCUSED };

struct ledger {
	struct database *database;
	uint32_t fee; /* parts per million */
};

int ledger_create_tables(struct database *database) CHECKED;

/* Opens a transaction of the database unless one is open; ledger_leave() ends what was begun here. */
int ledger_enter(struct ledger *ledger, bool *ret_own) CHECKED;
int ledger_leave(struct ledger *ledger, bool own, int code) CHECKED;

/* The row of an account: 1, or 0 when nothing was ever entered there (the outputs are 0 then). */
int ledger_find_account(struct ledger *ledger, const char *name, int64_t *ret_row,
                        money *ret_balance) CHECKED;
/* As above, and makes it when it is missing. */
int ledger_need_account(struct ledger *ledger, const char *name, int64_t *ret_row,
                        money *ret_balance) CHECKED;

/* One leg of a transaction; those of amount 0 are left out. */
struct ledger_leg {
	const char *account;
	money amount;
};
/*
 * Writes a transaction with legs that sum to zero (LEDGER else), each account once. *ret_row is 0 when
 * all amounts are 0, for then there is nothing to write. AMOUNT_OVERFLOW when a balance would not fit.
 */
int ledger_transfer(struct ledger *ledger, enum ledger_kind kind, const struct identifier *program,
                    const struct ledger_leg *legs, size_t count, int64_t now, int64_t *ret_row) CHECKED;

#endif
