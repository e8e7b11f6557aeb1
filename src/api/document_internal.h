/* SPDX-License-Identifier: Apache-2.0 */
/* The shared pieces of documents: names, money, times as JSON. */
#ifndef API_DOCUMENT_INTERNAL_H
#define API_DOCUMENT_INTERNAL_H

#include "api/document.h"
#include <jansson.h>

json_t *document_money(money amount);
json_t *document_milliseconds(int64_t nanoseconds);
json_t *document_identifier(const struct identifier *identifier);
json_t *document_digest(const uint8_t *bytes, size_t size);
/* The gateway's name, or `4.1` when the view does not know it. */
json_t *document_gateway(const struct document_source *source, struct gateway_identity identity);
json_t *document_amount(enum resource_kind kind, uint64_t amount);
/* "error": {code, name, text}; null for 0. */
json_t *document_error(int code);
/* The text of an object, which is released. NULL when memory was short on the way. */
char *document_text(json_t *object);

json_t *document_plan_object(const struct document_source *source, const struct plan *plan);
json_t *document_resource_object(const struct resource_offer *offer);
json_t *document_service_object(const struct document_source *source, const struct view_service *service);
/* `argument`: wire/view_filter.h. `sight` NULL: everything. BAD_VALUE, -ENOMEM. */
int document_view_object(const struct document_source *source, const struct identifier *argument,
                         const struct view_sight *sight, json_t **ret_object) CHECKED;
/* A part as it was planned, with the reasons against others where they are on record. */
json_t *document_part_object(const struct document_source *source, const struct plan_record *record);
/* A task that the tenant may see: others' do not exist for it. */
int document_read_visible(const struct document_source *source, const struct identifier *task,
                          const char *tenant, struct task_record *ret_record) CHECKED;
int document_trace_object(const struct document_source *source, const struct identifier *task,
                          const char *tenant, json_t **ret_object) CHECKED;
int document_task_object(const struct document_source *source, const struct identifier *task,
                         const char *tenant, json_t **ret_object) CHECKED;
int document_tasks_object(const struct document_source *source, const char *tenant,
                          json_t **ret_object) CHECKED;
int document_program_object(const struct document_source *source, const struct identifier *task,
                            const char *tenant, json_t **ret_object) CHECKED;
int document_bill_object(const struct document_source *source, const char *tenant,
                         json_t **ret_object) CHECKED;
int document_ledger_object(const struct document_source *source, json_t **ret_object) CHECKED;
/* The way to a service or site as it would be chosen now; `about` as in docs/wire.md 4. NOT_FOUND and
 * UNKNOWN_SERVICE also for what is out of sight; of gateways on the way that are, and of their links, only
 * the names are told. */
int document_path_object(const struct document_source *source, const struct identifier *about,
                         const struct view_sight *sight, json_t **ret_object) CHECKED;
/* One of the three documents of BGP. NOT_SUPPORTED where there is none. */
int document_bgp_object(const struct document_source *source, const struct document_request *request,
                        json_t **ret_object) CHECKED;

#endif
