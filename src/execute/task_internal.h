/* SPDX-License-Identifier: Apache-2.0 */
/* What task.c (tasks), attempt.c (the life of a program) and task_journal.c share. */
#ifndef EXECUTE_TASK_INTERNAL_H
#define EXECUTE_TASK_INTERNAL_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/slab.h"
#include "execute/task.h"
#include "model/program.h"

enum attempt_state {
	ATTEMPT_SENDING,   /* not accepted yet */
	ATTEMPT_RUNNING,   /* accepted, no result yet */
	ATTEMPT_RELEASING, /* over; receipts are missing */
	ATTEMPT_CLOSED,
	ATTEMPT_STATES,
};

struct attempt_owner {
	struct gateway_identity identity;
	bool granted;
	bool settled; /* its receipt is in, or it said that it holds nothing */
};

struct task;

struct attempt {
	struct task *task;
	uint32_t part;   /* index */
	uint32_t number; /* 1-based within the part */
	struct program program;
	enum attempt_state state;
	int32_t release; /* what a release program says: 0 bills, a code voids */
	uint32_t owner_count;
	struct attempt_owner owners[LEDGER_OWNERS];
	/* Not in the journal. */
	int64_t decided;   /* wall clock, of what the decision noted in the view; 0: nothing */
	int64_t sent;      /* monotonic, of the newest transmission */
	int64_t repeat_at; /* monotonic */
	int64_t repeat_after;
	int64_t deadline; /* monotonic: end of this state's patience */
	bool resent;      /* the round trip of an answer is ambiguous */
};

struct part {
	enum task_state state;
	int32_t code, exit_status;
	uint32_t attempts;
	uint64_t size;
	uint8_t digest[32];
	int64_t network, run_wall;
	struct gateway_identity site;
	struct attempt *current; /* NULL when the newest attempt is closed and forgotten */
};

struct task {
	struct demand demand; /* one part's demand is derived from it */
	char tenant[32];
	bool spot;
	int64_t access_up, access_down;
	enum task_state state;
	int32_t code;
	int64_t created, ended;
	uint32_t part_count;
	struct part *parts;
	uint32_t open; /* attempts not closed */
};

struct tasks {
	struct task_settings settings;
	struct task_rooms rooms;
	struct task_ports ports;
	struct random random;
	struct arena *arena; /* one round */
	struct slab *task_slab, *attempt_slab;
	struct hash *by_task;    /* task id -> struct task */
	struct hash *by_program; /* program id -> struct attempt */
};

int64_t task_wall(const struct tasks *tasks);
int64_t task_monotonic(const struct tasks *tasks);

/* task.c */
void task_set_state(struct tasks *tasks, struct task *task, enum task_state state, const char *event);
void task_set_part_state(struct tasks *tasks, struct task *task, uint32_t part, enum task_state state,
                         const char *event);
/* Brings the task's state in line with its parts'; to be called after every change of a part. */
void task_review(struct tasks *tasks, struct task *task);
/* The demand of one part, for the crank-back. */
void task_part_demand(const struct task *task, struct demand *ret_demand);
/* In an open transaction: holds the money and writes the attempt; then attempt_send(). */
int task_begin_attempt(struct tasks *tasks, struct task *task, uint32_t part, const struct plan *plan,
                       const struct plan_part *planned) CHECKED;
void task_forget(struct tasks *tasks, struct task *task);

/* attempt.c */
struct attempt *attempt_add(struct tasks *tasks, struct task *task, uint32_t part, uint32_t number,
                            const struct program *program);
void attempt_forget(struct tasks *tasks, struct attempt *attempt);
void attempt_resume(struct tasks *tasks, struct attempt *attempt);
void attempt_send(struct tasks *tasks, struct attempt *attempt);
void attempt_release(struct tasks *tasks, struct attempt *attempt, int32_t release, const char *event);
int64_t attempt_tend(struct tasks *tasks, struct attempt *attempt);

/* task_journal.c; all join an open transaction */
int task_journal_create(struct database *database) CHECKED;
int task_journal_save(struct database *database, const struct task *task) CHECKED;
int task_journal_save_part(struct database *database, const struct task *task, uint32_t part,
                           const char *plan) CHECKED;
int task_journal_save_attempt(struct database *database, const struct attempt *attempt) CHECKED;
/* What a decision was made from. */
int task_journal_save_decision(struct database *database, const struct identifier *task,
                               const uint8_t *octets, size_t size) CHECKED;
/* Tasks with work left, with their parts and open attempts. */
int task_journal_load(struct tasks *tasks) CHECKED;

#endif
