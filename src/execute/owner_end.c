/* SPDX-License-Identifier: Apache-2.0 */
/* How holdings end: release, expiry, the end of a run; the receipt, and repetition until it is acknowledged.
 */
#include "base/error.h"
#include "base/log.h"
#include "execute/owner_internal.h"

#define TAG "owner"

/*
 * Nothing is billed for a run that never began, nor for what was only held and ended otherwise than by a
 * release before anybody confirmed it.
 */
static bool is_void(const struct holding *holding)
{
	bool used = holding->executes ? holding->started != 0 : holding->confirmed;

	return holding->voided || (holding->error < 0 && !used);
}

static int write_receipt(struct owner *owner, const struct holding *holding, const struct receipt *receipt)
{
	struct database *database = owner->rooms.database;
	const uint8_t nowhere[1][16] = {{0}};
	/* A program that never came has no row yet. */
	int code = holding->written ? 0 : holding_insert(database, holding, 0, nowhere);

	if (code >= 0)
		code = holding->written ? usage_put_first(owner->rooms.usage, receipt)
		                        : usage_put(owner->rooms.usage, receipt);
	if (code == BUSBAR_ERROR_DUPLICATE)
		code = 0;
	return code < 0 ? code : holding_write_end(database, holding);
}

/* Receipt and end in one transaction: afterwards there is exactly one receipt, whatever happens. */
static int write_end(struct owner *owner, struct holding *holding)
{
	struct database *database = owner->rooms.database;
	struct program program;
	struct receipt receipt;
	int code = holding_program(holding, &program);

	if (code == 0)
		code = holding_receipt(holding, &program, owner->settings.identity, is_void(holding),
		                       &receipt);
	if (code == 0)
		code = database_begin(database);
	if (code < 0)
		return code;
	code = write_receipt(owner, holding, &receipt);
	if (code >= 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	else
		holding->written = true;
	return code;
}

bool owner_has_output(const struct holding *holding)
{
	return holding->executes && holding->error == 0 && holding->output_size > ANSWER_OUTPUT;
}

static void deliver(struct owner *owner, struct holding *holding)
{
	struct owner_transfer transfer;
	struct program program;
	int code = holding_program(holding, &program);

	holding->delivering = true;
	if (code < 0) {
		owner_delivered(owner, &holding->program, code);
		return;
	}
	owner_find_transfer(owner, holding, &program, &transfer);
	owner->ports.deliver(owner->ports.context, &holding->program, holding->output_digest, &transfer);
}

/* The result goes by datagram when it is small; else the octets go first. */
static void hand_over(struct owner *owner, struct holding *holding)
{
	if (owner_has_output(holding))
		deliver(owner, holding);
	else
		owner_answer_result(owner, holding);
}

void owner_let_go(struct owner *owner, struct holding *holding)
{
	(void)book_release(owner->rooms.book, &holding->program, NULL);
	owner_detach(owner, holding);
	owner->ports.changed(owner->ports.context);
}

/* What is reserved here stays for the output, which has a flow; what was claimed is free. */
static void keep_path(struct owner *owner, struct holding *holding)
{
	struct book *book = owner->rooms.book;
	struct book_holding held;
	int code = book_release(book, &holding->program, &held);

	if (code == 0) {
		held.claimed = false;
		code = book_restore(book, &held);
	}
	owner->ports.changed(owner->ports.context);
	if (code < 0)
		owner_let_go(owner, holding);
}

void owner_finish(struct owner *owner, struct holding *holding, const char *event)
{
	int code = write_end(owner, holding);

	holding->repeat_after = OWNER_REPEAT_FIRST;
	holding->repeat_at = owner_monotonic(owner) + holding->repeat_after;
	holding->checkpoint_at = OWNER_NEVER;
	if (code < 0) {
		log_error(TAG, "event=end-not-saved cause=\"%s\"", error_text(code));
		owner_schedule(owner, holding); /* owner_tend() tries again */
		return;
	}
	holding->receipt_due = true;
	holding->result_due = holding->executes;
	owner_set_state(owner, holding, HOLDING_ENDED, event);
	owner_schedule(owner, holding);
	if (holding->attached && owner_has_output(holding))
		keep_path(owner, holding);
	else
		owner_let_go(owner, holding);
	holding->arrived = 0;
	owner_answer_receipt(owner, holding);
	if (holding->executes)
		hand_over(owner, holding);
}

void owner_delivered(struct owner *owner, const struct identifier *program, int error)
{
	struct holding *holding = hash_get(owner->holdings, program->octets);

	if (holding == NULL || !holding->delivering)
		return;
	holding->delivering = false;
	if (error < 0) { /* tried again */
		log_notice(TAG, "event=not-delivered cause=\"%s\"", error_text(error));
		return;
	}
	if (holding->attached)
		owner_let_go(owner, holding);
	owner_answer_result(owner, holding);
}

void owner_release(struct owner *owner, struct holding *holding, int error)
{
	switch (holding->state) {
	case HOLDING_HELD:
	case HOLDING_STAGING:
		holding->voided = error < 0;
		holding->error = error < 0 ? error : holding->executes ? BUSBAR_ERROR_CANCELLED : 0;
		holding->ended = MINIMUM(owner_wall(owner), holding->expires);
		owner_finish(owner, holding, "released");
		break;
	case HOLDING_RUNNING:
		holding->voided = error < 0;
		if (driver_cancel(owner->rooms.driver, &holding->program) < 0)
			log_debug(TAG, "event=cancel-late");
		break;
	case HOLDING_ENDED:
		if (holding->attached) /* nobody waits for the output any more */
			owner_let_go(owner, holding);
		owner_answer_receipt(owner, holding);
		break;
	case HOLDING_STATES:
		break;
	}
}

void owner_retire(struct owner *owner, struct holding *holding)
{
	int64_t now = owner_wall(owner);

	if (past_put(owner->past, &holding->program, now + OWNER_PAST_TIME, now) == 0) {
		owner_forget(owner, holding);
		return;
	}
	holding->repeat_at = owner_monotonic(owner) + CLOCK_SECOND;
	owner_schedule(owner, holding);
}

static void expire(struct owner *owner, struct holding *holding)
{
	if (holding->state == HOLDING_RUNNING) {
		holding->error = BUSBAR_ERROR_TIME_LIMIT;
		holding->repeat_at = owner_monotonic(owner) + CLOCK_SECOND;
		owner_schedule(owner, holding);
		if (driver_cancel(owner->rooms.driver, &holding->program) < 0)
			log_debug(TAG, "event=cancel-late");
		return;
	}
	holding->error = BUSBAR_ERROR_EXPIRED;
	holding->ended = holding->expires;
	owner_finish(owner, holding, "expired");
}

static void checkpoint(struct owner *owner, struct holding *holding, int64_t now)
{
	holding->checkpoint_at = now + OWNER_CHECKPOINT;
	owner_schedule(owner, holding);
	if (driver_measure(owner->rooms.driver, &holding->program, &holding->usage) == 0 &&
	    holding_write_run(owner->rooms.database, holding) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(owner->rooms.database));
}

static void repeat(struct owner *owner, struct holding *holding, int64_t now)
{
	bool behind = owner->ports.behind != NULL && owner->ports.behind(owner->ports.context);

	holding->repeat_after = MINIMUM(holding->repeat_after * 2, OWNER_REPEAT_MOST);
	holding->repeat_at = now + holding->repeat_after;
	owner_schedule(owner, holding);
	if (behind)
		return;
	holding->arrived = 0;
	if (holding->receipt_due)
		owner_answer_receipt(owner, holding);
	if (holding->result_due && !holding->delivering)
		hand_over(owner, holding);
}

static void tend_ended(struct owner *owner, struct holding *holding)
{
	int64_t now = owner_monotonic(owner);

	if (holding->attached && owner_wall(owner) >= holding->expires)
		owner_let_go(owner, holding);
	if (!holding->receipt_due && !holding->result_due)
		owner_retire(owner, holding);
	else if (now >= holding->repeat_at)
		repeat(owner, holding, now);
	else
		owner_schedule(owner, holding);
}

void owner_tend(struct owner *owner, struct holding *holding)
{
	int64_t now = owner_monotonic(owner);

	if (holding->refused && owner_wall(owner) > holding->expires)
		owner_forget(owner, holding);
	else if (holding->refused)
		owner_schedule(owner, holding);
	else if (holding->state == HOLDING_ENDED)
		tend_ended(owner, holding);
	else if (holding->ended != 0)
		owner_finish(owner, holding, "end-repeated"); /* it could not be written before */
	else if (owner_wall(owner) >= holding->expires)
		expire(owner, holding);
	else if (holding->state == HOLDING_RUNNING && now >= holding->checkpoint_at)
		checkpoint(owner, holding, now);
	else
		owner_schedule(owner, holding);
}
