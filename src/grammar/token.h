/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token: a piece of the text with its place. The text stays the caller's and has no final NUL.
 *
 * One type serves every reader: words, quoted strings with their quotes, quantities (number and unit in
 * one piece, with whatever stands between them), and YAML scalars, whose escapes are resolved already.
 */
#ifndef GRAMMAR_TOKEN_H
#define GRAMMAR_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum { TOKEN_SCALAR = -2 }; /* a YAML scalar; the other kinds are those of the parser */

struct token {
	int kind;
	int line, column; /* from 1; columns count octets (YAML: characters) */
	const char *text;
	size_t size; /* 0 in an absent optional token */
};

/* True when the token is exactly this text. */
bool token_is(const struct token *token, const char *text);
enum { TOKEN_QUOTE = 48 };
/* The token as messages show it: printable, shortened, in single quotes; the end of the text by name. */
char *token_quote(const struct token *token, char buffer[TOKEN_QUOTE]);
/* Both tokens and what stands between them; the first one alone when the second is absent. */
struct token token_join(const struct token *first, const struct token *last);

#endif
