/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the book takes to admit and end a reservation over two outputs, with many of them held:
 * measure_admission [HOLDINGS [ROUNDS]]. Prints nanoseconds of processor time per reserve and
 * release, best of five.
 */
#include "base/error.h"
#include "base/random.h"
#include "book/book.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINKS = 4, REPEATS = 5 };

static const struct gateway_identity self = {1, 1};

static void require(int code)
{
	if (code < 0) {
		fprintf(stderr, "measure_admission: %s\n", error_text(code));
		exit(1);
	}
}

static struct gateway_identity neighbour(uint64_t link)
{
	return (struct gateway_identity){.site = 2 + (uint32_t)link, .gateway = 1};
}

static struct book *open_book(size_t holdings)
{
	struct book *book = book_create(holdings + 1, 1);

	if (book == NULL)
		require(BUSBAR_ERROR_TABLE_FULL);
	for (uint64_t i = 0; i < LINKS; i++) {
		const struct link_offer link = {.from = self,
		                                .toward = neighbour(i),
		                                .ceilings = {CLOCK_SECOND, 2 * CLOCK_SECOND},
		                                .capacity = UINT64_C(90000000000),
		                                .free = UINT64_C(90000000000),
		                                .base = 100,
		                                .steepness = 32000};

		require(book_add_link(book, &link,
		                      &(struct book_output){.rate = UINT64_C(100000000000),
		                                            .largest_packet = 1600,
		                                            .latency = CLOCK_MILLISECOND}));
	}
	return book;
}

static void reserve(struct book *book, const struct identifier *program, uint64_t number)
{
	const struct program_reserve reserve = {.toward = neighbour(number % LINKS),
	                                        .back = neighbour((number + 1) % LINKS),
	                                        .class = (uint32_t)(number % LINK_CLASSES),
	                                        .rate = 1000000,
	                                        .burst = 8000,
	                                        .back_rate = 2000000,
	                                        .back_burst = 8000,
	                                        .jitter = CLOCK_MILLISECOND,
	                                        .back_jitter = CLOCK_MILLISECOND,
	                                        .time = (int64_t)(30 + number % 7) * CLOCK_SECOND,
	                                        .limit = INT64_MAX};

	require(book_reserve(book, program, self, &reserve, (int64_t)number, NULL));
}

/* The oldest of all that are held ends, and a new one begins. */
static double measure(struct book *book, struct identifier *programs, size_t holdings, size_t rounds,
                      struct random *random)
{
	clock_t start = clock();

	for (size_t i = 0; i < rounds; i++) {
		struct identifier *program = &programs[i % holdings];

		require(book_release(book, program, NULL));
		random_fill(random, program->octets, sizeof(program->octets));
		reserve(book, program, i);
	}
	return (double)(clock() - start) * ((double)CLOCK_SECOND / CLOCKS_PER_SEC) / (double)rounds;
}

int main(int count, char **arguments)
{
	size_t holdings = count > 1 ? strtoul(arguments[1], NULL, 10) : 10000;
	size_t rounds = count > 2 ? strtoul(arguments[2], NULL, 10) : 1000000;
	struct identifier *programs = calloc(holdings, sizeof(*programs));
	struct book *book = open_book(holdings);
	struct random random;
	double best = 0;

	if (holdings == 0 || rounds == 0 || programs == NULL)
		return 2;
	random_seed(&random, 1);
	for (size_t i = 0; i < holdings; i++) {
		random_fill(&random, programs[i].octets, sizeof(programs[i].octets));
		reserve(book, &programs[i], i);
	}
	for (int i = 0; i < REPEATS; i++) {
		double taken = measure(book, programs, holdings, rounds, &random);

		best = i == 0 || taken < best ? taken : best;
	}
	printf("reserve and release over two outputs, %zu held: %.0f ns\n", book_count(book), best);
	(void)book_free(book);
	free(programs);
	return 0;
}
