/* SPDX-License-Identifier: Apache-2.0 */
/* task list, show, wait, cancel. */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/outcome.h"
#include "cli/quote.h"
#include "cli/table.h"

static const struct table_column columns[] = {
        {"TASK", TABLE_LEFT},    {"NAME", TABLE_LEFT},    {"STATE", TABLE_LEFT},
        {"PARTS", TABLE_RIGHT},  {"CREATED", TABLE_LEFT}, {"TOOK", TABLE_RIGHT},
        {"CHARGE", TABLE_RIGHT}, {"PROBLEM", TABLE_LEFT}, {NULL, TABLE_LEFT},
};

/* From creation to end; "-" while it goes on. */
static char *duration_of(const json_t *task, char text[DOCUMENT_TEXT])
{
	int64_t ended = document_integer(task, "ended");
	int64_t took = ended == 0 ? -1 : ended - document_integer(task, "created");

	return document_duration((double)took / (double)CLOCK_MILLISECOND, text);
}

static void add_task(struct table *table, const json_t *task)
{
	const char *error = document_error(task);
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", document_text(task, "task"));
	table_cell(table, "%s", document_text(task, "name"));
	table_cell(table, "%s", document_text(task, "state"));
	table_cell(table, "%lld", (long long)document_integer(task, "parts"));
	table_cell(table, "%s", document_time(document_integer(task, "created"), text));
	table_cell(table, "%s", duration_of(task, text));
	table_cell(table, "%s", document_text(task, "charge"));
	table_cell(table, "%s", error == NULL ? "" : error);
}

static int print_list(struct session *session, const json_t *object)
{
	struct table *table = table_create(columns, session->arena);

	for (size_t i = 0; i < document_count(object, "tasks"); i++)
		add_task(table, document_at(object, "tasks", i));
	return table_print(table, session->out);
}

int task_show_list(struct session *session)
{
	return session_show(session, BUSBAR_TASKS, NULL, print_list);
}

static int print_one(struct session *session, const json_t *task)
{
	const char *error = document_error(task);
	char created[DOCUMENT_TEXT], took[DOCUMENT_TEXT];
	int code;

	(void)fprintf(session->out, "task %s, ", document_text(task, "task"));
	if (document_text(task, "name")[0] != '\0') {
		(void)fputs("name ", session->out);
		table_put_text(session->out, document_text(task, "name"));
		(void)fputs(", ", session->out);
	}
	(void)fprintf(session->out, "created %s, took %s\n",
	              document_time(document_integer(task, "created"), created), duration_of(task, took));
	code = outcome_print_parts(session, task);
	if (code < 0)
		return code;
	if (error != NULL) {
		(void)fputs("problem: ", session->out);
		table_put_text(session->out, error);
		(void)fputc('\n', session->out);
	}
	quote_print_reasons(json_object_get(json_object_get(document_at(task, "parts", 0), "plan"),
	                                    "reasons"),
	                    session->out);
	return 0;
}

int task_show_one(struct session *session)
{
	return session_show(session, BUSBAR_TASK, session->words[0], print_one);
}

int task_await(struct session *session)
{
	return outcome_await(session, session->words[0], session->options->output);
}

int task_end(struct session *session)
{
	int code = busbar_cancel(session->busbar, session->words[0]);

	return session_status(session, code, session->words[0]);
}
