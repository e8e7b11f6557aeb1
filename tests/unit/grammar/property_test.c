/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed and parsed again is what it was, for thousands of random models. */
#include "generate.h"
#include "grammar/grammar.h"
#include "tests/t.h"

enum { ROUNDS = 4000, ARENA = 1 << 20 };

typedef char *print_function(const struct demand *demand, struct arena *arena);
typedef int parse_function(const char *text, size_t size, const char *file, struct arena *arena,
                           struct demand *ret_demand, struct grammar_problem *ret_problem);

static void check_demands(uint64_t seed, print_function *print, parse_function *parse)
{
	static struct demand_stage stages[DEMAND_STAGES];
	struct arena *arena = arena_create(ARENA);
	struct grammar_problem problem;
	struct random random;

	random_seed(&random, seed);
	for (int i = 0; i < ROUNDS; i++) {
		struct demand demand, again;
		char *text, *second;

		generate_demand(&random, stages, &demand);
		text = print(&demand, arena);
		T_TRUE(text != NULL);
		if (parse(text, strlen(text), "random", arena, &again, &problem) < 0)
			fail_msg("round %d: %s in\n%s", i, problem.text, text);
		assert_same_demand(&demand, &again);
		second = print(&again, arena);
		T_TRUE(second != NULL);
		T_TEXT(second, text);
		arena_reset(arena);
	}
	arena_free(arena);
}

static void demands_in_text(void **state)
{
	check_demands(1, grammar_print_demand, grammar_parse_demand);
}

static void demands_in_yaml(void **state)
{
	check_demands(2, grammar_print_demand_yaml, grammar_parse_demand_yaml);
}

/* Every second gateway has a name; names that look like anything else included. */
static const char *const names[] = {"edge-a", "at", "tariff", "4.1", "core \"1\"", "10", "A", "none"};

static const char *gateway_name(void *context, struct gateway_identity identity)
{
	return identity.site < 16 && identity.site % 2 == 0 && identity.gateway == 0
	               ? names[identity.site / 2]
	               : NULL;
}

static int gateway_of_name(void *context, const char *name, struct gateway_identity *ret_identity)
{
	for (uint32_t i = 1; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_identity = (struct gateway_identity){.site = 2 * i};
			return 0;
		}
	}
	return BUSBAR_ERROR_NOT_FOUND;
}

/* Gives some of a program's gateways identities that have names. */
static void name_gateways(struct random *random, struct program *program)
{
	struct gateway_identity named = {.site = 2 *
	                                         (1 + (uint32_t)random_below(random, ARRAY_SIZE(names) - 1))};

	program->ingress = named;
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		struct instruction *instruction = &program->instructions[i];

		if (instruction->operation == OPERATION_RESERVE && instruction->reserve.rate > 0)
			instruction->reserve.toward = named;
		if (instruction->operation == OPERATION_RESERVE && instruction->reserve.back_rate > 0)
			instruction->reserve.back = named;
		if (instruction->operation == OPERATION_DELIVER)
			instruction->deliver.to = named;
	}
}

static void programs_in_text(void **state)
{
	const struct grammar_names all = {.identity = gateway_of_name, .name = gateway_name};
	struct arena *arena = arena_create(ARENA);
	struct grammar_problem problem;
	struct random random;

	random_seed(&random, 3);
	for (int i = 0; i < ROUNDS; i++) {
		const struct grammar_names *used = i % 2 == 0 ? &all : NULL;
		struct program program, again;
		char *text;

		generate_program(&random, &program);
		if (used)
			name_gateways(&random, &program);
		text = grammar_print_program(&program, used, arena);
		T_TRUE(text != NULL);
		if (grammar_parse_program(text, strlen(text), "random", used, &again, &problem) < 0)
			fail_msg("round %d: %s in\n%s", i, problem.text, text);
		assert_same_program(&program, &again);
		T_TEXT(grammar_print_program(&again, used, arena), text);
		arena_reset(arena);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(demands_in_text),
	        cmocka_unit_test(demands_in_yaml),
	        cmocka_unit_test(programs_in_text),
	};

	return T_RUN(tests);
}
