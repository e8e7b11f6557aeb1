/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guaranteed flows where they enter the network: a route with segments for packets from one address to one
 * other, a class that shapes them, and the entry that puts them in it. Private to the steer room.
 *
 * A change of path or class is made so that every packet, before and after, is guaranteed: the new class is
 * there before packets go to it, and the old one stays and sends what waits in it. Classes are never taken
 * out: the kernel walks over all of an output's for each that comes or goes, while one that only changes
 * costs the same whatever their number. A flow has a number, the same on every output, and with it the
 * classes of the flow that had it before.
 */
#ifndef STEER_FLOW_H
#define STEER_FLOW_H

#include "base/compiler.h"
#include "steer/classify.h"
#include "steer/queue.h"
#include "steer/route.h"
#include "steer/steer.h"

struct flow;

/* What it works with; not owned. The interface is the one that its routes are tied to. */
struct flow_ports {
	struct queue *queue;
	struct route *route;
	struct classify *classify;
	uint32_t interface;
};

int flow_open(const struct flow_ports *ports, struct flow **ret_flow) CHECKED;
/* Forgets; what the kernel has goes with the table, the routes and the queues. Accepts NULL, returns NULL. */
struct flow *flow_close(struct flow *flow);
/* Adds, or changes the one of the same source and destination. What fails leaves the flow as it was. */
int flow_put(struct flow *flow, const struct steer_flow *wanted) CHECKED;
/* An absent one is a success. */
int flow_remove(struct flow *flow, const uint8_t source[16], const uint8_t destination[16]) CHECKED;
/* BUSBAR_ERROR_NOT_FOUND. */
int flow_read(struct flow *flow, const uint8_t source[16], const uint8_t destination[16],
              struct steer_queue_statistics *ret_statistics) CHECKED;
uint32_t flow_count(const struct flow *flow);

#endif
