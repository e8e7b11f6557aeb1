/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a link, owned by the gateway that sends on it. Rates in bit/s, times in ns. */
#ifndef MODEL_LINK_H
#define MODEL_LINK_H

#include "model/gateway.h"
#include "model/money.h"
#include <stdint.h>

/* Price unit of link rates: one Mbit/s for a second. */
#define LINK_PRICE_SCALE UINT64_C(1000000)

struct link_offer {
	struct gateway_identity from; /* the owner */
	struct gateway_identity toward;
	int64_t delay; /* one way, measured */
	int64_t jitter;
	int64_t ceiling; /* constant delay ceiling of the guaranteed class; 0: none is promised */
	uint32_t loss;   /* parts per million */
	uint64_t capacity;
	uint64_t free;
	money base;
	uint32_t steepness; /* thousandths */
	money tariff;
};

/* Price per Mbit/s and second once `extra` bit/s more are reserved. */
money link_price(const struct link_offer *offer, uint64_t extra);

#endif
