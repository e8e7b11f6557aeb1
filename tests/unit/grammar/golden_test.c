/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of tests/golden/grammar: NAME.demand is read and must print as NAME.text and NAME.yaml, and
 * these read as the same demand; NAME.program prints as NAME.program.text. The examples' demands are
 * read too.
 */
#include "base/file.h"
#include "generate.h"
#include "grammar/grammar.h"
#include "tests/t.h"

static const char *const demands[] = {"render", "minimal", "everything", "stages", "layout", "reserve"};
static const char *const programs[] = {"path", "release", "run", "reserve", "refresh"};
static const char *const examples[] = {"render", "hold", "digit", "ocr", "impossible", "voice"};

static char *read_text(struct arena *arena, const char *folder, const char *name, const char *suffix)
{
	char *path = arena_format(arena, "%s/%s%s", folder, name, suffix);
	char *text;
	size_t size;

	T_OK(file_read(path, GRAMMAR_TEXT, arena, &text, &size));
	return text;
}

static void parse(struct arena *arena, const char *name, const char *text, struct demand *ret_demand)
{
	struct grammar_problem problem;

	if (grammar_parse_demand(text, strlen(text), name, arena, ret_demand, &problem) < 0)
		fail_msg("%s", problem.text);
}

static void parse_yaml(struct arena *arena, const char *name, const char *text, struct demand *ret_demand)
{
	struct grammar_problem problem;

	if (grammar_parse_demand_yaml(text, strlen(text), name, arena, ret_demand, &problem) < 0)
		fail_msg("%s", problem.text);
}

static void demands_print_as_kept(void **state)
{
	struct arena *arena = arena_create(1 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(demands); i++) {
		char *text = read_text(arena, GOLDEN, demands[i], ".text");
		char *yaml = read_text(arena, GOLDEN, demands[i], ".yaml");
		struct demand demand, again;

		parse(arena, demands[i], read_text(arena, GOLDEN, demands[i], ".demand"), &demand);
		T_TEXT(grammar_print_demand(&demand, arena), text);
		T_TEXT(grammar_print_demand_yaml(&demand, arena), yaml);
		parse(arena, demands[i], text, &again);
		assert_same_demand(&demand, &again);
		parse_yaml(arena, demands[i], yaml, &again);
		assert_same_demand(&demand, &again);
		arena_reset(arena);
	}
	arena_free(arena);
}

static void programs_print_as_kept(void **state)
{
	struct arena *arena = arena_create(1 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char *text = read_text(arena, GOLDEN, programs[i], ".program");
		char *canonical = read_text(arena, GOLDEN, programs[i], ".program.text");
		struct program program, again;
		struct grammar_problem problem;

		if (grammar_parse_program(text, strlen(text), programs[i], NULL, &program, &problem) < 0)
			fail_msg("%s", problem.text);
		T_TEXT(grammar_print_program(&program, NULL, arena), canonical);
		T_OK(grammar_parse_program(canonical, strlen(canonical), "", NULL, &again, &problem));
		assert_same_program(&program, &again);
		arena_reset(arena);
	}
	arena_free(arena);
}

/* JSON is YAML, in one line or in many, with its escapes. */
static void json_reads_as_yaml(void **state)
{
	static const char *const texts[] = {
	        "{\"demand\":\"d\",\"run\":[\"a\\\"b\\\\c\\/\",\"\\u00e9\"],\"need\":[{\"kind\":\"memory\","
	        "\"amount\":\"2 GiB\",\"each\":true},{\"kind\":\"cpu\",\"amount\":2,\"for\":\"1 "
	        "s\"}],\"split\":"
	        "{\"up to\":4,\"part at "
	        "least\":{\"cpu\":1}},\"offload\":true,\"budget\":0.02,\"region\":\"a\"}",
	        "{\n\t\"region\": [ \"a\" ],\n\t\"budget\": \"0.02\",\n\t\"offload\": true,\n\t\"split\": {\n"
	        "\t\t\"part at least\": { \"cpu\": \"1\" }, \"up to\": 4\n\t},\n\t\"need\": [\n"
	        "\t\t{ \"amount\": \"2 GiB\", \"each\": true, \"kind\": \"memory\" },\n"
	        "\t\t{ \"kind\": \"cpu\", \"each\": false, \"amount\": \"2 cores\", \"for\": \"1000 ms\" "
	        "}\n\t],\n"
	        "\t\"run\": [ \"a\\\"b\\\\c/\", \"\xc3\xa9\" ],\n\t\"demand\": \"d\"\n}\n",
	};
	static const char text[] =
	        "demand d { run \"a\\\"b\\\\c/\" \"\xc3\xa9\"; need memory 2 GiB each; need cpu 2 for "
	        "1 s; split up to 4 part at least cpu 1; budget 0.02; region \"a\"; offload }";
	struct arena *arena = arena_create(1 << 20);
	struct demand wanted, demand;

	parse(arena, "text", text, &wanted);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		parse_yaml(arena, "json", texts[i], &demand);
		assert_same_demand(&demand, &wanted);
	}
	arena_free(arena);
}

static void examples_are_read(void **state)
{
	struct arena *arena = arena_create(1 << 20);

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		char *text = read_text(arena, EXAMPLES "/demands", examples[i], ".demand");
		struct demand demand, again;

		parse(arena, examples[i], text, &demand);
		T_TEXT(demand.name, examples[i]);
		parse_yaml(arena, examples[i], grammar_print_demand_yaml(&demand, arena), &again);
		assert_same_demand(&demand, &again);
		arena_reset(arena);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(demands_print_as_kept),
	        cmocka_unit_test(programs_print_as_kept),
	        cmocka_unit_test(json_reads_as_yaml),
	        cmocka_unit_test(examples_are_read),
	};

	return T_RUN(tests);
}
