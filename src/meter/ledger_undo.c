/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction changes in memory, undone backwards when it is rolled back. */
#include "base/error.h"
#include "meter/ledger_internal.h"
#include <errno.h>
#include <stdlib.h>

enum { FIRST = 64, CHANGES = 1 << 20 };

enum kind { ACCOUNT, HOLD, NEW_HOLD, NEW_REFERENCE };

struct ledger_undo {
	enum kind kind;
	void *object;
	union {
		struct ledger_account_state account;
		struct ledger_hold_state hold;
	} before;
};

static int remember(struct ledger *ledger, struct ledger_undo undo)
{
	if (ledger->undo_count == 0) {
		ledger->first_account = ledger->next_account;
		ledger->first_transaction = ledger->next_transaction;
	}
	if (ledger->undo_count == ledger->undo_capacity) {
		size_t capacity = MAXIMUM(2 * ledger->undo_capacity, (size_t)FIRST);
		struct ledger_undo *larger;

		if (capacity > CHANGES)
			return BUSBAR_ERROR_TABLE_FULL;
		larger = realloc(ledger->undo, capacity * sizeof(*larger));
		if (larger == NULL)
			return -ENOMEM;
		ledger->undo = larger;
		ledger->undo_capacity = capacity;
	}
	ledger->undo[ledger->undo_count++] = undo;
	return 0;
}

int ledger_change_account(struct ledger *ledger, struct ledger_account *account)
{
	return remember(ledger, (struct ledger_undo){
	                                .kind = ACCOUNT,
	                                .object = account,
	                                .before.account = account->state,
	                        });
}

int ledger_change_hold(struct ledger *ledger, struct ledger_hold *hold)
{
	return remember(ledger, (struct ledger_undo){
	                                .kind = HOLD,
	                                .object = hold,
	                                .before.hold = hold->state,
	                        });
}

int ledger_add_hold(struct ledger *ledger, struct ledger_hold *hold)
{
	int code = remember(ledger, (struct ledger_undo){.kind = NEW_HOLD, .object = hold});

	if (code < 0)
		return code;
	code = ledger_put_hold(ledger, hold);
	if (code < 0)
		ledger->undo_count--;
	return code;
}

int ledger_add_reference(struct ledger *ledger, struct ledger_reference *reference)
{
	int code = remember(ledger, (struct ledger_undo){.kind = NEW_REFERENCE, .object = reference});

	if (code < 0)
		return code;
	code = hash_put(ledger->references, reference->digest, reference);
	if (code < 0)
		ledger->undo_count--;
	return code;
}

static void undo(struct ledger *ledger, const struct ledger_undo *change)
{
	struct ledger_reference *reference = change->object;

	switch (change->kind) {
	case ACCOUNT:
		((struct ledger_account *)change->object)->state = change->before.account;
		break;
	case HOLD:
		((struct ledger_hold *)change->object)->state = change->before.hold;
		break;
	case NEW_HOLD:
		ledger_drop_hold(ledger, change->object);
		break;
	case NEW_REFERENCE:
		(void)hash_remove(ledger->references, reference->digest);
		slab_release(ledger->reference_slab, reference);
		break;
	}
}

static void list_reference(struct ledger *ledger, struct ledger_reference *reference)
{
	*(ledger->newest_reference ? &ledger->newest_reference->next : &ledger->oldest_reference) = reference;
	ledger->newest_reference = reference;
}

/* It stands: what closed by it may be forgotten when its rows can be read. */
static void keep(struct ledger *ledger, const struct ledger_undo *change)
{
	uint64_t position = database_position(ledger->database);
	struct ledger_reference *reference = change->object;
	struct ledger_hold *hold = change->object;

	if (change->kind == NEW_REFERENCE) {
		reference->position = position;
		list_reference(ledger, reference);
	} else if (change->kind == HOLD || change->kind == NEW_HOLD) {
		hold->position = position;
		if (ledger_hold_closed(hold))
			ledger_list_closed(ledger, hold);
	}
}

static void forget_references(struct ledger *ledger)
{
	struct ledger_reference *reference;

	while ((reference = ledger->oldest_reference) != NULL &&
	       reference->position <= database_applied(ledger->database)) {
		ledger->oldest_reference = reference->next;
		if (reference->next == NULL)
			ledger->newest_reference = NULL;
		(void)hash_remove(ledger->references, reference->digest);
		slab_release(ledger->reference_slab, reference);
	}
}

void ledger_ended(void *context, bool committed)
{
	struct ledger *ledger = context;

	if (ledger->undo_count == 0)
		return;
	if (!committed) {
		ledger->next_account = ledger->first_account;
		ledger->next_transaction = ledger->first_transaction;
	}
	for (size_t i = 0; i < ledger->undo_count; i++) {
		if (committed)
			keep(ledger, &ledger->undo[i]);
		else
			undo(ledger, &ledger->undo[ledger->undo_count - 1 - i]);
	}
	ledger->undo_count = 0;
	if (committed) {
		forget_references(ledger);
		ledger_forget_closed(ledger);
	}
}

struct ledger_undo *ledger_free_undo(struct ledger_undo *changes)
{
	free(changes);
	return NULL;
}
