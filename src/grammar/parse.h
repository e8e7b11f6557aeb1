/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the generated parser over one text. */
#ifndef GRAMMAR_PARSE_H
#define GRAMMAR_PARSE_H

#include "grammar/demand_builder.h"
#include "grammar/lexer.h"
#include "grammar/program_builder.h"

enum { PARSE_EXPECTED = 6 }; /* messages list no more alternatives than this */

struct parse {
	struct report *report;
	struct lexer lexer;
	struct demand_builder *demand; /* of the text's kind; the other is NULL */
	struct program_builder *program;
	enum statement list;     /* that the items now read belong to */
	unsigned expected_count; /* alternatives at a syntax error */
	int expected[PARSE_EXPECTED];
};

/* Reads all of the text into the builder. The report tells how it ended. */
void parse_run(struct parse *parse);

/* For the generated parser: one more kind that would have been right; and the error itself. */
void parse_expected(struct parse *parse, int kind);
void parse_unexpected(struct parse *parse, const struct token *token);

#endif
