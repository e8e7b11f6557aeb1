/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What task.c (tasks), follow.c (clients that move), attempt.c, attempt_send.c and attempt_held.c (the life
 * of a program), attempt_learn.c, patience.c, task_journal.c and task_record.c share.
 *
 * An event (an answer, a time that has come, a demand, a cancellation) changes memory and journal in one
 * transaction, between task_enter() and task_leave(). Nothing is sent or told inside: attempts that have
 * something to send are scheduled for now, and tasks that have something to tell are noted.
 */
#ifndef EXECUTE_TASK_INTERNAL_H
#define EXECUTE_TASK_INTERNAL_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/slab.h"
#include "execute/keep.h"
#include "execute/past.h"
#include "execute/task.h"
#include "model/program.h"
#include <sqlite3.h>

/* Numbers are in the journal. */
enum attempt_state {
	ATTEMPT_SENDING,   /* not accepted yet */
	ATTEMPT_RUNNING,   /* accepted, no result yet */
	ATTEMPT_HELD,      /* a reservation, granted by all its owners */
	ATTEMPT_RELEASING, /* over; receipts are missing */
	ATTEMPT_CLOSED,
	ATTEMPT_STATES,
};

struct attempt_owner {
	struct gateway_identity identity;
	bool granted;
	bool settled;  /* its receipt is in, or it said that it holds nothing */
	int64_t until; /* wall clock: how long it certainly holds; not in the journal */
};

struct task;

struct attempt {
	struct task *task;
	uint32_t part;   /* index */
	uint32_t number; /* 1-based within the part */
	struct identifier program;
	struct kept octets; /* the program */
	struct kept plan;   /* its plan's record, while it is to take another's place */
	int64_t expires;    /* the program's */
	bool executes;
	struct gateway_identity site; /* that executes, or is last */
	int64_t limit;                /* of the claim; of what is reserved when nothing is claimed */
	enum attempt_state state;
	int32_t release; /* what a release program says: 0 bills, a code voids */
	uint32_t owner_count;
	struct attempt_owner owners[LEDGER_OWNERS];
	/* Not in the journal. */
	int64_t decided;   /* wall clock, of what the decision noted in the view; 0: nothing */
	int64_t sent;      /* monotonic, of the newest transmission */
	int64_t asked;     /* monotonic, of the first one by this process that left; 0: none */
	int64_t repeat_at; /* monotonic */
	int64_t repeat_after;
	int64_t deadline; /* monotonic: end of this state's patience */
	bool left;        /* a copy may have left this gateway */
	bool straight;    /* the program has expired: its site alone is asked what became of it */
	bool resent;      /* the round trip of an answer is ambiguous */
	int64_t round;    /* expiry of the first refresh of the round in hand; 0: it is confirmed */
	struct heap_node due;
};

struct part {
	enum task_state state;
	int32_t code, exit_status;
	uint32_t attempts;
	uint32_t tries; /* since it was granted; not in the journal */
	/* Of a part that waits, or has waited since it was granted, for a candidate. */
	int64_t patience;    /* wall clock: it fails without one then; 0: it has not waited */
	int64_t retry_at;    /* monotonic, 0: it does not wait; not in the journal */
	int64_t retry_after; /* not in the journal */
	uint64_t size;
	uint8_t digest[32];
	int64_t network, run_wall;
	int64_t ends; /* wall clock: of a reservation once it was granted; 0 before */
	int64_t bound_up, bound_down;
	struct task_refusal refusal;
	uint32_t class;
	bool measured;
	struct gateway_identity site;
	struct attempt *current; /* NULL when the newest attempt is closed and forgotten */
	struct attempt *moving;  /* that is to take its place, from where the client is now */
};

/* The last word of a client that moved. */
struct task_move {
	int64_t sent;         /* 0: none */
	struct task_place to; /* of `sent`; not in the journal */
	bool under_way;
	int32_t code; /* how it ended */
	uint32_t tries;
};

struct task {
	struct identifier identifier;
	struct kept demand; /* one part's demand is derived from it */
	char tenant[32];
	char name[DEMAND_NAME];
	bool spot;
	struct task_place place;
	struct task_move move;
	int64_t reserve_time; /* 0: it runs */
	enum task_state state;
	int32_t code;
	int64_t created, ended;
	uint32_t part_count;
	uint32_t open;      /* attempts not closed */
	struct part *parts; /* `only` when there is one */
	struct part only;
	struct heap_node waiting; /* while parts of it wait */
	/* Of the event in hand. */
	bool noted, finished, granted, moved;
	struct task *next_noted;
};

struct tasks {
	struct task_settings settings;
	struct task_rooms rooms;
	struct task_ports ports;
	struct random random;
	struct arena *arena; /* one round */
	struct slab *task_slab, *attempt_slab;
	struct keep *keep;       /* demands and programs */
	struct hash *by_task;    /* task id -> struct task */
	struct hash *by_program; /* program id -> struct attempt */
	struct heap *due;        /* every attempt, by the monotonic time of its next look */
	struct heap *waiting;    /* tasks of which a part waits, by the monotonic time of the next retry */
	struct past *past;       /* identifiers of all tasks not older than TASK_WINDOW */
	struct task *noted;
	uint32_t depth; /* of task_enter() */
};

/* Identifiers that are older cannot be met in memory alone: the journal is asked. */
#define TASK_WINDOW (60 * CLOCK_SECOND)

/* A program, or a refresh, that no owner has taken on by then is given up. */
#define TASK_PROGRAM_VALID (3 * CLOCK_SECOND)

int64_t task_wall(const struct tasks *tasks);
int64_t task_monotonic(const struct tasks *tasks);

/* task.c */
/* Begin and end of an event; they nest. */
void task_enter(struct tasks *tasks);
void task_leave(struct tasks *tasks);
void task_set_part_state(struct tasks *tasks, struct task *task, uint32_t part, enum task_state state,
                         const char *event);
/* Brings the task's state in line with its parts'; to be called after every change of a part or an attempt.
 */
void task_review(struct tasks *tasks, struct task *task);
/* The whole demand, and that of one part for the crank-back; its stages are in the arena. */
int task_demand(struct tasks *tasks, const struct task *task, struct demand *ret_demand) CHECKED;
void task_divide(struct demand *demand, uint32_t parts);
/*
 * In an event: holds the money and writes the attempt, which is then due to be sent. One that moves starts
 * where the client is now, and does not serve the part yet.
 */
int task_begin_attempt(struct tasks *tasks, struct task *task, uint32_t part, const struct demand *demand,
                       const struct plan *plan, const struct plan_part *planned, bool moves) CHECKED;
/* A plan was made use of: the port. */
void task_tell_decided(const struct tasks *tasks, const struct plan *plan);
/* The part is served by what this plan says. */
void task_take_plan(struct part *part, const struct plan_part *planned);
/* In an event: something is to be told when it is over. */
void task_note(struct tasks *tasks, struct task *task);
/* A task in the table, zeroed apart from its identifier and the room for its parts; NULL: no room. */
struct task *task_add(struct tasks *tasks, const struct identifier *identifier, uint32_t parts);
void task_forget(struct tasks *tasks, struct task *task);

/* follow.c; in an event */
/* An attempt that moves is held. */
void follow_held(struct tasks *tasks, struct task *task);
/* One has come to nothing; another is begun if there is a way. */
void follow_failed(struct tasks *tasks, struct task *task, uint32_t part, int error);
/* Gives a move up, if one is under way. */
void follow_abandon(struct tasks *tasks, struct task *task, int code);

/* attempt.c */
struct attempt *attempt_add(struct tasks *tasks, struct task *task, uint32_t part, uint32_t number,
                            const struct program *program);
void attempt_forget(struct tasks *tasks, struct attempt *attempt);
/* What a journalled attempt goes on with after a restart. */
void attempt_resume(struct tasks *tasks, struct attempt *attempt);
void attempt_set_state(struct attempt *attempt, enum attempt_state state, const char *event);
void attempt_save(struct tasks *tasks, const struct attempt *attempt);
/* To be called after everything that changes when an attempt wants its next look. */
void attempt_schedule(struct tasks *tasks, struct attempt *attempt);
int attempt_program(const struct attempt *attempt, struct program *ret_program) CHECKED;
struct attempt_owner *attempt_owner_of(struct attempt *attempt, struct gateway_identity identity);
void attempt_release(struct tasks *tasks, struct attempt *attempt, int32_t release, const char *event);
/* Plans a part again, for the time that is left, and begins an attempt. REFUSED: it has had as many as it
 * may.
 */
int attempt_next(struct tasks *tasks, struct task *task, uint32_t part, bool moves) CHECKED;
/* Gives an attempt up for `error` and tries the next candidate, see patience_next(). */
void attempt_crank_back(struct tasks *tasks, struct attempt *attempt, int32_t release, int error);
/* Looks at one attempt that is due; it may be gone afterwards. */
void attempt_tend(struct tasks *tasks, struct attempt *attempt);

/* attempt_send.c */
/* Hands packet->program to the network; the rest of the packet is filled in. NOT_FOUND when the view does not
 * know the way. */
int attempt_transmit(struct tasks *tasks, struct packet *packet, const void *payload, size_t payload_size);
/* As that, an attempt's own program, with its input if it takes that along. */
int attempt_transmit_program(struct tasks *tasks, const struct attempt *attempt);

/* patience.c */
/* In an event, after an attempt at a part was given up for `error`: the next one begins, or the part waits
 * for a candidate, or it fails. */
void patience_next(struct tasks *tasks, struct task *task, uint32_t part, int error);
/* In an event: until when a part waits that has begun to, wall clock. */
int64_t patience_begin(struct tasks *tasks, struct task *task, uint32_t part);
/* A part that was found without an attempt goes on waiting. False when it did not wait. */
bool patience_resume(struct tasks *tasks, struct task *task, uint32_t part);
/* Looks at parts that wait. Returns when it wants to be called again (monotonic clock). */
int64_t patience_tick(struct tasks *tasks);

/* attempt_held.c: reservations. */
/* The last owner has granted. */
void attempt_hold(struct tasks *tasks, struct attempt *attempt, const struct answer *answer);
/* When what is held wants its next look, monotonic clock. */
int64_t attempt_held_due(const struct tasks *tasks, const struct attempt *attempt);
void attempt_held_answer(struct tasks *tasks, struct attempt *attempt, const struct answer *answer);
/* An owner no longer holds its part of it. */
void attempt_held_lost(struct tasks *tasks, struct attempt *attempt, struct gateway_identity owner,
                       int error);
void attempt_held_tend(struct tasks *tasks, struct attempt *attempt);

/* attempt_learn.c: what a refusal says of its owner. */
void attempt_learn(struct tasks *tasks, const struct attempt *attempt, struct gateway_identity owner,
                   const struct answer_refusal *refusal);
/* Something came from an owner: if it was silent, it is no more. */
void attempt_heard(struct tasks *tasks, struct gateway_identity owner);
/* An owner that did not answer is avoided for a while. */
void attempt_suspect(struct tasks *tasks, struct gateway_identity owner, int error);

/* task_journal.c; all join an open transaction */
int task_journal_create(struct database *database) CHECKED;
int task_journal_insert(struct database *database, const struct task *task) CHECKED;
int task_journal_write(struct database *database, const struct task *task) CHECKED;
/* A part that a new attempt serves, with the record of its plan. */
int task_journal_put_part(struct database *database, const struct task *task, uint32_t part,
                          const uint8_t *plan, size_t size) CHECKED;
/* The number of attempts alone. */
int task_journal_write_attempts(struct database *database, const struct task *task, uint32_t part) CHECKED;
/* Where the client is. */
int task_journal_write_place(struct database *database, const struct task *task) CHECKED;
int task_journal_write_part(struct database *database, const struct task *task, uint32_t part) CHECKED;
int task_journal_insert_attempt(struct database *database, const struct attempt *attempt) CHECKED;
int task_journal_write_attempt(struct database *database, const struct attempt *attempt) CHECKED;
/* What a decision was made from. */
int task_journal_put_decision(struct database *database, const struct identifier *task, const uint8_t *octets,
                              size_t size) CHECKED;
/* Tasks with work left, with their parts and open attempts; identifiers of all tasks in the window. */
/* A part's refusal as a column has it. */
void task_journal_get_refusal(sqlite3_stmt *statement, int column, struct task_refusal *ret_refusal);
int task_journal_load(struct tasks *tasks) CHECKED;

#endif
