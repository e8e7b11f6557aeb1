/* SPDX-License-Identifier: Apache-2.0 */
/* What the book's own files share. */
#ifndef BOOK_BOOK_INTERNAL_H
#define BOOK_BOOK_INTERNAL_H

#include "base/hash.h"
#include "base/heap.h"
#include "book/admission.h"
#include "book/price.h"

enum { BOOK_LINKS = 64 };

struct entry {
	struct book_holding holding;
	uint64_t cores; /* taken by the claim, at the calibration of that moment */
	struct heap_node expiry;
};

/* Offers carry the present base price. */
struct book_resource {
	struct resource_offer offer;
	struct price price;
};

struct book_link {
	struct link_offer offer;
	struct price price;
	struct admission admission;
};

struct book {
	struct book_resource resources[RESOURCE_KINDS];
	size_t resource_count;
	uint64_t gflops_per_core;
	struct book_link links[BOOK_LINKS];
	size_t link_count;
	struct book_prices prices;
	int64_t ticked; /* wall clock; 0 before the first tick */
	struct slab *slab;
	struct hash *holdings; /* program -> struct entry */
	struct heap *expiries;
	uint64_t sequence;
	book_write write;
	void *context;
};

/* One kind of change each; the numbers are the journal's. */
enum book_change {
	BOOK_RESERVED = 1,
	BOOK_CLAIMED,
	BOOK_REFRESHED,
	BOOK_RELEASED,
	BOOK_TICKED,
	BOOK_PRICED,
	BOOK_CALIBRATED,
	BOOK_CHANGES,
};

/* The changes themselves, for those who make them and for the journal: nothing is written by these. */
struct book_resource *book_resource_of(struct book *book, enum resource_kind kind);
struct book_link *book_link_of(struct book *book, struct gateway_identity toward);
/* Base units of cores behind GFLOPS, rounded up, and back, rounded down; the site must be calibrated. */
uint64_t book_cores_of(const struct book *book, uint64_t gflops);
uint64_t book_gflops_of(const struct book *book, uint64_t cores);
money book_per_gflops(const struct book *book, money per_core);
/*
 * Adds what `holding` holds to its program's entry and moves the end to holding->expires: its claim takes
 * `cores`, its prices do not matter. DUPLICATE for a part that is held already, or what a refusal can say.
 */
int book_put_back(struct book *book, const struct book_holding *holding, uint64_t cores) CHECKED;
void book_extend(struct book *book, struct entry *entry, int64_t end);
void book_forget(struct book *book, struct entry *entry);
/* Averages move on to `now`; base prices become those of the last tick, which is midnight before the first.
 */
void book_move_prices(struct book *book, int64_t now);
void book_set_bases(struct book *book);
extern const struct book_prices book_prices_plain;
int book_check_prices(const struct book_prices *prices) CHECKED;

/* Counts a change and gives it to the journal. `entry` is what it happened to; NULL for the book itself. */
void book_note(struct book *book, enum book_change change, const struct entry *entry);

#endif
