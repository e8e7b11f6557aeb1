/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a link, owned by the gateway that sends on it. Rates in bit/s, times in ns.
 *
 * Reserved traffic travels in one of LINK_CLASSES guaranteed classes, served in this order and before all
 * other traffic. A class has a constant delay ceiling: the owner admits only while every packet of the class
 * is certain to be at the other end within it (RFC 9320's rate-latency server).
 */
#ifndef MODEL_LINK_H
#define MODEL_LINK_H

#include "model/gateway.h"
#include "model/money.h"
#include <stdint.h>

/* Price unit of link rates: one Mbit/s for a second. */
#define LINK_PRICE_SCALE UINT64_C(1000000)

enum { LINK_CLASSES = 2 };

struct link_offer {
	struct gateway_identity from; /* the owner */
	struct gateway_identity toward;
	int64_t delay; /* one way, measured */
	int64_t jitter;
	int64_t ceilings[LINK_CLASSES]; /* per guaranteed class, ascending; 0: none is promised */
	uint32_t loss;                  /* parts per million */
	uint64_t capacity;              /* of what may be reserved */
	uint64_t free;
	money base;
	uint32_t steepness; /* thousandths */
	money tariff;
};

/* Price per Mbit/s and second once `extra` bit/s more are reserved. */
money link_price(const struct link_offer *offer, uint64_t extra);

#endif
