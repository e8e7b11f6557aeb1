/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one thing costs: its base price over the day, and how the price that is told follows the present one.
 *
 * base = configured base x tide of the hour x energy x carbon; price = base x steepness^utilisation
 * (model/resource.h). Tides are given for the start of each hour of the day, UTC, and run in straight lines
 * between them: a price that steps would break quotes at the full hour.
 *
 * Damping. Gateways that see a price hurry to where it is low, and all of them see it late: told as it is, it
 * swings. So what is told follows an exponential average of the utilisation (of the logarithm of the
 * price, that is). But where the present price is the higher one it is told, for two reasons: scarcity is
 * never offered below its price, and a limit taken from what was told is not refused for our own damping.
 * Admission always uses the present price. The curve that is told goes through the damped price at the
 * present utilisation and, unchanged, through the price at full.
 */
#ifndef BOOK_PRICE_H
#define BOOK_PRICE_H

#include "book/book.h"

struct price {
	money base; /* as configured */
	uint32_t steepness;
	uint32_t tide[BOOK_HOURS]; /* thousandths */
	double average;            /* of utilisation, in 0..1; 0 without damping */
};

/* A tide of 1 all day. */
struct price price_open(money base, uint32_t steepness);
/* The base price at a moment; INT64_MAX when it is larger. */
money price_base(const struct price *price, const struct book_prices *prices, int64_t now);
double price_utilisation(uint64_t free, uint64_t capacity);
/* The average moves towards the utilisation; a half-life of 0 means that there is none. */
void price_settle(struct price *price, double utilisation, int64_t time, int64_t half_life);
/* Turns the present base and steepness into those that are told. */
void price_tell(const struct price *price, double utilisation, money *base, uint32_t *steepness);

#endif
