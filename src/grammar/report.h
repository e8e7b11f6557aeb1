/* SPDX-License-Identifier: Apache-2.0 */
/* The first problem of a text: its code, its place, its message. Later ones are ignored. */
#ifndef GRAMMAR_REPORT_H
#define GRAMMAR_REPORT_H

#include "base/compiler.h"
#include "grammar/grammar.h"
#include "grammar/token.h"

struct report {
	const char *file;
	struct grammar_problem *problem;
	int code; /* 0: none yet */
};

/* Notes the problem and returns the code that stands, which may be an earlier one. */
int report_at(struct report *report, int code, int line, int column, const char *format, ...) PRINTF(5, 6);
#define REPORT(report, code, token, ...) report_at(report, code, (token)->line, (token)->column, __VA_ARGS__)

#endif
