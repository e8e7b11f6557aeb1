/* SPDX-License-Identifier: Apache-2.0 */
/* One owner and programs made by hand: refresh, flows, what is past, what a restart finds. */
#include "t.h"

#include "base/log.h"
#include "book/book.h"
#include "execute/owner.h"
#include "execute/refused.h"
#include "meter/usage.h"
#include "wire/segment.h"

#define START (INT64_C(1800000000) * CLOCK_SECOND)
#define VALID (3 * CLOCK_SECOND)
#define HELD (30 * CLOCK_SECOND)

enum { SEEN = 64, HOLDINGS = 8, SELF = 2, EDGE = 1, FAR = 3 };

/* An owner between an edge and a far gateway, and what it did. */
struct bench {
	int64_t now;
	struct random random;
	struct seal_ring ring;
	struct database *database;
	struct usage *usage;
	struct book *book;
	struct owner *owner;
	uint64_t cores;
	uint32_t answer_count, forwarded, flow_count, detached;
	uint32_t hop_count; /* of the last answer's way */
	struct answer answers[SEEN];
	struct owner_flow flows[SEEN];
	int attach_code;
	uint8_t current[16]; /* segment of the packet that was sent on last */
};

static int64_t read_wall(void *context)
{
	return START + ((struct bench *)context)->now;
}

static int64_t read_monotonic(void *context)
{
	return CLOCK_SECOND + ((struct bench *)context)->now;
}

static void on_answer(void *context, const struct answer *answer, const struct owner_return *way)
{
	struct bench *bench = context;

	T_TRUE(bench->answer_count < SEEN);
	T_EQ(way->address[5], EDGE);
	bench->hop_count = way->hop_count;
	bench->answers[bench->answer_count++] = *answer;
}

static void on_forward(void *context, const uint8_t *packet, size_t size)
{
	struct bench *bench = context;

	bench->forwarded++;
	memcpy(bench->current, packet + 24, 16);
}

static int on_attach(void *context, const struct owner_flow *flow)
{
	struct bench *bench = context;

	if (bench->attach_code == 0)
		bench->flows[bench->flow_count++] = *flow;
	return bench->attach_code;
}

static void on_detach(void *context, const struct identifier *program)
{
	((struct bench *)context)->detached++;
}

static void on_changed(void *context)
{
}

static struct gateway_identity gateway(uint32_t number)
{
	return (struct gateway_identity){number, 1};
}

static void set_locator(uint8_t locator[16], uint32_t number)
{
	memset(locator, 0, 16);
	locator[0] = 0xfc;
	locator[5] = (uint8_t)number;
}

static void open_owner(struct bench *bench)
{
	struct owner_settings settings = {.identity = gateway(SELF),
	                                  .clock = {read_wall, read_monotonic, bench},
	                                  .seed = 1,
	                                  .holdings = HOLDINGS};
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = bench->cores,
	                                   .free = bench->cores,
	                                   .base = 1000,
	                                   .steepness = 4000};
	const struct owner_ports ports = {.context = bench,
	                                  .answer = on_answer,
	                                  .forward = on_forward,
	                                  .attach = on_attach,
	                                  .detach = on_detach,
	                                  .changed = on_changed};
	struct owner_rooms rooms = {.database = bench->database};

	T_OK(usage_open(bench->database, &bench->usage));
	bench->book = book_create(64, 1);
	T_OK(book_add_resource(bench->book, &cpu));
	for (uint32_t other = EDGE; other <= FAR; other += FAR - EDGE) {
		struct link_offer link = {.from = gateway(SELF),
		                          .toward = gateway(other),
		                          .capacity = 100000000,
		                          .free = 100000000,
		                          .base = 100,
		                          .steepness = 4000};

		T_OK(book_add_link(bench->book, &link, &(struct book_output){.rate = link.capacity}));
	}
	rooms.book = bench->book;
	rooms.usage = bench->usage;
	set_locator(settings.locator, SELF);
	T_OK(owner_create(&settings, &rooms, &ports, &bench->owner));
}

static void close_owner(struct bench *bench)
{
	bench->owner = owner_free(bench->owner);
	bench->book = book_free(bench->book);
	bench->usage = usage_close(bench->usage);
	bench->answer_count = bench->flow_count = bench->detached = bench->forwarded = 0;
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	T_TRUE(bench != NULL);
	random_seed(&bench->random, 1);
	bench->ring = (struct seal_ring){.count = 1, .keys = {{.identifier = 1, .secret = {1}}}};
	bench->cores = 4000000;
	T_OK(database_open(":memory:", &bench->database));
	open_owner(bench);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	close_owner(bench);
	(void)database_close(bench->database);
	free(bench);
	return 0;
}

static void restart(struct bench *bench)
{
	close_owner(bench);
	open_owner(bench);
}

static struct program empty_program(struct bench *bench)
{
	return (struct program){.identifier = identifier_make(read_wall(bench), &bench->random),
	                        .ingress = gateway(EDGE),
	                        .part = 1,
	                        .parts = 1,
	                        .expires = read_wall(bench) + VALID};
}

static struct instruction claim_of(uint64_t cores)
{
	struct instruction claim = {.operation = OPERATION_CLAIM, .at = gateway(SELF)};

	claim.claim = (struct program_claim){
	        .resource_count = 1,
	        .resources = {{.kind = RESOURCE_CPU, .amount = cores, .tariff = 3000, .limit = INT64_MAX}},
	        .time = HELD};
	return claim;
}

static struct instruction reserve_of(uint32_t at, uint32_t toward, uint32_t back)
{
	struct instruction reserve = {.operation = OPERATION_RESERVE, .at = gateway(at)};

	reserve.reserve = (struct program_reserve){.time = HELD, .limit = INT64_MAX, .class = 1};
	if (toward != 0) {
		reserve.reserve.toward = gateway(toward);
		reserve.reserve.rate = 10000000;
		reserve.reserve.burst = 3000;
	}
	if (back != 0) {
		reserve.reserve.back = gateway(back);
		reserve.reserve.back_rate = 20000000;
		reserve.reserve.back_burst = 4000;
	}
	return reserve;
}

static struct instruction attach_at(uint32_t at)
{
	return (struct instruction){.operation = OPERATION_ATTACH,
	                            .at = gateway(at),
	                            .attach = {.client = {0xfd, 1}, .service = {0xfd, 2}}};
}

static void add(struct program *program, struct instruction instruction)
{
	program->instructions[program->instruction_count++] = instruction;
}

static struct program claim_program(struct bench *bench, uint64_t cores)
{
	struct program program = empty_program(bench);

	add(&program, claim_of(cores));
	return program;
}

/* From the edge to here: what the site at the end of a path is asked. */
static struct program path_program(struct bench *bench)
{
	struct program program = empty_program(bench);

	add(&program, reserve_of(EDGE, SELF, 0));
	add(&program, attach_at(EDGE));
	add(&program, reserve_of(SELF, 0, EDGE));
	add(&program, claim_of(1000000));
	add(&program, attach_at(SELF));
	return program;
}

static struct program follow(struct bench *bench, const struct program *program,
                             struct instruction instruction)
{
	struct program follower = empty_program(bench);

	follower.identifier = program->identifier;
	add(&follower, instruction);
	return follower;
}

static struct program refresh_of(struct bench *bench, const struct program *program, int64_t time)
{
	return follow(bench, program,
	              (struct instruction){.operation = OPERATION_REFRESH,
	                                   .at = gateway(SELF),
	                                   .refresh = {.time = time}});
}

static struct program release_of(struct bench *bench, const struct program *program, int code)
{
	return follow(
	        bench, program,
	        (struct instruction){.operation = OPERATION_RELEASE, .at = gateway(SELF), .release = code});
}

/* Gives the owner a packet that has come as far as its own instructions: by its path, or straight. */
static void receive_by(struct bench *bench, const struct program *program, bool straight)
{
	uint8_t segments[PROGRAM_INSTRUCTIONS][16], source[16], locator[16], bytes[PACKET_MAXIMUM];
	struct packet packet;
	uint32_t before = 0;
	int size;

	for (uint32_t i = 0; i < program->instruction_count; i++) {
		const struct instruction *instruction = &program->instructions[i];

		set_locator(locator, straight ? SELF : instruction->at.site);
		segment_make(locator, segment_function_of(instruction->operation), i, segments[i]);
		before += instruction->at.site != SELF && before == i;
	}
	set_locator(locator, EDGE);
	segment_gateway_address(locator, source);
	size = packet_encode(program, (const uint8_t(*)[16])segments, source, seal_first(&bench->ring), NULL,
	                     0, bytes, sizeof(bytes));
	T_OK(size);
	if (before > 0)
		T_OK(packet_advance(bytes, (size_t)size, before));
	T_OK(packet_decode(bytes, (size_t)size, &bench->ring, &packet));
	owner_receive(bench->owner, &packet, bytes, (size_t)size);
}

static void receive(struct bench *bench, const struct program *program)
{
	receive_by(bench, program, false);
}

static const struct answer *last(const struct bench *bench)
{
	T_TRUE(bench->answer_count > 0);
	return &bench->answers[bench->answer_count - 1];
}

static void expect(struct bench *bench, enum answer_type type)
{
	T_EQ(last(bench)->type, type);
	bench->answer_count = 0;
}

static void expect_refusal(struct bench *bench, int error)
{
	T_EQ(last(bench)->type, ANSWER_REFUSED);
	T_EQ(last(bench)->refusal.error, error);
	bench->answer_count = 0;
}

/* The only receipt of a holding, which is acknowledged then. */
static struct receipt settle(struct bench *bench, const struct program *program)
{
	struct receipt receipt = last(bench)->receipt;

	T_EQ(last(bench)->type, ANSWER_RECEIPT);
	T_TRUE(identifier_equal(&receipt.program, &program->identifier));
	bench->answer_count = 0;
	owner_acknowledged(bench->owner, &program->identifier, ANSWER_RECEIPT);
	return receipt;
}

static void pass(struct bench *bench, int64_t time)
{
	bench->now += time;
	while (owner_tick(bench->owner) <= read_monotonic(bench))
		continue;
}

static uint64_t free_cores(const struct bench *bench)
{
	struct resource_offer offer;

	T_EQ(book_resource_at(bench->book, 0, &offer), 0);
	return offer.free;
}

static void a_claim_is_billed_for_its_time(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 2000000), release;
	struct receipt receipt;

	receive(bench, &program);
	T_EQ(last(bench)->valid, program.expires);
	expect(bench, ANSWER_GRANTED);
	T_EQ(free_cores(bench), 2000000);
	pass(bench, 10 * CLOCK_SECOND);
	release = release_of(bench, &program, 0);
	receive(bench, &release);
	T_EQ(free_cores(bench), 4000000);
	receipt = settle(bench, &program);
	T_EQ(receipt.line_count, 1);
	T_EQ(receipt.lines[0].time, 10 * CLOCK_SECOND);
	T_EQ(receipt.lines[0].amount, 2000000);
	T_EQ(receipt.error, 0);
	T_EQ(owner_holding_count(bench->owner), 0);
}

static void a_refresh_moves_the_end_on(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000), refresh;
	struct receipt receipt;

	receive(bench, &program);
	pass(bench, 20 * CLOCK_SECOND);
	refresh = refresh_of(bench, &program, HELD);
	receive(bench, &refresh);
	T_EQ(last(bench)->valid, refresh.expires); /* this is what is answered */
	expect(bench, ANSWER_GRANTED);
	pass(bench, 29 * CLOCK_SECOND);
	T_EQ(owner_holding_count(bench->owner), 1);
	/* One that reaches less far changes nothing. */
	refresh = refresh_of(bench, &program, CLOCK_MILLISECOND);
	receive(bench, &refresh);
	expect(bench, ANSWER_GRANTED);
	pass(bench, CLOCK_SECOND - 1);
	T_EQ(owner_holding_count(bench->owner), 1);
	pass(bench, 1);
	T_EQ(owner_holding_count(bench->owner), 0);
	T_EQ(free_cores(bench), 4000000);
	/* Somebody had confirmed it: it is billed up to its end. */
	receipt = settle(bench, &program);
	T_EQ(receipt.line_count, 1);
	T_EQ(receipt.lines[0].time, 50 * CLOCK_SECOND);
	T_EQ(receipt.error, BUSBAR_ERROR_EXPIRED);
}

static void what_nobody_confirmed_is_void(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000);

	receive(bench, &program);
	bench->answer_count = 0;
	pass(bench, HELD + CLOCK_SECOND);
	T_EQ(settle(bench, &program).line_count, 0);
}

static void an_unknown_or_ended_one_cannot_be_refreshed(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000), other = program, late;
	struct program refresh = refresh_of(bench, &program, HELD), release;

	receive(bench, &refresh);
	expect_refusal(bench, BUSBAR_ERROR_NOT_FOUND);
	receive(bench, &program);
	expect(bench, ANSWER_GRANTED);
	/* Nobody else refreshes it, and no late packet does. */
	other = refresh;
	other.ingress = gateway(FAR);
	receive(bench, &other);
	T_EQ(bench->answer_count, 0);
	pass(bench, 25 * CLOCK_SECOND);
	receive(bench, &refresh);
	T_EQ(bench->answer_count, 0);
	late = refresh_of(bench, &program, HELD);
	late.expires = read_wall(bench) + OWNER_VALID + 1;
	receive(bench, &late);
	T_EQ(bench->answer_count, 0);
	release = release_of(bench, &program, 0);
	receive(bench, &release);
	(void)settle(bench, &program);
	refresh = refresh_of(bench, &program, HELD);
	receive(bench, &refresh);
	expect_refusal(bench, BUSBAR_ERROR_NOT_FOUND);
	T_EQ(free_cores(bench), 4000000);
}

static void a_refresh_passes_on(void **state)
{
	struct bench *bench = *state;
	struct program program = empty_program(bench), refresh;

	add(&program, reserve_of(EDGE, SELF, 0));
	add(&program, reserve_of(SELF, FAR, EDGE));
	add(&program, reserve_of(FAR, 0, SELF));
	receive(bench, &program);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->forwarded, 1);
	T_EQ(bench->current[5], FAR);
	refresh = refresh_of(bench, &program, HELD);
	add(&refresh, (struct instruction){
	                      .operation = OPERATION_REFRESH, .at = gateway(FAR), .refresh = {.time = HELD}});
	receive(bench, &refresh);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->forwarded, 2);
	T_EQ(bench->current[5], FAR);
	/* What is refused goes no further. */
	program = empty_program(bench);
	refresh.identifier = program.identifier;
	receive(bench, &refresh);
	expect_refusal(bench, BUSBAR_ERROR_NOT_FOUND);
	T_EQ(bench->forwarded, 2);
}

static void a_flow_lives_as_long_as_its_holding(void **state)
{
	struct bench *bench = *state;
	struct program program = path_program(bench), release;

	receive(bench, &program);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->flow_count, 1);
	T_TRUE(!bench->flows[0].entry);
	T_EQ(bench->flows[0].toward.site, EDGE);
	T_EQ(bench->flows[0].rate, 20000000);
	T_EQ(bench->flows[0].burst, 4000);
	T_EQ(bench->flows[0].class, 1);
	T_EQ(bench->flows[0].hop_count, 1);
	T_EQ(bench->flows[0].hops[0][5], EDGE);
	T_EQ(bench->flows[0].service[1], 2);
	receive(bench, &program);
	T_EQ(bench->flow_count, 1);
	/* After a restart it is there again, and goes with the holding. */
	restart(bench);
	T_EQ(bench->flow_count, 1);
	T_EQ(bench->flows[0].hop_count, 1);
	T_EQ(bench->flows[0].hops[0][5], EDGE);
	release = release_of(bench, &program, 0);
	receive(bench, &release);
	T_EQ(bench->detached, 1);
	(void)settle(bench, &program);
	restart(bench);
	T_EQ(bench->flow_count, 0);
}

static void what_cannot_be_attached_is_refused(void **state)
{
	struct bench *bench = *state;
	struct program program = path_program(bench);

	bench->attach_code = BUSBAR_ERROR_TABLE_FULL;
	receive(bench, &program);
	expect_refusal(bench, BUSBAR_ERROR_TABLE_FULL);
	T_EQ(book_count(bench->book), 0);
	/* A copy of it stays refused, though it could be done now. */
	bench->attach_code = 0;
	receive(bench, &program);
	expect_refusal(bench, BUSBAR_ERROR_TABLE_FULL);
	T_EQ(bench->detached, 0);
}

/* From here to a far site, which runs something there. */
static struct program run_program(struct bench *bench)
{
	struct program program = empty_program(bench);
	struct instruction claim = claim_of(1000000);
	struct instruction execute = {.operation = OPERATION_EXECUTE, .at = gateway(FAR)};

	program.ingress = gateway(SELF);
	claim.at = gateway(FAR);
	execute.execute.service[0] = 's';
	add(&program, reserve_of(SELF, FAR, 0));
	add(&program, reserve_of(FAR, 0, SELF));
	add(&program, claim);
	add(&program, execute);
	return program;
}

static void the_blobs_of_a_run_are_a_flow(void **state)
{
	struct bench *bench = *state;
	struct program program = run_program(bench), release;
	uint8_t own[16], far[16], client[16], service[16];

	set_locator(own, SELF);
	set_locator(far, FAR);
	segment_transfers_address(own, client);
	segment_program_address(far, &program.identifier, service);
	receive(bench, &program);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->flow_count, 1);
	T_TRUE(bench->flows[0].entry && bench->flows[0].rate == 10000000);
	T_BYTES(bench->flows[0].client, client, 16);
	T_BYTES(bench->flows[0].service, service, 16);
	T_EQ(bench->flows[0].hop_count, 1);
	T_BYTES(bench->flows[0].hops[0], far, 16);
	restart(bench);
	T_EQ(bench->flow_count, 1);
	T_BYTES(bench->flows[0].service, service, 16);
	release = release_of(bench, &program, 0);
	release.ingress = program.ingress;
	receive(bench, &release);
	T_EQ(bench->detached, 1);
}

static void a_run_does_without_what_the_kernel_has_not(void **state)
{
	struct bench *bench = *state;
	struct program program = run_program(bench), release;

	bench->attach_code = BUSBAR_ERROR_NOT_SUPPORTED;
	receive(bench, &program);
	expect(bench, ANSWER_GRANTED);
	release = release_of(bench, &program, 0);
	release.ingress = program.ingress;
	receive(bench, &release);
	T_EQ(bench->detached, 0);
	/* What it could have and has no room for is a refusal. */
	program = run_program(bench);
	bench->attach_code = BUSBAR_ERROR_TABLE_FULL;
	receive(bench, &program);
	expect_refusal(bench, BUSBAR_ERROR_TABLE_FULL);
}

static void what_is_past_does_not_come_again(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000), release = release_of(bench, &program, 0);

	receive(bench, &program);
	receive(bench, &release);
	(void)settle(bench, &program);
	receive(bench, &program);
	T_EQ(bench->answer_count, 0);
	/* A release that was on its way: the receipt once more, and no second one. */
	receive(bench, &release);
	expect(bench, ANSWER_RECEIPT);
	restart(bench);
	receive(bench, &program);
	T_EQ(bench->answer_count, 0);
	receive(bench, &release);
	expect(bench, ANSWER_RECEIPT);
	T_EQ(free_cores(bench), 4000000);
}

static void a_release_before_its_program_is_remembered(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000);
	struct program release = release_of(bench, &program, BUSBAR_ERROR_NO_ANSWER);

	receive(bench, &release);
	T_EQ(last(bench)->receipt.line_count, 0);
	expect(bench, ANSWER_RECEIPT);
	receive(bench, &program);
	expect(bench, ANSWER_RECEIPT);
	restart(bench);
	receive(bench, &program);
	expect(bench, ANSWER_RECEIPT);
	(void)owner_tick(bench->owner);
	(void)settle(bench, &program);
	receive(bench, &program);
	T_EQ(bench->answer_count, 0);
	T_EQ(free_cores(bench), 4000000);
}

static void old_and_far_packets_are_refused(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 1000000), release = release_of(bench, &program, 0);

	program.expires = read_wall(bench) + OWNER_VALID + 1;
	receive(bench, &program);
	expect_refusal(bench, BUSBAR_ERROR_BAD_VALUE);
	program = claim_program(bench, 1000000);
	pass(bench, VALID + 1);
	receive(bench, &program);
	expect_refusal(bench, BUSBAR_ERROR_EXPIRED);
	receive(bench, &release);
	T_EQ(bench->answer_count, 0);
	T_EQ(owner_refusals(bench->owner)[error_index(BUSBAR_ERROR_EXPIRED)], 2);
}

/* From the edge by way of the far gateway, which is asked for nothing. */
static struct program program_by_far(struct bench *bench)
{
	struct program program = empty_program(bench);

	add(&program, (struct instruction){.operation = OPERATION_FORWARD, .at = gateway(FAR)});
	add(&program, claim_of(1000000));
	return program;
}

static void what_comes_straight_is_answered_straight(void **state)
{
	struct bench *bench = *state;
	struct program held = program_by_far(bench), lost = program_by_far(bench);
	struct program release = release_of(bench, &held, 0);

	receive(bench, &held);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->hop_count, 1);
	/* Whatever its age, it is known what became of it. */
	pass(bench, VALID + CLOCK_SECOND);
	receive_by(bench, &held, true);
	expect(bench, ANSWER_GRANTED);
	T_EQ(bench->hop_count, 0);
	receive(bench, &held);
	T_EQ(bench->hop_count, 1);
	receive_by(bench, &lost, true);
	expect_refusal(bench, BUSBAR_ERROR_EXPIRED);
	T_EQ(bench->hop_count, 0);
	release.expires = read_wall(bench) + VALID;
	receive(bench, &release);
	T_EQ(bench->hop_count, 0);
	(void)settle(bench, &held);
}

static void a_full_table_refuses_for_good(void **state)
{
	struct bench *bench = *state;
	struct program programs[HOLDINGS + 1], release;

	for (uint32_t i = 0; i < HOLDINGS; i++) {
		programs[i] = claim_program(bench, 1000);
		receive(bench, &programs[i]);
		expect(bench, ANSWER_GRANTED);
	}
	programs[HOLDINGS] = claim_program(bench, 1000);
	receive(bench, &programs[HOLDINGS]);
	expect_refusal(bench, BUSBAR_ERROR_TABLE_FULL);
	release = release_of(bench, &programs[0], 0);
	receive(bench, &release);
	(void)settle(bench, &programs[0]);
	/* Its ingress has gone elsewhere. */
	receive(bench, &programs[HOLDINGS]);
	T_EQ(bench->answer_count, 0);
	programs[0] = claim_program(bench, 1000);
	receive(bench, &programs[0]);
	expect(bench, ANSWER_GRANTED);
	T_TRUE(owner_bytes(bench->owner) > 0);
}

/* As that: when there is no room left to remember who was refused, either. */
static void without_memory_it_refuses_more(void **state)
{
	struct bench *bench = *state;
	struct program programs[HOLDINGS], refused, release, other;

	for (uint32_t i = 0; i < HOLDINGS; i++) {
		programs[i] = claim_program(bench, 1000);
		receive(bench, &programs[i]);
		expect(bench, ANSWER_GRANTED);
	}
	for (uint32_t i = 0; i <= 16 * HOLDINGS; i++) {
		refused = claim_program(bench, 1000);
		receive(bench, &refused);
		expect_refusal(bench, BUSBAR_ERROR_TABLE_FULL);
	}
	other = claim_program(bench, 1000);
	release = release_of(bench, &programs[0], 0);
	receive(bench, &release);
	(void)settle(bench, &programs[0]);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
	receive(bench, &other);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
	pass(bench, 1);
	other = claim_program(bench, 1000);
	receive(bench, &other);
	expect(bench, ANSWER_GRANTED);
}

/* Whatever has become free meanwhile, and wherever the clock is. */
static void what_was_refused_stays_so_after_a_restart(void **state)
{
	struct bench *bench = *state;
	struct program held = claim_program(bench, 4000000), refused = claim_program(bench, 1000000), release;

	receive(bench, &held);
	expect(bench, ANSWER_GRANTED);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_NO_CAPACITY);
	release = release_of(bench, &held, 0);
	receive(bench, &release);
	(void)settle(bench, &held);
	restart(bench);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
	bench->now -= 10 * CLOCK_SECOND;
	restart(bench);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
	T_EQ(book_count(bench->book), 0);
}

/* Nor is what one with a fast clock had made. */
static void clocks_of_others_do_not_matter(void **state)
{
	struct bench *bench = *state;
	struct program refused = claim_program(bench, 5000000);

	refused.expires = read_wall(bench) + OWNER_VALID;
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_NO_CAPACITY);
	bench->cores = 5000000;
	restart(bench);
	pass(bench, OWNER_VALID - 1);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
}

/* What is held is known all the same, and what is made later than a moment after the last refusal is new. */
static void a_refusal_refuses_little_else(void **state)
{
	struct bench *bench = *state;
	struct program held = claim_program(bench, 1000000), refused = claim_program(bench, 4000000), other;

	receive(bench, &held);
	receive(bench, &refused);
	expect_refusal(bench, BUSBAR_ERROR_NO_CAPACITY);
	/* Before the restart there is no doubt. */
	other = claim_program(bench, 1000);
	receive(bench, &other);
	expect(bench, ANSWER_GRANTED);
	restart(bench);
	receive(bench, &held);
	expect(bench, ANSWER_GRANTED);
	pass(bench, REFUSED_AHEAD);
	other = claim_program(bench, 1000);
	receive(bench, &other);
	expect_refusal(bench, BUSBAR_ERROR_LOST);
	pass(bench, 1);
	other = claim_program(bench, 1000);
	receive(bench, &other);
	expect(bench, ANSWER_GRANTED);
}

/* A storm of refusals writes once in a while. */
static void refusals_are_noted_ahead(void **state)
{
	struct bench *bench = *state;
	int64_t written = 0, until;
	uint32_t writes = 0;

	for (uint32_t i = 0; i < 4 * HOLDINGS; i++) {
		struct program refused = claim_program(bench, 5000000);

		receive(bench, &refused);
		bench->answer_count = 0;
		T_EQ(database_numbers(bench->database, "SELECT until FROM refused", NULL, 0, &until, 1), 1);
		T_TRUE(until >= refused.expires && until <= refused.expires + REFUSED_AHEAD);
		writes += until != written;
		written = until;
		pass(bench, REFUSED_AHEAD / HOLDINGS);
	}
	T_EQ(writes, 4);
}

/* What is held is held after a restart, until the end that it had been moved to. */
static void a_restart_forgets_nothing(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 3000000), refresh,
	               ended = claim_program(bench, 1000000);
	struct program release = release_of(bench, &ended, 0);

	receive(bench, &program);
	receive(bench, &ended);
	receive(bench, &release);
	pass(bench, 10 * CLOCK_SECOND);
	refresh = refresh_of(bench, &program, HELD);
	receive(bench, &refresh);
	bench->answer_count = 0;
	restart(bench);
	T_EQ(free_cores(bench), 1000000);
	T_EQ(owner_holding_count(bench->owner), 1);
	/* The receipt that nobody acknowledged is repeated. */
	pass(bench, 0);
	T_TRUE(identifier_equal(&last(bench)->program, &ended.identifier));
	T_EQ(settle(bench, &ended).line_count, 1);
	pass(bench, HELD - 1);
	T_EQ(owner_holding_count(bench->owner), 1);
	restart(bench);
	pass(bench, 1);
	T_EQ(owner_holding_count(bench->owner), 0);
	T_EQ(settle(bench, &program).lines[0].time, 40 * CLOCK_SECOND);
}

/* A gateway that came back smaller cannot hold what it granted: that ends, and is billed if it was confirmed.
 */
static void what_is_there_no_longer_ends(void **state)
{
	struct bench *bench = *state;
	struct program program = claim_program(bench, 3000000), refresh = refresh_of(bench, &program, HELD);
	struct receipt receipt;

	receive(bench, &program);
	receive(bench, &refresh);
	bench->answer_count = 0;
	bench->now += 5 * CLOCK_SECOND;
	bench->cores = 1000000;
	restart(bench);
	pass(bench, 0);
	receipt = settle(bench, &program);
	T_EQ(receipt.error, BUSBAR_ERROR_LOST);
	T_EQ(receipt.lines[0].time, 5 * CLOCK_SECOND);
	T_EQ(free_cores(bench), 1000000);
}

/* Ends come in their order, and the owner says when it wants to be asked again. */
static void it_wakes_for_the_next_end(void **state)
{
	struct bench *bench = *state;
	struct program programs[3];
	int64_t wanted;

	for (uint32_t i = 0; i < ARRAY_SIZE(programs); i++) {
		programs[i] = claim_program(bench, 1000);
		programs[i].instructions[0].claim.time = (3 - i) * CLOCK_SECOND;
		receive(bench, &programs[i]);
	}
	bench->answer_count = 0;
	for (uint32_t i = ARRAY_SIZE(programs); i-- > 0;) {
		wanted = owner_tick(bench->owner);
		T_EQ(wanted, read_monotonic(bench) + CLOCK_SECOND);
		bench->now += CLOCK_SECOND;
		(void)owner_tick(bench->owner);
		T_TRUE(identifier_equal(&last(bench)->program, &programs[i].identifier));
		(void)settle(bench, &programs[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_claim_is_billed_for_its_time),
	        TEST(a_refresh_moves_the_end_on),
	        TEST(what_nobody_confirmed_is_void),
	        TEST(an_unknown_or_ended_one_cannot_be_refreshed),
	        TEST(a_refresh_passes_on),
	        TEST(a_flow_lives_as_long_as_its_holding),
	        TEST(what_cannot_be_attached_is_refused),
	        TEST(the_blobs_of_a_run_are_a_flow),
	        TEST(a_run_does_without_what_the_kernel_has_not),
	        TEST(what_is_past_does_not_come_again),
	        TEST(a_release_before_its_program_is_remembered),
	        TEST(old_and_far_packets_are_refused),
	        TEST(what_comes_straight_is_answered_straight),
	        TEST(a_full_table_refuses_for_good),
	        TEST(without_memory_it_refuses_more),
	        TEST(what_was_refused_stays_so_after_a_restart),
	        TEST(clocks_of_others_do_not_matter),
	        TEST(a_refusal_refuses_little_else),
	        TEST(refusals_are_noted_ahead),
	        TEST(a_restart_forgets_nothing),
	        TEST(what_is_there_no_longer_ends),
	        TEST(it_wakes_for_the_next_end),
	};

	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
