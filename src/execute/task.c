/* SPDX-License-Identifier: Apache-2.0 */
#include "execute/task.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "compile/compile.h"
#include "execute/decision.h"
#include "execute/task_internal.h"
#include "map/map.h"
#include "wire/demand_codec.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAG "task"

/* How long a decision counts in the view when the owner's own values do not come. */
#define DECISION_VALID (5 * CLOCK_SECOND)
#define BEHIND_LOOK (10 * CLOCK_MILLISECOND)

enum {
	TASK_ARENA = 64 << 20,
	TASK_DUE = 1024, /* most attempts looked at in one tick */
	TASK_WAIT = 16,  /* of so many open tasks one may wait for a candidate */
	TASK_PAST = 32,  /* as many identifiers per open task: of TASK_WINDOW, at 35,000 a second */
};

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

/* Events. */

void task_enter(struct tasks *tasks)
{
	if (tasks->depth++ == 0 && database_begin(tasks->rooms.database) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

void task_note(struct tasks *tasks, struct task *task)
{
	if (task->noted)
		return;
	task->noted = true;
	task->next_noted = tasks->noted;
	tasks->noted = task;
}

static void tell(struct tasks *tasks, struct task *task)
{
	struct identifier identifier = task->identifier;
	bool granted = task->granted && !has_ended(task->state), finished = task->finished;
	bool moved = task->moved && !task->move.under_way;
	int code = task->move.code;

	task->noted = task->granted = task->finished = task->moved = false;
	if (moved)
		tasks->ports.moved(tasks->ports.context, &identifier, code);
	if (granted)
		tasks->ports.granted(tasks->ports.context, &identifier);
	if (finished)
		tasks->ports.finished(tasks->ports.context, &identifier);
	if (task->state == TASK_SETTLED)
		task_forget(tasks, task);
}

void task_leave(struct tasks *tasks)
{
	struct task *task;

	if (--tasks->depth > 0)
		return;
	if (database_in_transaction(tasks->rooms.database) && database_commit(tasks->rooms.database) < 0) {
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
		database_rollback(tasks->rooms.database);
	}
	while ((task = tasks->noted) != NULL) {
		tasks->noted = task->next_noted;
		tell(tasks, task);
	}
}

/* States. */

static void set_state(struct tasks *tasks, struct task *task, enum task_state state, const char *event)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "task=%s old=%s event=%s new=%s code=%d", identifier_text(&task->identifier, text),
	         task_state_names[task->state], event, task_state_names[state], task->code);
	task->state = state;
	/* What comes before the end follows from the attempts. */
	if (!has_ended(state))
		return;
	if (task->ended == 0)
		task->ended = task_wall(tasks);
	if (task_journal_write(tasks->rooms.database, task) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

void task_set_part_state(struct tasks *tasks, struct task *task, uint32_t part, enum task_state state,
                         const char *event)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "task=%s part=%u old=%s event=%s new=%s code=%d",
	         identifier_text(&task->identifier, text), part + 1,
	         task_state_names[task->parts[part].state], event, task_state_names[state],
	         task->parts[part].code);
	task->parts[part].state = state;
	if (has_ended(state) && task_journal_write_part(tasks->rooms.database, task, part) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
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
	if (!has_ended(task->state)) {
		int32_t code = 0;
		enum task_state state = state_of_parts(task, &code);

		task->code = code;
		if (state > TASK_DONE)
			cancel_parts(tasks, task);
		if (state != task->state)
			set_state(tasks, task, state, "parts");
		task->granted = task->granted || (state == TASK_GRANTED && task->reserve_time > 0);
		task->finished = has_ended(state);
	}
	if (has_ended(task->state))
		follow_abandon(tasks, task, BUSBAR_ERROR_STATE);
	if (has_ended(task->state) && task->open == 0 && task->state != TASK_SETTLED)
		set_state(tasks, task, TASK_SETTLED, "accounts-closed");
	if (task->granted || task->finished || task->state == TASK_SETTLED)
		task_note(tasks, task);
}

/* Demands, plans and programs. */

int task_demand(struct tasks *tasks, const struct task *task, struct demand *ret_demand)
{
	int code = demand_codec_decode(task->demand.octets, task->demand.size, tasks->arena, ret_demand);

	ret_demand->identifier = task->identifier;
	return code;
}

void task_divide(struct demand *demand, uint32_t parts)
{
	struct demand_body *body = &demand->body;

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
		demand->budget = (demand->budget + parts - 1) / parts;
}

static struct map_request map_request_of(const struct tasks *tasks, const struct task_request *request)
{
	const struct task_place *place = &request->place;

	return (struct map_request){
	        .demand = request->demand,
	        .ingress = gateway_is_none(place->edge) ? tasks->settings.identity : place->edge,
	        .site = request->site,
	        .sight = tasks->settings.sight == NULL
	                         ? NULL
	                         : tasks->settings.sight(tasks->settings.context, request->tenant),
	        .access_up = place->access_up,
	        .access_down = place->access_down,
	        .access_ceiling_up = place->access_ceiling_up,
	        .access_ceiling_down = place->access_ceiling_down,
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

static int compile_attempt(struct tasks *tasks, const struct task *task, uint32_t part,
                           const struct demand *demand, const struct plan_part *planned, bool moves,
                           struct program *ret_program)
{
	const struct task_place *place = moves ? &task->move.to : &task->place;
	uint32_t number = task->parts[part].attempts + 1;

	struct compile_request request = {
	        .demand = demand,
	        .part = planned,
	        .program = identifier_derive(&task->identifier, part << 8 | number),
	        .ingress = tasks->settings.identity,
	        .number = (uint16_t)(part + 1),
	        .parts = (uint16_t)task->part_count,
	        .expires = task_wall(tasks) + TASK_PROGRAM_VALID,
	        .port = tasks->settings.port,
	        .output_maximum = tasks->settings.output_maximum,
	};
	const struct view_service *service;
	uint8_t digest[STORE_DIGEST];
	int code;

	memcpy(request.address, tasks->settings.address, sizeof(request.address));
	memcpy(request.client, place->client, sizeof(request.client));
	service = task->reserve_time > 0 ? view_service_of(tasks->rooms.view, demand->body.service,
	                                                   demand->body.version, planned->site)
	                                 : NULL;
	if (service != NULL)
		memcpy(request.service, service->address, sizeof(request.service));
	code = compile_program(&request, ret_program);
	if (code < 0 || packet_fits(ret_program, demand->input_size))
		return code;
	if (demand->input_size == 0)
		return BUSBAR_ERROR_TOO_LARGE;
	/* A long program leaves no room for the input: the site fetches it instead. */
	code = store_put(tasks->rooms.store, demand->input, demand->input_size, digest);
	if (code < 0)
		return code;
	request.input = digest;
	code = compile_program(&request, ret_program);
	return code == 0 && !packet_fits(ret_program, 0) ? BUSBAR_ERROR_TOO_LARGE : code;
}

/* The plan is the part's own, unless its attempt is to take another's place: then it has to wait. */
static int write_plan(struct tasks *tasks, struct attempt *attempt, const uint8_t *plan, size_t size)
{
	struct database *database = tasks->rooms.database;
	int code;

	if (attempt != attempt->task->parts[attempt->part].moving)
		return task_journal_put_part(database, attempt->task, attempt->part, plan, size);
	code = task_journal_write_attempts(database, attempt->task, attempt->part);
	return code < 0 ? code : keep_octets(tasks->keep, plan, size, &attempt->plan);
}

static int write_attempt(struct tasks *tasks, struct attempt *attempt, const struct plan *plan,
                         const struct plan_part *planned)
{
	struct database *database = tasks->rooms.database;
	const struct task *task = attempt->task;
	uint8_t octets[PLAN_RECORD_OCTETS];
	struct ledger_owner owners[LEDGER_OWNERS];
	int size = plan_record_encode(plan, planned, octets, sizeof(octets));
	int code = size;

	if (code >= 0)
		code = ledger_hold(tasks->rooms.ledger, &task->identifier, &attempt->program, task->tenant,
		                   planned->hold, owners, list_suppliers(tasks, attempt, owners),
		                   task_wall(tasks));
	if (code >= 0)
		code = write_plan(tasks, attempt, octets, (size_t)size);
	return code < 0 ? code : task_journal_insert_attempt(database, attempt);
}

void task_take_plan(struct part *part, const struct plan_part *planned)
{
	part->site = planned->site;
	part->bound_up = planned->path.bound_up;
	part->bound_down = planned->path.bound_down;
	part->class = planned->path.class;
	part->measured = planned->path.measured;
}

static void count_attempt(struct part *part, struct attempt *attempt, const struct plan_part *planned,
                          bool moves)
{
	part->attempts++;
	if (moves) {
		part->moving = attempt;
		return;
	}
	part->tries++;
	part->state = TASK_MAPPED;
	part->code = 0;
	part->retry_at = part->retry_after = 0;
	part->current = attempt;
	task_take_plan(part, planned);
}

int task_begin_attempt(struct tasks *tasks, struct task *task, uint32_t part, const struct demand *demand,
                       const struct plan *plan, const struct plan_part *planned, bool moves)
{
	struct part *here = &task->parts[part], before = *here;
	struct attempt *attempt;
	struct program program;
	int code = compile_attempt(tasks, task, part, demand, planned, moves, &program);

	if (code < 0)
		return code;
	attempt = attempt_add(tasks, task, part, here->attempts + 1, &program);
	if (attempt == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	count_attempt(here, attempt, planned, moves);
	code = write_attempt(tasks, attempt, plan, planned);
	if (code < 0) {
		attempt_forget(tasks, attempt);
		*here = before;
		return code;
	}
	attempt->repeat_at = task_monotonic(tasks);
	attempt_schedule(tasks, attempt);
	count_decision(tasks, attempt, planned, demand, task->part_count);
	return 0;
}

/* Submission. */

struct task *task_add(struct tasks *tasks, const struct identifier *identifier, uint32_t parts)
{
	struct task *task = slab_take(tasks->task_slab);

	if (task == NULL)
		return NULL;
	task->identifier = *identifier;
	task->part_count = parts;
	task->parts = parts == 1 ? &task->only : calloc(parts, sizeof(*task->parts));
	if (task->parts != NULL && hash_put(tasks->by_task, task->identifier.octets, task) == 0)
		return task;
	if (task->parts != &task->only)
		free(task->parts);
	slab_release(tasks->task_slab, task);
	return NULL;
}

void task_forget(struct tasks *tasks, struct task *task)
{
	(void)hash_remove(tasks->by_task, task->identifier.octets);
	heap_remove(tasks->waiting, &task->waiting);
	keep_drop(tasks->keep, &task->demand);
	if (task->parts != &task->only)
		free(task->parts);
	slab_release(tasks->task_slab, task);
}

static int keep_demand(struct tasks *tasks, struct task *task, const struct demand *demand)
{
	uint8_t octets[KEEP_LARGEST];
	struct demand staged = *demand;
	int size;

	/* Stages are not mapped. */
	staged.stage_count = 0;
	staged.stages = NULL;
	size = demand_codec_encode(&staged, octets, sizeof(octets));
	return size < 0 ? size : keep_octets(tasks->keep, octets, (size_t)size, &task->demand);
}

static int make_task(struct tasks *tasks, const struct task_request *request, uint32_t parts,
                     struct task **ret_task)
{
	struct task *task = task_add(tasks, &request->demand->identifier, parts);
	int code;

	if (task == NULL)
		return BUSBAR_ERROR_TABLE_FULL;
	code = keep_demand(tasks, task, request->demand);
	if (code < 0) {
		task_forget(tasks, task);
		return code;
	}
	text_copy(task->tenant, sizeof(task->tenant), request->tenant);
	text_copy(task->name, sizeof(task->name), request->demand->name);
	task->place = request->place;
	task->spot = request->spot;
	task->reserve_time = request->demand->body.reserve_time;
	task->state = TASK_MAPPED;
	task->created = task_wall(tasks);
	*ret_task = task;
	return 0;
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
	                : task_journal_put_decision(tasks->rooms.database, &request->demand->identifier,
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
	code = task_journal_insert(database, task);
	if (code >= 0)
		code = write_decision(tasks, request, plan);
	for (uint32_t i = 0; i < task->part_count && code >= 0; i++)
		code = task_begin_attempt(tasks, task, i, request->demand, plan, &plan->parts[i], false);
	if (code >= 0)
		code = database_commit(database);
	if (code < 0)
		database_rollback(database);
	return code;
}

static bool is_behind(const struct tasks *tasks)
{
	return tasks->ports.behind != NULL && tasks->ports.behind(tasks->ports.context);
}

static int submit_plan(struct tasks *tasks, const struct task_request *request, const struct plan *plan)
{
	int64_t now = task_wall(tasks);
	struct task *task = NULL;
	bool room = past_has_room(tasks->past, now) && !database_crowded(tasks->rooms.database) &&
	            !is_behind(tasks);
	int code = room ? 0 : BUSBAR_ERROR_TABLE_FULL;

	if (code == 0)
		code = make_task(tasks, request, plan->part_count, &task);
	if (code < 0)
		return code;
	code = write_task(tasks, task, request, plan);
	if (code >= 0)
		code = past_put(tasks->past, &task->identifier,
		                identifier_time(&task->identifier) + TASK_WINDOW, now);
	if (code < 0) {
		forget_attempts(tasks, task);
		task_forget(tasks, task);
		return code;
	}
	for (uint32_t i = 0; i < task->part_count; i++)
		attempt_tend(tasks, task->parts[i].current);
	return 0;
}

static int exists(struct tasks *tasks, const struct identifier *task)
{
	int64_t now = task_wall(tasks);
	struct task_record record;
	int code;

	if (hash_get(tasks->by_task, task->octets) != NULL || past_has(tasks->past, task, now))
		return BUSBAR_ERROR_DUPLICATE;
	if (identifier_time(task) + TASK_WINDOW > now)
		return 0;
	code = task_read(tasks, task, &record);
	if (code == BUSBAR_ERROR_NOT_FOUND)
		return 0;
	if (code == 0)
		task_record_clear(&record);
	return code == 0 ? BUSBAR_ERROR_DUPLICATE : code;
}

/* Whether the view, which has moved on, still has all that a plan was made from. */
static bool still_stands(const struct tasks *tasks, const struct demand *demand, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->part_count; i++) {
		const struct plan_part *part = &plan->parts[i];

		if (demand->body.service[0] != '\0' &&
		    view_service_of(tasks->rooms.view, demand->body.service, demand->body.version,
		                    part->site) == NULL)
			return false;
		for (uint32_t hop = 0; hop < part->path.hop_count; hop++)
			if (view_site(tasks->rooms.view, part->path.hops[hop]) == NULL)
				return false;
	}
	return true;
}

void task_tell_decided(const struct tasks *tasks, const struct plan *plan)
{
	if (tasks->ports.decided != NULL)
		tasks->ports.decided(tasks->ports.context, plan);
}

int task_submit(struct tasks *tasks, const struct task_request *request)
{
	struct plan plan;
	int code = exists(tasks, &request->demand->identifier);

	if (code < 0)
		return code;
	if (request->plan != NULL && still_stands(tasks, request->demand, request->plan))
		plan = *request->plan;
	else
		code = task_quote(tasks, request, tasks->arena, &plan);
	if (code == 0)
		code = plan.status;
	if (code == 0)
		code = submit_plan(tasks, request, &plan);
	if (code == 0)
		task_tell_decided(tasks, &plan);
	arena_reset(tasks->arena);
	return code;
}

/* Looks at parts that wait and at attempts that are due. Returns when the next one is. */
static int64_t tend_due(struct tasks *tasks)
{
	int64_t now = task_monotonic(tasks), retry;

	if (is_behind(tasks))
		return now + BEHIND_LOOK;
	retry = patience_tick(tasks);
	for (unsigned looked_at = 0;; looked_at++) {
		struct heap_node *first = heap_peek(tasks->due);

		if (first == NULL || heap_least(tasks->due) > now || looked_at == TASK_DUE)
			return MINIMUM(heap_least(tasks->due), retry);
		attempt_tend(tasks, CONTAINER_OF(first, struct attempt, due));
	}
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
	task_enter(tasks);
	cancel_parts(tasks, task);
	task_review(tasks, task);
	task_leave(tasks);
	(void)tend_due(tasks);
	return 0;
}

int64_t task_tick(struct tasks *tasks)
{
	return tend_due(tasks);
}

size_t task_open_attempts(const struct tasks *tasks)
{
	return hash_count(tasks->by_program) + heap_count(tasks->waiting);
}

size_t task_bytes(const struct tasks *tasks)
{
	return slab_bytes(tasks->task_slab) + slab_bytes(tasks->attempt_slab) + keep_bytes(tasks->keep) +
	       hash_bytes(tasks->by_task) + hash_bytes(tasks->by_program) + past_bytes(tasks->past);
}

/* Life of the table. */

/* A daemon that stopped between two attempts has left a part that nothing drives any more. */
static void end_orphans(struct tasks *tasks, struct task *task)
{
	for (uint32_t i = 0; i < task->part_count; i++) {
		struct part *part = &task->parts[i];

		if (has_ended(part->state) || part->current != NULL || patience_resume(tasks, task, i))
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

	task_enter(tasks);
	while (hash_next(tasks->by_task, &position, &key, &value)) {
		end_orphans(tasks, value);
		follow_abandon(tasks, value, BUSBAR_ERROR_LOST);
		task_review(tasks, value);
	}
	task_leave(tasks);
}

static bool make_tables(struct tasks *tasks, uint32_t maximum)
{
	uint64_t seed = tasks->settings.seed;

	random_seed(&tasks->random, seed);
	tasks->arena = arena_create(TASK_ARENA);
	tasks->task_slab = slab_create(sizeof(struct task), maximum);
	tasks->attempt_slab = slab_create(sizeof(struct attempt), 2 * (size_t)maximum);
	tasks->keep = keep_create(2 * (size_t)maximum);
	tasks->by_task = hash_create(sizeof(struct identifier), maximum, seed);
	tasks->by_program = hash_create(sizeof(struct identifier), 2 * maximum, seed);
	tasks->due = heap_create(NULL, 2 * (size_t)maximum);
	tasks->waiting = heap_create(NULL, maximum / TASK_WAIT + 1);
	tasks->past = past_create(TASK_PAST * maximum, seed);
	return tasks->arena != NULL && tasks->task_slab != NULL && tasks->attempt_slab != NULL &&
	       tasks->keep != NULL && tasks->by_task != NULL && tasks->by_program != NULL &&
	       tasks->due != NULL && tasks->waiting != NULL && tasks->past != NULL;
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
	if (!make_tables(tasks, settings->tasks == 0 ? TASK_MAXIMUM : settings->tasks))
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
	past_free(tasks->past);
	heap_free(tasks->due);
	heap_free(tasks->waiting);
	hash_free(tasks->by_program);
	hash_free(tasks->by_task);
	keep_free(tasks->keep);
	slab_free(tasks->attempt_slab);
	slab_free(tasks->task_slab);
	arena_free(tasks->arena);
	free(tasks);
	return NULL;
}
