/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe_session.h"

#include "base/error.h"
#include <string.h>

/* The thread is real-time: whatever is asked for, it must not spin. */
#define LEAST CLOCK_MILLISECOND

/* What is on its way at a time must fit the window, whatever the interval. */
enum { ROUND_TRIP_SHARE = PROBE_WINDOW / 2, JITTERS = 8, JITTER_SCALE = 16 };

void probe_session_begin(struct probe_session *session, const struct probe_target *target, int64_t interval,
                         int64_t now)
{
	*session = (struct probe_session){.target = *target, .interval = interval, .due = now};
	statistics_init(&session->statistics);
}

static int64_t spacing(const struct probe_session *session)
{
	int64_t round_trip = session->statistics.received == 0 ? PROBE_SESSION_PATIENCE
	                                                       : session->statistics.last_round_trip;

	return MAXIMUM(MAXIMUM(session->interval, LEAST), round_trip / ROUND_TRIP_SHARE);
}

void probe_session_set_interval(struct probe_session *session, int64_t interval, int64_t now)
{
	session->interval = interval;
	session->due = MINIMUM(session->due, now + spacing(session));
}

/* A round trip at worst, as far as it is known. */
static int64_t patience(const struct probe_session *session)
{
	const struct statistics *statistics = &session->statistics;

	if (statistics->received == 0)
		return PROBE_SESSION_PATIENCE;
	return statistics->last_round_trip + 2 * JITTERS * (statistics->jitter / JITTER_SCALE);
}

static int64_t deadline(const struct probe_session *session)
{
	uint32_t sequence = session->statistics.answered + PROBE_SILENCE - 1;

	if (session->state == PROBE_SILENT || statistics_unanswered(&session->statistics) < PROBE_SILENCE)
		return INT64_MAX;
	/* One that has left the window has waited for long enough. */
	if (session->statistics.next - sequence > PROBE_WINDOW)
		return session->times[(session->statistics.next - 1) % PROBE_WINDOW];
	return session->times[sequence % PROBE_WINDOW] + patience(session);
}

int64_t probe_session_next(const struct probe_session *session)
{
	int64_t silent_at = deadline(session);

	return MINIMUM(session->due, silent_at);
}

uint32_t probe_session_send(struct probe_session *session, int64_t stamp, int64_t now)
{
	uint32_t sequence = statistics_sent(&session->statistics);

	session->stamps[sequence % PROBE_WINDOW] = stamp;
	session->times[sequence % PROBE_WINDOW] = now;
	/* What was missed is not made up for. */
	session->due = MAXIMUM(session->due + spacing(session), now + spacing(session) / 2);
	return sequence;
}

static int take_reply(struct probe_session *session, const struct stamp_reply *reply, int64_t arrived)
{
	int64_t round_trip = (arrived - reply->sender_sent) - (reply->sent - reply->received);
	int64_t toward = reply->received - reply->sender_sent;
	bool synchronised = reply->error.synchronised && reply->sender_error.synchronised && toward >= 0 &&
	                    toward <= round_trip;

	if (reply->sender_sent != session->stamps[reply->sender_sequence % PROBE_WINDOW])
		return BUSBAR_ERROR_REPLAYED;
	/* Nothing is sent before what it answers has come: without this a reflector could tell any delay. */
	if (round_trip < 0 || reply->sent < reply->received)
		return BUSBAR_ERROR_MALFORMED;
	if (!statistics_received(&session->statistics, reply->sender_sequence,
	                         synchronised ? toward : round_trip / 2, round_trip))
		return BUSBAR_ERROR_REPLAYED;
	session->synchronised = synchronised;
	return 0;
}

int probe_session_receive(struct probe_session *session, const struct stamp_reply *reply, int64_t arrived)
{
	int code = take_reply(session, reply, arrived);

	if (code < 0)
		session->rejected++;
	else
		session->lost = false;
	return code;
}

static bool set_state(struct probe_session *session, enum probe_state state)
{
	bool changed = session->state != state;

	session->state = state;
	return changed;
}

bool probe_session_step(struct probe_session *session, enum probe_session_event event, int64_t now)
{
	switch (event) {
	case PROBE_SESSION_ANSWERED:
		return set_state(session, PROBE_HEARD);
	case PROBE_SESSION_WAITED:
		return deadline(session) <= now && set_state(session, PROBE_SILENT);
	}
	return false;
}

bool probe_session_loses(struct probe_session *session)
{
	if (session->lost || !statistics_is_lost(&session->statistics))
		return false;
	session->lost = true;
	return true;
}

bool probe_session_measure(const struct probe_session *session, struct probe_measurement *ret_measurement)
{
	struct probe_measurement measurement = {.sent = session->statistics.sent,
	                                        .received = session->statistics.received,
	                                        .longest = session->statistics.longest};
	bool known = statistics_measure(&session->statistics, &measurement);

	measurement.rejected = session->rejected;
	measurement.synchronised = session->synchronised;
	*ret_measurement = measurement;
	return known;
}
