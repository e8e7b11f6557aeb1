/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reservation that all its owners have granted: refreshed in rounds until its time is over, reserved again
 * when an owner lost it.
 *
 * The first round comes soon, since it confirms the reservation at its owners, also one that is over before
 * it needs to live on. A round is repeated until the last owner on the path has answered; then all before it
 * have been refreshed too.
 */
#include "base/error.h"
#include "base/log.h"
#include "compile/compile.h"
#include "execute/task_internal.h"

#define TAG "attempt"

#define REFRESH_FIRST CLOCK_SECOND
#define REFRESH_EVERY (10 * CLOCK_SECOND)
#define REFRESH_REPEAT (200 * CLOCK_MILLISECOND)
#define REFRESH_REPEAT_MOST (2 * CLOCK_SECOND)
/* What is lost so shortly before its end is not reserved again. */
#define REST_LEAST CLOCK_SECOND

static struct part *part_of(const struct attempt *attempt)
{
	return &attempt->task->parts[attempt->part];
}

/* How far a refresh made at `made` reaches at each owner, at least. */
static int64_t reach(const struct attempt *attempt, int64_t made)
{
	return MINIMUM(made + PLAN_RESERVATION_LIFETIME, part_of(attempt)->ends);
}

static void extend(struct attempt_owner *owner, int64_t until)
{
	owner->granted = true;
	owner->until = MAXIMUM(owner->until, until);
}

/* A gateway that reserves from itself alone need not confirm it (owner_program.c). */
static bool is_confirmed(const struct tasks *tasks, const struct attempt *attempt)
{
	return attempt->owner_count == 1 &&
	       gateway_equal(attempt->owners[0].identity, tasks->settings.identity);
}

/* When the owners, who hold for `left` from now, are to be refreshed first. */
static int64_t first_round(const struct tasks *tasks, const struct attempt *attempt, int64_t left)
{
	int64_t now = task_monotonic(tasks);

	if (!is_confirmed(tasks, attempt))
		return now + MINIMUM(REFRESH_FIRST, left / 4);
	return attempt->owners[0].until >= part_of(attempt)->ends ? INT64_MAX
	                                                          : now + MINIMUM(REFRESH_EVERY, left / 4);
}

void attempt_hold(struct tasks *tasks, struct attempt *attempt, const struct answer *answer)
{
	struct task *task = attempt->task;
	struct part *part = part_of(attempt);
	int64_t now = task_wall(tasks);
	int64_t network = task_monotonic(tasks) - attempt->sent - answer->processing;
	/* Owners count from when they granted, which may be long ago when answers were lost or late. */
	int64_t left = attempt->expires - TASK_PROGRAM_VALID + attempt->limit - now;

	if (left < attempt->limit / 8) { /* over, or before a refresh could come */
		attempt_crank_back(tasks, attempt, BUSBAR_ERROR_EXPIRED, BUSBAR_ERROR_EXPIRED);
		return;
	}
	/* What one gateway has for its whole time from itself ends when it says so. */
	if (part->ends == 0)
		part->ends = is_confirmed(tasks, attempt) && attempt->limit == task->reserve_time
		                     ? now + left
		                     : now + task->reserve_time;
	part->tries = 0;
	if (attempt == part->current)
		part->patience = 0;
	/* A retransmission makes it unknown which packet was answered; from elsewhere it measures another
	 * way. */
	if (!attempt->resent && network > 0 &&
	    gateway_equal(attempt->owners[0].identity, tasks->settings.identity))
		part->network = network + task->place.access_up + task->place.access_down;
	for (uint32_t i = 0; i < attempt->owner_count; i++)
		extend(&attempt->owners[i], now + MAXIMUM(left, REFRESH_FIRST));
	attempt->round = 0;
	attempt->repeat_at = first_round(tasks, attempt, left);
	attempt_set_state(attempt, ATTEMPT_HELD, "granted");
	attempt_schedule(tasks, attempt);
	attempt_save(tasks, attempt);
	if (attempt == part->moving)
		follow_held(tasks, task);
	else
		task_set_part_state(tasks, task, attempt->part, TASK_GRANTED, "granted");
	task_review(tasks, task);
}

/* The owner that is known to hold for the shortest time; NULL when all have settled. */
static struct attempt_owner *shortest(const struct attempt *attempt)
{
	const struct attempt_owner *first = NULL;

	for (uint32_t i = 0; i < attempt->owner_count; i++)
		if (!attempt->owners[i].settled && (first == NULL || attempt->owners[i].until < first->until))
			first = &attempt->owners[i];
	return (struct attempt_owner *)(uintptr_t)first;
}

int64_t attempt_held_due(const struct tasks *tasks, const struct attempt *attempt)
{
	const struct attempt_owner *owner = shortest(attempt);
	int64_t now = task_wall(tasks), first = part_of(attempt)->ends;

	if (owner != NULL && first - now >= REST_LEAST)
		first = MINIMUM(first, owner->until);
	return MINIMUM(attempt->repeat_at, task_monotonic(tasks) + first - now);
}

void attempt_held_answer(struct tasks *tasks, struct attempt *attempt, const struct answer *answer)
{
	struct attempt_owner *owner = attempt_owner_of(attempt, answer->sender);
	int64_t made = answer->valid - TASK_PROGRAM_VALID;
	int64_t until = reach(attempt, made);

	/* Of the program itself, or of a round before. */
	if (attempt->round == 0 || answer->valid < attempt->round)
		return;
	extend(owner, until);
	if (owner == &attempt->owners[attempt->owner_count - 1]) {
		for (uint32_t i = 0; i < attempt->owner_count; i++)
			extend(&attempt->owners[i], until);
		attempt->round = 0;
		attempt->repeat_at =
		        until >= part_of(attempt)->ends
		                ? INT64_MAX
		                : task_monotonic(tasks) + made - task_wall(tasks) + REFRESH_EVERY;
	}
	attempt_schedule(tasks, attempt);
}

void attempt_held_lost(struct tasks *tasks, struct attempt *attempt, struct gateway_identity owner, int error)
{
	char text[GATEWAY_TEXT];

	if (part_of(attempt)->ends - task_wall(tasks) < REST_LEAST) {
		attempt_schedule(tasks, attempt);
		return;
	}
	log_notice(TAG, "event=lost owner=%s cause=\"%s\"", gateway_text(owner, text), error_text(error));
	attempt_crank_back(tasks, attempt, 0, error);
}

static void end_of_time(struct tasks *tasks, struct attempt *attempt)
{
	struct task *task = attempt->task;

	task_enter(tasks);
	if (attempt == part_of(attempt)->moving) {
		follow_abandon(tasks, task, BUSBAR_ERROR_STATE);
	} else {
		task_set_part_state(tasks, task, attempt->part, TASK_DONE, "time-over");
		attempt_release(tasks, attempt, 0, "time-over");
	}
	task_review(tasks, task);
	task_leave(tasks);
}

static void end_of_patience(struct tasks *tasks, struct attempt *attempt, struct gateway_identity owner)
{
	task_enter(tasks);
	attempt_suspect(tasks, owner, BUSBAR_ERROR_NO_ANSWER);
	attempt_held_lost(tasks, attempt, owner, BUSBAR_ERROR_NO_ANSWER);
	task_leave(tasks);
}

static void refresh(struct tasks *tasks, struct attempt *attempt)
{
	int64_t now = task_wall(tasks);
	int64_t expires = now + TASK_PROGRAM_VALID;
	struct program program;
	struct packet packet;

	attempt->repeat_after = attempt->round == 0 ? REFRESH_REPEAT
	                                            : MINIMUM(attempt->repeat_after * 2, REFRESH_REPEAT_MOST);
	if (attempt->round == 0)
		attempt->round = expires;
	attempt->repeat_at = task_monotonic(tasks) + attempt->repeat_after;
	attempt_schedule(tasks, attempt);
	if (attempt_program(attempt, &program) < 0)
		return;
	compile_refresh(&program, reach(attempt, now) - now, expires, &packet.program);
	attempt_transmit(tasks, &packet, NULL, 0);
}

void attempt_held_tend(struct tasks *tasks, struct attempt *attempt)
{
	const struct attempt_owner *owner = shortest(attempt);
	int64_t now = task_wall(tasks);

	if (now >= part_of(attempt)->ends)
		end_of_time(tasks, attempt);
	else if (owner != NULL && now >= owner->until && part_of(attempt)->ends - now >= REST_LEAST)
		end_of_patience(tasks, attempt, owner->identity);
	else if (task_monotonic(tasks) >= attempt->repeat_at)
		refresh(tasks, attempt);
	else
		attempt_schedule(tasks, attempt);
}
