/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "t.h"

static int read_words(struct options *options, char problem[OPTIONS_PROBLEM], size_t count,
                      const char *const words[])
{
	return options_read(count, (char *const *)(void *)(uintptr_t)words, options, problem);
}

#define READ(options, problem, ...)                                                          \
	read_words(options, problem, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
	           (const char *[]){__VA_ARGS__})

static void options_stand_anywhere(void **state)
{
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(READ(&options, problem, "--config", "a.yaml", "run", "--json", "x.demand", "-o", "out",
	          "--wait"));
	T_TEXT(options.config, "a.yaml");
	T_TEXT(options.output, "out");
	T_TRUE(options.json && options.wait && !options.as_operator);
	T_EQ(options.word_count, 2);
	T_TEXT(options.words[0], "run");
	T_TEXT(options.words[1], "x.demand");
}

static void values_stand_behind_or_beside(void **state)
{
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(READ(&options, problem, "--for=30 s", "--budget", "0.02", "--name="));
	T_TEXT(options.need_time, "30 s");
	T_TEXT(options.budget, "0.02");
	T_TEXT(options.name, "");
	/* The next word is a value whatever it looks like. */
	T_OK(READ(&options, problem, "--name", "--json"));
	T_TEXT(options.name, "--json");
	T_TRUE(!options.json);
}

static void lists_keep_their_order(void **state)
{
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(READ(&options, problem, "--need", "cpu 1", "--region", "a", "--need", "memory 1 GiB each"));
	T_EQ(options.needs.count, 2);
	T_TEXT(options.needs.items[0], "cpu 1");
	T_TEXT(options.needs.items[1], "memory 1 GiB each");
	T_EQ(options.regions.count, 1);
	T_EQ(options.models.count, 0);
}

static void all_behind_the_dashes_is_the_program(void **state)
{
	const char *words[] = {"run", "--run", "--", "sh", "--json", "--", "-x"};
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(read_words(&options, problem, ARRAY_SIZE(words), words));
	T_TRUE(options.run && !options.json);
	T_EQ(options.word_count, 1);
	T_EQ(options.program_count, 4);
	T_TRUE(options.program[0] == words[3]);
	T_TEXT(options.program[1], "--json");
	T_TEXT(options.program[2], "--");
	T_OK(read_words(&options, problem, 3, words));
	T_EQ(options.program_count, 0);
}

static void a_lone_dash_is_a_word(void **state)
{
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(READ(&options, problem, "quote", "-"));
	T_EQ(options.word_count, 2);
	T_TEXT(options.words[1], "-");
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *words[2];
		const char *problem;
	} cases[] = {
	        {{"--nothing", "x"}, "no such option '--nothing'"},
	        {{"-z", "x"}, "no such option '-z'"},
	        {{"-wj", "x"}, "no such option '-wj'"},
	        {{"--", ""}, NULL},
	        {{"view", "--budget"}, "a value is missing after '--budget'"},
	        {{"--json=yes", "view"}, "takes no value: '--json=yes'"},
	        {{"--json", "--json"}, "given twice: '--json'"},
	        {{"--budget=1", "--budget=2"}, "given twice: '--budget=2'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options options = {.word_count = 77};
		char problem[OPTIONS_PROBLEM];
		int code = read_words(&options, problem, 2, cases[i].words);

		if (cases[i].problem == NULL) {
			T_OK(code);
			continue;
		}
		T_ERROR(code, BUSBAR_ERROR_BAD_VALUE);
		T_TEXT(problem, cases[i].problem);
		T_EQ(options.word_count, 77);
	}
}

static void tables_are_bounded(void **state)
{
	const char *words[2 * OPTIONS_LIST + 2];
	struct options options;
	char problem[OPTIONS_PROBLEM];

	for (size_t i = 0; i <= OPTIONS_LIST; i++) {
		words[2 * i] = "--region";
		words[2 * i + 1] = "r";
	}
	T_OK(read_words(&options, problem, 2 * OPTIONS_LIST, words));
	T_EQ(options.regions.count, OPTIONS_LIST);
	T_ERROR(read_words(&options, problem, 2 * OPTIONS_LIST + 2, words), BUSBAR_ERROR_BAD_VALUE);
	for (size_t i = 0; i <= OPTIONS_WORDS; i++)
		words[i] = "word";
	T_OK(read_words(&options, problem, OPTIONS_WORDS, words));
	T_ERROR(read_words(&options, problem, OPTIONS_WORDS + 1, words), BUSBAR_ERROR_BAD_VALUE);
}

static void foreign_options_are_found(void **state)
{
	struct options options;
	char problem[OPTIONS_PROBLEM];

	T_OK(READ(&options, problem, "view", "--json", "--split", "2"));
	T_TRUE(options_foreign(&options, OPTION_COMMON | OPTION_DEMAND) == NULL);
	T_TEXT(options_foreign(&options, OPTION_COMMON), "split");
	T_TRUE(options_given(&options, OPTION_DEMAND));
	T_TRUE(!options_given(&options, OPTION_INPUT | OPTION_OUTPUT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(options_stand_anywhere),
	        cmocka_unit_test(values_stand_behind_or_beside),
	        cmocka_unit_test(lists_keep_their_order),
	        cmocka_unit_test(all_behind_the_dashes_is_the_program),
	        cmocka_unit_test(a_lone_dash_is_a_word),
	        cmocka_unit_test(mistakes_are_named),
	        cmocka_unit_test(tables_are_bounded),
	        cmocka_unit_test(foreign_options_are_found),
	};

	return T_RUN(tests);
}
