/* SPDX-License-Identifier: Apache-2.0 */
/* What operators do at the front door: reload, new tenants; and the documents of paths. */
#include "tests/t.h"

#include "station.h"
#include <jansson.h>
#include <unistd.h>

static struct station *station;

static int set_up(void **state)
{
	station = calloc(1, sizeof(*station));
	if (station == NULL)
		return -1;
	station_open(station);
	return 0;
}

static int tear_down(void **state)
{
	station_shut(station);
	free(station);
	return 0;
}

/* ---- reload ---- */

static void check_slice(const struct datagram *reply, const char *expected)
{
	T_EQ(reply->type, DATAGRAM_SLICE_OF);
	T_EQ(reply->slice.size, strlen(expected));
	T_BYTES(reply->slice.bytes, expected, strlen(expected));
}

static void a_reload_happens_once_for_a_request(void **state)
{
	struct datagram request = station_request(station, STATION_CHIEF, DATAGRAM_RELOAD), reply;
	int client = station_client(station);

	station_ask(station, client, &request, NULL, &reply);
	check_slice(&reply, "{\"reload\":1}");
	station_ask(station, client, &request, NULL, &reply);
	check_slice(&reply, "{\"reload\":1}");
	T_EQ(station->reloads, 1);
	/* It is read on by the request's identifier. */
	{
		struct datagram more = station_request(station, STATION_CHIEF, DATAGRAM_DOCUMENT);

		more.ask.document = DOCUMENT_RELOAD;
		more.ask.task = request.identifier;
		more.ask.offset = 10;
		station_ask(station, client, &more, NULL, &reply);
		check_slice(&reply, "1}");
		more = station_request(station, STATION_CHIEF, DATAGRAM_DOCUMENT);
		more.ask.document = DOCUMENT_RELOAD;
		T_EQ(station_ask_code(station, client, &more, NULL), BUSBAR_ERROR_NOT_FOUND);
	}
	request = station_request(station, STATION_CHIEF, DATAGRAM_RELOAD);
	station_ask(station, client, &request, NULL, &reply);
	check_slice(&reply, "{\"reload\":2}");
	close(client);
}

static void only_operators_reload(void **state)
{
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RELOAD);
	int client = station_client(station);

	T_EQ(station_ask_code(station, client, &request, NULL), BUSBAR_ERROR_REFUSED);
	T_EQ(station->reloads, 0);
	close(client);
}

/* ---- tenants ---- */

static void tenants_come_and_go(void **state)
{
	struct front_tenant others[] = {{.name = "demo",
	                                 .key = station_tenants[STATION_DEMO].key,
	                                 .secret = {9, 9},
	                                 .operator= true } };
	struct datagram request = station_request(station, STATION_DEMO, DATAGRAM_RELOAD), reply;
	uint8_t bytes[DATAGRAM_MAXIMUM], answer[DATAGRAM_MAXIMUM];
	int client = station_client(station);
	size_t size;

	T_OK(front_set_tenants(station->front, others, 1));
	T_BYTES(front_secret(station->front, others[0].key), others[0].secret, SEAL_SECRET);
	T_TRUE(front_secret(station->front, station_tenants[STATION_CHIEF].key) == NULL);
	/* The old secret is no more. */
	size = station_encode(&request, NULL, bytes);
	T_TRUE(station_tell(station, client, bytes, size, answer, sizeof(answer)) > 0);
	T_EQ(station_refused_as(station, BUSBAR_ERROR_BAD_MAC), 1);
	T_OK(front_set_tenants(station->front, station_tenants, STATION_TENANTS));
	request = station_request(station, STATION_CHIEF, DATAGRAM_RELOAD);
	station_ask(station, client, &request, NULL, &reply);
	check_slice(&reply, "{\"reload\":1}");
	close(client);
}

/* ---- paths ---- */

static const struct gateway_identity far_away = {9, 1};

static struct link_offer link_between(struct gateway_identity from, struct gateway_identity toward)
{
	return (struct link_offer){.from = from,
	                           .toward = toward,
	                           .delay = 5 * CLOCK_MILLISECOND,
	                           .jitter = CLOCK_MILLISECOND,
	                           .loss = 1000,
	                           .capacity = 36000000,
	                           .free = 30000000,
	                           .base = 100,
	                           .steepness = 32000};
}

static void add_neighbour(void)
{
	struct site near, far = {.identity = far_away,
	                         .name = "far",
	                         .measured = station_wall(station) - 2 * CLOCK_SECOND,
	                         .validity = 3600 * CLOCK_SECOND,
	                         .resource_count = 2,
	                         .resources = {{RESOURCE_CPU, 4000000, 3000000, 100, 8000, 100},
	                                       {RESOURCE_MEMORY, 1 << 30, 1 << 30, 1, 1000, 1}},
	                         .link_count = 1};
	struct service_offer service = {.site = far_away,
	                                .name = "voice",
	                                .version = "1",
	                                .address = {0xfd, 1},
	                                .score = 7,
	                                .cpu = 1000000,
	                                .memory = 1 << 20};

	view_copy_site(view_site(station->view, station->identity), &near);
	near.link_count = 1;
	near.links[0] = link_between(station->identity, far_away);
	far.links[0] = link_between(far_away, station->identity);
	T_OK(view_put_site(station->view, &near));
	T_OK(view_put_site(station->view, &far));
	T_OK(view_put_service(station->view, &service));
}

static int render(uint32_t tenant, enum datagram_document document, const struct identifier *about,
                  json_t **ret_object)
{
	const struct document_request request = {.document = document,
	                                         .task = *about,
	                                         .tenant = station_tenants[tenant].name,
	                                         .operator= station_tenants[tenant].operator};
	char *text;
	int code = document_render(&station->source, &request, &text);

	if (code < 0)
		return code;
	*ret_object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	T_TRUE(*ret_object != NULL);
	free(text);
	return 0;
}

static const char *text_at(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* There, and back over the same link, with what its owners say. */
static void check_way(const json_t *path)
{
	const json_t *hops = json_object_get(path, "hops"), *gateways = json_object_get(path, "gateways");
	const json_t *up = json_array_get(hops, 0), *down = json_array_get(hops, 1);

	T_TEXT(text_at(path, "site"), "far");
	T_TRUE(json_is_true(json_object_get(path, "reachable")));
	T_TRUE(json_number_value(json_object_get(path, "network_ms")) == 10);
	T_EQ(json_array_size(hops), 2);
	T_TEXT(text_at(up, "from"), "edge");
	T_TEXT(text_at(up, "toward"), "far");
	T_TEXT(text_at(down, "direction"), "down");
	T_EQ(json_integer_value(json_object_get(down, "loss_ppm")), 1000);
	T_EQ(json_integer_value(json_object_get(down, "free_bps")), 30000000);
	T_TEXT(text_at(json_object_get(up, "offered"), "source"), "own");
	T_TEXT(text_at(json_object_get(down, "measured"), "source"), "route");
	T_TRUE(json_number_value(json_object_get(json_object_get(down, "measured"), "age_ms")) >= 2000);
	T_EQ(json_array_size(gateways), 2);
	T_TEXT(text_at(json_array_get(gateways, 1), "gateway"), "far");
	T_EQ(json_array_size(json_object_get(json_array_get(gateways, 1), "resources")), 2);
}

static void paths_lead_to_sites_and_services(void **state)
{
	struct identifier site = {{[13] = 9, [15] = 1}}, service = {{0xfd, 1}},
	                  nowhere = {{[13] = 8, [15] = 1}};
	struct identifier unknown = {{0xfd, 2}};
	json_t *path;

	add_neighbour();
	T_OK(render(STATION_DEMO, DOCUMENT_PATH, &site, &path));
	check_way(path);
	T_TRUE(json_is_null(json_object_get(path, "plan")) && json_is_null(json_object_get(path, "service")));
	json_decref(path);
	T_OK(render(STATION_DEMO, DOCUMENT_PATH, &service, &path));
	check_way(path);
	T_EQ(json_array_size(json_object_get(json_object_get(path, "plan"), "parts")), 1);
	T_EQ(json_integer_value(json_object_get(json_object_get(path, "service"), "score")), 7);
	json_decref(path);
	T_ERROR(render(STATION_DEMO, DOCUMENT_PATH, &nowhere, &path), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(render(STATION_DEMO, DOCUMENT_PATH, &unknown, &path), BUSBAR_ERROR_UNKNOWN_SERVICE);
}

/* A tenant that sees only where it goes hears of the gateways on the way by name. */
static void what_is_out_of_sight_is_only_named(void **state)
{
	static const char *const names[] = {"far"};
	const struct view_sight sight = {.sites = {1, names}};
	const struct document_request request = {
	        .document = DOCUMENT_PATH, .task = {{[13] = 9, [15] = 1}}, .tenant = "demo", .sight = &sight};
	json_t *path, *hops, *gateways;
	char *text;

	add_neighbour();
	T_OK(document_render(&station->source, &request, &text));
	path = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	hops = json_object_get(path, "hops");
	gateways = json_object_get(path, "gateways");
	T_EQ(json_array_size(hops), 2);
	T_TEXT(text_at(json_array_get(hops, 0), "from"), "edge");
	T_EQ(json_object_size(json_array_get(hops, 0)), 3);
	T_EQ(json_integer_value(json_object_get(json_array_get(hops, 1), "free_bps")), 30000000);
	T_TEXT(text_at(json_array_get(gateways, 0), "gateway"), "edge");
	T_EQ(json_array_size(json_object_get(json_array_get(gateways, 0), "resources")), 0);
	T_TRUE(json_object_get(json_array_get(gateways, 0), "offered") == NULL);
	T_EQ(json_array_size(json_object_get(json_array_get(gateways, 1), "resources")), 2);
	json_decref(path);
}

/* A site that is known but that no link leads to. */
static void where_no_way_leads_is_said(void **state)
{
	const struct site island = {.identity = far_away,
	                            .name = "far",
	                            .measured = station_wall(station),
	                            .validity = CLOCK_SECOND};
	struct identifier about = {{[13] = 9, [15] = 1}};
	json_t *path;

	T_OK(view_put_site(station->view, &island));
	T_OK(render(STATION_DEMO, DOCUMENT_PATH, &about, &path));
	T_TRUE(json_is_false(json_object_get(path, "reachable")));
	T_EQ(json_array_size(json_object_get(path, "hops")), 0);
	json_decref(path);
}

static void what_is_of_bgp_is_for_operators(void **state)
{
	static const enum datagram_document documents[] = {DOCUMENT_BGP_PEERS, DOCUMENT_BGP_ROUTES,
	                                                   DOCUMENT_BGP_STATISTICS};
	const struct identifier none = {{0}};
	json_t *object;

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		T_ERROR(render(STATION_DEMO, documents[i], &none, &object), BUSBAR_ERROR_REFUSED);
		T_ERROR(render(STATION_CHIEF, documents[i], &none, &object), BUSBAR_ERROR_NOT_SUPPORTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_reload_happens_once_for_a_request, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(only_operators_reload, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(tenants_come_and_go, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(paths_lead_to_sites_and_services, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(what_is_out_of_sight_is_only_named, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(where_no_way_leads_is_said, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(what_is_of_bgp_is_for_operators, set_up, tear_down),
	};

	return T_RUN(tests);
}
