/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/owner.h"

#include "base/error.h"
#include "base/log.h"
#include "execute/owner_internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "owner"
#define PRUNE_EVERY (10 * CLOCK_SECOND)

enum {
	OWNER_PAST = 16,  /* as many ended programs per holding: of OWNER_PAST_TIME, at 40,000 a second */
	OWNER_DUE = 1024, /* most holdings looked at in one tick */
};

int64_t owner_wall(const struct owner *owner)
{
	return clock_wall(&owner->settings.clock);
}

int64_t owner_monotonic(const struct owner *owner)
{
	return clock_monotonic(&owner->settings.clock);
}

void owner_set_state(struct owner *owner, struct holding *holding, enum holding_state state,
                     const char *event)
{
	char text[IDENTIFIER_TEXT];
	uint32_t service = holding->service;

	log_info(TAG, "program=%s part=%u old=%s event=%s new=%s error=%d",
	         identifier_text(&holding->program, text), holding->part, holding_state_name(holding->state),
	         event, holding_state_name(state), holding->error);
	if (service < OWNER_SERVICES && state == HOLDING_RUNNING)
		owner->running[service]++;
	if (service < OWNER_SERVICES && holding->state == HOLDING_RUNNING)
		owner->running[service]--;
	if (state == HOLDING_ENDED && holding->state != HOLDING_ENDED)
		owner->live--;
	holding->state = state;
}

struct holding *owner_add(struct owner *owner, const struct program *program)
{
	struct holding *holding = slab_take(owner->slab);

	if (holding == NULL)
		return NULL;
	holding->program = program->identifier;
	holding->ingress = program->ingress;
	holding->part = program->part;
	holding->valid = program->expires;
	holding->service = OWNER_SERVICES;
	holding->repeat_at = OWNER_NEVER;
	holding->checkpoint_at = OWNER_NEVER;
	if (hash_put(owner->holdings, holding->program.octets, holding) < 0)
		goto fail;
	if (heap_push(owner->due, &holding->due, OWNER_NEVER) == 0)
		return holding;
	(void)hash_remove(owner->holdings, holding->program.octets);
fail:
	slab_release(owner->slab, holding);
	return NULL;
}

void owner_forget(struct owner *owner, struct holding *holding)
{
	(void)hash_remove(owner->holdings, holding->program.octets);
	heap_remove(owner->due, &holding->due);
	keep_drop(owner->keep, &holding->octets);
	keep_drop(owner->keep, &holding->payload);
	slab_release(owner->slab, holding);
}

static int64_t next_look(const struct owner *owner, const struct holding *holding)
{
	int64_t now = owner_monotonic(owner);
	int64_t expiry = now + MAXIMUM(holding->expires - owner_wall(owner), (int64_t)0);

	if (holding->refused)
		return expiry + 1;
	/* A path that is kept for the output is kept no longer than it was reserved for. */
	if (holding->state == HOLDING_ENDED && holding->attached)
		return MINIMUM(expiry, holding->repeat_at);
	if (holding->state == HOLDING_ENDED || holding->ended != 0)
		return holding->repeat_at;
	/* An expired run is told to end again and again. */
	if (holding->repeat_at != OWNER_NEVER)
		expiry = MAXIMUM(expiry, holding->repeat_at);
	return MINIMUM(expiry, holding->checkpoint_at);
}

void owner_schedule(struct owner *owner, struct holding *holding)
{
	heap_update(owner->due, &holding->due, next_look(owner, holding));
}

/* Answers. */

static void send_answer(struct owner *owner, const struct holding *holding, struct answer *answer)
{
	answer->program = holding->program;
	answer->sender = owner->settings.identity;
	if (holding->arrived != 0)
		answer->processing = owner_monotonic(owner) - holding->arrived;
	owner->ports.answer(owner->ports.context, answer, &holding->way);
}

void owner_answer(struct owner *owner, const struct holding *holding, enum answer_type type)
{
	struct answer answer;

	answer.type = type;
	answer.processing = 0;
	send_answer(owner, holding, &answer);
}

void owner_answer_grant(struct owner *owner, const struct holding *holding, const struct program *program)
{
	struct answer answer;

	answer.type = ANSWER_GRANTED;
	answer.processing = 0;
	answer.valid = program->expires;
	send_answer(owner, holding, &answer);
}

void owner_answer_refusal(struct owner *owner, const struct holding *holding,
                          const struct book_refusal *refusal)
{
	struct answer answer = {.type = ANSWER_REFUSED};
	char text[IDENTIFIER_TEXT];

	answer.refusal.error = refusal->error;
	answer.refusal.resource = refusal->resource;
	answer.refusal.toward = refusal->toward;
	answer.refusal.have = refusal->have;
	answer.refusal.need = refusal->need;
	answer.refusal.price = refusal->price;
	owner->refusals[error_index(refusal->error)]++;
	log_info(TAG, "program=%s event=refused error=%d cause=\"%s\" have=%lld need=%lld",
	         identifier_text(&holding->program, text), refusal->error, error_text(refusal->error),
	         (long long)refusal->have, (long long)refusal->need);
	send_answer(owner, holding, &answer);
}

void owner_answer_receipt(struct owner *owner, const struct holding *holding)
{
	struct answer answer = {.type = ANSWER_RECEIPT};

	if (usage_get(owner->rooms.usage, &holding->program, &answer.receipt) < 0)
		return;
	send_answer(owner, holding, &answer);
}

/* Octets of a small output from the store; false when it is too large to go inline. */
static bool inline_output(struct owner *owner, const struct holding *holding, struct answer_result *result)
{
	uint64_t size;
	ssize_t got;
	int descriptor;

	if (holding->output_size == 0 || holding->output_size > ANSWER_OUTPUT)
		return false;
	descriptor = store_read(owner->rooms.store, holding->output_digest, &size);
	if (descriptor < 0)
		return false;
	got = read(descriptor, result->output, sizeof(result->output));
	close(descriptor);
	if (got < 0 || (uint64_t)got != holding->output_size)
		return false;
	result->inline_size = (uint32_t)got;
	return true;
}

void owner_answer_result(struct owner *owner, const struct holding *holding)
{
	struct answer answer = {.type = ANSWER_RESULT};

	answer.result.error = holding->error;
	answer.result.exit_status = holding->exit_status;
	answer.result.size = holding->output_size;
	memcpy(answer.result.digest, holding->output_digest, sizeof(answer.result.digest));
	answer.result.run_wall = holding->usage.wall;
	(void)inline_output(owner, holding, &answer.result);
	send_answer(owner, holding, &answer);
}

/* The receipt's mark and what is still due, in one transaction. */
static int write_acknowledged(struct owner *owner, const struct holding *holding, enum answer_type what)
{
	struct database *database = owner->rooms.database;
	int code = database_begin(database);

	if (code < 0)
		return code;
	if (what == ANSWER_RECEIPT)
		code = usage_acknowledge(owner->rooms.usage, &holding->program);
	if (code >= 0)
		code = holding_write_due(database, holding);
	if (code >= 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	return code;
}

void owner_acknowledged(struct owner *owner, const struct identifier *program, enum answer_type what)
{
	struct holding *holding = hash_get(owner->holdings, program->octets);
	bool result_due, receipt_due;

	if (holding == NULL || holding->state != HOLDING_ENDED || holding->refused)
		return;
	result_due = holding->result_due;
	receipt_due = holding->receipt_due;
	holding->result_due = result_due && what != ANSWER_RESULT;
	holding->receipt_due = receipt_due && what != ANSWER_RECEIPT;
	if (write_acknowledged(owner, holding, what) < 0) {
		/* Repeated, and so acknowledged once more. */
		holding->result_due = result_due;
		holding->receipt_due = receipt_due;
		return;
	}
	if (holding->attached && !holding->result_due)
		owner_let_go(owner, holding);
	if (!holding->result_due && !holding->receipt_due)
		owner_retire(owner, holding);
}

/* Life of the owner. */

int owner_create(const struct owner_settings *settings, const struct owner_rooms *rooms,
                 const struct owner_ports *ports, struct owner **ret_owner)
{
	size_t maximum = 2 * (size_t)(settings->holdings == 0 ? OWNER_HOLDINGS : settings->holdings);
	struct owner *owner = calloc(1, sizeof(*owner));
	int code = -ENOMEM;

	if (owner == NULL)
		return code;
	owner->settings = *settings;
	if (settings->holdings == 0)
		owner->settings.holdings = OWNER_HOLDINGS;
	owner->rooms = *rooms;
	owner->ports = *ports;
	/* Refusals have as much room as what is held. */
	owner->slab = slab_create(sizeof(struct holding), maximum);
	owner->keep = keep_create(maximum);
	owner->holdings = hash_create(sizeof(struct identifier), maximum, settings->seed);
	owner->due = heap_create(NULL, maximum);
	owner->past = past_create(OWNER_PAST * owner->settings.holdings, settings->seed);
	owner->starts = outbox_create(owner_staged, owner, maximum, maximum * sizeof(struct identifier));
	if (owner->starts == NULL || owner->slab == NULL || owner->keep == NULL || owner->holdings == NULL ||
	    owner->due == NULL || owner->past == NULL)
		goto fail;
	code = holding_create_table(rooms->database);
	if (code == 0)
		code = refused_open(rooms->database, &owner->refused);
	if (code == 0)
		code = owner_take_up(owner);
	if (code < 0)
		goto fail;
	*ret_owner = owner;
	return 0;
fail:
	(void)owner_free(owner);
	return code;
}

struct owner *owner_free(struct owner *owner)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (owner == NULL)
		return NULL;
	while (owner->holdings != NULL && hash_next(owner->holdings, &position, &key, &value))
		owner_forget(owner, value);
	past_free(owner->past);
	outbox_free(owner->starts);
	heap_free(owner->due);
	hash_free(owner->holdings);
	keep_free(owner->keep);
	slab_free(owner->slab);
	free(owner);
	return NULL;
}

static void prune(struct owner *owner, int64_t now)
{
	if (now - owner->pruned < PRUNE_EVERY)
		return;
	owner->pruned = now;
	if (holding_prune(owner->rooms.database, owner_wall(owner) - OWNER_PAST_TIME) < 0)
		log_warning(TAG, "event=not-pruned cause=\"%s\"", database_problem(owner->rooms.database));
}

int64_t owner_tick(struct owner *owner)
{
	int64_t now = owner_monotonic(owner);

	prune(owner, now);
	for (unsigned looked_at = 0;; looked_at++) {
		struct heap_node *first = heap_peek(owner->due);

		if (first == NULL || heap_least(owner->due) > now || looked_at == OWNER_DUE)
			return MINIMUM(heap_least(owner->due), owner->pruned + PRUNE_EVERY);
		owner_tend(owner, CONTAINER_OF(first, struct holding, due));
	}
}

size_t owner_holding_count(const struct owner *owner)
{
	return owner->live;
}

size_t owner_bytes(const struct owner *owner)
{
	return slab_bytes(owner->slab) + keep_bytes(owner->keep) + hash_bytes(owner->holdings) +
	       past_bytes(owner->past);
}

uint32_t owner_running(const struct owner *owner, uint32_t service)
{
	return service < OWNER_SERVICES ? owner->running[service] : 0;
}

const uint64_t *owner_refusals(const struct owner *owner)
{
	return owner->refusals;
}
