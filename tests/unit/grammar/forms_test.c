/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demand's text, YAML and binary form say the same: any of them, turned into the others and back, is
 * identical. The binary forms of the texts in tests/golden/grammar are kept there as NAME.hex.
 */
#include "base/file.h"
#include "base/hex.h"
#include "generate.h"
#include "grammar/grammar.h"
#include "tests/t.h"
#include "wire/demand_codec.h"

enum { ROUNDS = 2000, BINARY = 65536 };

static const char *const names[] = {"render", "minimal", "everything", "stages", "layout", "reserve"};

struct bench {
	struct arena *arena;
	struct random random;
	uint8_t binary[BINARY], again[BINARY];
	struct demand_stage stages[DEMAND_STAGES];
	struct demand demand, decoded, parsed;
	struct grammar_problem problem;
};

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->arena = arena_create(1 << 20);
	random_seed(&bench->random, 11);
	*state = bench;
	return bench->arena ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	arena_free(bench->arena);
	free(bench);
	return 0;
}

/* Text and binary of a demand, through each other and back. */
static void check_forms(struct bench *bench, const struct demand *demand)
{
	char *text = grammar_print_demand(demand, bench->arena);
	char *yaml = grammar_print_demand_yaml(demand, bench->arena);
	int size = demand_codec_encode(demand, bench->binary, BINARY);

	T_OK(size);
	T_OK(demand_codec_decode(bench->binary, (size_t)size, bench->arena, &bench->decoded));
	T_TEXT(grammar_print_demand(&bench->decoded, bench->arena), text);
	T_TEXT(grammar_print_demand_yaml(&bench->decoded, bench->arena), yaml);
	T_OK(grammar_parse_demand(text, strlen(text), "text", bench->arena, &bench->parsed, &bench->problem));
	T_EQ(demand_codec_encode(&bench->parsed, bench->again, BINARY), size);
	T_BYTES(bench->again, bench->binary, (size_t)size);
	T_OK(grammar_parse_demand_yaml(yaml, strlen(yaml), "yaml", bench->arena, &bench->parsed,
	                               &bench->problem));
	T_EQ(demand_codec_encode(&bench->parsed, bench->again, BINARY), size);
	T_BYTES(bench->again, bench->binary, (size_t)size);
}

static void random_demands(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < ROUNDS; i++) {
		generate_demand(&bench->random, bench->stages, &bench->demand);
		check_forms(bench, &bench->demand);
		arena_reset(bench->arena);
	}
}

static char *read_text(struct bench *bench, const char *name, const char *suffix)
{
	char *path = arena_format(bench->arena, "%s/%s%s", GOLDEN, name, suffix);
	char *text;
	size_t size;

	T_OK(file_read(path, 2 * GRAMMAR_TEXT, bench->arena, &text, &size));
	return text;
}

static void kept_binaries(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = read_text(bench, names[i], ".demand");
		char *kept = read_text(bench, names[i], ".hex");
		char *hex;
		int size;

		T_OK(grammar_parse_demand(text, strlen(text), names[i], bench->arena, &bench->demand,
		                          &bench->problem));
		check_forms(bench, &bench->demand);
		size = demand_codec_encode(&bench->demand, bench->binary, BINARY);
		T_OK(size);
		hex = arena_alloc(bench->arena, 2 * (size_t)size + 1);
		assert_non_null(hex);
		kept[strcspn(kept, "\n")] = '\0';
		T_TEXT(hex_format(bench->binary, (size_t)size, hex), kept);
		arena_reset(bench->arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(random_demands, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(kept_binaries, set_up, tear_down),
	};

	return T_RUN(tests);
}
