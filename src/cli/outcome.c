/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outcome.h"

#include "base/hex.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/quote.h"
#include "cli/stream.h"
#include "cli/table.h"
#include "cli/watch.h"
#include <errno.h>

static const struct table_column columns[] = {
        {"PART", TABLE_RIGHT}, {"STATE", TABLE_LEFT},     {"SITE", TABLE_LEFT},      {"PATH", TABLE_LEFT},
        {"BOUND", TABLE_LEFT}, {"EXPECTED", TABLE_RIGHT}, {"MEASURED", TABLE_RIGHT}, {"RUN", TABLE_RIGHT},
        {"SIZE", TABLE_RIGHT}, {"ATTEMPTS", TABLE_RIGHT}, {"PROBLEM", TABLE_LEFT},   {NULL, TABLE_LEFT},
};

/* 0 stands for what was never measured. */
static void add_measured(struct table *table, const json_t *object, const char *key)
{
	char text[DOCUMENT_TEXT];
	double value = document_number(object, key);

	table_cell(table, "%s", value > 0 ? document_duration(value, text) : "-");
}

static void add_part(struct table *table, const json_t *part, struct arena *arena)
{
	const json_t *plan = json_object_get(part, "plan");
	const char *error = document_error(part);
	char bound[DOCUMENT_TEXT];

	table_cell(table, "%lld", (long long)document_integer(part, "part"));
	table_cell(table, "%s", document_text(part, "state"));
	table_cell(table, "%s", document_text(part, "site"));
	table_cell(table, "%s", document_path(json_object_get(plan, "path"), arena));
	table_cell(table, "%s", quote_bound(plan, bound));
	add_measured(table, plan, "network_ms");
	add_measured(table, part, "network_ms");
	add_measured(table, part, "run_ms");
	table_cell(table, "%lld B", (long long)document_integer(part, "size"));
	table_cell(table, "%lld", (long long)document_integer(part, "attempts"));
	table_cell(table, "%s", error == NULL ? "" : error);
}

int outcome_print_parts(struct session *session, const json_t *task)
{
	struct table *table = table_create(columns, session->arena);
	int code;

	for (size_t i = 0; i < document_count(task, "parts"); i++)
		add_part(table, document_at(task, "parts", i), session->arena);
	code = table_print(table, session->out);
	if (code < 0)
		return code;
	(void)fprintf(session->out, "state %s, charge %s\n", document_text(task, "state"),
	              document_text(task, "charge"));
	return 0;
}

int outcome_print_plan(struct session *session, const json_t *task)
{
	json_t *first = json_object_get(document_at(task, "parts", 0), "plan");
	json_t *plans = json_array();
	int code = plans == NULL ? -ENOMEM : 0;

	for (size_t i = 0; code == 0 && i < document_count(task, "parts"); i++)
		if (json_array_append(plans, json_object_get(document_at(task, "parts", i), "plan")) < 0)
			code = -ENOMEM;
	if (code == 0)
		code = quote_print_parts(plans, session->arena, session->out);
	if (code == 0)
		quote_print_reasons(json_object_get(first, "reasons"), session->out);
	json_decref(plans);
	return code;
}

/* Nothing is asked for when there is nothing. */
static int fetch_part(struct session *session, const json_t *part, const char *path)
{
	int64_t size = document_integer(part, "size");
	unsigned char digest[BUSBAR_DIGEST];
	void *bytes = NULL;
	size_t got = 0;
	int code = size < 0 ? BUSBAR_ERROR_MALFORMED : 0;

	if (code == 0 && size > 0)
		code = hex_parse(document_text(part, "digest"), digest, sizeof(digest));
	if (code == 0 && size > 0)
		code = busbar_get(session->busbar, digest, (size_t)size, &bytes, &got);
	if (code < 0)
		return complain_code(NULL, code, path);
	code = stream_write(path, bytes == NULL ? "" : bytes, got);
	busbar_free(bytes);
	return code < 0 ? complain_code(NULL, code, path) : COMPLAIN_DONE;
}

int outcome_fetch(struct session *session, const json_t *task, const char *path)
{
	size_t count = document_count(task, "parts");
	int status = COMPLAIN_DONE;

	for (size_t i = 0; i < count && status == COMPLAIN_DONE; i++) {
		const json_t *part = document_at(task, "parts", i);
		const char *own = path;

		if (!watch_part_is_done(part))
			continue;
		if (count > 1)
			own = arena_format(session->arena, "%s.%lld", path,
			                   (long long)document_integer(part, "part"));
		status = own == NULL ? complain_code(NULL, -ENOMEM, path) : fetch_part(session, part, own);
	}
	return status;
}

static int print_end(struct session *session, const json_t *task)
{
	return session->options->json ? document_write(task, session->out)
	                              : outcome_print_parts(session, task);
}

int outcome_await(struct session *session, const char *task, const char *output)
{
	json_t *object = NULL;
	int status = COMPLAIN_DONE;
	int code = watch_until_ended(session, task, &object);

	if (code == 0 && output != NULL)
		status = outcome_fetch(session, object, output);
	if (code == 0)
		code = watch_until_settled(session, task, &object);
	if (code == 0)
		code = print_end(session, object);
	if (code < 0)
		status = complain_code(session->busbar, code, task);
	else if (document_error(object) != NULL)
		status = complain(COMPLAIN_FAILED, "%s: %s", task, document_error(object));
	json_decref(object);
	return status;
}
