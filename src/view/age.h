/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aging: what becomes of values that nothing newer came for.
 *
 * Within its validity a value is what it is. From there on it moves towards "unknown, expensive" in even
 * steps of its age, and is there when its age is VIEW_AGE_SPAN validities beyond the first: then a price is
 * VIEW_AGE_PRICE times what it was, at a utilisation at which only a VIEW_AGE_FREE-th of what was free is
 * still free. A site never goes for its age alone (RFC 10054 R7, R13): whether a demand finds room is judged
 * by what was last known to be free, for its owner has the last word. Values without a validity do not age,
 * nor does what a tenant is charged.
 */
#ifndef VIEW_AGE_H
#define VIEW_AGE_H

#include "model/link.h"
#include "model/resource.h"
#include "view/view.h"

enum { VIEW_AGE_SPAN = 4, VIEW_AGE_PRICE = 8, VIEW_AGE_FREE = 4, VIEW_AGE_WHOLE = 1000 };

/* How far a value is on its way to unknown: 0 (valid) .. VIEW_AGE_WHOLE. */
uint32_t view_stale_staleness(const struct view_stamp *stamp, int64_t now);
static inline uint32_t view_staleness(const struct view_stamp *stamp, int64_t now)
{
	if (stamp->validity <= 0 || now <= stamp->measured ||
	    (uint64_t)now - (uint64_t)stamp->measured <= (uint64_t)stamp->validity)
		return 0;
	return view_stale_staleness(stamp, now);
}
/* Of a staleness: the price, and what counts as free when prices are made. */
money view_aged_price(money price, uint32_t staleness);
uint64_t view_aged_free(uint64_t free, uint32_t staleness);
/* resource_price() and link_price() of offers that are so stale. */
money view_stale_resource_price(const struct resource_offer *offer, uint64_t extra, uint32_t staleness);
money view_stale_link_price(const struct link_offer *offer, uint64_t extra, uint32_t staleness);
static inline money view_resource_price(const struct resource_offer *offer, uint64_t extra,
                                        uint32_t staleness)
{
	return staleness == 0 ? resource_price(offer, extra)
	                      : view_stale_resource_price(offer, extra, staleness);
}
static inline money view_link_price(const struct link_offer *offer, uint64_t extra, uint32_t staleness)
{
	return staleness == 0 ? link_price(offer, extra) : view_stale_link_price(offer, extra, staleness);
}

#endif
