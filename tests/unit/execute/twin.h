/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of gateways without kernel, sockets or time: real owners, tasks, books, ledgers and databases,
 * joined by a queue that loses, doubles and delays, under a clock that the test turns.
 *
 * What a gateway writes is on its disk some time later; what it sends, and what it tells the tenant, leaves
 * it only then. A gateway that is killed loses what was not on the disk: another process goes on from a copy
 * of the journal.
 */
#ifndef TESTS_EXECUTE_TWIN_H
#define TESTS_EXECUTE_TWIN_H

#include "base/random.h"
#include "book/book.h"
#include "execute/owner.h"
#include "execute/task.h"
#include "meter/ledger.h"
#include "meter/usage.h"
#include "view/view.h"

/* The other edge is in a wide network alone. */
enum {
	TWIN_EDGE,
	TWIN_CORE,
	TWIN_OTHER_CORE,
	TWIN_SITE,
	TWIN_FAR_SITE,
	TWIN_NODES,
	TWIN_OTHER_EDGE = TWIN_NODES,
	TWIN_WIDE_NODES,
};

enum { TWIN_TASKS = 256 }; /* most that are open at the edge */

struct twin;

struct twin_weather {
	uint32_t loss, doubling; /* percent */
	uint32_t run_failures;   /* percent of runs that end with an error */
};

/* `seed` decides everything that happens. */
struct twin *twin_create(uint64_t seed, const struct twin_weather *weather);
struct twin *twin_create_wide(uint64_t seed, const struct twin_weather *weather);
void twin_free(struct twin *twin);

/*
 * A demand at the edge; 0 or task_submit()'s code. *ret_task may be NULL. It is acknowledged, and a grant is,
 * once it is on the edge's disk.
 */
int twin_demand(struct twin *twin, const char *text, struct identifier *ret_task);
/*
 * The client of a task is at a node since now, with an address of its own there. What task_follow() returns;
 * again: with the same word as the last time.
 */
int twin_follow(struct twin *twin, const struct identifier *task, uint32_t node, bool again);
/* Moves of a task that have ended, and how the last one did. */
uint32_t twin_moves(struct twin *twin, const struct identifier *task, int *ret_code);
/* As that, with a plan from just before a node went from the edge's view. */
int twin_demand_late(struct twin *twin, const char *text, uint32_t gone, struct identifier *ret_task);
/* Lets time pass. */
void twin_run(struct twin *twin, int64_t time);
/* Runs until no attempt and no holding is open, at most `time`; false when something is left. */
bool twin_settle(struct twin *twin, int64_t time);
void twin_kill(struct twin *twin, uint32_t node);
void twin_start(struct twin *twin, uint32_t node);
/* Nothing gets in or out. */
void twin_isolate(struct twin *twin, uint32_t node, bool isolated);
/* Programs that ask something of the node are swallowed; plain forwarding goes on. */
void twin_mute(struct twin *twin, uint32_t node, bool mute);
/* What the node answers is lost. */
void twin_hush(struct twin *twin, uint32_t node, bool hushed);
/* What comes to the node waits before it. */
void twin_stall(struct twin *twin, uint32_t node, bool stalled);
/* It says that it is behind with what it has sent to itself. */
void twin_delay(struct twin *twin, uint32_t node, bool behind);
/* A large output of the node takes until this is undone. Whether one is on its way. */
bool twin_hold_output(struct twin *twin, uint32_t node, bool hold);
/* Fair weather from now on. */
void twin_clear_up(struct twin *twin);

/*
 * What must hold when all is settled: the ledger is clean, metered equals billed for every owner, books are
 * empty, no run is left and none was started twice for one part.
 */
void twin_check(struct twin *twin);
/* Everything that the node's book has is free. */
void twin_check_book(struct twin *twin, uint32_t node);
/*
 * What must hold at any time: what was acknowledged is known at the edge; what is granted is held at each of
 * its owners that is alive; nothing is held past its end, and a flow for what is held alone.
 */
void twin_check_grants(struct twin *twin);
void twin_cancel(struct twin *twin, const struct identifier *task);
void twin_read(struct twin *twin, const struct identifier *task, struct task_record *ret_record);
/* How many runs were started of the parts of a task. */
uint32_t twin_runs(struct twin *twin, const struct identifier *task);
struct random *twin_random(struct twin *twin);
/* How often a task was told to be granted; flows that a node's kernel has; links that are in use there. */
uint32_t twin_grants(struct twin *twin, const struct identifier *task);
uint32_t twin_flows(struct twin *twin, uint32_t node);
const struct owner_flow *twin_flow(struct twin *twin, uint32_t node);
/* What is free of a node's output towards another one. */
uint64_t twin_free_rate(struct twin *twin, uint32_t node, uint32_t toward);
/* Free cores at a node, as its book has it. */
uint64_t twin_free_cores(struct twin *twin, uint32_t node);
money twin_balance(struct twin *twin, const char *account);

#endif
