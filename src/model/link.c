/* SPDX-License-Identifier: Apache-2.0 */
#include "model/link.h"

#include "model/resource.h"

money link_price(const struct link_offer *offer, uint64_t extra)
{
	uint64_t used = extra > offer->free ? offer->capacity : offer->capacity - offer->free + extra;

	return resource_price_at(offer->base, offer->steepness, used, offer->capacity);
}
