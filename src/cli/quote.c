/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quote.h"

#include "cli/table.h"

static const struct table_column part_columns[] = {
        {"PART", TABLE_RIGHT},   {"SITE", TABLE_LEFT},     {"PATH", TABLE_LEFT},    {"NETWORK", TABLE_RIGHT},
        {"BOUND", TABLE_LEFT},   {"RESPOND", TABLE_RIGHT}, {"FINISH", TABLE_RIGHT}, {"PRICE", TABLE_RIGHT},
        {"TARIFF", TABLE_RIGHT}, {"HOLD", TABLE_RIGHT},    {NULL, TABLE_LEFT},
};

static void add_duration(struct table *table, const json_t *object, const char *key)
{
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", document_duration(document_number(object, key), text));
}

char *quote_bound(const json_t *plan, char text[DOCUMENT_TEXT])
{
	double bound = document_number(plan, "bound_ms");
	char duration[DOCUMENT_TEXT];

	(void)snprintf(text, DOCUMENT_TEXT, "%.16s%s%.24s", document_text(plan, "bound"),
	               bound > 0 ? " " : "", bound > 0 ? document_duration(bound, duration) : "");
	return text;
}

static void add_part(struct table *table, const json_t *part, size_t number, struct arena *arena)
{
	char bound[DOCUMENT_TEXT];

	table_cell(table, "%zu", number);
	table_cell(table, "%s", document_text(part, "site"));
	table_cell(table, "%s", document_path(json_object_get(part, "path"), arena));
	add_duration(table, part, "network_ms");
	table_cell(table, "%s", quote_bound(part, bound));
	add_duration(table, part, "respond_ms");
	add_duration(table, part, "finish_ms");
	table_cell(table, "%s", document_text(part, "price"));
	table_cell(table, "%s", document_text(part, "tariff"));
	table_cell(table, "%s", document_text(part, "hold"));
}

int quote_print_parts(const json_t *parts, struct arena *arena, FILE *stream)
{
	struct table *table = table_create(part_columns, arena);

	for (size_t i = 0; i < json_array_size(parts); i++)
		add_part(table, json_array_get(parts, i), i + 1, arena);
	return table_print(table, stream);
}

void quote_print_reasons(const json_t *reasons, FILE *stream)
{
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		(void)fputs(i == 0 ? "not chosen:\n  " : "  ", stream);
		table_put_text(stream, document_text(json_array_get(reasons, i), "text"));
		(void)fputc('\n', stream);
	}
}

static void print_totals(const json_t *quote, FILE *stream)
{
	char network[DOCUMENT_TEXT], respond[DOCUMENT_TEXT], finish[DOCUMENT_TEXT];

	(void)fprintf(stream, "in all: network %s, respond %s, finish %s, price %s, tariff %s, hold %s%s\n",
	              document_duration(document_number(quote, "network_ms"), network),
	              document_duration(document_number(quote, "respond_ms"), respond),
	              document_duration(document_number(quote, "finish_ms"), finish),
	              document_text(quote, "price"), document_text(quote, "tariff"),
	              document_text(quote, "hold"),
	              document_flag(quote, "exact") ? "" : " (search ended at its limit)");
	if (document_flag(quote, "stale"))
		(void)fputs("this rests on values that are older than they are valid\n", stream);
}

int quote_print(const json_t *quote, struct arena *arena, FILE *stream)
{
	int code = quote_print_parts(json_object_get(quote, "parts"), arena, stream);

	if (code < 0)
		return code;
	if (document_error(quote) == NULL)
		print_totals(quote, stream);
	quote_print_reasons(json_object_get(quote, "reasons"), stream);
	return 0;
}
