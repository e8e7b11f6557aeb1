/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of a small gateway: valid JSON with the fields that people's tools read. */
#include "tests/t.h"

#include "base/hex.h"
#include "base/text.h"
#include "grammar/grammar.h"
#include "station.h"
#include "wire/view_filter.h"
#include <jansson.h>

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

/* A field and the type that it must have. */
struct field {
	const char *name;
	json_type type;
};

#define CHECK_FIELDS(object, ...)                                 \
	check_fields(object, (const struct field[]){__VA_ARGS__}, \
	             sizeof((const struct field[]){__VA_ARGS__}) / sizeof(struct field))

static void check_fields(const json_t *object, const struct field *fields, size_t count)
{
	T_TRUE(json_is_object(object));
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, fields[i].name);

		if (value == NULL || json_typeof(value) != fields[i].type)
			fail_msg("%s: absent or of another type", fields[i].name);
	}
}

static json_t *parse(char *text)
{
	json_error_t problem;
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &problem);

	if (object == NULL)
		fail_msg("%s in %s", problem.text, text);
	free(text);
	return object;
}

static int render(uint32_t tenant, enum datagram_document document, const struct identifier *task,
                  char **ret_text)
{
	struct document_request request = {.document = document,
	                                   .tenant = station_tenants[tenant].name,
	                                   .operator= station_tenants[tenant].operator};

	if (task != NULL)
		request.task = *task;
	return document_render(&station->source, &request, ret_text);
}

static json_t *document_of(uint32_t tenant, enum datagram_document document, const struct identifier *task)
{
	char *text;

	T_OK(render(tenant, document, task, &text));
	return parse(text);
}

static json_t *first_of(const json_t *object, const char *list)
{
	json_t *array = json_object_get(object, list);

	T_TRUE(json_is_array(array) && json_array_size(array) > 0);
	return json_array_get(array, 0);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	T_TRUE(text != NULL);
	return text;
}

static int64_t number_of(const json_t *object, const char *key)
{
	T_TRUE(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static void check_money(const json_t *object, const char *key, money expected)
{
	char text[MONEY_TEXT];

	T_TEXT(text_of(object, key), money_text(expected, text));
}

/* As the front door does it for a tenant. */
static int submit_as(uint32_t tenant, const char *text, bool quote, struct plan *plan, struct arena *arena,
                     struct identifier *ret_task)
{
	struct grammar_problem problem;
	struct demand demand;
	struct task_request request = {.demand = &demand,
	                               .tenant = station_tenants[tenant].name,
	                               .spot = station_tenants[tenant].spot,
	                               .place = {.client = {0xfd, 9},
	                                         .access_ceiling_up = 2 * CLOCK_MILLISECOND,
	                                         .access_ceiling_down = 3 * CLOCK_MILLISECOND}};

	if (grammar_parse_demand(text, strlen(text), "test", arena, &demand, &problem) < 0)
		fail_msg("%s", problem.text);
	demand.identifier = identifier_make(station_wall(station), &station->random);
	*ret_task = demand.identifier;
	return quote ? task_quote(station->tasks, &request, arena, plan)
	             : task_submit(station->tasks, &request);
}

static struct identifier submit(const char *text)
{
	struct arena *arena = arena_create(1 << 20);
	struct identifier task;

	T_OK(submit_as(STATION_DEMO, text, false, NULL, arena, &task));
	arena_free(arena);
	return task;
}

static void add_linked_site(void)
{
	struct site site = {.identity = {9, 1},
	                    .name = "core \"1\"\n",
	                    .measured = station_wall(station) - 3 * CLOCK_SECOND,
	                    .validity = CLOCK_SECOND,
	                    .link_count = 1};

	site.links[0] = (struct link_offer){.from = {9, 1},
	                                    .toward = station->identity,
	                                    .delay = 1500 * CLOCK_MICROSECOND,
	                                    .jitter = 20 * CLOCK_MICROSECOND,
	                                    .loss = 1200,
	                                    .capacity = 1000000000,
	                                    .free = 250000000,
	                                    .base = 100,
	                                    .steepness = 32000,
	                                    .tariff = 200};
	T_OK(view_put_site(station->view, &site));
}

static void the_view_shows_sites_services_and_links(void **state)
{
	json_t *view, *site, *resource, *service, *metric, *link;

	station->now = 2 * CLOCK_SECOND;
	add_linked_site();
	view = document_of(STATION_DEMO, DOCUMENT_VIEW, NULL);
	CHECK_FIELDS(view, {"node", JSON_STRING}, {"time", JSON_INTEGER}, {"bytes", JSON_INTEGER},
	             {"sites", JSON_ARRAY}, {"services", JSON_ARRAY});
	T_EQ(number_of(view, "time"), station_wall(station));
	site = first_of(view, "sites");
	CHECK_FIELDS(site, {"name", JSON_STRING}, {"identity", JSON_STRING}, {"model", JSON_STRING},
	             {"region", JSON_STRING}, {"operator", JSON_STRING}, {"resources", JSON_ARRAY},
	             {"links", JSON_ARRAY}, {"gflops_per_core", JSON_REAL}, {"age_ms", JSON_REAL},
	             {"start_ms", JSON_REAL}, {"stale", JSON_FALSE});
	T_TEXT(text_of(site, "name"), "edge");
	T_TEXT(text_of(site, "identity"), "4.1");
	T_TEXT(text_of(site, "model"), "edge");
	T_TRUE(json_real_value(json_object_get(site, "gflops_per_core")) == 2.5);
	T_TRUE(json_real_value(json_object_get(site, "age_ms")) == 2000);
	resource = first_of(site, "resources");
	CHECK_FIELDS(resource, {"kind", JSON_STRING}, {"capacity", JSON_STRING}, {"free", JSON_STRING},
	             {"used", JSON_REAL}, {"price", JSON_STRING}, {"tariff", JSON_STRING});
	T_TEXT(text_of(resource, "kind"), "cpu");
	check_money(resource, "price", 20000);
	check_money(resource, "tariff", 40000);
	service = first_of(view, "services");
	CHECK_FIELDS(service, {"name", JSON_STRING}, {"version", JSON_STRING}, {"site", JSON_STRING},
	             {"score", JSON_INTEGER}, {"running", JSON_INTEGER}, {"time_ms", JSON_REAL},
	             {"cpu", JSON_STRING}, {"price", JSON_STRING}, {"tariff", JSON_STRING});
	T_TEXT(text_of(service, "site"), "edge");
	T_EQ(number_of(service, "score"), 9);
	metric = json_object_get(json_object_get(service, "metrics"), "norm_fi");
	CHECK_FIELDS(metric, {"score", JSON_INTEGER}, {"source", JSON_ARRAY}, {"statistic", JSON_STRING},
	             {"window_ms", JSON_INTEGER});
	T_EQ(number_of(metric, "score"), 9);
	T_EQ(json_array_size(json_object_get(metric, "source")), 2);
	T_TEXT(json_string_value(json_array_get(json_object_get(metric, "source"), 0)), "directly-measured");
	T_TEXT(text_of(metric, "statistic"), "mean");
	T_EQ(number_of(metric, "window_ms"), 10000);
	T_EQ(json_object_size(json_object_get(site, "metrics")), 0);
	site = json_array_get(json_object_get(view, "sites"), 1);
	T_TEXT(text_of(site, "name"), "core \"1\"\n");
	T_TRUE(json_is_true(json_object_get(site, "stale")));
	link = first_of(site, "links");
	CHECK_FIELDS(link, {"toward", JSON_STRING}, {"delay_ms", JSON_REAL}, {"jitter_ms", JSON_REAL},
	             {"ceiling_ms", JSON_REAL}, {"loss_ppm", JSON_INTEGER}, {"capacity_bps", JSON_INTEGER},
	             {"free_bps", JSON_INTEGER}, {"price", JSON_STRING}, {"tariff", JSON_STRING});
	T_TEXT(text_of(link, "toward"), "edge");
	T_TRUE(json_real_value(json_object_get(link, "delay_ms")) == 1.5);
	T_EQ(number_of(link, "loss_ppm"), 1200);
	T_EQ(number_of(link, "free_bps"), 250000000);
	json_decref(view);
}

static json_t *view_by(const struct view_filter *filter, const struct view_sight *sight)
{
	struct document_request request = {.document = DOCUMENT_VIEW, .tenant = "demo", .sight = sight};
	char *text;

	view_filter_encode(filter, &request.task);
	T_OK(document_render(&station->source, &request, &text));
	return parse(text);
}

static void check_sizes(json_t *view, size_t sites, size_t services)
{
	T_EQ(json_array_size(json_object_get(view, "sites")), sites);
	T_EQ(json_array_size(json_object_get(view, "services")), services);
	T_TRUE(json_is_boolean(json_object_get(view, "truncated")));
	json_decref(view);
}

static void the_view_says_where_values_are_from(void **state)
{
	const struct view_edge edge = {.address = {0xfd, 7},
	                               .length = 128,
	                               .as = 65004,
	                               .measured = station_wall(station),
	                               .metadata = {.present = EDGE_DELAY, .delay = 40 * CLOCK_MILLISECOND}};
	const struct site_load load = {.identity = station->identity,
	                               .measured = station_wall(station),
	                               .validity = CLOCK_SECOND,
	                               .waiting = 3,
	                               .wait = 20 * CLOCK_MILLISECOND};
	json_t *view, *site, *link, *found;

	add_linked_site();
	T_OK(view_put_edge(station->view, &edge));
	T_OK(view_put_load(station->view, &load));
	T_OK(view_put_path(station->view, (struct gateway_identity){9, 1}, 7 * CLOCK_MILLISECOND, 1, 2,
	                   station_wall(station), CLOCK_SECOND));
	T_OK(view_put_link_delay(station->view, (struct gateway_identity){9, 1}, station->identity,
	                         9 * CLOCK_MILLISECOND, 1, 2, station_wall(station), CLOCK_SECOND));
	view = document_of(STATION_DEMO, DOCUMENT_VIEW, NULL);
	site = first_of(view, "sites");
	T_TEXT(text_of(site, "source"), "probe");
	T_EQ(number_of(json_object_get(site, "queue"), "waiting"), 3);
	T_TEXT(text_of(first_of(site, "resources"), "source"), "probe");
	site = json_array_get(json_object_get(view, "sites"), 1);
	T_TEXT(text_of(site, "source"), "route");
	T_TEXT(json_string_value(json_array_get(json_object_get(site, "contradicted"), 0)), "link-delay");
	T_TRUE(json_real_value(json_object_get(json_object_get(site, "path"), "delay_ms")) == 7);
	link = first_of(site, "links");
	T_TEXT(text_of(link, "delay_source"), "measured");
	T_TEXT(text_of(link, "source"), "route");
	T_TRUE(json_is_true(json_object_get(link, "stale")));
	T_TRUE(json_is_true(json_object_get(link, "contradicted")));
	T_TRUE(json_real_value(json_object_get(link, "delay_ms")) == 9);
	CHECK_FIELDS(first_of(view, "services"), {"source", JSON_STRING}, {"age_ms", JSON_REAL},
	             {"validity_ms", JSON_REAL}, {"contradicted", JSON_FALSE});
	found = first_of(view, "edge_metadata");
	CHECK_FIELDS(found, {"prefix", JSON_STRING}, {"site", JSON_NULL}, {"delay_ms", JSON_REAL});
	T_TEXT(text_of(found, "source"), "edge-metadata");
	found = first_of(view, "contradictions");
	CHECK_FIELDS(found, {"site", JSON_STRING}, {"sources", JSON_ARRAY}, {"values", JSON_ARRAY},
	             {"ages_ms", JSON_ARRAY});
	T_TEXT(text_of(found, "value"), "link-delay");
	CHECK_FIELDS(first_of(view, "tables"), {"name", JSON_STRING}, {"entries", JSON_INTEGER},
	             {"bytes", JSON_INTEGER}, {"maximum", JSON_INTEGER});
	json_decref(view);
}

static void the_view_is_filtered(void **state)
{
	size_t services = view_service_count(station->view);
	struct view_filter filter = {.parts = VIEW_PART_SITES};

	add_linked_site();
	check_sizes(view_by(&filter, NULL), 2, 0);
	filter.parts = 0;
	filter.models = 1 << SUPPLY_TRANSIT;
	check_sizes(view_by(&filter, NULL), 1, 0);
	filter.models = 1 << SUPPLY_EDGE;
	check_sizes(view_by(&filter, NULL), 1, services);
	filter.kinds = 1 << RESOURCE_CPU;
	check_sizes(view_by(&filter, NULL), 1, services);
	filter.kinds |= 1 << RESOURCE_GPU;
	check_sizes(view_by(&filter, NULL), 0, 0);
	filter = (struct view_filter){
	        .service = view_filter_name(view_service_at(station->view, 0)->title->name)};
	check_sizes(view_by(&filter, NULL), 2, services);
	filter.service = view_filter_name("nothing");
	check_sizes(view_by(&filter, NULL), 2, 0);
	filter = (struct view_filter){.region = view_filter_name("nowhere")};
	check_sizes(view_by(&filter, NULL), 0, 0);
	filter = (struct view_filter){.price = 20000}; /* the core's, to the nano-unit */
	check_sizes(view_by(&filter, NULL), 1, services);
	filter.price = 1;
	check_sizes(view_by(&filter, NULL), 0, 0);
	filter = (struct view_filter){.latency = 1}; /* nobody has a link from here */
	check_sizes(view_by(&filter, NULL), 1, services);
	T_OK(view_put_path(station->view, (struct gateway_identity){9, 1}, CLOCK_MILLISECOND, 0, 0, 1, 0));
	filter.latency = CLOCK_MILLISECOND;
	check_sizes(view_by(&filter, NULL), 2, services);
	filter.latency = CLOCK_MILLISECOND / 2;
	check_sizes(view_by(&filter, NULL), 1, services);
}

/* What a tenant may not see is not there for it, nor may its demands be placed there. */
static void the_view_is_a_tenants_own(void **state)
{
	static const char *const nowhere[] = {"nowhere"}, *const here[] = {"edge"},
	                         *const other[] = {"other"};
	const struct view_filter all = {.parts = 0};
	struct view_sight sight = {.sites = {1, here}};
	size_t services = view_service_count(station->view);

	add_linked_site();
	check_sizes(view_by(&all, &sight), 1, services);
	sight = (struct view_sight){.regions = {1, nowhere}};
	check_sizes(view_by(&all, &sight), 0, 0);
	sight = (struct view_sight){.operators = {1, nowhere}};
	check_sizes(view_by(&all, &sight), 0, 0);
	sight = (struct view_sight){.services = {1, other}};
	check_sizes(view_by(&all, &sight), 2, 0);
}

/* So large a view is not rendered as a whole. */
static void a_large_view_is_cut(void **state)
{
	const struct view_limits limits = {
	        .sites = DOCUMENT_VIEW_MOST + 10, .services = 4, .reservations = 4, .suspects = 4};
	const struct view_filter all = {.parts = 0}, sites = {.region = view_filter_name("east")};
	struct document_source large = station->source;
	struct document_request request = {.document = DOCUMENT_VIEW, .tenant = "demo"};
	struct view *view = view_create(&limits);
	json_t *object;
	char *text;

	assert_non_null(view);
	for (uint32_t i = 1; i <= DOCUMENT_VIEW_MOST + 10; i++) {
		struct site site = {.identity = {i, 1}, .region = "west"};

		if (i > DOCUMENT_VIEW_MOST)
			text_copy(site.region, sizeof(site.region), "east");
		T_OK(view_put_site(view, &site));
	}
	large.view = view;
	view_filter_encode(&all, &request.task);
	T_OK(document_render(&large, &request, &text));
	object = parse(text);
	T_TRUE(json_is_true(json_object_get(object, "truncated")));
	check_sizes(object, DOCUMENT_VIEW_MOST, 0);
	view_filter_encode(&sites, &request.task);
	T_OK(document_render(&large, &request, &text));
	object = parse(text);
	T_TRUE(json_is_false(json_object_get(object, "truncated")));
	check_sizes(object, 10, 0);
	request.task.octets[3] = 1;
	T_ERROR(document_render(&large, &request, &text), BUSBAR_ERROR_BAD_VALUE);
	view_free(view);
}

static json_t *quote(const char *text)
{
	struct arena *arena = arena_create(1 << 20);
	struct identifier task;
	struct plan plan;
	json_t *object;
	char *rendered;

	T_OK(submit_as(STATION_DEMO, text, true, &plan, arena, &task));
	rendered = document_plan(&station->source, &plan);
	T_TRUE(rendered != NULL);
	object = parse(rendered);
	check_money(object, "hold", plan.hold);
	check_money(object, "price", plan.price);
	arena_free(arena);
	return object;
}

static void a_quote_shows_the_plan(void **state)
{
	json_t *object = quote("demand d { service \"work\"; split into 3; }"), *part, *claim;

	CHECK_FIELDS(object, {"error", JSON_NULL}, {"parts", JSON_ARRAY}, {"reasons", JSON_ARRAY},
	             {"price", JSON_STRING}, {"tariff", JSON_STRING}, {"hold", JSON_STRING},
	             {"network_ms", JSON_REAL}, {"respond_ms", JSON_REAL}, {"finish_ms", JSON_REAL},
	             {"exact", JSON_TRUE});
	part = first_of(object, "parts");
	CHECK_FIELDS(part, {"site", JSON_STRING}, {"path", JSON_ARRAY}, {"bound", JSON_STRING},
	             {"network_ms", JSON_REAL}, {"respond_ms", JSON_REAL}, {"finish_ms", JSON_REAL},
	             {"price", JSON_STRING}, {"tariff", JSON_STRING}, {"hold", JSON_STRING},
	             {"claims", JSON_ARRAY}, {"start_ms", JSON_REAL}, {"time_ms", JSON_REAL},
	             {"limit_ms", JSON_REAL}, {"bound_ms", JSON_REAL}, {"class", JSON_INTEGER});
	T_TEXT(text_of(part, "site"), "edge");
	T_TEXT(json_string_value(first_of(part, "path")), "edge");
	claim = first_of(part, "claims");
	CHECK_FIELDS(claim, {"kind", JSON_STRING}, {"amount", JSON_STRING}, {"price", JSON_STRING},
	             {"tariff", JSON_STRING});
	json_decref(object);
}

static void a_quote_shows_the_reasons(void **state)
{
	json_t *object = quote("demand d { service \"work\"; need cpu 64; }"), *reason;

	T_EQ(number_of(json_object_get(object, "error"), "code"), BUSBAR_ERROR_INFEASIBLE);
	T_TEXT(text_of(json_object_get(object, "error"), "name"), "INFEASIBLE");
	T_TEXT(text_of(json_object_get(object, "error"), "text"), error_text(BUSBAR_ERROR_INFEASIBLE));
	T_EQ(json_array_size(json_object_get(object, "parts")), 0);
	reason = first_of(object, "reasons");
	CHECK_FIELDS(reason, {"site", JSON_STRING}, {"reason", JSON_STRING}, {"text", JSON_STRING},
	             {"have", JSON_INTEGER}, {"need", JSON_INTEGER});
	T_TEXT(text_of(reason, "site"), "edge");
	json_decref(object);
}

static void a_task_shows_its_parts(void **state)
{
	struct identifier task = submit("demand d { service \"work\"; split into 2; budget 1; }");
	char text[IDENTIFIER_TEXT], digest[65];
	json_t *object = document_of(STATION_DEMO, DOCUMENT_TASK, &task), *part;
	struct task_record record;
	money charge;

	T_TEXT(text_of(object, "state"), "mapped");
	T_EQ(number_of(object, "ended"), 0);
	json_decref(object);
	station->now += CLOCK_SECOND;
	station_settle(station);
	object = document_of(STATION_DEMO, DOCUMENT_TASK, &task);
	CHECK_FIELDS(object, {"task", JSON_STRING}, {"name", JSON_STRING}, {"tenant", JSON_STRING},
	             {"state", JSON_STRING}, {"error", JSON_NULL}, {"created", JSON_INTEGER},
	             {"ended", JSON_INTEGER}, {"charge", JSON_STRING}, {"parts", JSON_ARRAY});
	T_TEXT(text_of(object, "task"), identifier_text(&task, text));
	T_TEXT(text_of(object, "name"), "d");
	T_TEXT(text_of(object, "tenant"), "demo");
	T_TEXT(text_of(object, "state"), "settled");
	T_TRUE(number_of(object, "ended") > number_of(object, "created"));
	T_OK(ledger_task_charge(station->ledger, &task, &charge));
	T_TRUE(charge > 0);
	check_money(object, "charge", charge);
	T_EQ(json_array_size(json_object_get(object, "parts")), 2);
	part = first_of(object, "parts");
	CHECK_FIELDS(part, {"part", JSON_INTEGER}, {"state", JSON_STRING}, {"error", JSON_NULL},
	             {"attempts", JSON_INTEGER}, {"site", JSON_STRING}, {"size", JSON_INTEGER},
	             {"digest", JSON_STRING}, {"network_ms", JSON_REAL}, {"run_ms", JSON_REAL},
	             {"program", JSON_STRING}, {"exit_status", JSON_INTEGER}, {"plan", JSON_OBJECT});
	T_OK(task_read(station->tasks, &task, &record));
	T_TEXT(text_of(part, "digest"), hex_format(record.parts[0].digest, 32, digest));
	T_EQ(number_of(part, "size"), 100);
	T_EQ(number_of(part, "attempts"), 1);
	T_TRUE(json_real_value(json_object_get(part, "run_ms")) == 1000);
	CHECK_FIELDS(json_object_get(part, "plan"), {"site", JSON_STRING}, {"path", JSON_ARRAY},
	             {"reasons", JSON_ARRAY}, {"hold", JSON_STRING});
	task_record_clear(&record);
	json_decref(object);
}

static void a_failed_task_says_why(void **state)
{
	struct identifier task = submit("demand d { service \"work\"; budget 1; }");
	json_t *object, *error;

	station->run_error = BUSBAR_ERROR_EXECUTION;
	station_settle(station);
	object = document_of(STATION_DEMO, DOCUMENT_TASK, &task);
	error = json_object_get(object, "error");
	CHECK_FIELDS(error, {"code", JSON_INTEGER}, {"name", JSON_STRING}, {"text", JSON_STRING});
	T_TEXT(text_of(error, "name"), "EXECUTION");
	T_EQ(number_of(first_of(object, "parts"), "exit_status"), 3);
	json_decref(object);
}

static void lists_are_a_tenants_own(void **state)
{
	json_t *object = document_of(STATION_DEMO, DOCUMENT_TASKS, NULL), *task;

	T_EQ(json_array_size(json_object_get(object, "tasks")), 0);
	json_decref(object);
	(void)submit("demand one { service \"work\"; budget 1; }");
	station->now += CLOCK_SECOND;
	(void)submit("demand two { service \"work\"; split into 2; budget 1; }");
	object = document_of(STATION_DEMO, DOCUMENT_TASKS, NULL);
	T_EQ(json_array_size(json_object_get(object, "tasks")), 2);
	task = first_of(object, "tasks");
	CHECK_FIELDS(task, {"task", JSON_STRING}, {"name", JSON_STRING}, {"state", JSON_STRING},
	             {"parts", JSON_INTEGER}, {"created", JSON_INTEGER}, {"ended", JSON_INTEGER},
	             {"charge", JSON_STRING}, {"error", JSON_NULL});
	T_TEXT(text_of(task, "name"), "two"); /* newest first */
	T_EQ(number_of(task, "parts"), 2);
	json_decref(object);
	object = document_of(STATION_OTHER, DOCUMENT_TASKS, NULL);
	T_EQ(json_array_size(json_object_get(object, "tasks")), 0);
	json_decref(object);
	object = document_of(STATION_CHIEF, DOCUMENT_TASKS, NULL);
	T_EQ(json_array_size(json_object_get(object, "tasks")), 2);
	json_decref(object);
}

static void programs_are_texts_that_can_be_assembled(void **state)
{
	struct identifier task = submit("demand d { service \"work\"; split into 2; budget 1; }");
	char text[IDENTIFIER_TEXT];
	json_t *object = document_of(STATION_DEMO, DOCUMENT_PROGRAM, &task);

	T_TEXT(text_of(object, "task"), identifier_text(&task, text));
	T_EQ(json_array_size(json_object_get(object, "programs")), 2);
	T_TRUE(strstr(json_string_value(first_of(object, "programs")), "edge") != NULL);
	json_decref(object);
}

static void a_bill_adds_up(void **state)
{
	json_t *object = document_of(STATION_DEMO, DOCUMENT_BILL, NULL), *line;
	money balance, charge, sum = 0;
	struct identifier task;
	size_t index;

	T_EQ(json_array_size(json_object_get(object, "lines")), 0);
	check_money(object, "balance", 1000 * MONEY_UNIT);
	json_decref(object);
	task = submit("demand d { service \"work\"; budget 1; }");
	station_settle(station);
	object = document_of(STATION_DEMO, DOCUMENT_BILL, NULL);
	CHECK_FIELDS(object, {"tenant", JSON_STRING}, {"balance", JSON_STRING}, {"total", JSON_STRING},
	             {"lines", JSON_ARRAY});
	T_OK(ledger_task_charge(station->ledger, &task, &charge));
	T_OK(ledger_balance(station->ledger, "tenant:demo", &balance));
	check_money(object, "total", charge);
	check_money(object, "balance", balance);
	T_EQ(balance, 1000 * MONEY_UNIT - charge);
	json_array_foreach(json_object_get(object, "lines"), index, line)
	{
		money part;

		CHECK_FIELDS(line, {"task", JSON_STRING}, {"program", JSON_STRING}, {"site", JSON_STRING},
		             {"supplier", JSON_STRING}, {"line", JSON_STRING}, {"time", JSON_INTEGER},
		             {"held_ms", JSON_REAL}, {"tariff", JSON_STRING}, {"charge", JSON_STRING});
		if (strcmp(text_of(line, "line"), "resource") == 0)
			CHECK_FIELDS(line, {"kind", JSON_STRING}, {"amount", JSON_STRING});
		T_TEXT(text_of(line, "site"), "edge");
		T_OK(money_parse(text_of(line, "charge"), &part));
		sum += part;
	}
	T_TRUE(index >= 2);
	T_EQ(sum, charge);
	json_decref(object);
}

static void the_ledger_proves_itself(void **state)
{
	json_t *object, *billed, *metered;

	(void)submit("demand d { service \"work\"; budget 1; }");
	object = document_of(STATION_CHIEF, DOCUMENT_LEDGER, NULL);
	T_TRUE(strcmp(text_of(object, "escrow"), "0") != 0);
	T_TEXT(text_of(object, "escrow"), text_of(object, "open_holds"));
	T_EQ(number_of(object, "open_programs"), 1);
	json_decref(object);
	station_settle(station);
	object = document_of(STATION_CHIEF, DOCUMENT_LEDGER, NULL);
	CHECK_FIELDS(object, {"node", JSON_STRING}, {"identity", JSON_STRING}, {"holdings", JSON_INTEGER},
	             {"balanced", JSON_TRUE}, {"entries_sum", JSON_STRING}, {"entries", JSON_INTEGER},
	             {"transactions", JSON_INTEGER}, {"unbalanced", JSON_INTEGER}, {"escrow", JSON_STRING},
	             {"open_holds", JSON_STRING}, {"open_programs", JSON_INTEGER}, {"disputes", JSON_INTEGER},
	             {"billed", JSON_ARRAY}, {"metered", JSON_ARRAY});
	T_TEXT(text_of(object, "identity"), "4.1");
	T_TEXT(text_of(object, "entries_sum"), "0");
	T_TEXT(text_of(object, "escrow"), "0");
	T_EQ(number_of(object, "open_programs"), 0);
	billed = first_of(object, "billed");
	metered = first_of(object, "metered");
	CHECK_FIELDS(billed, {"gateway", JSON_STRING}, {"count", JSON_INTEGER}, {"total", JSON_STRING},
	             {"digest", JSON_STRING});
	T_TRUE(json_equal(billed, metered)); /* its own ingress and owner */
	T_EQ(number_of(billed, "count"), 1);
	json_decref(object);
}

static struct link_offer fresh_link(struct gateway_identity from, struct gateway_identity toward)
{
	return (struct link_offer){.from = from,
	                           .toward = toward,
	                           .delay = 5 * CLOCK_MILLISECOND,
	                           .least = 4 * CLOCK_MILLISECOND,
	                           .ceilings = {10 * CLOCK_MILLISECOND, 20 * CLOCK_MILLISECOND},
	                           .capacity = 36000000,
	                           .free = 30000000,
	                           .base = 100,
	                           .steepness = 32000};
}

/* A neighbour with a service, over a link with ceilings. */
static void add_neighbour(void)
{
	const struct gateway_identity there = {9, 1};
	struct site near;
	struct site far = {.identity = there,
	                   .name = "far",
	                   .measured = station_wall(station),
	                   .validity = 3600 * CLOCK_SECOND,
	                   .resource_count = 1,
	                   .resources = {{RESOURCE_CPU, 1000000, 1000000, 100, 8000, 100}},
	                   .link_count = 1};
	struct service_offer service = {
	        .site = there, .name = "voice", .version = "1", .address = {0xfd, 1}, .score = 10};

	view_copy_site(view_site(station->view, station->identity), &near);
	near.link_count = 1;
	near.links[0] = fresh_link(station->identity, there);
	far.links[0] = fresh_link(there, station->identity);
	T_OK(view_put_site(station->view, &near));
	T_OK(view_put_site(station->view, &far));
	T_OK(view_put_service(station->view, &service));
}

static int own_link(void *context, struct gateway_identity toward, uint32_t class,
                    struct document_link *ret_link)
{
	T_EQ(toward.site, 9);
	*ret_link = (struct document_link){.load = 1000000 * (class + 1),
	                                   .worst = 7 * CLOCK_MILLISECOND,
	                                   .longest = 6 * CLOCK_MILLISECOND,
	                                   .probes = 42};
	return 0;
}

static double real_of(const json_t *object, const char *key)
{
	T_TRUE(json_is_real(json_object_get(object, key)));
	return json_real_value(json_object_get(object, key));
}

static void check_hop(const json_t *hop, const char *from, const char *toward, const char *direction,
                      double ceiling)
{
	T_TEXT(text_of(hop, "from"), from);
	T_TEXT(text_of(hop, "toward"), toward);
	T_TEXT(text_of(hop, "direction"), direction);
	T_TRUE(real_of(hop, "ceiling_ms") == ceiling);
}

static void a_trace_shows_every_hop(void **state)
{
	struct identifier task;
	json_t *trace, *hops, *hop;

	add_neighbour();
	station->source.link = own_link;
	task = submit("demand d { service \"voice\"; network within 40 ms guaranteed; reserve for 10 s;"
	              " bandwidth up 1 Mbit/s down 2 Mbit/s burst 3 kB; }");
	trace = document_of(STATION_DEMO, DOCUMENT_TRACE, &task);
	CHECK_FIELDS(trace, {"task", JSON_STRING}, {"state", JSON_STRING}, {"hard", JSON_TRUE},
	             {"guaranteed", JSON_TRUE}, {"hops", JSON_ARRAY});
	T_EQ(number_of(trace, "class"), 0);
	T_TRUE(real_of(trace, "bound_ms") == 25 && real_of(trace, "limit_ms") == 40);
	T_TRUE(real_of(trace, "bound_up_ms") == 12 && real_of(trace, "bound_down_ms") == 13);
	hops = json_object_get(trace, "hops");
	T_EQ(json_array_size(hops), 4);
	check_hop(json_array_get(hops, 0), "client", "edge", "up", 2);
	check_hop(json_array_get(hops, 1), "edge", "far", "up", 10);
	check_hop(json_array_get(hops, 2), "far", "edge", "down", 10);
	check_hop(json_array_get(hops, 3), "edge", "client", "down", 3);
	T_TRUE(json_is_null(json_object_get(json_array_get(hops, 0), "class")));
	/* Our own link is known from the book. */
	hop = json_array_get(hops, 1);
	T_EQ(number_of(hop, "class"), 0);
	T_EQ(number_of(hop, "rate_bps"), 1000000);
	T_EQ(number_of(hop, "burst_octets"), (int64_t)link_burst(1000000, 3000));
	T_EQ(number_of(hop, "load_bps"), 1000000);
	T_EQ(number_of(hop, "capacity_bps"), 36000000);
	T_EQ(number_of(hop, "measured_count"), 42);
	T_TRUE(real_of(hop, "least_ms") == 4 && real_of(hop, "worst_ms") == 7);
	T_TRUE(real_of(hop, "measured_max_ms") == 6);
	/* Another's is known from what it announces. */
	hop = json_array_get(hops, 2);
	T_EQ(number_of(hop, "rate_bps"), 2000000);
	T_EQ(number_of(hop, "load_bps"), 6000000 + 2000000); /* the decision counts at once */
	T_TRUE(json_is_null(json_object_get(hop, "worst_ms")));
	json_decref(trace);
	station->source.link = NULL;
}

static void a_refusal_shows_its_numbers(void **state)
{
	struct identifier task;
	json_t *object, *refusal;

	add_neighbour();
	task = submit("demand d { service \"voice\"; network within 40 ms guaranteed; reserve for 10 s;"
	              " bandwidth up 1 Mbit/s down 2 Mbit/s; }");
	station_turn(station); /* the book has no such link */
	object = document_of(STATION_DEMO, DOCUMENT_TASK, &task);
	refusal = json_object_get(first_of(object, "parts"), "refusal");
	CHECK_FIELDS(refusal, {"owner", JSON_STRING}, {"error", JSON_OBJECT}, {"have", JSON_INTEGER},
	             {"need", JSON_INTEGER}, {"text", JSON_STRING});
	T_TEXT(text_of(refusal, "owner"), "edge");
	T_TEXT(text_of(json_object_get(refusal, "error"), "name"), "NOT_FOUND");
	json_decref(object);
}

static uint32_t edge(void *context, struct document_count counts[DOCUMENT_EDGE])
{
	counts[0] = (struct document_count){"routing_header", *(const uint64_t *)context};
	counts[1] = (struct document_count){"source_inside", 0};
	return 2;
}

static void status_counts_refusals_by_cause(void **state)
{
	uint64_t requests[ERROR_COUNT] = {0}, packets[ERROR_COUNT] = {0}, dropped = 4;
	json_t *object, *counts;

	requests[error_index(BUSBAR_ERROR_BAD_MAC)] = 3;
	requests[0] = 2;
	station->source.requests_refused = requests;
	station->source.packets_refused = packets;
	station->source.edge = edge;
	station->source.context = &dropped;
	station->now = 500 * CLOCK_MILLISECOND;
	object = document_of(STATION_CHIEF, DOCUMENT_STATUS, NULL);
	CHECK_FIELDS(object, {"node", JSON_STRING}, {"uptime_ms", JSON_REAL}, {"sites", JSON_INTEGER},
	             {"services", JSON_INTEGER}, {"holdings", JSON_INTEGER}, {"open_attempts", JSON_INTEGER},
	             {"requests_refused", JSON_OBJECT}, {"packets_refused", JSON_OBJECT},
	             {"programs_refused", JSON_OBJECT}, {"edge_dropped", JSON_OBJECT});
	T_TRUE(json_real_value(json_object_get(object, "uptime_ms")) == 1500);
	counts = json_object_get(object, "requests_refused");
	T_EQ(json_object_size(counts), 2);
	T_EQ(number_of(counts, "BAD_MAC"), 3);
	T_EQ(number_of(counts, "OTHER"), 2);
	T_EQ(json_object_size(json_object_get(object, "packets_refused")), 0);
	T_EQ(json_object_size(json_object_get(object, "edge_dropped")), 1);
	T_EQ(number_of(json_object_get(object, "edge_dropped"), "routing_header"), 4);
	json_decref(object);
	station->source.requests_refused = NULL;
	station->source.edge = NULL;
}

static void what_may_not_be_seen_is_refused(void **state)
{
	static const struct {
		uint32_t tenant;
		enum datagram_document document;
		int code;
	} cases[] = {
	        {STATION_DEMO, DOCUMENT_STATUS, BUSBAR_ERROR_REFUSED},
	        {STATION_DEMO, DOCUMENT_LEDGER, BUSBAR_ERROR_REFUSED},
	        {STATION_OTHER, DOCUMENT_TASK, BUSBAR_ERROR_NOT_FOUND},
	        {STATION_OTHER, DOCUMENT_PROGRAM, BUSBAR_ERROR_NOT_FOUND},
	        {STATION_CHIEF, DOCUMENT_QUOTE, BUSBAR_ERROR_NOT_FOUND},
	};
	struct identifier task = submit("demand d { service \"work\"; budget 1; }"), nothing = {{1}};
	char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		T_ERROR(render(cases[i].tenant, cases[i].document, &task, &text), cases[i].code);
	T_ERROR(render(STATION_CHIEF, DOCUMENT_TASK, &nothing, &text), BUSBAR_ERROR_NOT_FOUND);
	T_TRUE(text == NULL);
}

static void without_accounts_there_are_none(void **state)
{
	static const enum datagram_document documents[] = {DOCUMENT_TASKS, DOCUMENT_TASK, DOCUMENT_PROGRAM,
	                                                   DOCUMENT_BILL};
	char *text = NULL;
	json_t *object;

	station->source.tasks = NULL;
	station->source.ledger = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		T_ERROR(render(STATION_CHIEF, documents[i], NULL, &text), BUSBAR_ERROR_NOT_SUPPORTED);
	object = document_of(STATION_CHIEF, DOCUMENT_LEDGER, NULL);
	T_TRUE(json_object_get(object, "balanced") == NULL);
	CHECK_FIELDS(object, {"identity", JSON_STRING}, {"holdings", JSON_INTEGER}, {"metered", JSON_ARRAY});
	json_decref(object);
	object = document_of(STATION_CHIEF, DOCUMENT_STATUS, NULL);
	T_EQ(number_of(object, "open_attempts"), 0);
	json_decref(object);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CASE(the_view_shows_sites_services_and_links),
	        CASE(the_view_says_where_values_are_from),
	        CASE(the_view_is_filtered),
	        CASE(the_view_is_a_tenants_own),
	        CASE(a_large_view_is_cut),
	        CASE(a_quote_shows_the_plan),
	        CASE(a_quote_shows_the_reasons),
	        CASE(a_task_shows_its_parts),
	        CASE(a_failed_task_says_why),
	        CASE(lists_are_a_tenants_own),
	        CASE(programs_are_texts_that_can_be_assembled),
	        CASE(a_bill_adds_up),
	        CASE(the_ledger_proves_itself),
	        CASE(a_trace_shows_every_hop),
	        CASE(a_refusal_shows_its_numbers),
	        CASE(status_counts_refusals_by_cause),
	        CASE(what_may_not_be_seen_is_refused),
	        CASE(without_accounts_there_are_none),
	};

	return T_RUN(tests);
}
