/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/task.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "compile/compile.h"
#include "execute/decision.h"
#include "execute/task_internal.h"
#include "map/map.h"
#include "wire/packet.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "task"

/* A program that no owner has taken on by then is given up. */
#define PROGRAM_VALID (3 * CLOCK_SECOND)
/* How long a decision counts in the view when the owner's own values do not come. */
#define DECISION_VALID (5 * CLOCK_SECOND)

enum { TASK_ARENA = 64 << 20, TASK_OPEN_ATTEMPTS = 8192, TASK_DUE = 256 };

const char *const task_state_names[TASK_STATES + 1] = {
        "submitted", "mapped",    "granted", "staging", "running", "done",
        "failed",    "cancelled", "expired", "settled", NULL,
};

int64_t task_wall(const struct tasks *tasks)
{
	return clock_wall(&tasks->settings.clock);
}

int64_t task_monotonic(const struct tasks *tasks)
{
	return clock_monotonic(&tasks->settings.clock);
}

static bool has_ended(enum task_state state)
{
	return state >= TASK_DONE;
}

static void save(struct tasks *tasks, const struct task *task)
{
	if (task_journal_save(tasks->rooms.database, task) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

void task_set_state(struct tasks *tasks, struct task *task, enum task_state state, const char *event)
{
	char text[IDENTIFIER_TEXT];

	if (task->state == state)
		return;
	log_info(TAG, "task=%s old=%s event=%s new=%s code=%d",
	         identifier_text(&task->demand.identifier, text), task_state_names[task->state], event,
	         task_state_names[state], task->code);
	task->state = state;
	if (has_ended(state) && task->ended == 0)
		task->ended = task_wall(tasks);
	save(tasks, task);
}

void task_set_part_state(struct tasks *tasks, struct task *task, uint32_t part, enum task_state state,
                         const char *event)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "task=%s part=%u old=%s event=%s new=%s code=%d",
	         identifier_text(&task->demand.identifier, text), part + 1,
	         task_state_names[task->parts[part].state], event, task_state_names[state],
	         task->parts[part].code);
	task->parts[part].state = state;
	if (task_journal_save_part(tasks->rooms.database, task, part, NULL) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

void task_forget(struct tasks *tasks, struct task *task)
{
	(void)hash_remove(tasks->by_task, task->demand.identifier.octets);
	free(task->parts);
	slab_release(tasks->task_slab, task);
}

/* Ends what has not ended: nothing is gained by the other parts of a failed task. */
static void cancel_parts(struct tasks *tasks, struct task *task)
{
	for (uint32_t i = 0; i < task->part_count; i++) {
		struct part *part = &task->parts[i];

		if (has_ended(part->state))
			continue;
		part->code = BUSBAR_ERROR_CANCELLED;
		task_set_part_state(tasks, task, i, TASK_CANCELLED, "cancel");
		if (part->current != NULL)
			attempt_release(tasks, part->current, 0, "cancel");
	}
}

/* The state that the parts give: the first failure decides, else the slowest part. */
static enum task_state state_of_parts(const struct task *task, int32_t *ret_code)
{
	enum task_state slowest = TASK_DONE, furthest = TASK_SUBMITTED;

	for (uint32_t i = 0; i < task->part_count; i++) {
		const struct part *part = &task->parts[i];

		if (part->state > TASK_DONE) {
			*ret_code = part->code;
			return part->state;
		}
		slowest = MINIMUM(slowest, part->state);
		furthest = MAXIMUM(furthest, part->state);
	}
	return slowest < TASK_DONE && furthest >= TASK_RUNNING ? TASK_RUNNING : slowest;
}

void task_review(struct tasks *tasks, struct task *task)
{
	struct identifier identifier = task->demand.identifier;
	enum task_state state;

	if (!has_ended(task->state)) {
		int32_t code = 0;

		state = state_of_parts(task, &code);
		task->code = code;
		if (state > TASK_DONE)
			cancel_parts(tasks, task);
		task_set_state(tasks, task, state, "parts");
		if (has_ended(state))
			tasks->ports.finished(tasks->ports.context, &identifier);
	}
	if (has_ended(task->state) && task->open == 0) {
		task_set_state(tasks, task, TASK_SETTLED, "accounts-closed");
		task_forget(tasks, task);
	}
}

void task_part_demand(const struct task *task, struct demand *ret_demand)
{
	struct demand_body *body = &ret_demand->body;
	uint32_t parts = task->part_count;

	*ret_demand = task->demand;
	body->split = 0;
	body->split_exactly = false;
	body->split_least.amount = 0;
	body->work.amount = (body->work.amount + parts - 1) / parts;
	body->bandwidth_up = (body->bandwidth_up + parts - 1) / parts;
	body->bandwidth_down = (body->bandwidth_down + parts - 1) / parts;
	for (uint32_t i = 0; i < body->need_count; i++)
		if (!body->needs[i].each)
			body->needs[i].amount = (body->needs[i].amount + parts - 1) / parts;
	for (uint32_t i = 0; i < body->data_count; i++)
		if (!body->data[i].each && !body->data[i].blob)
			body->data[i].size = (body->data[i].size + parts - 1) / parts;
	if (parts > 1)
		ret_demand->budget = (ret_demand->budget + parts - 1) / parts;
}

static struct map_request map_request_of(const struct tasks *tasks, const struct task_request *request)
{
	return (struct map_request){
	        .demand = request->demand,
	        .ingress = tasks->settings.identity,
	        .access_up = request->access_up,
	        .access_down = request->access_down,
	        .spot = request->spot,
	        .now = task_wall(tasks),
	        .random = NULL,
	};
}

int task_quote(struct tasks *tasks, const struct task_request *request, struct arena *arena,
               struct plan *ret_plan)
{
	struct map_request map = map_request_of(tasks, request);

	return map_demand(tasks->rooms.view, &map, arena, ret_plan);
}

static uint32_t list_suppliers(struct tasks *tasks, const struct attempt *attempt,
                               struct ledger_owner owners[LEDGER_OWNERS])
{
	for (uint32_t i = 0; i < attempt->owner_count; i++) {
		const struct site *site = view_site(tasks->rooms.view, attempt->owners[i].identity);
		const char *name =
		        site == NULL ? "unknown" : site->operator[0] != '\0' ? site->operator: site->name;

		owners[i].identity = attempt->owners[i].identity;
		text_copy(owners[i].supplier, sizeof(owners[i].supplier), name);
	}
	return attempt->owner_count;
}

/* Moves the view's local copies at once, so that the next demand does not see the same free amounts. */
static void count_decision(struct tasks *tasks, struct attempt *attempt, const struct plan_part *planned,
                           const struct demand *demand, uint32_t parts)
{
	struct view *view = tasks->rooms.view;
	int64_t now = task_wall(tasks);
	const struct plan_path *path = &planned->path;
	uint64_t up = demand->body.bandwidth_up / parts, down = demand->body.bandwidth_down / parts;
	int code = 0;

	attempt->decided = now;
	for (uint32_t i = 0; i < planned->claim_count && code >= 0; i++)
		code = view_reserve(view, planned->site, planned->claims[i].kind, planned->claims[i].amount,
		                    now, now + DECISION_VALID);
	for (uint32_t hop = 0; hop + 1 < path->hop_count && code >= 0; hop++) {
		if (up > 0)
			code = view_reserve_link(view, path->hops[hop], path->hops[hop + 1], up, now,
			                         now + DECISION_VALID);
		if (down > 0 && code >= 0)
			code = view_reserve_link(view, path->hops[hop + 1], path->hops[hop], down, now,
			                         now + DECISION_VALID);
	}
	if (code < 0)
		log_debug(TAG, "event=decision-not-counted cause=\"%s\"", error_text(code));
}

static int compile_attempt(struct tasks *tasks, const struct task *task, uint32_t part, uint32_t number,
                           const struct plan_part *planned, struct program *ret_program)
{
	struct compile_request request = {
	        .demand = &task->demand,
	        .part = planned,
	        .program = identifier_derive(&task->demand.identifier, part << 8 | number),
	        .ingress = tasks->settings.identity,
	        .number = (uint16_t)(part + 1),
	        .parts = (uint16_t)task->part_count,
	        .expires = task_wall(tasks) + PROGRAM_VALID,
	        .port = tasks->settings.port,
	        .output_maximum = tasks->settings.output_maximum,
	};
	uint8_t digest[STORE_DIGEST];
	int code;

	memcpy(request.address, tasks->settings.address, sizeof(request.address));
	code = compile_program(&request, ret_program);
	if (code < 0 || packet_fits(ret_program, task->demand.input_size))
		return code;
	if (task->demand.input_size == 0)
		return BUSBAR_ERROR_TOO_LARGE;
	/* A long program leaves no room for the input: the site fetches it instead. */
	code = store_put(tasks->rooms.store, task->demand.input, task->demand.input_size, digest);
	if (code < 0)
		return code;
	request.input = digest;
	code = compile_program(&request, ret_program);
	return code == 0 && !packet_fits(ret_program, 0) ? BUSBAR_ERROR_TOO_LARGE : code;
}

int task_begin_attempt(struct tasks *tasks, struct task *task, uint32_t part, const struct plan *plan,
                       const struct plan_part *planned)
{
	struct database *database = tasks->rooms.database;
	struct part *here = &task->parts[part];
	struct ledger_owner owners[LEDGER_OWNERS];
	struct attempt *attempt, *before = here->current;
	struct program program;
	char *text = NULL;
	int code = compile_attempt(tasks, task, part, here->attempts + 1, planned, &program);

	if (code < 0)
		return code;
	attempt = attempt_add(tasks, task, part, here->attempts + 1, &program);
	if (attempt == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	here->attempts++;
	here->site = planned->site;
	here->state = TASK_MAPPED;
	code = ledger_hold(tasks->rooms.ledger, &task->demand.identifier, &program.identifier, task->tenant,
	                   planned->hold, owners, list_suppliers(tasks, attempt, owners), task_wall(tasks));
	if (code < 0)
		goto fail;
	text = tasks->ports.describe(tasks->ports.context, plan, planned);
	code = task_journal_save_part(database, task, part, text);
	if (code >= 0)
		code = task_journal_save_attempt(database, attempt);
	free(text);
	if (code < 0)
		goto fail;
	count_decision(tasks, attempt, planned, &task->demand, task->part_count);
	return 0;
fail:
	attempt_forget(tasks, attempt);
	here->attempts--;
	here->current = before;
	return code;
}

static struct task *make_task(struct tasks *tasks, const struct task_request *request, uint32_t parts)
{
	struct task *task = slab_take(tasks->task_slab);

	if (task == NULL)
		return NULL;
	task->parts = calloc(parts, sizeof(*task->parts));
	if (task->parts == NULL || hash_put(tasks->by_task, request->demand->identifier.octets, task) < 0) {
		free(task->parts);
		slab_release(tasks->task_slab, task);
		return NULL;
	}
	task->demand = *request->demand;
	task->demand.stages = NULL;
	text_copy(task->tenant, sizeof(task->tenant), request->tenant);
	task->spot = request->spot;
	task->access_up = request->access_up;
	task->access_down = request->access_down;
	task->part_count = parts;
	task->created = task_wall(tasks);
	return task;
}

static void forget_attempts(struct tasks *tasks, struct task *task)
{
	for (uint32_t i = 0; i < task->part_count; i++)
		if (task->parts[i].current != NULL)
			attempt_forget(tasks, task->parts[i].current);
}

/* The view is still the one that was decided on: nothing runs between. */
static int write_decision(struct tasks *tasks, const struct task_request *request, const struct plan *plan)
{
	struct map_request map = map_request_of(tasks, request);
	uint8_t *octets;
	int size;

	if (!tasks->settings.decisions)
		return 0;
	octets = arena_alloc(tasks->arena, DECISION_OCTETS);
	size = octets == NULL ? -ENOMEM
	                      : decision_encode(tasks->rooms.view, &map, plan, octets, DECISION_OCTETS);
	return size < 0 ? size
	                : task_journal_save_decision(tasks->rooms.database, &request->demand->identifier,
	                                             octets, (size_t)size);
}

/* Task, parts, attempts and holds in one transaction: all or nothing. */
static int write_task(struct tasks *tasks, struct task *task, const struct task_request *request,
                      const struct plan *plan)
{
	struct database *database = tasks->rooms.database;
	int code = database_begin(database);

	if (code < 0)
		return code;
	task->state = TASK_MAPPED;
	code = task_journal_save(database, task);
	if (code >= 0)
		code = write_decision(tasks, request, plan);
	for (uint32_t i = 0; i < task->part_count && code >= 0; i++)
		code = task_begin_attempt(tasks, task, i, plan, &plan->parts[i]);
	if (code >= 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	return code;
}

static int submit_plan(struct tasks *tasks, const struct task_request *request, const struct plan *plan)
{
	struct task *task = make_task(tasks, request, plan->part_count);
	int code;

	if (task == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	code = write_task(tasks, task, request, plan);
	if (code < 0) {
		forget_attempts(tasks, task);
		task_forget(tasks, task);
		return code;
	}
	for (uint32_t i = 0; i < task->part_count; i++)
		if (task->parts[i].current != NULL)
			attempt_send(tasks, task->parts[i].current);
	return 0;
}

static int exists(struct tasks *tasks, const struct identifier *task)
{
	struct task_record record;
	int code;

	if (hash_get(tasks->by_task, task->octets) != NULL)
		return BUSBAR_ERROR_DUPLICATE;
	code = task_read(tasks, task, &record);
	if (code == BUSBAR_ERROR_NOT_FOUND)
		return 0;
	if (code == 0)
		task_record_clear(&record);
	return code == 0 ? BUSBAR_ERROR_DUPLICATE : code;
}

int task_submit(struct tasks *tasks, const struct task_request *request)
{
	struct plan plan;
	int code = exists(tasks, &request->demand->identifier);

	if (code < 0)
		return code;
	code = task_quote(tasks, request, tasks->arena, &plan);
	if (code == 0)
		code = plan.status;
	if (code == 0)
		code = submit_plan(tasks, request, &plan);
	arena_reset(tasks->arena);
	return code;
}

int task_cancel(struct tasks *tasks, const struct identifier *identifier)
{
	struct task *task = hash_get(tasks->by_task, identifier->octets);
	struct task_record record;
	int code;

	if (task == NULL) {
		code = task_read(tasks, identifier, &record);
		if (code < 0)
			return code;
		task_record_clear(&record);
		return BUSBAR_ERROR_STATE;
	}
	if (has_ended(task->state))
		return BUSBAR_ERROR_STATE;
	cancel_parts(tasks, task);
	task_review(tasks, task);
	return 0;
}

/*
 * Attempts that want to be looked at; they are collected first, since looking at one may begin and
 * forget others.
 */
static uint32_t collect_due(struct tasks *tasks, struct identifier due[TASK_DUE], int64_t *ret_next)
{
	int64_t now = task_monotonic(tasks), next = INT64_MAX;
	uint32_t count = 0;
	size_t position = 0;
	const void *key;
	void *value;

	while (hash_next(tasks->by_program, &position, &key, &value)) {
		const struct attempt *attempt = value;
		int64_t wanted = attempt->repeat_at;

		if (attempt->state != ATTEMPT_RELEASING)
			wanted = MINIMUM(wanted, attempt->deadline);
		if (wanted > now)
			next = MINIMUM(next, wanted);
		else if (count < TASK_DUE)
			due[count++] = attempt->program.identifier;
	}
	*ret_next = count > 0 ? now : next;
	return count;
}

int64_t task_tick(struct tasks *tasks)
{
	struct identifier due[TASK_DUE];
	int64_t next;
	uint32_t count = collect_due(tasks, due, &next);

	for (uint32_t i = 0; i < count; i++) {
		struct attempt *attempt = hash_get(tasks->by_program, due[i].octets);

		if (attempt != NULL)
			(void)attempt_tend(tasks, attempt);
	}
	return next;
}

size_t task_open_attempts(const struct tasks *tasks)
{
	return hash_count(tasks->by_program);
}

/* A daemon that stopped between two attempts has left a part that nothing drives any more. */
static void end_orphans(struct tasks *tasks, struct task *task)
{
	for (uint32_t i = 0; i < task->part_count; i++) {
		struct part *part = &task->parts[i];

		if (has_ended(part->state) || part->current != NULL)
			continue;
		part->code = BUSBAR_ERROR_LOST;
		task_set_part_state(tasks, task, i, TASK_FAILED, "no-attempt");
	}
}

/* Tasks whose last attempt closed just before the daemon stopped. */
static void review_all(struct tasks *tasks)
{
	size_t position = 0;
	const void *key;
	void *value;

	while (hash_next(tasks->by_task, &position, &key, &value)) {
		end_orphans(tasks, value);
		task_review(tasks, value);
	}
}

int tasks_create(const struct task_settings *settings, const struct task_rooms *rooms,
                 const struct task_ports *ports, struct tasks **ret_tasks)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));
	int code = -ENOMEM;

	if (tasks == NULL)
		return code;
	tasks->settings = *settings;
	tasks->rooms = *rooms;
	tasks->ports = *ports;
	random_seed(&tasks->random, settings->seed);
	tasks->arena = arena_create(TASK_ARENA);
	tasks->task_slab = slab_create(sizeof(struct task), TASK_MAXIMUM);
	tasks->attempt_slab = slab_create(sizeof(struct attempt), TASK_OPEN_ATTEMPTS);
	tasks->by_task = hash_create(sizeof(struct identifier), TASK_MAXIMUM, settings->seed);
	tasks->by_program = hash_create(sizeof(struct identifier), TASK_OPEN_ATTEMPTS, settings->seed);
	if (tasks->arena == NULL || tasks->task_slab == NULL || tasks->attempt_slab == NULL ||
	    tasks->by_task == NULL || tasks->by_program == NULL)
		goto fail;
	code = task_journal_create(rooms->database);
	if (code == 0)
		code = task_journal_load(tasks);
	if (code < 0)
		goto fail;
	arena_reset(tasks->arena);
	review_all(tasks);
	*ret_tasks = tasks;
	return 0;
fail:
	(void)tasks_free(tasks);
	return code;
}

struct tasks *tasks_free(struct tasks *tasks)
{
	size_t position = 0;
	const void *key;
	void *value;

	if (tasks == NULL)
		return NULL;
	while (tasks->by_program != NULL && hash_next(tasks->by_program, &position, &key, &value))
		attempt_forget(tasks, value);
	position = 0;
	while (tasks->by_task != NULL && hash_next(tasks->by_task, &position, &key, &value))
		task_forget(tasks, value);
	hash_free(tasks->by_program);
	hash_free(tasks->by_task);
	slab_free(tasks->attempt_slab);
	slab_free(tasks->task_slab);
	arena_free(tasks->arena);
	free(tasks);
	return NULL;
}
