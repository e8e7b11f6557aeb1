/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book: one owner's truth about its links and executors. It alone decides reserve and claim.
 *
 * Pure. Holdings are kept by program id: at most one reserve and one claim each; asking again for the
 * same is a success without effect. Invariant: capacity = free + sum of holdings, per resource and link.
 * cpu.gflops is the same cores seen through the site's calibration: a claim of either takes cpu, and gives
 * back what it took, also when the calibration has changed meanwhile.
 */
#ifndef BOOK_BOOK_H
#define BOOK_BOOK_H

#include "base/compiler.h"
#include "model/identifier.h"
#include "model/link.h"
#include "model/program.h"
#include "model/resource.h"
#include <stdbool.h>
#include <stddef.h>

struct book;

struct book_holding {
	struct identifier program;
	struct gateway_identity ingress;
	int64_t granted; /* wall clock */
	int64_t expires; /* later of its parts' ends */
	bool reserved, claimed;
	struct program_reserve reserve;
	struct program_claim claim;
};

/* Why the book said no, with the number. */
struct book_refusal {
	/*
	 * NO_CAPACITY, PRICE_ROSE, NOT_FOUND (no such resource or link), TABLE_FULL; or the program asked for
	 * what makes no sense: AMOUNT_ZERO, DUPLICATE (a kind twice), TOO_LARGE (too many kinds), BAD_VALUE
	 * (both directions over one output)
	 */
	int error;
	enum resource_kind resource;
	struct gateway_identity toward; /* set when a link refused */
	int64_t have;                   /* free amount, or the price now */
	int64_t need;                   /* amount asked for, or the limit */
	money price;                    /* fresh price at the asked amount */
};

/* NULL when memory is short. */
struct book *book_create(size_t maximum_holdings, uint64_t seed);
struct book *book_free(struct book *book);

/* Adds a resource (cpu, memory, storage, gpu...) or a link; free must equal capacity. DUPLICATE, TABLE_FULL.
 */
int book_add_resource(struct book *book, const struct resource_offer *offer) CHECKED;
/* micro-GFLOPS of one core: makes cpu.gflops known as a derived view of cpu. */
void book_set_calibration(struct book *book, uint64_t gflops_per_core);
int book_add_link(struct book *book, const struct link_offer *offer) CHECKED;
/* A probe's newest measurement, for what is announced. */
void book_set_link_delay(struct book *book, struct gateway_identity toward, int64_t delay, int64_t jitter,
                         uint32_t loss);

/*
 * Grants until now + time. 0 when granted now or before; else the refusal's error, with nothing held by
 * this call. `ret_refusal` may be NULL.
 */
int book_reserve(struct book *book, const struct identifier *program, struct gateway_identity ingress,
                 const struct program_reserve *reserve, int64_t now,
                 struct book_refusal *ret_refusal) CHECKED;
int book_claim(struct book *book, const struct identifier *program, struct gateway_identity ingress,
               const struct program_claim *claim, int64_t now, struct book_refusal *ret_refusal) CHECKED;
/* Puts back a holding from a journal, without price checks. DUPLICATE, or what a refusal can say. */
int book_restore(struct book *book, const struct book_holding *holding) CHECKED;
/* Ends a holding; what it was is copied to *ret_holding (may be NULL). NOT_FOUND. */
int book_release(struct book *book, const struct identifier *program, struct book_holding *ret_holding);
/* The holding, or NULL. Valid until the next change. */
const struct book_holding *book_find(const struct book *book, const struct identifier *program);
/* A holding whose end is at or before `now`, earliest first; NULL when there is none. */
const struct book_holding *book_expired(const struct book *book, int64_t now);
/* When the next holding ends; INT64_MAX when there is none. */
int64_t book_next_expiry(const struct book *book);
size_t book_count(const struct book *book);

/* What the owner offers now, in the order added (cpu.gflops derived right after cpu). NULL past the end. */
size_t book_resource_count(const struct book *book);
int book_resource_at(const struct book *book, size_t index, struct resource_offer *ret_offer);
size_t book_link_count(const struct book *book);
int book_link_at(const struct book *book, size_t index, struct link_offer *ret_offer);

#endif
