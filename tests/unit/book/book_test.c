/* SPDX-License-Identifier: Apache-2.0 */
/* The book, rule by rule. */
#include "tests/t.h"

#include "base/clock.h"
#include "book/book.h"

#define CORE UINT64_C(1000000)
#define MEGABIT UINT64_C(1000000)
#define GIBIBYTE (UINT64_C(1) << 30)
#define NOW INT64_C(1700000000000000000)

enum { HOLDINGS = 4, GFLOPS_PER_CORE = 30 };

static const struct gateway_identity self = {1, 1}, next = {2, 1}, previous = {3, 1}, nobody = {9, 1};

static struct identifier program(uint8_t number)
{
	return (struct identifier){.octets = {number}};
}

/* Eight cores at 1000 when empty and 8000 when full, 16 GiB, and 100 Mbit/s towards two neighbours. */
static struct book *open_book(void)
{
	struct book *book = book_create(HOLDINGS, 1);
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = 8 * CORE,
	                                   .free = 8 * CORE,
	                                   .base = 1000,
	                                   .steepness = 8000,
	                                   .tariff = 2000};
	const struct resource_offer memory = {.kind = RESOURCE_MEMORY,
	                                      .capacity = 16 * GIBIBYTE,
	                                      .free = 16 * GIBIBYTE,
	                                      .base = 10,
	                                      .steepness = 1000,
	                                      .tariff = 10};
	const struct book_output output = {.rate = 100 * MEGABIT, .largest_packet = 1500, .latency = 10};
	struct link_offer link = {.from = self,
	                          .toward = next,
	                          .delay = 5,
	                          .capacity = 100 * MEGABIT,
	                          .free = 100 * MEGABIT,
	                          .base = 100,
	                          .steepness = 4000,
	                          .tariff = 150};

	assert_non_null(book);
	T_OK(book_add_resource(book, &cpu));
	T_OK(book_add_resource(book, &memory));
	T_OK(book_add_link(book, &link, &output));
	link.toward = previous;
	T_OK(book_add_link(book, &link, &output));
	book_set_calibration(book, GFLOPS_PER_CORE * CORE);
	return book;
}

static struct program_claim claim_of(enum resource_kind kind, uint64_t amount)
{
	return (struct program_claim){.resource_count = 1,
	                              .resources = {{.kind = kind, .amount = amount, .limit = INT64_MAX}},
	                              .time = 10 * CLOCK_SECOND};
}

static struct program_reserve reserve_of(uint64_t rate, uint64_t back_rate)
{
	return (struct program_reserve){.toward = next,
	                                .back = previous,
	                                .rate = rate,
	                                .back_rate = back_rate,
	                                .time = 20 * CLOCK_SECOND,
	                                .limit = INT64_MAX};
}

static int claim(struct book *book, uint8_t number, const struct program_claim *claim,
                 struct book_refusal *refusal)
{
	struct identifier identifier = program(number);

	return book_claim(book, &identifier, self, claim, NOW, refusal);
}

static int reserve(struct book *book, uint8_t number, const struct program_reserve *reserve,
                   struct book_refusal *refusal)
{
	struct identifier identifier = program(number);

	return book_reserve(book, &identifier, self, reserve, NOW, refusal);
}

static uint64_t free_of(const struct book *book, enum resource_kind kind)
{
	struct resource_offer offer;

	for (size_t i = 0; book_resource_at(book, i, &offer) == 0; i++)
		if (offer.kind == kind)
			return offer.free;
	fail_msg("no %s", resource_descriptions[kind].name);
	return 0;
}

static uint64_t free_toward(const struct book *book, struct gateway_identity toward)
{
	struct link_offer offer;

	for (size_t i = 0; book_link_at(book, i, &offer) == 0; i++)
		if (gateway_equal(offer.toward, toward))
			return offer.free;
	fail_msg("no link");
	return 0;
}

static void test_offers(void **state)
{
	struct book *book = open_book();
	struct resource_offer offer, untouched = {.capacity = 7};
	struct link_offer link;

	T_EQ(book_resource_count(book), 3);
	T_OK(book_resource_at(book, 1, &offer)); /* derived, right behind cpu */
	T_EQ(offer.kind, RESOURCE_CPU_GFLOPS);
	T_EQ(offer.capacity, 8 * GFLOPS_PER_CORE * CORE);
	T_EQ(offer.free, offer.capacity);
	T_EQ(offer.base, 33); /* 1000 / 30, to nearest */
	T_EQ(offer.tariff, 67);
	T_EQ(offer.steepness, 8000);
	T_OK(book_resource_at(book, 2, &offer));
	T_EQ(offer.kind, RESOURCE_MEMORY);
	T_ERROR(book_resource_at(book, 3, &untouched), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(untouched.capacity, 7);
	book_set_calibration(book, 0);
	T_EQ(book_resource_count(book), 2);
	T_OK(book_resource_at(book, 1, &offer));
	T_EQ(offer.kind, RESOURCE_MEMORY);
	T_EQ(book_link_count(book), 2);
	book_set_link_delay(book, previous, 11, 12, 13);
	book_set_link_delay(book, nobody, 1, 1, 1);
	T_OK(book_link_at(book, 1, &link));
	T_EQ(link.delay, 11);
	T_EQ(link.jitter, 12);
	T_EQ(link.loss, 13);
	T_EQ(link.least, 0); /* unknown, and a measurement is no promise */
	T_ERROR(book_link_at(book, 2, &link), BUSBAR_ERROR_NOT_FOUND);
	book_free(book);
	T_TRUE(book_free(NULL) == NULL);
}

static void test_bad_offers(void **state)
{
	struct book *book = open_book();
	struct resource_offer offer = {
	        .kind = RESOURCE_CPU, .capacity = CORE, .free = CORE, .steepness = 1000};
	struct link_offer link = {.toward = next, .capacity = 5, .free = 5, .steepness = 1000};
	struct book_output output = {.rate = 5};

	T_ERROR(book_add_resource(book, &offer), BUSBAR_ERROR_DUPLICATE);
	offer.kind = RESOURCE_GPU;
	offer.free--;
	T_ERROR(book_add_resource(book, &offer), BUSBAR_ERROR_BAD_VALUE);
	offer.free++;
	offer.steepness = 999;
	T_ERROR(book_add_resource(book, &offer), BUSBAR_ERROR_BAD_VALUE);
	offer.steepness = 1000;
	offer.kind = RESOURCE_CPU_GFLOPS; /* derived, never given */
	T_ERROR(book_add_resource(book, &offer), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(book_add_link(book, &link, &output), BUSBAR_ERROR_DUPLICATE);
	link.toward = nobody;
	link.free = 4;
	T_ERROR(book_add_link(book, &link, &output), BUSBAR_ERROR_BAD_VALUE);
	link.free = 5;
	for (uint32_t i = 0; i < 62; i++) {
		link.toward = (struct gateway_identity){100 + i, 1};
		T_OK(book_add_link(book, &link, &output));
	}
	link.toward.site = 99;
	T_ERROR(book_add_link(book, &link, &output), BUSBAR_ERROR_TABLE_FULL);
	book_free(book);
}

static void test_claim_and_release(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, 3 * CORE);
	struct identifier one = program(1), two = program(2);
	const struct book_holding *found;
	struct book_holding released;

	wanted.resources[wanted.resource_count++] = (struct program_claim_resource){.kind = RESOURCE_MEMORY,
	                                                                            .amount = GIBIBYTE,
	                                                                            .limit = INT64_MAX};
	T_OK(claim(book, 1, &wanted, NULL));
	T_EQ(free_of(book, RESOURCE_CPU), 5 * CORE);
	T_EQ(free_of(book, RESOURCE_CPU_GFLOPS), 5 * GFLOPS_PER_CORE * CORE);
	T_EQ(free_of(book, RESOURCE_MEMORY), 15 * GIBIBYTE);
	T_OK(claim(book, 1, &wanted, NULL)); /* asked again: nothing more is taken */
	T_EQ(free_of(book, RESOURCE_CPU), 5 * CORE);
	found = book_find(book, &one);
	assert_non_null(found);
	T_TRUE(found->claimed && !found->reserved);
	T_EQ(found->granted, NOW);
	T_EQ(found->expires, NOW + 10 * CLOCK_SECOND);
	T_TRUE(gateway_equal(found->ingress, self));
	T_TRUE(book_find(book, &two) == NULL);
	T_ERROR(book_release(book, &two, &released), BUSBAR_ERROR_NOT_FOUND);
	T_OK(book_release(book, &one, &released));
	T_EQ(released.claim.resources[1].amount, GIBIBYTE);
	T_EQ(free_of(book, RESOURCE_CPU), 8 * CORE);
	T_EQ(free_of(book, RESOURCE_MEMORY), 16 * GIBIBYTE);
	T_ERROR(book_release(book, &one, NULL), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(book_count(book), 0);
	book_free(book);
}

/* One program may hold links and a claim; both end together, at the later end. */
static void test_reserve_and_claim(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, CORE);
	struct program_reserve links = reserve_of(20 * MEGABIT, 80 * MEGABIT);
	struct identifier one = program(1);

	T_OK(reserve(book, 1, &links, NULL));
	T_OK(reserve(book, 1, &links, NULL));
	T_EQ(free_toward(book, next), 80 * MEGABIT);
	T_EQ(free_toward(book, previous), 20 * MEGABIT);
	T_OK(claim(book, 1, &wanted, NULL));
	T_EQ(book_count(book), 1);
	T_EQ(book_find(book, &one)->expires, NOW + 20 * CLOCK_SECOND);
	T_EQ(book_next_expiry(book), NOW + 20 * CLOCK_SECOND);
	T_OK(book_release(book, &one, NULL));
	T_EQ(free_toward(book, next), 100 * MEGABIT);
	T_EQ(free_toward(book, previous), 100 * MEGABIT);
	T_EQ(free_of(book, RESOURCE_CPU), 8 * CORE);
	T_EQ(book_next_expiry(book), INT64_MAX);
	links.rate = 0; /* one direction alone */
	T_OK(reserve(book, 2, &links, NULL));
	T_EQ(free_toward(book, next), 100 * MEGABIT);
	T_EQ(free_toward(book, previous), 20 * MEGABIT);
	book_free(book);
}

static void test_capacity_refusals(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, 8 * CORE + 1);
	struct program_reserve links = reserve_of(MEGABIT, 100 * MEGABIT + 1);
	struct book_refusal refusal;

	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(refusal.error, BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(refusal.resource, RESOURCE_CPU);
	T_EQ(refusal.have, 8 * CORE);
	T_EQ(refusal.need, 8 * CORE + 1);
	T_EQ(refusal.price, 8000);
	T_ERROR(reserve(book, 1, &links, &refusal), BUSBAR_ERROR_NO_CAPACITY);
	T_TRUE(gateway_equal(refusal.toward, previous));
	T_EQ(refusal.have, 100 * MEGABIT);
	T_EQ(refusal.need, 100 * MEGABIT + 1);
	T_EQ(free_toward(book, next), 100 * MEGABIT); /* the first direction was not kept */
	wanted = claim_of(RESOURCE_GPU, 1);
	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(refusal.resource, RESOURCE_GPU);
	T_EQ(refusal.need, 1);
	links = reserve_of(1, 0);
	links.toward = nobody;
	T_ERROR(reserve(book, 1, &links, &refusal), BUSBAR_ERROR_NOT_FOUND);
	T_TRUE(gateway_equal(refusal.toward, nobody));
	T_EQ(book_count(book), 0);
	book_free(book);
}

static void test_price_refusals(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, 4 * CORE);
	struct program_reserve links = reserve_of(0, 50 * MEGABIT);
	struct book_refusal refusal;

	wanted.resources[0].limit = 2827; /* 1000 x 8^(1/2) = 2828 */
	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_PRICE_ROSE);
	T_EQ(refusal.have, 2828);
	T_EQ(refusal.need, 2827);
	T_EQ(refusal.price, 2828);
	T_EQ(book_count(book), 0);
	wanted.resources[0].limit = 2828;
	T_OK(claim(book, 1, &wanted, NULL));
	wanted = claim_of(RESOURCE_CPU_GFLOPS,
	                  GFLOPS_PER_CORE * CORE); /* the fifth core: 1000 x 8^(5/8) / 30 */
	wanted.resources[0].limit = 121;
	T_ERROR(claim(book, 2, &wanted, &refusal), BUSBAR_ERROR_PRICE_ROSE);
	T_EQ(refusal.have, 122);
	links.limit = 199;
	T_ERROR(reserve(book, 2, &links, &refusal), BUSBAR_ERROR_PRICE_ROSE);
	T_TRUE(gateway_equal(refusal.toward, previous));
	T_EQ(refusal.have, 200);
	T_EQ(refusal.need, 199);
	links.limit = 200;
	T_OK(reserve(book, 2, &links, NULL));
	book_free(book);
}

static void test_senseless(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, 0);
	struct program_reserve links = reserve_of(0, 0);
	struct book_refusal refusal;

	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_AMOUNT_ZERO);
	wanted.resource_count = 0;
	T_ERROR(claim(book, 1, &wanted, NULL), BUSBAR_ERROR_AMOUNT_ZERO);
	wanted.resource_count = PLAN_CLAIMS + 1;
	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_TOO_LARGE);
	/* The same kind twice would be checked against the same free amount twice. */
	wanted = claim_of(RESOURCE_MEMORY, 10 * GIBIBYTE);
	wanted.resources[wanted.resource_count++] = wanted.resources[0];
	T_ERROR(claim(book, 1, &wanted, &refusal), BUSBAR_ERROR_DUPLICATE);
	T_EQ(refusal.error, BUSBAR_ERROR_DUPLICATE);
	T_ERROR(reserve(book, 1, &links, &refusal), BUSBAR_ERROR_AMOUNT_ZERO);
	links = reserve_of(60 * MEGABIT, 60 * MEGABIT);
	links.back = links.toward;
	T_ERROR(reserve(book, 1, &links, &refusal), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(book_count(book), 0);
	book_free(book);
}

/* Whatever is advertised as free GFLOPS is granted, at any calibration and rest of cores. */
static void test_advertised_gflops(void **state)
{
	static const uint64_t calibrations[] = {1,       3,        999999,   1000001,
	                                        7000000, 33333333, 61803398, 999999999937};

	for (size_t i = 0; i < ARRAY_SIZE(calibrations); i++) {
		for (uint64_t taken = 1; taken < 8 * CORE; taken = taken * 3 + 1) {
			struct book *book = open_book();
			struct program_claim wanted = claim_of(RESOURCE_CPU, taken);
			uint64_t advertised;

			book_set_calibration(book, calibrations[i]);
			T_OK(claim(book, 1, &wanted, NULL));
			advertised = free_of(book, RESOURCE_CPU_GFLOPS);
			if (advertised > 0) {
				wanted = claim_of(RESOURCE_CPU_GFLOPS, advertised);
				T_OK(claim(book, 2, &wanted, NULL));
			}
			/* What is left is less than one base unit of GFLOPS is worth. */
			T_EQ(free_of(book, RESOURCE_CPU_GFLOPS), 0);
			book_free(book);
		}
	}
}

/* cpu and cpu.gflops in one claim are the same cores; the larger counts. */
static void test_cores_both_ways(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, 2 * CORE);
	struct identifier one = program(1);

	wanted.resources[wanted.resource_count++] = (struct program_claim_resource){
	        .kind = RESOURCE_CPU_GFLOPS, .amount = 3 * GFLOPS_PER_CORE * CORE, .limit = INT64_MAX};
	T_OK(claim(book, 1, &wanted, NULL));
	T_EQ(free_of(book, RESOURCE_CPU), 5 * CORE);
	/* Measured anew meanwhile: what was taken comes back, not what it would be now. */
	book_set_calibration(book, 10 * CORE);
	T_EQ(free_of(book, RESOURCE_CPU_GFLOPS), 50 * CORE);
	T_OK(book_release(book, &one, NULL));
	T_EQ(free_of(book, RESOURCE_CPU), 8 * CORE);
	T_OK(claim(book, 2,
	           &(struct program_claim){.resource_count = 1,
	                                   .resources = {{.kind = RESOURCE_CPU_GFLOPS,
	                                                  .amount = 10 * CORE,
	                                                  .limit = INT64_MAX}},
	                                   .time = 1},
	           NULL));
	book_set_calibration(book, 0);
	one = program(2);
	T_OK(book_release(book, &one, NULL));
	T_EQ(free_of(book, RESOURCE_CPU), 8 * CORE);
	wanted = claim_of(RESOURCE_CPU_GFLOPS, 1);
	T_ERROR(claim(book, 3, &wanted, NULL), BUSBAR_ERROR_NOT_FOUND); /* not measured: not offered */
	book_free(book);
}

static void test_full_table(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, CORE);
	struct program_reserve links = reserve_of(MEGABIT, MEGABIT);
	struct book_refusal refusal;
	struct identifier one = program(1);

	for (uint8_t number = 1; number <= HOLDINGS; number++)
		T_OK(claim(book, number, &wanted, NULL));
	T_ERROR(claim(book, 9, &wanted, &refusal), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(refusal.error, BUSBAR_ERROR_TABLE_FULL);
	T_ERROR(reserve(book, 9, &links, &refusal), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(free_of(book, RESOURCE_CPU), (8 - HOLDINGS) * CORE);
	T_EQ(free_toward(book, next), 100 * MEGABIT);
	T_OK(reserve(book, 2, &links, NULL)); /* a program that is known needs no new row */
	T_OK(book_release(book, &one, NULL));
	T_OK(claim(book, 9, &wanted, NULL));
	book_free(book);
}

static void test_expiry(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, CORE);
	const int64_t times[] = {30, 10, 20};

	for (uint8_t i = 0; i < 3; i++) {
		wanted.time = times[i];
		T_OK(claim(book, i, &wanted, NULL));
	}
	wanted.time = INT64_MAX; /* no end is later than the last moment */
	T_OK(claim(book, 3, &wanted, NULL));
	T_EQ(book_next_expiry(book), NOW + 10);
	T_TRUE(book_expired(book, NOW + 9) == NULL);
	for (int64_t time = 10; time <= 30; time += 10) {
		const struct book_holding *expired = book_expired(book, NOW + time);
		struct identifier identifier;

		assert_non_null(expired);
		T_EQ(expired->expires, NOW + time);
		identifier = expired->program;
		T_OK(book_release(book, &identifier, NULL));
	}
	T_TRUE(book_expired(book, INT64_MAX - 1) == NULL);
	T_EQ(book_expired(book, INT64_MAX)->program.octets[0], 3);
	book_free(book);
}

static void test_restore(void **state)
{
	struct book *book = open_book();
	struct book_holding holding = {.program = program(1),
	                               .ingress = nobody,
	                               .granted = NOW - 5,
	                               .expires = NOW + 7,
	                               .reserved = true,
	                               .claimed = true,
	                               .reserve = reserve_of(30 * MEGABIT, 0),
	                               .claim = claim_of(RESOURCE_CPU_GFLOPS, 60 * CORE)};
	const struct book_holding *found;

	holding.reserve.limit = 1; /* prices of a former life do not count */
	holding.claim.resources[0].limit = 1;
	T_OK(book_restore(book, &holding));
	T_EQ(free_of(book, RESOURCE_CPU), 6 * CORE);
	T_EQ(free_toward(book, next), 70 * MEGABIT);
	found = book_find(book, &holding.program);
	T_EQ(found->granted, NOW - 5);
	T_EQ(found->expires, NOW + 7);
	T_EQ(found->reserve.limit, 1);
	T_EQ(found->claim.resources[0].limit, 1);
	T_TRUE(gateway_equal(found->ingress, nobody));
	T_EQ(book_next_expiry(book), NOW + 7);
	T_ERROR(book_restore(book, &holding), BUSBAR_ERROR_DUPLICATE);
	holding.program = program(2);
	holding.reserve.rate = 71 * MEGABIT;
	T_ERROR(book_restore(book, &holding), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(free_of(book, RESOURCE_CPU), 6 * CORE);
	holding.reserved = false;
	holding.claim.resources[0].kind = RESOURCE_GPU;
	T_ERROR(book_restore(book, &holding), BUSBAR_ERROR_NOT_FOUND);
	holding.claimed = false;
	T_ERROR(book_restore(book, &holding), BUSBAR_ERROR_AMOUNT_ZERO);
	T_EQ(book_count(book), 1);
	T_OK(book_release(book, &(struct identifier){.octets = {1}}, NULL));
	T_EQ(free_of(book, RESOURCE_CPU), 8 * CORE);
	book_free(book);
}

/* 100 Mbit/s, 1250 octets begun before, 100 us on the way; ceilings of 1 ms and 3 ms. */
static struct book *open_guaranteed(void)
{
	struct book *book = book_create(HOLDINGS, 1);
	const struct book_output output = {.rate = 100 * MEGABIT,
	                                   .largest_packet = 1250,
	                                   .latency = 100 * CLOCK_MICROSECOND};
	struct link_offer link = {.from = self,
	                          .toward = next,
	                          .ceilings = {CLOCK_MILLISECOND, 3 * CLOCK_MILLISECOND},
	                          .capacity = 80 * MEGABIT,
	                          .free = 80 * MEGABIT,
	                          .base = 100,
	                          .steepness = 1000};

	assert_non_null(book);
	T_OK(book_add_link(book, &link, &output));
	link.toward = previous;
	link.ceilings[0] = 0; /* promised in the second class alone */
	T_OK(book_add_link(book, &link, &output));
	return book;
}

static void check_load(const struct book *book, uint32_t class, uint64_t rate, uint64_t burst, uint32_t flows,
                       int64_t delay)
{
	struct book_load load;

	T_OK(book_load_at(book, 0, class, &load));
	T_EQ(load.rate, rate);
	T_EQ(load.burst, burst);
	T_EQ(load.flows, flows);
	T_EQ(load.delay, delay);
	T_EQ(load.ceiling, (class == 0 ? 1 : 3) * CLOCK_MILLISECOND);
}

static void test_ceilings(void **state)
{
	struct book *book = open_guaranteed();
	struct program_reserve flow = reserve_of(20 * MEGABIT, 0);
	struct book_refusal refusal;
	struct book_load load;

	check_load(book, 0, 0, 0, 0, 200 * CLOCK_MICROSECOND);
	flow.burst = 5000;
	flow.jitter = 400 * CLOCK_MICROSECOND; /* lets the burst grow by 1000 octets */
	T_OK(reserve(book, 1, &flow, NULL));
	check_load(book, 0, 20 * MEGABIT, 6000, 1, 680 * CLOCK_MICROSECOND);
	check_load(book, 1, 0, 0, 0, 825 * CLOCK_MICROSECOND); /* (6000 + 1250) x 8 / (100 - 20) Mbit/s */
	/* The first class has room for 4000 octets more. */
	flow.jitter = 0;
	flow.burst = 4001;
	T_ERROR(reserve(book, 2, &flow, &refusal), BUSBAR_ERROR_CEILING);
	T_TRUE(gateway_equal(refusal.toward, next));
	T_EQ(refusal.have, 1000080);
	T_EQ(refusal.need, CLOCK_MILLISECOND);
	T_EQ(refusal.price, 100);
	flow.class = 1;
	flow.burst = 21750; /* (6000 + 21750 + 1250) x 8 / 80 Mbit/s = 2.9 ms */
	T_OK(reserve(book, 2, &flow, NULL));
	check_load(book, 1, 20 * MEGABIT, 21750, 1, 3 * CLOCK_MILLISECOND);
	/* A tight flow may not break the ceiling of the looser class: it takes rate and burst from it. */
	flow.class = 0;
	flow.burst = 64;
	flow.rate = MEGABIT;
	T_ERROR(reserve(book, 3, &flow, &refusal), BUSBAR_ERROR_CEILING);
	T_EQ(refusal.need, 3 * CLOCK_MILLISECOND);
	T_TRUE(refusal.have > refusal.need);
	/* A looser one does not touch the tighter class. */
	T_OK(book_release(book, &(struct identifier){.octets = {2}}, NULL));
	T_OK(reserve(book, 3, &flow, NULL));
	check_load(book, 0, 21 * MEGABIT, 6064, 2, 685120);
	T_ERROR(book_load_at(book, 2, 0, &load), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(book_load_at(book, 0, LINK_CLASSES, &load), BUSBAR_ERROR_NOT_FOUND);
	book_free(book);
}

/* Both outputs must keep their ceilings; what promises nothing refuses nothing but rate. */
static void test_ceilings_of_both_outputs(void **state)
{
	struct book *book = open_guaranteed();
	struct program_reserve flow = reserve_of(MEGABIT, MEGABIT);
	struct book_refusal refusal;

	flow.back_burst = 1000000;
	T_OK(reserve(book, 1, &flow, NULL)); /* the first class is not promised on the way back */
	flow.class = 1;
	flow.back_burst = 1;
	T_ERROR(reserve(book, 2, &flow, &refusal), BUSBAR_ERROR_CEILING); /* it is behind that burst */
	T_TRUE(gateway_equal(refusal.toward, previous));
	T_EQ(refusal.need, 3 * CLOCK_MILLISECOND);
	check_load(book, 1, 0, 0, 0, 201011); /* and nothing is kept of it on the way there */
	flow.class = 0;
	flow.back_burst = 0;
	flow.burst = 20000;
	T_ERROR(reserve(book, 2, &flow, &refusal), BUSBAR_ERROR_CEILING);
	T_TRUE(gateway_equal(refusal.toward, next));
	book_free(book);
}

/* The tightest class may take the whole output; a looser one then has no bound, and no flow. */
static void test_whole_output(void **state)
{
	struct book *book = book_create(HOLDINGS, 1);
	const struct link_offer link = {.from = self,
	                                .toward = next,
	                                .ceilings = {CLOCK_SECOND, CLOCK_SECOND},
	                                .capacity = MEGABIT,
	                                .free = MEGABIT,
	                                .steepness = 1000};
	struct program_reserve flow = reserve_of(MEGABIT, 0);
	struct book_load load;

	T_OK(book_add_link(book, &link, &(struct book_output){.rate = MEGABIT}));
	T_OK(reserve(book, 1, &flow, NULL));
	T_OK(book_load_at(book, 0, 1, &load));
	T_EQ(load.delay, INT64_MAX);
	flow.class = 1;
	flow.rate = 1;
	T_ERROR(reserve(book, 2, &flow, NULL), BUSBAR_ERROR_NO_CAPACITY);
	book_free(book);
}

static void test_senseless_flows(void **state)
{
	struct book *book = open_guaranteed();
	struct program_reserve flow = reserve_of(MEGABIT, 0);
	struct link_offer link = {.toward = nobody, .capacity = 10, .free = 10, .base = 1, .steepness = 1000};
	struct book_output output = {.rate = 10, .largest_packet = 1, .latency = 1};

	flow.class = LINK_CLASSES;
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_BAD_VALUE);
	flow.class = 0;
	flow.jitter = -1;
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_BAD_VALUE);
	flow.jitter = INT64_MAX;
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	flow.jitter = 0;
	flow.burst = UINT64_MAX;
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_AMOUNT_OVERFLOW);
	flow.burst = UINT64_C(1) << 40; /* the most that is a number; no ceiling of ours holds it */
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_CEILING);
	flow.burst = 0;
	flow.time = -1;
	T_ERROR(reserve(book, 1, &flow, NULL), BUSBAR_ERROR_BAD_VALUE);
	/* The empty output needs 0.8 s and 1 ns. */
	link.ceilings[0] = 800000000;
	T_ERROR(book_check_link(&link, &output), BUSBAR_ERROR_BAD_VALUE);
	link.ceilings[0]++;
	T_OK(book_check_link(&link, &output));
	link.ceilings[1] = link.ceilings[0] - 1;
	T_ERROR(book_check_link(&link, &output), BUSBAR_ERROR_BAD_VALUE);
	link.ceilings[1] = link.ceilings[0];
	output.rate--; /* less than may be reserved of it */
	T_ERROR(book_check_link(&link, &output), BUSBAR_ERROR_BAD_VALUE);
	output.rate++;
	output.latency = -1;
	T_ERROR(book_add_link(book, &link, &output), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(book_link_count(book), 2);
	book_free(book);
}

static void test_refresh(void **state)
{
	struct book *book = open_book();
	struct program_claim wanted = claim_of(RESOURCE_CPU, CORE);
	struct identifier one = program(1), two = program(2);
	int64_t end = NOW + 10 * CLOCK_SECOND;

	T_OK(claim(book, 1, &wanted, NULL));
	wanted.time = 15 * CLOCK_SECOND;
	T_OK(claim(book, 2, &wanted, NULL));
	T_OK(book_refresh(book, &one, 2 * CLOCK_SECOND, NOW)); /* never earlier */
	T_EQ(book_find(book, &one)->expires, end);
	T_OK(book_refresh(book, &one, 10 * CLOCK_SECOND, NOW + 8 * CLOCK_SECOND));
	T_EQ(book_find(book, &one)->expires, NOW + 18 * CLOCK_SECOND);
	T_TRUE(identifier_equal(&book_expired(book, NOW + 15 * CLOCK_SECOND)->program, &two));
	T_ERROR(book_refresh(book, &one, -1, NOW), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(book_refresh(book, &one, BOOK_REFRESH_MAXIMUM + 1, NOW), BUSBAR_ERROR_BAD_VALUE);
	/* What is over is over, whether or not anybody has put it away. */
	T_ERROR(book_refresh(book, &two, CLOCK_SECOND, NOW + 15 * CLOCK_SECOND), BUSBAR_ERROR_NOT_FOUND);
	T_OK(book_refresh(book, &one, BOOK_REFRESH_MAXIMUM, NOW));
	T_EQ(book_find(book, &one)->expires, NOW + BOOK_REFRESH_MAXIMUM);
	two = program(3);
	T_ERROR(book_refresh(book, &two, 1, NOW), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(free_of(book, RESOURCE_CPU), 6 * CORE);
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_offers),
	        cmocka_unit_test(test_bad_offers),
	        cmocka_unit_test(test_claim_and_release),
	        cmocka_unit_test(test_reserve_and_claim),
	        cmocka_unit_test(test_capacity_refusals),
	        cmocka_unit_test(test_price_refusals),
	        cmocka_unit_test(test_senseless),
	        cmocka_unit_test(test_advertised_gflops),
	        cmocka_unit_test(test_cores_both_ways),
	        cmocka_unit_test(test_full_table),
	        cmocka_unit_test(test_expiry),
	        cmocka_unit_test(test_restore),
	        cmocka_unit_test(test_ceilings),
	        cmocka_unit_test(test_ceilings_of_both_outputs),
	        cmocka_unit_test(test_whole_output),
	        cmocka_unit_test(test_senseless_flows),
	        cmocka_unit_test(test_refresh),
	};

	return T_RUN(tests);
}
