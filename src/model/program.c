/* SPDX-License-Identifier: Apache-2.0 */
#include "model/program.h"

#include "base/error.h"
#include <stddef.h>
#include <string.h>

const char *const operation_names[OPERATIONS + 1] = {
        "forward", "reserve", "claim", "fetch", "execute", "deliver", "release", "attach", "refresh", NULL,
};

static int check_reserve(const struct program_reserve *reserve)
{
	if (reserve->rate == 0 && reserve->back_rate == 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	if (reserve->rate > INT64_MAX || reserve->back_rate > INT64_MAX)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	if ((reserve->rate != 0 && gateway_is_none(reserve->toward)) ||
	    (reserve->back_rate != 0 && gateway_is_none(reserve->back)))
		return BUSBAR_ERROR_MISSING_FIELD;
	if (reserve->class >= LINK_CLASSES)
		return BUSBAR_ERROR_BAD_VALUE;
	if (reserve->time <= 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	if (reserve->jitter < 0 || reserve->back_jitter < 0)
		return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	if (reserve->tariff < 0 || reserve->back_tariff < 0 || reserve->limit < 0)
		return BUSBAR_ERROR_AMOUNT_NEGATIVE;
	return 0;
}

static int check_claim(const struct program_claim *claim)
{
	if (claim->resource_count == 0 || claim->time <= 0)
		return BUSBAR_ERROR_AMOUNT_ZERO;
	if (claim->resource_count > PLAN_CLAIMS)
		return BUSBAR_ERROR_TOO_LARGE;
	for (uint32_t i = 0; i < claim->resource_count; i++) {
		const struct program_claim_resource *resource = &claim->resources[i];

		if ((unsigned)resource->kind >= RESOURCE_KINDS)
			return BUSBAR_ERROR_UNKNOWN_KIND;
		if (resource->amount == 0)
			return BUSBAR_ERROR_AMOUNT_ZERO;
		if (resource->amount > INT64_MAX)
			return BUSBAR_ERROR_AMOUNT_OVERFLOW;
		if (resource->tariff < 0 || resource->limit < 0)
			return BUSBAR_ERROR_AMOUNT_NEGATIVE;
		for (uint32_t before = 0; before < i; before++)
			if (claim->resources[before].kind == resource->kind)
				return BUSBAR_ERROR_DUPLICATE;
	}
	return 0;
}

static int check_execute(const struct program_execute *execute)
{
	if ((execute->service[0] == '\0') == (execute->argument_count == 0))
		return BUSBAR_ERROR_MISSING_FIELD;
	if (execute->argument_count > DEMAND_ARGUMENTS ||
	    demand_texts_size(execute->arguments, sizeof(execute->arguments), execute->argument_count) < 0)
		return BUSBAR_ERROR_TOO_LARGE;
	return execute->tariff < 0 || execute->limit < 0 ? BUSBAR_ERROR_AMOUNT_NEGATIVE : 0;
}

/* No address is all zeros. */
static int check_attach(const struct program_attach *attach)
{
	static const uint8_t unspecified[16];

	return memcmp(attach->client, unspecified, sizeof(unspecified)) == 0 ||
	                       memcmp(attach->service, unspecified, sizeof(unspecified)) == 0
	               ? BUSBAR_ERROR_MISSING_FIELD
	               : 0;
}

static int check_instruction(const struct instruction *instruction)
{
	if (gateway_is_none(instruction->at))
		return BUSBAR_ERROR_MISSING_FIELD;
	switch (instruction->operation) {
	case OPERATION_RESERVE:
		return check_reserve(&instruction->reserve);
	case OPERATION_CLAIM:
		return check_claim(&instruction->claim);
	case OPERATION_EXECUTE:
		return check_execute(&instruction->execute);
	case OPERATION_FETCH:
		return instruction->fetch.size > INT64_MAX ? BUSBAR_ERROR_AMOUNT_OVERFLOW : 0;
	case OPERATION_DELIVER:
		return gateway_is_none(instruction->deliver.to) ? BUSBAR_ERROR_MISSING_FIELD : 0;
	case OPERATION_RELEASE:
		return instruction->release > 0 ? BUSBAR_ERROR_BAD_VALUE : 0;
	case OPERATION_REFRESH:
		return instruction->refresh.time > 0 ? 0 : BUSBAR_ERROR_AMOUNT_ZERO;
	case OPERATION_ATTACH:
		return check_attach(&instruction->attach);
	case OPERATION_FORWARD:
		return 0;
	case OPERATIONS:
		break;
	}
	return BUSBAR_ERROR_BAD_VALUE;
}

/* Neighbours of one owner come in the order of the operations; only fetches may repeat. */
static bool in_order(const struct instruction *before, const struct instruction *here)
{
	if (!gateway_equal(before->at, here->at))
		return true;
	if (before->operation == here->operation)
		return here->operation == OPERATION_FETCH;
	return before->operation < here->operation;
}

/* An owner's instructions are neighbours: once the path has left it, it does not come again. */
static bool comes_again(const struct program *program, uint32_t index)
{
	const struct instruction *here = &program->instructions[index];

	if (index == 0 || gateway_equal(here[-1].at, here->at))
		return false;
	for (uint32_t before = 0; before < index; before++)
		if (gateway_equal(program->instructions[before].at, here->at))
			return true;
	return false;
}

/*
 * What is attached travels in what was reserved, or reaches what was claimed, at the same owner; or it stays
 * at one gateway and nothing is reserved at all.
 */
static bool attaches_to_nothing(const struct program *program, uint32_t index)
{
	const struct instruction *list = program->instructions;

	if (list[index].operation != OPERATION_ATTACH || program->instruction_count == 1)
		return false;
	for (uint32_t i = 0; i < index; i++)
		if (gateway_equal(list[i].at, list[index].at) &&
		    (list[i].operation == OPERATION_RESERVE || list[i].operation == OPERATION_CLAIM))
			return false;
	return true;
}

/* What is executed runs in what was claimed, at the same owner; who refreshes does nothing else. */
static int check_order(const struct program *program)
{
	const struct instruction *claim = NULL, *execute = NULL;
	bool refreshes = program->instructions[0].operation == OPERATION_REFRESH;

	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *here = &program->instructions[i];

		if ((i > 0 && !in_order(&here[-1], here)) || comes_again(program, i) ||
		    attaches_to_nothing(program, i) || (here->operation == OPERATION_REFRESH) != refreshes)
			return BUSBAR_ERROR_STATE;
		if ((here->operation == OPERATION_CLAIM && claim != NULL) ||
		    (here->operation == OPERATION_EXECUTE && execute != NULL))
			return BUSBAR_ERROR_STATE;
		if (here->operation == OPERATION_CLAIM)
			claim = here;
		if (here->operation == OPERATION_EXECUTE)
			execute = here;
	}
	if (execute != NULL && (claim == NULL || !gateway_equal(claim->at, execute->at)))
		return BUSBAR_ERROR_STATE;
	return 0;
}

void program_clear(struct program *program)
{
	memset(program, 0, offsetof(struct program, instructions));
}

void program_copy(struct program *target, const struct program *source)
{
	memcpy(target, source,
	       offsetof(struct program, instructions) +
	               source->instruction_count * sizeof(source->instructions[0]));
}

int program_check(const struct program *program)
{
	if (program->instruction_count == 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	if (program->instruction_count > PROGRAM_INSTRUCTIONS)
		return BUSBAR_ERROR_TOO_LARGE;
	if (gateway_is_none(program->ingress) || program->expires <= 0)
		return BUSBAR_ERROR_MISSING_FIELD;
	if (program->part == 0 || program->part > program->parts)
		return BUSBAR_ERROR_BAD_VALUE;
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		int code = check_instruction(&program->instructions[i]);

		if (code < 0)
			return code;
	}
	return check_order(program);
}
