/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book's journal and snapshots. The first octet says which: 0 a snapshot; else entries, each behind its
 * length in two octets, with version and sequence put right. Whatever is believed keeps every ceiling and
 * every sum, makes the same book again from a snapshot of its own, and is given back whole.
 */
#include "base/error.h"
#include "book/book.h"
#include <stdlib.h>
#include <string.h>

#define UNITS UINT64_C(16000000)

enum { HOLDINGS = 64, LINKS = 2, SNAPSHOT = HOLDINGS * BOOK_ENTRY + 1024, HEAD = 10 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct book *open_book(void)
{
	struct book *book = book_create(HOLDINGS, 1);

	require(book != NULL);
	for (int kind = RESOURCE_CPU; kind < RESOURCE_KINDS; kind++) {
		const struct resource_offer offer = {.kind = (enum resource_kind)kind,
		                                     .capacity = UNITS,
		                                     .free = UNITS,
		                                     .base = 1000,
		                                     .steepness = 8000};

		require(kind == RESOURCE_CPU_GFLOPS || book_add_resource(book, &offer) == 0);
	}
	for (uint32_t i = 0; i < LINKS; i++) {
		const struct link_offer link = {.from = {1, 1},
		                                .toward = {10 + i, 1},
		                                .ceilings = {10 * CLOCK_MILLISECOND, 50 * CLOCK_MILLISECOND},
		                                .capacity = 9 * UNITS,
		                                .free = 9 * UNITS,
		                                .base = 100,
		                                .steepness = 4000};

		require(book_add_link(book, &link,
		                      &(struct book_output){.rate = 10 * UNITS,
		                                            .largest_packet = 1500,
		                                            .latency = CLOCK_MILLISECOND}) == 0);
	}
	return book;
}

static void check_sums(const struct book *book)
{
	struct resource_offer offer;
	struct link_offer link;
	struct book_load load;

	for (size_t i = 0; book_resource_at(book, i, &offer) == 0; i++)
		require(offer.free <= offer.capacity && offer.base >= 0 && offer.steepness >= 1000);
	for (size_t i = 0; book_link_at(book, i, &link) == 0; i++) {
		uint64_t rate = 0;

		for (uint32_t level = 0; book_load_at(book, i, level, &load) == 0; level++) {
			require(load.flows == 0 || load.delay <= load.ceiling);
			rate += load.rate;
		}
		require(link.capacity - link.free == rate);
	}
}

static void check_again(const struct book *book)
{
	static uint8_t snapshot[SNAPSHOT];
	struct book *again = open_book();
	int size = book_snapshot(book, snapshot, sizeof(snapshot));

	require(size > 0 && (size_t)size <= book_snapshot_size(book));
	require(book_resume(again, snapshot, (size_t)size) == 0);
	require(book_digest(again) == book_digest(book));
	(void)book_free(again);
}

static void give_back(struct book *book)
{
	const struct book_holding *holding;
	struct resource_offer offer;
	struct link_offer link;
	struct book_load load;

	while ((holding = book_expired(book, INT64_MAX)) != NULL) {
		struct identifier program = holding->program;

		require(book_release(book, &program, NULL) == 0);
		check_sums(book);
	}
	require(book_count(book) == 0);
	for (size_t i = 0; book_resource_at(book, i, &offer) == 0; i++)
		require(offer.free == offer.capacity);
	for (size_t i = 0; book_link_at(book, i, &link) == 0; i++)
		for (uint32_t level = 0; book_load_at(book, i, level, &load) == 0; level++)
			require(load.rate == 0 && load.burst == 0 && load.flows == 0);
}

static void read_snapshot(struct book *book, const uint8_t *bytes, size_t size)
{
	uint64_t before = book_digest(book);

	if (book_resume(book, bytes, size) < 0)
		require(book_digest(book) == before);
}

static void read_entries(struct book *book, const uint8_t *bytes, size_t size)
{
	while (size >= 2) {
		size_t length = MINIMUM((size_t)bytes[0] << 8 | bytes[1], size - 2);
		uint8_t entry[2 * BOOK_ENTRY];
		uint64_t sequence = book_sequence(book) + 1, before = book_digest(book);

		bytes += 2;
		size -= 2;
		if (length >= HEAD && length <= sizeof(entry)) {
			memcpy(entry, bytes, length);
			entry[0] = 1;
			for (int i = 0; i < 8; i++)
				entry[2 + i] = (uint8_t)(sequence >> (56 - 8 * i));
			if (book_replay(book, entry, length) < 0)
				require(book_digest(book) == before);
			check_sums(book);
		}
		bytes += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct book *book;

	if (size == 0)
		return 0;
	book = open_book();
	if (data[0] == 0)
		read_snapshot(book, data + 1, size - 1);
	else
		read_entries(book, data + 1, size - 1);
	check_sums(book);
	check_again(book);
	give_back(book);
	(void)book_free(book);
	return 0;
}
