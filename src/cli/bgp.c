/* SPDX-License-Identifier: Apache-2.0 */
/* bgp: a gateway's peers, the routes that it knows, and its counters. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/table.h"
#include <errno.h>
#include <string.h>

static const struct table_column peer_columns[] = {
        {"PEER", TABLE_LEFT},   {"ADDRESS", TABLE_LEFT}, {"AS", TABLE_RIGHT},    {"STATE", TABLE_LEFT},
        {"SINCE", TABLE_RIGHT}, {"PATHS", TABLE_RIGHT},  {"STALE", TABLE_RIGHT}, {"TOLD", TABLE_RIGHT},
        {"IN", TABLE_RIGHT},    {"OUT", TABLE_RIGHT},    {"FLAPS", TABLE_RIGHT}, {"LAST ERROR", TABLE_LEFT},
        {NULL, TABLE_LEFT},
};
static const struct table_column route_columns[] = {
        {"", TABLE_LEFT},           {"PREFIX", TABLE_LEFT},      {"PEER", TABLE_LEFT},
        {"ID", TABLE_RIGHT},        {"NEXT HOP", TABLE_LEFT},    {"AS PATH", TABLE_LEFT},
        {"ORIGINATOR", TABLE_LEFT}, {"COMMUNITIES", TABLE_LEFT}, {"OCTETS", TABLE_RIGHT},
        {NULL, TABLE_LEFT},
};

static void add_count(struct table *table, const json_t *object, const char *key)
{
	table_cell(table, "%lld", (long long)document_integer(object, key));
}

static void add_peer(struct table *table, const json_t *peer)
{
	char text[DOCUMENT_TEXT];

	table_cell(table, "%s", document_text(peer, "name"));
	table_cell(table, "%s", document_text(peer, "remote"));
	add_count(table, peer, "as");
	table_cell(table, "%s", document_text(peer, "state"));
	table_cell(table, "%s", document_duration(document_number(peer, "since_ms"), text));
	add_count(table, peer, "paths");
	add_count(table, peer, "stale_paths");
	add_count(table, peer, "advertised");
	add_count(table, json_object_get(peer, "received"), "update");
	add_count(table, json_object_get(peer, "sent"), "update");
	add_count(table, peer, "flaps");
	table_cell(table, "%s", document_text(json_object_get(peer, "last_error"), "text"));
}

static int print_peers(struct session *session, const json_t *document)
{
	struct table *table = table_create(peer_columns, session->arena);

	for (size_t i = 0; i < document_count(document, "peers"); i++)
		add_peer(table, document_at(document, "peers", i));
	return table_print(table, session->out);
}

int bgp_show_peers(struct session *session)
{
	return session_show(session, BUSBAR_BGP_PEERS, NULL, print_peers);
}

static int print_statistics(struct session *session, const json_t *document)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)document, key, value) if (json_is_integer(value))(void)
	        fprintf(session->out, "%-22s %lld\n", key, (long long)json_integer_value(value));
	return 0;
}

int bgp_show_statistics(struct session *session)
{
	return session_show(session, BUSBAR_BGP_STATISTICS, NULL, print_statistics);
}

/* ---- routes ---- */

/* Numbers of an array, or its texts, with spaces between. */
static const char *joined(const json_t *array, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; i < json_array_size(array) && text != NULL; i++) {
		const json_t *item = json_array_get(array, i);
		const char *space = i == 0 ? "" : " ";

		text = json_is_string(item)
		               ? arena_format(arena, "%s%s%s", text, space, json_string_value(item))
		               : arena_format(arena, "%s%s%lld", text, space,
		                              (long long)json_integer_value(item));
	}
	return text == NULL ? "" : text;
}

/* As everywhere with BGP: > the best of its prefix, * chosen of its origin, S stale. */
static void add_route(struct table *table, struct arena *arena, const json_t *route)
{
	const char *peer = json_string_value(json_object_get(route, "peer"));

	table_cell(table, "%s%s",
	           document_flag(route, "best")     ? ">"
	           : document_flag(route, "chosen") ? "*"
	                                            : " ",
	           document_flag(route, "stale") ? "S" : " ");
	table_cell(table, "%s", document_text(route, "prefix"));
	table_cell(table, "%s", peer == NULL ? "own" : peer);
	add_count(table, route, "path_id");
	table_cell(table, "%s", peer == NULL ? "" : document_text(route, "next_hop"));
	table_cell(table, "%s", joined(json_object_get(route, "as_path"), arena));
	table_cell(table, "%s", document_text(route, "originator"));
	table_cell(table, "%s", joined(json_object_get(route, "communities"), arena));
	table_cell(table, "%zu", strlen(document_text(route, "attribute")) / 2);
}

static bool is_wanted(const struct session *session, const json_t *route)
{
	return session->word_count == 0 || strcmp(session->words[0], document_text(route, "prefix")) == 0;
}

/* All pages, each from where the one before ended. */
static int collect(struct session *session, json_t *routes)
{
	char position[33] = "00000000000000000000000000000000";
	json_t *page = NULL;
	const json_t *next;
	int code;

	do {
		json_decref(page);
		page = NULL;
		code = session_get(session, BUSBAR_BGP_ROUTES, position, &page);
		for (size_t i = 0; code == 0 && i < document_count(page, "routes"); i++)
			if (is_wanted(session, document_at(page, "routes", i)) &&
			    json_array_append(routes, document_at(page, "routes", i)) < 0)
				code = -ENOMEM;
		next = json_object_get(page, "next");
		(void)snprintf(position, sizeof(position), "%032llx",
		               (unsigned long long)json_integer_value(next));
	} while (code == 0 && json_is_integer(next));
	json_decref(page);
	return code;
}

static int print_routes(struct session *session, const json_t *routes)
{
	struct table *table = table_create(route_columns, session->arena);

	for (size_t i = 0; i < json_array_size(routes); i++)
		add_route(table, session->arena, json_array_get(routes, i));
	return table_print(table, session->out);
}

int bgp_show_routes(struct session *session)
{
	json_t *routes = json_array();
	json_t *document = json_pack("{s:O}", "routes", routes);
	int code = document == NULL ? -ENOMEM : collect(session, routes);

	if (code == 0)
		code = session->options->json ? document_write(document, session->out)
		                              : print_routes(session, routes);
	json_decref(document);
	json_decref(routes);
	return session_status(session, code, "gateway");
}
