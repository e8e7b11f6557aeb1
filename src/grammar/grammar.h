/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of demands and programs: text (docs/grammar.md) and YAML to and from the model.
 *
 * Guarantee: printing what was parsed and parsing it again gives the same model, and a demand's text,
 * YAML and binary form say the same. Parsers are re-entrant; memory comes from the arena.
 */
#ifndef GRAMMAR_GRAMMAR_H
#define GRAMMAR_GRAMMAR_H

#include "base/arena.h"
#include "base/compiler.h"
#include "model/demand.h"
#include "model/program.h"
#include <stddef.h>

enum { GRAMMAR_TEXT = 65536 }; /* longest text taken */

struct grammar_problem {
	int line, column;
	char text[256]; /* "render.demand:3:12: unknown unit 'Mbits'" */
};

/* Names of gateways in program texts. */
struct grammar_names {
	/* 0, or NOT_FOUND. `4.1` is understood without it. */
	int (*identity)(void *context, const char *name, struct gateway_identity *ret_identity);
	/* NULL when unknown: printed as `4.1`. */
	const char *(*name)(void *context, struct gateway_identity identity);
	void *context;
};

/* Errors: SYNTAX, UNKNOWN_UNIT, UNKNOWN_KIND, AMOUNT_..., BAD_VALUE, TOO_LARGE, -ENOMEM; *ret_problem says
 * where. */
int grammar_parse_demand(const char *text, size_t size, const char *file, struct arena *arena,
                         struct demand *ret_demand, struct grammar_problem *ret_problem) CHECKED;
/* YAML (and so JSON) with the same names. */
int grammar_parse_demand_yaml(const char *text, size_t size, const char *file, struct arena *arena,
                              struct demand *ret_demand, struct grammar_problem *ret_problem) CHECKED;
int grammar_parse_program(const char *text, size_t size, const char *file, const struct grammar_names *names,
                          struct program *ret_program, struct grammar_problem *ret_problem) CHECKED;

/* Canonical texts with a final newline, in the arena; NULL when it is full. names may be NULL. */
char *grammar_print_demand(const struct demand *demand, struct arena *arena);
char *grammar_print_demand_yaml(const struct demand *demand, struct arena *arena);
char *grammar_print_program(const struct program *program, const struct grammar_names *names,
                            struct arena *arena);

#endif
