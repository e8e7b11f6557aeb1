/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary form of a demand, by tables: one row per TLV. A field that says nothing (0, an empty text)
 * has no TLV, and types ascend, so that a demand has one form only. Numbers: wire/field.h.
 */
#include "wire/demand_codec.h"

#include "base/error.h"
#include "wire/field.h"
#include <errno.h>
#include <string.h>

/* Types; below FIELD_OPTIONAL: a receiver that does not know one refuses the demand. */
enum {
	TYPE_IDENTIFIER = 1,
	TYPE_NAME = 2,
	TYPE_AFTER = 3, /* stages only */
	/* the body of a demand or stage */
	TYPE_SERVICE = 16,
	TYPE_ARGUMENTS = 17,
	TYPE_NEED = 18,
	TYPE_NEED_TIME = 19,
	TYPE_WORK = 20,
	TYPE_NETWORK_WITHIN = 21,
	TYPE_RESPOND_WITHIN = 22,
	TYPE_FINISH_WITHIN = 23,
	TYPE_BANDWIDTH_UP = 24,
	TYPE_BANDWIDTH_DOWN = 25,
	TYPE_BURST = 26,
	TYPE_DATA = 27,
	TYPE_SPLIT = 28,
	TYPE_SPLIT_LEAST = 29,
	TYPE_RESERVE_TIME = 30,
	TYPE_GUARANTEED = 31,
	/* the demand as a whole */
	TYPE_STAGE = 64,
	TYPE_BUDGET = 65,
	TYPE_PREFER = 66,
	TYPE_REGION = 67,
	TYPE_OPERATOR = 68,
	TYPE_MODEL = 69,
	TYPE_TRUST = 70,
	TYPE_AFFINITY = 71,
	TYPE_OFFLOAD = 72,
	TYPE_INPUT = 73,
};
enum { FLAG_EACH = 1, FLAG_OUT = 2, FLAG_BLOB = 4, FLAG_EXACTLY = 1 };

/* A table of the object may not run over its end, whatever its counter says. */
static bool has_room(struct cursor *cursor, uint32_t count, uint32_t maximum)
{
	if (count >= maximum)
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
	return count < maximum;
}

static bool is_present(uint64_t number)
{
	return number != 0;
}

/* Fields that are one number, of a body or of a demand. */
#define NUMBER_FIELD(name, structure, member, type)                                             \
	static uint32_t count_##name(const void *object)                                        \
	{                                                                                       \
		return is_present((uint64_t)((const struct structure *)object)->member);        \
	}                                                                                       \
	static void write_##name(struct writer *writer, const void *object, uint32_t index)     \
	{                                                                                       \
		field_put_number(writer, (uint64_t)((const struct structure *)object)->member); \
	}                                                                                       \
	static void read_##name(struct cursor *cursor, void *object, void *context)             \
	{                                                                                       \
		((struct structure *)object)->member = (type)field_present(cursor);             \
	}

NUMBER_FIELD(need_time, demand_body, need_time, int64_t)
NUMBER_FIELD(reserve_time, demand_body, reserve_time, int64_t)
NUMBER_FIELD(network_within, demand_body, network_within, int64_t)
NUMBER_FIELD(respond_within, demand_body, respond_within, int64_t)
NUMBER_FIELD(finish_within, demand_body, finish_within, int64_t)
NUMBER_FIELD(bandwidth_up, demand_body, bandwidth_up, uint64_t)
NUMBER_FIELD(bandwidth_down, demand_body, bandwidth_down, uint64_t)
NUMBER_FIELD(burst, demand_body, burst, uint64_t)
NUMBER_FIELD(budget, demand, budget, money)

/* Fields that are one text: an empty one is absent, so that reading one fails. */
#define TEXT_FIELD(name, structure, member)                                                 \
	static uint32_t count_##name(const void *object)                                    \
	{                                                                                   \
		return ((const struct structure *)object)->member[0] != '\0';               \
	}                                                                                   \
	static void write_##name(struct writer *writer, const void *object, uint32_t index) \
	{                                                                                   \
		field_put_text(writer, ((const struct structure *)object)->member);         \
	}                                                                                   \
	static void read_##name(struct cursor *cursor, void *object, void *context)         \
	{                                                                                   \
		struct structure *target = object;                                          \
                                                                                            \
		read_text(cursor, target->member, sizeof(target->member));                  \
	}

static void read_text(struct cursor *cursor, char *target, size_t capacity)
{
	cursor_text(cursor, target, capacity);
	if (target[0] == '\0')
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

TEXT_FIELD(demand_name, demand, name)
TEXT_FIELD(stage_name, demand_stage, name)
TEXT_FIELD(affinity, demand, affinity)

/* Fields whose TLV being there is all that it says. */
#define FLAG_FIELD(name, structure, member)                                                 \
	static uint32_t count_##name(const void *object)                                    \
	{                                                                                   \
		return ((const struct structure *)object)->member;                          \
	}                                                                                   \
	static void write_##name(struct writer *writer, const void *object, uint32_t index) \
	{                                                                                   \
	}                                                                                   \
	static void read_##name(struct cursor *cursor, void *object, void *context)         \
	{                                                                                   \
		((struct structure *)object)->member = true;                                \
	}

FLAG_FIELD(guaranteed, demand_body, network_guaranteed)
FLAG_FIELD(offload, demand, offload)

/* Lists of texts. */
#define LIST_FIELD(name, structure, list, counter, maximum)                                          \
	static uint32_t count_##name(const void *object)                                             \
	{                                                                                            \
		return ((const struct structure *)object)->counter;                                  \
	}                                                                                            \
	static void write_##name(struct writer *writer, const void *object, uint32_t index)          \
	{                                                                                            \
		field_put_text(writer, ((const struct structure *)object)->list[index]);             \
	}                                                                                            \
	static void read_##name(struct cursor *cursor, void *object, void *context)                  \
	{                                                                                            \
		struct structure *target = object;                                                   \
                                                                                                     \
		if (has_room(cursor, target->counter, maximum))                                      \
			read_text(cursor, target->list[target->counter++], sizeof(target->list[0])); \
	}

LIST_FIELD(after, demand_stage, after, after_count, DEMAND_AFTER)
LIST_FIELD(region, demand, regions, region_count, DEMAND_PLACES)
LIST_FIELD(operator, demand, operators, operator_count, DEMAND_PLACES)

/* A kind, whether it is meant for each part, and an amount. */
static void write_need(struct writer *writer, const struct demand_need *need)
{
	field_put_choice(writer, need->kind, RESOURCE_KINDS);
	writer_u8(writer, need->each ? FLAG_EACH : 0);
	field_put_number(writer, need->amount);
}

static void read_need(struct cursor *cursor, struct demand_need *ret_need)
{
	ret_need->kind = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS);
	ret_need->each = field_flags(cursor, FLAG_EACH) != 0;
	ret_need->amount = field_present(cursor);
}

static uint32_t count_service(const void *object)
{
	const struct demand_body *body = object;

	return body->service[0] != '\0' || body->version[0] != '\0';
}

static void write_service(struct writer *writer, const void *object, uint32_t index)
{
	const struct demand_body *body = object;

	field_put_text(writer, body->service);
	field_put_text(writer, body->version);
}

static void read_service(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;

	cursor_text(cursor, body->service, sizeof(body->service));
	cursor_text(cursor, body->version, sizeof(body->version));
}

static uint32_t count_arguments(const void *object)
{
	return ((const struct demand_body *)object)->argument_count != 0;
}

static void write_arguments(struct writer *writer, const void *object, uint32_t index)
{
	const struct demand_body *body = object;

	field_put_choice(writer, body->argument_count, DEMAND_ARGUMENTS + 1);
	field_put_arguments(writer, body->argument_count, body->arguments, sizeof(body->arguments));
}

static void read_arguments(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;

	body->argument_count = field_choice(cursor, DEMAND_ARGUMENTS + 1);
	if (body->argument_count == 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	field_arguments(cursor, body->argument_count, body->arguments, sizeof(body->arguments));
}

static uint32_t count_needs(const void *object)
{
	return ((const struct demand_body *)object)->need_count;
}

static void write_one_need(struct writer *writer, const void *object, uint32_t index)
{
	write_need(writer, &((const struct demand_body *)object)->needs[index]);
}

static void read_one_need(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;

	if (has_room(cursor, body->need_count, DEMAND_NEEDS))
		read_need(cursor, &body->needs[body->need_count++]);
}

static uint32_t count_work(const void *object)
{
	return ((const struct demand_body *)object)->work_present;
}

static void write_work(struct writer *writer, const void *object, uint32_t index)
{
	write_need(writer, &((const struct demand_body *)object)->work);
}

static void read_work(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;

	body->work_present = true;
	read_need(cursor, &body->work);
}

static uint32_t count_data(const void *object)
{
	return ((const struct demand_body *)object)->data_count;
}

static void write_data(struct writer *writer, const void *object, uint32_t index)
{
	const struct demand_data *data = &((const struct demand_body *)object)->data[index];
	unsigned flags = (data->each ? FLAG_EACH : 0) | (data->direction == DATA_OUT ? FLAG_OUT : 0) |
	                 (data->blob ? FLAG_BLOB : 0);

	writer_u8(writer, (uint8_t)flags);
	field_put_number(writer, data->size);
	if (data->blob)
		writer_bytes(writer, data->digest, sizeof(data->digest));
}

static void read_data(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;
	struct demand_data *data = &body->data[body->data_count];
	uint8_t flags;

	if (!has_room(cursor, body->data_count, DEMAND_DATA))
		return;
	body->data_count++;
	flags = field_flags(cursor, FLAG_EACH | FLAG_OUT | FLAG_BLOB);
	data->each = (flags & FLAG_EACH) != 0;
	data->direction = flags & FLAG_OUT ? DATA_OUT : DATA_IN;
	data->blob = (flags & FLAG_BLOB) != 0;
	data->size = field_present(cursor);
	if (data->blob)
		cursor_copy(cursor, data->digest, sizeof(data->digest));
}

static uint32_t count_split(const void *object)
{
	const struct demand_body *body = object;

	return body->split != 0 || body->split_exactly;
}

static void write_split(struct writer *writer, const void *object, uint32_t index)
{
	const struct demand_body *body = object;

	writer_u8(writer, body->split_exactly ? FLAG_EXACTLY : 0);
	field_put_number(writer, body->split);
}

static void read_split(struct cursor *cursor, void *object, void *context)
{
	struct demand_body *body = object;

	body->split_exactly = field_flags(cursor, FLAG_EXACTLY) != 0;
	body->split = (uint32_t)field_number(cursor, UINT32_MAX);
	if (!count_split(body))
		cursor_fail(cursor, BUSBAR_ERROR_AMOUNT_ZERO);
}

static uint32_t count_split_least(const void *object)
{
	return is_present(((const struct demand_body *)object)->split_least.amount);
}

static void write_split_least(struct writer *writer, const void *object, uint32_t index)
{
	write_need(writer, &((const struct demand_body *)object)->split_least);
}

static void read_split_least(struct cursor *cursor, void *object, void *context)
{
	read_need(cursor, &((struct demand_body *)object)->split_least);
}

#define ROW(code, name)                                                                           \
	{                                                                                         \
		.type = (code), .count = count_##name, .write = write_##name, .read = read_##name \
	}

static const struct field_row body_rows[] = {
        ROW(TYPE_SERVICE, service),
        ROW(TYPE_ARGUMENTS, arguments),
        {.type = TYPE_NEED,
         .repeated = true,
         .count = count_needs,
         .write = write_one_need,
         .read = read_one_need},
        ROW(TYPE_NEED_TIME, need_time),
        ROW(TYPE_WORK, work),
        ROW(TYPE_NETWORK_WITHIN, network_within),
        ROW(TYPE_RESPOND_WITHIN, respond_within),
        ROW(TYPE_FINISH_WITHIN, finish_within),
        ROW(TYPE_BANDWIDTH_UP, bandwidth_up),
        ROW(TYPE_BANDWIDTH_DOWN, bandwidth_down),
        ROW(TYPE_BURST, burst),
        {.type = TYPE_DATA, .repeated = true, .count = count_data, .write = write_data, .read = read_data},
        ROW(TYPE_SPLIT, split),
        ROW(TYPE_SPLIT_LEAST, split_least),
        ROW(TYPE_RESERVE_TIME, reserve_time),
        ROW(TYPE_GUARANTEED, guaranteed),
};

static const struct field_row stage_rows[] = {
        ROW(TYPE_NAME, stage_name),
        {.type = TYPE_AFTER,
         .repeated = true,
         .count = count_after,
         .write = write_after,
         .read = read_after},
};

static uint32_t count_identifier(const void *object)
{
	return !identifier_is_zero(&((const struct demand *)object)->identifier);
}

static void write_identifier(struct writer *writer, const void *object, uint32_t index)
{
	field_put_identifier(writer, &((const struct demand *)object)->identifier);
}

static void read_identifier(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;

	demand->identifier = field_identifier(cursor);
	if (identifier_is_zero(&demand->identifier))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static uint32_t count_stages(const void *object)
{
	return ((const struct demand *)object)->stage_count;
}

/* The tables never write through a set's object: writers take it as const. */
static void stage_sets(const struct demand_stage *stage, struct field_set ret_sets[2])
{
	struct demand_stage *object = (struct demand_stage *)(uintptr_t)stage;

	ret_sets[0] = (struct field_set){stage_rows, ARRAY_SIZE(stage_rows), object};
	ret_sets[1] = (struct field_set){body_rows, ARRAY_SIZE(body_rows), &object->body};
}

static void write_stage(struct writer *writer, const void *object, uint32_t index)
{
	struct field_set sets[2];

	stage_sets(&((const struct demand *)object)->stages[index], sets);
	field_write(writer, sets, ARRAY_SIZE(sets));
}

/* `context` is the arena; the whole table is taken from it at the first stage. */
static void read_stage(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;
	struct field_set sets[2];

	if (!has_room(cursor, demand->stage_count, DEMAND_STAGES))
		return;
	if (!demand->stages)
		demand->stages = arena_array(context, DEMAND_STAGES, sizeof(*demand->stages));
	if (!demand->stages) {
		cursor_fail(cursor, -ENOMEM);
		return;
	}
	stage_sets(&demand->stages[demand->stage_count++], sets);
	field_read(cursor, sets, ARRAY_SIZE(sets), FIELD_OPTIONAL, context);
}

static uint32_t count_prefer(const void *object)
{
	return ((const struct demand *)object)->prefer != PREFER_COST;
}

static void write_prefer(struct writer *writer, const void *object, uint32_t index)
{
	field_put_choice(writer, ((const struct demand *)object)->prefer, PREFER_CHOICES);
}

static void read_prefer(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;

	demand->prefer = (enum demand_prefer)field_choice(cursor, PREFER_CHOICES);
	if (demand->prefer == PREFER_COST)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static uint32_t count_models(const void *object)
{
	return ((const struct demand *)object)->model_count;
}

static void write_model(struct writer *writer, const void *object, uint32_t index)
{
	field_put_choice(writer, ((const struct demand *)object)->models[index], SUPPLY_MODELS);
}

static void read_model(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;

	if (has_room(cursor, demand->model_count, DEMAND_PLACES))
		demand->models[demand->model_count++] =
		        (enum supply_model)field_choice(cursor, SUPPLY_MODELS);
}

static uint32_t count_trust(const void *object)
{
	return is_present(((const struct demand *)object)->trust);
}

static void write_trust(struct writer *writer, const void *object, uint32_t index)
{
	field_put_number(writer, ((const struct demand *)object)->trust);
}

static void read_trust(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;

	demand->trust = (uint32_t)field_number(cursor, UINT32_MAX);
	if (demand->trust == 0)
		cursor_fail(cursor, BUSBAR_ERROR_AMOUNT_ZERO);
}

static uint32_t count_input(const void *object)
{
	return ((const struct demand *)object)->input_size != 0;
}

static void write_input(struct writer *writer, const void *object, uint32_t index)
{
	const struct demand *demand = object;

	writer_bytes(writer, demand->input, demand->input_size);
}

static void read_input(struct cursor *cursor, void *object, void *context)
{
	struct demand *demand = object;
	size_t size = cursor_left(cursor);

	if (size == 0 || size > DEMAND_INPUT) {
		cursor_fail(cursor, size ? BUSBAR_ERROR_TOO_LARGE : BUSBAR_ERROR_MALFORMED);
		return;
	}
	demand->input_size = (uint32_t)size;
	cursor_copy(cursor, demand->input, size);
}

static const struct field_row head_rows[] = {
        ROW(TYPE_IDENTIFIER, identifier),
        ROW(TYPE_NAME, demand_name),
};

static const struct field_row tail_rows[] = {
        {.type = TYPE_STAGE,
         .repeated = true,
         .count = count_stages,
         .write = write_stage,
         .read = read_stage},
        ROW(TYPE_BUDGET, budget),
        ROW(TYPE_PREFER, prefer),
        {.type = TYPE_REGION,
         .repeated = true,
         .count = count_region,
         .write = write_region,
         .read = read_region},
        {.type = TYPE_OPERATOR,
         .repeated = true,
         .count = count_operator,
         .write = write_operator,
         .read = read_operator},
        {.type = TYPE_MODEL,
         .repeated = true,
         .count = count_models,
         .write = write_model,
         .read = read_model},
        ROW(TYPE_TRUST, trust),
        ROW(TYPE_AFFINITY, affinity),
        ROW(TYPE_OFFLOAD, offload),
        ROW(TYPE_INPUT, input),
};

enum { DEMAND_SETS = 3 };

static void demand_sets(const struct demand *demand, struct field_set ret_sets[DEMAND_SETS])
{
	struct demand *object = (struct demand *)(uintptr_t)demand;

	ret_sets[0] = (struct field_set){head_rows, ARRAY_SIZE(head_rows), object};
	ret_sets[1] = (struct field_set){body_rows, ARRAY_SIZE(body_rows), &object->body};
	ret_sets[2] = (struct field_set){tail_rows, ARRAY_SIZE(tail_rows), object};
}

static bool body_is_bounded(const struct demand_body *body)
{
	return body->need_count <= DEMAND_NEEDS && body->data_count <= DEMAND_DATA &&
	       body->argument_count <= DEMAND_ARGUMENTS;
}

/* Counters within their tables, before any is followed. */
static bool is_bounded(const struct demand *demand)
{
	if (demand->stage_count > DEMAND_STAGES || demand->region_count > DEMAND_PLACES ||
	    demand->operator_count > DEMAND_PLACES || demand->model_count > DEMAND_PLACES ||
	    demand->input_size > DEMAND_INPUT || !body_is_bounded(&demand->body))
		return false;
	for (uint32_t i = 0; i < demand->stage_count; i++) {
		if (demand->stages[i].after_count > DEMAND_AFTER || !body_is_bounded(&demand->stages[i].body))
			return false;
	}
	return true;
}

int demand_codec_encode(const struct demand *demand, uint8_t *buffer, size_t capacity)
{
	struct writer writer = writer_open(buffer, capacity);
	struct field_set sets[DEMAND_SETS];

	if (!is_bounded(demand))
		return BUSBAR_ERROR_TOO_LARGE;
	demand_sets(demand, sets);
	field_write(&writer, sets, DEMAND_SETS);
	return field_finish(&writer);
}

int demand_codec_decode(const uint8_t *bytes, size_t size, struct arena *arena, struct demand *ret_demand)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct field_set sets[DEMAND_SETS];
	struct demand demand;
	int code;

	memset(&demand, 0, sizeof(demand));
	demand_sets(&demand, sets);
	field_read(&cursor, sets, DEMAND_SETS, FIELD_OPTIONAL, arena);
	code = cursor_finish(&cursor);
	if (code == 0)
		code = demand_check(&demand);
	if (code == 0)
		*ret_demand = demand;
	return code;
}
