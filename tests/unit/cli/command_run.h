/* SPDX-License-Identifier: Apache-2.0 */
/* Runs whole commands, with the twin of the client library, and checks what they print. */
#ifndef TESTS_CLI_COMMAND_RUN_H
#define TESTS_CLI_COMMAND_RUN_H

#include <stddef.h>

struct result {
	int status;
	char *text; /* malloc'd */
};

struct result run_words(size_t count, const char *const words[]);
#define RUN(...) \
	run_words(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

/* Exactly this. Frees the text. */
void check(struct result result, int status, const char *text);

/* For a test's setup: a twin that knows nothing. */
int clean(void **state);

#endif
