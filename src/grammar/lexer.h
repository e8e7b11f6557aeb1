/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer of demand and program texts (docs/grammar.md, "Tokens"). Re-entrant; reads nothing past the
 * given size, so the text needs no final NUL.
 */
#ifndef GRAMMAR_LEXER_H
#define GRAMMAR_LEXER_H

#include "base/compiler.h"
#include "grammar/report.h"
#include "grammar/token.h"
#include <stdbool.h>
#include <stddef.h>

struct lexer {
	const char *text;
	size_t size;
	size_t at, marker;
	size_t line_start;
	int line;
	bool identifier; /* the word `program` came: 32 hexadecimal digits are one token */
	struct report *report;
};

struct lexer lexer_open(const char *text, size_t size, struct report *report);
/* The next token's kind, 0 at the end; a negative code, reported, for what is no token. */
int lexer_next(struct lexer *lexer, struct token *ret_token) CHECKED;
/* How messages name a kind: "'within'", "a number". */
const char *lexer_kind_name(int kind);

/* True for a reserved word; as a name it needs quotes. */
bool lexer_is_keyword(const char *text, size_t size);
/* True for [a-z][a-z0-9-]*. */
bool lexer_is_word(const char *text, size_t size);
/* True when all of it may stand in a string: printable Unicode on one line, in UTF-8. */
bool lexer_is_text(const char *text, size_t size);

#endif
