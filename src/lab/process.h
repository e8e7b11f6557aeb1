/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: starting a program inside a node, and environments for it. */
#ifndef LAB_PROCESS_H
#define LAB_PROCESS_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_CANNOT_RUN = 126, PROCESS_NOT_FOUND = 127, PROCESS_READY_FILE = 3 };

struct process {
	const char *const *arguments; /* NULL at the end; the first is looked up in the environment's PATH */
	const char *const *environment; /* NULL at the end */
	const char *folder;             /* working directory */
	int network;                    /* network namespace; -1: this one */
	int files[3];                   /* standard input, output, error */
	int ready;                      /* becomes descriptor PROCESS_READY_FILE; -1: none */
};

struct process_variable {
	const char *name, *value;
};

/*
 * Starts it in a new session, with default signals. Returns its pid or a negative errno. A program that
 * cannot be run says so on its standard error and exits with 126 or 127.
 */
pid_t process_start(const struct process *process) CHECKED;
/* Signals everything that a started process has in its process group. */
void process_kill(pid_t pid, int number);
/* `base` with the variables set or replaced; NULL when the arena is full. */
const char **process_environment(struct arena *arena, const char *const *base,
                                 const struct process_variable *variables, size_t count);
/* What a shell would say: the exit code, or 128 + the signal. */
int process_exit_code(int wait_status);
/*
 * The first number a program writes to its standard output within the time; negative code when it fails,
 * is late (it is killed) or writes none.
 */
int process_measure(const char *const *arguments, int64_t timeout, double *ret_value) CHECKED;

#endif
