/* SPDX-License-Identifier: Apache-2.0 */
/* A twin of libbusbar for tests of the commands: it answers from a script and remembers what it was asked. */
#ifndef TESTS_CLI_BUSBAR_TWIN_H
#define TESTS_CLI_BUSBAR_TWIN_H

#include "busbar.h"
#include <stdbool.h>
#include <stddef.h>

enum { TWIN_ANSWERS = 32, TWIN_TEXT = 4096 };

struct twin_answer {
	const char *gateway; /* NULL: any */
	int document;        /* enum busbar_document; 0: a quote */
	const char *text;    /* NULL: `code` */
	int code;
	bool once; /* taken away once given */
};

struct twin {
	const char *gateways[8]; /* the configuration's list */
	struct twin_answer answers[TWIN_ANSWERS];
	int open_code, run_code, call_code, cancel_code, reserve_code, follow_code;
	const char *output; /* of calls, and of every blob */
	const char *problem;
	const char *reload; /* what comes of one; NULL: NOT_SUPPORTED */
	/* what was asked */
	int opened, closed, as_operator;
	char asked[64]; /* for which task, or what stands for one */
	char gateway[64], demand[TWIN_TEXT], cancelled[64], released[64], followed[96];
	size_t input_size, put_size;
	unsigned patience_ms;
	unsigned gets, puts;
};

/* The only one; tests set it anew. */
extern struct twin twin;

#endif
