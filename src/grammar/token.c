/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/token.h"

#include <stdio.h>
#include <string.h>

bool token_is(const struct token *token, const char *text)
{
	return strlen(text) == token->size && memcmp(text, token->text, token->size) == 0;
}

char *token_quote(const struct token *token, char buffer[TOKEN_QUOTE])
{
	static const char more[] = "...";
	size_t room = TOKEN_QUOTE - sizeof(more) - 2;
	size_t shown = token->size < room ? token->size : room;
	char *at = buffer;

	if (token->size == 0) {
		(void)snprintf(buffer, TOKEN_QUOTE, "%s", token->kind == TOKEN_SCALAR ? "''" : "the end");
		return buffer;
	}
	*at++ = '\'';
	for (size_t i = 0; i < shown; i++) {
		unsigned char octet = (unsigned char)token->text[i];

		*at++ = octet >= ' ' && octet < 0x7f ? (char)octet : '?';
	}
	(void)snprintf(at, sizeof(more) + 1, "%s'", shown < token->size ? more : "");
	return buffer;
}

struct token token_join(const struct token *first, const struct token *last)
{
	struct token joined = *first;

	if (last->size > 0)
		joined.size = (size_t)(last->text + last->size - first->text);
	return joined;
}
