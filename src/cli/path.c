/* SPDX-License-Identifier: Apache-2.0 */
/* trace SITE | SERVICE: the way there as the gateway would choose it now, and what it knows of everything on
 * it. */
#include "base/unit.h"
#include "busbar-error.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/quote.h"
#include "cli/table.h"
#include "model/gateway.h"
#include <arpa/inet.h>
#include <string.h>

enum { ABOUT_TEXT = 33 };

static const struct table_column hop_columns[] = {
        {"FROM", TABLE_LEFT},    {"TOWARD", TABLE_LEFT},    {"WAY", TABLE_LEFT},    {"DELAY", TABLE_RIGHT},
        {"JITTER", TABLE_RIGHT}, {"LOSS", TABLE_RIGHT},     {"SOURCE", TABLE_LEFT}, {"AGE", TABLE_RIGHT},
        {"FREE", TABLE_RIGHT},   {"CAPACITY", TABLE_RIGHT}, {"PRICE", TABLE_RIGHT}, {"SOURCE", TABLE_LEFT},
        {"AGE", TABLE_RIGHT},    {NULL, TABLE_LEFT},
};
static const struct table_column gateway_columns[] = {
        {"GATEWAY", TABLE_LEFT},   {"MODEL", TABLE_LEFT},  {"KIND", TABLE_LEFT},   {"FREE", TABLE_RIGHT},
        {"CAPACITY", TABLE_RIGHT}, {"PRICE", TABLE_RIGHT}, {"START", TABLE_RIGHT}, {"SOURCE", TABLE_LEFT},
        {"AGE", TABLE_RIGHT},      {NULL, TABLE_LEFT},
};

/* ---- what is meant ---- */

static void about_site(struct gateway_identity site, char about[ABOUT_TEXT])
{
	(void)snprintf(about, ABOUT_TEXT, "00000000000000000000%08x%04x", site.site, site.gateway);
}

static int about_service(const char *address, char about[ABOUT_TEXT])
{
	uint8_t octets[16];

	if (inet_pton(AF_INET6, address, octets) != 1)
		return BUSBAR_ERROR_MALFORMED;
	for (size_t i = 0; i < sizeof(octets); i++)
		(void)snprintf(about + 2 * i, 3, "%02x", octets[i]);
	return 0;
}

/* "ocr", "ocr:2". */
static bool is_service(const json_t *service, const char *word)
{
	const char *name = document_text(service, "name");
	size_t length = strlen(name);

	if (strncmp(word, name, length) != 0)
		return false;
	return word[length] == '\0' ||
	       (word[length] == ':' && strcmp(word + length + 1, document_text(service, "version")) == 0);
}

static int find(const json_t *view, const char *word, char about[ABOUT_TEXT])
{
	for (size_t i = 0; i < document_count(view, "sites"); i++) {
		const json_t *site = document_at(view, "sites", i);
		struct gateway_identity identity;

		if ((strcmp(document_text(site, "name"), word) == 0 ||
		     strcmp(document_text(site, "identity"), word) == 0) &&
		    gateway_parse(document_text(site, "identity"), &identity) == 0) {
			about_site(identity, about);
			return 0;
		}
	}
	for (size_t i = 0; i < document_count(view, "services"); i++)
		if (is_service(document_at(view, "services", i), word))
			return about_service(document_text(document_at(view, "services", i), "address"),
			                     about);
	return BUSBAR_ERROR_NOT_FOUND;
}

/* ---- tables ---- */

static void add_milliseconds(struct table *table, const json_t *object, const char *key)
{
	char text[DOCUMENT_TEXT];

	if (json_is_number(json_object_get(object, key)))
		table_cell(table, "%s", document_duration(document_number(object, key), text));
	else
		table_cell(table, "-");
}

static void add_bitrate(struct table *table, const json_t *object, const char *key)
{
	char text[UNIT_TEXT];

	if (json_is_integer(json_object_get(object, key)))
		table_cell(table, "%s", unit_format_bitrate(document_integer(object, key), text));
	else
		table_cell(table, "-");
}

static void add_loss(struct table *table, const json_t *hop)
{
	if (json_is_number(json_object_get(hop, "loss_ppm")))
		table_cell(table, "%.2f %%", document_number(hop, "loss_ppm") / 1e4);
	else
		table_cell(table, "-");
}

/* Who says so, and how long ago. */
static void add_stamp(struct table *table, const json_t *stamp)
{
	table_cell(table, "%s%s", document_text(stamp, "source"),
	           document_flag(stamp, "stale") ? ", stale" : "");
	add_milliseconds(table, stamp, "age_ms");
}

static void add_hop(struct table *table, const json_t *hop)
{
	table_cell(table, "%s", document_text(hop, "from"));
	table_cell(table, "%s", document_text(hop, "toward"));
	table_cell(table, "%s", document_text(hop, "direction"));
	add_milliseconds(table, hop, "delay_ms");
	add_milliseconds(table, hop, "jitter_ms");
	add_loss(table, hop);
	add_stamp(table, json_object_get(hop, "measured"));
	add_bitrate(table, hop, "free_bps");
	add_bitrate(table, hop, "capacity_bps");
	table_cell(table, "%s", document_text(hop, "price"));
	add_stamp(table, json_object_get(hop, "offered"));
}

static void add_resource(struct table *table, const json_t *gateway, const json_t *resource)
{
	table_cell(table, "%s", document_text(gateway, "gateway"));
	table_cell(table, "%s", document_text(gateway, "model"));
	table_cell(table, "%s", document_text(resource, "kind"));
	table_cell(table, "%s", document_text(resource, "free"));
	table_cell(table, "%s", document_text(resource, "capacity"));
	table_cell(table, "%s", document_text(resource, "price"));
	add_milliseconds(table, gateway, "start_ms");
	add_stamp(table, json_object_get(gateway, "offered"));
}

/* One row for each resource, one for a gateway that has none. */
static void add_gateway(struct table *table, const json_t *gateway)
{
	size_t count = document_count(gateway, "resources");

	for (size_t i = 0; i < MAXIMUM(count, (size_t)1); i++)
		add_resource(table, gateway, document_at(gateway, "resources", i));
}

static void print_service(FILE *stream, const json_t *service)
{
	char text[DOCUMENT_TEXT];

	if (!json_is_object(service))
		return;
	table_put_text(stream, document_text(service, "name"));
	(void)fputc(':', stream);
	table_put_text(stream, document_text(service, "version"));
	(void)fprintf(stream, ": score %lld of 10, %lld running, %s a call, price %s\n",
	              (long long)document_integer(service, "score"),
	              (long long)document_integer(service, "running"),
	              document_duration(document_number(service, "time_ms"), text),
	              document_text(service, "price"));
}

static int print_path(struct session *session, const json_t *path)
{
	struct table *hops = table_create(hop_columns, session->arena);
	struct table *gateways = table_create(gateway_columns, session->arena);
	char text[DOCUMENT_TEXT];
	int code;

	for (size_t i = 0; i < document_count(path, "hops"); i++)
		add_hop(hops, document_at(path, "hops", i));
	for (size_t i = 0; i < document_count(path, "gateways"); i++)
		add_gateway(gateways, document_at(path, "gateways", i));
	code = table_print(hops, session->out);
	(void)fputs(table_rows(hops) > 0 ? "\n" : "", session->out);
	if (code == 0)
		code = table_print(gateways, session->out);
	if (code < 0)
		return code;
	if (document_flag(path, "reachable")) {
		table_put_text(session->out, document_text(path, "site"));
		(void)fprintf(session->out, ": network %s there and back\n",
		              document_duration(document_number(path, "network_ms"), text));
	} else {
		(void)fputs("no way there\n", session->out);
	}
	print_service(session->out, json_object_get(path, "service"));
	quote_print_reasons(json_object_get(json_object_get(path, "plan"), "reasons"), session->out);
	return 0;
}

int path_show(struct session *session)
{
	char about[ABOUT_TEXT];
	json_t *view = NULL;
	int code = session_get(session, BUSBAR_VIEW, NULL, &view);

	if (code == 0)
		code = find(view, session->words[0], about);
	json_decref(view);
	if (code == BUSBAR_ERROR_NOT_FOUND)
		return complain(COMPLAIN_FAILED, "neither a site nor a service: '%s'", session->words[0]);
	if (code < 0)
		return session_status(session, code, "gateway");
	return session_show(session, BUSBAR_PATH, about, print_path);
}
