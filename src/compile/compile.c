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

/*
 * What packets may be held up beyond the least delay by a link of the path's class; 0 where it has no
 * ceiling. The delay that was measured is not the least: queues may have been in it, and it is half of a
 * round trip.
 */
static int64_t jitter_of(int64_t ceiling, int64_t least)
{
	return ceiling > least ? ceiling - least : 0;
}

/* What packets on their way to the site may have been held up by the links before hop `index`. */
static int64_t jitter_up(const struct plan_path *path, uint32_t index)
{
	int64_t jitter = 0;

	for (uint32_t i = 0; i < index; i++)
		jitter += jitter_of(path->links[i].ceiling, path->links[i].least);
	return jitter;
}

/* The same for those that come from the site. */
static int64_t jitter_down(const struct plan_path *path, uint32_t index)
{
	int64_t jitter = 0;

	for (uint32_t i = index; i + 1 < path->hop_count; i++)
		jitter += jitter_of(path->links[i].back_ceiling, path->links[i].back_least);
	return jitter;
}

static bool is_reservation(const struct compile_request *request)
{
	return request->demand->body.reserve_time > 0;
}

/* What is reserved comes as its entry lets it through. */
static uint64_t burst_of(const struct compile_request *request, uint64_t rate)
{
	return link_burst(rate, request->demand->body.burst);
}

/* The links of hop `index`: its output towards the site, and that back towards the ingress. */
static void add_reserve(struct draft *draft, const struct compile_request *request, uint32_t index)
{
	const struct plan_part *part = request->part;
	const struct plan_path *path = &part->path;
	struct program_reserve reserve = {.class = path->class, .time = part->reserve};

	if (index + 1 < path->hop_count && path->rate_up > 0) {
		reserve.toward = path->hops[index + 1];
		reserve.rate = path->rate_up;
		reserve.burst = burst_of(request, reserve.rate);
		reserve.jitter = jitter_up(path, index);
		reserve.tariff = path->links[index].tariff;
		reserve.limit = with_slack(path->links[index].price);
	}
	if (index > 0 && path->rate_down > 0) {
		reserve.back = path->hops[index - 1];
		reserve.back_rate = path->rate_down;
		reserve.back_burst = burst_of(request, reserve.back_rate);
		reserve.back_jitter = jitter_down(path, index);
		reserve.back_tariff = path->links[index - 1].back_tariff;
		reserve.limit = MAXIMUM(reserve.limit, with_slack(path->links[index - 1].back_price));
	}
	if (reserve.rate > 0 || reserve.back_rate > 0)
		add(draft, OPERATION_RESERVE, path->hops[index])->reserve = reserve;
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

static bool holds_something(const struct program *program, struct gateway_identity owner)
{
	uint32_t count = program->instruction_count;

	return count > 0 && gateway_equal(program->instructions[count - 1].at, owner);
}

/*
 * The traffic of a reservation enters and leaves the path at its ends, where something is held for it. On a
 * path of one gateway there is no link to hold.
 */
static void add_attach(struct draft *draft, const struct compile_request *request, uint32_t index)
{
	const struct plan_path *path = &request->part->path;
	bool end = index == 0 || index + 1 == path->hop_count;
	struct program_attach *attach;

	if (!end || (path->rate_up == 0 && path->rate_down == 0))
		return;
	if (path->hop_count > 1 && !holds_something(draft->program, path->hops[index]))
		return;
	attach = &add(draft, OPERATION_ATTACH, path->hops[index])->attach;
	memcpy(attach->client, request->client, sizeof(attach->client));
	memcpy(attach->service, request->service, sizeof(attach->service));
}

/* A gateway in the middle of the path that is asked for nothing. */
static bool only_forwards(const struct plan_path *path, uint32_t index)
{
	return index > 0 && index + 1 < path->hop_count && path->rate_up == 0 && path->rate_down == 0;
}

static void add_deliver(struct draft *draft, const struct compile_request *request)
{
	struct program_deliver *deliver = &add(draft, OPERATION_DELIVER, request->part->site)->deliver;

	deliver->to = request->ingress;
	memcpy(deliver->address, request->address, sizeof(deliver->address));
	deliver->port = request->port;
	deliver->output_maximum = request->output_maximum;
}

static void add_run(struct draft *draft, const struct compile_request *request)
{
	const struct plan_path *path = &request->part->path;

	for (uint32_t i = 0; i < path->hop_count; i++) {
		add_reserve(draft, request, i);
		if (only_forwards(path, i))
			(void)add(draft, OPERATION_FORWARD, path->hops[i]);
	}
	add_claim(draft, request->part);
	add_fetches(draft, request);
	add_execute(draft, request);
	add_deliver(draft, request);
}

static void add_reservation(struct draft *draft, const struct compile_request *request)
{
	const struct plan_path *path = &request->part->path;

	for (uint32_t i = 0; i < path->hop_count; i++) {
		add_reserve(draft, request, i);
		if (i + 1 == path->hop_count && request->part->claim_count > 0)
			add_claim(draft, request->part);
		add_attach(draft, request, i);
	}
}

int compile_program(const struct compile_request *request, struct program *ret_program)
{
	uint32_t hops = request->part->path.hop_count;
	struct program program;
	struct draft draft = {.program = &program};
	int code;

	if (hops == 0 || hops > PLAN_HOPS)
		return BUSBAR_ERROR_BAD_VALUE;
	program_clear(&program);
	program.identifier = request->program;
	program.ingress = request->ingress;
	program.part = request->number;
	program.parts = request->parts;
	program.expires = request->expires;
	if (is_reservation(request))
		add_reservation(&draft, request);
	else
		add_run(&draft, request);
	code = draft.error != 0 ? draft.error : program_check(&program);
	if (code < 0)
		return code;
	program_copy(ret_program, &program);
	return 0;
}

/* A program of the same task and part, without instructions. */
static void follow(const struct program *program, int64_t expires, struct program *ret_program)
{
	program_clear(ret_program);
	ret_program->identifier = program->identifier;
	ret_program->ingress = program->ingress;
	ret_program->part = program->part;
	ret_program->parts = program->parts;
	ret_program->expires = expires;
}

void compile_refresh(const struct program *program, int64_t time, int64_t expires,
                     struct program *ret_program)
{
	struct program refresh;

	follow(program, expires, &refresh);
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		struct gateway_identity at = program->instructions[i].at;

		if (program->instructions[i].operation == OPERATION_FORWARD ||
		    (i > 0 && gateway_equal(program->instructions[i - 1].at, at)))
			continue;
		refresh.instructions[refresh.instruction_count++] = (struct instruction){
		        .operation = OPERATION_REFRESH, .at = at, .refresh = {.time = time}};
	}
	program_copy(ret_program, &refresh);
}

void compile_release(const struct program *program, struct gateway_identity owner, int32_t error,
                     int64_t expires, struct program *ret_program)
{
	struct program release;

	follow(program, expires, &release);
	release.instruction_count = 1;
	release.instructions[0] =
	        (struct instruction){.operation = OPERATION_RELEASE, .at = owner, .release = error};
	program_copy(ret_program, &release);
}

static void make_segment(const struct program *program, uint32_t index, const struct site *site,
                         uint8_t ret_segment[16])
{
	enum operation operation = program->instructions[index].operation;

	segment_make(site->locator, segment_function_of(operation),
	             operation == OPERATION_FORWARD ? 0 : index, ret_segment);
}

int compile_segments(const struct program *program, const struct view *view,
                     uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16])
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (view_site(view, program->instructions[i].at) == NULL)
			return BUSBAR_ERROR_NOT_FOUND;
	for (uint32_t i = 0; i < program->instruction_count; i++)
		make_segment(program, i, view_site(view, program->instructions[i].at), ret_segments[i]);
	return 0;
}

int compile_straight(const struct program *program, struct gateway_identity owner, const struct view *view,
                     uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16], uint32_t *ret_first)
{
	const struct site *site = view_site(view, owner);
	uint32_t first = 0;

	while (first < program->instruction_count && !gateway_equal(program->instructions[first].at, owner))
		first++;
	if (site == NULL || first == program->instruction_count)
		return BUSBAR_ERROR_NOT_FOUND;
	for (uint32_t i = 0; i < program->instruction_count; i++)
		make_segment(program, i, site, ret_segments[i]);
	*ret_first = first;
	return 0;
}
