/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of one session's window of probes. Pure.
 *
 * Delay is the least one-way delay of the window, jitter the smoothed difference of consecutive delays
 * (RFC 3550 6.4.1), loss the share of the window's probes that went unanswered although a later probe, or a
 * whole window of time, has passed.
 */
#ifndef PROBE_STATISTICS_H
#define PROBE_STATISTICS_H

#include "probe/probe.h"
#include <stdbool.h>

struct statistics {
	uint32_t next;     /* sequence of the next probe */
	uint32_t answered; /* the newest that was, plus 1; 0 at first */
	struct {
		uint32_t sequence;
		bool answered;
		int64_t delay, round_trip;
	} window[PROBE_WINDOW];
	int64_t last_delay; /* -1: none yet */
	int64_t last_round_trip;
	int64_t longest;
	int64_t jitter; /* times 16, as RFC 3550 keeps it */
	uint64_t sent, received;
};

void statistics_init(struct statistics *statistics);
/* A probe leaves; its sequence number. */
uint32_t statistics_sent(struct statistics *statistics);
/* A reply to a probe of the window came: false when it is too old, unknown or a second one. */
bool statistics_received(struct statistics *statistics, uint32_t sequence, int64_t delay, int64_t round_trip);
/* False while nothing of the window was answered; `synchronised` and `rejected` are not its business. */
bool statistics_measure(const struct statistics *statistics, struct probe_measurement *ret_measurement);
/* True when a whole window has been sent and nothing of it answered. */
bool statistics_is_lost(const struct statistics *statistics);
/* How many were sent since the newest that was answered. */
uint32_t statistics_unanswered(const struct statistics *statistics);

#endif
