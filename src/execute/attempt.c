/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one program at its ingress: sent, accepted, answered, released, settled. */
#include "base/error.h"
#include "base/log.h"
#include "compile/compile.h"
#include "execute/task_internal.h"
#include "wire/packet.h"
#include <string.h>

#define TAG "attempt"

#define REPEAT_FIRST (100 * CLOCK_MILLISECOND)
#define REPEAT_MOST (2 * CLOCK_SECOND)
#define REPEAT_ACCEPTED CLOCK_SECOND
#define RELEASE_FIRST (300 * CLOCK_MILLISECOND)
/* A silent owner that cannot have granted anything is given up this long after the program expired. */
#define EXCUSE_AFTER (2 * CLOCK_SECOND)
/* What a site has on top of its claim's time to say how a run ended. */
#define RESULT_GRACE (10 * CLOCK_SECOND)
#define SUSPECT_REFUSED CLOCK_SECOND
#define SUSPECT_SILENT (10 * CLOCK_SECOND)
#define RELEASE_VALID (10 * CLOCK_SECOND)
#define NEVER INT64_MAX

static const char *const state_names[ATTEMPT_STATES] = {"sending", "running", "releasing", "closed"};

static void set_state(struct attempt *attempt, enum attempt_state state, const char *event)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "program=%s part=%u attempt=%u old=%s event=%s new=%s",
	         identifier_text(&attempt->program.identifier, text), attempt->part + 1, attempt->number,
	         state_names[attempt->state], event, state_names[state]);
	attempt->state = state;
}

static void save(struct tasks *tasks, const struct attempt *attempt)
{
	if (task_journal_save_attempt(tasks->rooms.database, attempt) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

/* Owners are those of instructions, each once, in the order of travel. */
static void list_owners(struct attempt *attempt)
{
	for (uint32_t i = 0; i < attempt->program.instruction_count; i++) {
		const struct instruction *instruction = &attempt->program.instructions[i];
		uint32_t count = attempt->owner_count;

		if (instruction->operation == OPERATION_FORWARD || count == LEDGER_OWNERS ||
		    (count > 0 && gateway_equal(attempt->owners[count - 1].identity, instruction->at)))
			continue;
		attempt->owners[attempt->owner_count++].identity = instruction->at;
	}
}

struct attempt *attempt_add(struct tasks *tasks, struct task *task, uint32_t part, uint32_t number,
                            const struct program *program)
{
	struct attempt *attempt = slab_take(tasks->attempt_slab);

	if (attempt == NULL)
		return NULL;
	attempt->task = task;
	attempt->part = part;
	attempt->deadline = task_monotonic(tasks) + program->expires - task_wall(tasks);
	attempt->number = number;
	attempt->program = *program;
	list_owners(attempt);
	if (hash_put(tasks->by_program, program->identifier.octets, attempt) < 0) {
		slab_release(tasks->attempt_slab, attempt);
		return NULL;
	}
	task->parts[part].current = attempt;
	task->open++;
	return attempt;
}

void attempt_forget(struct tasks *tasks, struct attempt *attempt)
{
	struct part *part = &attempt->task->parts[attempt->part];

	(void)hash_remove(tasks->by_program, attempt->program.identifier.octets);
	if (part->current == attempt)
		part->current = NULL;
	attempt->task->open--;
	slab_release(tasks->attempt_slab, attempt);
}

static struct attempt_owner *find_owner(struct attempt *attempt, struct gateway_identity identity)
{
	for (uint32_t i = 0; i < attempt->owner_count; i++)
		if (gateway_equal(attempt->owners[i].identity, identity))
			return &attempt->owners[i];
	return NULL;
}

static const struct instruction *find_instruction(const struct attempt *attempt, enum operation operation)
{
	for (uint32_t i = 0; i < attempt->program.instruction_count; i++)
		if (attempt->program.instructions[i].operation == operation)
			return &attempt->program.instructions[i];
	return NULL;
}

static bool is_site(const struct attempt *attempt, struct gateway_identity identity)
{
	const struct instruction *execute = find_instruction(attempt, OPERATION_EXECUTE);

	return execute != NULL && gateway_equal(execute->at, identity);
}

/* Assembles and hands a program packet to the network. */
static int transmit(struct tasks *tasks, const struct program *program, const void *payload,
                    size_t payload_size)
{
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	uint8_t packet[PACKET_MAXIMUM];
	int size = compile_segments(program, tasks->rooms.view, segments);

	if (size < 0)
		return size;
	size = packet_encode(program, (const uint8_t(*)[16])segments, tasks->settings.address,
	                     seal_first(tasks->rooms.ring), payload, payload_size, packet, sizeof(packet));
	if (size < 0)
		return size;
	tasks->ports.send(tasks->ports.context, packet, (size_t)size);
	return 0;
}

void attempt_send(struct tasks *tasks, struct attempt *attempt)
{
	const struct instruction *execute = find_instruction(attempt, OPERATION_EXECUTE);
	const struct demand *demand = &attempt->task->demand;
	bool inlined = execute != NULL && execute->execute.inlined;
	int64_t now = task_monotonic(tasks);
	int code;

	attempt->resent = attempt->sent != 0;
	attempt->sent = now;
	attempt->repeat_after =
	        attempt->repeat_after == 0 ? REPEAT_FIRST : MINIMUM(attempt->repeat_after * 2, REPEAT_MOST);
	attempt->repeat_at = now + attempt->repeat_after;
	code = transmit(tasks, &attempt->program, inlined ? demand->input : NULL,
	                inlined ? demand->input_size : 0);
	if (code < 0)
		log_notice(TAG, "event=not-sent cause=\"%s\"", error_text(code));
}

/* Asks one owner to let go. */
static void send_release(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner)
{
	struct program release;
	int code;

	compile_release(&attempt->program, owner, attempt->release, task_wall(tasks) + RELEASE_VALID,
	                &release);
	code = transmit(tasks, &release, NULL, 0);
	if (code < 0)
		log_notice(TAG, "event=release-not-sent cause=\"%s\"", error_text(code));
}

static bool all_settled(const struct attempt *attempt)
{
	for (uint32_t i = 0; i < attempt->owner_count; i++)
		if (!attempt->owners[i].settled)
			return false;
	return true;
}

/* Closes the attempt when every owner's receipt is in, and forgets it. True when it is gone. */
static bool close_when_settled(struct tasks *tasks, struct attempt *attempt)
{
	struct task *task = attempt->task;

	if (attempt->state != ATTEMPT_RELEASING || !all_settled(attempt))
		return false;
	set_state(attempt, ATTEMPT_CLOSED, "settled");
	save(tasks, attempt);
	attempt_forget(tasks, attempt);
	task_review(tasks, task);
	return true;
}

static int excuse(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner)
{
	int code = ledger_excuse(tasks->rooms.ledger, &attempt->program.identifier, owner->identity,
	                         task_wall(tasks));

	if (code < 0)
		return code;
	owner->settled = true;
	return 0;
}

void attempt_release(struct tasks *tasks, struct attempt *attempt, int32_t release, const char *event)
{
	if (attempt->state == ATTEMPT_RELEASING)
		return;
	attempt->release = release;
	attempt->repeat_after = RELEASE_FIRST;
	attempt->repeat_at = task_monotonic(tasks) + attempt->repeat_after;
	set_state(attempt, ATTEMPT_RELEASING, event);
	save(tasks, attempt);
	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		/* A site whose run has ended sends its receipt by itself. */
		bool ended = is_site(attempt, attempt->owners[i].identity) &&
		             attempt->task->parts[attempt->part].state == TASK_DONE;

		if (!attempt->owners[i].settled && !ended)
			send_release(tasks, attempt, attempt->owners[i].identity);
	}
}

/* What a journalled attempt goes on with after a restart. */
void attempt_resume(struct tasks *tasks, struct attempt *attempt)
{
	const struct instruction *claim = find_instruction(attempt, OPERATION_CLAIM);
	int64_t now = task_monotonic(tasks);

	attempt->repeat_at = now;
	attempt->resent = true;
	if (attempt->state == ATTEMPT_RUNNING)
		attempt->deadline = now + (claim == NULL ? 0 : claim->claim.time) + RESULT_GRACE;
	else
		attempt->deadline = now + attempt->program.expires - task_wall(tasks);
	if (attempt->state == ATTEMPT_RELEASING && attempt->task->parts[attempt->part].current == attempt &&
	    attempt->task->parts[attempt->part].state < TASK_DONE)
		attempt->task->parts[attempt->part].current = NULL;
}

/* The most that can be free where `amount` more has this price. */
static uint64_t free_at_price(struct resource_offer offer, uint64_t amount, money price)
{
	uint64_t low = 0, high = offer.free;

	while (low < high) {
		offer.free = high - (high - low) / 2;
		if (resource_price(&offer, amount) >= price)
			low = offer.free;
		else
			high = offer.free - 1;
	}
	return low;
}

/* What the view says of what was refused, and how much of it the program asked for. False: unknown. */
static bool find_refused(const struct tasks *tasks, const struct attempt *attempt,
                         struct gateway_identity owner, const struct answer_refusal *refusal,
                         struct resource_offer *ret_offer, uint64_t *ret_amount)
{
	const struct site *site = view_site(tasks->rooms.view, owner);
	const struct resource_offer *offer = site == NULL ? NULL : site_resource(site, refusal->resource);
	const struct instruction *claim = find_instruction(attempt, OPERATION_CLAIM);

	for (uint32_t i = 0; offer != NULL && claim != NULL && i < claim->claim.resource_count; i++) {
		if (claim->claim.resources[i].kind != refusal->resource)
			continue;
		*ret_offer = *offer;
		*ret_amount = claim->claim.resources[i].amount;
		return true;
	}
	return false;
}

/*
 * Moves the view's copy of the owner's free amount to what the refusal says: then the next plan sees it as
 * it is. False when nothing can be learned.
 */
static bool learn_free(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner,
                       const struct answer_refusal *refusal)
{
	int64_t now = task_wall(tasks);
	struct resource_offer offer;
	uint64_t amount, free;

	if (!gateway_is_none(refusal->toward) || refusal->price <= 0 || refusal->have < 0 ||
	    !find_refused(tasks, attempt, owner, refusal, &offer, &amount))
		return false;
	if (refusal->error == BUSBAR_ERROR_NO_CAPACITY)
		free = (uint64_t)refusal->have;
	else if (refusal->error == BUSBAR_ERROR_PRICE_ROSE)
		free = free_at_price(offer, amount, refusal->price);
	else
		return false;
	return free >= offer.free || view_reserve(tasks->rooms.view, owner, refusal->resource,
	                                          offer.free - free, now, now + SUSPECT_REFUSED) == 0;
}

/* What a refusal says of its owner. One that says nothing makes the owner avoided for a while. */
static void learn(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner,
                  const struct answer_refusal *refusal)
{
	if (learn_free(tasks, attempt, owner, refusal))
		return;
	if (view_suspect(tasks->rooms.view, owner, refusal->error, task_wall(tasks) + SUSPECT_REFUSED) < 0)
		log_debug(TAG, "event=not-suspected");
}

static void fail_part(struct tasks *tasks, struct attempt *attempt, int code, const char *event)
{
	struct task *task = attempt->task;
	uint32_t part = attempt->part;

	task->parts[part].code = code;
	task_set_part_state(tasks, task, part, code == BUSBAR_ERROR_CANCELLED ? TASK_CANCELLED : TASK_FAILED,
	                    event);
	attempt_release(tasks, attempt, 0, event);
	task_review(tasks, task);
}

/* Plans the part again and begins the next attempt, in one transaction. */
static int try_next(struct tasks *tasks, struct task *task, uint32_t part)
{
	struct database *database = tasks->rooms.database;
	struct demand demand;
	struct task_request request = {.demand = &demand,
	                               .tenant = task->tenant,
	                               .spot = task->spot,
	                               .access_up = task->access_up,
	                               .access_down = task->access_down};
	struct plan plan;
	int code;

	if (task->parts[part].attempts >= TASK_ATTEMPTS)
		return BUSBAR_ERROR_REFUSED;
	task_part_demand(task, &demand);
	code = task_quote(tasks, &request, tasks->arena, &plan);
	if (code == 0)
		code = plan.status;
	if (code == 0)
		code = database_begin(database);
	if (code < 0)
		goto out;
	code = task_begin_attempt(tasks, task, part, &plan, &plan.parts[0]);
	if (code == 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	else
		attempt_send(tasks, task->parts[part].current);
out:
	arena_reset(tasks->arena);
	return code;
}

/* Gives an attempt up for `error` and tries the next candidate; the part fails when there is none. */
static void crank_back(struct tasks *tasks, struct attempt *attempt, int error)
{
	struct task *task = attempt->task;
	uint32_t part = attempt->part;
	int code;

	attempt_release(tasks, attempt, error, "crank-back");
	code = try_next(tasks, task, part);
	if (code < 0) {
		/* The owner's own reason says more than "nothing is left". */
		task->parts[part].code = error;
		task_set_part_state(tasks, task, part, TASK_FAILED, "no-candidate");
		task_review(tasks, task);
	}
	(void)close_when_settled(tasks, attempt);
}

static void on_refused(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                       const struct answer *answer)
{
	char text[GATEWAY_TEXT];

	if (attempt->state == ATTEMPT_RELEASING)
		return;
	if (attempt->state == ATTEMPT_RUNNING && answer->refusal.error != BUSBAR_ERROR_EXPIRED)
		return;
	log_info(TAG, "event=refused owner=%s cause=\"%s\" have=%lld need=%lld",
	         gateway_text(owner->identity, text), error_text(answer->refusal.error),
	         (long long)answer->refusal.have, (long long)answer->refusal.need);
	if (!owner->granted && excuse(tasks, attempt, owner) < 0)
		return;
	if (attempt->state == ATTEMPT_RUNNING) { /* it knows nothing of what it had accepted */
		fail_part(tasks, attempt, BUSBAR_ERROR_LOST, "lost");
		return;
	}
	view_unreserve(tasks->rooms.view, attempt->decided);
	learn(tasks, attempt, owner->identity, &answer->refusal);
	crank_back(tasks, attempt, answer->refusal.error);
}

/* The program reached its last owner, and so every owner before it; what they answered may be lost. */
static void grant_all(struct attempt *attempt)
{
	for (uint32_t i = 0; i < attempt->owner_count; i++)
		attempt->owners[i].granted = true;
}

static void on_accepted(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                        const struct answer *answer)
{
	const struct instruction *claim = find_instruction(attempt, OPERATION_CLAIM);
	struct task *task = attempt->task;
	struct part *part = &task->parts[attempt->part];
	int64_t now = task_monotonic(tasks);
	int64_t network = now - attempt->sent - answer->processing;

	grant_all(attempt);
	if (attempt->state != ATTEMPT_SENDING) {
		if (attempt->state == ATTEMPT_RUNNING && answer->type == ANSWER_RUNNING &&
		    part->state == TASK_GRANTED)
			task_set_part_state(tasks, task, attempt->part, TASK_RUNNING, "running");
		task_review(tasks, task);
		return;
	}
	/* A retransmission makes it unknown which packet was answered. */
	if (!attempt->resent && answer->type == ANSWER_ACCEPTED && network > 0)
		part->network = network + task->access_up + task->access_down;
	attempt->deadline = now + (claim == NULL ? 0 : claim->claim.time) + RESULT_GRACE;
	attempt->repeat_at = now + REPEAT_ACCEPTED;
	attempt->repeat_after = REPEAT_ACCEPTED;
	set_state(attempt, ATTEMPT_RUNNING, "accepted");
	save(tasks, attempt);
	task_set_part_state(tasks, task, attempt->part, TASK_GRANTED, "accepted");
	task_review(tasks, task);
}

/* The output must be here before the result is believed and acknowledged. */
static int take_output(struct tasks *tasks, struct part *part, const struct answer_result *result)
{
	uint8_t digest[STORE_DIGEST];
	int code = 0;

	if (result->error == 0 && (result->inline_size > 0 || result->size == 0)) {
		code = store_put(tasks->rooms.store, result->output, result->inline_size, digest);
		if (code >= 0 && memcmp(digest, result->digest, sizeof(digest)) != 0)
			code = BUSBAR_ERROR_DIGEST;
	} else if (result->error == 0 && !store_has(tasks->rooms.store, result->digest)) {
		code = BUSBAR_ERROR_NOT_FOUND;
	}
	if (code < 0)
		return code;
	part->size = result->size;
	memcpy(part->digest, result->digest, sizeof(part->digest));
	return 0;
}

static void on_result(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                      const struct answer *answer)
{
	struct task *task = attempt->task;
	struct part *part = &task->parts[attempt->part];
	int code;

	if (attempt->state != ATTEMPT_RELEASING) {
		code = take_output(tasks, part, &answer->result);
		if (code < 0) {
			log_notice(TAG, "event=result-incomplete cause=\"%s\"", error_text(code));
			return;
		}
		grant_all(attempt);
		part->exit_status = answer->result.exit_status;
		part->run_wall = answer->result.run_wall;
		part->code = answer->result.error;
		task_set_part_state(tasks, task, attempt->part,
		                    answer->result.error == 0 ? TASK_DONE : TASK_FAILED, "result");
		attempt_release(tasks, attempt, 0, "result");
		task_review(tasks, task);
	}
	tasks->ports.acknowledge(tasks->ports.context, answer->sender, &answer->program, ANSWER_RESULT);
	(void)close_when_settled(tasks, attempt); /* the receipts may have come first */
}

static void on_receipt(struct tasks *tasks, struct attempt *attempt, const struct answer *answer)
{
	struct attempt_owner *owner = attempt == NULL ? NULL : find_owner(attempt, answer->sender);
	int code = ledger_post(tasks->rooms.ledger, &answer->receipt, task_wall(tasks));

	/* An owner that was excused, or never asked, may say that it had nothing. */
	if (code == BUSBAR_ERROR_NOT_FOUND && answer->receipt.line_count == 0)
		code = 0;
	if (code < 0) {
		log_warning(TAG, "event=receipt-not-posted cause=\"%s\"", error_text(code));
		return;
	}
	if (owner != NULL && !owner->settled) {
		owner->settled = true;
		save(tasks, attempt);
	}
	tasks->ports.acknowledge(tasks->ports.context, answer->sender, &answer->program, ANSWER_RECEIPT);
	if (attempt != NULL)
		(void)close_when_settled(tasks, attempt);
}

void task_answer(struct tasks *tasks, const struct answer *answer)
{
	struct attempt *attempt = hash_get(tasks->by_program, answer->program.octets);
	struct attempt_owner *owner = attempt == NULL ? NULL : find_owner(attempt, answer->sender);

	if (answer->type == ANSWER_RECEIPT) {
		on_receipt(tasks, attempt, answer);
		return;
	}
	if (owner == NULL) {
		/* Settled long ago: the acknowledgement was lost. */
		if (answer->type == ANSWER_RESULT && attempt == NULL)
			tasks->ports.acknowledge(tasks->ports.context, answer->sender, &answer->program,
			                         ANSWER_RESULT);
		return;
	}
	switch (answer->type) {
	case ANSWER_GRANTED:
		owner->granted = true;
		break;
	case ANSWER_REFUSED:
		on_refused(tasks, attempt, owner, answer);
		break;
	case ANSWER_ACCEPTED:
	case ANSWER_RUNNING:
		on_accepted(tasks, attempt, owner, answer);
		break;
	case ANSWER_RESULT:
		on_result(tasks, attempt, owner, answer);
		break;
	case ANSWER_RECEIPT:
	case ANSWER_ACKNOWLEDGE:
	case ANSWER_FOLLOW:
	case ANSWER_RELAY:
	case ANSWER_TYPES:
		break;
	}
}

/* Nobody answered in time: the first owner that was not heard of is avoided. */
static void on_silence(struct tasks *tasks, struct attempt *attempt)
{
	char text[GATEWAY_TEXT];

	view_unreserve(tasks->rooms.view, attempt->decided);
	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		if (attempt->owners[i].granted)
			continue;
		log_notice(TAG, "event=silent owner=%s", gateway_text(attempt->owners[i].identity, text));
		if (view_suspect(tasks->rooms.view, attempt->owners[i].identity, BUSBAR_ERROR_NO_ANSWER,
		                 task_wall(tasks) + SUSPECT_SILENT) < 0)
			log_debug(TAG, "event=not-suspected");
		break;
	}
	crank_back(tasks, attempt, BUSBAR_ERROR_NO_ANSWER);
}

/* Releases again, and gives up on owners that cannot hold anything. */
static void repeat_release(struct tasks *tasks, struct attempt *attempt)
{
	bool expired = task_wall(tasks) > attempt->program.expires + EXCUSE_AFTER;

	attempt->repeat_after = MINIMUM(attempt->repeat_after * 2, REPEAT_MOST);
	attempt->repeat_at = task_monotonic(tasks) + attempt->repeat_after;
	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		struct attempt_owner *owner = &attempt->owners[i];

		if (owner->settled)
			continue;
		if (expired && !owner->granted && !is_site(attempt, owner->identity) &&
		    excuse(tasks, attempt, owner) == 0)
			continue;
		send_release(tasks, attempt, owner->identity);
	}
	(void)close_when_settled(tasks, attempt);
}

/* After this call the attempt may be gone. */
int64_t attempt_tend(struct tasks *tasks, struct attempt *attempt)
{
	int64_t now = task_monotonic(tasks);

	switch (attempt->state) {
	case ATTEMPT_SENDING:
		if (now >= attempt->deadline) {
			on_silence(tasks, attempt);
			return now;
		}
		break;
	case ATTEMPT_RUNNING:
		if (now >= attempt->deadline) {
			fail_part(tasks, attempt, BUSBAR_ERROR_LOST, "silent");
			return now;
		}
		break;
	case ATTEMPT_RELEASING:
		if (now < attempt->repeat_at)
			return attempt->repeat_at;
		repeat_release(tasks, attempt);
		return now + RELEASE_FIRST;
	case ATTEMPT_CLOSED:
	case ATTEMPT_STATES:
		return NEVER;
	}
	if (now >= attempt->repeat_at)
		attempt_send(tasks, attempt);
	return MINIMUM(attempt->repeat_at, attempt->deadline);
}
