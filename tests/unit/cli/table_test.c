/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "cli/document.h"
#include "cli/progress.h"
#include "t.h"
#include <errno.h>
#include <stdio.h>

static const struct table_column columns[] = {
        {"NAME", TABLE_LEFT}, {"AMOUNT", TABLE_RIGHT}, {"NOTE", TABLE_LEFT}, {NULL, TABLE_LEFT}};

struct output {
	char *text;
	size_t size;
	FILE *stream;
};

static void open_output(struct output *output)
{
	output->stream = open_memstream(&output->text, &output->size);
	T_TRUE(output->stream != NULL);
}

static void check_output(struct output *output, const char *expected)
{
	(void)fclose(output->stream);
	T_TEXT(output->text, expected);
	free(output->text);
}

static void columns_are_aligned(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct table *table = table_create(columns, arena);
	struct output output;

	table_cell(table, "a");
	table_cell(table, "%d", 12345678);
	table_cell(table, "x");
	table_cell(table, "longer");
	table_cell(table, "1");
	table_cell(table, "%s", "");
	T_EQ(table_rows(table), 2);
	open_output(&output);
	T_OK(table_print(table, output.stream));
	check_output(&output, "NAME      AMOUNT  NOTE\n"
	                      "a       12345678  x\n"
	                      "longer         1  -\n");
	arena_free(arena);
}

static void width_counts_characters(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct table *table = table_create(columns, arena);
	struct output output;

	for (int i = 0; i < 2; i++) {
		table_cell(table, "%s", i == 0 ? "\xc3\xa4\xe2\x82\xac" : "abc");
		table_cell(table, "%s", i == 0 ? "\xc3\xa4" : "b");
		table_cell(table, "x");
	}
	open_output(&output);
	T_OK(table_print(table, output.stream));
	check_output(&output, "NAME  AMOUNT  NOTE\n"
	                      "\xc3\xa4\xe2\x82\xac         \xc3\xa4  x\n"
	                      "abc        b  x\n");
	arena_free(arena);
}

static void names_do_not_drive_the_terminal(void **state)
{
	struct output output;

	open_output(&output);
	table_put_text(output.stream, "a\033[2Jb\nc\x7f"
	                              "d\xc2\x9b"
	                              "e\xc3\xa9\xc2\xa0");
	check_output(&output, "a?[2Jb?c?d?e\xc3\xa9\xc2\xa0");
}

static void an_empty_table_prints_nothing(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct output output;

	open_output(&output);
	T_OK(table_print(table_create(columns, arena), output.stream));
	check_output(&output, "");
	arena_free(arena);
}

static void many_rows_are_kept(void **state)
{
	struct arena *arena = arena_create(8 << 20);
	struct table *table = table_create(columns, arena);

	for (int i = 0; i < 3 * 5000; i++)
		table_cell(table, "%d", i);
	T_EQ(table_rows(table), 5000);
	arena_free(arena);
}

static void want_of_memory_is_told(void **state)
{
	struct arena *arena = arena_create(8192);
	struct table *table = table_create(columns, arena);

	for (int i = 0; i < 3000; i++)
		table_cell(table, "%d", i);
	T_ERROR(table_print(table, stdout), -ENOMEM);
	table_cell(NULL, "x");
	T_ERROR(table_print(NULL, stdout), -ENOMEM);
	arena_free(arena);
}

static void durations_have_fitting_units(void **state)
{
	static const struct {
		double milliseconds;
		const char *text;
	} cases[] = {
	        {-1, "-"},
	        {0, "0 ms"},
	        {0.25, "0.250 ms"},
	        {31.2, "31.2 ms"},
	        {999.94, "999.9 ms"},
	        {1250, "1.25 s"},
	        {90000, "90.00 s"},
	        {180000, "3.0 min"},
	        {7200000, "2.0 h"},
	        {345600000, "4.0 d"},
	};
	char text[DOCUMENT_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		T_TEXT(document_duration(cases[i].milliseconds, text), cases[i].text);
	T_TEXT(document_duration(0.0 / 0.0, text), "-");
	T_TEXT(document_time(0, text), "-");
}

static void documents_read_leniently(void **state)
{
	struct arena *arena = arena_create(1 << 16);
	json_t *object;

	T_ERROR(document_parse("[1]", &object), BUSBAR_ERROR_MALFORMED);
	T_ERROR(document_parse("{", &object), BUSBAR_ERROR_MALFORMED);
	T_OK(document_parse("{\"a\": 1, \"b\": \"x\", \"path\": [\"e\", \"c\", 3],"
	                    "\"error\": {\"code\": -1, \"text\": \"bad\"}}",
	                    &object));
	T_TEXT(document_text(object, "a"), "");
	T_TEXT(document_text(object, "none"), "");
	T_TEXT(document_text(NULL, "a"), "");
	T_EQ(document_integer(object, "b"), 0);
	T_EQ(document_count(object, "b"), 0);
	T_TRUE(document_at(object, "path", 3) == NULL);
	T_TEXT(document_path(json_object_get(object, "path"), arena), "e > c > ?");
	T_TEXT(document_path(NULL, arena), "");
	T_TEXT(document_error(object), "bad");
	json_decref(object);
	T_OK(document_parse("{\"error\": null}", &object));
	T_TRUE(document_error(object) == NULL);
	json_decref(object);
	arena_free(arena);
}

static void progress_counts_states(void **state)
{
	char text[PROGRESS_TEXT];
	json_t *object;

	T_OK(document_parse(
	        "{\"parts\": [{\"state\": \"done\"}, {\"state\": \"running\"}, {\"state\": \"running\"},"
	        "{\"state\": \"settled\"}, {\"state\": \"staging\"}, {\"state\": \"failed\"}]}",
	        &object));
	T_TEXT(progress_text(object, 0, text), "2/6 parts done, 1 staging, 2 running, 1 failed");
	T_TEXT(progress_text(object, 6, text), "[##....] 2/6 parts done, 1 staging, 2 running, 1 failed");
	json_decref(object);
	T_OK(document_parse("{\"parts\": []}", &object));
	T_TEXT(progress_text(object, 3, text), "[...] 0/0 parts done");
	json_decref(object);
}

static void progress_says_only_what_is_new(void **state)
{
	struct output output;
	struct progress progress;
	json_t *object;

	open_output(&output);
	progress = progress_begin(output.stream);
	T_TRUE(!progress.terminal);
	T_OK(document_parse("{\"parts\": [{\"state\": \"running\"}]}", &object));
	progress_show(&progress, object);
	progress_show(&progress, object);
	json_decref(object);
	T_OK(document_parse("{\"parts\": [{\"state\": \"done\"}]}", &object));
	progress_show(&progress, object);
	progress_end(&progress);
	json_decref(object);
	check_output(&output, "0/1 part done, 1 running\n1/1 part done\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(columns_are_aligned),
	        cmocka_unit_test(width_counts_characters),
	        cmocka_unit_test(names_do_not_drive_the_terminal),
	        cmocka_unit_test(an_empty_table_prints_nothing),
	        cmocka_unit_test(many_rows_are_kept),
	        cmocka_unit_test(want_of_memory_is_told),
	        cmocka_unit_test(durations_have_fitting_units),
	        cmocka_unit_test(documents_read_leniently),
	        cmocka_unit_test(progress_counts_states),
	        cmocka_unit_test(progress_says_only_what_is_new),
	};

	return T_RUN(tests);
}
