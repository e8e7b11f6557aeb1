/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridge: the process that moves frames between the two packet sockets of every wire, each direction with
 * its line's delay, rate and loss.
 *
 * Deadlines are absolute and counted from the kernel's time of arrival, so that a late wake-up of the
 * bridge costs nothing as long as it is shorter than the delay. What it could not keep is measured: the
 * lateness of every frame, taken after it was handed to the kernel; and since links promise ceilings with so
 * much slack in them, the times in which frames were later than that. Counters lie in shared memory, written
 * by the bridge alone.
 */
#ifndef LAB_BRIDGE_H
#define LAB_BRIDGE_H

#include "lab/lateness.h"
#include "lab/network.h"
#include "lab/topology.h"

enum { BRIDGE_SPELLS = 512 };

/* A time in which frames of a direction were late beyond the slack, one soon after the other. */
struct bridge_spell {
	uint32_t wire, end;  /* the sending one */
	int64_t begin, over; /* deadline of the first, and when the last was sent; monotonic clock */
	int64_t worst;       /* lateness */
	uint64_t frames;
};

/* One direction of a wire; relaxed atomics. */
struct bridge_direction {
	uint64_t frames, bytes; /* delivered */
	uint64_t lost;          /* by the line's loss */
	uint64_t dropped;       /* queue was full */
	uint64_t missed;        /* by the kernel, before the bridge saw them */
	uint64_t failed;        /* refused by the kernel on sending */
	uint64_t waiting;       /* under way now */
	struct lateness lateness;
};

struct bridge_state {
	uint32_t is_real_time;                                 /* runs SCHED_FIFO */
	struct bridge_direction directions[TOPOLOGY_WIRES][2]; /* [wire][sending end] */
	uint64_t spell_count;                                  /* the newest are kept, as a ring */
	struct bridge_spell spells[BRIDGE_SPELLS];
};

/* Zeroed memory that is shared with children; NULL when memory is short. */
struct bridge_state *bridge_state_create(void);
/* Accepts NULL, returns NULL. */
struct bridge_state *bridge_state_free(struct bridge_state *state);

/* Never returns but on failure (negative). To be run in a process of its own. */
int bridge_run(const struct topology *topology, const struct network *network, struct bridge_state *state);

#endif
