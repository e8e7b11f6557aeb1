/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demand_option.h"

#include "grammar/grammar.h"
#include "t.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

enum { ARENA = 1 << 20 };

struct fixture {
	struct arena *arena;
	struct options options;
	struct demand demand;
	char problem[DEMAND_OPTION_PROBLEM];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	if (fixture != NULL)
		fixture->arena = arena_create(ARENA);
	return fixture == NULL || fixture->arena == NULL;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->arena);
	free(fixture);
	return 0;
}

static int read_flags(struct fixture *fixture, size_t count, const char *const words[])
{
	char problem[OPTIONS_PROBLEM];

	T_OK(options_read(count, (char *const *)(void *)(uintptr_t)words, &fixture->options, problem));
	fixture->problem[0] = '\0';
	return demand_option_read(&fixture->options, NULL, fixture->arena, &fixture->demand,
	                          fixture->problem);
}

#define FLAGS(fixture, ...)                                                         \
	read_flags(fixture, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
	           (const char *[]){__VA_ARGS__})

/* What the demand of the flags is, in canonical text. */
static void check_text(struct fixture *fixture, int code, const char *expected)
{
	if (code < 0)
		fail_msg("%s", fixture->problem);
	T_TEXT(grammar_print_demand(&fixture->demand, fixture->arena), expected);
}

static void a_service_is_enough(void **state)
{
	struct fixture *fixture = *state;

	check_text(fixture, FLAGS(fixture, "--service", "ocr"), "demand {\n\tservice \"ocr\";\n}\n");
	check_text(fixture, FLAGS(fixture, "--service", "ocr:2"),
	           "demand {\n\tservice \"ocr\" version \"2\";\n}\n");
}

static void every_flag_is_a_statement(void **state)
{
	struct fixture *fixture = *state;
	int code = FLAGS(fixture, "--service=render:3", "--name=film", "--need", "cpu 2 each", "--need",
	                 "memory 2 GiB", "--for", "30 s", "--work", "cpu.gflops 400", "--network-within",
	                 "25 ms", "--respond-within=1 s", "--finish-within=20 s", "--up=20 Mbit/s",
	                 "--down=80 Mbit/s", "--burst=64 kB", "--split-up-to=8", "--budget=0.02",
	                 "--prefer=latency", "--region=a", "--region=b c", "--operator-name=metro",
	                 "--model=edge", "--model=cloud");

	check_text(fixture, code,
	           "demand film {\n"
	           "\tservice \"render\" version \"3\";\n"
	           "\tneed cpu 2 each;\n"
	           "\tneed memory 2 GiB for 30 s;\n"
	           "\twork cpu.gflops 400;\n"
	           "\tnetwork within 25 ms;\n"
	           "\trespond within 1 s;\n"
	           "\tfinish within 20 s;\n"
	           "\tbandwidth up 20 Mbit/s down 80 Mbit/s burst 64 kB;\n"
	           "\tsplit up to 8;\n"
	           "\tbudget 0.02;\n"
	           "\tprefer latency;\n"
	           "\tregion \"a\", \"b c\";\n"
	           "\toperator \"metro\";\n"
	           "\tmodel edge, cloud;\n"
	           "}\n");
}

static void one_limit_of_bandwidth_is_enough(void **state)
{
	struct fixture *fixture = *state;

	T_OK(FLAGS(fixture, "--service=a", "--down=8 Mbit/s", "--split=4"));
	T_EQ(fixture->demand.body.bandwidth_down, 8000000);
	T_EQ(fixture->demand.body.bandwidth_up, 0);
	T_EQ(fixture->demand.body.split, 4);
	T_TRUE(fixture->demand.body.split_exactly);
}

/* The command `reserve` makes of --for what all is held for. */
static void a_reservation_is_a_demand_too(void **state)
{
	struct fixture *fixture = *state;
	const char *words[] = {"--service=voice", "--for=10 min",    "--network-within=20 ms",
	                       "--guaranteed",    "--up=100 kbit/s", "--down=1 Mbit/s"};
	char problem[OPTIONS_PROBLEM];

	T_OK(options_read(ARRAY_SIZE(words), (char *const *)(void *)(uintptr_t)words, &fixture->options,
	                  problem));
	fixture->options.reserve_time = fixture->options.need_time;
	fixture->options.need_time = NULL;
	check_text(
	        fixture,
	        demand_option_read(&fixture->options, NULL, fixture->arena, &fixture->demand,
	                           fixture->problem),
	        "demand {\n\tservice \"voice\";\n\treserve for 10 min;\n\tnetwork within 20 ms guaranteed;\n"
	        "\tbandwidth up 100 kbit/s down 1 Mbit/s;\n}\n");
	/* It alone can be guaranteed. */
	T_ERROR(FLAGS(fixture, "--service=a", "--network-within=1 s", "--guaranteed"),
	        BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(FLAGS(fixture, "--service=a", "--guaranteed"), BUSBAR_ERROR_MISSING_FIELD);
	T_TEXT(fixture->problem, "--guaranteed goes with --network-within");
}

static void texts_are_quoted(void **state)
{
	struct fixture *fixture = *state;

	T_OK(FLAGS(fixture, "--run", "--name", "a \"b\" \\", "--region", "x\"; budget 1; region \"y", "--",
	           "sh", "-c", "echo \"hi\" \\; }", ""));
	T_TEXT(fixture->demand.name, "a \"b\" \\");
	T_EQ(fixture->demand.region_count, 1);
	T_TEXT(fixture->demand.regions[0], "x\"; budget 1; region \"y");
	T_EQ(fixture->demand.budget, 0);
	T_EQ(fixture->demand.body.argument_count, 4);
	T_TEXT(demand_argument(&fixture->demand.body, 2), "echo \"hi\" \\; }");
	T_TEXT(demand_argument(&fixture->demand.body, 3), "");
}

static void a_value_is_no_statement(void **state)
{
	struct fixture *fixture = *state;
	static const char *const values[] = {"1; budget 2", "1}", "\"x\"", "1\n2", "", "# 1", "1, 2"};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		T_ERROR(FLAGS(fixture, "--service=a", "--budget", values[i]), BUSBAR_ERROR_BAD_VALUE);
		T_TRUE(strncmp(fixture->problem, "--budget: not a value", 21) == 0);
	}
}

static void mistakes_are_explained(void **state)
{
	struct fixture *fixture = *state;

	T_ERROR(FLAGS(fixture, "--budget=1"), BUSBAR_ERROR_MISSING_FIELD);
	T_TEXT(fixture->problem, "a demand needs a file, --service or --run");
	T_ERROR(FLAGS(fixture, "--run"), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(FLAGS(fixture, "--service=a", "--", "sh"), BUSBAR_ERROR_MISSING_FIELD);
	T_TEXT(fixture->problem, "--run and -- PROGRAM go together");
	T_ERROR(FLAGS(fixture, "--service=a", "--run", "--", "sh"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(FLAGS(fixture, "--service=a", "--for=1 s"), BUSBAR_ERROR_MISSING_FIELD);
	T_ERROR(FLAGS(fixture, "--service=a", "--up=5 Mbits"), BUSBAR_ERROR_UNKNOWN_UNIT);
	T_TRUE(strstr(fixture->problem, "flags:") == fixture->problem);
	T_TRUE(FLAGS(fixture, "--service=a", "--split=2", "--split-up-to=3") < 0);
	T_TRUE(FLAGS(fixture, "--service=a", "--prefer=taste") < 0);
	T_TRUE(FLAGS(fixture, "--service=a", "--model=moon") < 0);
	T_TRUE(FLAGS(fixture, "--service=a\nb") < 0);
}

static void a_file_and_flags_exclude_each_other(void **state)
{
	struct fixture *fixture = *state;
	const char *words[] = {"--budget=1"};
	char problem[OPTIONS_PROBLEM];

	T_OK(options_read(1, (char *const *)(void *)(uintptr_t)words, &fixture->options, problem));
	T_ERROR(demand_option_read(&fixture->options, EXAMPLES "/demands/ocr.demand", fixture->arena,
	                           &fixture->demand, fixture->problem),
	        BUSBAR_ERROR_BAD_VALUE);
}

/* Reads a demand file, and what it is as YAML: both say the same. */
static void check_example(struct fixture *fixture, const char *path)
{
	const struct options none = {.json = false};
	const char *text, *yaml;

	if (demand_option_read(&none, path, fixture->arena, &fixture->demand, fixture->problem) < 0)
		fail_msg("%s", fixture->problem);
	T_TRUE(fixture->demand.body.service[0] != '\0');
	T_TRUE(fixture->demand.name[0] != '\0');
	text = grammar_print_demand(&fixture->demand, fixture->arena);
	yaml = grammar_print_demand_yaml(&fixture->demand, fixture->arena);
	if (demand_option_parse(yaml, path, fixture->arena, &fixture->demand, fixture->problem) < 0)
		fail_msg("%s", fixture->problem);
	T_TEXT(grammar_print_demand(&fixture->demand, fixture->arena), text);
}

static void the_examples_can_be_read(void **state)
{
	struct fixture *fixture = *state;
	DIR *folder = opendir(EXAMPLES "/demands");
	const struct dirent *entry;
	unsigned count = 0;

	T_TRUE(folder != NULL);
	while ((entry = readdir(folder)) != NULL) {
		char path[1024];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/demands/%s", EXAMPLES, entry->d_name);
		check_example(fixture, path);
		count++;
	}
	closedir(folder);
	T_TRUE(count >= 6);
}

static void forms_are_told_apart(void **state)
{
	struct fixture *fixture = *state;
	static const char *const texts[] = {
	        "demand x {service \"a\"}",
	        "# demand: y\n\n  demand x {service \"a\"}",
	        "demand: x\nservice: a\n",
	        "# demand x {\ndemand : x\nservice: a\n",
	        "{\"service\": \"a\", \"demand\": \"x\"}",
	        "service: a\ndemand: x\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (demand_option_parse(texts[i], "text", fixture->arena, &fixture->demand,
		                        fixture->problem) < 0)
			fail_msg("%s: %s", texts[i], fixture->problem);
		T_TEXT(fixture->demand.name, "x");
		T_TEXT(fixture->demand.body.service, "a");
	}
}

static void files_that_cannot_be_read_are_named(void **state)
{
	struct fixture *fixture = *state;
	const struct options none = {.json = false};

	T_ERROR(demand_option_read(&none, "/nonexistent/x.demand", fixture->arena, &fixture->demand,
	                           fixture->problem),
	        -ENOENT);
	T_TRUE(strncmp(fixture->problem, "/nonexistent/x.demand: ", 23) == 0);
	/* An endless file is not read to its end. */
	T_ERROR(demand_option_read(&none, "/dev/zero", fixture->arena, &fixture->demand, fixture->problem),
	        BUSBAR_ERROR_TOO_LARGE);
	T_TRUE(demand_option_read(&none, "/dev/null", fixture->arena, &fixture->demand, fixture->problem) <
	       0);
}

static void blobs_are_added_while_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	unsigned char digest[32];

	memset(digest, 0x5c, sizeof(digest));
	T_OK(FLAGS(fixture, "--service=a"));
	T_OK(demand_option_add_blob(&fixture->demand, digest, 6982));
	T_TEXT(grammar_print_demand(&fixture->demand, fixture->arena),
	       "demand {\n\tservice \"a\";\n\tdata 6982 B in blob "
	       "sha256:5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c;\n}\n");
	T_OK(demand_check(&fixture->demand));
	for (int i = 1; i < DEMAND_DATA; i++)
		T_OK(demand_option_add_blob(&fixture->demand, digest, 1));
	T_ERROR(demand_option_add_blob(&fixture->demand, digest, 1), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(fixture->demand.body.data_count, DEMAND_DATA);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_FIXTURE(a_service_is_enough),
	        WITH_FIXTURE(every_flag_is_a_statement),
	        WITH_FIXTURE(one_limit_of_bandwidth_is_enough),
	        WITH_FIXTURE(a_reservation_is_a_demand_too),
	        WITH_FIXTURE(texts_are_quoted),
	        WITH_FIXTURE(a_value_is_no_statement),
	        WITH_FIXTURE(mistakes_are_explained),
	        WITH_FIXTURE(a_file_and_flags_exclude_each_other),
	        WITH_FIXTURE(the_examples_can_be_read),
	        WITH_FIXTURE(forms_are_told_apart),
	        WITH_FIXTURE(files_that_cannot_be_read_are_named),
	        WITH_FIXTURE(blobs_are_added_while_there_is_room),
	};

	return T_RUN(tests);
}
