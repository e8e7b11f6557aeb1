/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The double-entry ledger of one operator's gateway (SQLite).
 *
 * Accounts: `tenant:NAME`, `escrow`, `supplier:NAME` (own and third party alike), `operator` (fees) and
 * `world` (where deposits come from). A transaction is a set of entries that sums to zero, written in
 * one database transaction; nothing is ever changed or removed. A program's hold moves its worst case
 * from the tenant to escrow; each owner's receipt moves its charge from escrow to the supplier; when
 * every owner's receipt is in, the rest goes back. All calls join a transaction that is already open.
 */
#ifndef METER_LEDGER_H
#define METER_LEDGER_H

#include "base/compiler.h"
#include "base/database.h"
#include "model/receipt.h"
#include <stdbool.h>

struct ledger;

enum { LEDGER_NAME = 64, LEDGER_OWNERS = 12 };

/* Creates the tables when they are missing. fee: operator's share of every charge, parts per million. */
int ledger_open(struct database *database, uint32_t fee, struct ledger **ret_ledger) CHECKED;
struct ledger *ledger_close(struct ledger *ledger);

/* Puts money on a tenant's account from `world`; once per tenant and reference (again: 1). */
int ledger_deposit(struct ledger *ledger, const char *tenant, money amount, const char *reference,
                   int64_t now) CHECKED;
/* An account that was never used has 0. */
int ledger_balance(struct ledger *ledger, const char *account, money *ret_balance) CHECKED;

/*
 * Holds `amount` for a program of a task; `owners` are those whose receipts are awaited, with the
 * supplier's name of each. NO_FUNDS; holding twice for the same program is a success (1).
 */
struct ledger_owner {
	struct gateway_identity identity;
	char supplier[32];
};
int ledger_hold(struct ledger *ledger, const struct identifier *task, const struct identifier *program,
                const char *tenant, money amount, const struct ledger_owner *owners, uint32_t owner_count,
                int64_t now) CHECKED;
/*
 * Posts a receipt: its charge from escrow to its owner's supplier (and the fee). The charge is
 * recomputed from the lines (LEDGER when they disagree); what exceeds the hold is cut to it and noted
 * as a dispute. Again: 1. NOT_FOUND when the program or the owner was never held.
 * When the last awaited receipt is in, the hold is closed and the rest returned. An excused owner's
 * receipt is paid from what is still held: nothing once the hold is closed.
 */
int ledger_post(struct ledger *ledger, const struct receipt *receipt, int64_t now) CHECKED;
/* An owner that granted nothing (refused, never reached) is no longer awaited. Closes as above. 1 when it was
 * not awaited any more, NOT_FOUND when it never was. */
int ledger_excuse(struct ledger *ledger, const struct identifier *program, struct gateway_identity owner,
                  int64_t now) CHECKED;
/* 1 when the program's hold is closed, 0 when open, NOT_FOUND. */
int ledger_closed(struct ledger *ledger, const struct identifier *program) CHECKED;

/* What a task has been charged so far. */
int ledger_task_charge(struct ledger *ledger, const struct identifier *task, money *ret_charge) CHECKED;

/* One line of a bill. */
struct ledger_line {
	struct identifier task, program;
	struct gateway_identity owner;
	char supplier[32];
	struct receipt_line line;
	int64_t time;
};
typedef int (*ledger_line_visit)(void *context, const struct ledger_line *line);
/* Lines of a tenant, oldest first; the visitor's non-zero return ends the walk and is returned.
 * The charges shown sum to what was charged: a disputed receipt's last lines are cut. `time` is when the
 * receipt was posted. */
int ledger_bill(struct ledger *ledger, const char *tenant, ledger_line_visit visit, void *context) CHECKED;

/*
 * Proof material. Per owner: number and sum of the receipts posted with a total above 0, as their
 * owner wrote them, and a digest (xor of SHA-256 over program id and big-endian total), which must equal what
 * the owner's usage_summary() says of this ingress.
 */
struct ledger_summary {
	struct gateway_identity owner;
	uint64_t count;
	money total;
	uint8_t digest[32];
};
struct ledger_check {
	money entries_sum;                          /* must be 0 */
	uint64_t entries, transactions, unbalanced; /* unbalanced must be 0 */
	money escrow, open_holds;                   /* must be equal */
	uint64_t open_programs;
	uint64_t disputes;
	uint32_t summary_count, summaries_dropped; /* owners past the room below */
	struct ledger_summary summaries[64];
};
/* 0 and *ret_check; LEDGER when an invariant does not hold (ret_check is filled then, too). */
int ledger_check(struct ledger *ledger, struct ledger_check *ret_check) CHECKED;

#endif
