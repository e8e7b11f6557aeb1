/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and their programs as documents. */
#include "api/document_internal.h"
#include "base/error.h"
#include "grammar/grammar.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PROGRAM_ARENA = 1 << 20, REFUSAL_TEXT = 160 };

int document_read_visible(const struct document_source *source, const struct identifier *task,
                          const char *tenant, struct task_record *ret_record)
{
	int code = task_read(source->tasks, task, ret_record);

	if (code < 0)
		return code;
	if (tenant != NULL && strcmp(ret_record->tenant, tenant) != 0) {
		task_record_clear(ret_record);
		return BUSBAR_ERROR_NOT_FOUND;
	}
	return 0;
}

static json_t *plan_object(const struct document_source *source, const struct identifier *task, uint32_t part)
{
	struct plan_record record;
	json_t *object = NULL;

	if (task_plan(source->tasks, task, part, &record) == 0)
		object = document_part_object(source, &record);
	return object == NULL ? json_null() : object;
}

/* Both numbers of a refusal in words. */
static void put_numbers(const struct task_refusal *refusal, char *text, size_t size)
{
	char have[RESOURCE_TEXT], need[RESOURCE_TEXT];

	if (refusal->error == BUSBAR_ERROR_CEILING)
		(void)snprintf(text, size, "delay %.3f ms > ceiling %.3f ms", (double)refusal->have / 1e6,
		               (double)refusal->need / 1e6);
	else if (refusal->error == BUSBAR_ERROR_NO_CAPACITY && !gateway_is_none(refusal->toward))
		(void)snprintf(text, size, "free %.3f Mbit/s < %.3f Mbit/s", (double)refusal->have / 1e6,
		               (double)refusal->need / 1e6);
	else if (refusal->error == BUSBAR_ERROR_NO_CAPACITY)
		(void)snprintf(text, size, "%s: free %s < %s", resource_descriptions[refusal->resource].name,
		               resource_amount_text(refusal->resource, (uint64_t)refusal->have, have),
		               resource_amount_text(refusal->resource, (uint64_t)refusal->need, need));
	else
		(void)snprintf(text, size, "%s", error_text(refusal->error));
}

static json_t *refusal_object(const struct document_source *source, const struct task_refusal *refusal)
{
	char text[REFUSAL_TEXT];

	if (refusal->error == 0)
		return json_null();
	put_numbers(refusal, text, sizeof(text));
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:s}", "owner", document_gateway(source, refusal->owner),
	                 "toward",
	                 gateway_is_none(refusal->toward) ? json_null()
	                                                  : document_gateway(source, refusal->toward),
	                 "error", document_error(refusal->error), "have", (json_int_t)refusal->have, "need",
	                 (json_int_t)refusal->need, "text", text);
}

static json_t *part_record_object(const struct document_source *source, const struct identifier *task,
                                  const struct task_part_record *part)
{
	json_t *object = json_pack("{s:I, s:s, s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o}", "part",
	                           (json_int_t)part->number, "state", task_state_names[part->state], "error",
	                           document_error(part->code), "attempts", (json_int_t)part->attempts, "site",
	                           document_gateway(source, part->site), "size", (json_int_t)part->size,
	                           "digest", document_digest(part->digest, sizeof(part->digest)),
	                           "network_ms", document_milliseconds(part->network), "run_ms",
	                           document_milliseconds(part->run_wall), "program",
	                           document_identifier(&part->program));

	if (object == NULL)
		return NULL;
	json_object_set_new(object, "refusal", refusal_object(source, &part->refusal));
	json_object_set_new(object, "exit_status", json_integer(part->exit_status));
	json_object_set_new(object, "plan", plan_object(source, task, part->number));
	return object;
}

static int task_object(const struct document_source *source, const struct task_record *record,
                       json_t **ret_object)
{
	char anchor[GATEWAY_TEXT];
	money charge;
	int code = ledger_task_charge(source->ledger, &record->identifier, &charge);
	json_t *object;

	if (code < 0)
		return code;
	object = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "task",
	                   document_identifier(&record->identifier), "anchor",
	                   gateway_text(source->identity, anchor), "name", record->name, "tenant",
	                   record->tenant, "state", task_state_names[record->state], "error",
	                   document_error(record->code), "created", (json_int_t)record->created, "ended",
	                   (json_int_t)record->ended, "charge", document_money(charge));
	if (object == NULL)
		return -ENOMEM;
	*ret_object = object;
	return 0;
}

int document_task_object(const struct document_source *source, const struct identifier *task,
                         const char *tenant, json_t **ret_object)
{
	struct task_record record;
	json_t *object, *parts;
	int code = document_read_visible(source, task, tenant, &record);

	if (code < 0)
		return code;
	code = task_object(source, &record, &object);
	if (code < 0)
		goto out;
	parts = json_array();
	for (uint32_t i = 0; i < record.part_count; i++)
		json_array_append_new(parts, part_record_object(source, task, &record.parts[i]));
	json_object_set_new(object, "parts", parts);
	*ret_object = object;
out:
	task_record_clear(&record);
	return code;
}

int document_tasks_object(const struct document_source *source, const char *tenant, json_t **ret_object)
{
	struct identifier tasks[DOCUMENT_TASKS_MAXIMUM];
	int count = task_list(source->tasks, tenant, tasks, ARRAY_SIZE(tasks));
	json_t *array;

	if (count < 0)
		return count;
	array = json_array();
	for (int i = 0; i < count; i++) {
		struct task_record record;
		json_t *object;

		if (task_read(source->tasks, &tasks[i], &record) < 0)
			continue;
		if (task_object(source, &record, &object) == 0) {
			json_object_set_new(object, "parts", json_integer((json_int_t)record.part_count));
			json_array_append_new(array, object);
		}
		task_record_clear(&record);
	}
	*ret_object = json_pack("{s:o}", "tasks", array);
	return 0;
}

static const char *gateway_name(void *context, struct gateway_identity identity)
{
	const struct document_source *source = context;
	const struct site *site = view_site(source->view, identity);

	return site == NULL || site->name[0] == '\0' ? NULL : site->name;
}

int document_program_object(const struct document_source *source, const struct identifier *task,
                            const char *tenant, json_t **ret_object)
{
	struct document_source names_source = *source;
	struct grammar_names names = {.name = gateway_name, .context = &names_source};
	struct arena *arena = arena_create(PROGRAM_ARENA);
	struct task_record record;
	json_t *array;
	int code = arena == NULL ? -ENOMEM : document_read_visible(source, task, tenant, &record);

	if (code < 0) {
		arena_free(arena);
		return code;
	}
	array = json_array();
	for (uint32_t part = 1; part <= record.part_count; part++) {
		struct program program;
		char *text = NULL;

		if (task_program(source->tasks, task, part, &program) == 0)
			text = grammar_print_program(&program, &names, arena);
		if (text != NULL)
			json_array_append_new(array, json_string(text));
		arena_reset(arena);
	}
	task_record_clear(&record);
	arena_free(arena);
	*ret_object = json_pack("{s:o, s:o}", "task", document_identifier(task), "programs", array);
	return 0;
}
