/* SPDX-License-Identifier: Apache-2.0 */
#include "api/document.h"

#include "api/document_internal.h"
#include "base/error.h"
#include "base/hex.h"
#include "map/map.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *document_money(money amount)
{
	char text[MONEY_TEXT];

	return json_string(money_text(amount, text));
}

json_t *document_milliseconds(int64_t nanoseconds)
{
	return json_real((double)nanoseconds / (double)CLOCK_MILLISECOND);
}

json_t *document_identifier(const struct identifier *identifier)
{
	char text[IDENTIFIER_TEXT];

	return json_string(identifier_text(identifier, text));
}

json_t *document_digest(const uint8_t *bytes, size_t size)
{
	char text[2 * 32 + 1];

	return size > 32 ? NULL : json_string(hex_format(bytes, size, text));
}

json_t *document_gateway(const struct document_source *source, struct gateway_identity identity)
{
	const struct site *site = view_site(source->view, identity);
	char text[GATEWAY_TEXT];

	return json_string(site != NULL && site->name[0] != '\0' ? site->name : gateway_text(identity, text));
}

json_t *document_amount(enum resource_kind kind, uint64_t amount)
{
	char text[RESOURCE_TEXT];

	return json_string(resource_amount_text(kind, amount, text));
}

json_t *document_error(int code)
{
	const char *name = error_name(code);

	if (code == 0)
		return json_null();
	return json_pack("{s:i, s:s, s:s}", "code", code, "name", name == NULL ? "ERRNO" : name, "text",
	                 error_text(code));
}

char *document_text(json_t *object)
{
	char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));

	json_decref(object);
	return text;
}

char *document_reload(const struct document_source *source, const char *const *keys, uint32_t count,
                      int error, const char *problem)
{
	json_t *changed = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(changed, json_string(keys[i]));
	return document_text(json_pack("{s:s, s:o, s:s, s:o}", "node", source->node, "error",
	                               document_error(error), "problem", problem, "changed", changed));
}

static json_t *path_object(const struct document_source *source, const struct plan_path *path)
{
	json_t *hops = json_array();

	for (uint32_t i = 0; i < path->hop_count; i++)
		json_array_append_new(hops, document_gateway(source, path->hops[i]));
	return hops;
}

static json_t *claims_object(const struct plan_part *part)
{
	json_t *claims = json_array();

	for (uint32_t i = 0; i < part->claim_count; i++) {
		const struct plan_claim *claim = &part->claims[i];

		json_array_append_new(claims, json_pack("{s:s, s:o, s:o, s:o}", "kind",
		                                        resource_descriptions[claim->kind].name, "amount",
		                                        document_amount(claim->kind, claim->amount), "price",
		                                        document_money(claim->price), "tariff",
		                                        document_money(claim->tariff)));
	}
	return claims;
}

static json_t *part_object(const struct document_source *source, const struct plan_part *part)
{
	json_t *object =
	        json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "site",
	                  document_gateway(source, part->site), "path", path_object(source, &part->path),
	                  "bound", part->path.measured ? "measured" : "hard", "network_ms",
	                  document_milliseconds(part->network), "respond_ms",
	                  document_milliseconds(part->respond), "finish_ms",
	                  document_milliseconds(part->finish), "price", document_money(part->price), "tariff",
	                  document_money(part->tariff), "hold", document_money(part->hold), "claims",
	                  claims_object(part));

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "bound_ms",
	                    document_milliseconds(part->path.bound_up + part->path.bound_down));
	json_object_set_new(object, "class", json_integer(part->path.class));
	json_object_set_new(object, "start_ms", document_milliseconds(part->start));
	json_object_set_new(object, "time_ms", document_milliseconds(part->time));
	json_object_set_new(object, "limit_ms", document_milliseconds(part->limit));
	return object;
}

static json_t *reasons_object(const struct document_source *source, const struct plan *plan)
{
	json_t *reasons = json_array();
	char text[MAP_REASON_TEXT];

	for (uint32_t i = 0; i < plan->reason_count; i++) {
		const struct plan_reason *reason = &plan->reasons[i];

		json_array_append_new(reasons,
		                      json_pack("{s:o, s:s, s:s, s:I, s:I}", "site",
		                                document_gateway(source, reason->site), "reason",
		                                map_reason_name(reason->kind), "text",
		                                map_reason_text(source->view, reason, text), "have",
		                                (json_int_t)reason->have, "need", (json_int_t)reason->need));
	}
	return reasons;
}

json_t *document_plan_object(const struct document_source *source, const struct plan *plan)
{
	json_t *parts = json_array();

	for (uint32_t i = 0; i < plan->part_count; i++)
		json_array_append_new(parts, part_object(source, &plan->parts[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "error",
	                 document_error(plan->status), "parts", parts, "reasons",
	                 reasons_object(source, plan), "price", document_money(plan->price), "tariff",
	                 document_money(plan->tariff), "hold", document_money(plan->hold), "network_ms",
	                 document_milliseconds(plan->network), "respond_ms",
	                 document_milliseconds(plan->respond), "finish_ms",
	                 document_milliseconds(plan->finish), "exact", plan->exact, "stale", plan->stale);
}

char *document_plan(const struct document_source *source, const struct plan *plan)
{
	return document_text(document_plan_object(source, plan));
}

json_t *document_part_object(const struct document_source *source, const struct plan_record *record)
{
	json_t *object = part_object(source, &record->part);

	if (object != NULL)
		json_object_set_new(object, "reasons", reasons_object(source, &record->plan));
	return object;
}

static void add_counters(json_t *object, const char *name, const uint64_t *counters)
{
	json_t *counts = json_object();

	for (unsigned i = 0; counters != NULL && i < ERROR_COUNT; i++) {
		const char *error = i == 0 ? "OTHER" : error_name(error_code_at(i));

		if (counters[i] > 0)
			json_object_set_new(counts, error, json_integer((json_int_t)counters[i]));
	}
	json_object_set_new(object, name, counts);
}

static void add_edge(json_t *object, const struct document_source *source)
{
	struct document_count counts[DOCUMENT_EDGE];
	uint32_t count = source->edge == NULL ? 0 : source->edge(source->context, counts);
	json_t *dropped = json_object();

	for (uint32_t i = 0; i < count; i++)
		if (counts[i].count > 0)
			json_object_set_new(dropped, counts[i].name,
			                    json_integer((json_int_t)counts[i].count));
	json_object_set_new(object, "edge_dropped", dropped);
}

static json_t *status_object(const struct document_source *source)
{
	int64_t now = clock_wall(&source->clock);
	json_t *object =
	        json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "node", source->node, "uptime_ms",
	                  document_milliseconds(now - source->started), "sites",
	                  (json_int_t)view_site_count(source->view), "services",
	                  (json_int_t)view_service_count(source->view), "holdings",
	                  (json_int_t)owner_holding_count(source->owner), "open_attempts",
	                  (json_int_t)(source->tasks == NULL ? 0 : task_open_attempts(source->tasks)));

	if (object == NULL)
		return NULL;
	add_counters(object, "requests_refused", source->requests_refused);
	add_counters(object, "packets_refused", source->packets_refused);
	add_counters(object, "programs_refused", owner_refusals(source->owner));
	add_edge(object, source);
	return object;
}

static int render_object(const struct document_source *source, const struct document_request *request,
                         json_t **ret_object)
{
	const char *tenant = request->operator? NULL : request->tenant;
	bool accounts = source->tasks != NULL && source->ledger != NULL;

	switch (request->document) {
	case DOCUMENT_VIEW:
		return document_view_object(source, &request->task, request->sight, ret_object);
	case DOCUMENT_STATUS:
		if (!request->operator)
			return BUSBAR_ERROR_REFUSED;
		*ret_object = status_object(source);
		return 0;
	case DOCUMENT_LEDGER:
		return request->operator? document_ledger_object(source, ret_object) : BUSBAR_ERROR_REFUSED;
	case DOCUMENT_TASKS:
		return accounts ? document_tasks_object(source, tenant, ret_object)
		                : BUSBAR_ERROR_NOT_SUPPORTED;
	case DOCUMENT_TASK:
		return accounts ? document_task_object(source, &request->task, tenant, ret_object)
		                : BUSBAR_ERROR_NOT_SUPPORTED;
	case DOCUMENT_PROGRAM:
		return accounts ? document_program_object(source, &request->task, tenant, ret_object)
		                : BUSBAR_ERROR_NOT_SUPPORTED;
	case DOCUMENT_BILL:
		return accounts ? document_bill_object(source, request->tenant, ret_object)
		                : BUSBAR_ERROR_NOT_SUPPORTED;
	case DOCUMENT_TRACE:
		return accounts ? document_trace_object(source, &request->task, tenant, ret_object)
		                : BUSBAR_ERROR_NOT_SUPPORTED;
	case DOCUMENT_PATH:
		return document_path_object(source, &request->task, request->sight, ret_object);
	case DOCUMENT_BGP_PEERS:
	case DOCUMENT_BGP_ROUTES:
	case DOCUMENT_BGP_STATISTICS:
		return request->operator? document_bgp_object(source, request, ret_object)
		                        : BUSBAR_ERROR_REFUSED;
	case DOCUMENT_QUOTE: /* kept by the front door, never rendered again */
	case DOCUMENT_RELOAD:
	case DOCUMENTS:
		break;
	}
	return BUSBAR_ERROR_NOT_FOUND;
}

int document_render(const struct document_source *source, const struct document_request *request,
                    char **ret_text)
{
	json_t *object = NULL;
	char *text;
	int code = render_object(source, request, &object);

	if (code < 0)
		return code;
	text = document_text(object);
	if (text == NULL)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}
