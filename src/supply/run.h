/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run inside the executor: from a checked request to a delivered end.
 *
 * States: FREE -> STARTING -> RUNNING -> DYING -> REMOVING -> ENDED -> FREE. DYING waits for the kernel to
 * end everything in the sandbox, REMOVING for the control group to be empty, ENDED for the daemon to take the
 * message. The table of runs and the descriptors' registration belong to executor.c.
 */
#ifndef SUPPLY_RUN_H
#define SUPPLY_RUN_H

#include "supply/cgroup.h"
#include "supply/executor.h"
#include "supply/sandbox.h"
#include <stdbool.h>

enum run_state { RUN_FREE, RUN_STARTING, RUN_RUNNING, RUN_DYING, RUN_REMOVING, RUN_ENDED };

struct run {
	enum run_state state;
	struct identifier id;
	struct cgroup group;
	struct sandbox_process process;
	int output, problems; /* -1: not a file */
	uint64_t output_maximum;
	bool look;    /* output can outgrow its maximum */
	bool exited;  /* the program's status is known */
	bool started; /* STARTED is to be sent */
	int wait_status;
	int error; /* decided before the program ended */
	int64_t time_limit;
	int64_t started_at, deadline, wake;
	struct driver_end end;
};

/* The texts of a request, in place. */
struct run_text {
	const char *arguments[EXECUTOR_WORDS + 1];
	const char *environment[EXECUTOR_WORDS + 1];
	const char *folder;
};

/* Checks a request and finds its words; text[0..size) follows it in memory. MALFORMED, BAD_VALUE. */
int run_parse(const struct executor_request *request, const char *text, size_t size,
              struct run_text *ret_text) CHECKED;
/*
 * Makes group and sandbox. On success the run holds duplicates of what it needs and is STARTING; on failure
 * it is as it was. `descriptors` stay the caller's.
 */
int run_start(struct run *run, const struct cgroup_tree *tree, const struct executor_request *request,
              const struct run_text *text, const int descriptors[EXECUTOR_DESCRIPTORS], uid_t user) CHECKED;
/* Takes the init's reports. */
void run_read_reports(struct run *run);
/* Ends it with this error, unless its program has ended by itself. */
void run_stop(struct run *run, int error);
/* The init's pidfd is readable: collects it, measures, removes the group. Unwatch its descriptors before. */
void run_died(struct run *run, int64_t now);
/* run->wake has come: deadline, output, or the group's removal. */
void run_wake(struct run *run, int64_t now);
/* The end was delivered: the run is FREE. */
void run_release(struct run *run);

#endif
