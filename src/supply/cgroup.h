/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: one group with memory, processor and process limits per run, below a base path.
 *
 * Both kernel interfaces are supported and told apart at run time: version 2 (one tree, controllers enabled
 * on the way down) and version 1 (one tree per controller: memory, cpu, cpuacct, pids). A group that exists
 * has all its limits: when a controller is missing, making fails. The owner of a base path holds a lock on
 * it, so that a second owner cannot sweep away the first one's groups.
 */
#ifndef SUPPLY_CGROUP_H
#define SUPPLY_CGROUP_H

#include "base/compiler.h"
#include <stdint.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

enum { CGROUP_HIERARCHIES = 4, CGROUP_NAME = 40, CGROUP_BASE = 128 };

/* A base path, opened. */
struct cgroup_tree {
	const char *const *controllers; /* one per hierarchy; a single empty one in version 2 */
	int hierarchies;
	int root[CGROUP_HIERARCHIES];
	int base[CGROUP_HIERARCHIES];
	char path[CGROUP_BASE];
};

/* One group: a child of the base. */
struct cgroup {
	const struct cgroup_tree *tree;
	char name[CGROUP_NAME];
};

struct cgroup_limits {
	uint64_t cpu;    /* micro-cores */
	uint64_t memory; /* bytes, swap included */
	uint64_t processes;
};

struct cgroup_usage {
	int64_t cpu;           /* nanoseconds */
	uint64_t memory_peak;  /* bytes */
	uint64_t memory_kills; /* processes that the kernel killed for want of memory */
};

/*
 * Opens the base path (for example "busbar/edge-a") below `root` (CGROUP_ROOT) for its owner: makes what is
 * missing, enables the controllers, takes the lock. An owner before that is about to end is waited for.
 * BUSBAR_ERROR_STATE when another process still owns it after `patience` ns, BUSBAR_ERROR_NOT_SUPPORTED when
 * a controller is missing, -errno.
 */
int cgroup_tree_own(struct cgroup_tree *tree, const char *root, const char *base, int64_t patience) CHECKED;
/* Opens an existing base path to measure only; needs no privilege. */
int cgroup_tree_watch(struct cgroup_tree *tree, const char *root, const char *base) CHECKED;
/* Closes; what is open elsewhere stays. Safe on a zeroed or closed tree. */
void cgroup_tree_close(struct cgroup_tree *tree);
/* Removes the base path and those of its parents that nobody else uses; for the owner, before closing. */
void cgroup_tree_remove(struct cgroup_tree *tree);
/* 1 or 2. */
int cgroup_tree_version(const struct cgroup_tree *tree);
/*
 * Kills and removes every group below the base, waiting at most `patience` nanoseconds. The number removed,
 * or -ETIMEDOUT when processes did not end.
 */
int cgroup_tree_sweep(const struct cgroup_tree *tree, int64_t patience) CHECKED;

/* Makes a group; on failure nothing is left of it. The tree must outlive it. -EEXIST, -errno. */
int cgroup_make(const struct cgroup_tree *tree, const char *name, const struct cgroup_limits *limits,
                struct cgroup *ret_group) CHECKED;
/* Names an existing group without a look at it. */
int cgroup_name(const struct cgroup_tree *tree, const char *name, struct cgroup *ret_group) CHECKED;
/*
 * Version 2: an open descriptor for CLONE_INTO_CGROUP, which the caller closes. Version 1: -1, and the new
 * process calls cgroup_enter() itself. Both ways avoid the kernel's lock for moving whole processes.
 */
int cgroup_descriptor(const struct cgroup *group) CHECKED;
/* Version 1: moves the calling thread, the only one of its process, into the group. Version 2: does nothing.
 */
int cgroup_enter(const struct cgroup *group) CHECKED;
int cgroup_measure(const struct cgroup *group, struct cgroup_usage *ret_usage) CHECKED;
/* SIGKILL to every process in the group. */
int cgroup_kill(const struct cgroup *group) CHECKED;
/* 0 when the group is gone (or was), -EBUSY while a process has not fully left it: try again. */
int cgroup_remove(const struct cgroup *group) CHECKED;

#endif
