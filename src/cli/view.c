/* SPDX-License-Identifier: Apache-2.0 */
/* view: the capability view as tables. */
#include "base/unit.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/table.h"
#include <string.h>

static const struct table_column site_columns[] = {
        {"SITE", TABLE_LEFT},        {"MODEL", TABLE_LEFT},        {"REGION", TABLE_LEFT},
        {"CORES FREE", TABLE_RIGHT}, {"MEMORY FREE", TABLE_RIGHT}, {"GFLOPS/CORE", TABLE_RIGHT},
        {"START", TABLE_RIGHT},      {"PRICE", TABLE_RIGHT},       {"TARIFF", TABLE_RIGHT},
        {"AGE", TABLE_RIGHT},        {NULL, TABLE_LEFT},
};
static const struct table_column service_columns[] = {
        {"SERVICE", TABLE_LEFT},  {"VERSION", TABLE_LEFT}, {"SITE", TABLE_LEFT}, {"SCORE", TABLE_RIGHT},
        {"RUNNING", TABLE_RIGHT}, {"TIME", TABLE_RIGHT},   {"CPU", TABLE_RIGHT}, {"PRICE", TABLE_RIGHT},
        {"TARIFF", TABLE_RIGHT},  {NULL, TABLE_LEFT},
};
static const struct table_column link_columns[] = {
        {"FROM", TABLE_LEFT},     {"TO", TABLE_LEFT},      {"DELAY", TABLE_RIGHT},    {"JITTER", TABLE_RIGHT},
        {"CEILING", TABLE_RIGHT}, {"FREE", TABLE_RIGHT},   {"CAPACITY", TABLE_RIGHT}, {"LOSS", TABLE_RIGHT},
        {"PRICE", TABLE_RIGHT},   {"TARIFF", TABLE_RIGHT}, {NULL, TABLE_LEFT},
};

static void add_duration(struct table *table, const json_t *object, const char *key)
{
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", document_duration(document_number(object, key), text));
}

/* NULL when the site has none of the kind. */
static const json_t *resource_of(const json_t *site, const char *kind)
{
	for (size_t i = 0; i < document_count(site, "resources"); i++) {
		const json_t *resource = document_at(site, "resources", i);

		if (strcmp(document_text(resource, "kind"), kind) == 0)
			return resource;
	}
	return NULL;
}

/* "3.5/8": the title has the unit. */
static void add_cores(struct table *table, const json_t *cores)
{
	const char *free_text = document_text(cores, "free"), *capacity = document_text(cores, "capacity");

	if (cores == NULL)
		table_cell(table, "-");
	else
		table_cell(table, "%.*s/%.*s", (int)strcspn(free_text, " "), free_text,
		           (int)strcspn(capacity, " "), capacity);
}

static void add_memory(struct table *table, const json_t *memory)
{
	if (memory == NULL)
		table_cell(table, "-");
	else
		table_cell(table, "%s/%s", document_text(memory, "free"), document_text(memory, "capacity"));
}

static void add_age(struct table *table, const json_t *site)
{
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s%s", document_duration(document_number(site, "age_ms"), text),
	           document_flag(site, "stale") ? " stale" : "");
}

static void add_site(struct table *table, const json_t *site)
{
	const json_t *cores = resource_of(site, "cpu");
	double gflops = document_number(site, "gflops_per_core");

	table_cell(table, "%s", document_text(site, "name"));
	table_cell(table, "%s", document_text(site, "model"));
	table_cell(table, "%s", document_text(site, "region"));
	add_cores(table, cores);
	add_memory(table, resource_of(site, "memory"));
	if (gflops > 0)
		table_cell(table, "%.2f", gflops);
	else
		table_cell(table, "-");
	add_duration(table, site, "start_ms");
	table_cell(table, "%s", document_text(cores, "price"));
	table_cell(table, "%s", document_text(cores, "tariff"));
	add_age(table, site);
}

static int print_sites(struct session *session, const json_t *view)
{
	struct table *table = table_create(site_columns, session->arena);

	for (size_t i = 0; i < document_count(view, "sites"); i++)
		add_site(table, document_at(view, "sites", i));
	return table_print(table, session->out);
}

static void add_service(struct table *table, const json_t *service)
{
	table_cell(table, "%s", document_text(service, "name"));
	table_cell(table, "%s", document_text(service, "version"));
	table_cell(table, "%s", document_text(service, "site"));
	table_cell(table, "%lld", (long long)document_integer(service, "score"));
	table_cell(table, "%lld", (long long)document_integer(service, "running"));
	add_duration(table, service, "time_ms");
	table_cell(table, "%s", document_text(service, "cpu"));
	table_cell(table, "%s", document_text(service, "price"));
	table_cell(table, "%s", document_text(service, "tariff"));
}

static int print_services(struct session *session, const json_t *view)
{
	struct table *table = table_create(service_columns, session->arena);

	for (size_t i = 0; i < document_count(view, "services"); i++)
		add_service(table, document_at(view, "services", i));
	return table_print(table, session->out);
}

static void add_rate(struct table *table, const json_t *link, const char *key)
{
	int64_t rate = document_integer(link, key);
	char text[UNIT_TEXT];

	table_cell(table, "%s", unit_format_bitrate(rate < 0 ? 0 : rate, text));
}

static void add_link(struct table *table, const json_t *site, const json_t *link)
{
	table_cell(table, "%s", document_text(site, "name"));
	table_cell(table, "%s", document_text(link, "toward"));
	add_duration(table, link, "delay_ms");
	add_duration(table, link, "jitter_ms");
	add_duration(table, link, "ceiling_ms");
	add_rate(table, link, "free_bps");
	add_rate(table, link, "capacity_bps");
	table_cell(table, "%lld ppm", (long long)document_integer(link, "loss_ppm"));
	table_cell(table, "%s", document_text(link, "price"));
	table_cell(table, "%s", document_text(link, "tariff"));
}

static int print_links(struct session *session, const json_t *view)
{
	struct table *table = table_create(link_columns, session->arena);

	for (size_t i = 0; i < document_count(view, "sites"); i++) {
		const json_t *site = document_at(view, "sites", i);

		for (size_t j = 0; j < document_count(site, "links"); j++)
			add_link(table, site, document_at(site, "links", j));
	}
	return table_print(table, session->out);
}

static const struct view_section {
	const char *name;
	session_printer *print;
} sections[] = {
        {"sites", print_sites},
        {"services", print_services},
        {"links", print_links},
};

static int print_all(struct session *session, const json_t *view)
{
	int code = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sections) && code == 0; i++) {
		(void)fputs(i == 0 ? "" : "\n", session->out);
		code = sections[i].print(session, view);
	}
	return code;
}

int view_show(struct session *session)
{
	if (session->word_count == 0)
		return session_show(session, BUSBAR_VIEW, NULL, print_all);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (strcmp(session->words[0], sections[i].name) == 0)
			return session_show(session, BUSBAR_VIEW, NULL, sections[i].print);
	return complain(COMPLAIN_USAGE, "view: no such part: '%s' (sites, services, links)",
	                session->words[0]);
}
