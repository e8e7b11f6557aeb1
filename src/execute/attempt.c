/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one program at its ingress: sent, accepted, answered, released, settled. */
#include "base/error.h"
#include "base/log.h"
#include "compile/compile.h"
#include "execute/task_internal.h"
#include <string.h>

#define TAG "attempt"

#define REPEAT_FIRST (100 * CLOCK_MILLISECOND)
#define REPEAT_MOST (2 * CLOCK_SECOND)
#define REPEAT_ACCEPTED CLOCK_SECOND
/* Where an answer decides whether the part goes on at all. */
#define REPEAT_SILENT CLOCK_SECOND
/* No answer for so long says something about the owner. */
#define SILENCE CLOCK_SECOND
#define RELEASE_FIRST (300 * CLOCK_MILLISECOND)
/* A silent owner that cannot have granted anything is given up this long after the program expired. */
#define EXCUSE_AFTER (2 * CLOCK_SECOND)
/* What a site has on top of its claim's time to say how a run ended. */
#define RESULT_GRACE (10 * CLOCK_SECOND)
#define RELEASE_VALID (10 * CLOCK_SECOND)

static const char *const state_names[ATTEMPT_STATES] = {"sending", "running", "held", "releasing", "closed"};

void attempt_set_state(struct attempt *attempt, enum attempt_state state, const char *event)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "program=%s part=%u attempt=%u old=%s event=%s new=%s",
	         identifier_text(&attempt->program, text), attempt->part + 1, attempt->number,
	         state_names[attempt->state], event, state_names[state]);
	attempt->state = state;
}

void attempt_save(struct tasks *tasks, const struct attempt *attempt)
{
	if (task_journal_write_attempt(tasks->rooms.database, attempt) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

int attempt_program(const struct attempt *attempt, struct program *ret_program)
{
	return packet_decode_program(attempt->octets.octets, attempt->octets.size, ret_program);
}

/* Owners are those of instructions, each once, in the order of travel. */
static void read_program(struct attempt *attempt, const struct program *program)
{
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *instruction = &program->instructions[i];
		uint32_t count = attempt->owner_count;

		if (instruction->operation == OPERATION_CLAIM)
			attempt->limit = instruction->claim.time;
		if (instruction->operation == OPERATION_RESERVE && attempt->limit == 0)
			attempt->limit = instruction->reserve.time;
		if (instruction->operation == OPERATION_EXECUTE)
			attempt->executes = true;
		if (instruction->operation == OPERATION_FORWARD || count == LEDGER_OWNERS ||
		    (count > 0 && gateway_equal(attempt->owners[count - 1].identity, instruction->at)))
			continue;
		attempt->owners[attempt->owner_count++].identity = instruction->at;
	}
	if (attempt->owner_count > 0)
		attempt->site = attempt->owners[attempt->owner_count - 1].identity;
}

static int keep_program(struct tasks *tasks, struct attempt *attempt, const struct program *program)
{
	uint8_t octets[PACKET_MAXIMUM];
	int size = packet_encode_program(program, octets, sizeof(octets));

	return size < 0 ? size : keep_octets(tasks->keep, octets, (size_t)size, &attempt->octets);
}

/* Into both tables, or none. */
static int enter_tables(struct tasks *tasks, struct attempt *attempt)
{
	int code = hash_put(tasks->by_program, attempt->program.octets, attempt);

	if (code < 0)
		return code;
	code = heap_push(tasks->due, &attempt->due, INT64_MAX);
	if (code < 0)
		(void)hash_remove(tasks->by_program, attempt->program.octets);
	return code;
}

struct attempt *attempt_add(struct tasks *tasks, struct task *task, uint32_t part, uint32_t number,
                            const struct program *program)
{
	struct attempt *attempt = slab_take(tasks->attempt_slab);

	if (attempt == NULL)
		return NULL;
	attempt->task = task;
	attempt->part = part;
	attempt->number = number;
	attempt->program = program->identifier;
	attempt->expires = program->expires;
	attempt->deadline = task_monotonic(tasks) + program->expires - task_wall(tasks);
	attempt->repeat_at = INT64_MAX;
	read_program(attempt, program);
	if (keep_program(tasks, attempt, program) < 0 || enter_tables(tasks, attempt) < 0) {
		keep_drop(tasks->keep, &attempt->octets);
		slab_release(tasks->attempt_slab, attempt);
		return NULL;
	}
	task->open++;
	return attempt;
}

void attempt_forget(struct tasks *tasks, struct attempt *attempt)
{
	struct part *part = &attempt->task->parts[attempt->part];

	(void)hash_remove(tasks->by_program, attempt->program.octets);
	heap_remove(tasks->due, &attempt->due);
	keep_drop(tasks->keep, &attempt->octets);
	keep_drop(tasks->keep, &attempt->plan);
	if (part->current == attempt)
		part->current = NULL;
	if (part->moving == attempt)
		part->moving = NULL;
	attempt->task->open--;
	slab_release(tasks->attempt_slab, attempt);
}

static int64_t next_look(const struct tasks *tasks, const struct attempt *attempt)
{
	switch (attempt->state) {
	case ATTEMPT_SENDING:
	case ATTEMPT_RUNNING:
		return MINIMUM(attempt->repeat_at, attempt->deadline);
	case ATTEMPT_HELD:
		return attempt_held_due(tasks, attempt);
	case ATTEMPT_RELEASING:
	case ATTEMPT_CLOSED:
	case ATTEMPT_STATES:
		break;
	}
	return attempt->repeat_at;
}

void attempt_schedule(struct tasks *tasks, struct attempt *attempt)
{
	heap_update(tasks->due, &attempt->due, next_look(tasks, attempt));
}

struct attempt_owner *attempt_owner_of(struct attempt *attempt, struct gateway_identity identity)
{
	for (uint32_t i = 0; i < attempt->owner_count; i++)
		if (gateway_equal(attempt->owners[i].identity, identity))
			return &attempt->owners[i];
	return NULL;
}

static bool is_executor(const struct attempt *attempt, struct gateway_identity identity)
{
	return attempt->executes && gateway_equal(attempt->site, identity);
}

/* Sending. */

static void send_program(struct tasks *tasks, struct attempt *attempt)
{
	int64_t now = task_monotonic(tasks);
	int64_t most = attempt->state == ATTEMPT_SENDING && attempt->straight ? REPEAT_SILENT : REPEAT_MOST;

	attempt->resent = attempt->resent || attempt->sent != 0;
	attempt->sent = now;
	attempt->repeat_after =
	        attempt->repeat_after == 0 ? REPEAT_FIRST : MINIMUM(attempt->repeat_after * 2, most);
	attempt->repeat_at = now + attempt->repeat_after;
	attempt_schedule(tasks, attempt);
	attempt->straight = attempt->straight ||
	                    (attempt->state == ATTEMPT_RUNNING && task_wall(tasks) > attempt->expires);
	if (attempt_transmit_program(tasks, attempt) < 0)
		return;
	attempt->left = true;
	if (attempt->asked == 0)
		attempt->asked = now;
}

/*
 * What an owner is to let go for: an end that it may bill; or a failure, which is void. Who is not known to
 * have granted may be excused, and then could not be paid.
 */
static int32_t reason_for(const struct attempt *attempt, const struct attempt_owner *owner)
{
	if (attempt->release < 0 || owner->granted || is_executor(attempt, owner->identity))
		return attempt->release;
	return BUSBAR_ERROR_CANCELLED;
}

/* Asks one owner to let go. */
static void send_release(struct tasks *tasks, const struct attempt *attempt,
                         const struct attempt_owner *owner)
{
	const struct task *task = attempt->task;
	const struct program program = {.identifier = attempt->program,
	                                .ingress = tasks->settings.identity,
	                                .part = (uint16_t)(attempt->part + 1),
	                                .parts = (uint16_t)task->part_count};
	struct packet packet;

	compile_release(&program, owner->identity, reason_for(attempt, owner),
	                task_wall(tasks) + RELEASE_VALID, &packet.program);
	attempt_transmit(tasks, &packet, NULL, 0);
}

/* The end of an attempt. */

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
	attempt_set_state(attempt, ATTEMPT_CLOSED, "settled");
	attempt_save(tasks, attempt);
	attempt_forget(tasks, attempt);
	task_review(tasks, task);
	return true;
}

static bool excuse(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner)
{
	if (ledger_excuse(tasks->rooms.ledger, &attempt->program, owner->identity, task_wall(tasks)) < 0)
		return false;
	owner->settled = true;
	return true;
}

void attempt_release(struct tasks *tasks, struct attempt *attempt, int32_t release, const char *event)
{
	if (attempt->state == ATTEMPT_RELEASING)
		return;
	attempt->release = release;
	attempt->repeat_after = 0;
	attempt->repeat_at = task_monotonic(tasks);
	attempt_set_state(attempt, ATTEMPT_RELEASING, event);
	attempt_schedule(tasks, attempt);
	attempt_save(tasks, attempt);
}

/* Gives up on owners that cannot hold anything, and closes what is settled. True when the attempt is gone. */
static bool excuse_silent(struct tasks *tasks, struct attempt *attempt)
{
	bool patient = task_wall(tasks) <= attempt->expires + EXCUSE_AFTER;
	bool gone;

	if (patient && !all_settled(attempt))
		return false;
	task_enter(tasks);
	for (uint32_t i = 0; i < attempt->owner_count && !patient; i++) {
		struct attempt_owner *owner = &attempt->owners[i];

		if (!owner->settled && !owner->granted && !is_executor(attempt, owner->identity) &&
		    !excuse(tasks, attempt, owner))
			log_debug(TAG, "event=not-excused");
	}
	gone = close_when_settled(tasks, attempt);
	task_leave(tasks);
	return gone;
}

/* A site whose run has ended sends its receipt untold, and an owner whose hold is over when the reservation
 * is. */
static bool ends_untold(const struct attempt *attempt, const struct attempt_owner *owner)
{
	const struct part *part = &attempt->task->parts[attempt->part];

	return part->state == TASK_DONE &&
	       (is_executor(attempt, owner->identity) ||
	        (part->ends != 0 && owner->until < part->ends + RELEASE_FIRST / 2));
}

static void send_releases(struct tasks *tasks, struct attempt *attempt)
{
	bool first = attempt->repeat_after == 0;

	/* The first time it is asked to let go, an owner may well be about to answer. */
	if ((!first || all_settled(attempt)) && excuse_silent(tasks, attempt))
		return;
	attempt->repeat_after = first ? RELEASE_FIRST : MINIMUM(attempt->repeat_after * 2, REPEAT_MOST);
	attempt->repeat_at = task_monotonic(tasks) + attempt->repeat_after;
	attempt_schedule(tasks, attempt);
	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		const struct attempt_owner *owner = &attempt->owners[i];

		if (!owner->settled && !(first && ends_untold(attempt, owner)))
			send_release(tasks, attempt, owner);
	}
}

void attempt_resume(struct tasks *tasks, struct attempt *attempt)
{
	struct part *part = &attempt->task->parts[attempt->part];
	int64_t now = task_monotonic(tasks), wall = task_wall(tasks);

	attempt->repeat_at = now;
	attempt->resent = true;
	attempt->left = true; /* for all that is known */
	attempt->deadline = attempt->state == ATTEMPT_RUNNING ? now + attempt->limit + RESULT_GRACE
	                                                      : now + attempt->expires - wall;
	/* What an owner holds may be what was refreshed at the last moment. */
	for (uint32_t i = 0; attempt->state == ATTEMPT_HELD && i < attempt->owner_count; i++)
		attempt->owners[i].until = wall + PLAN_RESERVATION_LIFETIME;
	if (attempt->state == ATTEMPT_RELEASING && part->current == attempt && part->state < TASK_DONE)
		part->current = NULL;
	if (part->state < TASK_DONE &&
	    (attempt->state == ATTEMPT_RUNNING || attempt->state == ATTEMPT_HELD)) {
		part->state = TASK_GRANTED;
		part->patience = 0;
	}
	attempt_schedule(tasks, attempt);
}

/* What went wrong. */

static void fail_part(struct tasks *tasks, struct attempt *attempt, int32_t release, int code,
                      const char *event)
{
	struct task *task = attempt->task;
	uint32_t part = attempt->part;

	task->parts[part].code = code;
	task_set_part_state(tasks, task, part, code == BUSBAR_ERROR_CANCELLED ? TASK_CANCELLED : TASK_FAILED,
	                    event);
	attempt_release(tasks, attempt, release, event);
	task_review(tasks, task);
}

/* The time that is left to a part which was granted, or has waited. EXPIRED when there is none. */
static int limit_time(const struct tasks *tasks, const struct task *task, const struct part *part,
                      struct demand_body *body)
{
	int64_t spent = task_wall(tasks) - task->created;

	if (part->ends != 0) {
		body->reserve_time = part->ends - task_wall(tasks);
		return body->reserve_time <= 0 ? BUSBAR_ERROR_EXPIRED : 0;
	}
	if (part->patience == 0 || task->reserve_time > 0)
		return 0;
	if (body->respond_within != 0)
		body->respond_within = MAXIMUM(body->respond_within - spent, (int64_t)1);
	if (body->finish_within != 0)
		body->finish_within = MAXIMUM(body->finish_within - spent, (int64_t)1);
	return 0;
}

int attempt_next(struct tasks *tasks, struct task *task, uint32_t part, bool moves)
{
	struct part *here = &task->parts[part];
	struct demand whole, demand;
	struct task_request request = {.demand = &demand,
	                               .tenant = task->tenant,
	                               .spot = task->spot,
	                               .place = moves ? task->move.to : task->place};
	struct plan plan;
	int code;

	if ((moves ? task->move.tries : here->tries) >= TASK_ATTEMPTS || here->attempts >= UINT8_MAX)
		return BUSBAR_ERROR_REFUSED;
	if (moves) /* what serves the client is not torn from it */
		request.site = here->site;
	code = task_demand(tasks, task, &whole);
	if (code == 0)
		code = limit_time(tasks, task, here, &whole.body);
	if (code < 0)
		return code;
	demand = whole;
	task_divide(&demand, task->part_count);
	code = task_quote(tasks, &request, tasks->arena, &plan);
	if (code == 0)
		code = plan.status;
	if (code == 0)
		code = task_begin_attempt(tasks, task, part, &whole, &plan, &plan.parts[0], moves);
	if (code == 0)
		task_tell_decided(tasks, &plan);
	arena_reset(tasks->arena);
	return code;
}

void attempt_crank_back(struct tasks *tasks, struct attempt *attempt, int32_t release, int error)
{
	struct task *task = attempt->task;
	uint32_t part = attempt->part;
	bool moves = attempt == task->parts[part].moving;

	attempt_release(tasks, attempt, release, "crank-back");
	if (moves)
		follow_failed(tasks, task, part, error);
	else
		patience_next(tasks, task, part, error);
	task_review(tasks, task);
	(void)close_when_settled(tasks, attempt);
}

/* Answers. */

/*
 * Who granted the program once, and has forgotten it since, says EXPIRED to a late copy. And from when the
 * site is asked straight, what others say of the program is no longer known to be true of the site.
 */
static bool is_heeded(const struct attempt *attempt, const struct attempt_owner *owner, int error)
{
	bool executor = is_executor(attempt, owner->identity);

	switch (attempt->state) {
	case ATTEMPT_SENDING:
		return !owner->granted && !owner->settled && (executor || !attempt->straight);
	case ATTEMPT_RUNNING:
		return executor && error == BUSBAR_ERROR_EXPIRED;
	case ATTEMPT_HELD:
		return true;
	case ATTEMPT_RELEASING:
	case ATTEMPT_CLOSED:
	case ATTEMPT_STATES:
		break;
	}
	return false;
}

/* The reason, for the client and for what is decided next. */
static int learn_refusal(struct tasks *tasks, struct attempt *attempt, struct gateway_identity owner,
                         const struct answer_refusal *refusal)
{
	/* It was not asked for anything before: who was silent is avoided already. */
	if (attempt->straight && refusal->error == BUSBAR_ERROR_EXPIRED)
		return BUSBAR_ERROR_NO_ANSWER;
	attempt->task->parts[attempt->part].refusal =
	        (struct task_refusal){refusal->error,    owner,         refusal->toward,
	                              refusal->resource, refusal->have, refusal->need};
	attempt_learn(tasks, attempt, owner, refusal);
	return refusal->error;
}

static void on_refused(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                       const struct answer *answer)
{
	char text[GATEWAY_TEXT];
	int error;

	if (!is_heeded(attempt, owner, answer->refusal.error))
		return;
	log_info(TAG, "event=refused owner=%s cause=\"%s\" have=%lld need=%lld",
	         gateway_text(owner->identity, text), error_text(answer->refusal.error),
	         (long long)answer->refusal.have, (long long)answer->refusal.need);
	if (attempt->state == ATTEMPT_HELD) { /* what was to be refreshed is not there */
		attempt_held_lost(tasks, attempt, owner->identity, BUSBAR_ERROR_LOST);
		return;
	}
	if (attempt->state == ATTEMPT_RUNNING) { /* it knows nothing of what it had accepted */
		fail_part(tasks, attempt, 0, BUSBAR_ERROR_LOST, "lost");
		return;
	}
	if (!excuse(tasks, attempt, owner))
		return;
	view_unreserve(tasks->rooms.view, attempt->decided);
	error = learn_refusal(tasks, attempt, owner->identity, &answer->refusal);
	attempt_crank_back(tasks, attempt, error, error);
}

/* The program reached its last owner, and so every owner before it; what they answered may be lost. True
 * when that is news. */
static bool grant_all(struct attempt *attempt)
{
	bool news = false;

	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		news |= !attempt->owners[i].granted;
		attempt->owners[i].granted = true;
	}
	return news;
}

static void on_accepted(struct tasks *tasks, struct attempt *attempt, const struct answer *answer)
{
	struct task *task = attempt->task;
	struct part *part = &task->parts[attempt->part];
	int64_t now = task_monotonic(tasks);
	int64_t network = now - attempt->sent - answer->processing;
	bool news = grant_all(attempt);

	if (attempt->state != ATTEMPT_SENDING) {
		if (news)
			attempt_save(tasks, attempt);
		if (attempt->state == ATTEMPT_RUNNING && answer->type == ANSWER_RUNNING &&
		    part->state == TASK_GRANTED)
			task_set_part_state(tasks, task, attempt->part, TASK_RUNNING, "running");
		task_review(tasks, task);
		return;
	}
	/* A retransmission makes it unknown which packet was answered. */
	if (!attempt->resent && answer->type == ANSWER_ACCEPTED && network > 0)
		part->network = network + task->place.access_up + task->place.access_down;
	attempt->deadline = now + attempt->limit + RESULT_GRACE;
	attempt->repeat_at = now + REPEAT_ACCEPTED;
	attempt->repeat_after = REPEAT_ACCEPTED;
	attempt_set_state(attempt, ATTEMPT_RUNNING, "accepted");
	attempt_schedule(tasks, attempt);
	attempt_save(tasks, attempt);
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

/* True when the result is to be acknowledged. */
static bool on_result(struct tasks *tasks, struct attempt *attempt, const struct answer *answer)
{
	struct task *task = attempt->task;
	struct part *part = &task->parts[attempt->part];
	int code;

	if (attempt->state != ATTEMPT_RELEASING) {
		code = take_output(tasks, part, &answer->result);
		if (code < 0) {
			log_notice(TAG, "event=result-incomplete cause=\"%s\"", error_text(code));
			return false;
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
	(void)close_when_settled(tasks, attempt); /* the receipts may have come first */
	return true;
}

/* True when the receipt is to be acknowledged. */
static bool on_receipt(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                       const struct answer *answer)
{
	int code = ledger_post(tasks->rooms.ledger, &answer->receipt, task_wall(tasks));

	/* An owner that was excused, or never asked, may say that it had nothing. */
	if (code == BUSBAR_ERROR_NOT_FOUND && answer->receipt.line_count == 0)
		code = 0;
	if (code < 0) {
		log_warning(TAG, "event=receipt-not-posted cause=\"%s\"", error_text(code));
		return false;
	}
	if (attempt == NULL)
		return true;
	if (owner != NULL && !owner->settled) {
		owner->settled = true;
		if (!close_when_settled(tasks, attempt)) {
			attempt_save(tasks, attempt);
			if (attempt->state == ATTEMPT_HELD) /* it has ended there */
				attempt_held_lost(tasks, attempt, owner->identity, BUSBAR_ERROR_LOST);
		}
		return true;
	}
	(void)close_when_settled(tasks, attempt);
	return true;
}

static void on_granted(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                       const struct answer *answer)
{
	bool last = owner == &attempt->owners[attempt->owner_count - 1];
	bool news = !owner->granted;

	owner->granted = true;
	if (attempt->state == ATTEMPT_HELD)
		attempt_held_answer(tasks, attempt, answer);
	else if (attempt->state == ATTEMPT_SENDING && !attempt->executes && last)
		attempt_hold(tasks, attempt, answer);
	else if (news) /* or it could be excused after a restart, and then not be paid */
		attempt_save(tasks, attempt);
}

/* True when the answer is to be acknowledged. */
static bool take_answer(struct tasks *tasks, struct attempt *attempt, struct attempt_owner *owner,
                        const struct answer *answer)
{
	if (answer->type == ANSWER_RECEIPT)
		return on_receipt(tasks, attempt, owner, answer);
	/* A result that was settled long ago: the acknowledgement was lost. */
	if (owner == NULL)
		return answer->type == ANSWER_RESULT && attempt == NULL;
	switch (answer->type) {
	case ANSWER_GRANTED:
		on_granted(tasks, attempt, owner, answer);
		return false;
	case ANSWER_REFUSED:
		on_refused(tasks, attempt, owner, answer);
		return false;
	case ANSWER_ACCEPTED:
	case ANSWER_RUNNING:
		on_accepted(tasks, attempt, answer);
		return false;
	case ANSWER_RESULT:
		return on_result(tasks, attempt, answer);
	case ANSWER_RECEIPT:
	case ANSWER_ACKNOWLEDGE:
	case ANSWER_FOLLOW:
	case ANSWER_RELAY:
	case ANSWER_ASK:
	case ANSWER_TYPES:
		break;
	}
	return false;
}

void task_answer(struct tasks *tasks, const struct answer *answer)
{
	struct attempt *attempt = hash_get(tasks->by_program, answer->program.octets);
	struct attempt_owner *owner = attempt == NULL ? NULL : attempt_owner_of(attempt, answer->sender);
	bool acknowledge;

	attempt_heard(tasks, answer->sender);
	task_enter(tasks);
	acknowledge = take_answer(tasks, attempt, owner, answer);
	task_leave(tasks);
	if (acknowledge)
		tasks->ports.acknowledge(tasks->ports.context, answer->sender, &answer->program,
		                         answer->type);
	(void)task_tick(tasks);
}

/* The first owner that was not heard of is avoided. */
static void suspect_silent(struct tasks *tasks, struct attempt *attempt)
{
	/* Who was hardly asked, because this gateway itself was away or knew no way, is not to blame. */
	bool asked = attempt->asked != 0 && task_monotonic(tasks) - attempt->asked >= SILENCE;

	for (uint32_t i = 0; asked && i < attempt->owner_count; i++) {
		if (attempt->owners[i].granted)
			continue;
		attempt_suspect(tasks, attempt->owners[i].identity, BUSBAR_ERROR_NO_ANSWER);
		break;
	}
}

/* What the site has taken it runs: nobody else may before it has said that it has not, and never will. */
static void begin_asking(struct tasks *tasks, struct attempt *attempt)
{
	int64_t now = task_monotonic(tasks);
	int64_t left = patience_begin(tasks, attempt->task, attempt->part) - task_wall(tasks);

	attempt->straight = true;
	attempt->deadline = now + MAXIMUM(left, SILENCE);
	attempt->repeat_after = 0;
	attempt->repeat_at = now;
	attempt_schedule(tasks, attempt);
}

/* Nobody has taken the program as long as it was valid, or nothing has been heard of that. */
static void on_silence(struct tasks *tasks, struct attempt *attempt)
{
	suspect_silent(tasks, attempt);
	if (attempt->executes && attempt->left) {
		begin_asking(tasks, attempt);
		return;
	}
	view_unreserve(tasks->rooms.view, attempt->decided);
	attempt_crank_back(tasks, attempt, BUSBAR_ERROR_NO_ANSWER, BUSBAR_ERROR_NO_ANSWER);
}

static void give_up(struct tasks *tasks, struct attempt *attempt)
{
	task_enter(tasks);
	if (attempt->state == ATTEMPT_RUNNING)
		fail_part(tasks, attempt, 0, BUSBAR_ERROR_LOST, "silent");
	else if (attempt->straight)
		fail_part(tasks, attempt, BUSBAR_ERROR_NO_ANSWER, BUSBAR_ERROR_NO_ANSWER, "silent");
	else
		on_silence(tasks, attempt);
	task_leave(tasks);
}

void attempt_tend(struct tasks *tasks, struct attempt *attempt)
{
	int64_t now = task_monotonic(tasks);

	switch (attempt->state) {
	case ATTEMPT_SENDING:
	case ATTEMPT_RUNNING:
		if (now >= attempt->deadline)
			give_up(tasks, attempt);
		else if (now >= attempt->repeat_at)
			send_program(tasks, attempt);
		else
			attempt_schedule(tasks, attempt);
		break;
	case ATTEMPT_HELD:
		attempt_held_tend(tasks, attempt);
		break;
	case ATTEMPT_RELEASING:
		send_releases(tasks, attempt);
		break;
	case ATTEMPT_CLOSED:
	case ATTEMPT_STATES:
		break;
	}
}
