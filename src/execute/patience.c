/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a part whose attempt was given up: another attempt, or, when there is no candidate for one
 * at the moment, it waits and is planned again now and then.
 *
 * Meanwhile it holds nothing, and no money beyond what its released attempts have still to settle. It fails,
 * for the reason for which the last attempt was given up, when it has waited too long: until the demand wants
 * its answer, or its result; PATIENCE after it waited first, when it says neither; or until the reservation's
 * own end. The journal has reason and time with the part, so a restart goes on.
 *
 * A site that may be running the part, and says nothing, is waited for as long: attempt.c asks it.
 *
 * A demand that has no candidate when it comes does not wait: it is answered at once.
 */
#include "base/error.h"
#include "base/log.h"
#include "execute/task_internal.h"

#define TAG "task"

#define PATIENCE (5 * CLOCK_SECOND)
#define RETRY_FIRST (20 * CLOCK_MILLISECOND)
#define RETRY_MOST CLOCK_SECOND

enum { RETRIES = 16 }; /* most tasks that are planned again in one tick */

static bool waits(const struct part *part)
{
	return part->state == TASK_MAPPED && part->retry_at != 0;
}

/* Enters the task where it is to be looked at next, or takes it out. False when there is no room. */
static bool schedule(struct tasks *tasks, struct task *task)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < task->part_count; i++)
		if (waits(&task->parts[i]))
			first = MINIMUM(first, task->parts[i].retry_at);
	if (first == INT64_MAX)
		heap_remove(tasks->waiting, &task->waiting);
	else if (task->waiting.position == 0)
		return heap_push(tasks->waiting, &task->waiting, first) == 0;
	heap_update(tasks->waiting, &task->waiting, first);
	return true;
}

/* When a part that waits from now on has waited too long, wall clock. */
static int64_t end_of_patience(struct tasks *tasks, const struct task *task, const struct part *part)
{
	int64_t end = task_wall(tasks) + PATIENCE, within = 0;
	struct demand demand;

	if (part->ends != 0)
		return MINIMUM(end, part->ends);
	if (task->reserve_time == 0 && task_demand(tasks, task, &demand) == 0) {
		within = demand.body.respond_within;
		if (within == 0 || (demand.body.finish_within != 0 && demand.body.finish_within < within))
			within = demand.body.finish_within;
	}
	arena_reset(tasks->arena);
	return within == 0 ? end : task->created + within;
}

/* Many may have lost their way at the same time: they do not all come again at the same time. */
static void set_retry(struct tasks *tasks, struct part *part)
{
	int64_t left = part->patience - task_wall(tasks), wait;

	part->retry_after = part->retry_after == 0 ? RETRY_FIRST : MINIMUM(part->retry_after * 2, RETRY_MOST);
	wait = part->retry_after * 3 / 4 +
	       (int64_t)random_below(&tasks->random, (uint64_t)part->retry_after / 2);
	part->retry_at = task_monotonic(tasks) + MINIMUM(wait, left);
}

static void save_part(struct tasks *tasks, const struct task *task, uint32_t index)
{
	if (task_journal_write_part(tasks->rooms.database, task, index) < 0)
		log_error(TAG, "event=not-saved cause=\"%s\"", database_problem(tasks->rooms.database));
}

int64_t patience_begin(struct tasks *tasks, struct task *task, uint32_t index)
{
	struct part *part = &task->parts[index];

	if (part->patience != 0)
		return part->patience;
	part->patience = end_of_patience(tasks, task, part);
	save_part(tasks, task, index);
	return part->patience;
}

/* False when it has waited too long, or too many wait. */
static bool wait_on(struct tasks *tasks, struct task *task, uint32_t index)
{
	struct part *part = &task->parts[index];
	bool first = !waits(part);

	if (part->patience == 0)
		part->patience = end_of_patience(tasks, task, part);
	if (task_wall(tasks) >= part->patience)
		return false;
	set_retry(tasks, part);
	if (!first)
		return true;
	task_set_part_state(tasks, task, index, TASK_MAPPED, "no-candidate");
	if (!schedule(tasks, task))
		return false;
	save_part(tasks, task, index);
	return true;
}

void patience_next(struct tasks *tasks, struct task *task, uint32_t part, int error)
{
	int code = attempt_next(tasks, task, part, false);

	if (code >= 0)
		return;
	/* The owner's own reason says more than "nothing is left". */
	task->parts[part].code = error;
	/* REFUSED: it has had its attempts. */
	if (code == BUSBAR_ERROR_REFUSED || !wait_on(tasks, task, part))
		task_set_part_state(tasks, task, part, TASK_FAILED, "no-candidate");
}

bool patience_resume(struct tasks *tasks, struct task *task, uint32_t part)
{
	if (task->parts[part].patience == 0)
		return false;
	task->parts[part].retry_at = task_monotonic(tasks);
	return schedule(tasks, task);
}

static void tend(struct tasks *tasks, struct task *task)
{
	int64_t now = task_monotonic(tasks);

	task_enter(tasks);
	for (uint32_t i = 0; i < task->part_count; i++)
		if (waits(&task->parts[i]) && task->parts[i].retry_at <= now)
			patience_next(tasks, task, i, task->parts[i].code);
	task_review(tasks, task);
	(void)schedule(tasks, task); /* it has its room */
	task_leave(tasks);
}

int64_t patience_tick(struct tasks *tasks)
{
	int64_t now = task_monotonic(tasks);

	for (unsigned looked_at = 0;; looked_at++) {
		struct heap_node *first = heap_peek(tasks->waiting);

		if (first == NULL || heap_least(tasks->waiting) > now || looked_at == RETRIES)
			return heap_least(tasks->waiting);
		tend(tasks, CONTAINER_OF(first, struct task, waiting));
	}
}
