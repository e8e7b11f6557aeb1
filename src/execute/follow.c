/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that move: what was reserved is reserved again from where they are, before it is let go.
 *
 * The site stays the same: it is where the service has the client's session. Until every part is held anew
 * the old attempts serve; then they are released in the same event, and billed for their time. An attempt
 * that comes to nothing is void. The journal has no move: after a restart one that was under way is given
 * up, and begins again when the client asks again.
 */
#include "base/error.h"
#include "base/log.h"
#include "execute/task_internal.h"
#include <string.h>

#define TAG "task"

/* Nothing of it is on the way to the client: there is only where it is told of results. */
static bool has_traffic(struct tasks *tasks, const struct task *task)
{
	struct demand demand;
	bool traffic = task->reserve_time > 0 && task_demand(tasks, task, &demand) == 0 &&
	               (demand.body.bandwidth_up > 0 || demand.body.bandwidth_down > 0);

	arena_reset(tasks->arena);
	return traffic;
}

static bool all_held(const struct task *task, bool moving)
{
	for (uint32_t i = 0; i < task->part_count; i++) {
		const struct attempt *attempt = moving ? task->parts[i].moving : task->parts[i].current;

		if (attempt == NULL || attempt->state != ATTEMPT_HELD)
			return false;
	}
	return true;
}

static void end_move(struct tasks *tasks, struct task *task, int code)
{
	char text[IDENTIFIER_TEXT];

	log_info(TAG, "task=%s event=%s cause=\"%s\"", identifier_text(&task->identifier, text),
	         code == 0 ? "moved" : "not-moved", error_text(code));
	task->move.under_way = false;
	task->move.code = code;
	task->moved = true;
	task_note(tasks, task);
}

static void take_place(struct tasks *tasks, struct task *task)
{
	task->place = task->move.to;
	if (task_journal_write_place(tasks->rooms.database, task) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

/* The attempt that moved serves the part. */
static void take_over(struct tasks *tasks, struct task *task, uint32_t index)
{
	struct part *part = &task->parts[index];
	struct attempt *old = part->current;
	struct plan_record record;
	int code = plan_record_decode(part->moving->plan.octets, part->moving->plan.size, &record);

	if (code == 0) {
		task_take_plan(part, &record.part);
		code = task_journal_put_part(tasks->rooms.database, task, index, part->moving->plan.octets,
		                             part->moving->plan.size);
	}
	if (code < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", error_text(code));
	keep_drop(tasks->keep, &part->moving->plan);
	part->current = part->moving;
	part->moving = NULL;
	part->patience = part->retry_at = 0;
	if (part->state != TASK_GRANTED)
		task_set_part_state(tasks, task, index, TASK_GRANTED, "moved");
	if (old != NULL)
		attempt_release(tasks, old, 0, "moved");
}

void follow_held(struct tasks *tasks, struct task *task)
{
	if (!task->move.under_way || !all_held(task, true))
		return;
	take_place(tasks, task);
	for (uint32_t i = 0; i < task->part_count; i++)
		take_over(tasks, task, i);
	end_move(tasks, task, 0);
}

void follow_abandon(struct tasks *tasks, struct task *task, int code)
{
	if (!task->move.under_way)
		return;
	for (uint32_t i = 0; i < task->part_count; i++) {
		struct attempt *attempt = task->parts[i].moving;

		task->parts[i].moving = NULL;
		if (attempt != NULL)
			attempt_release(tasks, attempt, code, "not-moved");
	}
	end_move(tasks, task, code);
}

void follow_failed(struct tasks *tasks, struct task *task, uint32_t part, int error)
{
	task->parts[part].moving = NULL;
	task->move.tries++;
	if (attempt_next(tasks, task, part, true) < 0)
		follow_abandon(tasks, task, error); /* says more than "nothing is left" */
}

static int begin(struct tasks *tasks, struct task *task)
{
	int code = 0;

	task->move.under_way = true;
	for (uint32_t i = 0; i < task->part_count && code >= 0; i++)
		code = attempt_next(tasks, task, i, true);
	if (code < 0)
		follow_abandon(tasks, task, code);
	return code < 0 ? code : 1;
}

static bool same_place(const struct task_place *a, const struct task_place *b)
{
	return gateway_equal(a->edge, b->edge) && memcmp(a->client, b->client, sizeof(a->client)) == 0;
}

/* A word that was heard before, or is older than one that was. */
static int follow_again(const struct task *task, const struct task_place *place, int64_t sent)
{
	const struct task_move *move = &task->move;
	/* After a restart the place is all that is known of the last word. */
	const struct task_place *there = gateway_is_none(move->to.edge) ? &task->place : &move->to;

	if (sent < move->sent || !same_place(place, there))
		return BUSBAR_ERROR_REPLAYED;
	return move->under_way ? 1 : move->code;
}

/* Nothing to be moved, or nothing that has to be there first. */
static int settle_place(struct tasks *tasks, struct task *task)
{
	follow_abandon(tasks, task, BUSBAR_ERROR_CANCELLED);
	take_place(tasks, task);
	task->move.code = 0;
	return 0;
}

int task_follow(struct tasks *tasks, const struct identifier *identifier, const struct task_place *place,
                int64_t sent)
{
	struct task *task = hash_get(tasks->by_task, identifier->octets);
	bool traffic;
	int code;

	if (task == NULL || task->state >= TASK_DONE)
		return BUSBAR_ERROR_STATE;
	if (sent <= task->move.sent)
		return follow_again(task, place, sent);
	traffic = has_traffic(tasks, task) && !same_place(place, &task->place);
	if (traffic && !all_held(task, false))
		return 1;
	task_enter(tasks);
	follow_abandon(tasks, task, BUSBAR_ERROR_CANCELLED);
	task->move = (struct task_move){.sent = sent, .to = *place};
	code = traffic ? begin(tasks, task) : settle_place(tasks, task);
	task_leave(tasks);
	if (code <= 0)
		return code;
	(void)task_tick(tasks);
	/* What ends at this gateway itself has been answered by now. */
	task = hash_get(tasks->by_task, identifier->octets);
	return task == NULL ? BUSBAR_ERROR_STATE : follow_again(task, place, sent);
}
