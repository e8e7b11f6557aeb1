/* SPDX-License-Identifier: Apache-2.0 */
/* A session alone: time is a number, replies are made up. */
#include "probe/probe_session.h"
#include "tests/t.h"

#define MS CLOCK_MILLISECOND
#define WALL (INT64_C(1700000000) * CLOCK_SECOND)

enum { START = 1000 };

static struct probe_session begin(int64_t interval)
{
	const struct probe_target target = {.port = 862};
	struct probe_session session;

	probe_session_begin(&session, &target, interval, START * MS);
	return session;
}

static int64_t wall(int64_t now)
{
	return WALL + now;
}

static uint32_t probe_at(struct probe_session *session, int64_t now)
{
	return probe_session_send(session, wall(now), now);
}

/* The answer to a probe of `sent`, that arrives after `trip`. */
static int answer(struct probe_session *session, uint32_t sequence, int64_t sent, int64_t trip)
{
	const struct stamp_reply reply = {.sender_sequence = sequence,
	                                  .sender_sent = wall(sent),
	                                  .received = 5 + trip / 2,
	                                  .sent = 5 + trip / 2};
	int code = probe_session_receive(session, &reply, wall(sent + trip));

	if (code == 0)
		(void)probe_session_step(session, PROBE_SESSION_ANSWERED, sent + trip);
	return code;
}

/* Turns the session's timers until `end`; probes sent before `cut` are answered. */
static int64_t run(struct probe_session *session, int64_t now, int64_t end, int64_t cut, int64_t trip)
{
	int64_t silent_at = -1;
	struct {
		uint32_t sequence;
		int64_t sent;
	} open[64];
	uint32_t head = 0, tail = 0;

	while (now < end) {
		int64_t next = probe_session_next(session);

		if (tail != head && open[tail % 64].sent + trip <= next) {
			now = open[tail % 64].sent + trip;
			T_OK(answer(session, open[tail % 64].sequence, open[tail % 64].sent, trip));
			tail++;
			continue;
		}
		now = next;
		if (probe_session_step(session, PROBE_SESSION_WAITED, now))
			silent_at = now;
		if (session->due > now)
			continue;
		open[head % 64].sent = now;
		open[head % 64].sequence = probe_at(session, now);
		if (now < cut)
			head++;
	}
	return silent_at;
}

static void a_target_that_answers_is_never_silent(void **state)
{
	/* Also where several probes are on their way at a time. */
	for (int64_t trip = MS; trip < 300 * MS; trip += 37 * MS) {
		struct probe_session session = begin(10 * MS);

		T_EQ(run(&session, START * MS, 10000 * MS, INT64_MAX, trip), -1);
		T_EQ(session.state, PROBE_HEARD);
	}
}

/* Three intervals after the last probe that was answered, and the round trip that the third was waited for.
 */
static void silence_is_noticed_within_three_intervals(void **state)
{
	for (int64_t trip = MS; trip < 300 * MS; trip += 37 * MS) {
		struct probe_session session = begin(10 * MS);
		int64_t cut = 5000 * MS + 1, silent = run(&session, START * MS, 6000 * MS, cut, trip);

		T_TRUE(silent > cut);
		T_TRUE(silent <= cut + 3 * MAXIMUM(10 * MS, trip / (PROBE_WINDOW / 2)) + trip);
		T_EQ(session.state, PROBE_SILENT);
	}
}

static void the_first_answer_is_enough(void **state)
{
	struct probe_session session = begin(10 * MS);
	int64_t silent = run(&session, START * MS, 2000 * MS, 1500 * MS, MS);
	uint32_t sequence;

	T_TRUE(silent > 0);
	sequence = probe_at(&session, 3000 * MS);
	T_OK(answer(&session, sequence, 3000 * MS, MS));
	T_EQ(session.state, PROBE_HEARD);
}

static void who_was_never_heard_is_given_a_second(void **state)
{
	struct probe_session session = begin(10 * MS);
	int64_t silent = run(&session, START * MS, 5000 * MS, 0, MS);

	/* ... and is probed so slowly meanwhile that an answer as late finds its probe in the window. */
	T_EQ(silent, START * MS + (PROBE_SILENCE - 1) * (PROBE_SESSION_PATIENCE / (PROBE_WINDOW / 2)) +
	                     PROBE_SESSION_PATIENCE);
	T_TRUE(session.statistics.next > PROBE_WINDOW);
}

/* The sender that was held up itself has not waited for anybody. */
static void what_was_not_sent_is_not_missed(void **state)
{
	struct probe_session session = begin(10 * MS);
	uint32_t sequence;

	T_EQ(run(&session, START * MS, 2000 * MS, INT64_MAX, MS), -1);
	T_TRUE(!probe_session_step(&session, PROBE_SESSION_WAITED, 3000 * MS));
	sequence = probe_at(&session, 3000 * MS);
	T_TRUE(!probe_session_step(&session, PROBE_SESSION_WAITED, 3000 * MS));
	T_OK(answer(&session, sequence, 3000 * MS, MS));
	/* And what it missed is not made up for. */
	T_TRUE(session.due >= 3005 * MS);
}

static void another_interval_is_no_silence(void **state)
{
	struct probe_session session = begin(CLOCK_SECOND);

	T_EQ(run(&session, START * MS, 10000 * MS, INT64_MAX, 20 * MS), -1);
	probe_session_set_interval(&session, 10 * MS, 10700 * MS);
	T_TRUE(session.due <= 10710 * MS);
	T_EQ(run(&session, 10700 * MS, 12000 * MS, INT64_MAX, 20 * MS), -1);
}

static void no_interval_is_too_short(void **state)
{
	struct probe_session session = begin(1);

	T_EQ(run(&session, START * MS, 2000 * MS, INT64_MAX, MS), -1);
	T_TRUE(session.statistics.sent <= 1001);
}

static void half_the_round_trip_without_synchronised_clocks(void **state)
{
	struct probe_session session = begin(10 * MS);
	struct probe_measurement measurement;
	struct stamp_reply reply = {.sender_sent = wall(START * MS),
	                            .received = wall(START * MS) + 7 * MS,
	                            .sent = wall(START * MS) + 8 * MS};

	T_EQ(probe_at(&session, START * MS), 0);
	T_OK(probe_session_receive(&session, &reply, wall(START * MS) + 11 * MS));
	T_TRUE(probe_session_measure(&session, &measurement));
	T_EQ(measurement.delay, 5 * MS);
	T_EQ(measurement.round_trip, 10 * MS);
	T_TRUE(!measurement.synchronised);
	/* Both must say so. */
	reply.error.synchronised = true;
	reply.sender_sequence = probe_at(&session, START * MS);
	T_OK(probe_session_receive(&session, &reply, wall(START * MS) + 11 * MS));
	T_TRUE(probe_session_measure(&session, &measurement) && !measurement.synchronised);
	reply.sender_error.synchronised = true;
	reply.sender_sequence = probe_at(&session, START * MS);
	T_OK(probe_session_receive(&session, &reply, wall(START * MS) + 11 * MS));
	T_TRUE(probe_session_measure(&session, &measurement) && measurement.synchronised);
	T_EQ(session.statistics.last_delay, 7 * MS);
	/* A clock that is said to be right and cannot be is not believed. */
	reply.received -= 8 * MS;
	reply.sent -= 8 * MS;
	reply.sender_sequence = probe_at(&session, START * MS);
	T_OK(probe_session_receive(&session, &reply, wall(START * MS) + 11 * MS));
	T_TRUE(probe_session_measure(&session, &measurement) && !measurement.synchronised);
	T_EQ(session.statistics.last_delay, 5 * MS);
}

static void replies_must_bring_the_time_of_their_probe(void **state)
{
	struct probe_session session = begin(10 * MS);

	(void)probe_at(&session, START * MS);
	T_ERROR(answer(&session, 0, START * MS + 1, MS), BUSBAR_ERROR_REPLAYED);
	T_ERROR(answer(&session, 0, START * MS, -MS), BUSBAR_ERROR_MALFORMED);
	T_OK(answer(&session, 0, START * MS, MS));
	T_ERROR(answer(&session, 0, START * MS, MS), BUSBAR_ERROR_REPLAYED);
	T_ERROR(answer(&session, 32, START * MS, MS), BUSBAR_ERROR_REPLAYED);
	T_EQ(session.rejected, 4);
}

/* It could tell any delay so. */
static void who_answers_before_he_was_asked_is_not_believed(void **state)
{
	struct probe_session session = begin(10 * MS);
	struct stamp_reply reply = {.sender_sent = wall(START * MS), .received = wall(START * MS) + MS};

	(void)probe_at(&session, START * MS);
	T_ERROR(probe_session_receive(&session, &reply, wall(START * MS) + 2 * MS), BUSBAR_ERROR_MALFORMED);
	reply.sent = reply.received;
	T_OK(probe_session_receive(&session, &reply, wall(START * MS) + 2 * MS));
}

static void a_lost_window_is_told_once(void **state)
{
	struct probe_session session = begin(10 * MS);
	struct probe_measurement measurement;

	for (int i = 0; i < PROBE_WINDOW - 1; i++) {
		(void)probe_at(&session, START * MS);
		T_TRUE(!probe_session_loses(&session));
	}
	(void)probe_at(&session, START * MS);
	T_TRUE(probe_session_loses(&session));
	T_TRUE(!probe_session_measure(&session, &measurement));
	T_EQ(measurement.sent, PROBE_WINDOW);
	T_TRUE(!probe_session_loses(&session));
	T_OK(answer(&session, probe_at(&session, START * MS), START * MS, MS));
	T_TRUE(probe_session_measure(&session, &measurement));
	for (int i = 0; i < PROBE_WINDOW; i++)
		(void)probe_at(&session, START * MS);
	T_TRUE(probe_session_loses(&session));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_target_that_answers_is_never_silent),
	        cmocka_unit_test(silence_is_noticed_within_three_intervals),
	        cmocka_unit_test(the_first_answer_is_enough),
	        cmocka_unit_test(who_was_never_heard_is_given_a_second),
	        cmocka_unit_test(what_was_not_sent_is_not_missed),
	        cmocka_unit_test(another_interval_is_no_silence),
	        cmocka_unit_test(no_interval_is_too_short),
	        cmocka_unit_test(half_the_round_trip_without_synchronised_clocks),
	        cmocka_unit_test(replies_must_bring_the_time_of_their_probe),
	        cmocka_unit_test(who_answers_before_he_was_asked_is_not_believed),
	        cmocka_unit_test(a_lost_window_is_told_once),
	};

	return T_RUN(tests);
}
