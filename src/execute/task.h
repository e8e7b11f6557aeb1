/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks at their ingress: a demand becomes a plan, parts, programs, results and a settled bill.
 *
 * A part is served by attempts: one program each, sent until it is accepted, refused or expired. After a
 * refusal or silence the next candidate is tried (crank-back), or waited for; each attempt's money is held
 * before its program leaves, and released when every owner's receipt is in.
 *
 * A part runs at most once: a program is not started after it has expired, and the next attempt begins
 * only when the one before was refused or has expired.
 *
 * A client may move to another gateway meanwhile (task_follow()): this one stays the task's anchor, with its
 * money, attempts and receipts. What was reserved along a path is reserved again along one that starts where
 * the client is now; when all of it is held the old one is released, and until then nothing of it is touched.
 *
 * A reservation is granted when the last owner on its path has granted. It is refreshed until its time is
 * over, and then released; what an owner loses meanwhile is reserved again for the rest of the time,
 * elsewhere.
 *
 * Memory is the truth about tasks that are not settled; the journal is its copy, from which another process
 * goes on. What is in it is enough to come to the same end: an attempt that was granted is refreshed or
 * polled, one that was sent is sent again.
 */
#ifndef EXECUTE_TASK_H
#define EXECUTE_TASK_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/database.h"
#include "base/random.h"
#include "execute/plan_record.h"
#include "execute/store.h"
#include "meter/ledger.h"
#include "model/demand.h"
#include "model/plan.h"
#include "model/program.h"
#include "view/view.h"
#include "wire/answer.h"
#include "wire/packet.h"
#include "wire/seal.h"

struct tasks;

/* Open tasks, unless the settings say otherwise; attempts at a part before it fails. */
enum { TASK_MAXIMUM = 65536, TASK_ATTEMPTS = 5 };

/* Numbers are on the wire and in the journal. */
enum task_state {
	TASK_SUBMITTED,
	TASK_MAPPED,
	TASK_GRANTED,
	TASK_STAGING,
	TASK_RUNNING,
	TASK_DONE,
	TASK_FAILED,
	TASK_CANCELLED,
	TASK_EXPIRED,
	TASK_SETTLED,
	TASK_STATES,
};
extern const char *const task_state_names[TASK_STATES + 1];

struct task_ports {
	void *context;
	/*
	 * A program that is to travel to its first segment. `bytes` is what travels; NULL when it ends here,
	 * because this gateway owns all that it asks for.
	 */
	void (*send)(void *context, const struct packet *packet, uint8_t *bytes, size_t size);
	void (*acknowledge)(void *context, struct gateway_identity owner, const struct identifier *program,
	                    enum answer_type what);
	/*
	 * What was sent before still waits to be looked at, at this gateway itself: nothing new is begun, and
	 * nothing repeated. NULL: never.
	 */
	bool (*behind)(void *context);
	/* All that the task reserves is held (also when it had to be reserved again). */
	void (*granted)(void *context, const struct identifier *task);
	/* The task is done, failed, cancelled or expired. */
	void (*finished)(void *context, const struct identifier *task);
	/* What task_follow() began has ended: 0, or why everything is as it was. */
	void (*moved)(void *context, const struct identifier *task, int code);
	/* A plan that a task begins with, or goes on with. NULL: nobody asks. */
	void (*decided)(void *context, const struct plan *plan);
};

struct task_settings {
	struct gateway_identity identity;
	uint8_t address[16]; /* own, takes answers and output */
	uint16_t port;
	struct clock clock;
	uint64_t seed;
	uint64_t output_maximum; /* octets of one part's output */
	uint32_t tasks;          /* most open tasks; 0: TASK_MAXIMUM; the tables' memory follows it */
	/* What a tenant's demands may be placed on. NULL: everything, for everybody. */
	const struct view_sight *(*sight)(void *context, const char *tenant);
	void *context;
	bool decisions; /* keep what every decision was made from, see decision.h */
};

struct task_rooms {
	struct database *database;
	struct view *view;
	struct ledger *ledger;
	struct store *store;
	const struct seal_ring *ring;
};

int tasks_create(const struct task_settings *settings, const struct task_rooms *rooms,
                 const struct task_ports *ports, struct tasks **ret_tasks) CHECKED;
/* Accepts NULL, returns NULL. */
struct tasks *tasks_free(struct tasks *tasks);

/* Where a client is. */
struct task_place {
	struct gateway_identity edge;                   /* that it speaks to; none: this one */
	uint8_t client[16];                             /* its address */
	int64_t access_up, access_down;                 /* one-way delays of its access link there */
	int64_t access_ceiling_up, access_ceiling_down; /* what it takes at most; 0: none is promised */
};

struct task_request {
	const struct demand *demand; /* identifier set; it names the task */
	const char *tenant;
	bool spot;
	struct task_place place;
	struct gateway_identity site; /* the only one that will do; none: any */
	const struct plan *plan;      /* made for it a moment ago; NULL: to be made */
};

/*
 * Maps, holds the money, writes it all down and sends the programs. On failure there is no task and no
 * entry in the ledger: the plan's status (INFEASIBLE, BUDGET, ...), NO_FUNDS, TABLE_FULL, DUPLICATE, ...
 */
int task_submit(struct tasks *tasks, const struct task_request *request) CHECKED;
/* The plan that task_submit() would choose now, in `arena`. */
int task_quote(struct tasks *tasks, const struct task_request *request, struct arena *arena,
               struct plan *ret_plan) CHECKED;
/* Ends what is not ended; what was used is billed. NOT_FOUND, STATE when it has ended. */
int task_cancel(struct tasks *tasks, const struct identifier *task) CHECKED;

/*
 * The client of a task is at `place` since `sent`, by its clock. 0: what is still to come goes there; 1: the
 * traffic of a reservation is not there yet, the port `moved` tells when it is; a reservation that is not
 * granted does not move, the client asks again. Else STATE when it has ended, REPLAYED when a later word is
 * in force (or the same from elsewhere), and why nothing can be reserved from there: INFEASIBLE, NO_FUNDS,
 * ...
 */
int task_follow(struct tasks *tasks, const struct identifier *task, const struct task_place *place,
                int64_t sent) CHECKED;

/* An answer from an owner, authenticated. */
void task_answer(struct tasks *tasks, const struct answer *answer);
/* Repetition and deadlines. Returns when it wants to be called again (monotonic clock, ns). */
int64_t task_tick(struct tasks *tasks);

/* What the last owner that refused a part had to say. */
struct task_refusal {
	int32_t error;                         /* 0: none has */
	struct gateway_identity owner, toward; /* toward: set when a link refused */
	enum resource_kind resource;
	int64_t have, need; /* as in book_refusal */
};

struct task_part_record {
	uint32_t number;
	enum task_state state;
	int32_t code, exit_status;
	uint32_t attempts;
	uint64_t size;
	uint8_t digest[32];
	int64_t network; /* measured round trip of the accepted program, owner's processing taken off; 0
	                    unknown */
	int64_t run_wall;
	struct gateway_identity site;
	struct identifier program;
	/* Of the path; bounds are 0 when it is measured. */
	bool measured;
	uint32_t class;
	int64_t bound_up, bound_down;
	struct task_refusal refusal;
};
struct task_record {
	struct identifier identifier;
	char tenant[32];
	char name[DEMAND_NAME];
	enum task_state state;
	int32_t code;
	int64_t created, ended;
	uint32_t part_count;
	struct task_part_record *parts; /* malloc'd */
};
/* NOT_FOUND. The record is the caller's: task_record_clear(). */
int task_read(struct tasks *tasks, const struct identifier *task, struct task_record *ret_record) CHECKED;
void task_record_clear(struct task_record *record);
/* Newest first, of one tenant (NULL: all), at most `maximum`; returns the count. */
int task_list(struct tasks *tasks, const char *tenant, struct identifier *ret_tasks,
              uint32_t maximum) CHECKED;
/* Of a task's part (1-based): the program of its newest attempt, and what it was planned from. NOT_FOUND. */
int task_program(struct tasks *tasks, const struct identifier *task, uint32_t part,
                 struct program *ret_program) CHECKED;
int task_plan(struct tasks *tasks, const struct identifier *task, uint32_t part,
              struct plan_record *ret_record) CHECKED;

/* What an open task may take at most on the network (0: it did not say), and whether it is guaranteed.
 * NOT_FOUND. */
int task_limit(struct tasks *tasks, const struct identifier *task, int64_t *ret_within,
               bool *ret_guaranteed) CHECKED;

/* Attempts whose money is not settled yet, or that are still to be made because a task waits for a candidate;
 * bytes of all tables. */
size_t task_open_attempts(const struct tasks *tasks);
size_t task_bytes(const struct tasks *tasks);

#endif
