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
	uint32_t next; /* sequence of the next probe */
	struct {
		uint32_t sequence;
		bool answered;
		int64_t delay;
	} window[PROBE_WINDOW];
	int64_t last_delay; /* -1: none yet */
	int64_t longest;
	int64_t jitter; /* times 16, as RFC 3550 keeps it */
	uint64_t sent, received;
};

void statistics_init(struct statistics *statistics);
/* A probe leaves; its sequence number. */
uint32_t statistics_sent(struct statistics *statistics);
/* A reply to a probe of the window came: false when it is too old, unknown or a second one. */
bool statistics_received(struct statistics *statistics, uint32_t sequence, int64_t delay);
/* False while nothing of the window was answered. */
bool statistics_measure(const struct statistics *statistics, struct probe_measurement *ret_measurement);
/* True when a whole window has been sent and nothing of it answered. */
bool statistics_is_lost(const struct statistics *statistics);

#endif
