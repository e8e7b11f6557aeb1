/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include "base/error.h"
#include "wire/segment.h"
#include <string.h>

/* A program under construction; the first error stays. */
struct draft {
	struct program *program;
	int error;
};

static struct instruction *add(struct draft *draft, enum operation operation, struct gateway_identity at)
{
	struct program *program = draft->program;
	struct instruction *instruction;

	if (program->instruction_count == PROGRAM_INSTRUCTIONS) {
		draft->error = draft->error != 0 ? draft->error : BUSBAR_ERROR_TOO_LARGE;
		/* Overwritten by whatever comes next: the draft has failed. */
		program->instruction_count--;
	}
	instruction = &program->instructions[program->instruction_count++];
	*instruction = (struct instruction){.operation = operation, .at = at};
	return instruction;
}

static money with_slack(money price)
{
	money slack = price / PLAN_PRICE_SLACK + 1;

	return price > INT64_MAX - slack ? INT64_MAX : price + slack;
}

/* The links of hop `index`: its output towards the site, and that back towards the ingress. */
static void add_reserve(struct draft *draft, const struct plan_part *part, uint32_t index)
{
	const struct plan_path *path = &part->path;
	struct program_reserve reserve = {.time = part->reserve};

	if (index + 1 < path->hop_count && path->rate_up > 0) {
		reserve.toward = path->hops[index + 1];
		reserve.rate = path->rate_up;
		reserve.tariff = path->links[index].tariff;
		reserve.limit = with_slack(path->links[index].price);
	}
	if (index > 0 && path->rate_down > 0) {
		reserve.back = path->hops[index - 1];
		reserve.back_rate = path->rate_down;
		reserve.back_tariff = path->links[index - 1].back_tariff;
		reserve.limit = MAXIMUM(reserve.limit, with_slack(path->links[index - 1].back_price));
	}
	if (reserve.rate > 0 || reserve.back_rate > 0)
		add(draft, OPERATION_RESERVE, path->hops[index])->reserve = reserve;
	else if (index > 0 && index + 1 < path->hop_count)
		(void)add(draft, OPERATION_FORWARD, path->hops[index]);
}

static void add_bursts(struct program *program, uint64_t burst)
{
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		struct program_reserve *reserve = &program->instructions[i].reserve;

		if (program->instructions[i].operation != OPERATION_RESERVE)
			continue;
		reserve->burst = reserve->rate > 0 ? burst : 0;
		reserve->back_burst = reserve->back_rate > 0 ? burst : 0;
	}
}

static void add_claim(struct draft *draft, const struct plan_part *part)
{
	struct program_claim *claim = &add(draft, OPERATION_CLAIM, part->site)->claim;

	claim->time = part->limit;
	for (uint32_t i = 0; i < part->claim_count && i < PLAN_CLAIMS; i++)
		claim->resources[claim->resource_count++] =
		        (struct program_claim_resource){.kind = part->claims[i].kind,
		                                        .amount = part->claims[i].amount,
		                                        .tariff = part->claims[i].tariff,
		                                        .limit = with_slack(part->claims[i].price)};
}

/* A run reads one blob: a second one is not supported. */
static void add_fetch(struct draft *draft, struct gateway_identity site, const uint8_t digest[32],
                      uint64_t size)
{
	const struct program *program = draft->program;
	struct program_fetch *fetch;

	if (program->instructions[program->instruction_count - 1].operation == OPERATION_FETCH) {
		draft->error = draft->error != 0 ? draft->error : BUSBAR_ERROR_NOT_SUPPORTED;
		return;
	}
	fetch = &add(draft, OPERATION_FETCH, site)->fetch;
	memcpy(fetch->digest, digest, sizeof(fetch->digest));
	fetch->size = size;
}

static void add_fetches(struct draft *draft, const struct compile_request *request)
{
	const struct demand_body *body = &request->demand->body;
	struct gateway_identity site = request->part->site;

	if (request->input != NULL)
		add_fetch(draft, site, request->input, request->demand->input_size);
	for (uint32_t i = 0; i < body->data_count; i++)
		if (body->data[i].direction == DATA_IN && body->data[i].blob)
			add_fetch(draft, site, body->data[i].digest, body->data[i].size);
}

static int copy_arguments(const struct demand_body *body, struct program_execute *execute)
{
	size_t used = 0;

	for (uint32_t i = 0; i < body->argument_count; i++) {
		const char *argument = demand_argument(body, i);
		size_t size = strlen(argument) + 1;

		if (size > sizeof(execute->arguments) - used)
			return BUSBAR_ERROR_TOO_LARGE;
		memcpy(execute->arguments + used, argument, size);
		used += size;
	}
	execute->argument_count = body->argument_count;
	return 0;
}

static void add_execute(struct draft *draft, const struct compile_request *request)
{
	const struct plan_part *part = request->part;
	struct program_execute *execute = &add(draft, OPERATION_EXECUTE, part->site)->execute;
	int code;

	memcpy(execute->service, request->demand->body.service, sizeof(execute->service));
	memcpy(execute->version, request->demand->body.version, sizeof(execute->version));
	execute->tariff = part->call_tariff;
	execute->limit = with_slack(part->call_price);
	execute->inlined = request->demand->input_size > 0 && request->input == NULL;
	code = copy_arguments(&request->demand->body, execute);
	draft->error = draft->error != 0 ? draft->error : code;
}

static void add_deliver(struct draft *draft, const struct compile_request *request)
{
	struct program_deliver *deliver = &add(draft, OPERATION_DELIVER, request->part->site)->deliver;

	deliver->to = request->part->path.hops[0];
	memcpy(deliver->address, request->address, sizeof(deliver->address));
	deliver->port = request->port;
	deliver->output_maximum = request->output_maximum;
}

int compile_program(const struct compile_request *request, struct program *ret_program)
{
	const struct plan_part *part = request->part;
	struct program program = {
	        .identifier = request->program,
	        .part = request->number,
	        .parts = request->parts,
	        .expires = request->expires,
	};
	struct draft draft = {.program = &program};
	int code;

	if (part->path.hop_count == 0 || part->path.hop_count > PLAN_HOPS)
		return BUSBAR_ERROR_BAD_VALUE;
	program.ingress = part->path.hops[0];
	for (uint32_t i = 0; i < part->path.hop_count; i++)
		add_reserve(&draft, part, i);
	add_bursts(&program, request->demand->body.burst);
	add_claim(&draft, part);
	add_fetches(&draft, request);
	add_execute(&draft, request);
	add_deliver(&draft, request);
	code = draft.error != 0 ? draft.error : program_check(&program);
	if (code < 0)
		return code;
	*ret_program = program;
	return 0;
}

void compile_release(const struct program *program, struct gateway_identity owner, int32_t error,
                     int64_t expires, struct program *ret_program)
{
	struct program release = {
	        .identifier = program->identifier,
	        .ingress = program->ingress,
	        .part = program->part,
	        .parts = program->parts,
	        .expires = expires,
	        .instruction_count = 1,
	};

	release.instructions[0] =
	        (struct instruction){.operation = OPERATION_RELEASE, .at = owner, .release = error};
	*ret_program = release;
}

int compile_segments(const struct program *program, const struct view *view,
                     uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16])
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (view_site(view, program->instructions[i].at) == NULL)
			return BUSBAR_ERROR_NOT_FOUND;
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *instruction = &program->instructions[i];
		const struct site *site = view_site(view, instruction->at);
		bool forward = instruction->operation == OPERATION_FORWARD;

		segment_make(site->locator, segment_function_of(instruction->operation), forward ? 0 : i,
		             ret_segments[i]);
	}
	return 0;
}
