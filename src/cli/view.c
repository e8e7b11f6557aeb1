/* SPDX-License-Identifier: Apache-2.0 */
/* view: the capability view as tables. */
#include "base/unit.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/table.h"
#include "cli/view_option.h"
#include "wire/view_filter.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WATCH_PAUSE = 500000 /* microseconds */ };

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

static const struct table_column site_source_columns[] = {
        {"SITE", TABLE_LEFT},
        {"AMOUNTS FROM", TABLE_LEFT},
        {"AGE", TABLE_RIGHT},
        {"VALID", TABLE_RIGHT},
        {"STRUCTURE AGE", TABLE_RIGHT},
        {"WAITING", TABLE_RIGHT},
        {"WAIT", TABLE_RIGHT},
        {"PATH DELAY", TABLE_RIGHT},
        {"PATH AGE", TABLE_RIGHT},
        {"CONTRADICTED", TABLE_LEFT},
        {NULL, TABLE_LEFT},
};
static const struct table_column service_source_columns[] = {
        {"SERVICE", TABLE_LEFT}, {"VERSION", TABLE_LEFT}, {"SITE", TABLE_LEFT},         {"FROM", TABLE_LEFT},
        {"AGE", TABLE_RIGHT},    {"VALID", TABLE_RIGHT},  {"CONTRADICTED", TABLE_LEFT}, {NULL, TABLE_LEFT},
};
static const struct table_column link_source_columns[] = {
        {"FROM", TABLE_LEFT},      {"TO", TABLE_LEFT},   {"DELAY FROM", TABLE_LEFT},
        {"REST FROM", TABLE_LEFT}, {"AGE", TABLE_RIGHT}, {"CONTRADICTED", TABLE_LEFT},
        {NULL, TABLE_LEFT},
};
static const struct table_column edge_columns[] = {
        {"PREFIX", TABLE_LEFT},      {"AS", TABLE_RIGHT},           {"SITE", TABLE_LEFT},
        {"PREFERENCE", TABLE_RIGHT}, {"AVAILABILITY", TABLE_RIGHT}, {"DELAY", TABLE_RIGHT},
        {"RESOURCE", TABLE_RIGHT},   {"AGE", TABLE_RIGHT},          {NULL, TABLE_LEFT},
};
static const struct table_column contradiction_columns[] = {
        {"SITE", TABLE_LEFT}, {"VALUE", TABLE_LEFT},  {"TO", TABLE_LEFT},
        {"SAYS", TABLE_LEFT}, {"", TABLE_RIGHT},      {"SAYS", TABLE_LEFT},
        {"", TABLE_RIGHT},    {"SINCE", TABLE_RIGHT}, {NULL, TABLE_LEFT},
};
static const struct table_column memory_columns[] = {
        {"TABLE", TABLE_LEFT},    {"ENTRIES", TABLE_RIGHT}, {"OCTETS", TABLE_RIGHT},
        {"MAXIMUM", TABLE_RIGHT}, {NULL, TABLE_LEFT},
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

static void add_site(struct session *session, struct table *table, const json_t *site)
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

static void add_service(struct session *session, struct table *table, const json_t *service)
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

static void add_links(struct session *session, struct table *table, const json_t *site)
{
	for (size_t i = 0; i < document_count(site, "links"); i++)
		add_link(table, site, document_at(site, "links", i));
}

/* What is there of a number, or "-". */
static void add_some(struct table *table, const json_t *object, const char *key)
{
	if (json_is_number(json_object_get(object, key)))
		table_cell(table, "%lld", (long long)document_number(object, key));
	else
		table_cell(table, "-");
}

static void add_some_duration(struct table *table, const json_t *object, const char *key)
{
	if (json_is_number(json_object_get(object, key)))
		add_duration(table, object, key);
	else
		table_cell(table, "-");
}

/* The texts of an array. */
static void add_list(struct session *session, struct table *table, const json_t *object, const char *key)
{
	const char *text = "";

	for (size_t i = 0; i < document_count(object, key) && text != NULL; i++) {
		const char *one = json_string_value(document_at(object, key, i));

		text = arena_format(session->arena, "%s%s%s", text, i == 0 ? "" : " ",
		                    one == NULL ? "" : one);
	}
	table_cell(table, "%s", text == NULL ? "" : text);
}

static void add_contradicted(struct table *table, const json_t *object)
{
	table_cell(table, "%s", document_flag(object, "contradicted") ? "yes" : "");
}

static void add_site_sources(struct session *session, struct table *table, const json_t *site)
{
	const json_t *queue = json_object_get(site, "queue"), *path = json_object_get(site, "path");

	table_cell(table, "%s", document_text(site, "name"));
	table_cell(table, "%s", document_text(site, "source"));
	add_age(table, site);
	add_duration(table, site, "validity_ms");
	add_duration(table, site, "structure_age_ms");
	add_some(table, queue, "waiting");
	add_some_duration(table, queue, "wait_ms");
	add_some_duration(table, path, "delay_ms");
	add_some_duration(table, path, "age_ms");
	add_list(session, table, site, "contradicted");
}

static void add_service_sources(struct session *session, struct table *table, const json_t *service)
{
	table_cell(table, "%s", document_text(service, "name"));
	table_cell(table, "%s", document_text(service, "version"));
	table_cell(table, "%s", document_text(service, "site"));
	table_cell(table, "%s", document_text(service, "source"));
	add_age(table, service);
	add_duration(table, service, "validity_ms");
	add_contradicted(table, service);
}

static void add_link_sources(struct session *session, struct table *table, const json_t *site)
{
	for (size_t i = 0; i < document_count(site, "links"); i++) {
		const json_t *link = document_at(site, "links", i);

		table_cell(table, "%s", document_text(site, "name"));
		table_cell(table, "%s", document_text(link, "toward"));
		table_cell(table, "%s", document_text(link, "delay_source"));
		table_cell(table, "%s", document_text(link, "source"));
		add_age(table, link);
		add_contradicted(table, link);
	}
}

static void add_edge(struct session *session, struct table *table, const json_t *edge)
{
	table_cell(table, "%s/%lld", document_text(edge, "prefix"),
	           (long long)document_integer(edge, "length"));
	add_some(table, edge, "as");
	table_cell(table, "%s", document_text(edge, "site"));
	add_some(table, edge, "preference");
	add_some(table, edge, "availability_percent");
	add_some_duration(table, edge, "delay_ms");
	add_some(table, edge, "resource_percent");
	add_duration(table, edge, "age_ms");
}

static void add_contradiction(struct session *session, struct table *table, const json_t *found)
{
	table_cell(table, "%s", document_text(found, "site"));
	table_cell(table, "%s", document_text(found, "value"));
	table_cell(table, "%s", document_text(found, "toward"));
	for (size_t source = 0; source < 2; source++) {
		const char *name = json_string_value(document_at(found, "sources", source));

		table_cell(table, "%s", name == NULL ? "" : name);
		table_cell(table, "%lld",
		           (long long)json_integer_value(document_at(found, "values", source)));
	}
	add_duration(table, found, "noted_ms");
}

static int print_memory(struct session *session, const json_t *view)
{
	struct table *table = table_create(memory_columns, session->arena);

	for (size_t i = 0; i < document_count(view, "tables"); i++) {
		const json_t *one = document_at(view, "tables", i);

		table_cell(table, "%s", document_text(one, "name"));
		add_some(table, one, "entries");
		add_some(table, one, "bytes");
		if (document_integer(one, "maximum") > 0)
			add_some(table, one, "maximum");
		else
			table_cell(table, "-");
	}
	table_cell(table, "all");
	table_cell(table, "-");
	table_cell(table, "%lld", (long long)document_integer(view, "bytes"));
	table_cell(table, "-");
	return table_print(table, session->out);
}

/* A table with what is added for each element of one of the document's arrays. */
struct view_form {
	const struct table_column *columns;
	void (*add)(struct session *session, struct table *table, const json_t *element);
};

static const struct view_section {
	const char *name;
	const char *key; /* of the array */
	uint8_t parts;   /* of the document */
	bool always;     /* shown without being asked for */
	struct view_form values, sources;
} sections[] = {
        {"sites",
         "sites",
         VIEW_PART_SITES,
         true,
         {site_columns, add_site},
         {site_source_columns, add_site_sources}},
        {"services",
         "services",
         VIEW_PART_SERVICES,
         true,
         {service_columns, add_service},
         {service_source_columns, add_service_sources}},
        {"links",
         "sites",
         VIEW_PART_SITES,
         true,
         {link_columns, add_links},
         {link_source_columns, add_link_sources}},
        {"edge-metadata",
         "edge_metadata",
         VIEW_PART_EDGE,
         false,
         {edge_columns, add_edge},
         {edge_columns, add_edge}},
        {"contradictions",
         "contradictions",
         VIEW_PART_CONTRADICTIONS,
         false,
         {contradiction_columns, add_contradiction},
         {contradiction_columns, add_contradiction}},
};

/* The section that was asked for; NULL: none in particular. */
static const struct view_section *find_section(const struct session *session)
{
	for (size_t i = 0; session->word_count > 0 && i < ARRAY_SIZE(sections); i++)
		if (strcmp(session->words[0], sections[i].name) == 0)
			return &sections[i];
	return NULL;
}

static int print_section(struct session *session, const struct view_section *section, const json_t *view)
{
	const struct view_form *form = session->options->detailed ? &section->sources : &section->values;
	struct table *table = table_create(form->columns, session->arena);

	for (size_t i = 0; i < document_count(view, section->key); i++)
		form->add(session, table, document_at(view, section->key, i));
	return table_print(table, session->out);
}

static int print_view(struct session *session, const json_t *view)
{
	const struct view_section *asked = find_section(session);
	int code = 0;

	if (session->options->memory)
		return print_memory(session, view);
	if (asked != NULL)
		code = print_section(session, asked, view);
	for (size_t i = 0; asked == NULL && i < ARRAY_SIZE(sections) && code == 0; i++) {
		if (!sections[i].always)
			continue;
		(void)fputs(i == 0 ? "" : "\n", session->out);
		code = print_section(session, &sections[i], view);
	}
	if (document_flag(view, "truncated"))
		(void)fputs("... there is more: ask for less at a time\n", stderr);
	return code;
}

/* Takes away what is different each time that one looks. */
static void drop_times(json_t *value)
{
	static const char *const names[] = {"time",    "bytes",   "tables", "age_ms", "structure_age_ms",
	                                    "ages_ms", "noted_ms"};
	const char *key;
	json_t *member;
	size_t index;

	for (size_t i = 0; json_is_object(value) && i < ARRAY_SIZE(names); i++)
		(void)json_object_del(value, names[i]);
	json_object_foreach(value, key, member) drop_times(member);
	json_array_foreach(value, index, member) drop_times(member);
}

/* Until the gateway or the reader of the output is gone. */
static int watch_view(struct session *session, const char *argument)
{
	const struct arena_mark before = arena_save(session->arena);
	json_t *shown = NULL, *view;
	int code;

	while ((code = session_get(session, BUSBAR_VIEW, argument, &view)) == 0) {
		json_t *bare = json_deep_copy(view);

		drop_times(bare);
		if (shown == NULL || !json_equal(bare, shown)) {
			code = session->options->json ? document_write(view, session->out)
			                              : print_view(session, view);
			if (code == 0 && !session->options->json)
				(void)fputs("\n", session->out);
			if (code == 0 && fflush(session->out) != 0)
				code = -EIO;
		}
		json_decref(shown);
		json_decref(view);
		shown = bare;
		arena_restore(session->arena, before);
		if (code < 0)
			break;
		(void)usleep(WATCH_PAUSE);
	}
	json_decref(shown);
	return session_status(session, code, "gateway");
}

int view_show(struct session *session)
{
	const struct view_section *asked = find_section(session);
	char argument[IDENTIFIER_TEXT], problem[OPTIONS_PROBLEM];
	const char *about = argument;
	uint8_t parts = asked == NULL ? 0 : asked->parts;

	if (session->word_count > 0 && asked == NULL)
		return complain(COMPLAIN_USAGE,
		                "view: no such part: '%s' (sites, services, links, edge-metadata, "
		                "contradictions)",
		                session->words[0]);
	if (session->options->memory)
		parts = VIEW_PART_CONTRADICTIONS; /* the least, besides the tables */
	if (view_option_read(session->options, parts, argument, problem) < 0)
		return complain(COMPLAIN_USAGE, "%s", problem);
	if (argument[0] == '\0')
		about = NULL;
	return session->options->watch ? watch_view(session, about)
	                               : session_show(session, BUSBAR_VIEW, about, print_view);
}
