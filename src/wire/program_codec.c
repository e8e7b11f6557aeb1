/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/program_codec.h"

#include "base/error.h"
#include "wire/field.h"
#include <string.h>

void program_codec_put_head(struct writer *writer, const struct program *program)
{
	field_put_identifier(writer, &program->identifier);
	field_put_identity(writer, program->ingress);
	writer_u16(writer, program->part);
	writer_u16(writer, program->parts);
	field_put_amount(writer, (uint64_t)program->expires);
}

void program_codec_head(struct cursor *cursor, struct program *program)
{
	program->identifier = field_identifier(cursor);
	program->ingress = field_somebody(cursor);
	program->part = cursor_u16(cursor);
	program->parts = cursor_u16(cursor);
	program->expires = (int64_t)field_amount(cursor);
}

static int64_t number(struct cursor *cursor)
{
	return (int64_t)field_number(cursor, INT64_MAX);
}

/* What a reserve says of one of its directions: nothing is said of one that is left out. */
struct direction {
	struct gateway_identity gateway;
	uint64_t rate, burst;
	int64_t jitter;
	money tariff;
};
enum { RESERVE_TOWARD = 1, RESERVE_BACK = 2, RESERVE_UNUSED = 12, RESERVE_CLASS_SHIFT = 4 };

static bool says_something(const struct direction *direction)
{
	return !gateway_is_none(direction->gateway) || direction->rate != 0 || direction->burst != 0 ||
	       direction->jitter != 0 || direction->tariff != 0;
}

static void put_direction(struct writer *writer, const struct direction *direction)
{
	if (!says_something(direction))
		return;
	field_put_identity(writer, direction->gateway);
	field_put_number(writer, direction->rate);
	field_put_number(writer, direction->burst);
	field_put_number(writer, (uint64_t)direction->jitter);
	field_put_number(writer, (uint64_t)direction->tariff);
}

static struct direction get_direction(struct cursor *cursor)
{
	struct direction direction = {.gateway = field_identity(cursor)};

	direction.rate = field_number(cursor, INT64_MAX);
	direction.burst = field_number(cursor, INT64_MAX);
	direction.jitter = number(cursor);
	direction.tariff = number(cursor);
	if (!says_something(&direction))
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	return direction;
}

static void put_reserve(struct writer *writer, const struct instruction *instruction)
{
	const struct program_reserve *reserve = &instruction->reserve;
	const struct direction toward = {reserve->toward, reserve->rate, reserve->burst, reserve->jitter,
	                                 reserve->tariff};
	const struct direction back = {reserve->back, reserve->back_rate, reserve->back_burst,
	                               reserve->back_jitter, reserve->back_tariff};

	if (reserve->class >= LINK_CLASSES)
		field_fail(writer, BUSBAR_ERROR_BAD_VALUE);
	writer_u8(writer, (uint8_t)(reserve->class << RESERVE_CLASS_SHIFT |
	                            (says_something(&toward) ? RESERVE_TOWARD : 0) |
	                            (says_something(&back) ? RESERVE_BACK : 0)));
	put_direction(writer, &toward);
	put_direction(writer, &back);
	field_put_number(writer, (uint64_t)reserve->time);
	field_put_number(writer, (uint64_t)reserve->limit);
}

static void get_reserve(struct cursor *cursor, struct instruction *instruction)
{
	struct program_reserve *reserve = &instruction->reserve;
	struct direction toward = {.rate = 0}, back = {.rate = 0};
	uint8_t flags = cursor_u8(cursor);

	if (flags >> RESERVE_CLASS_SHIFT >= LINK_CLASSES || (flags & RESERVE_UNUSED) != 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	if (flags & RESERVE_TOWARD)
		toward = get_direction(cursor);
	if (flags & RESERVE_BACK)
		back = get_direction(cursor);
	*reserve = (struct program_reserve){.toward = toward.gateway,
	                                    .back = back.gateway,
	                                    .class = flags >> RESERVE_CLASS_SHIFT,
	                                    .rate = toward.rate,
	                                    .burst = toward.burst,
	                                    .back_rate = back.rate,
	                                    .back_burst = back.burst,
	                                    .jitter = toward.jitter,
	                                    .back_jitter = back.jitter,
	                                    .tariff = toward.tariff,
	                                    .back_tariff = back.tariff};
	reserve->time = number(cursor);
	reserve->limit = number(cursor);
}

static void put_claim(struct writer *writer, const struct instruction *instruction)
{
	const struct program_claim *claim = &instruction->claim;

	field_put_number(writer, (uint64_t)claim->time);
	if (claim->resource_count > PLAN_CLAIMS)
		field_fail(writer, BUSBAR_ERROR_TOO_LARGE);
	for (uint32_t i = 0; i < MINIMUM(claim->resource_count, (uint32_t)PLAN_CLAIMS); i++) {
		field_put_choice(writer, claim->resources[i].kind, RESOURCE_KINDS);
		field_put_number(writer, claim->resources[i].amount);
		field_put_number(writer, (uint64_t)claim->resources[i].tariff);
		field_put_number(writer, (uint64_t)claim->resources[i].limit);
	}
}

static void get_claim(struct cursor *cursor, struct instruction *instruction)
{
	struct program_claim *claim = &instruction->claim;

	claim->time = number(cursor);
	while (cursor_left(cursor) > 0) {
		struct program_claim_resource *resource = &claim->resources[claim->resource_count];

		if (claim->resource_count == PLAN_CLAIMS) {
			cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
			return;
		}
		resource->kind = (enum resource_kind)field_choice(cursor, RESOURCE_KINDS);
		resource->amount = field_number(cursor, INT64_MAX);
		resource->tariff = number(cursor);
		resource->limit = number(cursor);
		claim->resource_count++;
	}
}

static void put_fetch(struct writer *writer, const struct instruction *instruction)
{
	writer_bytes(writer, instruction->fetch.digest, sizeof(instruction->fetch.digest));
	field_put_number(writer, instruction->fetch.size);
}

static void get_fetch(struct cursor *cursor, struct instruction *instruction)
{
	cursor_copy(cursor, instruction->fetch.digest, sizeof(instruction->fetch.digest));
	instruction->fetch.size = field_number(cursor, INT64_MAX);
}

static void put_execute(struct writer *writer, const struct instruction *instruction)
{
	const struct program_execute *execute = &instruction->execute;

	writer_u8(writer, execute->inlined ? 1 : 0);
	field_put_number(writer, (uint64_t)execute->tariff);
	field_put_number(writer, (uint64_t)execute->limit);
	field_put_text(writer, execute->service);
	field_put_text(writer, execute->version);
	field_put_choice(writer, execute->argument_count, DEMAND_ARGUMENTS + 1);
	field_put_arguments(writer, execute->argument_count, execute->arguments, sizeof(execute->arguments));
}

static void get_execute(struct cursor *cursor, struct instruction *instruction)
{
	struct program_execute *execute = &instruction->execute;

	execute->inlined = field_flags(cursor, 1) != 0;
	execute->tariff = number(cursor);
	execute->limit = number(cursor);
	cursor_text(cursor, execute->service, sizeof(execute->service));
	cursor_text(cursor, execute->version, sizeof(execute->version));
	execute->argument_count = field_choice(cursor, DEMAND_ARGUMENTS + 1);
	field_arguments(cursor, execute->argument_count, execute->arguments, sizeof(execute->arguments));
}

static void put_deliver(struct writer *writer, const struct instruction *instruction)
{
	const struct program_deliver *deliver = &instruction->deliver;

	field_put_identity(writer, deliver->to);
	writer_bytes(writer, deliver->address, sizeof(deliver->address));
	writer_u16(writer, deliver->port);
	field_put_number(writer, deliver->output_maximum);
}

static void get_deliver(struct cursor *cursor, struct instruction *instruction)
{
	struct program_deliver *deliver = &instruction->deliver;

	deliver->to = field_somebody(cursor);
	cursor_copy(cursor, deliver->address, sizeof(deliver->address));
	deliver->port = cursor_u16(cursor);
	deliver->output_maximum = field_number(cursor, INT64_MAX);
}

static void put_release(struct writer *writer, const struct instruction *instruction)
{
	field_put_code(writer, instruction->release);
}

static void get_release(struct cursor *cursor, struct instruction *instruction)
{
	instruction->release = field_code(cursor);
}

static void put_attach(struct writer *writer, const struct instruction *instruction)
{
	writer_bytes(writer, instruction->attach.client, sizeof(instruction->attach.client));
	writer_bytes(writer, instruction->attach.service, sizeof(instruction->attach.service));
}

static void get_attach(struct cursor *cursor, struct instruction *instruction)
{
	cursor_copy(cursor, instruction->attach.client, sizeof(instruction->attach.client));
	cursor_copy(cursor, instruction->attach.service, sizeof(instruction->attach.service));
}

static void put_refresh(struct writer *writer, const struct instruction *instruction)
{
	field_put_number(writer, (uint64_t)instruction->refresh.time);
}

static void get_refresh(struct cursor *cursor, struct instruction *instruction)
{
	instruction->refresh.time = number(cursor);
}

static void put_nothing(struct writer *writer, const struct instruction *instruction)
{
}

static void get_nothing(struct cursor *cursor, struct instruction *instruction)
{
}

static const struct {
	void (*put)(struct writer *writer, const struct instruction *instruction);
	void (*get)(struct cursor *cursor, struct instruction *instruction);
} codecs[OPERATIONS] = {
        [OPERATION_FORWARD] = {put_nothing, get_nothing}, [OPERATION_RESERVE] = {put_reserve, get_reserve},
        [OPERATION_CLAIM] = {put_claim, get_claim},       [OPERATION_FETCH] = {put_fetch, get_fetch},
        [OPERATION_EXECUTE] = {put_execute, get_execute}, [OPERATION_DELIVER] = {put_deliver, get_deliver},
        [OPERATION_RELEASE] = {put_release, get_release}, [OPERATION_ATTACH] = {put_attach, get_attach},
        [OPERATION_REFRESH] = {put_refresh, get_refresh},
};

void program_codec_put_operand(struct writer *writer, const struct instruction *instruction, uint8_t position)
{
	writer_u8(writer, position);
	field_put_choice(writer, instruction->operation, OPERATIONS);
	field_put_identity(writer, instruction->at);
	if ((unsigned)instruction->operation < OPERATIONS)
		codecs[instruction->operation].put(writer, instruction);
}

void program_codec_operand(struct cursor *cursor, struct instruction *instruction, uint8_t *ret_position)
{
	*instruction = (struct instruction){.operation = OPERATION_FORWARD};
	*ret_position = cursor_u8(cursor);
	instruction->operation = (enum operation)field_choice(cursor, OPERATIONS);
	instruction->at = field_somebody(cursor);
	codecs[instruction->operation].get(cursor, instruction);
	if (cursor->error == 0 && cursor_left(cursor) > 0)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}
