/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "base/clock.h"
#include "base/text.h"
#include "tests/t.h"
#include "tests/unit/grammar/generate.h"
#include "wire/segment.h"

#define SAMPLE_TIME (INT64_C(1767225600) * CLOCK_SECOND)

const struct seal_ring sample_ring = {
        .count = 2,
        .keys = {{.identifier = 1, .secret = "the first key of the domain ...."},
                 {.identifier = 2, .secret = "the key that was before it ....."}},
};
const uint8_t sample_prefix[16] = {0xfc, 0, 0, 0, 0, 4};
const uint8_t sample_stamp_key[STAMP_KEY] = "the key of probes and of replies";

static const struct gateway_identity edge = {1, 1}, core = {2, 1}, data_centre = {4, 1};
static const struct identifier program_identifier = {
        {0x01, 0x9b, 0x76, 0xda, 0xa4, 0x00, 0x70, 0x01, 0x80, 0, 0, 0, 0, 0, 0, 0x0a}};
static const struct identifier task_identifier = {
        {0x01, 0x9b, 0x76, 0xda, 0xa4, 0x00, 0x70, 0x02, 0x80, 0, 0, 0, 0, 0, 0, 0x0b}};

const uint8_t *sample_secret(void *context, uint32_t key)
{
	static const uint8_t secret[SEAL_SECRET] = "the secret of a tenant .........";
	static const uint8_t other[SEAL_SECRET] = "the secret of another tenant ...";

	return key == SAMPLE_TENANT ? secret : key == SAMPLE_OTHER_TENANT ? other : NULL;
}

static void fill(uint8_t *octets, size_t size, uint8_t first)
{
	for (size_t i = 0; i < size; i++)
		octets[i] = (uint8_t)(first + i);
}

struct demand sample_demand(void)
{
	struct demand demand = {.name = "render",
	                        .body = {.service = "cloud-render",
	                                 .version = "3",
	                                 .need_count = 1,
	                                 .needs = {{RESOURCE_MEMORY, UINT64_C(2) << 30, true}},
	                                 .work_present = true,
	                                 .work = {RESOURCE_CPU_GFLOPS, UINT64_C(400000000), false},
	                                 .finish_within = 20 * CLOCK_SECOND,
	                                 .bandwidth_up = 20000000,
	                                 .bandwidth_down = 80000000,
	                                 .burst = 64000,
	                                 .data_count = 1,
	                                 .data = {{.direction = DATA_IN, .blob = true, .size = 200000000}},
	                                 .split = 8},
	                        .budget = 20000000,
	                        .region_count = 1,
	                        .regions = {"demo-east"},
	                        .input_size = 16};

	fill(demand.body.data[0].digest, sizeof(demand.body.data[0].digest), 0x40);
	fill(demand.input, demand.input_size, 'a');
	return demand;
}

struct demand sample_staged_demand(struct demand_stage stages[DEMAND_STAGES])
{
	struct demand demand = {.name = "two",
	                        .stage_count = 2,
	                        .stages = stages,
	                        .prefer = PREFER_CARBON,
	                        .model_count = 1,
	                        .models = {SUPPLY_GRID},
	                        .trust = 3,
	                        .affinity = "demo",
	                        .offload = true};

	memset(stages, 0, DEMAND_STAGES * sizeof(*stages));
	stages[0] = (struct demand_stage){.name = "read", .body = {.service = "ocr"}};
	stages[1] = (struct demand_stage){.name = "sum", .after_count = 1, .after = {"read"}};
	T_OK(demand_add_argument(&stages[1].body, "/usr/bin/wc"));
	T_OK(demand_add_argument(&stages[1].body, "-l"));
	return demand;
}

struct demand sample_reserve_demand(void)
{
	return (struct demand){.name = "voice",
	                       .body = {.service = "voice",
	                                .version = "1",
	                                .need_count = 1,
	                                .needs = {{RESOURCE_MEMORY, UINT64_C(256) << 20, false}},
	                                .reserve_time = 600 * CLOCK_SECOND,
	                                .network_within = 20 * CLOCK_MILLISECOND,
	                                .network_guaranteed = true,
	                                .bandwidth_up = 100000,
	                                .bandwidth_down = 100000,
	                                .burst = 3000},
	                       .budget = 50000000};
}

struct demand sample_demand_for(enum datagram_type type)
{
	return type == DATAGRAM_RESERVE ? sample_reserve_demand() : sample_demand();
}

static struct instruction reserve_at(struct gateway_identity at, struct gateway_identity toward,
                                     struct gateway_identity back)
{
	return (struct instruction){.operation = OPERATION_RESERVE,
	                            .at = at,
	                            .reserve = {.toward = toward,
	                                        .back = back,
	                                        .class = 1,
	                                        .rate = toward.site ? 20000000 : 0,
	                                        .burst = toward.site ? 64000 : 0,
	                                        .back_rate = back.site ? 80000000 : 0,
	                                        .back_burst = back.site ? 64000 : 0,
	                                        .time = 9 * CLOCK_SECOND,
	                                        .tariff = 120,
	                                        .back_tariff = 130,
	                                        .limit = 150}};
}

struct program sample_program(void)
{
	struct gateway_identity nobody = {0, 0};
	struct program program = {.identifier = program_identifier,
	                          .ingress = edge,
	                          .part = 1,
	                          .parts = 8,
	                          .expires = SAMPLE_TIME + 2 * CLOCK_SECOND,
	                          .instruction_count = 7};
	struct instruction *at = program.instructions;

	at[0] = reserve_at(edge, core, nobody);
	at[1] = reserve_at(core, data_centre, edge);
	at[1].reserve.jitter = at[1].reserve.back_jitter = 2 * CLOCK_MILLISECOND;
	at[2] = (struct instruction){.operation = OPERATION_FORWARD, .at = {3, 1}};
	at[3] = (struct instruction){.operation = OPERATION_CLAIM,
	                             .at = data_centre,
	                             .claim = {.resource_count = 2,
	                                       .resources = {{RESOURCE_CPU_GFLOPS, 50000000, 700, 800},
	                                                     {RESOURCE_MEMORY, UINT64_C(2) << 30, 90, 0}},
	                                       .time = 9 * CLOCK_SECOND}};
	at[4] = (struct instruction){.operation = OPERATION_FETCH,
	                             .at = data_centre,
	                             .fetch = {.size = 200000000}};
	fill(at[4].fetch.digest, sizeof(at[4].fetch.digest), 0x40);
	at[5] = (struct instruction){
	        .operation = OPERATION_EXECUTE,
	        .at = data_centre,
	        .execute = {
	                .service = "cloud-render", .version = "3", .tariff = 5, .limit = 9, .inlined = true}};
	at[6] = (struct instruction){.operation = OPERATION_DELIVER,
	                             .at = data_centre,
	                             .deliver = {.to = edge, .port = 4181, .output_maximum = 1 << 20}};
	segment_gateway_address((const uint8_t[16]){0xfc, 0, 0, 0, 0, 1}, at[6].deliver.address);
	return program;
}

struct program sample_release(void)
{
	struct program program = sample_program();

	program.instruction_count = 2;
	for (uint32_t i = 0; i < program.instruction_count; i++)
		program.instructions[i] = (struct instruction){.operation = OPERATION_RELEASE,
		                                               .at = program.instructions[i].at,
		                                               .release = BUSBAR_ERROR_NO_CAPACITY};
	return program;
}

static struct instruction attach_at(struct gateway_identity at)
{
	return (struct instruction){.operation = OPERATION_ATTACH,
	                            .at = at,
	                            .attach = {.client = {0x20, 0x01, 0x0d, 0xb8, [15] = 0xc1},
	                                       .service = {0xfc, 0, 0, 0xff, [15] = 0x11}}};
}

struct program sample_reservation(void)
{
	struct gateway_identity nobody = {0, 0};
	struct program program = sample_program(), whole = program;
	struct instruction *at = whole.instructions;

	memset(at, 0, sizeof(whole.instructions));
	whole.part = whole.parts = 1;
	whole.instruction_count = 6;
	at[0] = program.instructions[0];
	at[1] = attach_at(edge);
	at[2] = program.instructions[1];
	at[3] = reserve_at(data_centre, nobody, core);
	at[4] = program.instructions[3];
	at[5] = attach_at(data_centre);
	return whole;
}

struct program sample_refresh(void)
{
	struct program program = sample_program();

	memset(program.instructions, 0, sizeof(program.instructions));
	program.instruction_count = 3;
	for (uint32_t i = 0; i < program.instruction_count; i++)
		program.instructions[i] = (struct instruction){.operation = OPERATION_REFRESH,
		                                               .at = i == 0   ? edge
		                                                     : i == 1 ? core
		                                                              : data_centre,
		                                               .refresh = {.time = 30 * CLOCK_SECOND}};
	return program;
}

static struct metric sample_metric(uint32_t score)
{
	return (struct metric){.score = score & 0xf,
	                       .source = METRIC_MEASURED | METRIC_NORMALIZATION | METRIC_AGGREGATION,
	                       .statistic = METRIC_MEAN,
	                       .window = 10000};
}

struct site sample_site(void)
{
	struct site site = {
	        .identity = data_centre,
	        .name = "dc-1",
	        .operator= "demo",
	        .region = "demo-east",
	        .model = SUPPLY_CLOUD,
	        .trust = 8,
	        .gflops_per_core = 14200000,
	        .core_grams = 350,
	        .start = 28 * CLOCK_MILLISECOND,
	        .measured = SAMPLE_TIME,
	        .validity = 30 * CLOCK_SECOND,
	        .resource_count = 2,
	        .resources = {{RESOURCE_CPU, 64000000, 48000000, 600, 8000, 500},
	                      {RESOURCE_MEMORY, UINT64_C(256) << 30, UINT64_C(200) << 30, 90, 4000, 70}},
	        .link_count = 1,
	        .links = {{.from = data_centre,
	                   .toward = core,
	                   .delay = 4 * CLOCK_MILLISECOND,
	                   .least = 3900 * CLOCK_MICROSECOND,
	                   .jitter = 80 * CLOCK_MICROSECOND,
	                   .ceilings = {6 * CLOCK_MILLISECOND, 9 * CLOCK_MILLISECOND},
	                   .loss = 12,
	                   .capacity = UINT64_C(1000000000),
	                   .free = UINT64_C(640000000),
	                   .base = 100,
	                   .steepness = 16000,
	                   .tariff = 120}},
	        .metrics = {
	                [METRIC_COMPUTING] = sample_metric(8), [METRIC_COMMUNICATION] = sample_metric(6)}};

	memcpy(site.locator, sample_prefix, sizeof(site.locator));
	return site;
}

struct service_offer sample_service(void)
{
	return (struct service_offer){
	        .site = data_centre,
	        .address = {0xfc, 0, 0, 0xff, [15] = 0x11},
	        .name = "cloud-render",
	        .version = "3",
	        .score = 7,
	        .cpu = 2000000,
	        .memory = UINT64_C(1) << 30,
	        .processes = 32,
	        .time = 900 * CLOCK_MILLISECOND,
	        .start = 28 * CLOCK_MILLISECOND,
	        .running = 3,
	        .price = 4,
	        .tariff = 5,
	        .metrics = {[METRIC_SERVICE] = sample_metric(9), [METRIC_NORM] = sample_metric(7)}};
}

struct attribute_header sample_header(enum attribute_content content)
{
	return (struct attribute_header){.content = content,
	                                 .key = 1,
	                                 .sender = data_centre,
	                                 .sequence = (uint64_t)SAMPLE_TIME + 17,
	                                 .domain_count = 2,
	                                 .domain = {64512, 4200000001}};
}

struct datagram sample_datagram(enum datagram_type type)
{
	struct datagram datagram = {.type = type,
	                            .key = SAMPLE_TENANT,
	                            .identifier = program_identifier,
	                            .sent = SAMPLE_TIME + 5};

	switch (type) {
	case DATAGRAM_DOCUMENT:
		datagram.ask.document = DOCUMENT_TASK;
		datagram.ask.task = task_identifier;
		datagram.ask.offset = 1200;
		break;
	case DATAGRAM_OUTPUT:
		datagram.ask.task = task_identifier;
		datagram.ask.part = 2;
		break;
	case DATAGRAM_CANCEL:
		datagram.ask.task = task_identifier;
		break;
	case DATAGRAM_FOLLOW:
		datagram.follow.task = task_identifier;
		datagram.follow.anchor = edge;
		break;
	case DATAGRAM_ERROR:
		datagram.error.code = BUSBAR_ERROR_BUDGET;
		text_copy(datagram.error.text, sizeof(datagram.error.text), "budget is too small");
		break;
	case DATAGRAM_TASK:
		datagram.task.task = task_identifier;
		datagram.task.state = 4;
		datagram.task.anchor = edge;
		break;
	case DATAGRAM_RESULT:
		datagram.result.task = task_identifier;
		datagram.result.size = datagram.result.inline_size = 24;
		fill(datagram.result.digest, 32, 0x80);
		fill(datagram.result.output, 24, 'A');
		break;
	case DATAGRAM_SLICE_OF:
		datagram.slice.total = 1240;
		datagram.slice.offset = 1200;
		datagram.slice.size = 40;
		fill(datagram.slice.bytes, 40, '0');
		break;
	default:
		break;
	}
	return datagram;
}

static struct receipt sample_receipt(void)
{
	return (struct receipt){.program = program_identifier,
	                        .owner = data_centre,
	                        .ingress = edge,
	                        .started = SAMPLE_TIME + CLOCK_SECOND,
	                        .ended = SAMPLE_TIME + 4 * CLOCK_SECOND,
	                        .run_wall = 2 * CLOCK_SECOND,
	                        .run_cpu = 7 * CLOCK_SECOND,
	                        .memory_peak = 900000000,
	                        .line_count = 3,
	                        .lines = {{.kind = LINE_RESOURCE,
	                                   .resource = RESOURCE_CPU,
	                                   .amount = 2000000,
	                                   .time = 3 * CLOCK_SECOND,
	                                   .tariff = 500,
	                                   .charge = 3000},
	                                  {.kind = LINE_LINK,
	                                   .toward = core,
	                                   .amount = 80000000,
	                                   .time = 3 * CLOCK_SECOND,
	                                   .tariff = 120,
	                                   .charge = 28800},
	                                  {.kind = LINE_CALL, .amount = 1, .tariff = 5, .charge = 5}}};
}

static const struct answer_client sample_client = {{0x20, 0x01, 0x0d, 0xb8, [15] = 0xc1}, 40001};

static const struct answer_access sample_access = {1000000, 1000001, 2000000, 2000001};

struct answer sample_answer(enum answer_type type)
{
	struct answer answer = {.type = type,
	                        .program = program_identifier,
	                        .sender = type == ANSWER_ACKNOWLEDGE ? edge : data_centre,
	                        .processing = 170 * CLOCK_MICROSECOND};

	if (type == ANSWER_GRANTED)
		answer.valid = SAMPLE_TIME + 30 * CLOCK_SECOND;
	if (type == ANSWER_REFUSED)
		answer.refusal = (struct answer_refusal){.error = BUSBAR_ERROR_NO_CAPACITY,
		                                         .resource = RESOURCE_MEMORY,
		                                         .toward = core,
		                                         .have = 1 << 20,
		                                         .need = 1 << 30,
		                                         .price = 640};
	if (type == ANSWER_RESULT) {
		answer.result = (struct answer_result){
		        .exit_status = 3, .size = 20, .run_wall = 2 * CLOCK_SECOND, .inline_size = 20};
		fill(answer.result.digest, 32, 0x80);
		fill(answer.result.output, 20, 'A');
	}
	if (type == ANSWER_RECEIPT)
		answer.receipt = sample_receipt();
	if (type == ANSWER_ACKNOWLEDGE)
		answer.acknowledged = ANSWER_RECEIPT;
	if (type == ANSWER_FOLLOW) {
		answer.program = task_identifier;
		answer.follow = (struct answer_follow){.client = sample_client,
		                                       .key = SAMPLE_TENANT,
		                                       .request = program_identifier,
		                                       .sent = SAMPLE_TIME + 5,
		                                       .access = sample_access};
	}
	if (type == ANSWER_RELAY) {
		answer.program = task_identifier;
		answer.relay = (struct answer_relay){.client = sample_client, .size = 93};
		fill(answer.relay.datagram, answer.relay.size, '0');
	}
	if (type == ANSWER_ASK) {
		answer.program = task_identifier;
		answer.ask =
		        (struct answer_ask){.client = sample_client, .access = sample_access, .size = 120};
		fill(answer.ask.datagram, answer.ask.size, 'a');
	}
	return answer;
}

struct stamp_probe sample_probe(void)
{
	return (struct stamp_probe){.sequence = 0xfffffffe,
	                            .sent = SAMPLE_TIME + 999999999,
	                            .error = {.scale = 32, .multiplier = 1},
	                            .session = 5};
}

struct stamp_reply sample_reply(void)
{
	return (struct stamp_reply){.sequence = 0xfffffffe,
	                            .sent = SAMPLE_TIME + CLOCK_SECOND + 61000,
	                            .error = {.synchronised = true, .scale = 10, .multiplier = 200},
	                            .session = 5,
	                            .received = SAMPLE_TIME + CLOCK_SECOND + 60000,
	                            .sender_sequence = 0xfffffffe,
	                            .sender_sent = SAMPLE_TIME + 999999999,
	                            .sender_error = {.scale = 32, .multiplier = 1},
	                            .sender_ttl = 255};
}

struct site_load sample_load(void)
{
	return (struct site_load){
	        .identity = {5, 1},
	        .measured = SAMPLE_TIME,
	        .validity = 2 * CLOCK_SECOND,
	        .running = 3,
	        .waiting = 1,
	        .wait = 40 * CLOCK_MILLISECOND,
	        .resource_count = 2,
	        .resources = {{.kind = RESOURCE_CPU, .free = 5000000, .base = 10000},
	                      {.kind = RESOURCE_MEMORY, .free = UINT64_C(1) << 31, .base = 1000}},
	        .link_count = 1,
	        .links = {{.toward = {3, 1}, .free = 940000000, .base = 100}},
	};
}

void sample_segments(const struct program *program, uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16])
{
	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *instruction = &program->instructions[i];
		uint8_t locator[16] = {0xfc, [4] = (uint8_t)(instruction->at.site >> 8),
		                       [5] = (uint8_t)instruction->at.site};
		bool forward = instruction->operation == OPERATION_FORWARD;

		segment_make(locator, segment_function_of(instruction->operation), forward ? 0 : i,
		             ret_segments[i]);
	}
}

/* Small, large and largest numbers alike. */
uint64_t sample_number(struct random *random)
{
	switch (random_below(random, 4)) {
	case 0:
		return random_below(random, 200);
	case 1:
		return INT64_MAX - random_below(random, 3);
	default:
		return random_u64(random) >> (1 + random_below(random, 63));
	}
}

static int64_t signed_number(struct random *random)
{
	return (int64_t)sample_number(random);
}

static struct gateway_identity somebody(struct random *random)
{
	uint32_t site = (uint32_t)(random_u64(random) >> random_below(random, 32));

	return (struct gateway_identity){site + (site == 0), (uint16_t)random_u64(random)};
}

static int32_t code(struct random *random)
{
	return random_below(random, 2) ? 0
	                               : error_code_at(1 + (unsigned)random_below(random, ERROR_COUNT - 1));
}

static struct resource_offer random_offer(struct random *random, enum resource_kind kind)
{
	struct resource_offer offer = {.kind = kind,
	                               .capacity = sample_number(random),
	                               .base = signed_number(random),
	                               .steepness = 1000 + (uint32_t)random_below(random, UINT32_MAX - 1000),
	                               .tariff = signed_number(random)};

	offer.free = random_below(random, offer.capacity + 1);
	return offer;
}

/* Each of them present or not. */
static void random_metrics(struct random *random, struct metric metrics[METRIC_KINDS])
{
	for (int kind = 0; kind < METRIC_KINDS; kind++) {
		if (random_below(random, 2) == 0)
			continue;
		metrics[kind].score = random_below(random, METRIC_BEST + 1) & 0xf;
		metrics[kind].source = (1 + random_below(random, METRIC_SOURCES)) & METRIC_SOURCES;
		metrics[kind].statistic = random_below(random, METRIC_STATISTICS) & 0x7;
		metrics[kind].window = random_u64(random) & METRIC_WINDOW_MOST;
	}
}

struct site sample_random_site(struct random *random)
{
	struct site site = {.identity = somebody(random),
	                    .model = (enum supply_model)random_below(random, SUPPLY_MODELS),
	                    .trust = (uint32_t)random_below(random, 11),
	                    .gflops_per_core = sample_number(random),
	                    .core_grams = sample_number(random),
	                    .start = signed_number(random),
	                    .measured = signed_number(random),
	                    .validity = signed_number(random),
	                    .link_count = (uint32_t)random_below(random, SITE_LINKS / 2 + 1)};
	uint32_t first = (uint32_t)random_below(random, RESOURCE_KINDS);

	random_fill(random, site.locator, sizeof(site.locator));
	generate_text(random, sizeof(site.name), site.name);
	generate_text(random, sizeof(site.operator), site.operator);
	if (random_below(random, 2))
		generate_text(random, sizeof(site.region), site.region);
	site.resource_count = (uint32_t)random_below(random, RESOURCE_KINDS + 1);
	for (uint32_t i = 0; i < site.resource_count; i++)
		site.resources[i] = random_offer(random, (enum resource_kind)((first + i) % RESOURCE_KINDS));
	for (uint32_t i = 0; i < site.link_count; i++) {
		struct resource_offer offer = random_offer(random, RESOURCE_CPU);

		site.links[i] =
		        (struct link_offer){.from = site.identity,
		                            .toward = somebody(random),
		                            .delay = signed_number(random),
		                            .least = signed_number(random),
		                            .jitter = signed_number(random),
		                            .ceilings = {signed_number(random), signed_number(random)},
		                            .loss = (uint32_t)random_below(random, 1000001),
		                            .capacity = offer.capacity,
		                            .free = offer.free,
		                            .base = offer.base,
		                            .steepness = offer.steepness,
		                            .tariff = offer.tariff};
	}
	random_metrics(random, site.metrics);
	return site;
}

struct site_load sample_random_load(struct random *random)
{
	struct site_load load = {.identity = {1 + (uint32_t)random_below(random, 1000), 1},
	                         .measured = (int64_t)sample_number(random),
	                         .validity = (int64_t)sample_number(random),
	                         .running = (uint32_t)random_u64(random),
	                         .waiting = (uint32_t)random_u64(random),
	                         .wait = (int64_t)sample_number(random)};

	for (unsigned kind = 0; kind < RESOURCE_KINDS; kind++)
		if (random_below(random, 2) == 0)
			load.resources[load.resource_count++] =
			        (struct load_resource){.kind = (enum resource_kind)kind,
			                               .free = sample_number(random),
			                               .base = (money)sample_number(random)};
	load.link_count = (uint32_t)random_below(random, SITE_LINKS + 1);
	for (uint32_t i = 0; i < load.link_count; i++)
		load.links[i] = (struct load_link){.toward = {1 + (uint32_t)random_u64(random) / 2, 7},
		                                   .free = sample_number(random),
		                                   .base = (money)sample_number(random)};
	return load;
}

struct service_offer sample_random_service(struct random *random)
{
	struct service_offer service = {.site = somebody(random),
	                                .score = (uint8_t)random_below(random, 11),
	                                .cpu = sample_number(random),
	                                .memory = sample_number(random),
	                                .processes = (uint32_t)random_u64(random),
	                                .time = signed_number(random),
	                                .start = signed_number(random),
	                                .running = (uint32_t)random_u64(random),
	                                .price = signed_number(random),
	                                .tariff = signed_number(random)};

	random_fill(random, service.address, sizeof(service.address));
	generate_text(random, sizeof(service.name), service.name);
	generate_text(random, sizeof(service.version), service.version);
	random_metrics(random, service.metrics);
	if (service.metrics[METRIC_NORM].source != 0)
		service.score = (uint8_t)service.metrics[METRIC_NORM].score;
	return service;
}

struct datagram sample_random_datagram(struct random *random, enum datagram_type type)
{
	struct datagram datagram = sample_datagram(type);

	datagram.sent = signed_number(random);
	datagram.key = random_below(random, 2) ? SAMPLE_TENANT : SAMPLE_OTHER_TENANT;
	random_fill(random, datagram.identifier.octets, sizeof(datagram.identifier.octets));
	if (type == DATAGRAM_DOCUMENT)
		datagram.ask.document = (enum datagram_document)(1 + random_below(random, DOCUMENTS - 1));
	if (type == DATAGRAM_DOCUMENT || type == DATAGRAM_OUTPUT || type == DATAGRAM_CANCEL) {
		random_fill(random, datagram.ask.task.octets, 16);
		datagram.ask.part = (uint32_t)random_u64(random);
		datagram.ask.offset = sample_number(random);
	}
	if (type == DATAGRAM_ERROR) {
		datagram.error.code = code(random);
		generate_text(random, 48, datagram.error.text);
	}
	if (type == DATAGRAM_TASK) {
		datagram.task.state = (uint32_t)random_below(random, 16);
		datagram.task.code = code(random);
		datagram.task.anchor = somebody(random);
	}
	if (type == DATAGRAM_FOLLOW) {
		random_fill(random, datagram.follow.task.octets, 16);
		datagram.follow.anchor = somebody(random);
	}
	if (type == DATAGRAM_RESULT) {
		datagram.result.code = code(random);
		datagram.result.inline_size = (uint32_t)random_below(random, DATAGRAM_SLICE + 1);
		datagram.result.size =
		        datagram.result.inline_size ? datagram.result.inline_size : sample_number(random);
		random_fill(random, datagram.result.output, datagram.result.inline_size);
	}
	if (type == DATAGRAM_SLICE_OF) {
		datagram.slice.size = (uint32_t)random_below(random, DATAGRAM_SLICE + 1);
		datagram.slice.offset = sample_number(random) / 2;
		datagram.slice.total =
		        datagram.slice.offset + datagram.slice.size + random_below(random, 5000);
		random_fill(random, datagram.slice.bytes, datagram.slice.size);
	}
	return datagram;
}

struct receipt sample_random_receipt(struct random *random)
{
	struct receipt receipt = {.owner = somebody(random),
	                          .ingress = somebody(random),
	                          .error = code(random),
	                          .started = signed_number(random),
	                          .ended = signed_number(random),
	                          .run_wall = signed_number(random),
	                          .run_cpu = signed_number(random),
	                          .memory_peak = sample_number(random),
	                          .line_count = (uint32_t)random_below(random, RECEIPT_LINES + 1)};

	random_fill(random, receipt.program.octets, 16);
	for (uint32_t i = 0; i < receipt.line_count; i++)
		receipt.lines[i] = (struct receipt_line){
		        .kind = (enum receipt_line_kind)random_below(random, LINE_KINDS),
		        .resource = (enum resource_kind)random_below(random, RESOURCE_KINDS),
		        .toward = somebody(random),
		        .amount = sample_number(random),
		        .time = signed_number(random),
		        .tariff = signed_number(random),
		        .charge = signed_number(random)};
	return receipt;
}

static struct answer_client random_client(struct random *random)
{
	struct answer_client client = {.port = (uint16_t)random_u64(random)};

	random_fill(random, client.address, sizeof(client.address));
	return client;
}

static struct answer_access random_access(struct random *random)
{
	struct answer_access access = {.up = signed_number(random), .down = signed_number(random)};

	access.ceiling_up = signed_number(random);
	access.ceiling_down = signed_number(random);
	return access;
}

struct answer sample_random_answer(struct random *random, enum answer_type type)
{
	struct answer answer = {.type = type,
	                        .sender = somebody(random),
	                        .processing = signed_number(random)};

	random_fill(random, answer.program.octets, 16);
	if (type == ANSWER_REFUSED)
		answer.refusal = (struct answer_refusal){
		        .error = code(random),
		        .resource = (enum resource_kind)random_below(random, RESOURCE_KINDS),
		        .toward = somebody(random),
		        .have = signed_number(random),
		        .need = signed_number(random),
		        .price = signed_number(random)};
	if (type == ANSWER_RESULT) {
		answer.result = (struct answer_result){.error = code(random),
		                                       .exit_status = (int32_t)random_u64(random),
		                                       .size = sample_number(random),
		                                       .run_wall = signed_number(random)};
		random_fill(random, answer.result.digest, 32);
		if (random_below(random, 2))
			answer.result.size = answer.result.inline_size =
			        (uint32_t)random_below(random, ANSWER_OUTPUT + 1);
		random_fill(random, answer.result.output, answer.result.inline_size);
	}
	if (type == ANSWER_RECEIPT) {
		answer.receipt = sample_random_receipt(random);
		answer.receipt.owner = answer.sender;
		answer.receipt.program = answer.program;
	}
	if (type == ANSWER_ACKNOWLEDGE)
		answer.acknowledged = random_below(random, 2) ? ANSWER_RESULT : ANSWER_RECEIPT;
	if (type == ANSWER_FOLLOW) {
		answer.follow = (struct answer_follow){.client = random_client(random),
		                                       .key = (uint32_t)random_u64(random),
		                                       .sent = signed_number(random),
		                                       .access = random_access(random)};
		random_fill(random, answer.follow.request.octets, 16);
	}
	if (type == ANSWER_RELAY) {
		answer.relay.client = random_client(random);
		answer.relay.size = 1 + (uint32_t)random_below(random, ANSWER_RELAYED);
		random_fill(random, answer.relay.datagram, answer.relay.size);
	}
	if (type == ANSWER_ASK) {
		answer.ask.client = random_client(random);
		answer.ask.access = random_access(random);
		answer.ask.size = 1 + (uint32_t)random_below(random, ANSWER_RELAYED);
		random_fill(random, answer.ask.datagram, answer.ask.size);
	}
	return answer;
}

/* The verdict about octets in memory of exactly their size, so that a sanitizer sees what reads too far. */
static int judge(const uint8_t *bytes, size_t size, sample_verdict *verdict)
{
	uint8_t *copy = malloc(size ? size : 1);
	int result;

	assert_non_null(copy);
	if (size > 0)
		memcpy(copy, bytes, size);
	result = verdict(copy, size);
	free(copy);
	return result;
}

void sample_check_sizes(const uint8_t *bytes, size_t size, sample_verdict *verdict)
{
	uint8_t longer[SAMPLE_BUFFER] = {0};

	T_OK(judge(bytes, size, verdict));
	for (size_t cut = 0; cut < size; cut++) {
		if (judge(bytes, cut, verdict) >= 0)
			fail_msg("%zu of %zu octets are accepted", cut, size);
	}
	T_TRUE(size < sizeof(longer));
	memcpy(longer, bytes, size);
	T_TRUE(judge(longer, size + 1, verdict) < 0);
}

static bool is_refusal(int verdict)
{
	static const int codes[] = {BUSBAR_ERROR_BAD_SEGMENT_MAC, BUSBAR_ERROR_BAD_MAC,
	                            BUSBAR_ERROR_BAD_PROGRAM_MAC, BUSBAR_ERROR_UNSEALED,
	                            BUSBAR_ERROR_MALFORMED,       BUSBAR_ERROR_TRUNCATED,
	                            BUSBAR_ERROR_VERSION,         BUSBAR_ERROR_UNKNOWN_KEY,
	                            BUSBAR_ERROR_UNKNOWN_TENANT,  BUSBAR_ERROR_MISSING_FIELD,
	                            BUSBAR_ERROR_TOO_LARGE,       BUSBAR_ERROR_AMOUNT_OVERFLOW};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == verdict)
			return true;
	return false;
}

void sample_check_bits(const uint8_t *bytes, size_t size, sample_verdict *verdict, bool (*exempt)(size_t bit))
{
	uint8_t changed[SAMPLE_BUFFER];

	T_TRUE(size <= sizeof(changed));
	memcpy(changed, bytes, size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		int result;

		if (exempt != NULL && exempt(bit))
			continue;
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		result = judge(changed, size, verdict);
		if (!is_refusal(result))
			fail_msg("bit %zu of octet %zu: %d", bit % 8, bit / 8, result);
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
