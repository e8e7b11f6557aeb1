/* SPDX-License-Identifier: Apache-2.0 */
/* bill and status: what was charged, and how the gateways are. */
#include "base/unit.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/gateways.h"
#include "cli/table.h"
#include <errno.h>
#include <string.h>

static const struct table_column bill_columns[] = {
        {"TIME", TABLE_LEFT},    {"TASK", TABLE_LEFT},    {"SITE", TABLE_LEFT},  {"SUPPLIER", TABLE_LEFT},
        {"WHAT", TABLE_LEFT},    {"AMOUNT", TABLE_RIGHT}, {"HELD", TABLE_RIGHT}, {"TARIFF", TABLE_RIGHT},
        {"CHARGE", TABLE_RIGHT}, {NULL, TABLE_LEFT},
};
static const struct table_column status_columns[] = {
        {"GATEWAY", TABLE_LEFT},   {"UP", TABLE_RIGHT},       {"SITES", TABLE_RIGHT},
        {"SERVICES", TABLE_RIGHT}, {"HOLDINGS", TABLE_RIGHT}, {"ATTEMPTS", TABLE_RIGHT},
        {NULL, TABLE_LEFT},
};
static const struct table_column refusal_columns[] = {
        {"GATEWAY", TABLE_LEFT}, {"REFUSED", TABLE_LEFT}, {"CAUSE", TABLE_LEFT},
        {"COUNT", TABLE_RIGHT},  {NULL, TABLE_LEFT},
};

static void add_amount(struct table *table, const json_t *line)
{
	char text[UNIT_TEXT];
	int64_t rate = document_integer(line, "amount_bps");

	if (strcmp(document_text(line, "line"), "link") == 0)
		table_cell(table, "%s", unit_format_bitrate(rate < 0 ? 0 : rate, text));
	else
		table_cell(table, "%s", document_text(line, "amount"));
}

static void add_bill_line(struct table *table, const json_t *line)
{
	const char *what = document_text(line, "line");
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", document_time(document_integer(line, "time"), text));
	table_cell(table, "%s", document_text(line, "task"));
	table_cell(table, "%s", document_text(line, "site"));
	table_cell(table, "%s", document_text(line, "supplier"));
	if (strcmp(what, "resource") == 0)
		table_cell(table, "%s", document_text(line, "kind"));
	else if (strcmp(what, "link") == 0)
		table_cell(table, "link to %s", document_text(line, "toward"));
	else
		table_cell(table, "%s", what);
	add_amount(table, line);
	table_cell(table, "%s", document_duration(document_number(line, "held_ms"), text));
	table_cell(table, "%s", document_text(line, "tariff"));
	table_cell(table, "%s", document_text(line, "charge"));
}

static int print_bill(struct session *session, const json_t *bill)
{
	struct table *table = table_create(bill_columns, session->arena);
	int code;

	for (size_t i = 0; i < document_count(bill, "lines"); i++)
		add_bill_line(table, document_at(bill, "lines", i));
	code = table_print(table, session->out);
	(void)fputs("tenant ", session->out);
	table_put_text(session->out, document_text(bill, "tenant"));
	(void)fprintf(session->out, ", total %s, balance %s\n", document_text(bill, "total"),
	              document_text(bill, "balance"));
	return code;
}

int account_show_bill(struct session *session)
{
	return session_show(session, BUSBAR_BILL, NULL, print_bill);
}

static void add_integer(struct table *table, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		table_cell(table, "%lld", (long long)json_integer_value(value));
	else
		table_cell(table, "-");
}

static void add_status(struct table *table, const json_t *document)
{
	char text[DOCUMENT_TEXT];

	if (json_object_get(document, "error") != NULL)
		return;
	table_cell(table, "%s", gateways_name(document));
	table_cell(table, "%s", document_duration(document_number(document, "uptime_ms"), text));
	add_integer(table, document, "sites");
	add_integer(table, document, "services");
	add_integer(table, document, "holdings");
	add_integer(table, document, "open_attempts");
}

static void add_refusals(struct table *table, const json_t *document, const char *key, const char *what)
{
	json_t *counts = json_object_get(document, key);
	const char *cause;
	json_t *count;

	json_object_foreach(counts, cause, count)
	{
		table_cell(table, "%s", gateways_name(document));
		table_cell(table, "%s", what);
		table_cell(table, "%s", cause);
		table_cell(table, "%lld", (long long)json_integer_value(count));
	}
}

static int print_status(struct session *session, const json_t *answers)
{
	struct table *table = table_create(status_columns, session->arena);
	struct table *refusals = table_create(refusal_columns, session->arena);
	int code;

	for (size_t i = 0; i < json_array_size(answers); i++) {
		const json_t *document = json_array_get(answers, i);

		add_status(table, document);
		add_refusals(refusals, document, "requests_refused", "requests");
		add_refusals(refusals, document, "packets_refused", "packets");
		add_refusals(refusals, document, "programs_refused", "programs");
		add_refusals(refusals, document, "edge_dropped", "edge");
	}
	code = table_print(table, session->out);
	(void)fputs(table_rows(refusals) > 0 ? "\n" : "", session->out);
	return code < 0 ? code : table_print(refusals, session->out);
}

static int write_status(struct session *session, json_t *answers)
{
	json_t *object = json_pack("{s:O}", "gateways", answers);
	int code = object == NULL ? -ENOMEM : document_write(object, session->out);

	json_decref(object);
	return code;
}

int account_show_status(struct session *session)
{
	json_t *answers = NULL;
	int code = gateways_ask(session, BUSBAR_STATUS, &answers);
	int status = COMPLAIN_DONE;

	if (code == 0)
		code = session->options->json ? write_status(session, answers)
		                              : print_status(session, answers);
	if (code < 0)
		status = complain_code(NULL, code, "status");
	for (size_t i = 0; i < json_array_size(answers); i++) {
		const json_t *document = json_array_get(answers, i);
		const char *error = document_text(document, "error");

		if (error[0] != '\0')
			status = complain(COMPLAIN_FAILED, "%s: %s", gateways_name(document), error);
	}
	json_decref(answers);
	return status;
}
