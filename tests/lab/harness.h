/* SPDX-License-Identifier: Apache-2.0 */
/* Running busbar-lab from tests, and looking for what it may have left behind. */
#ifndef TESTS_LAB_HARNESS_H
#define TESTS_LAB_HARNESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { HARNESS_OUTPUT = 1 << 16, HARNESS_WORDS = 24, HARNESS_NAME = 32 };

/* A finished command: its exit status and what it wrote to both outputs. */
struct result {
	int status;
	char output[HARNESS_OUTPUT];
};

/* A running one. */
struct running {
	pid_t pid;
	int input;  /* its standard input */
	int output; /* what it writes */
};

/* What echo reports. */
struct echo_result {
	long long sent, refused, received, min_ns, p50_ns, p99_ns, max_ns, span_ns;
};

/* NULL when labs can be made here; otherwise why not. */
const char *harness_obstacle(void);
/* A lab name of this process's own. */
const char *harness_name(char name[HARNESS_NAME], const char *suffix);

/* busbar-lab --name NAME and the words; words end with NULL. */
struct running harness_start(const char *lab, const char *const *words);
/* Reads up to the end of its output and waits for it. */
void harness_finish(struct running *running, struct result *result);
/* Reads until the text has come; false at the end of the output. */
bool harness_expect(struct running *running, const char *text);
/* start, no input, finish. */
void harness_run(struct result *result, const char *lab, const char *const *words);
#define HARNESS_RUN(result, lab, ...) harness_run(result, lab, (const char *const[]){__VA_ARGS__, NULL})

void harness_up(const char *lab);
void harness_down(const char *lab);
/* To be released with json_decref(). */
json_t *harness_status(const char *lab);
/* The state of a node's daemon, copied to `state`. */
void harness_daemon(const char *lab, const char *node, char state[16]);
/* The sum of a counter over both directions of a wire. */
long long harness_counter(const char *lab, size_t wire, const char *counter);
struct echo_result harness_echo(const char *lab, const char *node, const char *address, const char *count,
                                const char *size, const char *interval);
/* The number that names a node's network namespace. */
void harness_namespace(const char *lab, const char *node, char text[64]);

/* Processes of the lab that are not dead, wherever they are. */
int harness_processes(const char *lab);
/* Fails when the lab has a process, a mount, a control group or a folder. */
void harness_expect_nothing(const char *lab);
/* Whether any process is in that namespace. */
bool harness_namespace_is_used(const char *text);

#endif
