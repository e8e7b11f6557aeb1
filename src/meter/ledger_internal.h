/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger's files share.
 *
 * Memory is the truth, the tables its copy: every decision is made from what is below, and every change
 * is written as rows (database_write()) in the transaction that is open.
 *
 * ledger_account   name and balance (the sum of the account's entries, kept beside them)
 * ledger_transaction, ledger_entry   append-only; entries of a transaction sum to zero
 * ledger_deposit   references that were used
 * ledger_hold, ledger_hold_owner   programs, and whose receipts they await
 * ledger_receipt   append-only: the receipts' octets, their totals and what was charged of them; one
 *                  that was charged less than its total is a dispute
 *
 * In memory are all accounts, all open holds, and of closed holds and deposits at least those whose
 * rows cannot be read yet (database_applied()). What is not in memory is thus known to the tables, and they
 * are asked without waiting; but a program that is younger than all holds that were forgotten was never
 * held, and they are not asked at all: identifiers sort by age.
 *
 * What changes in memory is remembered until the transaction ends, and undone when it is rolled back.
 */
#ifndef METER_LEDGER_INTERNAL_H
#define METER_LEDGER_INTERNAL_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/slab.h"
#include "meter/ledger.h"
#include <stdbool.h>

enum { LEDGER_REFERENCE = 256 };
/* For what was written to become readable, where rows are read. */
#define LEDGER_PATIENCE (5 * CLOCK_SECOND)

enum ledger_kind { LEDGER_DEPOSIT = 1, LEDGER_HOLD, LEDGER_RECEIPT, LEDGER_CLOSE };
enum ledger_owner_state { LEDGER_AWAITED, LEDGER_POSTED, LEDGER_EXCUSED };

/* The tables have no row for an account in which nothing was ever entered. */
struct ledger_account {
	char name[LEDGER_NAME]; /* padded with NUL */
	struct ledger_account_state {
		int64_t row; /* 0: none yet */
		money balance;
	} state;
};

/* Closed when nobody is awaited. */
struct ledger_hold {
	struct identifier program, task;
	struct ledger_account *tenant;
	money amount;
	struct ledger_hold_state {
		money charged;
		uint16_t awaited, posted; /* a bit per owner; an owner that is neither was excused */
	} state;
	uint32_t owner_count;
	struct {
		struct gateway_identity identity;
		struct ledger_account *supplier;
	} owners[LEDGER_OWNERS];
	uint64_t position; /* of the transaction that changed it last */
	bool listed;       /* among the closed ones */
	struct ledger_hold *next_of_task, *next_closed;
};

/* A reference that was used. */
struct ledger_reference {
	uint8_t digest[32]; /* of account and reference */
	uint64_t position;
	struct ledger_reference *next;
};

struct ledger_undo;

struct ledger {
	struct database *database;
	uint32_t fee;          /* parts per million */
	struct hash *accounts; /* name -> struct ledger_account */
	struct ledger_account *escrow, *operator, * world;
	struct slab *account_slab;
	int64_t next_account, next_transaction; /* rows */

	struct hash *holds;   /* program -> struct ledger_hold */
	struct hash *by_task; /* task -> the first of its holds */
	struct slab *hold_slab;
	struct ledger_hold *oldest_closed, *newest_closed;
	size_t closed_count;
	struct identifier forgotten; /* the youngest program that may not be in memory */

	struct hash *references;
	struct slab *reference_slab;
	struct ledger_reference *oldest_reference, *newest_reference;

	struct ledger_undo *undo; /* what the open transaction changed, in its order */
	size_t undo_count, undo_capacity;
	int64_t first_account, first_transaction; /* rows when it began to change something */
};

/* Opens a transaction of the database unless one is open; ledger_leave() ends what was begun here. */
int ledger_enter(struct ledger *ledger, bool *ret_own) CHECKED;
int ledger_leave(struct ledger *ledger, bool own, int code) CHECKED;

/* "tenant:NAME". MISSING_FIELD or TOO_LARGE. */
int ledger_name_tenant(const char *tenant, char ret_account[LEDGER_NAME]) CHECKED;

/* Remembers what is about to change. -ENOMEM or TABLE_FULL: then it must not. */
int ledger_change_account(struct ledger *ledger, struct ledger_account *account) CHECKED;
int ledger_change_hold(struct ledger *ledger, struct ledger_hold *hold) CHECKED;
int ledger_add_hold(struct ledger *ledger, struct ledger_hold *hold) CHECKED;
int ledger_add_reference(struct ledger *ledger, struct ledger_reference *reference) CHECKED;
/* The database's transaction has ended. */
void ledger_ended(void *context, bool committed);
struct ledger_undo *ledger_free_undo(struct ledger_undo *undo);

/* Accounts. */
int ledger_create_tables(struct database *database) CHECKED;
int ledger_load_accounts(struct ledger *ledger) CHECKED;
/* NULL when nothing is known of it. */
struct ledger_account *ledger_find_account(const struct ledger *ledger, const char *name);
/* As above, and makes it in memory when it is missing. TABLE_FULL. */
int ledger_need_account(struct ledger *ledger, const char *name, struct ledger_account **ret_account) CHECKED;
/* Writes its row when it has none. */
int ledger_need_row(struct ledger *ledger, struct ledger_account *account) CHECKED;

/* One leg of a transaction; those of amount 0 are left out. */
struct ledger_leg {
	struct ledger_account *account;
	money amount;
};
/*
 * Makes a transaction with legs that sum to zero (LEDGER else), each account once. *ret_row is 0 when
 * all amounts are 0, for then there is nothing to write. AMOUNT_OVERFLOW when a balance would not fit.
 */
int ledger_transfer(struct ledger *ledger, enum ledger_kind kind, const struct identifier *program,
                    const struct ledger_leg *legs, size_t count, int64_t now, int64_t *ret_row) CHECKED;

/* Holds. */
int ledger_load_holds(struct ledger *ledger) CHECKED;
/* NOT_FOUND. */
int ledger_find_hold(struct ledger *ledger, const struct identifier *program,
                     struct ledger_hold **ret_hold) CHECKED;
bool ledger_hold_closed(const struct ledger_hold *hold);
/* Index of an owner, or NOT_FOUND. */
int ledger_hold_owner(const struct ledger_hold *hold, struct gateway_identity identity);
/* A hold that is in no table yet; TABLE_FULL. */
int ledger_new_hold(struct ledger *ledger, struct ledger_hold **ret_hold) CHECKED;
/* Into the tables, and out of them and freed. */
int ledger_put_hold(struct ledger *ledger, struct ledger_hold *hold) CHECKED;
void ledger_drop_hold(struct ledger *ledger, struct ledger_hold *hold);
/* Lists a closed hold, and forgets the oldest ones that the tables know. */
void ledger_list_closed(struct ledger *ledger, struct ledger_hold *hold);
void ledger_forget_closed(struct ledger *ledger);
/* Walks the holds of a task that are in memory. */
struct ledger_hold *ledger_first_of_task(const struct ledger *ledger, const struct identifier *task);

#endif
