/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a demand in canonical order for both styles: simple statements come from the table of
 * statement.h; of a composite, each style has its own line here.
 */
#include "grammar/demand_printer.h"

#include "grammar/statement.h"
#include "grammar/value.h"
#include "model/demand.h"

static bool is_yaml(const struct printer *printer)
{
	return printer->style == PRINTER_YAML;
}

static void put_amount(struct printer *printer, const char *separator, const struct demand_need *need)
{
	char buffer[UNIT_TEXT];

	printer_put(printer, "%s%s%s", resource_descriptions[need->kind].name, separator,
	            value_amount_format(need->kind, need->amount, buffer));
}

static void print_service(struct printer *printer, const struct demand_body *body)
{
	if (is_yaml(printer)) {
		statement_print(STATEMENT_SERVICE, printer, body);
		statement_print(STATEMENT_VERSION, printer, body);
		return;
	}
	if (!statement_present(STATEMENT_SERVICE, body))
		return;
	printer_open(printer, statement_name(STATEMENT_SERVICE));
	statement_print_value(STATEMENT_SERVICE, printer, body);
	if (statement_present(STATEMENT_VERSION, body)) {
		printer_put(printer, " %s", statement_name(STATEMENT_VERSION));
		statement_print_value(STATEMENT_VERSION, printer, body);
	}
	printer_close(printer);
}

static void print_run(struct printer *printer, const struct demand_body *body)
{
	if (body->argument_count == 0)
		return;
	printer_open(printer, statement_name(STATEMENT_RUN));
	for (uint32_t i = 0; i < body->argument_count; i++) {
		printer_put(printer, is_yaml(printer) ? (i == 0 ? " [" : ", ") : " ");
		printer_text(printer, demand_argument(body, i));
	}
	printer_put(printer, is_yaml(printer) ? "]" : "");
	printer_close(printer);
}

/* The time goes behind the last need. */
static void print_need_text(struct printer *printer, const struct demand_body *body, uint32_t index)
{
	const struct demand_need *need = &body->needs[index];

	printer_open(printer, "need ");
	put_amount(printer, " ", need);
	printer_put(printer, need->each ? " each" : "");
	if (index + 1 == body->need_count && statement_present(STATEMENT_FOR, body)) {
		printer_put(printer, " for");
		statement_print_value(STATEMENT_FOR, printer, body);
	}
	printer_close(printer);
}

static void print_need_yaml(struct printer *printer, const struct demand_body *body, uint32_t index)
{
	const struct demand_need *need = &body->needs[index];

	printer_indent(printer);
	printer_put(printer, "  - {kind: ");
	put_amount(printer, ", amount: ", need);
	printer_put(printer, need->each ? ", each: true" : "");
	if (index + 1 == body->need_count && statement_present(STATEMENT_FOR, body)) {
		printer_put(printer, ", for:");
		statement_print_value(STATEMENT_FOR, printer, body);
	}
	printer_put(printer, "}\n");
}

static void print_needs(struct printer *printer, const struct demand_body *body)
{
	if (is_yaml(printer) && body->need_count > 0) {
		printer_open(printer, statement_name(STATEMENT_NEED));
		printer_close(printer);
	}
	for (uint32_t i = 0; i < body->need_count; i++)
		(is_yaml(printer) ? print_need_yaml : print_need_text)(printer, body, i);
}

static void print_work(struct printer *printer, const struct demand_body *body)
{
	if (!body->work_present)
		return;
	printer_open(printer, statement_name(STATEMENT_WORK));
	printer_put(printer, is_yaml(printer) ? " {" : " ");
	put_amount(printer, is_yaml(printer) ? ": " : " ", &body->work);
	printer_put(printer, is_yaml(printer) ? "}" : "");
	printer_close(printer);
}

/* The word goes behind the limit that is guaranteed. */
static void print_network(struct printer *printer, const struct demand_body *body)
{
	if (is_yaml(printer)) {
		statement_print(STATEMENT_NETWORK_WITHIN, printer, body);
		statement_print(STATEMENT_GUARANTEED, printer, body);
		return;
	}
	if (!statement_present(STATEMENT_NETWORK_WITHIN, body))
		return;
	printer_open(printer, statement_name(STATEMENT_NETWORK_WITHIN));
	statement_print_value(STATEMENT_NETWORK_WITHIN, printer, body);
	if (statement_present(STATEMENT_GUARANTEED, body))
		printer_put(printer, " %s", statement_name(STATEMENT_GUARANTEED));
	printer_close(printer);
}

static void print_bandwidth(struct printer *printer, const struct demand_body *body)
{
	const char *before = is_yaml(printer) ? " {" : " ";
	bool any = false;

	for (enum statement i = STATEMENT_UP; i <= STATEMENT_BURST; i++)
		any = any || statement_present(i, body);
	if (!any)
		return;
	printer_open(printer, statement_name(STATEMENT_BANDWIDTH));
	for (enum statement i = STATEMENT_UP; i <= STATEMENT_BURST; i++) {
		if (!statement_present(i, body))
			continue;
		printer_put(printer, is_yaml(printer) ? "%s%s:" : "%s%s", before, statement_name(i));
		statement_print_value(i, printer, body);
		before = is_yaml(printer) ? ", " : " ";
	}
	printer_put(printer, is_yaml(printer) ? "}" : "");
	printer_close(printer);
}

static void print_data_text(struct printer *printer, const struct demand_data *data)
{
	char size[UNIT_TEXT], digest[DIGEST_TEXT];

	printer_open(printer, "data ");
	printer_put(printer, "%s %s%s", value_format(VALUE_BYTES, (int64_t)data->size, size),
	            data->direction == DATA_IN ? "in" : "out", data->each ? " each" : "");
	if (data->blob)
		printer_put(printer, " blob %s", value_digest_format(data->digest, digest));
	printer_close(printer);
}

static void print_data_yaml(struct printer *printer, const struct demand_data *data)
{
	char size[UNIT_TEXT], digest[DIGEST_TEXT];

	printer_indent(printer);
	printer_put(printer, "  - {size: %s, direction: %s%s",
	            value_format(VALUE_BYTES, (int64_t)data->size, size),
	            data->direction == DATA_IN ? "in" : "out", data->each ? ", each: true" : "");
	if (data->blob)
		printer_put(printer, ", blob: \"%s\"", value_digest_format(data->digest, digest));
	printer_put(printer, "}\n");
}

static void print_data(struct printer *printer, const struct demand_body *body)
{
	if (is_yaml(printer) && body->data_count > 0) {
		printer_open(printer, statement_name(STATEMENT_DATA));
		printer_close(printer);
	}
	for (uint32_t i = 0; i < body->data_count; i++)
		(is_yaml(printer) ? print_data_yaml : print_data_text)(printer, &body->data[i]);
}

static void print_split(struct printer *printer, const struct demand_body *body)
{
	const char *form = body->split_exactly ? "into" : "up to";

	if (body->split == 0)
		return;
	printer_open(printer, statement_name(STATEMENT_SPLIT));
	printer_put(printer, is_yaml(printer) ? " {%s: %u" : " %s %u", form, body->split);
	if (body->split_least.amount > 0) {
		printer_put(printer, is_yaml(printer) ? ", part at least: {" : " part at least ");
		put_amount(printer, is_yaml(printer) ? ": " : " ", &body->split_least);
		printer_put(printer, is_yaml(printer) ? "}" : "");
	}
	printer_put(printer, is_yaml(printer) ? "}" : "");
	printer_close(printer);
}

static void print_body(struct printer *printer, const struct demand_body *body)
{
	print_service(printer, body);
	print_run(printer, body);
	statement_print(STATEMENT_RESERVE, printer, body);
	print_needs(printer, body);
	print_work(printer, body);
	print_network(printer, body);
	statement_print(STATEMENT_RESPOND_WITHIN, printer, body);
	statement_print(STATEMENT_FINISH_WITHIN, printer, body);
	print_bandwidth(printer, body);
	print_data(printer, body);
	print_split(printer, body);
}

static void print_after(struct printer *printer, const struct demand_stage *stage)
{
	if (stage->after_count == 0)
		return;
	printer_put(printer, is_yaml(printer) ? "after: [" : " after ");
	for (uint32_t i = 0; i < stage->after_count; i++) {
		printer_put(printer, i > 0 ? ", " : "");
		printer_name(printer, stage->after[i]);
	}
	printer_put(printer, is_yaml(printer) ? "]" : "");
}

static void print_stage_text(struct printer *printer, const struct demand_stage *stage)
{
	printer_open(printer, "stage ");
	printer_name(printer, stage->name);
	printer_put(printer, " {\n");
	printer->depth++;
	print_body(printer, &stage->body);
	printer->depth--;
	printer_indent(printer);
	printer_put(printer, "}");
	print_after(printer, stage);
	printer_close(printer);
}

static void print_stage_yaml(struct printer *printer, const struct demand_stage *stage)
{
	printer_put(printer, "  - stage: ");
	printer_name(printer, stage->name);
	printer_close(printer);
	printer->depth += 2;
	if (stage->after_count > 0) {
		printer_indent(printer);
		print_after(printer, stage);
		printer_close(printer);
	}
	print_body(printer, &stage->body);
	printer->depth -= 2;
}

static void print_all(struct printer *printer, const struct demand *demand)
{
	print_body(printer, &demand->body);
	if (is_yaml(printer) && demand->stage_count > 0) {
		printer_open(printer, statement_name(STATEMENT_STAGES));
		printer_close(printer);
	}
	for (uint32_t i = 0; i < demand->stage_count; i++)
		(is_yaml(printer) ? print_stage_yaml : print_stage_text)(printer, &demand->stages[i]);
	for (enum statement i = STATEMENT_BUDGET; i <= STATEMENT_OFFLOAD; i++)
		statement_print(i, printer, demand);
}

void demand_printer_text(struct printer *printer, const void *object)
{
	const struct demand *demand = object;

	printer_put(printer, "demand ");
	if (demand->name[0] != '\0') {
		printer_name(printer, demand->name);
		printer_put(printer, " ");
	}
	printer_put(printer, "{\n");
	printer->depth++;
	print_all(printer, demand);
	printer->depth--;
	printer_put(printer, "}\n");
}

void demand_printer_yaml(struct printer *printer, const void *object)
{
	const struct demand *demand = object;

	statement_print(STATEMENT_DEMAND, printer, demand);
	print_all(printer, demand);
}
