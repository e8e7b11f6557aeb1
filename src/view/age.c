/* SPDX-License-Identifier: Apache-2.0 */
#include "view/age.h"

__extension__ typedef unsigned __int128 wide;

uint32_t view_stale_staleness(const struct view_stamp *stamp, int64_t now)
{
	wide late = (uint64_t)now - (uint64_t)stamp->measured - (uint64_t)stamp->validity;
	wide span = (wide)(uint64_t)stamp->validity * VIEW_AGE_SPAN;

	/* What is past its validity by the least time is stale already. */
	return late >= span ? VIEW_AGE_WHOLE : (uint32_t)((late * VIEW_AGE_WHOLE + span - 1) / span);
}

money view_aged_price(money price, uint32_t staleness)
{
	wide aged;

	if (staleness == 0 || price <= 0)
		return price;
	aged = (wide)(uint64_t)price * (VIEW_AGE_WHOLE + (uint64_t)staleness * (VIEW_AGE_PRICE - 1)) /
	       VIEW_AGE_WHOLE;
	return aged > INT64_MAX ? INT64_MAX : (money)aged;
}

uint64_t view_aged_free(uint64_t free, uint32_t staleness)
{
	return free -
	       (uint64_t)((wide)free * staleness * (VIEW_AGE_FREE - 1) / (VIEW_AGE_WHOLE * VIEW_AGE_FREE));
}

money view_stale_resource_price(const struct resource_offer *offer, uint64_t extra, uint32_t staleness)
{
	struct resource_offer aged = *offer;

	aged.free = view_aged_free(offer->free, staleness);
	return view_aged_price(resource_price(&aged, extra), staleness);
}

money view_stale_link_price(const struct link_offer *offer, uint64_t extra, uint32_t staleness)
{
	struct link_offer aged = *offer;

	aged.free = view_aged_free(offer->free, staleness);
	return view_aged_price(link_price(&aged, extra), staleness);
}
