/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandbox: one program in namespaces of its own (process, mount, network, IPC, host name, control group).
 *
 * What it sees: /usr, /bin, /sbin, /lib*, /etc read-only; /service, a host folder, read-only; /proc of
 * itself; a minimal /dev; /scratch and /tmp, writable, in memory, one size for both. No network, not even
 * loopback. It runs as an unprivileged user without capabilities, cannot gain any, and cannot make user
 * namespaces.
 *
 * Process 1 of a sandbox is a small init of ours and not the program, because the kernel drops signals that
 * process 1 has no handler for (abort, SIGPIPE, SIGXFSZ would not end the program) and because somebody has
 * to collect orphans, which would else fill the process limit. It shares the program's user but cannot be
 * traced or read. When it ends, for whatever reason, the kernel kills everything in the sandbox; it ends with
 * the program, and with the process that started it.
 */
#ifndef SUPPLY_SANDBOX_H
#define SUPPLY_SANDBOX_H

#include "base/compiler.h"
#include "supply/cgroup.h"
#include <stdint.h>
#include <sys/types.h>

/* One unprivileged user and group per sandbox, so that per-user kernel limits are not shared either. */
enum { SANDBOX_FIRST_USER = 0x7ff00000, SANDBOX_STEP = 24 };

struct sandbox {
	const struct cgroup *group;
	const char *const *arguments;
	const char *const *environment; /* NULL for none */
	int input, output, problems;    /* above 2 */
	uint64_t scratch;               /* bytes */
	uint64_t file_maximum;          /* bytes: the longest file that it can write */
	const char *folder;             /* NULL for none */
	uid_t user;                     /* and group */
};

enum sandbox_report_kind {
	SANDBOX_FAILED,   /* value: -errno of the named step; the program was not reached */
	SANDBOX_UNUSABLE, /* value: -errno of executing the program */
	SANDBOX_STARTED,  /* the program executes */
	SANDBOX_EXITED,   /* value: its wait status */
};

/* What the init tells; a message of the pipe `reports`. */
struct sandbox_report {
	int32_t kind;
	int32_t value;
	int64_t at; /* monotonic nanoseconds */
	char step[SANDBOX_STEP];
};

struct sandbox_process {
	int process; /* pidfd of the init; readable when everything has ended */
	int reports; /* read end, non-blocking */
};

/*
 * Gives the calling process, which must have one thread and stay root, a mount namespace of its own with the
 * part of the tree that all its sandboxes share. Once, before the first sandbox. -errno.
 */
int sandbox_prepare(void) CHECKED;
/* Starts one; the caller closes both descriptors and collects the init by its pidfd. -errno. */
int sandbox_start(const struct sandbox *sandbox, struct sandbox_process *ret_process) CHECKED;
/* SIGKILL to the init and so to everything inside. */
void sandbox_kill(const struct sandbox_process *process);
/* Collects an ended init; does not wait. 0, or -EAGAIN when it lives. */
int sandbox_collect(const struct sandbox_process *process) CHECKED;

#endif
