/* SPDX-License-Identifier: Apache-2.0 */
#include "generate.h"

#include "tests/t.h"

static bool chance(struct random *random, unsigned of)
{
	return random_below(random, of) == 0;
}

/* Small, round, odd and largest numbers alike. */
static int64_t number(struct random *random)
{
	static const int64_t units[] = {1, 1000, 1000000, 1000000000, INT64_C(60000000000), 1024, 1 << 30};

	switch (random_below(random, 4)) {
	case 0:
		return (int64_t)(random_below(random, 1000) + 1) *
		       units[random_below(random, ARRAY_SIZE(units))];
	case 1:
		return (int64_t)(random_u64(random) >> (1 + random_below(random, 62))) | 1;
	case 2:
		return INT64_MAX - (int64_t)random_below(random, 3);
	default:
		return (int64_t)random_below(random, 5000) + 1;
	}
}

void generate_text(struct random *random, size_t capacity, char *ret_text)
{
	static const char *const pieces[] = {
	        "render", "edge-a", "stage",    "in",
	        "each",   "yes",    "null",     "true",
	        "3",      "1.5",    "\"",       "\\",
	        "#",      ": ",     "- ",       "{",
	        "}",      ";",      "\xc3\xa9", "\xe7\xae\x97",
	        " ",      "'",      ",",        "Z",
	        "9",      "-",      "[",        "\xf0\x9f\x9a\x80",
	        "~",      "&a",     "*a",       "!x",
	        "%",      "@",      "|",        ">",
	};
	size_t size = 0;
	size_t wanted = 1 + random_below(random, 6);

	for (size_t i = 0; i < wanted; i++) {
		const char *piece = pieces[random_below(random, ARRAY_SIZE(pieces))];

		if (size + strlen(piece) + 1 > capacity)
			break;
		memcpy(ret_text + size, piece, strlen(piece));
		size += strlen(piece);
	}
	if (size == 0)
		ret_text[size++] = 'x';
	ret_text[size] = '\0';
}

static void generate_need(struct random *random, enum resource_kind kind, struct demand_need *ret_need)
{
	ret_need->kind = kind;
	ret_need->amount = (uint64_t)number(random);
	ret_need->each = chance(random, 3);
}

static void generate_what(struct random *random, struct demand_body *body)
{
	char text[48];

	if (chance(random, 2)) {
		generate_text(random, sizeof(body->service), body->service);
		if (chance(random, 2))
			generate_text(random, sizeof(body->version), body->version);
		return;
	}
	for (uint64_t i = 0; i <= random_below(random, 5); i++) {
		generate_text(random, sizeof(text), text);
		if (chance(random, 8))
			text[0] = '\0';
		T_OK(demand_add_argument(body, text));
	}
}

static void generate_data(struct random *random, struct demand_body *body)
{
	while (body->data_count < DEMAND_DATA && chance(random, 2)) {
		struct demand_data *data = &body->data[body->data_count++];

		data->direction = chance(random, 2) ? DATA_IN : DATA_OUT;
		data->each = chance(random, 3);
		data->blob = chance(random, 2);
		if (data->blob)
			random_fill(random, data->digest, sizeof(data->digest));
		data->size = (uint64_t)number(random) / DEMAND_DATA + 1;
	}
}

/* Needs, or bandwidth to a service, or both; what is held, and for how long. */
static void generate_reservation(struct random *random, struct demand_body *body)
{
	bool needs = chance(random, 2);

	body->reserve_time = number(random);
	for (int kind = 0; kind < RESOURCE_KINDS && needs; kind++)
		if (body->need_count == 0 || chance(random, 3))
			generate_need(random, (enum resource_kind)kind, &body->needs[body->need_count++]);
	body->network_within = chance(random, 2) ? number(random) : 0;
	if (needs && chance(random, 2))
		return;
	generate_text(random, sizeof(body->service), body->service);
	body->network_guaranteed = body->network_within > 0 && chance(random, 2);
	body->bandwidth_up = (uint64_t)number(random);
	body->bandwidth_down = body->network_guaranteed || chance(random, 2) ? (uint64_t)number(random) : 0;
	body->burst = chance(random, 2) ? (uint64_t)number(random) : 0;
}

static void generate_body(struct random *random, struct demand_body *body)
{
	generate_what(random, body);
	for (int kind = 0; kind < RESOURCE_KINDS; kind++)
		if (chance(random, 3))
			generate_need(random, (enum resource_kind)kind, &body->needs[body->need_count++]);
	if (body->need_count > 0 && chance(random, 2))
		body->need_time = number(random);
	body->work_present = chance(random, 2);
	if (body->work_present)
		generate_need(random, (enum resource_kind)random_below(random, RESOURCE_KINDS), &body->work);
	body->work.each = false;
	body->network_within = chance(random, 2) ? number(random) : 0;
	body->respond_within = chance(random, 2) ? number(random) : 0;
	body->finish_within = chance(random, 2) ? number(random) : 0;
	body->bandwidth_up = chance(random, 2) ? (uint64_t)number(random) : 0;
	body->bandwidth_down = chance(random, 2) ? (uint64_t)number(random) : 0;
	body->burst = chance(random, 2) ? (uint64_t)number(random) : 0;
	generate_data(random, body);
	if (chance(random, 2))
		return;
	body->split = (uint32_t)random_below(random, DEMAND_PARTS) + 1;
	body->split_exactly = chance(random, 2);
	if (chance(random, 2))
		generate_need(random, (enum resource_kind)random_below(random, RESOURCE_KINDS),
		              &body->split_least);
	body->split_least.each = false;
}

static void generate_stages(struct random *random, struct demand_stage *stages, struct demand *demand)
{
	uint32_t count = (uint32_t)random_below(random, DEMAND_STAGES + 1);

	memset(stages, 0, DEMAND_STAGES * sizeof(*stages));
	demand->stages = stages;
	for (demand->stage_count = 0; demand->stage_count < count; demand->stage_count++) {
		struct demand_stage *stage = &stages[demand->stage_count];
		size_t size;

		generate_text(random, sizeof(stage->name) - 2, stage->name);
		size = strlen(stage->name);
		stage->name[size] = (char)('a' + demand->stage_count); /* no two alike */
		while (demand->stage_count > 0 && stage->after_count < DEMAND_AFTER && chance(random, 2)) {
			const char *name = stages[random_below(random, demand->stage_count)].name;

			memcpy(stage->after[stage->after_count++], name, DEMAND_NAME);
		}
		generate_body(random, &stage->body);
	}
}

static uint32_t generate_places(struct random *random, char places[DEMAND_PLACES][SITE_TEXT])
{
	uint32_t count = (uint32_t)random_below(random, DEMAND_PLACES + 1);

	for (uint32_t i = 0; i < count; i++)
		generate_text(random, SITE_TEXT, places[i]);
	return count;
}

void generate_demand(struct random *random, struct demand_stage *stages, struct demand *ret_demand)
{
	struct demand *demand = ret_demand;

	memset(demand, 0, sizeof(*demand));
	if (!chance(random, 8))
		generate_text(random, sizeof(demand->name), demand->name);
	if (chance(random, 4))
		generate_stages(random, stages, demand);
	if (demand->stage_count == 0 && chance(random, 4))
		generate_reservation(random, &demand->body);
	else if (demand->stage_count == 0 || chance(random, 2))
		generate_body(random, &demand->body);
	demand->budget = chance(random, 2) ? number(random) : 0;
	demand->prefer = (enum demand_prefer)random_below(random, PREFER_CHOICES);
	if (chance(random, 3))
		demand->region_count = generate_places(random, demand->regions);
	if (chance(random, 3))
		demand->operator_count = generate_places(random, demand->operators);
	if (chance(random, 3))
		demand->model_count = (uint32_t)random_below(random, DEMAND_PLACES + 1);
	for (uint32_t i = 0; i < demand->model_count; i++)
		demand->models[i] = (enum supply_model)(1 + random_below(random, SUPPLY_MODELS - 1));
	demand->trust =
	        chance(random, 2) ? (uint32_t)(random_u64(random) >> (32 + random_below(random, 31))) : 0;
	if (chance(random, 3))
		generate_text(random, sizeof(demand->affinity), demand->affinity);
	demand->offload = chance(random, 3);
	T_OK(demand_check(demand));
}

static struct gateway_identity generate_gateway(struct random *random)
{
	uint32_t site =
	        chance(random, 2) ? (uint32_t)random_below(random, 9) : (uint32_t)(random_u64(random) >> 32);

	return (struct gateway_identity){.site = site + (site == 0), .gateway = (uint16_t)random_u64(random)};
}

static void generate_reserve(struct random *random, struct program_reserve *reserve)
{
	bool back = chance(random, 2);

	if (!back || chance(random, 2)) {
		reserve->toward = generate_gateway(random);
		reserve->rate = back && chance(random, 4) ? 0 : (uint64_t)number(random);
		reserve->burst = chance(random, 2) ? (uint64_t)number(random) : 0;
		reserve->jitter = chance(random, 2) ? number(random) : 0;
		reserve->tariff = chance(random, 4) ? 0 : number(random);
	}
	if (back) {
		reserve->back = generate_gateway(random);
		reserve->back_rate = (uint64_t)number(random);
		reserve->back_burst = chance(random, 2) ? (uint64_t)number(random) : 0;
		reserve->back_jitter = chance(random, 2) ? number(random) : 0;
		reserve->back_tariff = chance(random, 4) ? 0 : number(random);
	}
	reserve->class = (uint32_t)random_below(random, LINK_CLASSES);
	reserve->time = number(random);
	reserve->limit = chance(random, 3) ? 0 : number(random);
}

static void generate_claim(struct random *random, struct program_claim *claim)
{
	uint32_t first = (uint32_t)random_below(random, RESOURCE_KINDS);
	uint32_t count = 1 + (uint32_t)random_below(random, PLAN_CLAIMS);

	claim->resource_count = count;
	for (uint32_t i = 0; i < count; i++) {
		claim->resources[i].kind = (enum resource_kind)((first + i) % RESOURCE_KINDS);
		claim->resources[i].amount = (uint64_t)number(random);
		claim->resources[i].tariff = chance(random, 4) ? 0 : number(random);
		claim->resources[i].limit = chance(random, 4) ? 0 : number(random);
	}
	claim->time = number(random);
}

static void generate_execute(struct random *random, struct program_execute *execute)
{
	size_t used = 0;

	if (chance(random, 2)) {
		generate_text(random, sizeof(execute->service), execute->service);
		if (chance(random, 2))
			generate_text(random, sizeof(execute->version), execute->version);
	} else {
		execute->argument_count = 1 + (uint32_t)random_below(random, 5);
	}
	for (uint32_t i = 0; i < execute->argument_count; i++) {
		if (!chance(random, 8))
			generate_text(random, 32, execute->arguments + used);
		used += strlen(execute->arguments + used) + 1;
	}
	execute->tariff = chance(random, 3) ? 0 : number(random);
	execute->limit = chance(random, 3) ? 0 : number(random);
	execute->inlined = chance(random, 2);
}

static void generate_release(struct random *random, int32_t *release)
{
	switch (random_below(random, 4)) {
	case 0:
		*release = 0;
		break;
	case 1:
		*release = -(int32_t)random_below(random, 200);
		break;
	case 2:
		*release = INT32_MIN + (int32_t)random_below(random, 1000);
		break;
	default:
		*release = error_code_at(1 + (unsigned)random_below(random, ERROR_COUNT - 1));
	}
}

static void generate_operands(struct random *random, struct instruction *instruction)
{
	switch (instruction->operation) {
	case OPERATION_RESERVE:
		generate_reserve(random, &instruction->reserve);
		break;
	case OPERATION_CLAIM:
		generate_claim(random, &instruction->claim);
		break;
	case OPERATION_FETCH:
		random_fill(random, instruction->fetch.digest, sizeof(instruction->fetch.digest));
		instruction->fetch.size = chance(random, 4) ? 0 : (uint64_t)number(random);
		break;
	case OPERATION_EXECUTE:
		generate_execute(random, &instruction->execute);
		break;
	case OPERATION_DELIVER:
		instruction->deliver.to = generate_gateway(random);
		if (!chance(random, 8))
			random_fill(random, instruction->deliver.address,
			            sizeof(instruction->deliver.address));
		instruction->deliver.port = (uint16_t)random_u64(random);
		instruction->deliver.output_maximum = chance(random, 4) ? 0 : (uint64_t)number(random);
		break;
	case OPERATION_RELEASE:
		generate_release(random, &instruction->release);
		break;
	case OPERATION_ATTACH:
		random_fill(random, instruction->attach.client, sizeof(instruction->attach.client));
		random_fill(random, instruction->attach.service, sizeof(instruction->attach.service));
		break;
	case OPERATION_REFRESH:
		instruction->refresh.time = number(random);
		break;
	default:
		break;
	}
}

static bool has(const struct program *program, enum operation operation, struct gateway_identity owner)
{
	for (uint32_t i = 0; i < program->instruction_count; i++)
		if (program->instructions[i].operation == operation &&
		    (gateway_is_none(owner) || gateway_equal(program->instructions[i].at, owner)))
			return true;
	return false;
}

/* Whether the operation may come next at this owner; one claim and one execution in all. */
static bool fits(const struct program *program, enum operation operation, struct gateway_identity owner)
{
	const struct gateway_identity anyone = {0, 0};
	const struct instruction *last = &program->instructions[program->instruction_count - 1];

	switch (operation) {
	case OPERATION_CLAIM:
		return !has(program, OPERATION_CLAIM, anyone);
	case OPERATION_EXECUTE:
		return program->instruction_count > 0 && last->operation == OPERATION_CLAIM &&
		       gateway_equal(last->at, owner);
	case OPERATION_ATTACH:
		return has(program, OPERATION_RESERVE, owner) || has(program, OPERATION_CLAIM, owner);
	default:
		return operation != OPERATION_REFRESH;
	}
}

static void generate_instruction(struct random *random, struct program *program, enum operation operation,
                                 struct gateway_identity owner)
{
	struct instruction *instruction = &program->instructions[program->instruction_count++];

	instruction->at = owner;
	instruction->operation = operation;
	generate_operands(random, instruction);
}

/* Refreshes stand among themselves; other owners have, in turn, some of the operations in their order. */
void generate_program(struct random *random, struct program *ret_program)
{
	struct program *program = ret_program;
	bool refreshes = chance(random, 8);

	memset(program, 0, sizeof(*program));
	random_fill(random, program->identifier.octets, sizeof(program->identifier.octets));
	program->ingress = generate_gateway(random);
	program->parts = (uint16_t)(1 + random_below(random, 300));
	program->part = (uint16_t)(1 + random_below(random, program->parts));
	program->expires = number(random);
	for (uint32_t owner = 1; program->instruction_count < PROGRAM_INSTRUCTIONS; owner++) {
		struct gateway_identity at = {.site = owner * 7, .gateway = (uint16_t)owner};

		if (refreshes)
			generate_instruction(random, program, OPERATION_REFRESH, at);
		for (int i = 0; i < OPERATIONS && program->instruction_count < PROGRAM_INSTRUCTIONS; i++)
			if (!refreshes && chance(random, 3) && fits(program, (enum operation)i, at))
				generate_instruction(random, program, (enum operation)i, at);
		if (program->instruction_count > 0 && chance(random, 5))
			break;
	}
	T_OK(program_check(program));
}

static void assert_same_need(const struct demand_need *a, const struct demand_need *b)
{
	T_EQ(a->kind, b->kind);
	T_EQ(a->amount, b->amount);
	T_EQ(a->each, b->each);
}

static void assert_same_data(const struct demand_data *a, const struct demand_data *b)
{
	T_EQ(a->direction, b->direction);
	T_EQ(a->each, b->each);
	T_EQ(a->blob, b->blob);
	T_BYTES(a->digest, b->digest, sizeof(a->digest));
	T_EQ(a->size, b->size);
}

static void assert_same_body(const struct demand_body *a, const struct demand_body *b)
{
	T_TEXT(a->service, b->service);
	T_TEXT(a->version, b->version);
	T_EQ(a->argument_count, b->argument_count);
	for (uint32_t i = 0; i < a->argument_count; i++)
		T_TEXT(demand_argument(a, i), demand_argument(b, i));
	T_EQ(a->need_count, b->need_count);
	for (uint32_t i = 0; i < a->need_count; i++)
		assert_same_need(&a->needs[i], &b->needs[i]);
	T_EQ(a->need_time, b->need_time);
	T_EQ(a->work_present, b->work_present);
	assert_same_need(&a->work, &b->work);
	T_EQ(a->reserve_time, b->reserve_time);
	T_EQ(a->network_within, b->network_within);
	T_EQ(a->network_guaranteed, b->network_guaranteed);
	T_EQ(a->respond_within, b->respond_within);
	T_EQ(a->finish_within, b->finish_within);
	T_EQ(a->bandwidth_up, b->bandwidth_up);
	T_EQ(a->bandwidth_down, b->bandwidth_down);
	T_EQ(a->burst, b->burst);
	T_EQ(a->data_count, b->data_count);
	for (uint32_t i = 0; i < a->data_count; i++)
		assert_same_data(&a->data[i], &b->data[i]);
	T_EQ(a->split, b->split);
	T_EQ(a->split_exactly, b->split_exactly);
	assert_same_need(&a->split_least, &b->split_least);
}

static void assert_same_stage(const struct demand_stage *a, const struct demand_stage *b)
{
	T_TEXT(a->name, b->name);
	T_EQ(a->after_count, b->after_count);
	for (uint32_t i = 0; i < a->after_count; i++)
		T_TEXT(a->after[i], b->after[i]);
	assert_same_body(&a->body, &b->body);
}

void assert_same_demand(const struct demand *a, const struct demand *b)
{
	T_TEXT(a->name, b->name);
	assert_same_body(&a->body, &b->body);
	T_EQ(a->stage_count, b->stage_count);
	for (uint32_t i = 0; i < a->stage_count; i++)
		assert_same_stage(&a->stages[i], &b->stages[i]);
	T_EQ(a->budget, b->budget);
	T_EQ(a->prefer, b->prefer);
	T_EQ(a->region_count, b->region_count);
	T_EQ(a->operator_count, b->operator_count);
	T_EQ(a->model_count, b->model_count);
	for (uint32_t i = 0; i < a->region_count; i++)
		T_TEXT(a->regions[i], b->regions[i]);
	for (uint32_t i = 0; i < a->operator_count; i++)
		T_TEXT(a->operators[i], b->operators[i]);
	for (uint32_t i = 0; i < a->model_count; i++)
		T_EQ(a->models[i], b->models[i]);
	T_EQ(a->trust, b->trust);
	T_TEXT(a->affinity, b->affinity);
	T_EQ(a->offload, b->offload);
}

static void assert_same_gateway(struct gateway_identity a, struct gateway_identity b)
{
	T_EQ(a.site, b.site);
	T_EQ(a.gateway, b.gateway);
}

static void assert_same_reserve(const struct program_reserve *a, const struct program_reserve *b)
{
	assert_same_gateway(a->toward, b->toward);
	assert_same_gateway(a->back, b->back);
	T_EQ(a->class, b->class);
	T_EQ(a->jitter, b->jitter);
	T_EQ(a->back_jitter, b->back_jitter);
	T_EQ(a->rate, b->rate);
	T_EQ(a->burst, b->burst);
	T_EQ(a->back_rate, b->back_rate);
	T_EQ(a->back_burst, b->back_burst);
	T_EQ(a->time, b->time);
	T_EQ(a->tariff, b->tariff);
	T_EQ(a->back_tariff, b->back_tariff);
	T_EQ(a->limit, b->limit);
}

static void assert_same_claim(const struct program_claim *a, const struct program_claim *b)
{
	T_EQ(a->resource_count, b->resource_count);
	for (uint32_t i = 0; i < a->resource_count; i++) {
		T_EQ(a->resources[i].kind, b->resources[i].kind);
		T_EQ(a->resources[i].amount, b->resources[i].amount);
		T_EQ(a->resources[i].tariff, b->resources[i].tariff);
		T_EQ(a->resources[i].limit, b->resources[i].limit);
	}
	T_EQ(a->time, b->time);
}

static void assert_same_execute(const struct program_execute *a, const struct program_execute *b)
{
	const char *from = a->arguments, *to = b->arguments;

	T_TEXT(a->service, b->service);
	T_TEXT(a->version, b->version);
	T_EQ(a->argument_count, b->argument_count);
	for (uint32_t i = 0; i < a->argument_count; i++, from += strlen(from) + 1, to += strlen(to) + 1)
		T_TEXT(from, to);
	T_EQ(a->tariff, b->tariff);
	T_EQ(a->limit, b->limit);
	T_EQ(a->inlined, b->inlined);
}

static void assert_same_instruction(const struct instruction *a, const struct instruction *b)
{
	assert_same_gateway(a->at, b->at);
	T_EQ(a->operation, b->operation);
	switch (a->operation) {
	case OPERATION_RESERVE:
		assert_same_reserve(&a->reserve, &b->reserve);
		break;
	case OPERATION_CLAIM:
		assert_same_claim(&a->claim, &b->claim);
		break;
	case OPERATION_FETCH:
		T_BYTES(a->fetch.digest, b->fetch.digest, sizeof(a->fetch.digest));
		T_EQ(a->fetch.size, b->fetch.size);
		break;
	case OPERATION_EXECUTE:
		assert_same_execute(&a->execute, &b->execute);
		break;
	case OPERATION_DELIVER:
		assert_same_gateway(a->deliver.to, b->deliver.to);
		T_BYTES(a->deliver.address, b->deliver.address, sizeof(a->deliver.address));
		T_EQ(a->deliver.port, b->deliver.port);
		T_EQ(a->deliver.output_maximum, b->deliver.output_maximum);
		break;
	case OPERATION_RELEASE:
		T_EQ(a->release, b->release);
		break;
	case OPERATION_ATTACH:
		T_BYTES(a->attach.client, b->attach.client, sizeof(a->attach.client));
		T_BYTES(a->attach.service, b->attach.service, sizeof(a->attach.service));
		break;
	case OPERATION_REFRESH:
		T_EQ(a->refresh.time, b->refresh.time);
		break;
	default:
		break;
	}
}

void assert_same_program(const struct program *a, const struct program *b)
{
	T_BYTES(a->identifier.octets, b->identifier.octets, sizeof(a->identifier.octets));
	assert_same_gateway(a->ingress, b->ingress);
	T_EQ(a->part, b->part);
	T_EQ(a->parts, b->parts);
	T_EQ(a->expires, b->expires);
	T_EQ(a->instruction_count, b->instruction_count);
	for (uint32_t i = 0; i < a->instruction_count; i++)
		assert_same_instruction(&a->instructions[i], &b->instructions[i]);
}
