/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executor: the small process that alone keeps the right to create sandboxes.
 *
 * The daemon forks it early. They speak the protocol below over a SOCK_SEQPACKET pair: one message per
 * packet, fixed structures of this host's byte order (both ends are the same program), descriptors by
 * SCM_RIGHTS. Nothing in it comes from outside but the texts of arguments and variables; the executor
 * checks every count and size all the same, since it is the more privileged end.
 *
 *   daemon -> executor: RUN (input, output and problems attached), CANCEL
 *   executor -> daemon: READY once, then per run STARTED (if the program was reached) and ENDED (always)
 *
 * When the daemon shuts its end down, or dies, every sandbox is killed, every group removed, and the executor
 * ends after the last one. ENDED says that nothing of the run exists any more.
 *
 * Limits: time is enforced by killing at the deadline; memory, processor and processes by the control group;
 * output by RLIMIT_FSIZE and, where the scratch space must allow longer files than the output may be, by
 * looking at the output's length every EXECUTOR_LOOK nanoseconds.
 */
#ifndef SUPPLY_EXECUTOR_H
#define SUPPLY_EXECUTOR_H

#include "base/clock.h"
#include "model/identifier.h"
#include "supply/driver.h"
#include <stdint.h>

#define EXECUTOR_LOOK (50 * CLOCK_MILLISECOND)

enum {
	EXECUTOR_VERSION = 1,
	EXECUTOR_TEXT = 64 * 1024, /* bytes of arguments, environment and folder together */
	EXECUTOR_WORDS = 2048,     /* arguments and variables together */
	EXECUTOR_RUNS = 1024,      /* at a time */
	EXECUTOR_DESCRIPTORS = 3,
};

enum executor_type {
	EXECUTOR_READY = 1,
	EXECUTOR_RUN,
	EXECUTOR_CANCEL,
	EXECUTOR_STARTED,
	EXECUTOR_ENDED,
};

/* After a RUN follow `text` bytes: arguments, environment and folder, each ended by NUL. */
struct executor_request {
	uint16_t version;
	uint16_t type;
	uint32_t arguments;
	uint32_t environment;
	uint32_t folder; /* 0 or 1 */
	uint32_t text;
	uint32_t processes;
	struct identifier id;
	uint64_t cpu;
	uint64_t memory;
	uint64_t scratch;
	uint64_t output_maximum;
	int64_t time_limit;
};

struct executor_event {
	uint16_t version;
	uint16_t type;
	int32_t error; /* READY: why not */
	int32_t exit_status;
	struct identifier id;
	struct driver_usage usage;
};

struct executor_settings {
	const char *root; /* of the control groups: CGROUP_ROOT */
	const char *base; /* control group that is the executor's alone */
	uint32_t maximum; /* runs at a time, 1..EXECUTOR_RUNS */
};

/*
 * The executor's life; `socket` is its end of the pair. Called in a fresh child with one thread, which has
 * nothing else to do: it closes all descriptors but the socket and standard error. Returns the exit status.
 */
int executor_main(int socket, const struct executor_settings *settings);

#endif
