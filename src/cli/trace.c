/* SPDX-License-Identifier: Apache-2.0 */
/* trace: what every hop of a reservation's path promises, and how it keeps it. */
#include "cli/trace.h"

#include "base/unit.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/table.h"

static const struct table_column columns[] = {
        {"FROM", TABLE_LEFT},      {"TOWARD", TABLE_LEFT}, {"WAY", TABLE_LEFT},       {"CLASS", TABLE_RIGHT},
        {"CEILING", TABLE_RIGHT},  {"WORST", TABLE_RIGHT}, {"MEASURED", TABLE_RIGHT}, {"PROBES", TABLE_RIGHT},
        {"LEAST", TABLE_RIGHT},    {"RATE", TABLE_RIGHT},  {"BURST", TABLE_RIGHT},    {"LOAD", TABLE_RIGHT},
        {"CAPACITY", TABLE_RIGHT}, {NULL, TABLE_LEFT},
};

/* Numbers that the gateway does not know are null, and shown as "-". */
static bool is_known(const json_t *object, const char *key)
{
	return json_is_number(json_object_get(object, key));
}

/* To the microsecond: promises are kept or broken by less than people read. */
static const char *milliseconds(const json_t *object, const char *key, char text[DOCUMENT_TEXT])
{
	if (!is_known(object, key))
		return "-";
	(void)snprintf(text, DOCUMENT_TEXT, "%.3f ms", document_number(object, key));
	return text;
}

static void add_milliseconds(struct table *table, const json_t *hop, const char *key)
{
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", milliseconds(hop, key, text));
}

static void add_integer(struct table *table, const json_t *hop, const char *key,
                        char *(*format)(int64_t value, char buffer[UNIT_TEXT]))
{
	char text[UNIT_TEXT];

	if (!is_known(hop, key))
		table_cell(table, "-");
	else if (format == NULL)
		table_cell(table, "%lld", (long long)document_integer(hop, key));
	else
		table_cell(table, "%s", format(document_integer(hop, key), text));
}

static void add_hop(struct table *table, const json_t *hop)
{
	table_cell(table, "%s", document_text(hop, "from"));
	table_cell(table, "%s", document_text(hop, "toward"));
	table_cell(table, "%s", document_text(hop, "direction"));
	add_integer(table, hop, "class", NULL);
	add_milliseconds(table, hop, "ceiling_ms");
	add_milliseconds(table, hop, "worst_ms");
	add_milliseconds(table, hop, "measured_max_ms");
	add_integer(table, hop, "measured_count", NULL);
	add_milliseconds(table, hop, "least_ms");
	add_integer(table, hop, "rate_bps", unit_format_bitrate);
	add_integer(table, hop, "burst_octets", unit_format_bytes);
	add_integer(table, hop, "load_bps", unit_format_bitrate);
	add_integer(table, hop, "capacity_bps", unit_format_bitrate);
}

/* The longest delay of each hop, added: no packet that was measured took longer. False: not of every hop. */
static bool measured_of(const json_t *trace, double *ret_milliseconds)
{
	double sum = 0;

	for (size_t i = 0; i < document_count(trace, "hops"); i++) {
		const json_t *hop = document_at(trace, "hops", i);

		if (!is_known(hop, "measured_max_ms"))
			return false;
		sum += document_number(hop, "measured_max_ms");
	}
	*ret_milliseconds = sum;
	return document_count(trace, "hops") > 0;
}

void trace_print_bound(const json_t *trace, FILE *stream)
{
	char bound[DOCUMENT_TEXT], limit[DOCUMENT_TEXT];
	double measured;

	if (document_flag(trace, "hard"))
		(void)fprintf(stream, "bound %s, hard", milliseconds(trace, "bound_ms", bound));
	else
		(void)fputs("no bound: the path is measured", stream);
	if (is_known(trace, "limit_ms"))
		(void)fprintf(stream, "; limit %s%s", milliseconds(trace, "limit_ms", limit),
		              document_flag(trace, "guaranteed") ? " guaranteed" : "");
	if (measured_of(trace, &measured))
		(void)fprintf(stream, "; measured at most %.3f ms", measured);
	(void)fputc('\n', stream);
}

static int print_trace(struct session *session, const json_t *trace)
{
	struct table *table = table_create(columns, session->arena);
	int code;

	for (size_t i = 0; i < document_count(trace, "hops"); i++)
		add_hop(table, document_at(trace, "hops", i));
	code = table_print(table, session->out);
	if (code < 0)
		return code;
	(void)fputs("task ", session->out);
	table_put_text(session->out, document_text(trace, "task"));
	(void)fputs(", ", session->out);
	table_put_text(session->out, document_text(trace, "state"));
	(void)fputs("; ", session->out);
	trace_print_bound(trace, session->out);
	return 0;
}

int trace_show(struct session *session)
{
	if (!session->options->guarantee)
		return path_show(session);
	return session_show(session, BUSBAR_TRACE, session->words[0], print_trace);
}
