/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine: every event in every state, timers, negotiation and collisions. */
#include "base/clock.h"
#include "base/log.h"
#include "bgp/session.h"
#include "tests/t.h"

#define MILLISECOND CLOCK_MILLISECOND

/* A machine and what it asked for. */
struct probe {
	struct session session;
	unsigned connects, disconnects, ups, downs, opens, keepalives;
	int connect_code;
	struct message_error sent; /* the last NOTIFICATION */
	struct message_open open;  /* the last OPEN */
	unsigned notifications;
	struct message_error noted; /* the last one that was reported */
	bool noted_received;
	bool graceful; /* how the last session ended */
};

static int do_connect(void *context)
{
	struct probe *probe = context;

	probe->connects++;
	return probe->connect_code;
}

static void do_disconnect(void *context)
{
	((struct probe *)context)->disconnects++;
}

static void do_send(void *context, const uint8_t *bytes, size_t size)
{
	struct probe *probe = context;
	struct message_error error;
	struct message_frame frame;

	T_EQ(message_frame(bytes, size, MESSAGE_MAXIMUM, &frame, &error), size);
	probe->opens += frame.type == MESSAGE_OPEN;
	if (frame.type == MESSAGE_OPEN)
		T_OK(message_open_decode(frame.body, frame.body_size, &probe->open, &error));
	probe->keepalives += frame.type == MESSAGE_KEEPALIVE;
	if (frame.type == MESSAGE_NOTIFICATION) {
		T_OK(message_notification_decode(frame.body, frame.body_size, &probe->sent));
		probe->notifications++;
	}
}

static void do_established(void *context)
{
	((struct probe *)context)->ups++;
}

static void do_down(void *context, bool graceful)
{
	struct probe *probe = context;

	probe->downs++;
	probe->graceful = graceful;
}

static void do_notified(void *context, const struct message_error *error, bool received)
{
	struct probe *probe = context;

	probe->noted = *error;
	probe->noted_received = received;
}

static const struct session_output output = {do_connect,     do_disconnect, do_send,
                                             do_established, do_down,       do_notified};

static const struct message_open good_open = {
        .as = 65002,
        .identifier = 0x0a000002,
        .hold_time = 30,
        .ipv6_unicast = true,
        .four_octet_as = true,
        .extended_messages = true,
        .add_path_receive = true,
};

static void make(struct probe *probe, bool passive)
{
	const struct session_settings settings = {
	        .as = 65001,
	        .identifier = 0x0a000005,
	        .remote_as = 65002,
	        .hold_time = 90,
	        .passive = passive,
	        .retry_minimum = 100 * MILLISECOND,
	        .retry_maximum = 5000 * MILLISECOND,
	        .seed = 3,
	};

	memset(probe, 0, sizeof(*probe));
	session_init(&probe->session, &settings, &output, probe, "peer");
}

static void step(struct probe *probe, enum session_event event, int64_t now)
{
	static const struct message_error update_error = {.code = MESSAGE_UPDATE_ERROR, .subcode = 1};
	static const struct message_error shutdown = {.code = MESSAGE_CEASE, .subcode = CEASE_SHUTDOWN};
	struct session_input input = {event, now, NULL, NULL};

	if (event == SESSION_OPEN)
		input.open = &good_open;
	if (event == SESSION_ERROR || event == SESSION_NOTIFICATION)
		input.error = &update_error;
	if (event == SESSION_STOP)
		input.error = &shutdown;
	session_step(&probe->session, &input);
}

static void bring_to(struct probe *probe, enum session_state state)
{
	make(probe, false);
	if (state >= SESSION_CONNECT)
		step(probe, SESSION_START, 0);
	if (state == SESSION_ACTIVE)
		step(probe, SESSION_CLOSED, 0);
	if (state >= SESSION_OPEN_SENT)
		step(probe, SESSION_CONNECTED, 0);
	if (state >= SESSION_OPEN_CONFIRM)
		step(probe, SESSION_OPEN, 0);
	if (state >= SESSION_ESTABLISHED)
		step(probe, SESSION_KEEPALIVE, 0);
	T_EQ(probe->session.state, state);
	T_EQ(probe->notifications, 0);
}

enum { IDLE, CONNECT, ACTIVE, SENT, CONFIRM, UP, SAME };

/* Where each event leads, and the code and subcode of the NOTIFICATION it sends; a row per state. */
struct transition {
	uint8_t next, code, subcode;
};
static const struct transition expected[SESSION_STATES][SESSION_EVENTS] = {
        /* START, STOP, CONNECTED, ACCEPTED, CLOSED, RETRY, HOLD, KEEPALIVE_TIMER,
           OPEN, KEEPALIVE, UPDATE, NOTIFICATION, ERROR, COLLISION, TWIN_DOWN, REPLACED, SEND_HOLD */
        {{CONNECT},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME}},
        {{SAME},
         {IDLE},
         {SENT},
         {SAME},
         {ACTIVE},
         {SAME},
         {ACTIVE},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {ACTIVE},
         {SAME},
         {SAME},
         {SAME}},
        {{SAME},
         {IDLE},
         {SAME},
         {SENT},
         {SAME},
         {CONNECT},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME},
         {SAME}},
        {{SAME},
         {IDLE, 6, 2},
         {SAME},
         {SAME},
         {ACTIVE},
         {SAME},
         {ACTIVE, 4, 0},
         {SAME},
         {CONFIRM},
         {ACTIVE, 5, 1},
         {ACTIVE, 5, 1},
         {ACTIVE},
         {ACTIVE, 3, 1},
         {ACTIVE, 6, 7},
         {SAME},
         {SAME},
         {SAME}},
        {{SAME},
         {IDLE, 6, 2},
         {SAME},
         {SAME},
         {ACTIVE},
         {SAME},
         {ACTIVE, 4, 0},
         {SAME},
         {ACTIVE, 5, 2},
         {UP},
         {ACTIVE, 5, 2},
         {ACTIVE},
         {ACTIVE, 3, 1},
         {ACTIVE, 6, 7},
         {SAME},
         {SAME},
         {SAME}},
        {{SAME},
         {IDLE, 6, 2},
         {SAME},
         {SAME},
         {ACTIVE},
         {SAME},
         {ACTIVE, 4, 0},
         {SAME},
         {ACTIVE, 5, 3},
         {SAME},
         {SAME},
         {ACTIVE},
         {ACTIVE, 3, 1},
         {SAME},
         {SAME},
         {ACTIVE},
         {ACTIVE, 8, 0}},
};

static void check(enum session_state state, enum session_event event)
{
	const struct transition *wanted = &expected[state][event];
	enum session_state next = wanted->next == SAME ? state : (enum session_state)wanted->next;
	unsigned disconnects, connects;
	struct probe probe;
	bool gave_up;

	bring_to(&probe, state);
	disconnects = probe.disconnects;
	connects = probe.connects;
	step(&probe, event, CLOCK_SECOND);
	if (probe.session.state != next)
		fail_msg("in %s event %d leads to %s, expected %s", session_state_name(state), event,
		         session_state_name(probe.session.state), session_state_name(next));
	T_EQ(probe.notifications, wanted->code != 0);
	T_EQ(probe.sent.code, wanted->code);
	T_EQ(probe.sent.subcode, wanted->subcode);
	gave_up = (state == SESSION_CONNECT || state >= SESSION_OPEN_SENT) && next <= SESSION_ACTIVE &&
	          next != state;
	T_EQ(probe.disconnects - disconnects, gave_up);
	T_EQ(probe.connects - connects, next == SESSION_CONNECT && next != state);
	T_EQ(probe.downs, state == SESSION_ESTABLISHED && gave_up);
	T_EQ(probe.ups, state == SESSION_ESTABLISHED || next == SESSION_ESTABLISHED);
	T_EQ(session_connected(&probe.session), next == SESSION_CONNECT || next >= SESSION_OPEN_SENT);
	if (next == SESSION_IDLE)
		T_EQ(session_deadline(&probe.session), SESSION_NEVER);
	else if (event != SESSION_COLLISION) /* after a collision the twin carries the peering */
		T_TRUE(session_deadline(&probe.session) != SESSION_NEVER);
}

static void test_every_event_in_every_state(void **state)
{
	log_set_level(LOG_ERROR);
	for (int s = 0; s < SESSION_STATES; s++)
		for (int event = 0; event < SESSION_EVENTS; event++)
			check((enum session_state)s, (enum session_event)event);
}

static void test_way_up(void **state)
{
	struct probe probe;

	bring_to(&probe, SESSION_ESTABLISHED);
	T_EQ(probe.connects, 1);
	T_EQ(probe.opens, 1);
	T_EQ(probe.keepalives, 1);
	T_EQ(probe.ups, 1);
	T_EQ(probe.session.hold_time, 30 * CLOCK_SECOND); /* the lower of both */
	T_TRUE(probe.session.extended_messages);
	T_TRUE(probe.session.add_path_send); /* the peer receives */
	T_TRUE(!probe.session.add_path_receive);
	T_EQ(probe.session.remote.identifier, 0x0a000002);
}

static void test_passive_only_listens(void **state)
{
	struct probe probe;

	make(&probe, true);
	step(&probe, SESSION_START, 0);
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_EQ(probe.connects, 0);
	T_EQ(session_deadline(&probe.session), SESSION_NEVER);
	step(&probe, SESSION_ACCEPTED, 0);
	T_EQ(probe.opens, 1);
	step(&probe, SESSION_CLOSED, 0);
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_EQ(session_deadline(&probe.session), SESSION_NEVER);
}

/* Each delay is the last one doubled, less up to a quarter. */
static void test_back_off(void **state)
{
	int64_t delay = 100 * MILLISECOND, now = 0;
	struct probe probe;

	make(&probe, false);
	step(&probe, SESSION_START, now);
	for (int attempt = 1; attempt <= 12; attempt++) {
		int64_t wait;

		step(&probe, SESSION_CLOSED, now);
		wait = session_deadline(&probe.session) - now;
		T_TRUE(wait <= delay && wait >= delay * 3 / 4);
		session_tick(&probe.session, now + wait - 1);
		T_EQ(probe.connects, attempt);
		now += wait;
		session_tick(&probe.session, now);
		T_EQ(probe.connects, attempt + 1);
		T_EQ(probe.session.state, SESSION_CONNECT);
		delay = MINIMUM(2 * delay, 5000 * MILLISECOND);
	}
	step(&probe, SESSION_CONNECTED, now);
	step(&probe, SESSION_OPEN, now);
	step(&probe, SESSION_KEEPALIVE, now);
	step(&probe, SESSION_KEEPALIVE, now); /* it lasts: start small again */
	step(&probe, SESSION_CLOSED, now);
	T_TRUE(session_deadline(&probe.session) - now <= 100 * MILLISECOND);
}

static void test_refused_at_once(void **state)
{
	struct probe probe;

	make(&probe, false);
	probe.connect_code = -101;
	step(&probe, SESSION_START, 0);
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_TRUE(session_deadline(&probe.session) <= 100 * MILLISECOND);
}

static void test_hold_and_keepalive_timers(void **state)
{
	struct probe probe;
	int64_t now;

	bring_to(&probe, SESSION_ESTABLISHED);
	for (int i = 0; i < 20; i++) { /* as long as something comes, it stays */
		now = session_deadline(&probe.session);
		T_TRUE(now <= (i + 1) * 10 * CLOCK_SECOND);
		session_tick(&probe.session, now);
		T_EQ(probe.keepalives, 2 + i);
		step(&probe, i % 2 ? SESSION_UPDATE : SESSION_KEEPALIVE, now);
		T_EQ(probe.session.state, SESSION_ESTABLISHED);
	}
	session_tick(&probe.session, now + 30 * CLOCK_SECOND - 1);
	T_EQ(probe.session.state, SESSION_ESTABLISHED);
	session_tick(&probe.session, now + 30 * CLOCK_SECOND);
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_EQ(probe.sent.code, MESSAGE_HOLD_EXPIRED);
	T_EQ(probe.downs, 1);
}

static void test_no_hold_time(void **state)
{
	struct message_open open = good_open;
	struct probe probe;

	bring_to(&probe, SESSION_OPEN_SENT);
	open.hold_time = 0;
	session_step(&probe.session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
	step(&probe, SESSION_KEEPALIVE, 0);
	T_EQ(probe.session.state, SESSION_ESTABLISHED);
	T_EQ(session_deadline(&probe.session), SESSION_NEVER);
	session_tick(&probe.session, INT64_MAX - 1);
	T_EQ(probe.session.state, SESSION_ESTABLISHED);
}

static void test_no_open_in_four_minutes(void **state)
{
	struct probe probe;

	bring_to(&probe, SESSION_OPEN_SENT);
	T_EQ(session_deadline(&probe.session), 240 * CLOCK_SECOND);
	session_tick(&probe.session, 240 * CLOCK_SECOND);
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_EQ(probe.sent.code, MESSAGE_HOLD_EXPIRED);
}

static void expect_refusal(struct message_open open, uint8_t subcode, uint8_t first_octet)
{
	struct probe probe;

	bring_to(&probe, SESSION_OPEN_SENT);
	session_step(&probe.session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
	T_EQ(probe.session.state, SESSION_ACTIVE);
	T_EQ(probe.sent.code, MESSAGE_OPEN_ERROR);
	T_EQ(probe.sent.subcode, subcode);
	if (first_octet != 0)
		T_EQ(probe.sent.data[0], first_octet);
	T_EQ(probe.noted.subcode, subcode);
	T_TRUE(!probe.noted_received);
}

static void test_refused_opens(void **state)
{
	struct message_open open = good_open;

	open.as = 65003;
	expect_refusal(open, OPEN_BAD_PEER_AS, 0);
	open = good_open;
	open.ipv6_unicast = false;
	expect_refusal(open, OPEN_UNSUPPORTED_CAPABILITY, 1);
	open = good_open;
	open.four_octet_as = false;
	expect_refusal(open, OPEN_UNSUPPORTED_CAPABILITY, 65);
}

/* RFC 6286: an identifier may be used twice, but not within one AS. */
static void test_same_identifier(void **state)
{
	struct message_open open = good_open;
	struct probe probe;

	bring_to(&probe, SESSION_OPEN_SENT);
	open.identifier = 0x0a000005;
	session_step(&probe.session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
	T_EQ(probe.session.state, SESSION_OPEN_CONFIRM);

	bring_to(&probe, SESSION_OPEN_SENT);
	probe.session.settings.remote_as = open.as = 65001;
	session_step(&probe.session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
	T_EQ(probe.sent.subcode, OPEN_BAD_IDENTIFIER);
}

/* ---- two connections to one peer ---- */

static void make_pair(struct probe *connecting, struct probe *accepting)
{
	make(connecting, false);
	make(accepting, true);
	session_pair(&connecting->session, &accepting->session);
	step(connecting, SESSION_START, 0);
	step(accepting, SESSION_START, 0);
	step(connecting, SESSION_CONNECTED, 0);
	step(accepting, SESSION_ACCEPTED, 0);
}

static void give_open(struct probe *probe, uint32_t identifier, uint32_t as)
{
	struct message_open open = good_open;

	open.identifier = identifier;
	open.as = as;
	session_step(&probe->session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
}

/* The connection made by the higher identifier survives, whichever OPEN comes first. */
static void test_collision(void **state)
{
	static const struct {
		uint32_t identifier;
		bool connecting_survives;
	} cases[] = {{0x0a000002, true}, {0x0a000009, false}, {0x0a000005, false} /* RFC 6286: by AS */};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int order = 0; order < 2; order++) {
			struct probe connecting, accepting;
			struct probe *winner = cases[i].connecting_survives ? &connecting : &accepting;
			struct probe *loser = cases[i].connecting_survives ? &accepting : &connecting;

			make_pair(&connecting, &accepting);
			give_open(order ? &connecting : &accepting, cases[i].identifier, 65002);
			give_open(order ? &accepting : &connecting, cases[i].identifier, 65002);
			T_EQ(winner->session.state, SESSION_OPEN_CONFIRM);
			T_EQ(loser->session.state, SESSION_ACTIVE);
			T_EQ(loser->sent.code, MESSAGE_CEASE);
			T_EQ(loser->sent.subcode, CEASE_COLLISION);
			T_EQ(loser->disconnects, 1);
			T_EQ(winner->notifications, 0);
			T_EQ(session_deadline(&loser->session), SESSION_NEVER);
			step(winner, SESSION_KEEPALIVE, 0);
			T_EQ(winner->ups + loser->ups, 1);
			step(winner, SESSION_CLOSED, 0); /* now somebody must try again */
			T_TRUE(MINIMUM(session_deadline(&winner->session),
			               session_deadline(&loser->session)) != SESSION_NEVER);
			T_TRUE(session_deadline(&connecting.session) <= 100 * MILLISECOND);
		}
}

static void test_established_twin_stays(void **state)
{
	struct probe connecting, accepting;

	make_pair(&connecting, &accepting);
	give_open(&accepting, 0x0a000002, 65002); /* of the lower identifier, but the first one up */
	step(&accepting, SESSION_KEEPALIVE, 0);
	T_EQ(accepting.session.state, SESSION_ESTABLISHED);
	T_EQ(connecting.session.state, SESSION_ACTIVE);
	T_EQ(connecting.sent.subcode, CEASE_COLLISION);
	step(&connecting, SESSION_RETRY_TIMER, 0); /* even a late try does not harm it */
	step(&connecting, SESSION_CONNECTED, 0);
	give_open(&connecting, 0x0a000002, 65002);
	T_EQ(connecting.session.state, SESSION_ACTIVE);
	T_EQ(accepting.session.state, SESSION_ESTABLISHED);
	T_EQ(accepting.downs, 0);
}

/* ---- graceful restart ---- */

/* An established session between two that keep routes for a while; the peer's OPEN may say more. */
static void establish_graceful(struct probe *probe, struct message_open open)
{
	make(probe, false);
	probe->session.settings.restart_time = 60;
	step(probe, SESSION_START, 0);
	step(probe, SESSION_CONNECTED, 0);
	session_step(&probe->session, &(struct session_input){SESSION_OPEN, 0, &open, NULL});
	step(probe, SESSION_KEEPALIVE, 0);
	T_EQ(probe->session.state, SESSION_ESTABLISHED);
}

static struct message_open graceful_open(bool notification)
{
	struct message_open open = good_open;

	open.graceful_restart = true;
	open.restart_ipv6_unicast = true;
	open.restart_time = 30;
	open.graceful_notification = notification;
	return open;
}

/* How the session ends by an event with that error, and whether routes stay. */
static void expect_end(struct message_open open, enum session_event event, uint8_t code, uint8_t subcode,
                       bool graceful)
{
	const struct message_error error = message_error_make(code, subcode, NULL, 0);
	struct probe probe;

	establish_graceful(&probe, open);
	session_step(&probe.session,
	             &(struct session_input){event, CLOCK_SECOND, NULL, code != 0 ? &error : NULL});
	T_EQ(probe.downs, 1);
	if (probe.graceful != graceful)
		fail_msg("event %d with %u/%u: graceful %d", event, code, subcode, probe.graceful);
}

static void test_what_outlives_a_session(void **state)
{
	const struct message_open with = graceful_open(true), without = graceful_open(false);
	struct message_open other_family = with;

	expect_end(without, SESSION_CLOSED, 0, 0, true);
	expect_end(without, SESSION_REPLACED, 0, 0, true);
	expect_end(without, SESSION_HOLD_TIMER, 0, 0, false);
	expect_end(without, SESSION_NOTIFICATION, MESSAGE_CEASE, CEASE_CHANGED, false);
	expect_end(without, SESSION_ERROR, MESSAGE_UPDATE_ERROR, 1, false);
	expect_end(with, SESSION_CLOSED, 0, 0, true);
	expect_end(with, SESSION_HOLD_TIMER, 0, 0, true);
	expect_end(with, SESSION_SEND_HOLD_TIMER, 0, 0, true);
	expect_end(with, SESSION_NOTIFICATION, MESSAGE_HOLD_EXPIRED, 0, true);
	expect_end(with, SESSION_NOTIFICATION, MESSAGE_CEASE, CEASE_SHUTDOWN, true);
	expect_end(with, SESSION_NOTIFICATION, MESSAGE_CEASE, CEASE_HARD_RESET, false);
	expect_end(with, SESSION_ERROR, MESSAGE_UPDATE_ERROR, 1, true);
	expect_end(with, SESSION_ERROR, MESSAGE_CEASE, CEASE_MAXIMUM_PREFIXES, false);
	expect_end(with, SESSION_STOP, MESSAGE_CEASE, CEASE_SHUTDOWN, false);
	expect_end(with, SESSION_STOP, MESSAGE_CEASE, CEASE_CHANGED, true);
	other_family.restart_ipv6_unicast = false;
	expect_end(other_family, SESSION_CLOSED, 0, 0, false);
	expect_end(good_open, SESSION_CLOSED, 0, 0, false);
}

/* A goodbye for good is wrapped for whoever would keep our routes at any NOTIFICATION. */
static void test_hard_reset_is_wrapped(void **state)
{
	struct probe probe;

	establish_graceful(&probe, graceful_open(true));
	step(&probe, SESSION_STOP, 0);
	T_EQ(probe.sent.code, MESSAGE_CEASE);
	T_EQ(probe.sent.subcode, CEASE_HARD_RESET);
	T_EQ(probe.sent.data[0], MESSAGE_CEASE);
	T_EQ(probe.sent.data[1], CEASE_SHUTDOWN);
	establish_graceful(&probe, graceful_open(false));
	step(&probe, SESSION_STOP, 0);
	T_EQ(probe.sent.subcode, CEASE_SHUTDOWN);
}

static void test_restart_is_told(void **state)
{
	struct probe probe;

	make(&probe, false);
	step(&probe, SESSION_START, 0);
	step(&probe, SESSION_CONNECTED, 0);
	T_TRUE(probe.open.graceful_restart && !probe.open.restart_ipv6_unicast && !probe.open.restarting);
	make(&probe, false);
	probe.session.settings.restart_time = 60;
	step(&probe, SESSION_START, 0);
	step(&probe, SESSION_CONNECTED, 0);
	T_TRUE(probe.open.restart_ipv6_unicast && probe.open.restarting && !probe.open.forwarding_kept);
	T_EQ(probe.open.restart_time, 60);
	step(&probe, SESSION_CLOSED, 0);
	session_set_restarting(&probe.session, false);
	step(&probe, SESSION_RETRY_TIMER, 0);
	step(&probe, SESSION_CONNECTED, 0);
	T_TRUE(!probe.open.restarting && probe.open.forwarding_kept); /* a mere connection was lost */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_every_event_in_every_state),
	        cmocka_unit_test(test_way_up),
	        cmocka_unit_test(test_passive_only_listens),
	        cmocka_unit_test(test_back_off),
	        cmocka_unit_test(test_refused_at_once),
	        cmocka_unit_test(test_hold_and_keepalive_timers),
	        cmocka_unit_test(test_no_hold_time),
	        cmocka_unit_test(test_no_open_in_four_minutes),
	        cmocka_unit_test(test_refused_opens),
	        cmocka_unit_test(test_same_identifier),
	        cmocka_unit_test(test_collision),
	        cmocka_unit_test(test_established_twin_stays),
	        cmocka_unit_test(test_what_outlives_a_session),
	        cmocka_unit_test(test_hard_reset_is_wrapped),
	        cmocka_unit_test(test_restart_is_told),
	};

	return T_RUN(tests);
}
