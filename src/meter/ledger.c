/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deposits, holds and receipts. The refusals of daily life (no money, not held, a wrong charge) come
 * before anything is changed, so that they do no harm inside a caller's transaction either.
 */
#include "meter/ledger.h"

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "meter/ledger_internal.h"
#include "wire/answer.h"
#include "wire/seal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "ledger"

enum { FEE_WHOLE = 1000000, ACCOUNTS = 1 << 16, HOLDS = 1 << 20, REFERENCES = 1 << 16 };

/* Opening. */

static int make_tables(struct ledger *ledger)
{
	uint64_t seed;
	int code = random_system(&seed, sizeof(seed));

	if (code < 0)
		return code;
	ledger->accounts = hash_create(LEDGER_NAME, ACCOUNTS, seed);
	ledger->holds = hash_create(sizeof(struct identifier), HOLDS, seed);
	ledger->by_task = hash_create(sizeof(struct identifier), HOLDS, seed);
	ledger->references = hash_create(sizeof((struct ledger_reference *)0)->digest, REFERENCES, seed);
	ledger->account_slab = slab_create(sizeof(struct ledger_account), ACCOUNTS);
	ledger->hold_slab = slab_create(sizeof(struct ledger_hold), HOLDS);
	ledger->reference_slab = slab_create(sizeof(struct ledger_reference), REFERENCES);
	return ledger->accounts && ledger->holds && ledger->by_task && ledger->references &&
	                       ledger->account_slab && ledger->hold_slab && ledger->reference_slab
	               ? 0
	               : -ENOMEM;
}

static void release_all(struct hash *hash, struct slab *slab)
{
	size_t position = 0;
	const void *key;
	void *object;

	while (hash != NULL && hash_next(hash, &position, &key, &object))
		slab_release(slab, object);
	(void)hash_free(hash);
	(void)slab_free(slab);
}

static void free_tables(struct ledger *ledger)
{
	release_all(ledger->accounts, ledger->account_slab);
	release_all(ledger->holds, ledger->hold_slab);
	release_all(ledger->references, ledger->reference_slab);
	(void)hash_free(ledger->by_task);
	(void)ledger_free_undo(ledger->undo);
	free(ledger);
}

/* What was written before must be readable to be loaded. */
static int load(struct ledger *ledger)
{
	int code = ledger_create_tables(ledger->database);

	if (code == 0)
		code = database_settle(ledger->database, LEDGER_PATIENCE);
	if (code == 0)
		code = ledger_load_accounts(ledger);
	if (code == 0)
		code = ledger_load_holds(ledger);
	if (code == 0)
		code = database_watch(ledger->database, ledger_ended, ledger);
	return code;
}

int ledger_open(struct database *database, uint32_t fee, struct ledger **ret_ledger)
{
	struct ledger *ledger;
	int code;

	if (fee > FEE_WHOLE)
		return BUSBAR_ERROR_BAD_VALUE;
	ledger = calloc(1, sizeof(*ledger));
	if (ledger == NULL)
		return -ENOMEM;
	ledger->database = database;
	ledger->fee = fee;
	code = make_tables(ledger);
	if (code == 0)
		code = load(ledger);
	if (code < 0) {
		free_tables(ledger);
		return code;
	}
	*ret_ledger = ledger;
	return 0;
}

struct ledger *ledger_close(struct ledger *ledger)
{
	if (ledger == NULL)
		return NULL;
	database_unwatch(ledger->database, ledger);
	free_tables(ledger);
	return NULL;
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

/* "tenant:NAME". */
int ledger_name_tenant(const char *tenant, char ret_account[LEDGER_NAME])
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

static int digest_reference(const char *account, const char *reference, uint8_t ret_digest[32])
{
	char text[LEDGER_NAME + LEDGER_REFERENCE] = {0};
	size_t size = strlen(account) + 1;

	if (strlen(reference) >= LEDGER_REFERENCE)
		return BUSBAR_ERROR_TOO_LARGE;
	text_copy(text, LEDGER_NAME, account);
	text_copy(text + size, LEDGER_REFERENCE, reference);
	return seal_digest(text, size + strlen(reference), ret_digest);
}

/* 1 when the reference was used, 0 when it is new. */
static int was_used(struct ledger *ledger, const struct ledger_account *account, const char *reference,
                    const uint8_t digest[32])
{
	int64_t found;

	if (hash_get(ledger->references, digest) != NULL)
		return 1;
	return database_numbers(
	        ledger->database, "SELECT 1 FROM ledger_deposit WHERE account = ? AND reference = ?",
	        DATABASE_VALUES(DATABASE_NUMBER(account->state.row), DATABASE_TEXT(reference)), &found, 1);
}

static int note_reference(struct ledger *ledger, const uint8_t digest[32])
{
	struct ledger_reference *reference = slab_take(ledger->reference_slab);
	int code;

	if (reference == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	memcpy(reference->digest, digest, sizeof(reference->digest));
	code = ledger_add_reference(ledger, reference);
	if (code < 0)
		slab_release(ledger->reference_slab, reference);
	return code;
}

static int write_deposit(struct ledger *ledger, struct ledger_account *account, money amount,
                         const char *reference, int64_t now)
{
	const struct ledger_leg legs[] = {{ledger->world, -amount}, {account, amount}};
	int64_t transaction;
	int code = ledger_transfer(ledger, LEDGER_DEPOSIT, NULL, legs, ARRAY_SIZE(legs), now, &transaction);

	if (code == 0)
		code = ledger_need_row(ledger, account);
	if (code < 0)
		return code;
	return database_write(ledger->database, "INSERT INTO ledger_deposit VALUES (?, ?, ?)",
	                      DATABASE_VALUES(DATABASE_NUMBER(account->state.row), DATABASE_TEXT(reference),
	                                      DATABASE_OPTIONAL(transaction)));
}

static int deposit(struct ledger *ledger, const char *name, money amount, const char *reference, int64_t now)
{
	struct ledger_account *account;
	uint8_t digest[32];
	int code = digest_reference(name, reference, digest);

	if (code == 0)
		code = ledger_need_account(ledger, name, &account);
	if (code == 0)
		code = was_used(ledger, account, reference, digest);
	if (code != 0)
		return code;
	code = write_deposit(ledger, account, amount, reference, now);
	return code < 0 ? code : note_reference(ledger, digest);
}

int ledger_deposit(struct ledger *ledger, const char *tenant, money amount, const char *reference,
                   int64_t now)
{
	char account[LEDGER_NAME];
	bool own;
	int code = ledger_name_tenant(tenant, account);

	if (code == 0 && amount < 0)
		code = BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (code == 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	return ledger_leave(ledger, own, deposit(ledger, account, amount, reference, now));
}

int ledger_balance(struct ledger *ledger, const char *account, money *ret_balance)
{
	const struct ledger_account *found = ledger_find_account(ledger, account);

	*ret_balance = found == NULL ? 0 : found->state.balance;
	return 0;
}

/* Holds. */

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

static int write_owners(struct ledger *ledger, const struct ledger_hold *hold,
                        const struct ledger_owner *owners)
{
	int code = 0;

	for (uint32_t i = 0; i < hold->owner_count && code == 0; i++)
		code = database_write(ledger->database,
		                      "INSERT INTO ledger_hold_owner VALUES (?, ?, ?, ?, ?)",
		                      DATABASE_VALUES(DATABASE_ARRAY(hold->program.octets),
		                                      DATABASE_NUMBER(owners[i].identity.site),
		                                      DATABASE_NUMBER(owners[i].identity.gateway),
		                                      DATABASE_TEXT(owners[i].supplier),
		                                      DATABASE_NUMBER(LEDGER_AWAITED)));
	return code;
}

static int write_hold(struct ledger *ledger, const struct ledger_hold *hold,
                      const struct ledger_owner *owners, int64_t now)
{
	const struct ledger_leg legs[] = {{hold->tenant, -hold->amount}, {ledger->escrow, hold->amount}};
	int64_t transaction;
	int code = ledger_transfer(ledger, LEDGER_HOLD, &hold->program, legs, ARRAY_SIZE(legs), now,
	                           &transaction);

	if (code == 0)
		code = ledger_need_row(ledger, hold->tenant);
	if (code == 0)
		code = database_write(ledger->database, "INSERT INTO ledger_hold VALUES (?, ?, ?, ?, 0, ?)",
		                      DATABASE_VALUES(DATABASE_ARRAY(hold->program.octets),
		                                      DATABASE_ARRAY(hold->task.octets),
		                                      DATABASE_NUMBER(hold->tenant->state.row),
		                                      DATABASE_NUMBER(hold->amount), DATABASE_NUMBER(now)));
	return code < 0 ? code : write_owners(ledger, hold, owners);
}

static int name_suppliers(struct ledger *ledger, struct ledger_hold *hold, const struct ledger_owner *owners,
                          uint32_t count)
{
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0; i++) {
		char name[LEDGER_NAME];

		(void)snprintf(name, sizeof(name), "supplier:%s", owners[i].supplier);
		code = ledger_need_account(ledger, name, &hold->owners[i].supplier);
		hold->owners[i].identity = owners[i].identity;
	}
	hold->owner_count = count;
	hold->state.awaited = (uint16_t)((1U << count) - 1);
	return code;
}

/* The hold is in memory when its rows are written, or not at all. */
static int hold(struct ledger *ledger, const struct ledger_hold *wanted, const struct ledger_owner *owners,
                uint32_t owner_count, int64_t now)
{
	struct ledger_hold *made;
	int code = ledger_new_hold(ledger, &made);

	if (code < 0)
		return code;
	*made = *wanted;
	code = name_suppliers(ledger, made, owners, owner_count);
	if (code == 0)
		code = write_hold(ledger, made, owners, now);
	if (code == 0)
		code = ledger_add_hold(ledger, made);
	if (code < 0)
		slab_release(ledger->hold_slab, made);
	return code;
}

int ledger_hold(struct ledger *ledger, const struct identifier *task, const struct identifier *program,
                const char *tenant, money amount, const struct ledger_owner *owners, uint32_t owner_count,
                int64_t now)
{
	struct ledger_hold wanted = {.task = *task, .program = *program, .amount = amount}, *found;
	char account[LEDGER_NAME];
	bool own;
	int code = ledger_name_tenant(tenant, account);

	if (code == 0 && amount < 0)
		code = BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (code == 0)
		code = check_owners(owners, owner_count);
	if (code < 0)
		return code;
	code = ledger_find_hold(ledger, program, &found);
	if (code != BUSBAR_ERROR_NOT_FOUND)
		return code < 0 ? code : 1;
	code = ledger_need_account(ledger, account, &wanted.tenant);
	if (code == 0 && wanted.tenant->state.balance < amount)
		code = BUSBAR_ERROR_NO_FUNDS;
	if (code == 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	return ledger_leave(ledger, own, hold(ledger, &wanted, owners, owner_count, now));
}

/* Receipts. */

/* Gives back what is left of a hold that awaits nobody. */
static int close_hold(struct ledger *ledger, const struct ledger_hold *closing, int64_t now)
{
	money rest = closing->amount - closing->state.charged;
	const struct ledger_leg legs[] = {{ledger->escrow, -rest}, {closing->tenant, rest}};
	int64_t transaction;
	int code = ledger_transfer(ledger, LEDGER_CLOSE, &closing->program, legs, ARRAY_SIZE(legs), now,
	                           &transaction);

	if (code < 0)
		return code;
	return database_write(ledger->database, "UPDATE ledger_hold SET closed = 1 WHERE program = ?",
	                      DATABASE_VALUES(DATABASE_ARRAY(closing->program.octets)));
}

/* An owner is awaited no more; closes the hold when it was the last. */
static int settle_owner(struct ledger *ledger, struct ledger_hold *settled, uint32_t owner,
                        enum ledger_owner_state state, int64_t now)
{
	bool closed = ledger_hold_closed(settled);
	uint16_t bit = (uint16_t)(1U << owner);
	int code = database_write(ledger->database,
	                          "UPDATE ledger_hold_owner SET state = ? "
	                          "WHERE program = ? AND site = ? AND gateway = ?",
	                          DATABASE_VALUES(DATABASE_NUMBER(state),
	                                          DATABASE_ARRAY(settled->program.octets),
	                                          DATABASE_NUMBER(settled->owners[owner].identity.site),
	                                          DATABASE_NUMBER(settled->owners[owner].identity.gateway)));

	if (code < 0)
		return code;
	settled->state.awaited &= (uint16_t)~bit;
	if (state == LEDGER_POSTED)
		settled->state.posted |= bit;
	return closed || !ledger_hold_closed(settled) ? 0 : close_hold(ledger, settled, now);
}

/* Rounded half away from zero; charge >= 0 and fee <= 1, so that it fits. */
static money fee_of(const struct ledger *ledger, money charge)
{
	__extension__ unsigned __int128 product = (unsigned __int128)charge * ledger->fee;

	return (money)((product + FEE_WHOLE / 2) / FEE_WHOLE);
}

static int pay(struct ledger *ledger, const struct ledger_hold *charged, uint32_t owner, money charge,
               int64_t now, int64_t *ret_transaction)
{
	money fee = fee_of(ledger, charge);
	const struct ledger_leg legs[] = {{ledger->escrow, -charge},
	                                  {charged->owners[owner].supplier, charge - fee},
	                                  {
	                                          ledger->operator,
	                                          fee },
	};

	return ledger_transfer(ledger, LEDGER_RECEIPT, &charged->program, legs, ARRAY_SIZE(legs), now,
	                       ret_transaction);
}

static int write_receipt(struct ledger *ledger, const struct receipt *receipt,
                         const struct ledger_account *tenant, int64_t transaction, money total, money charged,
                         int64_t now)
{
	uint8_t octets[ANSWER_MAXIMUM];
	int size = answer_encode_receipt(receipt, octets, sizeof(octets));

	if (size < 0)
		return size;
	return database_write(
	        ledger->database,
	        "INSERT INTO ledger_receipt (program, site, gateway, tenant, transaction_id,"
	        "total, charged, time, octets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	        DATABASE_VALUES(DATABASE_ARRAY(receipt->program.octets), DATABASE_NUMBER(receipt->owner.site),
	                        DATABASE_NUMBER(receipt->owner.gateway), DATABASE_NUMBER(tenant->state.row),
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
static int post(struct ledger *ledger, const struct receipt *receipt, struct ledger_hold *charged,
                uint32_t owner, money total, int64_t now)
{
	money left = ledger_hold_closed(charged) ? 0 : charged->amount - charged->state.charged;
	money charge = MINIMUM(total, left);
	int64_t transaction;
	int code = ledger_change_hold(ledger, charged);

	if (charge < total)
		note_dispute(receipt, total, charge);
	if (code == 0)
		code = pay(ledger, charged, owner, charge, now, &transaction);
	if (code == 0)
		code = write_receipt(ledger, receipt, charged->tenant, transaction, total, charge, now);
	if (code < 0)
		return code;
	charged->state.charged += charge;
	return settle_owner(ledger, charged, owner, LEDGER_POSTED, now);
}

/* The hold and the owner that a call speaks of; the owner's index. */
static int find(struct ledger *ledger, const struct identifier *program, struct gateway_identity owner,
                struct ledger_hold **ret_hold)
{
	int code = ledger_find_hold(ledger, program, ret_hold);

	return code < 0 ? code : ledger_hold_owner(*ret_hold, owner);
}

int ledger_post(struct ledger *ledger, const struct receipt *receipt, int64_t now)
{
	struct ledger_hold *found;
	money total;
	bool own;
	int owner = find(ledger, &receipt->program, receipt->owner, &found);
	int code = owner;

	if (code >= 0 && (found->state.posted >> owner & 1) != 0)
		return 1;
	if (code >= 0)
		code = receipt_total(receipt, &total);
	if (code >= 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	return ledger_leave(ledger, own, post(ledger, receipt, found, (uint32_t)owner, total, now));
}

int ledger_excuse(struct ledger *ledger, const struct identifier *program, struct gateway_identity owner,
                  int64_t now)
{
	struct ledger_hold *found;
	bool own;
	int index = find(ledger, program, owner, &found);
	int code = index;

	if (code >= 0 && (found->state.awaited >> index & 1) == 0)
		return 1;
	if (code >= 0)
		code = ledger_enter(ledger, &own);
	if (code < 0)
		return code;
	code = ledger_change_hold(ledger, found);
	if (code == 0)
		code = settle_owner(ledger, found, (uint32_t)index, LEDGER_EXCUSED, now);
	return ledger_leave(ledger, own, code);
}

int ledger_closed(struct ledger *ledger, const struct identifier *program)
{
	struct ledger_hold *found;
	int code = ledger_find_hold(ledger, program, &found);

	return code < 0 ? code : ledger_hold_closed(found);
}
