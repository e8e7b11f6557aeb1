/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book: one owner's truth about its links and executors. It alone decides reserve, claim and refresh.
 *
 * Pure. Holdings are kept by program id: at most one reserve and one claim each; asking again for the
 * same is a success without effect. Invariant: capacity = free + sum of holdings, per resource and link.
 * cpu.gflops is the same cores seen through the site's calibration: a claim of either takes cpu, and gives
 * back what it took, also when the calibration has changed meanwhile.
 *
 * Links. An output serves LINK_CLASSES guaranteed classes in order and then everything else. A class may have
 * a ceiling: a flow is let in, on both outputs that it wants, only while no packet of any class that has
 * flows can come to need longer (the formula and where it is from: book/admission.h). A ceiling of 0 promises
 * nothing, and only the rate is checked. Ceilings are constant, so what was promised is never taken back by a
 * later grant.
 *
 * Prices rise with utilisation, by time of day, and with the factors for energy and carbon; those that are
 * told are damped (book/price.h). The book reads no clock: prices move when it is told the time.
 *
 * Restart and take-over. Every change is one entry of a journal, numbered without gaps. A snapshot and the
 * entries after it make the same book again in any process with the same resources and links: same holdings,
 * sums, prices and so the same decisions. A standby applies each entry as it comes and goes on from the last
 * one. Left out, because they come from elsewhere: tides and other configuration, and the measured delays of
 * links.
 */
#ifndef BOOK_BOOK_H
#define BOOK_BOOK_H

#include "base/clock.h"
#include "base/compiler.h"
#include "model/identifier.h"
#include "model/link.h"
#include "model/program.h"
#include "model/resource.h"
#include <stdbool.h>
#include <stddef.h>

enum { BOOK_HOURS = 24, BOOK_FACTOR = 1000000 /* most that a tide or a factor may be, in thousandths */ };
/* How far a refresh reaches at most: what is forgotten must not be held for long. */
#define BOOK_REFRESH_MAXIMUM (600 * CLOCK_SECOND)

struct book;

struct book_holding {
	struct identifier program;
	struct gateway_identity ingress;
	int64_t granted; /* wall clock */
	int64_t expires; /* later of its parts' ends, and of its refreshes */
	bool reserved, claimed;
	struct program_reserve reserve;
	struct program_claim claim;
};

/* Why the book said no, with the number. */
struct book_refusal {
	/*
	 * NO_CAPACITY, CEILING, PRICE_ROSE, NOT_FOUND (no such resource or link), TABLE_FULL; or the program
	 * asked for what makes no sense: AMOUNT_ZERO, AMOUNT_OVERFLOW (a burst or jitter beyond all sense),
	 * DUPLICATE (a kind twice), TOO_LARGE (too many kinds), BAD_VALUE (both directions over one output,
	 * a class that is none, a negative time)
	 */
	int error;
	enum resource_kind resource;
	struct gateway_identity toward; /* set when a link refused */
	int64_t have;                   /* free amount; the delay it would have, in ns; or the price now */
	int64_t need;                   /* amount asked for; the ceiling, in ns; or the limit */
	money price;                    /* fresh price at the asked amount */
};

/* The physical side of a link's output. Octets as the output's queue counts them. */
struct book_output {
	uint64_t rate;           /* bit/s, at least the capacity that may be reserved */
	uint64_t largest_packet; /* of any traffic, in octets */
	int64_t latency;         /* propagation, and how late the output may begin, in ns */
};

/* What one class of an output carries. */
struct book_load {
	uint64_t rate;  /* sum of rates, bit/s */
	uint64_t burst; /* sum of bursts, grown by jitter, octets (rounded up) */
	uint32_t flows;
	int64_t delay;   /* most that a packet can need with these flows, ns; INT64_MAX when there is no bound
	                  */
	int64_t ceiling; /* what it may become; 0: not promised */
};

struct book_prices {
	uint32_t energy, carbon; /* thousandths, up to BOOK_FACTOR */
	int64_t half_life;       /* of the damping, in ns; 0: none */
};

/* NULL when memory is short. A maximum above 2^24 counts as 2^24. */
struct book *book_create(size_t maximum_holdings, uint64_t seed);
struct book *book_free(struct book *book);

/*
 * Adds a resource (cpu, memory, storage, gpu...); free must equal capacity. DUPLICATE, TABLE_FULL, BAD_VALUE.
 */
int book_add_resource(struct book *book, const struct resource_offer *offer) CHECKED;
/* micro-GFLOPS of one core: makes cpu.gflops known as a derived view of cpu. */
void book_set_calibration(struct book *book, uint64_t gflops_per_core);
/* Adds a link. As above; BAD_VALUE also for ceilings that descend, or that the empty output cannot keep. */
int book_add_link(struct book *book, const struct link_offer *offer,
                  const struct book_output *output) CHECKED;
/* Whether a link makes sense by itself: BAD_VALUE. */
int book_check_link(const struct link_offer *offer, const struct book_output *output) CHECKED;
/* A probe's newest measurement, for what is announced. The least delay falls with it, and never rises. */
void book_set_link_delay(struct book *book, struct gateway_identity toward, int64_t delay, int64_t jitter,
                         uint32_t loss);

/* Factors of the base price, in thousandths, at the start of each hour (UTC). NOT_FOUND, BAD_VALUE. */
int book_set_resource_tide(struct book *book, enum resource_kind kind,
                           const uint32_t tide[BOOK_HOURS]) CHECKED;
int book_set_link_tide(struct book *book, struct gateway_identity toward,
                       const uint32_t tide[BOOK_HOURS]) CHECKED;
/* Both factors are 1 and there is no damping until this is called. BAD_VALUE. */
int book_set_prices(struct book *book, const struct book_prices *prices) CHECKED;
/* It is `now` (wall clock; midnight before the first call): base prices take the tide's level, told prices
 * move on. A step back is no time. */
void book_tick(struct book *book, int64_t now);

/*
 * Grants until now + time. 0 when granted now or before; else the refusal's error, with nothing held by
 * this call. `ret_refusal` may be NULL.
 */
int book_reserve(struct book *book, const struct identifier *program, struct gateway_identity ingress,
                 const struct program_reserve *reserve, int64_t now,
                 struct book_refusal *ret_refusal) CHECKED;
int book_claim(struct book *book, const struct identifier *program, struct gateway_identity ingress,
               const struct program_claim *claim, int64_t now, struct book_refusal *ret_refusal) CHECKED;
/*
 * The holding ends at now + time, if that is later than before. NOT_FOUND, also when its end has passed;
 * BAD_VALUE for a time that is negative or above BOOK_REFRESH_MAXIMUM.
 */
int book_refresh(struct book *book, const struct identifier *program, int64_t time, int64_t now) CHECKED;
/* Puts back a holding from a database, without price checks. DUPLICATE, or what a refusal can say. */
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

/* What the owner offers now, in the order added (cpu.gflops derived right after cpu), at the prices told. */
size_t book_resource_count(const struct book *book);
int book_resource_at(const struct book *book, size_t index, struct resource_offer *ret_offer);
size_t book_link_count(const struct book *book);
int book_link_at(const struct book *book, size_t index, struct link_offer *ret_offer);
/* NOT_FOUND past the last link or class. */
int book_load_at(const struct book *book, size_t link, uint32_t class, struct book_load *ret_load);

/*
 * The journal. Every change is given to `write` as one entry when it is made; a program's reserve and claim
 * are two. `write` must copy the bytes and must not call the book.
 */
enum { BOOK_ENTRY = 256 /* octets at most */ };
typedef void (*book_write)(void *context, const void *entry, size_t size);
void book_set_journal(struct book *book, book_write write, void *context);
/* Number of the last entry, made or applied. */
uint64_t book_sequence(const struct book *book);
/*
 * Applies the next entry; nothing is changed on failure. STALE: it is in the book already; STATE: entries
 * before it are missing; MALFORMED, TRUNCATED, VERSION; or it does not fit this book: what book_restore() can
 * say, NOT_FOUND.
 */
int book_replay(struct book *book, const void *entry, size_t size) CHECKED;
/* Room that book_snapshot() needs at most. */
size_t book_snapshot_size(const struct book *book);
/* The size written, or TOO_LARGE. */
int book_snapshot(const struct book *book, void *bytes, size_t capacity) CHECKED;
/*
 * Makes a new book what the snapshot's was. Its resources, links and tides must have been given to it, and
 * nothing else: calibration and prices are of the snapshot, and what differs now is set afterwards. On
 * failure the book is as before. STATE when anything was changed in it; otherwise as book_replay().
 */
int book_resume(struct book *book, const void *snapshot, size_t size) CHECKED;
/* Two books with the same digest are the same, in all that a snapshot holds. */
uint64_t book_digest(const struct book *book);

#endif
