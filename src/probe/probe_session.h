/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session of the sender: when it probes, what it makes of replies, and whether its target is there. Pure.
 *
 * States: PENDING until the first answer; HEARD; SILENT. A session falls silent when the PROBE_SILENCE-th
 * probe after the newest that was answered has waited as long as a round trip takes at worst as known; before
 * the first answer that is PROBE_SESSION_PATIENCE. Every taken reply makes it HEARD.
 *
 * Timers: `due`, when the next probe leaves; `deadline`, when it falls silent. probe_session_next() is the
 * earlier.
 */
#ifndef PROBE_PROBE_SESSION_H
#define PROBE_PROBE_SESSION_H

#include "base/clock.h"
#include "probe/statistics.h"

#define PROBE_SESSION_PATIENCE CLOCK_SECOND

struct probe_session {
	struct probe_target target;
	int64_t interval;
	enum probe_state state;
	bool lost;
	bool synchronised; /* the last delay was measured with synchronised clocks */
	uint64_t rejected;
	struct statistics statistics;
	int64_t stamps[PROBE_WINDOW]; /* wall clock in each probe of the window */
	int64_t times[PROBE_WINDOW];  /* when it left, monotonic clock */
	int64_t due;
};

enum probe_session_event { PROBE_SESSION_ANSWERED, PROBE_SESSION_WAITED };

/* Probes at once, and then every interval. */
void probe_session_begin(struct probe_session *session, const struct probe_target *target, int64_t interval,
                         int64_t now);
void probe_session_set_interval(struct probe_session *session, int64_t interval, int64_t now);
/* The earliest time at which there is something to do. */
int64_t probe_session_next(const struct probe_session *session);
/* A probe leaves with `stamp` in it; its sequence number. */
uint32_t probe_session_send(struct probe_session *session, int64_t stamp, int64_t now);
/*
 * A reply from the session's target, which arrived at `arrived` by the wall clock. 0, or REPLAYED for one
 * that answers no probe of the window (any more), MALFORMED for impossible times.
 */
int probe_session_receive(struct probe_session *session, const struct stamp_reply *reply,
                          int64_t arrived) CHECKED;
/* The state machine: true when the state changed. */
bool probe_session_step(struct probe_session *session, enum probe_session_event event, int64_t now);
/* When the whole window became lost: true once. */
bool probe_session_loses(struct probe_session *session);
/* False when there is no measurement but its counts. */
bool probe_session_measure(const struct probe_session *session, struct probe_measurement *ret_measurement);

#endif
