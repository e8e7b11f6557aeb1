/* SPDX-License-Identifier: Apache-2.0 */
#include "model/link.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "model/resource.h"

money link_price(const struct link_offer *offer, uint64_t extra)
{
	uint64_t used = extra > offer->free ? offer->capacity : offer->capacity - offer->free + extra;

	return resource_price_at(offer->base, offer->steepness, used, offer->capacity);
}

/* A bucket holds what a late timer owes; and a frame goes while any token is left. */
uint64_t link_burst(uint64_t rate, uint64_t burst)
{
	uint64_t owed = rate / (uint64_t)(8 * CLOCK_SECOND / LINK_SLACK) + 1;
	uint64_t bucket = MAXIMUM(burst, owed);

	return bucket > UINT64_MAX - LINK_FRAME ? UINT64_MAX : bucket + LINK_FRAME;
}
