/* SPDX-License-Identifier: Apache-2.0 */
/* Prices over the day, under load and as they are told. */
#include "tests/t.h"

#include "base/clock.h"
#include "base/random.h"
#include "book/book.h"
#include <math.h>

#define CORE UINT64_C(1000000)
#define HOUR (3600 * CLOCK_SECOND)
#define DAY (24 * HOUR)
#define MIDNIGHT (INT64_C(19000) * DAY)
#define HALF_LIFE (10 * CLOCK_SECOND)

static const struct gateway_identity self = {1, 1}, next = {2, 1};

/* Ten cores at 1000 when empty and 16000 when full, and a link at 100. */
static struct book *open_book(void)
{
	struct book *book = book_create(8, 1);
	const struct resource_offer cpu = {.kind = RESOURCE_CPU,
	                                   .capacity = 10 * CORE,
	                                   .free = 10 * CORE,
	                                   .base = 1000,
	                                   .steepness = 16000,
	                                   .tariff = 5000};
	const struct link_offer link = {
	        .from = self, .toward = next, .capacity = 100, .free = 100, .base = 100, .steepness = 4000};

	assert_non_null(book);
	T_OK(book_add_resource(book, &cpu));
	T_OK(book_add_link(book, &link, &(struct book_output){.rate = 100}));
	return book;
}

static void claim_cores(struct book *book, uint8_t number, uint64_t cores)
{
	const struct identifier program = {.octets = {number}};
	const struct program_claim claim = {
	        .resource_count = 1,
	        .resources = {{.kind = RESOURCE_CPU, .amount = cores * CORE, .limit = INT64_MAX}},
	        .time = DAY};

	T_OK(book_claim(book, &program, self, &claim, MIDNIGHT, NULL));
}

static void release(struct book *book, uint8_t number)
{
	const struct identifier program = {.octets = {number}};

	T_OK(book_release(book, &program, NULL));
}

static struct resource_offer told(const struct book *book)
{
	struct resource_offer offer;

	T_OK(book_resource_at(book, 0, &offer));
	return offer;
}

/* What a claim of `cores` is refused with when it would pay nothing: the present price. */
static money present(struct book *book, uint64_t cores)
{
	const struct identifier program = {.octets = {99}};
	const struct program_claim claim = {.resource_count = 1,
	                                    .resources = {{.kind = RESOURCE_CPU, .amount = cores * CORE}}};
	struct book_refusal refusal;

	T_ERROR(book_claim(book, &program, self, &claim, MIDNIGHT, &refusal), BUSBAR_ERROR_PRICE_ROSE);
	return refusal.have;
}

static void test_tides(void **state)
{
	struct book *book = open_book();
	struct link_offer link;
	uint32_t tide[BOOK_HOURS];

	for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
		tide[hour] = hour == 8 ? 3000 : 500;
	T_EQ(told(book).base, 1000);
	T_OK(book_set_resource_tide(book, RESOURCE_CPU, tide));
	T_EQ(told(book).base, 500); /* midnight, before it was told the time */
	book_tick(book, MIDNIGHT + 7 * HOUR);
	T_EQ(told(book).base, 500);
	book_tick(book, MIDNIGHT + 7 * HOUR + HOUR / 2);
	T_EQ(told(book).base, 1750); /* half way up */
	book_tick(book, MIDNIGHT + 8 * HOUR);
	T_EQ(told(book).base, 3000);
	T_EQ(told(book).tariff, 5000);
	T_EQ(present(book, 5), 12000); /* 3000 x 16^(1/2): admission knows the tide */
	T_OK(book_link_at(book, 0, &link));
	T_EQ(link.base, 100); /* without a tide of its own */
	book_tick(book, MIDNIGHT + 23 * HOUR + HOUR / 2);
	T_EQ(told(book).base, 500);
	T_OK(book_set_link_tide(book, next, tide));
	T_OK(book_link_at(book, 0, &link));
	T_EQ(link.base, 50);
	T_ERROR(book_set_link_tide(book, self, tide), BUSBAR_ERROR_NOT_FOUND);
	T_ERROR(book_set_resource_tide(book, RESOURCE_GPU, tide), BUSBAR_ERROR_NOT_FOUND);
	tide[3] = BOOK_FACTOR + 1;
	T_ERROR(book_set_resource_tide(book, RESOURCE_CPU, tide), BUSBAR_ERROR_BAD_VALUE);
	book_free(book);
}

static void test_factors(void **state)
{
	struct book *book = open_book();
	struct book_prices prices = {.energy = 1500, .carbon = 1200};
	struct link_offer link;

	T_OK(book_set_prices(book, &prices));
	T_EQ(told(book).base, 1800);
	T_OK(book_link_at(book, 0, &link));
	T_EQ(link.base, 180);
	prices.energy = BOOK_FACTOR + 1;
	T_ERROR(book_set_prices(book, &prices), BUSBAR_ERROR_BAD_VALUE);
	prices.energy = 1000;
	prices.half_life = -1;
	T_ERROR(book_set_prices(book, &prices), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(told(book).base, 1800);
	book_free(book);
}

/* What is too much for a number is the largest number. */
static void test_largest_base(void **state)
{
	struct book *book = book_create(1, 1);
	const struct resource_offer offer = {.kind = RESOURCE_MEMORY, .base = INT64_MAX, .steepness = 1000};
	const struct book_prices prices = {.energy = BOOK_FACTOR, .carbon = BOOK_FACTOR};
	uint32_t tide[BOOK_HOURS];

	for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
		tide[hour] = BOOK_FACTOR;
	T_OK(book_add_resource(book, &offer));
	T_EQ(told(book).base, INT64_MAX);
	T_OK(book_set_resource_tide(book, RESOURCE_MEMORY, tide));
	T_OK(book_set_prices(book, &prices));
	T_EQ(told(book).base, INT64_MAX);
	book_free(book);
}

/* Up at once, down by half the distance (of its logarithm) per half-life; and never above the price at full.
 */
static void test_damping(void **state)
{
	struct book *book = open_book();
	const struct book_prices prices = {.energy = 1000, .carbon = 1000, .half_life = HALF_LIFE};
	struct resource_offer offer;

	T_OK(book_set_prices(book, &prices));
	book_tick(book, MIDNIGHT);
	claim_cores(book, 1, 8);
	offer = told(book);
	T_EQ(offer.base, 1000); /* the present price, with no delay */
	T_EQ(resource_price(&offer, 0), 9190);
	book_tick(book, MIDNIGHT + HOUR); /* an average over many half-lives */
	release(book, 1);
	offer = told(book);
	T_EQ(offer.free, 10 * CORE);
	T_TRUE(llabs(resource_price(&offer, 0) - 9190) <= 2);
	T_TRUE(llabs(resource_price(&offer, 10 * CORE) - 16000) <= 6);
	T_EQ(present(book, 5), 4000);
	book_tick(book, MIDNIGHT + HOUR + HALF_LIFE);
	offer = told(book);
	T_TRUE(llabs(resource_price(&offer, 0) - 3031) <= 2); /* 1000 x 16^0.4 */
	T_TRUE(llabs(resource_price(&offer, 10 * CORE) - 16000) <= 6);
	book_tick(book, MIDNIGHT); /* the clock stepped back: no time has passed */
	T_TRUE(llabs(told(book).base - 3031) <= 2);
	book_tick(book, MIDNIGHT + 2 * HOUR);
	T_TRUE(llabs(told(book).base - 1000) <= 1);
	book_free(book);
}

/* At no load and no moment is more offered, or at less, than what admission takes. */
static void test_told_is_enough(void **state)
{
	struct random random;

	random_seed(&random, 7);
	for (int round = 0; round < 2000; round++) {
		struct book *book = open_book();
		const struct book_prices prices = {.energy = 1 + (uint32_t)random_below(&random, 5000),
		                                   .carbon = 1000,
		                                   .half_life =
		                                           1 + (int64_t)random_below(&random, HALF_LIFE)};
		uint64_t before = random_below(&random, 10), after;
		int64_t now = MIDNIGHT;
		struct resource_offer offer;

		T_OK(book_set_prices(book, &prices));
		book_tick(book, now);
		if (before > 0)
			claim_cores(book, 1, before);
		book_tick(book, now += (int64_t)random_below(&random, 2 * HALF_LIFE));
		if (before > 0)
			release(book, 1);
		after = random_below(&random, 10);
		if (after > 0)
			claim_cores(book, 2, after);
		book_tick(book, now + (int64_t)random_below(&random, HALF_LIFE));
		offer = told(book);
		for (uint64_t more = 1; more <= 10 - after; more++) {
			money top = present(book, 10 - after);

			T_TRUE(resource_price(&offer, more * CORE) >= present(book, more));
			/* Steepness is told in thousandths, so prices to about one in a thousand. */
			T_TRUE(resource_price(&offer, more * CORE) <= top + top / 500 + 20);
		}
		book_free(book);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_tides),          cmocka_unit_test(test_factors),
	        cmocka_unit_test(test_largest_base),   cmocka_unit_test(test_damping),
	        cmocka_unit_test(test_told_is_enough),
	};

	return T_RUN(tests);
}
