/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the command line: one table of options for all commands. Options may stand anywhere before
 * `--`; what follows `--` is the program of --run. Which options a command takes is said by groups.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTIONS_WORDS = 8, OPTIONS_LIST = 16, OPTIONS_PROBLEM = 160 };

enum option_group {
	OPTION_COMMON = 1,
	OPTION_DEMAND = 2, /* the flags that make a demand, --service aside */
	OPTION_SERVICE = 4,
	OPTION_INPUT = 8,
	OPTION_OUTPUT = 16,
	OPTION_WAIT = 32,
	OPTION_LEDGER = 64,
	OPTION_TRACE = 128,
	OPTION_VIEW = 256,
};

struct option_list {
	size_t count;
	const char *items[OPTIONS_LIST];
};

struct options {
	const char *config, *gateway;
	bool as_operator, json, help, version;
	const char *service, *name, *need_time, *work;
	const char *reserve_time; /* of no option: what the command `reserve` makes of need_time */
	const char *network_within, *respond_within, *finish_within;
	bool guaranteed;
	const char *up, *down, *burst;
	const char *split, *split_up_to, *budget, *prefer;
	struct option_list needs, regions, operators, models;
	bool run;
	const char *input, *output;
	bool wait, allow_open, guarantee;
	const char *price, *latency; /* of the view */
	struct option_list kinds;
	bool memory, detailed, watch;
	size_t program_count; /* after `--` */
	char *const *program;
	size_t word_count; /* all that is neither option nor program */
	const char *words[OPTIONS_WORDS];
	uint64_t given; /* bit i: row i of the table */
};

/* 0, or BAD_VALUE with one line in `problem`. Texts point into `words`, which starts after argv[0]. */
int options_read(size_t count, char *const words[], struct options *ret_options,
                 char problem[OPTIONS_PROBLEM]) CHECKED;
/* The name of an option that was given but is in none of `groups` (a set of option_group); NULL: none. */
const char *options_foreign(const struct options *options, unsigned groups);
/* Has any option of the groups been given? */
bool options_given(const struct options *options, unsigned groups);
/* The options of the groups with their help, one a line. */
void options_print(FILE *stream, unsigned groups);

#endif
