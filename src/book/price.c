/* SPDX-License-Identifier: Apache-2.0 */
#include "book/price.h"

#include "base/clock.h"
#include <math.h>

#define HOUR (3600 * CLOCK_SECOND)
#define ONE 1000 /* of factors and steepness */

__extension__ typedef unsigned __int128 wide;

struct price price_open(money base, uint32_t steepness)
{
	struct price price = {.base = base, .steepness = steepness};

	for (uint32_t hour = 0; hour < BOOK_HOURS; hour++)
		price.tide[hour] = ONE;
	return price;
}

money price_base(const struct price *price, const struct book_prices *prices, int64_t now)
{
	uint64_t within = (uint64_t)(MAXIMUM(now, 0) % HOUR);
	uint32_t hour = (uint32_t)(MAXIMUM(now, 0) / HOUR % BOOK_HOURS);
	uint64_t tide = price->tide[hour] * (HOUR - within) + price->tide[(hour + 1) % BOOK_HOURS] * within;
	wide base = ((wide)(uint64_t)price->base * tide + HOUR / 2) / HOUR;

	/* Below 2^(63+20), and so the product below 2^123. */
	base = (base * prices->energy * prices->carbon + ONE * ONE * ONE / 2) / (ONE * ONE * ONE);
	return base > INT64_MAX ? INT64_MAX : (money)base;
}

double price_utilisation(uint64_t free, uint64_t capacity)
{
	return capacity == 0 ? 1.0 : (double)(capacity - free) / (double)capacity;
}

void price_settle(struct price *price, double utilisation, int64_t time, int64_t half_life)
{
	double left = half_life == 0 ? 0 : exp2(-(double)time / (double)half_life);

	price->average =
	        half_life == 0 ? 0 : MINIMUM(1.0, utilisation + (price->average - utilisation) * left);
}

void price_tell(const struct price *price, double utilisation, money *base, uint32_t *steepness)
{
	double full = (double)*base * *steepness, flat, start;

	if (price->average <= utilisation)
		return;
	flat = ONE * pow((double)*steepness / ONE, (1 - price->average) / (1 - utilisation));
	/* Flatter and from higher up: rounded so that no point of the curve falls below the exact one. */
	*steepness = (uint32_t)MAXIMUM(flat, ONE);
	start = ceil(full / *steepness);
	*base = start >= (double)INT64_MAX ? INT64_MAX : (money)start;
}
