/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP finite state machine: see session.h. One table from (state, event) to a handler; an empty place
 * is an event that means nothing in that state and is counted.
 */
#include "bgp/session.h"
#include "base/clock.h"
#include "base/log.h"
#include <string.h>

#define LARGE_HOLD_TIME (240 * CLOCK_SECOND)
#define CONNECT_TIME (30 * CLOCK_SECOND)

typedef void (*handler)(struct session *session, const struct session_input *input);

static const char *const state_names[SESSION_STATES] = {
        [SESSION_IDLE] = "idle",
        [SESSION_CONNECT] = "connect",
        [SESSION_ACTIVE] = "active",
        [SESSION_OPEN_SENT] = "open-sent",
        [SESSION_OPEN_CONFIRM] = "open-confirm",
        [SESSION_ESTABLISHED] = "established",
};

static const char *const event_names[SESSION_EVENTS] = {
        [SESSION_START] = "start",
        [SESSION_STOP] = "stop",
        [SESSION_CONNECTED] = "connected",
        [SESSION_ACCEPTED] = "accepted",
        [SESSION_CLOSED] = "closed",
        [SESSION_RETRY_TIMER] = "retry-timer",
        [SESSION_HOLD_TIMER] = "hold-timer",
        [SESSION_KEEPALIVE_TIMER] = "keepalive-timer",
        [SESSION_OPEN] = "open",
        [SESSION_KEEPALIVE] = "keepalive",
        [SESSION_UPDATE] = "update",
        [SESSION_NOTIFICATION] = "notification",
        [SESSION_ERROR] = "error",
        [SESSION_COLLISION] = "collision",
        [SESSION_TWIN_DOWN] = "twin-down",
        [SESSION_REPLACED] = "replaced",
        [SESSION_SEND_HOLD_TIMER] = "send-hold-timer",
};

const char *session_state_name(enum session_state state)
{
	return state < SESSION_STATES ? state_names[state] : "unknown";
}

static void set_state(struct session *session, const struct session_input *input, enum session_state state)
{
	enum session_state old = session->state;

	if (old == state)
		return;
	log_info("session", "peer=\"%s\" side=%s old=%s event=%s new=%s", session->name,
	         session->settings.passive ? "accept" : "connect", state_names[old],
	         event_names[input->event], state_names[state]);
	session->state = state;
	session->since = input->now;
}

bool session_connected(const struct session *session)
{
	return session->state == SESSION_CONNECT || session->state >= SESSION_OPEN_SENT;
}

/* ---- what the handlers share ---- */

/* RFC 4271 section 10: between 75 % and 100 % of the delay. */
static int64_t jitter(struct session *session, int64_t delay)
{
	return delay - (int64_t)random_below(&session->random, (uint64_t)(delay / 4 + 1));
}

static void arm_retry(struct session *session, int64_t now)
{
	if (session->settings.passive)
		return;
	session->retry_at = now + jitter(session, session->retry_delay);
	session->retry_delay = MINIMUM(2 * session->retry_delay, session->settings.retry_maximum);
}

static void arm_hold(struct session *session, int64_t now)
{
	session->hold_at = session->hold_time > 0 ? now + session->hold_time : SESSION_NEVER;
}

static void arm_keepalive(struct session *session, int64_t now)
{
	session->keepalive_at =
	        session->hold_time > 0 ? now + jitter(session, session->hold_time / 3) : SESSION_NEVER;
}

static void disarm(struct session *session)
{
	session->retry_at = SESSION_NEVER;
	session->hold_at = SESSION_NEVER;
	session->keepalive_at = SESSION_NEVER;
}

static void send_keepalive(struct session *session)
{
	uint8_t bytes[MESSAGE_HEADER];
	int size = message_keepalive_encode(bytes, sizeof(bytes));

	if (size > 0)
		session->output->send(session->context, bytes, (size_t)size);
}

static void send_open(struct session *session)
{
	const struct session_settings *settings = &session->settings;
	const struct message_open open = {
	        .as = settings->as,
	        .identifier = settings->identifier,
	        .hold_time = settings->hold_time,
	        .ipv6_unicast = true,
	        .four_octet_as = true,
	        .extended_messages = true,
	        .add_path_receive = true,
	        .add_path_send = true,
	        .route_refresh = true,
	        .enhanced_refresh = true,
	        .graceful_restart = true,
	        .graceful_notification = settings->restart_time > 0,
	        .restart_ipv6_unicast = settings->restart_time > 0,
	        .restart_time = settings->restart_time,
	        .restarting = settings->restart_time > 0 && session->restarting,
	        /* What forwards was never gone, but for a restart of our own. */
	        .forwarding_kept = settings->forwarding_kept || !session->restarting,
	};
	uint8_t bytes[128];
	int size = message_open_encode(&open, bytes, sizeof(bytes));

	if (size > 0)
		session->output->send(session->context, bytes, (size_t)size);
}

static void send_notification(struct session *session, const struct message_error *error)
{
	uint8_t bytes[MESSAGE_HEADER + 2 + MESSAGE_ERROR_DATA];
	int size = message_notification_encode(error, bytes, sizeof(bytes));

	if (size > 0)
		session->output->send(session->context, bytes, (size_t)size);
}

static void note_error(struct session *session, const struct message_error *error, bool received)
{
	char text[2 * MESSAGE_ERROR_DATA];

	message_error_describe(error, text, sizeof(text));
	log_warning("session", "peer=\"%s\" notification=%s text=\"%s\"", session->name,
	            received ? "received" : "sent", text);
	session->output->notified(session->context, error, received);
}

/* RFC 8538 section 3: what is no passing trouble, so that nothing is to be kept. */
static bool is_hard(const struct message_error *error)
{
	return error->code == MESSAGE_CEASE &&
	       (error->subcode == CEASE_MAXIMUM_PREFIXES || error->subcode == CEASE_SHUTDOWN ||
	        error->subcode == CEASE_DECONFIGURED || error->subcode == CEASE_HARD_RESET);
}

/* Whether the end of the session that this event brings leaves the peer's routes in place. */
static bool is_graceful(const struct session *session, const struct session_input *input)
{
	if (!session->graceful_restart)
		return false;
	if (input->event == SESSION_CLOSED || input->event == SESSION_REPLACED)
		return true;
	if (input->event == SESSION_NOTIFICATION)
		return session->graceful_notification &&
		       (input->error->code != MESSAGE_CEASE || input->error->subcode != CEASE_HARD_RESET);
	return session->graceful_notification && (input->error == NULL || !is_hard(input->error));
}

/* Gives up the connection; the machine is then in `next` with all timers off. */
static void release(struct session *session, const struct session_input *input, enum session_state next)
{
	bool was_established = session->state == SESSION_ESTABLISHED;
	bool was_connected = session_connected(session);
	bool had_open = session->state >= SESSION_OPEN_CONFIRM;

	disarm(session);
	set_state(session, input, next);
	if (was_connected)
		session->output->disconnect(session->context);
	if (was_established)
		session->output->down(session->context, is_graceful(session, input));
	if (had_open && session->twin != NULL && input->event != SESSION_STOP)
		session_step(session->twin,
		             &(struct session_input){SESSION_TWIN_DOWN, input->now, NULL, NULL});
}

/* The connection is lost: listen, and try again later. */
static void lose(struct session *session, const struct session_input *input)
{
	release(session, input, SESSION_ACTIVE);
	arm_retry(session, input->now);
}

/* Where a NOTIFICATION leaves routes in place, one that must not is wrapped. */
static void say(struct session *session, const struct message_error *error)
{
	struct message_error said = *error;

	if (session->state == SESSION_ESTABLISHED && session->graceful_notification && is_hard(error))
		said = message_hard_reset(error);
	note_error(session, &said, false);
	send_notification(session, &said);
}

static void fail(struct session *session, const struct session_input *input,
                 const struct message_error *error)
{
	say(session, error);
	lose(session, input);
}

/* ---- handlers ---- */

static void on_start(struct session *session, const struct session_input *input)
{
	if (session->settings.passive) {
		set_state(session, input, SESSION_ACTIVE);
		return;
	}
	disarm(session);
	set_state(session, input, SESSION_CONNECT);
	session->hold_at = input->now + CONNECT_TIME;
	if (session->output->connect(session->context) < 0)
		lose(session, input);
}

static void on_stop(struct session *session, const struct session_input *input)
{
	if (session->state >= SESSION_OPEN_SENT)
		say(session, input->error);
	release(session, input, SESSION_IDLE);
}

static void on_transport(struct session *session, const struct session_input *input)
{
	disarm(session);
	set_state(session, input, SESSION_OPEN_SENT);
	session->hold_at = input->now + LARGE_HOLD_TIME;
	send_open(session);
}

static void on_closed(struct session *session, const struct session_input *input)
{
	lose(session, input);
}

static void on_hold_timer(struct session *session, const struct session_input *input)
{
	const struct message_error expired = message_error_make(MESSAGE_HOLD_EXPIRED, 0, NULL, 0);

	fail(session, input, &expired);
}

static void on_send_hold_timer(struct session *session, const struct session_input *input)
{
	const struct message_error expired = message_error_make(MESSAGE_SEND_HOLD_EXPIRED, 0, NULL, 0);

	fail(session, input, &expired);
}

static void on_connect_hold_timer(struct session *session, const struct session_input *input)
{
	lose(session, input);
}

static void on_keepalive_timer(struct session *session, const struct session_input *input)
{
	send_keepalive(session);
	arm_keepalive(session, input->now);
}

/* What is wrong with the peer's OPEN beyond its syntax; code 0: nothing. */
static struct message_error judge_open(const struct session *session, const struct message_open *open)
{
	static const uint8_t ipv6[] = {1, 4, 0, MESSAGE_AFI_IPV6, 0, MESSAGE_SAFI_UNICAST};
	const struct session_settings *settings = &session->settings;
	const uint8_t four_octet_as[] = {65,
	                                 4,
	                                 (uint8_t)(settings->as >> 24),
	                                 (uint8_t)(settings->as >> 16),
	                                 (uint8_t)(settings->as >> 8),
	                                 (uint8_t)settings->as};

	if (open->as != settings->remote_as)
		return message_error_make(MESSAGE_OPEN_ERROR, OPEN_BAD_PEER_AS, NULL, 0);
	if (open->identifier == settings->identifier && settings->as == settings->remote_as)
		return message_error_make(MESSAGE_OPEN_ERROR, OPEN_BAD_IDENTIFIER, NULL, 0);
	if (!open->ipv6_unicast)
		return message_error_make(MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_CAPABILITY, ipv6,
		                          sizeof(ipv6));
	if (!open->four_octet_as)
		return message_error_make(MESSAGE_OPEN_ERROR, OPEN_UNSUPPORTED_CAPABILITY, four_octet_as,
		                          sizeof(four_octet_as));
	return (struct message_error){0};
}

/*
 * RFC 4271 section 6.8: the connection that the side with the higher identifier made survives (RFC 6286:
 * with equal identifiers, the higher AS number). An established twin always does. True: this one stays.
 */
static bool survives(const struct session *session, const struct message_open *open)
{
	const struct session_settings *settings = &session->settings;
	bool we_are_higher = settings->identifier != open->identifier
	                             ? settings->identifier > open->identifier
	                             : settings->as > open->as;

	if (session->twin == NULL || session->twin->state < SESSION_OPEN_CONFIRM)
		return true;
	if (session->twin->state == SESSION_ESTABLISHED)
		return false;
	return we_are_higher != settings->passive;
}

static void negotiate(struct session *session, const struct message_open *open)
{
	session->remote = *open;
	session->hold_time = (int64_t)MINIMUM(open->hold_time, session->settings.hold_time) * CLOCK_SECOND;
	session->extended_messages = open->extended_messages;
	session->add_path_send = open->add_path_receive;
	session->add_path_receive = open->add_path_send;
	session->route_refresh = open->route_refresh;
	session->enhanced_refresh = open->route_refresh && open->enhanced_refresh;
	session->graceful_restart =
	        session->settings.restart_time > 0 && open->graceful_restart && open->restart_ipv6_unicast;
	session->graceful_notification = session->graceful_restart && open->graceful_notification;
	session->lasted = false;
}

static void on_open(struct session *session, const struct session_input *input)
{
	const struct session_input collision = {SESSION_COLLISION, input->now, NULL, NULL};
	struct message_error error = judge_open(session, input->open);

	if (error.code != 0) {
		fail(session, input, &error);
		return;
	}
	if (!survives(session, input->open)) {
		session_step(session, &collision);
		return;
	}
	negotiate(session, input->open);
	set_state(session, input, SESSION_OPEN_CONFIRM);
	arm_hold(session, input->now);
	arm_keepalive(session, input->now);
	send_keepalive(session);
	if (session->twin != NULL && session->twin->state == SESSION_OPEN_CONFIRM)
		session_step(session->twin, &collision);
}

/*
 * The twin stays quiet from here on. The delay shrinks back only when the session has lasted (a second
 * KEEPALIVE), so that a peer whose updates are always refused is not asked every second.
 */
static void on_first_keepalive(struct session *session, const struct session_input *input)
{
	set_state(session, input, SESSION_ESTABLISHED);
	arm_hold(session, input->now);
	if (session->hold_time == 0)
		session->retry_delay = session->settings.retry_minimum;
	session->lasted = session->hold_time == 0;
	if (session->twin != NULL)
		session_step(session->twin,
		             &(struct session_input){SESSION_COLLISION, input->now, NULL, NULL});
	session->output->established(session->context);
}

static void on_sign_of_life(struct session *session, const struct session_input *input)
{
	arm_hold(session, input->now);
}

static void on_later_keepalive(struct session *session, const struct session_input *input)
{
	session->retry_delay = session->settings.retry_minimum;
	session->lasted = true;
	arm_hold(session, input->now);
}

static void on_notification(struct session *session, const struct session_input *input)
{
	note_error(session, input->error, true);
	lose(session, input);
}

static void on_error(struct session *session, const struct session_input *input)
{
	fail(session, input, input->error);
}

static void on_unexpected(struct session *session, const struct session_input *input)
{
	const uint8_t subcode = (uint8_t)(FSM_IN_OPEN_SENT + session->state - SESSION_OPEN_SENT);
	const struct message_error error = message_error_make(MESSAGE_FSM_ERROR, subcode, NULL, 0);

	fail(session, input, &error);
}

/* The retry deadline is off until the twin is down: it carries the peering now. */
static void on_collision(struct session *session, const struct session_input *input)
{
	const struct message_error cease = message_error_make(MESSAGE_CEASE, CEASE_COLLISION, NULL, 0);

	if (session->state >= SESSION_OPEN_SENT)
		send_notification(session, &cease);
	disarm(session);
	if (!session_connected(session))
		return;
	set_state(session, input, SESSION_ACTIVE);
	session->output->disconnect(session->context);
}

static void on_twin_down(struct session *session, const struct session_input *input)
{
	if (session->retry_at == SESSION_NEVER)
		arm_retry(session, input->now);
}

static const handler handlers[SESSION_STATES][SESSION_EVENTS] = {
        [SESSION_IDLE] =
                {
                        [SESSION_START] = on_start,
                },
        [SESSION_CONNECT] =
                {
                        [SESSION_STOP] = on_stop,
                        [SESSION_CONNECTED] = on_transport,
                        [SESSION_CLOSED] = on_closed,
                        [SESSION_HOLD_TIMER] = on_connect_hold_timer,
                        [SESSION_COLLISION] = on_collision,
                },
        [SESSION_ACTIVE] =
                {
                        [SESSION_STOP] = on_stop,
                        [SESSION_ACCEPTED] = on_transport,
                        [SESSION_RETRY_TIMER] = on_start,
                        [SESSION_COLLISION] = on_collision,
                        [SESSION_TWIN_DOWN] = on_twin_down,
                },
        [SESSION_OPEN_SENT] =
                {
                        [SESSION_STOP] = on_stop,
                        [SESSION_CLOSED] = on_closed,
                        [SESSION_HOLD_TIMER] = on_hold_timer,
                        [SESSION_OPEN] = on_open,
                        [SESSION_KEEPALIVE] = on_unexpected,
                        [SESSION_UPDATE] = on_unexpected,
                        [SESSION_NOTIFICATION] = on_notification,
                        [SESSION_ERROR] = on_error,
                        [SESSION_COLLISION] = on_collision,
                },
        [SESSION_OPEN_CONFIRM] =
                {
                        [SESSION_STOP] = on_stop,
                        [SESSION_CLOSED] = on_closed,
                        [SESSION_HOLD_TIMER] = on_hold_timer,
                        [SESSION_KEEPALIVE_TIMER] = on_keepalive_timer,
                        [SESSION_OPEN] = on_unexpected,
                        [SESSION_KEEPALIVE] = on_first_keepalive,
                        [SESSION_UPDATE] = on_unexpected,
                        [SESSION_NOTIFICATION] = on_notification,
                        [SESSION_ERROR] = on_error,
                        [SESSION_COLLISION] = on_collision,
                },
        [SESSION_ESTABLISHED] =
                {
                        [SESSION_STOP] = on_stop,
                        [SESSION_CLOSED] = on_closed,
                        [SESSION_HOLD_TIMER] = on_hold_timer,
                        [SESSION_KEEPALIVE_TIMER] = on_keepalive_timer,
                        [SESSION_OPEN] = on_unexpected,
                        [SESSION_KEEPALIVE] = on_later_keepalive,
                        [SESSION_UPDATE] = on_sign_of_life,
                        [SESSION_NOTIFICATION] = on_notification,
                        [SESSION_ERROR] = on_error,
                        [SESSION_REPLACED] = on_closed,
                        [SESSION_SEND_HOLD_TIMER] = on_send_hold_timer,
                },
};

void session_step(struct session *session, const struct session_input *input)
{
	handler handle = handlers[session->state][input->event];

	if (handle != NULL)
		handle(session, input);
	else
		session->ignored++;
}

/* ---- set-up and time ---- */

void session_init(struct session *session, const struct session_settings *settings,
                  const struct session_output *output, void *context, const char *name)
{
	*session =
	        (struct session){.settings = *settings, .output = output, .context = context, .name = name};
	session->retry_delay = settings->retry_minimum;
	session->restarting = true;
	random_seed(&session->random, settings->seed);
	disarm(session);
}

void session_pair(struct session *a, struct session *b)
{
	a->twin = b;
	b->twin = a;
}

void session_set_restarting(struct session *session, bool restarting)
{
	session->restarting = restarting;
}

int64_t session_deadline(const struct session *session)
{
	return MINIMUM(session->retry_at, MINIMUM(session->hold_at, session->keepalive_at));
}

void session_tick(struct session *session, int64_t now)
{
	const struct {
		const int64_t *deadline;
		enum session_event event;
	} timers[] = {
	        {&session->hold_at, SESSION_HOLD_TIMER},
	        {&session->keepalive_at, SESSION_KEEPALIVE_TIMER},
	        {&session->retry_at, SESSION_RETRY_TIMER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		if (*timers[i].deadline <= now)
			session_step(session, &(struct session_input){timers[i].event, now, NULL, NULL});
}
