/* SPDX-License-Identifier: Apache-2.0 */
/* Counts, sizes and nesting at and past their limits; garbage of every kind; small arenas. */
#include "base/random.h"
#include "grammar/grammar.h"
#include "tests/t.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { ARENA = 1 << 20, TEXT = GRAMMAR_TEXT + 1 };

struct bench {
	struct arena *arena;
	char *text;
	size_t size;
	struct demand demand;
	struct grammar_problem problem;
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->arena = arena_create(ARENA);
	bench->text = malloc(TEXT + 1);
	*state = bench;
	return bench->arena && bench->text ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	arena_free(bench->arena);
	free(bench->text);
	free(bench);
	return 0;
}

static void start(struct bench *bench)
{
	bench->size = 0;
	arena_reset(bench->arena);
}

static void PRINTF(2, 3) put(struct bench *bench, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	bench->size +=
	        (size_t)vsnprintf(bench->text + bench->size, TEXT + 1 - bench->size, format, arguments);
	va_end(arguments);
	T_TRUE(bench->size <= TEXT);
}

static int parse(struct bench *bench)
{
	return grammar_parse_demand(bench->text, bench->size, "t", bench->arena, &bench->demand,
	                            &bench->problem);
}

static int parse_yaml(struct bench *bench)
{
	return grammar_parse_demand_yaml(bench->text, bench->size, "t", bench->arena, &bench->demand,
	                                 &bench->problem);
}

/* A demand with `count` of something; code of the parse. */
static int repeat(struct bench *bench, const char *before, const char *item, const char *separator, int count,
                  const char *after)
{
	start(bench);
	put(bench, "%s", before);
	for (int i = 0; i < count; i++)
		put(bench, "%s%s", i > 0 ? separator : "", item);
	put(bench, "%s", after);
	return parse(bench);
}

static void text_size(void **state)
{
	struct bench *bench = *state;

	start(bench);
	put(bench, "demand d { service \"x\"; } #");
	memset(bench->text + bench->size, '#', TEXT - bench->size);
	bench->size = GRAMMAR_TEXT;
	T_OK(parse(bench));
	bench->size = TEXT;
	T_ERROR(parse(bench), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(parse_yaml(bench), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(bench->problem.line, 1);
	T_TRUE(strstr(bench->problem.text, "65536") != NULL);
}

/* The text ends where its size says, not at a NUL, and not one octet later. */
static void text_end(void **state)
{
	struct bench *bench = *state;
	static const char text[] = "demand d { service \"x\"; trust 12; }";

	for (size_t size = 0; size < strlen(text); size++) {
		char *copy = malloc(size + 1); /* exactly as long as said, for the sanitizer */

		memcpy(copy, text, size);
		T_ERROR(grammar_parse_demand(copy, size, "t", bench->arena, &bench->demand, &bench->problem),
		        BUSBAR_ERROR_SYNTAX);
		copy = realloc(copy, size > 0 ? size : 1);
		assert_non_null(copy);
		T_ERROR(grammar_parse_demand(copy, size, "t", bench->arena, &bench->demand, &bench->problem),
		        BUSBAR_ERROR_SYNTAX);
		free(copy);
	}
	T_ERROR(grammar_parse_demand("demand d { service \"x\"; }\0", 26, "t", bench->arena, &bench->demand,
	                             &bench->problem),
	        BUSBAR_ERROR_SYNTAX);
	T_EQ(bench->problem.column, 26);
}

static void arguments(void **state)
{
	struct bench *bench = *state;
	char half[DEMAND_ARGUMENT_TEXT / 2 + 4];

	T_OK(repeat(bench, "demand d { run ", "\"a\"", " ", DEMAND_ARGUMENTS, "; }"));
	T_EQ(bench->demand.body.argument_count, DEMAND_ARGUMENTS);
	T_ERROR(repeat(bench, "demand d { run ", "\"a\"", " ", DEMAND_ARGUMENTS + 1, "; }"),
	        BUSBAR_ERROR_TOO_LARGE);
	memset(half, 'a', sizeof(half));
	half[0] = half[DEMAND_ARGUMENT_TEXT / 2] = '"';
	half[DEMAND_ARGUMENT_TEXT / 2 + 1] = '\0'; /* 255 octets and a NUL: two of them fill the room */
	T_OK(repeat(bench, "demand d { run ", half, " ", 2, "; }"));
	T_ERROR(repeat(bench, "demand d { run \"\" ", half, " ", 2, "; }"), BUSBAR_ERROR_TOO_LARGE);
}

static void places_and_data(void **state)
{
	struct bench *bench = *state;

	T_OK(repeat(bench, "demand d { service \"x\"; region ", "\"a\"", ", ", DEMAND_PLACES, "; }"));
	T_EQ(bench->demand.region_count, DEMAND_PLACES);
	T_ERROR(repeat(bench, "demand d { service \"x\"; region ", "\"a\"", ", ", DEMAND_PLACES + 1, "; }"),
	        BUSBAR_ERROR_TOO_LARGE);
	T_OK(repeat(bench, "demand d { service \"x\"; model ", "cloud", ", ", DEMAND_PLACES, "; }"));
	T_ERROR(repeat(bench, "demand d { service \"x\"; model ", "cloud", ", ", DEMAND_PLACES + 1, "; }"),
	        BUSBAR_ERROR_TOO_LARGE);
	T_OK(repeat(bench, "demand d { service \"x\"; ", "data 1 kB in", "; ", DEMAND_DATA, "; }"));
	T_EQ(bench->demand.body.data_count, DEMAND_DATA);
	T_ERROR(repeat(bench, "demand d { service \"x\"; ", "data 1 kB in", "; ", DEMAND_DATA + 1, "; }"),
	        BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(repeat(bench, "demand d { service \"x\"; ", "data 9000000000 GB in", "; ", 2, "; }"),
	        BUSBAR_ERROR_AMOUNT_OVERFLOW);
}

static int stages(struct bench *bench, int count, int after)
{
	start(bench);
	put(bench, "demand d {\n");
	for (int i = 0; i < count; i++) {
		put(bench, "stage s%d { service \"x\"; }", i);
		for (int j = 0; j < after && j < i; j++)
			put(bench, "%s s%d", j == 0 ? " after" : ",", j);
		put(bench, ";\n");
	}
	put(bench, "}");
	return parse(bench);
}

static void stage_counts(void **state)
{
	struct bench *bench = *state;

	T_OK(stages(bench, DEMAND_STAGES, DEMAND_AFTER));
	T_EQ(bench->demand.stage_count, DEMAND_STAGES);
	T_EQ(bench->demand.stages[DEMAND_STAGES - 1].after_count, DEMAND_AFTER);
	T_TEXT(bench->demand.stages[5].after[3], "s3");
	T_ERROR(stages(bench, DEMAND_STAGES + 1, 0), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(bench->problem.line, DEMAND_STAGES + 2);
	T_ERROR(stages(bench, DEMAND_STAGES, DEMAND_AFTER + 1), BUSBAR_ERROR_TOO_LARGE);
}

static void instruction_counts(void **state)
{
	struct bench *bench = *state;
	static const char head[] = "program 0123456789abcdef0123456789abcdef ingress 1.1 part 1 of 2 "
	                           "expires 2026-01-31T12:00:00Z {\n";

	for (int count = PROGRAM_INSTRUCTIONS; count <= PROGRAM_INSTRUCTIONS + 1; count++) {
		struct program program;

		start(bench);
		put(bench, "%s", head);
		for (int i = 0; i < count; i++)
			put(bench, "at %d.1 forward;\n", i + 1);
		put(bench, "}");
		T_ERROR(grammar_parse_program(bench->text, bench->size, "t", NULL, &program, &bench->problem),
		        count > PROGRAM_INSTRUCTIONS ? BUSBAR_ERROR_TOO_LARGE : 0);
	}
	T_EQ(bench->problem.line, PROGRAM_INSTRUCTIONS + 2);
}

/* What takes a parser's stack or time: 64 kB of one thing, in a fraction of a second each. */
static void deep_garbage(void **state)
{
	static const char *const pieces[] = {"{",
	                                     "[",
	                                     "demand d {",
	                                     "stage a {",
	                                     "\"",
	                                     "\\\"",
	                                     "- ",
	                                     "a: ",
	                                     "{a: ",
	                                     "[{",
	                                     "#",
	                                     "&a ",
	                                     "*a ",
	                                     "&a *a ",
	                                     "? ",
	                                     "!x ",
	                                     "!!str ",
	                                     "'",
	                                     "|\n",
	                                     "%",
	                                     "at ",
	                                     ", ",
	                                     "run \"",
	                                     "a\n",
	                                     "\n",
	                                     "9",
	                                     "-",
	                                     "a:\n ",
	                                     "\xef\xbb\xbf",
	                                     "\xff",
	                                     "\xe2\x80",
	                                     "--- \n",
	                                     "need cpu 1;",
	                                     "\t"};
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct program program;
		clock_t before = clock();

		start(bench);
		while (bench->size + strlen(pieces[i]) <= GRAMMAR_TEXT)
			put(bench, "%s", pieces[i]);
		T_TRUE(parse(bench) < 0);
		T_TRUE(parse_yaml(bench) < 0);
		T_TRUE(grammar_parse_program(bench->text, bench->size, "t", NULL, &program, &bench->problem) <
		       0);
		if (clock() - before > 5 * CLOCKS_PER_SEC)
			fail_msg("'%s' takes %ld ms", pieces[i],
			         (long)((clock() - before) * 1000 / CLOCKS_PER_SEC));
	}
}

/* A good text with a few octets changed: parsed or refused, never anything else. */
static void changed_octets(void **state)
{
	static const char good[] =
	        "demand d { service \"x\" version \"1\"; need memory 2 GiB each for 3 s; "
	        "data 2 MB in; split up to 8 part at least cpu 2; "
	        "stage a { run \"x\" \"y\"; } after b; budget 0.02; region \"a\", \"b\"; }";
	struct bench *bench = *state;
	struct random random;
	int parsed = 0;

	random_seed(&random, 7);
	for (int i = 0; i < 20000; i++) {
		int code;

		start(bench);
		put(bench, "%s", good);
		for (uint64_t j = 0; j < 1 + random_below(&random, 3); j++)
			bench->text[random_below(&random, bench->size)] = (char)random_below(&random, 256);
		code = parse(bench);
		parsed += code == 0;
		T_TRUE(code == 0 || (bench->problem.line >= 1 && bench->problem.text[0] == 't'));
		(void)parse_yaml(bench);
	}
	/* `after b` names no stage, so only a change there can make it good. */
	T_TRUE(parsed < 200);
}

static void small_arenas(void **state)
{
	struct bench *bench = *state;

	T_OK(stages(bench, DEMAND_STAGES, 1));
	for (size_t maximum = 0; maximum < 8000; maximum += 500) {
		struct arena *arena = arena_create(maximum);

		T_ERROR(grammar_parse_demand(bench->text, bench->size, "t", arena, &bench->demand,
		                             &bench->problem),
		        -ENOMEM);
		arena_free(arena);
	}
	T_OK(parse(bench));
	for (size_t maximum = 0; maximum < 200; maximum += 20) {
		struct arena *arena = arena_create(maximum);

		T_TRUE(grammar_print_demand(&bench->demand, arena) == NULL);
		T_TRUE(grammar_print_demand_yaml(&bench->demand, arena) == NULL);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(text_size, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(text_end, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(arguments, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(places_and_data, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(stage_counts, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(instruction_counts, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(deep_garbage, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(changed_octets, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(small_arenas, set_up, tear_down),
	};

	return T_RUN(tests);
}
