/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mapper plans the owners grant: plans of random networks become programs, go through packets, and
 * are played to books that hold what the view shows.
 */
#include "tests/t.h"

#include "base/clock.h"
#include "book/book.h"
#include "compile/compile.h"
#include "network.h"
#include "wire/packet.h"
#include <stdio.h>

enum { SEEDS = 700, OWNERS = 8, HOLDINGS = 32 };

struct stage {
	struct network network;
	struct arena *arena;
	struct plan plan;
	struct book *books[OWNERS]; /* by site number */
	struct program programs[DEMAND_PARTS];
};

static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 1, .secret = {9}}}};

static struct identifier occupied(uint8_t number)
{
	return (struct identifier){.octets = {0xff, number}};
}

/* Takes what the view shows as not free, kind by kind and link by link. */
static void occupy(struct book *book, const struct site *site)
{
	uint8_t number = 0;

	for (uint32_t i = 0; i < site->resource_count; i++) {
		const struct resource_offer *offer = &site->resources[i];
		struct program_claim claim = {.resource_count = 1,
		                              .resources = {{.kind = offer->kind,
		                                             .amount = offer->capacity - offer->free,
		                                             .limit = INT64_MAX}},
		                              .time = 1};
		struct identifier identifier = occupied(number++);

		if (offer->kind != RESOURCE_CPU_GFLOPS && offer->free < offer->capacity)
			T_OK(book_claim(book, &identifier, site->identity, &claim, 0, NULL));
	}
	for (uint32_t i = 0; i < site->link_count; i++) {
		const struct link_offer *link = &site->links[i];
		struct program_reserve reserve = {.toward = link->toward,
		                                  .rate = link->capacity - link->free,
		                                  .time = 1,
		                                  .limit = INT64_MAX};
		struct identifier identifier = occupied(number++);

		if (reserve.rate > 0)
			T_OK(book_reserve(book, &identifier, site->identity, &reserve, 0, NULL));
	}
}

static struct book *open_book(const struct site *site)
{
	struct book *book = book_create(HOLDINGS, site->identity.site);

	assert_non_null(book);
	for (uint32_t i = 0; i < site->resource_count; i++) {
		struct resource_offer offer = site->resources[i];

		offer.free = offer.capacity;
		if (offer.kind != RESOURCE_CPU_GFLOPS)
			T_OK(book_add_resource(book, &offer));
	}
	book_set_calibration(book, site->gflops_per_core);
	for (uint32_t i = 0; i < site->link_count; i++) {
		struct link_offer link = site->links[i];

		link.free = link.capacity;
		/* So fast that no ceiling is ever in question: a view does not say what others have sent. */
		T_OK(book_add_link(book, &link, &(struct book_output){.rate = INT64_MAX}));
	}
	occupy(book, site);
	return book;
}

/* The program as its owners see it: out of a packet. */
static void send(const struct stage *stage, const struct program *program, struct program *ret_program)
{
	const uint8_t source[16] = {0xfd, [15] = 1};
	uint8_t segments[PROGRAM_INSTRUCTIONS][16], bytes[PACKET_MAXIMUM];
	struct packet packet;
	int size;

	T_OK(compile_segments(program, stage->network.view, segments));
	size = packet_encode(program, (const uint8_t(*)[16])segments, source, seal_first(&ring), "", 0, bytes,
	                     sizeof(bytes));
	T_OK(size);
	T_OK(packet_decode(bytes, (size_t)size, &ring, &packet));
	T_BYTES(packet.segments, segments, packet.segment_count * 16);
	*ret_program = packet.program;
}

/* Both what the owner holds, and what the ingress notes of it in its view. */
static void perform(struct stage *stage, const struct program *program, const struct instruction *instruction)
{
	struct view *view = stage->network.view;
	struct book *book = stage->books[instruction->at.site];
	const struct program_reserve *reserve = &instruction->reserve;
	const struct program_claim *claim = &instruction->claim;
	struct book_refusal refusal;
	int64_t until = NETWORK_NOW + 1;

	if (instruction->operation == OPERATION_RESERVE) {
		T_OK(book_reserve(book, &program->identifier, program->ingress, reserve, NETWORK_NOW,
		                  &refusal));
		if (reserve->rate > 0)
			T_OK(view_reserve_link(view, instruction->at, reserve->toward, reserve->rate,
			                       NETWORK_NOW, until));
		if (reserve->back_rate > 0)
			T_OK(view_reserve_link(view, instruction->at, reserve->back, reserve->back_rate,
			                       NETWORK_NOW, until));
	} else if (instruction->operation == OPERATION_CLAIM) {
		T_OK(book_claim(book, &program->identifier, program->ingress, claim, NETWORK_NOW, &refusal));
		for (uint32_t i = 0; i < claim->resource_count; i++)
			T_OK(view_reserve(view, instruction->at, claim->resources[i].kind,
			                  claim->resources[i].amount, NETWORK_NOW, until));
	}
}

static void play(struct stage *stage, uint32_t part)
{
	const struct compile_request request = {.demand = &stage->network.demand,
	                                        .part = &stage->plan.parts[part],
	                                        .program = {{1, (uint8_t)part}},
	                                        .ingress = stage->network.request.ingress,
	                                        .number = (uint16_t)(part + 1),
	                                        .parts = (uint16_t)stage->plan.part_count,
	                                        .expires = NETWORK_NOW + CLOCK_SECOND,
	                                        .output_maximum = 1000,
	                                        .client = {0x20, 1, [15] = 1},
	                                        .service = {0xfd, [15] = 2}};
	struct program compiled, *program = &stage->programs[part];

	T_OK(compile_program(&request, &compiled));
	send(stage, &compiled, program);
	for (uint32_t i = 0; i < program->instruction_count; i++)
		perform(stage, program, &program->instructions[i]);
}

/* What the ingress believes to be free is what the owner has. */
static void compare_free(const struct stage *stage, const struct site *site)
{
	const struct book *book = stage->books[site->identity.site];
	struct resource_offer offer;
	struct link_offer link;

	for (size_t i = 0; book_resource_at(book, i, &offer) == 0; i++) {
		const struct resource_offer *shown = site_resource(site, offer.kind);

		T_EQ(shown->free, offer.free);
	}
	for (size_t i = 0; book_link_at(book, i, &link) == 0; i++)
		T_EQ(site->links[i].free, link.free);
}

static void release_all(struct stage *stage)
{
	for (uint32_t part = 0; part < stage->plan.part_count; part++) {
		const struct program *program = &stage->programs[part];

		for (uint32_t i = 0; i < program->instruction_count; i++) {
			const struct instruction *instruction = &program->instructions[i];
			struct book *book = stage->books[instruction->at.site];
			struct program release, received;

			if (book_find(book, &program->identifier) == NULL)
				continue;
			compile_release(program, instruction->at, 0, NETWORK_NOW + CLOCK_SECOND, &release);
			send(stage, &release, &received);
			T_EQ(received.instructions[0].operation, OPERATION_RELEASE);
			T_OK(book_release(book, &received.identifier, NULL));
		}
	}
	view_unreserve(stage->network.view, NETWORK_NOW);
}

/* A service that takes neither demand's input as blob nor more than one: what compile does not do yet. */
static bool is_compiled(const struct demand_body *body)
{
	uint32_t blobs = 0;

	for (uint32_t i = 0; i < body->data_count; i++)
		blobs += body->data[i].blob && body->data[i].direction == DATA_IN;
	return blobs < 2;
}

static bool try_seed(struct stage *stage, enum network_kind kind, uint64_t seed)
{
	bool played = false;
	struct view *view;

	network_open(&stage->network, kind, seed);
	view = stage->network.view;
	T_OK(map_demand(view, &stage->network.request, stage->arena, &stage->plan));
	if (stage->plan.status == 0 && is_compiled(&stage->network.demand.body)) {
		for (size_t i = 0; i < view_site_count(view); i++)
			stage->books[view_site_at(view, i)->identity.site] = open_book(view_site_at(view, i));
		for (uint32_t part = 0; part < stage->plan.part_count; part++)
			play(stage, part);
		for (size_t i = 0; i < view_site_count(view); i++)
			compare_free(stage, view_site_at(view, i));
		release_all(stage);
		for (size_t i = 0; i < view_site_count(view); i++)
			compare_free(stage, view_site_at(view, i));
		played = true;
	}
	for (uint32_t i = 0; i < OWNERS; i++)
		stage->books[i] = book_free(stage->books[i]);
	network_close(&stage->network);
	arena_reset(stage->arena);
	return played;
}

static void test_plans_are_granted(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	uint32_t played = 0;

	assert_non_null(stage);
	stage->arena = arena_create(64 << 20);
	assert_non_null(stage->arena);
	for (uint32_t kind = 0; kind < NETWORK_KINDS; kind++)
		for (uint64_t seed = 1; seed <= SEEDS; seed++)
			played += try_seed(stage, (enum network_kind)kind, seed);
	print_message("# %u plans granted in full\n", played);
	T_TRUE(played > SEEDS / 2);
	(void)arena_free(stage->arena);
	free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_plans_are_granted),
	};

	return T_RUN(tests);
}
