/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of owned outputs: hierarchical token buckets (HTB), over rtnetlink. Private to the steer room.
 *
 *   1:      root; what has no class here is best effort
 *   1:1       all of the output, a little below the line's rate, so that packets wait here and not in the
 * device 1:10        guaranteed, class 0: 1:110 what is on its way through, 1:4000.. flows that enter here
 *   1:11        guaranteed, class 1: 1:111 and 1:8000..
 *   1:5         control: what gateways tell each other
 *   1:20        best effort
 *
 * They are served in this order. A guaranteed class within its rate waits for no other packet than the one
 * being sent; beyond its rate it may use the line like the others, still before them. A flow's own class
 * never exceeds the flow's rate and burst: what does not conform waits, and is dropped past its queue. A
 * packet's class is its skb->priority (classify.h), the same number on every output.
 *
 * Rates count whole frames, encapsulation and link header included. Changes replace what differs; no packet
 * that waits is lost.
 */
#ifndef STEER_QUEUE_H
#define STEER_QUEUE_H

#include "base/compiler.h"
#include "steer/steer.h"
#include <stdbool.h>
#include <stdint.h>

struct queue;

/* Minor numbers of classes; the major number is 1. */
enum {
	QUEUE_ALL = 0x1,
	QUEUE_CONTROL = 0x5,
	QUEUE_GUARANTEED = 0x10, /* + class */
	QUEUE_BEST_EFFORT = 0x20,
	QUEUE_THROUGH = 0x110, /* + class */
	QUEUE_FLOW = 0x4000,   /* x (class + 1) + number of the flow */
	QUEUE_FLOWS = STEER_FLOWS,
};

/* bit/s, and octets that may come at once. */
struct queue_bucket {
	uint64_t rate, burst;
};

int queue_open(struct queue **ret_queue) CHECKED;
/* Takes all queues out. Accepts NULL, returns NULL. */
struct queue *queue_close(struct queue *queue);
/*
 * Replaces whatever queues the interface has. -EINVAL for a rate of 0 or a share above 1000, -EEXIST,
 * BUSBAR_ERROR_TABLE_FULL.
 */
int queue_add(struct queue *queue, const struct steer_output *output) CHECKED;
/* All that is reserved in a class. -ENODEV for an interface without queues. */
int queue_set(struct queue *queue, uint32_t interface, uint32_t class, struct queue_bucket bucket) CHECKED;

/* The class of one flow, `number` below QUEUE_FLOWS. Installs or changes; there is no way to take it out. */
int queue_put_flow(struct queue *queue, uint32_t interface, uint32_t class, uint32_t number,
                   struct queue_bucket bucket) CHECKED;
uint32_t queue_flow_minor(uint32_t class, uint32_t number);

/* -ENOENT for a class that the interface has not. */
int queue_read(struct queue *queue, uint32_t interface, uint32_t minor,
               struct steer_queue_statistics *ret_statistics) CHECKED;
/* Whether the interface takes and hands up frames one by one, or several joined (GSO, GRO), which would be
 * sent as one. */
int queue_set_single(struct queue *queue, uint32_t interface, bool single);

#endif
