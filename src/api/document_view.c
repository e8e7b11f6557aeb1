/* SPDX-License-Identifier: Apache-2.0 */
/* The capability view and the accounts as documents. */
#include "api/document_internal.h"
#include "base/error.h"
#include "view/age.h"
#include <arpa/inet.h>
#include <errno.h>

json_t *document_resource_object(const struct resource_offer *offer)
{
	return json_pack("{s:s, s:o, s:o, s:f, s:o, s:o}", "kind", resource_descriptions[offer->kind].name,
	                 "capacity", document_amount(offer->kind, offer->capacity), "free",
	                 document_amount(offer->kind, offer->free), "used",
	                 offer->capacity == 0 ? 0.0 : 1.0 - (double)offer->free / (double)offer->capacity,
	                 "price", document_money(resource_price(offer, 0)), "tariff",
	                 document_money(offer->tariff));
}

static json_t *link_object(const struct document_source *source, const struct link_offer *link)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "toward",
	                 document_gateway(source, link->toward), "delay_ms",
	                 document_milliseconds(link->delay), "jitter_ms", document_milliseconds(link->jitter),
	                 "ceiling_ms", document_milliseconds(link->ceilings[0]), "loss_ppm",
	                 (json_int_t)link->loss, "capacity_bps", (json_int_t)link->capacity, "free_bps",
	                 (json_int_t)link->free, "price", document_money(link_price(link, 0)), "tariff",
	                 document_money(link->tariff));
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

static json_t *site_object(const struct document_source *source, const struct site *site, int64_t now)
{
	char text[GATEWAY_TEXT];
	json_t *resources = json_array(), *links = json_array();
	json_t *object;

	for (uint32_t i = 0; i < site->resource_count; i++)
		json_array_append_new(resources, document_resource_object(&site->resources[i]));
	for (uint32_t i = 0; i < site->link_count; i++)
		json_array_append_new(links, link_object(source, &site->links[i]));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", site->name, "identity",
	                   gateway_text(site->identity, text), "model", supply_model_names[site->model],
	                   "region", site->region, "operator", site->operator, "resources", resources,
	                   "links", links);
	if (object == NULL)
		return NULL;
	json_object_set_new(object, "metrics", metrics_object(site->metrics));
	json_object_set_new(object, "gflops_per_core", json_real((double)site->gflops_per_core / 1e6));
	json_object_set_new(object, "start_ms", document_milliseconds(site->start));
	json_object_set_new(object, "age_ms", document_milliseconds(now - site->measured));
	json_object_set_new(object, "stale",
	                    json_boolean(view_staleness(&view_facts(site)->amounts, now) > 0));
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

json_t *document_view_object(const struct document_source *source)
{
	int64_t now = clock_wall(&source->clock);
	json_t *sites = json_array(), *services = json_array();

	for (size_t i = 0; i < view_site_count(source->view); i++)
		json_array_append_new(sites, site_object(source, view_site_at(source->view, i), now));
	for (size_t i = 0; i < view_service_count(source->view); i++)
		json_array_append_new(services,
		                      document_service_object(source, view_service_at(source->view, i)));
	return json_pack("{s:s, s:I, s:I, s:o, s:o}", "node", source->node, "time", (json_int_t)now, "bytes",
	                 (json_int_t)view_bytes(source->view), "sites", sites, "services", services);
}

/* A bill under construction; `left` bounds it. */
struct bill {
	const struct document_source *source;
	json_t *lines;
	uint32_t left;
	money total;
};

static int add_bill_line(void *context, const struct ledger_line *line)
{
	static const char *const names[LINE_KINDS] = {"resource", "link", "call"};
	struct bill *bill = context;
	const struct receipt_line *charge = &line->line;
	json_t *object;

	if ((unsigned)charge->kind >= LINE_KINDS)
		return BUSBAR_ERROR_DATABASE;
	if (money_add(bill->total, charge->charge, &bill->total) < 0)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	if (bill->left == 0)
		return 0;
	bill->left--;
	object = json_pack("{s:o, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o}", "task",
	                   document_identifier(&line->task), "program", document_identifier(&line->program),
	                   "site", document_gateway(bill->source, line->owner), "supplier", line->supplier,
	                   "line", names[charge->kind], "time", (json_int_t)line->time, "held_ms",
	                   document_milliseconds(charge->time), "tariff", document_money(charge->tariff),
	                   "charge", document_money(charge->charge));
	if (object == NULL)
		return -ENOMEM;
	if (charge->kind == LINE_RESOURCE) {
		json_object_set_new(object, "kind",
		                    json_string(resource_descriptions[charge->resource].name));
		json_object_set_new(object, "amount", document_amount(charge->resource, charge->amount));
	} else if (charge->kind == LINE_LINK) {
		json_object_set_new(object, "toward", document_gateway(bill->source, charge->toward));
		json_object_set_new(object, "amount_bps", json_integer((json_int_t)charge->amount));
	}
	json_array_append_new(bill->lines, object);
	return 0;
}

int document_bill_object(const struct document_source *source, const char *tenant, json_t **ret_object)
{
	struct bill bill = {.source = source, .lines = json_array(), .left = DOCUMENT_BILL_LINES};
	char account[LEDGER_NAME];
	money balance;
	int code;

	(void)snprintf(account, sizeof(account), "tenant:%s", tenant);
	code = ledger_balance(source->ledger, account, &balance);
	if (code >= 0)
		code = ledger_bill(source->ledger, tenant, add_bill_line, &bill);
	if (code < 0) {
		json_decref(bill.lines);
		return code;
	}
	*ret_object = json_pack("{s:s, s:o, s:o, s:o}", "tenant", tenant, "balance", document_money(balance),
	                        "total", document_money(bill.total), "lines", bill.lines);
	return 0;
}

static json_t *summaries_object(const struct document_source *source, const struct ledger_summary *summaries,
                                uint32_t count)
{
	json_t *array = json_array();
	char text[GATEWAY_TEXT];

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:I, s:o, s:o}", "gateway",
		                                       gateway_text(summaries[i].owner, text), "count",
		                                       (json_int_t)summaries[i].count, "total",
		                                       document_money(summaries[i].total), "digest",
		                                       document_digest(summaries[i].digest,
		                                                       sizeof(summaries[i].digest))));
	return array;
}

/* The ingress's side of the proof; absent at gateways that keep no accounts. */
static int add_accounts(const struct document_source *source, json_t *object)
{
	struct ledger_check check;
	int code;

	if (source->ledger == NULL)
		return 0;
	code = ledger_check(source->ledger, &check);
	if (code < 0 && code != BUSBAR_ERROR_LEDGER)
		return code;
	json_object_set_new(object, "balanced", json_boolean(code == 0));
	json_object_set_new(object, "entries_sum", document_money(check.entries_sum));
	json_object_set_new(object, "entries", json_integer((json_int_t)check.entries));
	json_object_set_new(object, "transactions", json_integer((json_int_t)check.transactions));
	json_object_set_new(object, "unbalanced", json_integer((json_int_t)check.unbalanced));
	json_object_set_new(object, "escrow", document_money(check.escrow));
	json_object_set_new(object, "open_holds", document_money(check.open_holds));
	json_object_set_new(object, "open_programs", json_integer((json_int_t)check.open_programs));
	json_object_set_new(object, "disputes", json_integer((json_int_t)check.disputes));
	json_object_set_new(object, "billed", summaries_object(source, check.summaries, check.summary_count));
	return 0;
}

int document_ledger_object(const struct document_source *source, json_t **ret_object)
{
	struct ledger_summary summaries[64];
	char text[GATEWAY_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:I}", "node", source->node, "identity",
	                           gateway_text(source->identity, text), "holdings",
	                           (json_int_t)owner_holding_count(source->owner));
	int code = object == NULL ? -ENOMEM : add_accounts(source, object);
	int count = code < 0 ? code : usage_summary(source->usage, summaries, ARRAY_SIZE(summaries));

	if (count < 0) {
		json_decref(object);
		return count;
	}
	json_object_set_new(object, "metered", summaries_object(source, summaries, (uint32_t)count));
	*ret_object = object;
	return 0;
}
