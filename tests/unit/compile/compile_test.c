/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled programs: their texts, their segments, their way through a packet, and what is refused. */
#include "tests/t.h"

#include "base/clock.h"
#include "base/text.h"
#include "compile/compile.h"
#include "grammar/grammar.h"
#include "wire/packet.h"
#include "wire/segment.h"
#include <stdio.h>

#define CORE UINT64_C(1000000)
#define MEGABIT UINT64_C(1000000)
#define EXPIRES INT64_C(1769860800000000000) /* 2026-01-31T12:00:00Z */

static const struct gateway_identity edge = {1, 1}, core = {2, 1}, site = {3, 1};

static const char *name_of(void *context, struct gateway_identity identity)
{
	static const char *const names[] = {NULL, "edge-a", "core-1", "dc-1"};

	return identity.site < ARRAY_SIZE(names) ? names[identity.site] : NULL;
}

static const struct grammar_names names = {.name = name_of};

struct fixture {
	struct arena *arena;
	struct demand demand;
	struct plan_part part;
	struct compile_request request;
	struct program program;
};

/* A part at dc-1 over core-1, with a blob, 20 Mbit/s up and 80 Mbit/s down. */
static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct demand_body *body;

	if (fixture == NULL)
		return -1;
	fixture->arena = arena_create(1 << 20);
	body = &fixture->demand.body;
	text_copy(body->service, SERVICE_NAME, "cloud-render");
	text_copy(body->version, SERVICE_VERSION, "3");
	body->burst = 64000;
	body->data_count = 2;
	body->data[0] = (struct demand_data){.direction = DATA_OUT, .size = 5};
	body->data[1] = (struct demand_data){
	        .direction = DATA_IN, .blob = true, .digest = {0x9f, 0x86, 0xd0}, .size = 200000000};
	fixture->part = (struct plan_part){
	        .site = site,
	        .path = {.hop_count = 3,
	                 .hops = {edge, core, site},
	                 .links = {{.price = 400, .tariff = 200, .back_price = 800, .back_tariff = 100},
	                           {.price = 1000, .tariff = 300, .back_price = 41, .back_tariff = 150}},
	                 .rate_up = 20 * MEGABIT,
	                 .rate_down = 80 * MEGABIT},
	        .claim_count = 2,
	        .claims =
	                {{.kind = RESOURCE_CPU, .amount = 4 * CORE, .price = 16000, .tariff = 10000},
	                 {.kind = RESOURCE_MEMORY, .amount = UINT64_C(2) << 30, .price = 3, .tariff = 3000}},
	        .limit = 9 * CLOCK_SECOND,
	        .reserve = 14 * CLOCK_SECOND,
	        .call_price = 1000,
	        .call_tariff = 100000,
	};
	fixture->request = (struct compile_request){.demand = &fixture->demand,
	                                            .part = &fixture->part,
	                                            .program = {{0x01, 0x90, 0xa1, 0xb2, 0xc3, 0xd4}},
	                                            .ingress = edge,
	                                            .number = 1,
	                                            .parts = 8,
	                                            .expires = EXPIRES,
	                                            .address = {0xfc, 0, 0, 0, 0, 1, [15] = 1},
	                                            .port = 4180,
	                                            .output_maximum = 1000000};
	*state = fixture;
	return fixture->arena == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	(void)arena_free(fixture->arena);
	free(fixture);
	return 0;
}

static const char *text_of(struct fixture *fixture)
{
	const char *text = grammar_print_program(&fixture->program, &names, fixture->arena);

	assert_non_null(text);
	return text;
}

#define HEAD                                                                           \
	"program 0190a1b2c3d400000000000000000000 ingress edge-a part 1 of 8 expires " \
	"2026-01-31T12:00:00.000000000Z {\n"
#define AT_SITE                                                                                   \
	"\tat dc-1 claim cpu 4 tariff 0.00001 limit 0.000020001, memory 2 GiB tariff 0.000003 "   \
	"limit 0.000000004 for 9 s;\n"                                                            \
	"\tat dc-1 fetch sha256:9f86d00000000000000000000000000000000000000000000000000000000000" \
	" size 200 MB;\n"                                                                         \
	"\tat dc-1 execute \"cloud-render\" version \"3\" tariff 0.0001 limit 0.000001251;\n"     \
	"\tat dc-1 deliver to edge-a address \"fc00:0:1::1\" port 4180 output 1 MB;\n"            \
	"}\n"

static void test_with_bandwidth(void **state)
{
	struct fixture *fixture = *state;

	T_OK(compile_program(&fixture->request, &fixture->program));
	/* Limits: a quarter above the price, and one; of two outputs the dearer. */
	T_TEXT(text_of(fixture),
	       HEAD "\tat edge-a reserve 20 Mbit/s burst 66014 B toward core-1 tariff 0.0000002 for 14 s"
	            " limit 0.000000501;\n"
	            "\tat core-1 reserve 20 Mbit/s burst 66014 B toward dc-1 tariff 0.0000003, 80 Mbit/s "
	            "burst 66014 B"
	            " back edge-a tariff 0.0000001 for 14 s limit 0.000001251;\n"
	            "\tat dc-1 reserve 80 Mbit/s burst 66014 B back core-1 tariff 0.00000015 for 14 s"
	            " limit 0.000000052;\n" AT_SITE);
	T_OK(program_check(&fixture->program));
}

static void test_without_bandwidth(void **state)
{
	struct fixture *fixture = *state;

	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TEXT(text_of(fixture), HEAD "\tat core-1 forward;\n" AT_SITE);
}

static void test_one_direction(void **state)
{
	struct fixture *fixture = *state;

	fixture->demand.body.burst = 0; /* what the slack of timers lets through at once, and a frame */
	fixture->part.path.rate_up = 0;
	T_OK(compile_program(&fixture->request, &fixture->program)); /* the ingress sends nothing up */
	T_TEXT(text_of(fixture),
	       HEAD "\tat core-1 reserve 80 Mbit/s burst 12015 B back edge-a tariff 0.0000001 for 14 s"
	            " limit 0.000001001;\n"
	            "\tat dc-1 reserve 80 Mbit/s burst 12015 B back core-1 tariff 0.00000015 for 14 s limit "
	            "0.000000052;\n" AT_SITE);
	fixture->part.path.rate_up = 20 * MEGABIT;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TEXT(text_of(fixture),
	       HEAD "\tat edge-a reserve 20 Mbit/s burst 4515 B toward core-1 tariff 0.0000002 for 14 s"
	            " limit 0.000000501;\n"
	            "\tat core-1 reserve 20 Mbit/s burst 4515 B toward dc-1 tariff 0.0000003 for 14 s limit "
	            "0.000001251;\n" AT_SITE);
}

/* The site is the ingress itself: no links; a command with its input inline. */
static void test_at_the_ingress(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;

	body->service[0] = '\0';
	body->version[0] = '\0';
	T_OK(demand_add_argument(body, "sort"));
	T_OK(demand_add_argument(body, "-n"));
	T_OK(demand_add_argument(body, ""));
	body->data_count = 0;
	fixture->demand.input_size = 3;
	fixture->part.path.hop_count = 1;
	fixture->part.site = edge;
	fixture->part.claim_count = 1;
	fixture->part.call_price = 0;
	fixture->part.call_tariff = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TEXT(text_of(fixture),
	       HEAD "\tat edge-a claim cpu 4 tariff 0.00001 limit 0.000020001 for 9 s;\n"
	            "\tat edge-a execute run \"sort\" \"-n\" \"\" limit 0.000000001 inline;\n"
	            "\tat edge-a deliver to edge-a address \"fc00:0:1::1\" port 4180 output 1 MB;\n}\n");
}

static const uint8_t client_address[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0xc1};
static const uint8_t service_address[16] = {0xfd, 0x5e, [15] = 1};

/* The same path as a reservation, in the loose class: ceilings 1, 2, 4 and 8 ms above the delays. */
static void reserve_path(struct fixture *fixture)
{
	const int64_t ms = CLOCK_MILLISECOND;
	struct plan_link *links = fixture->part.path.links;

	fixture->demand.body.data_count = 0;
	fixture->demand.body.reserve_time = 100 * CLOCK_SECOND;
	fixture->part.limit = fixture->part.reserve = PLAN_RESERVATION_LIFETIME;
	fixture->part.path.class = 1;
	links[0].least = 2 * ms;
	links[0].ceiling = 3 * ms;
	links[0].back_least = 2 * ms;
	links[0].back_ceiling = 4 * ms;
	links[1].least = 5 * ms;
	links[1].ceiling = 9 * ms;
	links[1].back_least = 5 * ms;
	links[1].back_ceiling = 13 * ms;
	memcpy(fixture->request.client, client_address, sizeof(client_address));
	memcpy(fixture->request.service, service_address, sizeof(service_address));
}

static void assert_operations(const struct program *program, const struct instruction *expected,
                              uint32_t count)
{
	T_EQ(program->instruction_count, count);
	for (uint32_t i = 0; i < count; i++) {
		T_EQ(program->instructions[i].operation, expected[i].operation);
		T_TRUE(gateway_equal(program->instructions[i].at, expected[i].at));
	}
}

static void assert_attached(const struct instruction *instruction)
{
	T_EQ(instruction->operation, OPERATION_ATTACH);
	T_BYTES(instruction->attach.client, client_address, sizeof(client_address));
	T_BYTES(instruction->attach.service, service_address, sizeof(service_address));
}

static void test_reservation(void **state)
{
	static const struct instruction expected[] = {{OPERATION_RESERVE, edge}, {OPERATION_ATTACH, edge},
	                                              {OPERATION_RESERVE, core}, {OPERATION_RESERVE, site},
	                                              {OPERATION_CLAIM, site},   {OPERATION_ATTACH, site}};
	struct fixture *fixture = *state;
	const struct instruction *here = fixture->program.instructions;

	reserve_path(fixture);
	T_OK(compile_program(&fixture->request, &fixture->program));
	assert_operations(&fixture->program, expected, ARRAY_SIZE(expected));
	assert_attached(&here[1]);
	assert_attached(&here[5]);
	T_EQ(here[4].claim.time, PLAN_RESERVATION_LIFETIME);
	for (uint32_t i = 0; i < 4; i += 1 + (i == 0)) {
		T_EQ(here[i].reserve.class, 1);
		T_EQ(here[i].reserve.time, PLAN_RESERVATION_LIFETIME);
	}
	/* What the links before it may hold up: none at either end, one in the middle. */
	T_EQ(here[0].reserve.jitter, 0);
	T_EQ(here[0].reserve.back_jitter, 0); /* it sends nothing back */
	T_EQ(here[2].reserve.jitter, 1 * CLOCK_MILLISECOND);
	T_EQ(here[2].reserve.back_jitter, 8 * CLOCK_MILLISECOND);
	T_EQ(here[3].reserve.jitter, 0);
	T_EQ(here[3].reserve.back_jitter, 0);
	T_EQ(here[2].reserve.burst, link_burst(here[2].reserve.rate, 64000));
	T_EQ(here[2].reserve.back_burst, link_burst(here[2].reserve.back_rate, 64000));
}

/* Jitter adds up along the path; links without ceiling, or slower than it, add nothing that is known. */
static void test_jitter(void **state)
{
	struct fixture *fixture = *state;
	struct plan_path *path = &fixture->part.path;
	const int64_t ms = CLOCK_MILLISECOND;
	static const int64_t up[] = {0, 1, 1, 5, 5}, down[] = {15, 15, 15, 8, 0};

	reserve_path(fixture);
	path->hop_count = 5;
	for (uint32_t i = 0; i < 5; i++)
		path->hops[i] = (struct gateway_identity){i + 1, 1};
	fixture->part.site = path->hops[4];
	path->links[2] = path->links[1];
	path->links[3] = path->links[1];
	path->links[1].ceiling = 0;
	path->links[1].back_ceiling = 0;
	path->links[2].back_ceiling = 12 * ms;
	path->links[3].least = 10 * ms;
	T_OK(compile_program(&fixture->request, &fixture->program));
	for (uint32_t i = 0, hop = 0; i < fixture->program.instruction_count; i++) {
		const struct program_reserve *reserve = &fixture->program.instructions[i].reserve;

		if (fixture->program.instructions[i].operation != OPERATION_RESERVE)
			continue;
		T_EQ(reserve->jitter, hop == 4 ? 0 : up[hop] * ms);
		T_EQ(reserve->back_jitter, hop == 0 ? 0 : down[hop] * ms);
		hop++;
	}
}

/* Nobody on the way does anything for a claim; at the ingress's own site no link is reserved. */
static void test_reservation_of_little(void **state)
{
	static const struct instruction claimed[] = {{OPERATION_CLAIM, site}};
	static const struct instruction attached[] = {{OPERATION_ATTACH, edge}};
	struct fixture *fixture = *state;

	reserve_path(fixture);
	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	assert_operations(&fixture->program, claimed, ARRAY_SIZE(claimed));
	fixture->part.path.rate_up = MEGABIT;
	fixture->part.path.hop_count = 1;
	fixture->part.site = edge;
	fixture->part.claim_count = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	assert_operations(&fixture->program, attached, ARRAY_SIZE(attached));
	assert_attached(&fixture->program.instructions[0]);
}

/* An end that reserves nothing attaches nothing. */
static void test_reservation_of_one_direction(void **state)
{
	static const struct instruction up[] = {{OPERATION_RESERVE, edge},
	                                        {OPERATION_ATTACH, edge},
	                                        {OPERATION_RESERVE, core}};
	static const struct instruction down[] = {{OPERATION_RESERVE, core},
	                                          {OPERATION_RESERVE, site},
	                                          {OPERATION_ATTACH, site}};
	struct fixture *fixture = *state;

	reserve_path(fixture);
	fixture->part.claim_count = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	assert_operations(&fixture->program, up, ARRAY_SIZE(up));
	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = MEGABIT;
	T_OK(compile_program(&fixture->request, &fixture->program));
	assert_operations(&fixture->program, down, ARRAY_SIZE(down));
}

/* Who answers stays the same when the client has moved and its path starts elsewhere. */
static void test_moved_client(void **state)
{
	static const struct gateway_identity anchor = {9, 1};
	struct fixture *fixture = *state;

	fixture->request.ingress = anchor;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TRUE(gateway_equal(fixture->program.ingress, anchor));
	T_TRUE(gateway_equal(fixture->program.instructions[0].at, edge));
	T_TRUE(gateway_equal(fixture->program.instructions[6].deliver.to, anchor));
	reserve_path(fixture);
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TRUE(gateway_equal(fixture->program.ingress, anchor));
	T_TRUE(gateway_equal(fixture->program.instructions[0].at, edge));
}

static void test_greatest_price(void **state)
{
	struct fixture *fixture = *state;

	fixture->part.claims[0].price = INT64_MAX; /* a limit above it is no number */
	fixture->part.path.links[0].price = INT64_MAX / 5 * 4;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_EQ(fixture->program.instructions[3].claim.resources[0].limit, INT64_MAX);
	T_TRUE(fixture->program.instructions[0].reserve.limit > INT64_MAX / 5 * 4);
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;

	fixture->program.part = 77; /* untouched by what fails */
	body->data[0] = body->data[1];
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_NOT_SUPPORTED);
	body->data_count = 1;
	body->service[0] = '\0';
	body->version[0] = '\0';
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_MISSING_FIELD);
	/* 200 octets of arguments fit into a program, 201 do not. */
	memset(body->arguments, 'a', PROGRAM_ARGUMENT_TEXT);
	body->arguments[PROGRAM_ARGUMENT_TEXT] = '\0';
	body->argument_count = 1;
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_TOO_LARGE);
	fixture->part.path.hop_count = PLAN_HOPS + 1;
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_BAD_VALUE);
	fixture->part.path.hop_count = 0;
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_BAD_VALUE);
	fixture->part.path.hop_count = 3;
	T_EQ(fixture->program.part, 77);
	body->arguments[PROGRAM_ARGUMENT_TEXT - 1] = '\0';
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_EQ(fixture->program.part, 1);
	fixture->request.number = 9; /* of 8 */
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_BAD_VALUE);
}

/* Input travels inline, unless it is to be fetched: then it is the one blob that there may be. */
static void test_input(void **state)
{
	static const uint8_t digest[32] = {0xab, 0xcd};
	struct fixture *fixture = *state;
	const struct instruction *fetch;

	fixture->demand.body.data_count = 1; /* what comes out */
	fixture->demand.input_size = 700;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TRUE(strstr(text_of(fixture), " inline;") != NULL && strstr(text_of(fixture), " fetch ") == NULL);
	fixture->request.input = digest;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_TRUE(strstr(text_of(fixture), " inline;") == NULL);
	fetch = &fixture->program.instructions[4];
	T_EQ(fetch->operation, OPERATION_FETCH);
	T_EQ(fetch->fetch.size, 700);
	T_BYTES(fetch->fetch.digest, digest, sizeof(digest));
	fixture->demand.body.data_count = 2;
	T_ERROR(compile_program(&fixture->request, &fixture->program), BUSBAR_ERROR_NOT_SUPPORTED);
}

static void test_release(void **state)
{
	struct fixture *fixture = *state;
	struct program release;

	T_OK(compile_program(&fixture->request, &fixture->program));
	compile_release(&fixture->program, core, BUSBAR_ERROR_PRICE_ROSE, EXPIRES + 1, &release);
	T_OK(program_check(&release));
	fixture->program = release;
	T_TEXT(text_of(fixture),
	       "program 0190a1b2c3d400000000000000000000 ingress edge-a part 1 of 8 expires "
	       "2026-01-31T12:00:00.000000001Z {\n\tat core-1 release void PRICE_ROSE;\n}\n");
	compile_release(&release, site, 0, EXPIRES, &fixture->program);
	T_EQ(fixture->program.instructions[0].release, 0);
	T_TRUE(gateway_equal(fixture->program.instructions[0].at, site));
}

/* One refresh per owner, in travel order; those who only forward hold nothing. */
static void test_refresh(void **state)
{
	static const struct instruction expected[] = {{OPERATION_REFRESH, edge},
	                                              {OPERATION_REFRESH, core},
	                                              {OPERATION_REFRESH, site}};
	struct fixture *fixture = *state;
	struct program refresh;

	reserve_path(fixture);
	T_OK(compile_program(&fixture->request, &fixture->program));
	compile_refresh(&fixture->program, 30 * CLOCK_SECOND, EXPIRES + 1, &refresh);
	T_OK(program_check(&refresh));
	assert_operations(&refresh, expected, ARRAY_SIZE(expected));
	T_EQ(refresh.expires, EXPIRES + 1);
	T_BYTES(refresh.identifier.octets, fixture->program.identifier.octets, 16);
	T_EQ(refresh.part, fixture->program.part);
	for (uint32_t i = 0; i < 3; i++)
		T_EQ(refresh.instructions[i].refresh.time, 30 * CLOCK_SECOND);
	fixture->demand.body.reserve_time = 0;
	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program)); /* a run over a core that forwards */
	compile_refresh(&fixture->program, CLOCK_SECOND, EXPIRES, &refresh);
	assert_operations(&refresh, &expected[2], 1);
}

/* Gateways 1.. with locators fd00:0:<number>::/48. */
static struct view *open_view(uint32_t count)
{
	struct view *view = view_create(&(struct view_limits){.sites = 16, .reservations = 1, .suspects = 1});

	assert_non_null(view);
	for (uint32_t number = 1; number <= count; number++) {
		struct site gateway = {.identity = {number, 1}, .locator = {0xfd, [5] = (uint8_t)number}};

		T_OK(view_put_site(view, &gateway));
	}
	return view;
}

static void test_segments(void **state)
{
	struct fixture *fixture = *state;
	struct view *view = open_view(3);
	uint8_t segments[PROGRAM_INSTRUCTIONS][16];
	const struct {
		uint8_t gateway;
		enum operation operation;
	} expected[] = {{1, OPERATION_RESERVE}, {2, OPERATION_RESERVE}, {3, OPERATION_RESERVE},
	                {3, OPERATION_CLAIM},   {3, OPERATION_FETCH},   {3, OPERATION_EXECUTE},
	                {3, OPERATION_DELIVER}};
	const uint8_t end[16] = {0xfd, [5] = 2, [7] = 1}, there[16] = {0xfd, [5] = 3};
	uint32_t first;

	T_OK(compile_program(&fixture->request, &fixture->program));
	T_EQ(fixture->program.instruction_count, ARRAY_SIZE(expected));
	T_OK(compile_segments(&fixture->program, view, segments));
	for (uint32_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const uint8_t locator[16] = {0xfd, [5] = expected[i].gateway};

		T_TRUE(segment_within(segments[i], locator));
		T_EQ(segment_function(segments[i]), 0xb000 + expected[i].operation);
		T_EQ(segment_argument(segments[i]), i);
	}
	T_OK(compile_straight(&fixture->program, site, view, segments, &first));
	T_EQ(first, 2);
	for (uint32_t i = 0; i < ARRAY_SIZE(expected); i++) {
		T_TRUE(segment_within(segments[i], there));
		T_EQ(segment_function(segments[i]), 0xb000 + expected[i].operation);
		T_EQ(segment_argument(segments[i]), i);
	}
	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_OK(compile_segments(&fixture->program, view, segments));
	T_BYTES(segments[0], end, 16); /* a plain End, without argument */
	T_EQ(segment_argument(segments[1]), 1);
	T_OK(view_remove_site(view, site));
	memset(segments, 0x55, sizeof(segments));
	T_ERROR(compile_segments(&fixture->program, view, segments), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(compile_straight(&fixture->program, site, view, segments, &first), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(segments[0][0], 0x55);
	view_free(view);
}

static void assert_same(const struct program *a, const struct program *b)
{
	uint8_t one[PACKET_MAXIMUM], other[PACKET_MAXIMUM];
	int size = packet_encode_program(a, one, sizeof(one));

	T_OK(size);
	T_EQ(packet_encode_program(b, other, sizeof(other)), size);
	T_BYTES(one, other, (size_t)size);
}

/* Encoded with one key and decoded with the ring: the same program, segments and input. */
static int through_packet(const struct program *program, const struct view *view, const char *input,
                          size_t input_size)
{
	const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 7, .secret = {1, 2, 3}}}};
	const uint8_t source[16] = {0xfd, [5] = 1, [15] = 1};
	uint8_t segments[PROGRAM_INSTRUCTIONS][16], bytes[PACKET_MAXIMUM];
	struct packet packet;
	int size;

	T_OK(compile_segments(program, view, segments));
	size = packet_encode(program, (const uint8_t(*)[16])segments, source, seal_first(&ring), input,
	                     input_size, bytes, sizeof(bytes));
	if (size < 0)
		return size;
	T_OK(packet_decode(bytes, (size_t)size, &ring, &packet));
	assert_same(program, &packet.program);
	T_EQ(packet.segment_count, program->instruction_count);
	T_BYTES(packet.segments, segments, packet.segment_count * 16);
	T_EQ(packet.segments_left, packet.segment_count - 1);
	T_BYTES(packet.destination, segments[0], 16);
	T_EQ(packet.payload_size, input_size);
	T_BYTES(packet.payload, input, input_size);
	return size;
}

static void test_through_packet(void **state)
{
	struct fixture *fixture = *state;
	struct view *view = open_view(3);
	struct program release;

	T_OK(compile_program(&fixture->request, &fixture->program));
	T_OK(through_packet(&fixture->program, view, "input", 5));
	fixture->part.path.rate_up = 0;
	fixture->part.path.rate_down = 0;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_OK(through_packet(&fixture->program, view, "", 0));
	compile_release(&fixture->program, site, BUSBAR_ERROR_CANCELLED, EXPIRES, &release);
	T_OK(through_packet(&release, view, "", 0));
	reserve_path(fixture);
	fixture->part.path.rate_up = MEGABIT;
	fixture->part.path.rate_down = MEGABIT;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_OK(through_packet(&fixture->program, view, "", 0));
	compile_refresh(&fixture->program, CLOCK_SECOND, EXPIRES, &release);
	T_OK(through_packet(&release, view, "", 0));
	view_free(view);
}

/* A rate of 562 Tbit/s, a time of six days, a price of half a million. */
#define GREAT (INT64_C(1) << 49)

/* The longest path with every field in use and great numbers: one packet, and what input it leaves room for.
 */
static void test_largest(void **state)
{
	struct fixture *fixture = *state;
	struct demand_body *body = &fixture->demand.body;
	struct plan_path *path = &fixture->part.path;
	struct view *view = open_view(PLAN_HOPS);
	static const char input[PACKET_PAYLOAD];
	size_t most = 0;
	int size;

	path->hop_count = PLAN_HOPS;
	path->rate_up = GREAT;
	path->rate_down = GREAT;
	for (uint32_t i = 0; i < PLAN_HOPS; i++) {
		path->hops[i] = (struct gateway_identity){i + 1, 1};
		path->links[i] = (struct plan_link){GREAT, GREAT, GREAT, GREAT};
	}
	fixture->part.site = path->hops[PLAN_HOPS - 1];
	fixture->part.reserve = GREAT;
	fixture->part.claim_count = PLAN_CLAIMS;
	for (uint32_t i = 0; i < PLAN_CLAIMS; i++)
		fixture->part.claims[i] = (struct plan_claim){(enum resource_kind)i, GREAT, GREAT, GREAT};
	body->burst = GREAT;
	body->service[0] = '\0';
	body->version[0] = '\0';
	memset(body->arguments, 'a', PROGRAM_ARGUMENT_TEXT - 1);
	body->argument_count = 1;
	T_OK(compile_program(&fixture->request, &fixture->program));
	T_EQ(fixture->program.instruction_count, PLAN_HOPS + 4);
	while (most < sizeof(input) && through_packet(&fixture->program, view, input, most + 1) > 0)
		most++;
	size = through_packet(&fixture->program, view, input, 0);
	print_message("# largest program: %d octets, with at most %zu of input\n", size, most);
	T_OK(size);
	view_free(view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(with_bandwidth),
	        TEST(without_bandwidth),
	        TEST(one_direction),
	        TEST(at_the_ingress),
	        TEST(reservation),
	        TEST(jitter),
	        TEST(reservation_of_little),
	        TEST(reservation_of_one_direction),
	        TEST(moved_client),
	        TEST(greatest_price),
	        TEST(refused),
	        TEST(input),
	        TEST(release),
	        TEST(refresh),
	        TEST(segments),
	        TEST(through_packet),
	        TEST(largest),
	};

	return T_RUN(tests);
}
