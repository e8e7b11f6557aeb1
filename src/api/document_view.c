/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability view as a document: what the reader may see and asked for, with the source and the age of
 * every value. Filters come first; of what is left no more than DOCUMENT_VIEW_MOST sites and as many
 * services, and a word that there were more.
 */
#include "api/document_internal.h"
#include "base/error.h"
#include "view/age.h"
#include "view/reach.h"
#include "view/sight.h"
#include "wire/view_filter.h"
#include <arpa/inet.h>
#include <errno.h>

struct selection {
	const struct document_source *source;
	const struct view_sight *sight;
	struct view_filter filter;
	struct view_reach *reach; /* NULL: the latency does not matter */
	int64_t now;
	bool truncated;
};

static void set_stamp(const struct selection *selection, json_t *object, const struct view_stamp *stamp)
{
	json_object_set_new(object, "source", json_string(view_source_names[stamp->source]));
	json_object_set_new(object, "age_ms", document_milliseconds(selection->now - stamp->measured));
	json_object_set_new(object, "validity_ms", document_milliseconds(stamp->validity));
	json_object_set_new(object, "stale", json_boolean(view_staleness(stamp, selection->now) > 0));
}

json_t *document_resource_object(const struct resource_offer *offer)
{
	return json_pack("{s:s, s:o, s:o, s:f, s:o, s:o}", "kind", resource_descriptions[offer->kind].name,
	                 "capacity", document_amount(offer->kind, offer->capacity), "free",
	                 document_amount(offer->kind, offer->free), "used",
	                 offer->capacity == 0 ? 0.0 : 1.0 - (double)offer->free / (double)offer->capacity,
	                 "price", document_money(resource_price(offer, 0)), "tariff",
	                 document_money(offer->tariff));
}

/* Its price as it has aged. */
static json_t *resource_object(const struct selection *selection, const struct site *site,
                               const struct resource_offer *offer)
{
	const struct view_facts *facts = view_facts(site);
	uint32_t staleness = view_staleness(&facts->amounts, selection->now);
	json_t *object = document_resource_object(offer);

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "price", document_money(view_resource_price(offer, 0, staleness)));
	set_stamp(selection, object, &facts->amounts);
	return object;
}

static json_t *link_object(const struct selection *selection, const struct site *site, uint32_t index)
{
	const struct link_offer *link = &site->links[index];
	const struct view_facts *facts = view_facts(site);
	uint32_t staleness = view_staleness(&facts->structure, selection->now);
	json_t *object = json_pack(
	        "{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "toward",
	        document_gateway(selection->source, link->toward), "delay_ms",
	        document_milliseconds(link->delay), "jitter_ms", document_milliseconds(link->jitter),
	        "ceiling_ms", document_milliseconds(link->ceilings[0]), "loss_ppm", (json_int_t)link->loss,
	        "capacity_bps", (json_int_t)link->capacity, "free_bps", (json_int_t)link->free, "price",
	        document_money(view_link_price(link, 0, staleness)), "tariff", document_money(link->tariff));

	if (object == NULL)
		return NULL;
	set_stamp(selection, object, &facts->structure);
	json_object_set_new(
	        object, "delay_source",
	        json_string(
	                view_source_names[facts->links_measured >> index & 1 ? VIEW_MEASURED : VIEW_ROUTE]));
	json_object_set_new(object, "contradicted", json_boolean(facts->links_contradicted >> index & 1));
	return object;
}

static json_t *contradicted_array(uint32_t bits)
{
	json_t *array = json_array();

	for (int value = 0; value < VIEW_VALUES; value++)
		if (bits >> value & 1)
			json_array_append_new(array, json_string(view_value_names[value]));
	return array;
}

/* What this gateway has measured, and what a probe said of the queue. */
static void set_own_values(const struct selection *selection, json_t *object, const struct view_facts *facts)
{
	const struct view_path *path = &facts->path;
	const struct view_stamp stamp = {VIEW_MEASURED, path->measured, path->validity};
	json_t *own;

	if (path->measured != 0) {
		own = json_pack("{s:o, s:o, s:I}", "delay_ms", document_milliseconds(path->delay),
		                "jitter_ms", document_milliseconds(path->jitter), "loss_ppm",
		                (json_int_t)path->loss);
		if (own != NULL)
			set_stamp(selection, own, &stamp);
		json_object_set_new(object, "path", own);
	}
	if (facts->amounts.source == VIEW_PROBE) {
		own = json_pack("{s:I, s:I, s:o}", "running", (json_int_t)facts->running, "waiting",
		                (json_int_t)facts->waiting, "wait_ms", document_milliseconds(facts->wait));
		if (own != NULL)
			set_stamp(selection, own, &facts->amounts);
		json_object_set_new(object, "queue", own);
	}
}

static json_t *metric_object(const struct metric *metric)
{
	json_t *sources = json_array();

	for (size_t bit = 0; metric_source_names[bit] != NULL; bit++)
		if (metric->source & 1u << bit)
			json_array_append_new(sources, json_string(metric_source_names[bit]));
	return json_pack("{s:i, s:o, s:s, s:i}", "score", (int)metric->score, "source", sources, "statistic",
	                 metric_statistic_names[metric->statistic], "window_ms", (int)metric->window);
}

/* By their names in draft-ietf-cats-metric-definition. */
static json_t *metrics_object(const struct metric metrics[METRIC_KINDS])
{
	json_t *object = json_object();

	for (int kind = 0; kind < METRIC_KINDS; kind++)
		if (metrics[kind].source != 0)
			json_object_set_new(object, metric_descriptions[kind].name,
			                    metric_object(&metrics[kind]));
	return object;
}

static json_t *site_object(const struct selection *selection, const struct site *site, size_t index)
{
	char text[GATEWAY_TEXT];
	const struct view_facts *facts = view_facts(site);
	json_t *resources = json_array(), *links = json_array();
	json_t *object;

	for (uint32_t i = 0; i < site->resource_count; i++)
		json_array_append_new(resources, resource_object(selection, site, &site->resources[i]));
	for (uint32_t i = 0; i < site->link_count; i++)
		json_array_append_new(links, link_object(selection, site, i));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", site->name, "identity",
	                   gateway_text(site->identity, text), "model", supply_model_names[site->model],
	                   "region", site->region, "operator", site->operator, "resources", resources,
	                   "links", links);
	if (object == NULL)
		return NULL;
	json_object_set_new(object, "metrics", metrics_object(site->metrics));
	json_object_set_new(object, "gflops_per_core", json_real((double)site->gflops_per_core / 1e6));
	json_object_set_new(object, "start_ms", document_milliseconds(site->start));
	set_stamp(selection, object, &facts->amounts);
	json_object_set_new(object, "structure_age_ms",
	                    document_milliseconds(selection->now - facts->structure.measured));
	if (selection->reach != NULL)
		json_object_set_new(object, "latency_ms",
		                    document_milliseconds(view_reach_delay(selection->reach, index)));
	set_own_values(selection, object, facts);
	json_object_set_new(object, "contradicted", contradicted_array(facts->contradicted));
	return object;
}

json_t *document_service_object(const struct document_source *source, const struct view_service *service)
{
	char address[INET6_ADDRSTRLEN];
	json_t *object =
	        json_pack("{s:s, s:s, s:o, s:i, s:I, s:o, s:o, s:o, s:o}", "name", service->title->name,
	                  "version", service->title->version, "site", document_gateway(source, service->site),
	                  "score", (int)service->score, "running", (json_int_t)service->running, "time_ms",
	                  document_milliseconds(service->time), "cpu",
	                  document_amount(RESOURCE_CPU, service->cpu), "price",
	                  document_money(service->price), "tariff", document_money(service->tariff));

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "address",
	                    json_string(inet_ntop(AF_INET6, service->address, address, sizeof(address))));
	json_object_set_new(object, "metrics", metrics_object(service->metrics));
	return object;
}

static json_t *service_object(const struct selection *selection, const struct view_service *service)
{
	const struct site *site = view_site(selection->source->view, service->site);
	json_t *object = document_service_object(selection->source, service);

	if (object == NULL)
		return NULL;
	if (site != NULL)
		set_stamp(selection, object, &view_facts(site)->structure);
	json_object_set_new(object, "contradicted", json_boolean(service->contradicted));
	return object;
}

static bool offers_all(const struct site *site, uint8_t kinds)
{
	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		if (kinds >> kind & 1 && site_resource(site, (enum resource_kind)kind) == NULL)
			return false;
	return true;
}

static bool is_near(const struct selection *selection, size_t index)
{
	int64_t delay = selection->reach == NULL ? 0 : view_reach_delay(selection->reach, index);

	return selection->filter.latency == 0 || (delay >= 0 && delay <= selection->filter.latency);
}

/* Whether the site is meant, whatever it costs. */
static bool is_selected(const struct selection *selection, const struct site *site, size_t index)
{
	const struct view_filter *filter = &selection->filter;

	return view_sees_site(selection->sight, site) &&
	       (filter->models == 0 || filter->models >> site->model & 1) &&
	       offers_all(site, filter->kinds) &&
	       (filter->region == 0 || filter->region == view_filter_name(site->region)) &&
	       is_near(selection, index);
}

static bool is_cheap(const struct selection *selection, const struct site *site)
{
	const struct resource_offer *cpu = site_resource(site, RESOURCE_CPU);
	uint32_t staleness = view_staleness(&view_facts(site)->amounts, selection->now);

	return selection->filter.price == 0 ||
	       (cpu != NULL && view_resource_price(cpu, 0, staleness) <= selection->filter.price);
}

static bool is_full(struct selection *selection, const json_t *array)
{
	if (json_array_size(array) < DOCUMENT_VIEW_MOST)
		return false;
	selection->truncated = true;
	return true;
}

static json_t *sites_array(struct selection *selection)
{
	const struct view *view = selection->source->view;
	json_t *array = json_array();

	for (size_t i = 0; i < view_site_count(view); i++) {
		const struct site *site = view_site_at(view, i);

		if (!is_selected(selection, site, i) || !is_cheap(selection, site))
			continue;
		if (is_full(selection, array))
			break;
		json_array_append_new(array, site_object(selection, site, i));
	}
	return array;
}

static bool is_offered(const struct selection *selection, const struct view_service *service)
{
	const struct view_filter *filter = &selection->filter;
	size_t index;
	const struct site *site = view_site_and_index(selection->source->view, service->site, &index);

	return view_sees_service(selection->sight, service->title->name) &&
	       (filter->service == 0 || filter->service == view_filter_name(service->title->name)) &&
	       (filter->price == 0 || service->price <= filter->price) && site != NULL &&
	       is_selected(selection, site, index);
}

static json_t *services_array(struct selection *selection)
{
	const struct view *view = selection->source->view;
	json_t *array = json_array();

	for (size_t i = 0; i < view_service_count(view); i++) {
		const struct view_service *service = view_service_at(view, i);

		if (!is_offered(selection, service))
			continue;
		if (is_full(selection, array))
			break;
		json_array_append_new(array, service_object(selection, service));
	}
	return array;
}

static void set_metadata(json_t *object, const struct edge_metadata *metadata)
{
	if (metadata->present & EDGE_PREFERENCE)
		json_object_set_new(object, "preference", json_integer(metadata->preference));
	if (metadata->present & EDGE_GROUP)
		json_object_set_new(object, "group", json_integer(metadata->group));
	if (metadata->present & EDGE_AVAILABILITY)
		json_object_set_new(object, "availability_percent", json_integer(metadata->availability));
	if (metadata->present & EDGE_DELAY)
		json_object_set_new(object, "delay_ms", document_milliseconds(metadata->delay));
	if (metadata->present & EDGE_RELATIVE_DELAY)
		json_object_set_new(object, "relative_delay", json_integer(metadata->relative_delay));
	if (metadata->present & EDGE_CAPABILITY)
		json_object_set_new(object, "capability", json_integer(metadata->capability));
	if (metadata->present & EDGE_RESOURCE)
		json_object_set_new(object, "resource", json_integer(metadata->resource));
	if (metadata->present & EDGE_RESOURCE_SHARE)
		json_object_set_new(object, "resource_percent", json_integer(metadata->resource_share));
}

static json_t *edge_object(const struct selection *selection, const struct view_edge *edge)
{
	const struct view_stamp stamp = {VIEW_EDGE, edge->measured, 0};
	char text[INET6_ADDRSTRLEN] = "";
	json_t *object;

	(void)inet_ntop(AF_INET6, edge->address, text, sizeof(text));
	object = json_pack("{s:s, s:i, s:I, s:I, s:o}", "prefix", text, "length", (int)edge->length, "as",
	                   (json_int_t)edge->as, "originator", (json_int_t)edge->originator, "site",
	                   gateway_is_none(edge->site) ? json_null()
	                                               : document_gateway(selection->source, edge->site));
	if (object == NULL)
		return NULL;
	set_stamp(selection, object, &stamp);
	set_metadata(object, &edge->metadata);
	return object;
}

/* Routes of nobody's are for those who see everything. */
static bool is_edge_seen(const struct selection *selection, const struct view_edge *edge)
{
	size_t index;
	const struct site *site = view_site_and_index(selection->source->view, edge->site, &index);

	if (site == NULL)
		return selection->sight == NULL;
	return is_selected(selection, site, index);
}

static json_t *edges_array(struct selection *selection)
{
	const struct view *view = selection->source->view;
	json_t *array = json_array();

	for (size_t i = 0; i < view_edge_count(view); i++) {
		if (!is_edge_seen(selection, view_edge_at(view, i)))
			continue;
		if (is_full(selection, array))
			break;
		json_array_append_new(array, edge_object(selection, view_edge_at(view, i)));
	}
	return array;
}

static json_t *contradiction_object(const struct selection *selection, const struct view_contradiction *found)
{
	json_t *object =
	        json_pack("{s:I, s:o, s:s, s:o, s:[s, s], s:[I, I], s:[o, o], s:o}", "number",
	                  (json_int_t)found->number, "site", document_gateway(selection->source, found->site),
	                  "value", view_value_names[found->value], "toward",
	                  gateway_is_none(found->toward) ? json_null()
	                                                 : document_gateway(selection->source, found->toward),
	                  "sources", view_source_names[found->sources[0]],
	                  view_source_names[found->sources[1]], "values", (json_int_t)found->values[0],
	                  (json_int_t)found->values[1], "ages_ms",
	                  document_milliseconds(selection->now - found->times[0]),
	                  document_milliseconds(selection->now - found->times[1]), "noted_ms",
	                  document_milliseconds(selection->now - found->noted));

	return object;
}

static json_t *contradictions_array(const struct selection *selection)
{
	const struct view *view = selection->source->view;
	json_t *array = json_array();

	for (size_t i = 0; i < view_contradiction_count(view); i++) {
		const struct view_contradiction *found = view_contradiction_at(view, i);
		const struct site *site = view_site(view, found->site);

		if (selection->sight == NULL || (site != NULL && view_sees_site(selection->sight, site)))
			json_array_append_new(array, contradiction_object(selection, found));
	}
	return array;
}

/* Of the whole gateway, not of the tenant. */
static json_t *tables_array(const struct document_source *source)
{
	struct view_table tables[VIEW_TABLES];
	json_t *array = json_array();

	view_tables(source->view, tables);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:I}", "name", tables[i].name,
		                                       "entries", (json_int_t)tables[i].entries, "bytes",
		                                       (json_int_t)tables[i].bytes, "maximum",
		                                       (json_int_t)tables[i].maximum));
	return array;
}

static json_t *view_object(struct selection *selection)
{
	const struct document_source *source = selection->source;
	uint8_t parts = selection->filter.parts == 0 ? VIEW_PARTS : selection->filter.parts;
	json_t *object =
	        json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "node", source->node, "time",
	                  (json_int_t)selection->now, "bytes", (json_int_t)view_bytes(source->view), "sites",
	                  parts & VIEW_PART_SITES ? sites_array(selection) : json_array(), "services",
	                  parts & VIEW_PART_SERVICES ? services_array(selection) : json_array(),
	                  "edge_metadata", parts & VIEW_PART_EDGE ? edges_array(selection) : json_array(),
	                  "contradictions",
	                  parts & VIEW_PART_CONTRADICTIONS ? contradictions_array(selection) : json_array(),
	                  "tables", tables_array(source));

	if (object != NULL)
		json_object_set_new(object, "truncated", json_boolean(selection->truncated));
	return object;
}

int document_view_object(const struct document_source *source, const struct identifier *argument,
                         const struct view_sight *sight, json_t **ret_object)
{
	struct selection selection = {.source = source, .sight = sight, .now = clock_wall(&source->clock)};
	int code = view_filter_decode(argument, &selection.filter);

	if (code < 0)
		return code;
	if (selection.filter.latency > 0) {
		selection.reach = view_reach_create(source->view, source->identity);
		if (selection.reach == NULL)
			return -ENOMEM;
	}
	*ret_object = view_object(&selection);
	(void)view_reach_free(selection.reach);
	return 0;
}
