/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/demand_builder.h"

#include "base/error.h"
#include <errno.h>
#include <string.h>

void demand_builder_open(struct demand_builder *builder, struct report *report, struct arena *arena)
{
	memset(builder, 0, sizeof(*builder));
	builder->report = report;
	builder->arena = arena;
	builder->place = (struct token){.line = 1, .column = 1};
}

static struct demand_body *body(struct demand_builder *builder)
{
	return builder->stage ? &builder->stage->body : &builder->demand.body;
}

void demand_builder_enter(struct demand_builder *builder, enum statement statement, const struct token *place)
{
	uint32_t *made = builder->stage ? &builder->stage_made : &builder->made;
	uint32_t bit = UINT32_C(1) << statement;

	if (*made & bit)
		(void)REPORT(builder->report, BUSBAR_ERROR_SYNTAX, place, "'%s' for the second time",
		             statement_name(statement));
	*made |= bit;
	if (statement == STATEMENT_DEMAND)
		builder->place = *place;
}

void demand_builder_put(struct demand_builder *builder, enum statement statement, const struct token *value)
{
	bool option = statement_scope(statement) == SCOPE_DEMAND;
	void *base = option ? (void *)&builder->demand : (void *)body(builder);

	statement_set(statement, builder->report, value, base);
}

void demand_builder_set(struct demand_builder *builder, enum statement statement, const struct token *place,
                        const struct token *value)
{
	demand_builder_enter(builder, statement, place);
	demand_builder_put(builder, statement, value);
}

void demand_builder_argument(struct demand_builder *builder, const struct token *text)
{
	struct demand_body *target = body(builder);
	char argument[DEMAND_ARGUMENT_TEXT];

	if (value_text(builder->report, text, sizeof(argument), argument) < 0)
		return;
	if (demand_add_argument(target, argument) < 0)
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, text,
		             "more than %d arguments, or more than %d octets of them", DEMAND_ARGUMENTS,
		             DEMAND_ARGUMENT_TEXT);
}

void demand_builder_need(struct demand_builder *builder, const struct token *kind, const struct token *amount,
                         bool each)
{
	struct demand_body *target = body(builder);
	struct demand_need need = {.each = each};

	if (value_kind(builder->report, kind, &need.kind) < 0 ||
	    value_amount(builder->report, need.kind, false, amount, &need.amount) < 0)
		return;
	for (uint32_t i = 0; i < target->need_count; i++)
		if (target->needs[i].kind == need.kind)
			(void)REPORT(builder->report, BUSBAR_ERROR_DUPLICATE, kind,
			             "'need %s' for the second time", resource_descriptions[need.kind].name);
	if (target->need_count == DEMAND_NEEDS)
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, kind, "more than %d needs",
		             DEMAND_NEEDS);
	else
		target->needs[target->need_count++] = need;
}

void demand_builder_work(struct demand_builder *builder, const struct token *kind, const struct token *amount)
{
	struct demand_body *target = body(builder);

	if (value_kind(builder->report, kind, &target->work.kind) < 0)
		return;
	if (value_amount(builder->report, target->work.kind, true, amount, &target->work.amount) == 0)
		target->work_present = true;
}

void demand_builder_data(struct demand_builder *builder, const struct token *size,
                         const struct token *direction, bool each, const struct token *blob)
{
	static const char *const directions[] = {[DATA_IN] = "in", [DATA_OUT] = "out", NULL};
	struct demand_body *target = body(builder);
	struct demand_data data = {.each = each, .blob = blob->size > 0};
	unsigned choice;
	int64_t octets;

	if (value_positive(builder->report, VALUE_BYTES, size, &octets) < 0 ||
	    value_choice(builder->report, direction, directions, 0, &choice) < 0 ||
	    (data.blob && value_digest(builder->report, blob, data.digest) < 0))
		return;
	data.size = (uint64_t)octets;
	data.direction = (enum data_direction)choice;
	if (target->data_count == DEMAND_DATA)
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, size, "more than %d data", DEMAND_DATA);
	else
		target->data[target->data_count++] = data;
}

void demand_builder_split(struct demand_builder *builder, bool exactly, const struct token *parts)
{
	struct demand_body *target = body(builder);

	target->split_exactly = exactly;
	value_count(builder->report, parts, 1, DEMAND_PARTS, &target->split);
}

void demand_builder_split_least(struct demand_builder *builder, const struct token *kind,
                                const struct token *amount)
{
	struct demand_need *least = &body(builder)->split_least;

	if (value_kind(builder->report, kind, &least->kind) == 0)
		value_amount(builder->report, least->kind, true, amount, &least->amount);
}

void demand_builder_stage_open(struct demand_builder *builder, const struct token *place)
{
	struct demand *demand = &builder->demand;

	if (!demand->stages)
		demand->stages = arena_array(builder->arena, DEMAND_STAGES, sizeof(*demand->stages));
	if (!demand->stages)
		(void)REPORT(builder->report, -ENOMEM, place, "no memory for stages");
	else if (demand->stage_count == DEMAND_STAGES)
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, place, "more than %d stages",
		             DEMAND_STAGES);
	else
		builder->stage = &demand->stages[demand->stage_count];
	builder->stage_made = 0;
}

static const struct demand_stage *find_stage(const struct demand *demand, const char *name)
{
	for (uint32_t i = 0; i < demand->stage_count; i++)
		if (strcmp(demand->stages[i].name, name) == 0)
			return &demand->stages[i];
	return NULL;
}

void demand_builder_stage_name(struct demand_builder *builder, const struct token *name)
{
	if (!builder->stage ||
	    value_name(builder->report, name, sizeof(builder->stage->name), builder->stage->name) < 0)
		return;
	if (find_stage(&builder->demand, builder->stage->name))
		(void)REPORT(builder->report, BUSBAR_ERROR_DUPLICATE, name, "stage '%s' for the second time",
		             builder->stage->name);
}

void demand_builder_stage_after(struct demand_builder *builder, const struct token *name)
{
	struct demand_stage *stage = builder->stage;

	if (!stage)
		return;
	if (stage->after_count == DEMAND_AFTER) {
		(void)REPORT(builder->report, BUSBAR_ERROR_TOO_LARGE, name, "after more than %d stages",
		             DEMAND_AFTER);
		return;
	}
	if (value_name(builder->report, name, DEMAND_NAME, stage->after[stage->after_count]) < 0)
		return;
	if (!find_stage(&builder->demand, stage->after[stage->after_count]))
		(void)REPORT(builder->report, BUSBAR_ERROR_BAD_VALUE, name, "no stage '%s' before this one",
		             stage->after[stage->after_count]);
	stage->after_count++;
}

void demand_builder_stage_close(struct demand_builder *builder)
{
	if (builder->stage)
		builder->demand.stage_count++;
	builder->stage = NULL;
}

/* What a demand lacks, or has too much. */
static const char *explain(const struct demand_body *target, int code)
{
	if (code == BUSBAR_ERROR_BAD_VALUE && target->reserve_time > 0)
		return "only needs, bandwidth to a service and 'network within' go with 'reserve for'";
	if (code == BUSBAR_ERROR_BAD_VALUE && target->network_guaranteed)
		return "'guaranteed' goes with 'reserve for'";
	if (code != BUSBAR_ERROR_MISSING_FIELD)
		return error_text(code);
	if (target->reserve_time == 0)
		return "either a service or a command to run must be given";
	if (target->network_guaranteed)
		return "a guarantee takes a service, bandwidth up and down, and a limit";
	return "what is reserved must be given: needs, or bandwidth to a service";
}

int demand_builder_finish(struct demand_builder *builder, struct demand *ret_demand)
{
	struct report *report = builder->report;
	int code;

	if (report->code < 0)
		return report->code;
	code = demand_check(&builder->demand);
	if (code < 0)
		return REPORT(report, code, &builder->place, "the demand: %s",
		              explain(&builder->demand.body, code));
	*ret_demand = builder->demand;
	return 0;
}
