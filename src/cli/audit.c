/* SPDX-License-Identifier: Apache-2.0 */
/* ledger check: the proof over all gateways, and what it was made from. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/gateways.h"
#include "cli/ledger_proof.h"
#include "cli/table.h"
#include <errno.h>

static const struct table_column ledger_columns[] = {
        {"GATEWAY", TABLE_LEFT},     {"IDENTITY", TABLE_LEFT}, {"BALANCED", TABLE_LEFT},
        {"ENTRIES", TABLE_RIGHT},    {"SUM", TABLE_RIGHT},     {"ESCROW", TABLE_RIGHT},
        {"OPEN HOLDS", TABLE_RIGHT}, {"OPEN", TABLE_RIGHT},    {"HOLDINGS", TABLE_RIGHT},
        {"DISPUTES", TABLE_RIGHT},   {NULL, TABLE_LEFT},
};
static const struct table_column pair_columns[] = {
        {"INGRESS", TABLE_LEFT},  {"OWNER", TABLE_LEFT},  {"BILLED", TABLE_RIGHT}, {"TOTAL", TABLE_RIGHT},
        {"METERED", TABLE_RIGHT}, {"TOTAL", TABLE_RIGHT}, {NULL, TABLE_LEFT},
};
static void add_integer(struct table *table, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		table_cell(table, "%lld", (long long)json_integer_value(value));
	else
		table_cell(table, "-");
}

static void add_ledger(struct table *table, const json_t *document)
{
	const json_t *balanced = json_object_get(document, "balanced");

	table_cell(table, "%s", gateways_name(document));
	table_cell(table, "%s", document_text(document, "identity"));
	table_cell(table, "%s", balanced == NULL ? "" : json_is_true(balanced) ? "yes" : "no");
	add_integer(table, document, "entries");
	table_cell(table, "%s", document_text(document, "entries_sum"));
	table_cell(table, "%s", document_text(document, "escrow"));
	table_cell(table, "%s", document_text(document, "open_holds"));
	add_integer(table, document, "open_programs");
	add_integer(table, document, "holdings");
	add_integer(table, document, "disputes");
}

static void add_pair(struct table *table, const json_t *ingress, const json_t *owner)
{
	const json_t *billed = ledger_proof_entry(ingress, "billed", document_text(owner, "identity"));
	const json_t *metered = ledger_proof_entry(owner, "metered", document_text(ingress, "identity"));

	if (billed == NULL && metered == NULL)
		return;
	table_cell(table, "%s", gateways_name(ingress));
	table_cell(table, "%s", gateways_name(owner));
	add_integer(table, billed, "count");
	table_cell(table, "%s", document_text(billed, "total"));
	add_integer(table, metered, "count");
	table_cell(table, "%s", document_text(metered, "total"));
}

static int print_ledgers(struct session *session, const json_t *answers)
{
	struct table *table = table_create(ledger_columns, session->arena);
	struct table *pairs = table_create(pair_columns, session->arena);
	size_t count = json_array_size(answers);
	int code;

	for (size_t i = 0; i < count; i++) {
		add_ledger(table, json_array_get(answers, i));
		for (size_t o = 0; o < count; o++)
			add_pair(pairs, json_array_get(answers, i), json_array_get(answers, o));
	}
	code = table_print(table, session->out);
	(void)fputs(table_rows(pairs) > 0 ? "\n" : "", session->out);
	return code < 0 ? code : table_print(pairs, session->out);
}

static void print_verdict(struct session *session, const struct ledger_proof *proof)
{
	char escrow[MONEY_TEXT];

	for (size_t i = 0; i < json_array_size(proof->problems); i++) {
		(void)fputs("ledger: ", session->out);
		table_put_text(session->out, json_string_value(json_array_get(proof->problems, i)));
		(void)fputc('\n', session->out);
	}
	if (proof->open_programs > 0 || proof->holdings > 0)
		(void)fprintf(session->out, "ledger: %llu open programs, %llu holdings\n",
		              (unsigned long long)proof->open_programs, (unsigned long long)proof->holdings);
	if (json_array_size(proof->problems) == 0)
		(void)fprintf(session->out,
		              "ledger: balanced, %llu entries, metered equals billed, escrow %s equals open "
		              "grants\n",
		              (unsigned long long)proof->entries, money_text(proof->escrow, escrow));
}

static int write_proof(struct session *session, json_t *answers, const struct ledger_proof *proof)
{
	json_t *object = json_pack("{s:b, s:O, s:O}", "ok", json_array_size(proof->problems) == 0, "gateways",
	                           answers, "problems", proof->problems);
	int code = object == NULL ? -ENOMEM : document_write(object, session->out);

	json_decref(object);
	return code;
}

static int report(struct session *session, json_t *answers, const struct ledger_proof *proof)
{
	int code;

	if (session->options->json)
		return write_proof(session, answers, proof);
	code = print_ledgers(session, answers);
	print_verdict(session, proof);
	return code;
}

int audit_ledger(struct session *session)
{
	struct ledger_proof proof = {.problems = NULL};
	json_t *answers = NULL;
	int code = gateways_ask(session, BUSBAR_LEDGER, &answers);
	int status;

	if (code == 0)
		code = ledger_proof_make(answers, session->options->allow_open, &proof);
	if (code == 0)
		code = report(session, answers, &proof);
	status = code < 0 ? complain_code(NULL, code, "ledger") : COMPLAIN_DONE;
	if (code == 0 && json_array_size(proof.problems) > 0)
		status = complain(COMPLAIN_FAILED, "ledger: problems found: %zu",
		                  json_array_size(proof.problems));
	json_decref(proof.problems);
	json_decref(answers);
	return status;
}
