/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/parse.h"

#include "base/error.h"
#include "grammar/parser.h"
#include <stdio.h>

void parse_expected(struct parse *parse, int kind)
{
	if (parse->expected_count < PARSE_EXPECTED)
		parse->expected[parse->expected_count] = kind;
	parse->expected_count++;
}

void parse_unexpected(struct parse *parse, const struct token *token)
{
	bool reserved = token->kind != TOKEN_WORD && lexer_is_keyword(token->text, token->size);
	bool name = false;
	char quote[TOKEN_QUOTE];
	char expected[128] = "a statement";
	size_t length = 0;

	for (unsigned i = 0; i < parse->expected_count && parse->expected_count <= PARSE_EXPECTED; i++) {
		name = name || parse->expected[i] == TOKEN_STRING;
		length += (size_t)snprintf(expected + length, sizeof(expected) - length, "%s%s",
		                           i > 0 ? " or " : "", lexer_kind_name(parse->expected[i]));
		length = MINIMUM(length, sizeof(expected) - 1);
	}
	(void)REPORT(parse->report, BUSBAR_ERROR_SYNTAX, token, "%s where %s is expected%s",
	             token_quote(token, quote), expected,
	             reserved && name ? "; a reserved word needs quotes" : "");
}
