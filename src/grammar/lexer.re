/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/lexer.h"

#include "base/error.h"
#include "grammar/parser.h"
#include <string.h>

enum { NOTHING = -1, IDENTIFIER_DIGITS = 32 };

/* A kind of token as messages show it. */
struct spelling {
	const char *text;
	int kind;
};

/* The reserved words. */
static const struct spelling keywords[] = {
        {"address", TOKEN_ADDRESS}, {"affinity", TOKEN_AFFINITY}, {"after", TOKEN_AFTER},
        {"at", TOKEN_AT}, {"attach", TOKEN_ATTACH}, {"back", TOKEN_BACK},
        {"bandwidth", TOKEN_BANDWIDTH}, {"blob", TOKEN_BLOB}, {"budget", TOKEN_BUDGET},
        {"burst", TOKEN_BURST}, {"claim", TOKEN_CLAIM}, {"class", TOKEN_CLASS},
        {"client", TOKEN_CLIENT}, {"data", TOKEN_DATA}, {"deliver", TOKEN_DELIVER},
        {"demand", TOKEN_DEMAND}, {"done", TOKEN_DONE}, {"down", TOKEN_DOWN},
        {"each", TOKEN_EACH}, {"execute", TOKEN_EXECUTE}, {"expires", TOKEN_EXPIRES},
        {"fetch", TOKEN_FETCH}, {"finish", TOKEN_FINISH}, {"for", TOKEN_FOR},
        {"forward", TOKEN_FORWARD}, {"guaranteed", TOKEN_GUARANTEED}, {"in", TOKEN_IN},
        {"ingress", TOKEN_INGRESS}, {"inline", TOKEN_INLINE}, {"into", TOKEN_INTO},
        {"jitter", TOKEN_JITTER}, {"least", TOKEN_LEAST}, {"limit", TOKEN_LIMIT},
        {"model", TOKEN_MODEL}, {"need", TOKEN_NEED}, {"network", TOKEN_NETWORK},
        {"of", TOKEN_OF}, {"offload", TOKEN_OFFLOAD}, {"operator", TOKEN_OPERATOR},
        {"out", TOKEN_OUT}, {"output", TOKEN_OUTPUT}, {"part", TOKEN_PART},
        {"port", TOKEN_PORT}, {"prefer", TOKEN_PREFER}, {"program", TOKEN_PROGRAM},
        {"refresh", TOKEN_REFRESH}, {"region", TOKEN_REGION}, {"release", TOKEN_RELEASE},
        {"reserve", TOKEN_RESERVE}, {"respond", TOKEN_RESPOND}, {"run", TOKEN_RUN},
        {"service", TOKEN_SERVICE}, {"size", TOKEN_SIZE}, {"split", TOKEN_SPLIT},
        {"stage", TOKEN_STAGE}, {"tariff", TOKEN_TARIFF}, {"to", TOKEN_TO},
        {"toward", TOKEN_TOWARD}, {"trust", TOKEN_TRUST}, {"up", TOKEN_UP},
        {"version", TOKEN_VERSION}, {"void", TOKEN_VOID}, {"within", TOKEN_WITHIN},
        {"work", TOKEN_WORK},
};
static const struct spelling others[] = {
        {"the end", 0},
        {"'{'", TOKEN_LBRACE},
        {"'}'", TOKEN_RBRACE},
        {"';'", TOKEN_SEMICOLON},
        {"','", TOKEN_COMMA},
        {"a word", TOKEN_WORD},
        {"a quoted text", TOKEN_STRING},
        {"a number", TOKEN_NUMBER},
        {"a digest (sha256:...)", TOKEN_DIGEST},
        {"an identifier of 32 hexadecimal digits", TOKEN_IDENTIFIER},
        {"a time such as 2026-01-31T12:00:00Z", TOKEN_TIME},
};

struct lexer lexer_open(const char *text, size_t size, struct report *report)
{
	return (struct lexer){.text = text, .size = size, .line = 1, .report = report};
}

static int keyword_kind(const char *text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		if (strlen(keywords[i].text) == size && memcmp(keywords[i].text, text, size) == 0)
			return keywords[i].kind;
	return TOKEN_WORD;
}

bool lexer_is_keyword(const char *text, size_t size)
{
	return keyword_kind(text, size) != TOKEN_WORD;
}

const char *lexer_kind_name(int kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
		if (keywords[i].kind == kind)
			return keywords[i].text;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].kind == kind)
			return others[i].text;
	return "?";
}

/* Past the end there are NULs, which no rule but the last takes. */
static unsigned char peek(const struct lexer *lexer)
{
	return lexer->at < lexer->size ? (unsigned char)lexer->text[lexer->at] : 0;
}

static int refuse(struct lexer *lexer, size_t start, const char *message)
{
	int column = (int)(start - lexer->line_start) + 1;

	return report_at(lexer->report, BUSBAR_ERROR_SYNTAX, lexer->line, column, "%s", message);
}

/*!re2c
	re2c:api = custom;
	re2c:api:style = free-form;
	re2c:define:YYCTYPE = "unsigned char";
	re2c:define:YYPEEK = "peek(lexer)";
	re2c:define:YYSKIP = "lexer->at++;";
	re2c:define:YYBACKUP = "lexer->marker = lexer->at;";
	re2c:define:YYRESTORE = "lexer->at = lexer->marker;";
	re2c:yyfill:enable = 0;

	digit = [0-9];
	tail = [\x80-\xbf];
	// UTF-8 (RFC 3629) without C1 controls, U+2028, U+2029 (line breaks), U+FEFF, U+FFFE, U+FFFF.
	wide = "\xc2" [\xa0-\xbf] | [\xc3-\xdf] tail
	     | "\xe0" [\xa0-\xbf] tail | [\xe1\xe3-\xec\xee] tail tail | "\xed" [\x80-\x9f] tail
	     | "\xe2\x80" [\x80-\xa7\xaa-\xbf] | "\xe2" [\x81-\xbf] tail
	     | "\xef" [\x80-\xba\xbc-\xbe] tail | "\xef\xbb" [\x80-\xbe] | "\xef\xbf" [\x80-\xbd]
	     | "\xf0" [\x90-\xbf] tail tail | [\xf1-\xf3] tail tail tail | "\xf4" [\x80-\x8f] tail tail;
	ascii = [\x20-\x7e];
	character = ascii | wide;
*/

/* One token, or NOTHING for blanks and comments. */
static int scan(struct lexer *lexer)
{
	size_t start = lexer->at;

	/*!re2c
	[ \t\r]+            { return NOTHING; }
	"\n"                { lexer->line++; lexer->line_start = lexer->at; return NOTHING; }
	"#" [^\n\x00]*      { return NOTHING; }
	"{"                 { return TOKEN_LBRACE; }
	"}"                 { return TOKEN_RBRACE; }
	";"                 { return TOKEN_SEMICOLON; }
	","                 { return TOKEN_COMMA; }
	[A-Za-z_][A-Za-z0-9_./-]* { return keyword_kind(lexer->text + start, lexer->at - start); }
	"-"? digit+ ("." digit+)? { return TOKEN_NUMBER; }
	"sha256:" [0-9A-Za-z]* { return TOKEN_DIGEST; }
	digit{4} "-" digit{2} "-" digit{2} "T" digit{2} ":" digit{2} ":" digit{2} ("." digit{1,9})? "Z" {
		return TOKEN_TIME;
	}
	["] (ascii \ ["\\] | wide | "\\" ["\\])* ["] { return TOKEN_STRING; }
	["] {
		return refuse(lexer, start,
		              "a quoted text that does not end on its line, or has a character or escape "
		              "that is not allowed");
	}
	"\x00" {
		lexer->at = start;
		return start == lexer->size ? 0 : refuse(lexer, start, "a NUL octet in the text");
	}
	*                   { return refuse(lexer, start, "a character that belongs to no word"); }
	*/
}

/* Exactly 32 hexadecimal digits here? A number or a word could begin with them, so this is asked first. */
static bool take_identifier(struct lexer *lexer)
{
	size_t end = lexer->at;

	while (end < lexer->size && lexer->text[end] != '\0' && strchr("0123456789abcdef", lexer->text[end]))
		end++;
	if (end - lexer->at != IDENTIFIER_DIGITS)
		return false;
	lexer->at = end;
	return true;
}

int lexer_next(struct lexer *lexer, struct token *ret_token)
{
	size_t start;
	int kind;

	do {
		start = lexer->at;
		kind = lexer->identifier && take_identifier(lexer) ? TOKEN_IDENTIFIER : scan(lexer);
	} while (kind == NOTHING);
	if (kind < 0)
		return kind;
	lexer->identifier = kind == TOKEN_PROGRAM;
	*ret_token = (struct token){
	        .kind = kind,
	        .line = lexer->line,
	        .column = (int)(start - lexer->line_start) + 1,
	        .text = lexer->text + start,
	        .size = lexer->at - start,
	};
	return kind;
}

bool lexer_is_word(const char *text, size_t size)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (size == 0 || !memchr(first, text[0], sizeof(first) - 1))
		return false;
	for (size_t i = 1; i < size; i++)
		if (!memchr(all, text[i], sizeof(all) - 1))
			return false;
	return true;
}

/* One character of a string, or false. */
static bool scan_character(struct lexer *lexer)
{
	/*!re2c
	character           { return true; }
	*                   { return false; }
	*/
}

bool lexer_is_text(const char *text, size_t size)
{
	struct lexer lexer = lexer_open(text, size, NULL);

	while (lexer.at < lexer.size)
		if (!scan_character(&lexer))
			return false;
	return true;
}
