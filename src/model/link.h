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

/*
 * How far an output may be from a server that never errs: timers fire up to LINK_SLACK late, and queues let
 * so much more through than their burst; no frame of the network is longer than LINK_FRAME.
 */
#define LINK_SLACK INT64_C(1000000)
enum { LINK_FRAME = 2014 };

struct link_offer {
	struct gateway_identity from; /* the owner */
	struct gateway_identity toward;
	int64_t delay; /* one way, measured */
	int64_t least; /* that no packet is faster than, of the empty link; 0: unknown */
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
/*
 * What a flow of this rate (bit/s) that asks for a burst (octets) is let through at once where it enters. No
 * less: whoever keeps to rate and burst is never held up, whatever the sizes of its packets.
 */
uint64_t link_burst(uint64_t rate, uint64_t burst);

#endif
