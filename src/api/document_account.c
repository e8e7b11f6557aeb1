/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts as documents. */
#include "api/document_internal.h"
#include "base/error.h"
#include <errno.h>

/* A bill under construction; `left` bounds it. */
struct bill {
	const struct document_source *source;
	json_t *lines;
	uint32_t left;
	money total;
};

static int add_bill_line(void *context, const struct ledger_line *line)
{
	static const char *const names[LINE_KINDS] = {"resource", "link", "call"};
	struct bill *bill = context;
	const struct receipt_line *charge = &line->line;
	json_t *object;

	if ((unsigned)charge->kind >= LINE_KINDS)
		return BUSBAR_ERROR_DATABASE;
	if (money_add(bill->total, charge->charge, &bill->total) < 0)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	if (bill->left == 0)
		return 0;
	bill->left--;
	object = json_pack("{s:o, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o}", "task",
	                   document_identifier(&line->task), "program", document_identifier(&line->program),
	                   "site", document_gateway(bill->source, line->owner), "supplier", line->supplier,
	                   "line", names[charge->kind], "time", (json_int_t)line->time, "held_ms",
	                   document_milliseconds(charge->time), "tariff", document_money(charge->tariff),
	                   "charge", document_money(charge->charge));
	if (object == NULL)
		return -ENOMEM;
	if (charge->kind == LINE_RESOURCE) {
		json_object_set_new(object, "kind",
		                    json_string(resource_descriptions[charge->resource].name));
		json_object_set_new(object, "amount", document_amount(charge->resource, charge->amount));
	} else if (charge->kind == LINE_LINK) {
		json_object_set_new(object, "toward", document_gateway(bill->source, charge->toward));
		json_object_set_new(object, "amount_bps", json_integer((json_int_t)charge->amount));
	}
	json_array_append_new(bill->lines, object);
	return 0;
}

int document_bill_object(const struct document_source *source, const char *tenant, json_t **ret_object)
{
	struct bill bill = {.source = source, .lines = json_array(), .left = DOCUMENT_BILL_LINES};
	char account[LEDGER_NAME];
	money balance;
	int code;

	(void)snprintf(account, sizeof(account), "tenant:%s", tenant);
	code = ledger_balance(source->ledger, account, &balance);
	if (code >= 0)
		code = ledger_bill(source->ledger, tenant, add_bill_line, &bill);
	if (code < 0) {
		json_decref(bill.lines);
		return code;
	}
	*ret_object = json_pack("{s:s, s:o, s:o, s:o}", "tenant", tenant, "balance", document_money(balance),
	                        "total", document_money(bill.total), "lines", bill.lines);
	return 0;
}

static json_t *summaries_object(const struct document_source *source, const struct ledger_summary *summaries,
                                uint32_t count)
{
	json_t *array = json_array();
	char text[GATEWAY_TEXT];

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:I, s:o, s:o}", "gateway",
		                                       gateway_text(summaries[i].owner, text), "count",
		                                       (json_int_t)summaries[i].count, "total",
		                                       document_money(summaries[i].total), "digest",
		                                       document_digest(summaries[i].digest,
		                                                       sizeof(summaries[i].digest))));
	return array;
}

/* The ingress's side of the proof; absent at gateways that keep no accounts. */
static int add_accounts(const struct document_source *source, json_t *object)
{
	struct ledger_check check;
	int code;

	if (source->ledger == NULL)
		return 0;
	code = ledger_check(source->ledger, &check);
	if (code < 0 && code != BUSBAR_ERROR_LEDGER)
		return code;
	json_object_set_new(object, "balanced", json_boolean(code == 0));
	json_object_set_new(object, "entries_sum", document_money(check.entries_sum));
	json_object_set_new(object, "entries", json_integer((json_int_t)check.entries));
	json_object_set_new(object, "transactions", json_integer((json_int_t)check.transactions));
	json_object_set_new(object, "unbalanced", json_integer((json_int_t)check.unbalanced));
	json_object_set_new(object, "escrow", document_money(check.escrow));
	json_object_set_new(object, "open_holds", document_money(check.open_holds));
	json_object_set_new(object, "open_programs", json_integer((json_int_t)check.open_programs));
	json_object_set_new(object, "disputes", json_integer((json_int_t)check.disputes));
	json_object_set_new(object, "billed", summaries_object(source, check.summaries, check.summary_count));
	return 0;
}

int document_ledger_object(const struct document_source *source, json_t **ret_object)
{
	struct ledger_summary summaries[64];
	char text[GATEWAY_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:I}", "node", source->node, "identity",
	                           gateway_text(source->identity, text), "holdings",
	                           (json_int_t)owner_holding_count(source->owner));
	int code = object == NULL ? -ENOMEM : add_accounts(source, object);
	int count = code < 0 ? code : usage_summary(source->usage, summaries, ARRAY_SIZE(summaries));

	if (count < 0) {
		json_decref(object);
		return count;
	}
	json_object_set_new(object, "metered", summaries_object(source, summaries, (uint32_t)count));
	*ret_object = object;
	return 0;
}
