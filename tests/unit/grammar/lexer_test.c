/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/lexer.h"

#include "grammar/parser.h"
#include "tests/t.h"

struct expected {
	int kind, line, column;
	const char *text;
};

static void check(const char *text, const struct expected *expected, size_t count)
{
	struct grammar_problem problem;
	struct report report = {.file = "t", .problem = &problem};
	struct lexer lexer = lexer_open(text, strlen(text), &report);
	struct token token;

	for (size_t i = 0; i < count; i++) {
		T_EQ(lexer_next(&lexer, &token), expected[i].kind);
		T_EQ(token.kind, expected[i].kind);
		T_EQ(token.line, expected[i].line);
		T_EQ(token.column, expected[i].column);
		if (!token_is(&token, expected[i].text))
			fail_msg("'%.*s' is not '%s'", (int)token.size, token.text, expected[i].text);
	}
	/* The end comes again and again. */
	T_EQ(lexer_next(&lexer, &token), 0);
	T_EQ(lexer_next(&lexer, &token), 0);
	T_EQ(token.size, 0);
}

static void tokens_and_places(void **state)
{
	static const struct expected expected[] = {
	        {TOKEN_DEMAND, 1, 1, "demand"},
	        {TOKEN_WORD, 1, 8, "demands"},
	        {TOKEN_LBRACE, 1, 15, "{"},
	        {TOKEN_RBRACE, 1, 16, "}"},
	        {TOKEN_SEMICOLON, 1, 17, ";"},
	        {TOKEN_COMMA, 1, 18, ","},
	        {TOKEN_NUMBER, 3, 3, "-12.50"},
	        {TOKEN_WORD, 3, 9, "Mbit/s"},
	        {TOKEN_NUMBER, 4, 1, "1"},
	        {TOKEN_WORD, 4, 2, "e9"},
	        {TOKEN_WORD, 4, 5, "BAD_MAC"},
	        {TOKEN_WORD, 4, 13, "cpu.gflops"},
	        {TOKEN_STRING, 5, 1, "\"a\\\"\\\\#;\""},
	        {TOKEN_STRING, 5, 10, "\"\""},
	        {TOKEN_DIGEST, 6, 1, "sha256:9f"},
	        {TOKEN_TIME, 6, 11, "2026-01-31T12:00:00Z"},
	        {TOKEN_TIME, 6, 32, "2026-01-31T12:00:00.5Z"},
	        {TOKEN_NUMBER, 7, 1, "2026"},
	        {TOKEN_NUMBER, 7, 5, "-01"},
	};

	check("demand demands{};, # all of it; \"\n#\n\t -12.50Mbit/s\r\n1e9 BAD_MAC cpu.gflops\n"
	      "\"a\\\"\\\\#;\"\"\"\nsha256:9f 2026-01-31T12:00:00Z 2026-01-31T12:00:00.5Z\n2026-01",
	      expected, ARRAY_SIZE(expected));
}

/* 32 hexadecimal digits are an identifier behind `program` only, and no fewer or more are. */
static void identifiers(void **state)
{
	static const struct expected numbers[] = {
	        {TOKEN_NUMBER, 1, 1, "00000000000000000000000000000001"},
	        {TOKEN_PROGRAM, 1, 34, "program"},
	        {TOKEN_IDENTIFIER, 2, 1, "00000000000000000000000000000001"},
	        {TOKEN_NUMBER, 2, 34, "00000000000000000000000000000001"},
	};
	static const struct expected words[] = {
	        {TOKEN_PROGRAM, 1, 1, "program"},
	        {TOKEN_WORD, 1, 9, "abcdefabcdefabcdefabcdefabcdefabc"},
	        {TOKEN_PROGRAM, 1, 43, "program"},
	        {TOKEN_IDENTIFIER, 1, 51, "abcdefabcdefabcdefabcdefabcdefab"},
	};

	check("00000000000000000000000000000001 program # here\n00000000000000000000000000000001 "
	      "00000000000000000000000000000001",
	      numbers, ARRAY_SIZE(numbers));
	check("program abcdefabcdefabcdefabcdefabcdefabc program abcdefabcdefabcdefabcdefabcdefab", words,
	      ARRAY_SIZE(words));
}

static void words_and_keywords(void **state)
{
	static const char *const no_words[] = {"", "A", "1a", "-a", "a_b", "a.b", "a b", "a\"", "\xc3\xa9"};
	static const char *const words[] = {"a", "edge-a", "a1", "a-", "split"};

	for (size_t i = 0; i < ARRAY_SIZE(no_words); i++)
		T_TRUE(!lexer_is_word(no_words[i], strlen(no_words[i])));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		T_TRUE(lexer_is_word(words[i], strlen(words[i])));
	T_TRUE(lexer_is_keyword("split", 5));
	T_TRUE(!lexer_is_keyword("splits", 6) && !lexer_is_keyword("spli", 4) && !lexer_is_keyword("", 0));
	T_TRUE(!lexer_is_keyword("cpu", 3));
}

static void clean_texts(void **state)
{
	static const char *const good[] = {"",
	                                   " ",
	                                   "a\"b\\",
	                                   "\xc2\xa0",
	                                   "\xe2\x80\xa7",
	                                   "\xed\x9f\xbf",
	                                   "\xee\x80\x80",
	                                   "\xef\xbf\xbd",
	                                   "\xf0\x90\x80\x80",
	                                   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x01",
	                                  "\t",
	                                  "\n",
	                                  "\x7f",
	                                  "\x80",
	                                  "\xc1\x81",
	                                  "\xc2",
	                                  "\xc2\x9f",
	                                  "\xe0\x9f\xbf",
	                                  "\xe2\x80\xa8",
	                                  "\xe2\x80\xa9",
	                                  "\xed\xa0\x80",
	                                  "\xef\xbb\xbf",
	                                  "\xef\xbf\xbe",
	                                  "\xf0\x8f\xbf\xbf",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf5\x80\x80\x80",
	                                  "a\xe7\xae",
	                                  "\xff"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		T_TRUE(lexer_is_text(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (lexer_is_text(bad[i], strlen(bad[i])))
			fail_msg("text %zu passes", i);
	T_TRUE(!lexer_is_text("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tokens_and_places),
	        cmocka_unit_test(identifiers),
	        cmocka_unit_test(words_and_keywords),
	        cmocka_unit_test(clean_texts),
	};

	return T_RUN(tests);
}
