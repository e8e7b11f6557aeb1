/* SPDX-License-Identifier: Apache-2.0 */
/* A peering: see peering.h. */
#include "bgp/peering.h"
#include "base/clock.h"
#include "base/log.h"
#include "bgp/policy.h"
#include "bgp/receive.h"
#include "bgp/tell.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define RETRY_MINIMUM (100 * CLOCK_MILLISECOND)
#define RETRY_MAXIMUM (5 * CLOCK_SECOND)
#define SEND_HOLD_TIME (8 * 60 * CLOCK_SECOND) /* RFC 9687 section 6 */
#define STALE_TIME (360 * CLOCK_SECOND)

enum { MINIMUM_HOLD_TIME = 3 };

void peering_step(struct machine *machine, enum session_event event, const struct message_open *open,
                  const struct message_error *error)
{
	const struct session_input input = {event, clock_monotonic(&clock_system), open, error};

	session_step(&machine->session, &input);
	transport_wake(machine->peering->speaker->transport);
}

/* ---- connections ---- */

static void on_connected(void *owner)
{
	peering_step(owner, SESSION_CONNECTED, NULL, NULL);
}

void peering_count(struct speaker_messages *messages, uint8_t type)
{
	uint64_t *const counters[] = {
	        [MESSAGE_OPEN] = &messages->open,
	        [MESSAGE_UPDATE] = &messages->update,
	        [MESSAGE_NOTIFICATION] = &messages->notification,
	        [MESSAGE_KEEPALIVE] = &messages->keepalive,
	        [MESSAGE_ROUTE_REFRESH] = &messages->route_refresh,
	};

	if (type < ARRAY_SIZE(counters) && counters[type] != NULL)
		(*counters[type])++;
}

static size_t on_received(void *owner, const uint8_t *bytes, size_t size)
{
	struct machine *machine = owner;
	size_t maximum = machine->session.state >= SESSION_OPEN_CONFIRM && machine->session.extended_messages
	                         ? MESSAGE_EXTENDED
	                         : MESSAGE_MAXIMUM;
	struct message_frame frame;
	struct message_error error;
	int taken = message_frame(bytes, size, maximum, &frame, &error);

	if (taken < 0) {
		peering_step(machine, SESSION_ERROR, NULL, &error);
		return 0;
	}
	if (taken > 0)
		receive_message(machine, &frame);
	return (size_t)taken;
}

static void note(struct peering *peering, bool received, const char *format, ...) PRINTF(3, 4);

static void note(struct peering *peering, bool received, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(peering->last_error, sizeof(peering->last_error), format, arguments);
	va_end(arguments);
	peering->last_error_received = received;
	peering->last_error_at = clock_monotonic(&clock_system);
}

/* Refusals before the OPEN are normal and not worth remembering. */
static void on_lost(void *owner, int code)
{
	struct machine *machine = owner;

	if (machine->session.state >= SESSION_OPEN_CONFIRM)
		note(machine->peering, true, "connection lost: %s", uv_strerror(code));
	peering_step(machine, SESSION_CLOSED, NULL, NULL);
}

static const struct connection_events machine_events = {
        .connected = on_connected,
        .received = on_received,
        .lost = on_lost,
};

static struct transport_address address_of(const struct peering *peering, const uint8_t address[16],
                                           uint16_t port)
{
	struct transport_address result = {.interface = peering->settings.interface, .port = port};

	memcpy(result.address, address, sizeof(result.address));
	return result;
}

/* ---- what the machine asks for ---- */

static int do_connect(void *context)
{
	struct machine *machine = context;
	const struct peering *peering = machine->peering;
	const struct speaker_peer *settings = &peering->settings;
	uint16_t port = settings->port != 0 ? settings->port : peering->speaker->settings.port;
	struct transport_address local = address_of(peering, settings->local, 0);
	struct transport_address remote = address_of(peering, settings->remote, port);
	const struct transport_security security = {settings->password, settings->gtsm_hops};

	if (peering->barred_until > clock_monotonic(&clock_system))
		return BUSBAR_ERROR_REFUSED;
	return transport_connect(peering->speaker->transport, &local, &remote, &security, &machine_events,
	                         machine, &machine->connection);
}

static void do_disconnect(void *context)
{
	struct machine *machine = context;

	connection_close(machine->connection);
	machine->connection = NULL;
}

void peering_send(struct machine *machine, const uint8_t *bytes, size_t size)
{
	peering_count(&machine->peering->sent, bytes[MESSAGE_HEADER - 1]);
	connection_send(machine->connection, bytes, size);
}

static void do_send(void *context, const uint8_t *bytes, size_t size)
{
	struct machine *machine = context;

	peering_send(machine, bytes, size);
}

static void do_notified(void *context, const struct message_error *error, bool received)
{
	const struct machine *machine = context;
	char text[SPEAKER_ERROR];

	message_error_describe(error, text, sizeof(text));
	note(machine->peering, received, "%s", text);
}

bool peering_in_domain(const struct speaker_settings *settings, uint32_t as)
{
	return as == settings->as || update_contains(settings->domain, settings->domain_count, as);
}

/* Whether the domain has no AS but ours. */
static bool is_confined(const struct speaker_settings *settings)
{
	for (uint32_t i = 0; i < settings->domain_count; i++)
		if (settings->domain[i] != settings->as)
			return false;
	return true;
}

static void describe(struct peering *peering, const struct machine *machine)
{
	const struct speaker_settings *settings = &peering->speaker->settings;
	struct advertise *advertise = &peering->advertise;
	struct table_peer description = {.external = peering->settings.as != settings->as,
	                                 .identifier = machine->session.remote.identifier};

	memcpy(description.address, peering->settings.remote, sizeof(description.address));
	table_set_peer(peering->speaker->table, (int)peering->index, &description);
	*advertise = (struct advertise){
	        .as = settings->as,
	        .remote_as = peering->settings.as,
	        .peer = (int)peering->index,
	        .external = description.external,
	        .add_path = machine->session.add_path_send,
	        .inside = peering_in_domain(settings, peering->settings.as),
	        .edge_metadata = peering->settings.edge_metadata,
	        .confined = is_confined(settings),
	        .opaque_code = settings->attribute,
	};
	memcpy(advertise->next_hop, connection_local(machine->connection)->address,
	       sizeof(advertise->next_hop));
}

/* ---- graceful restart and refresh: routes that are not sure any more ---- */

int64_t peering_stale_time(const struct peering *peering)
{
	int64_t time = peering->speaker->settings.stale_time;

	return time > 0 ? time : STALE_TIME;
}

void peering_begin_stale(struct peering *peering, int64_t time)
{
	table_mark_stale(peering->speaker->table, (int)peering->index);
	peering->stale_until = clock_monotonic(&clock_system) + time;
}

void peering_end_stale(struct peering *peering, const char *event)
{
	size_t stale = table_peer_stale(peering->speaker->table, (int)peering->index);

	peering->stale_until = INT64_MAX;
	if (stale == 0)
		return;
	log_info("peering", "peer=\"%s\" event=%s flushed=%zu", peering->settings.name, event, stale);
	table_flush_stale(peering->speaker->table, (int)peering->index);
}

/* RFC 4724 section 4.2: what was stale before has had its time. */
static void keep_routes(struct peering *peering, const struct session *session)
{
	peering_end_stale(peering, "restarted-again");
	peering_begin_stale(peering, session->remote.restart_time * CLOCK_SECOND);
	log_notice("peering", "peer=\"%s\" event=restart-begins stale=%zu seconds=%u", peering->settings.name,
	           table_peer_stale(peering->speaker->table, (int)peering->index),
	           session->remote.restart_time);
}

/* The peer is back. It must have forwarded meanwhile, and has some time to tell everything again. */
static void review_stale(struct peering *peering, const struct session *session)
{
	if (!session->graceful_restart || !session->remote.forwarding_kept)
		peering_end_stale(peering, "restart-without-forwarding");
	else if (table_peer_stale(peering->speaker->table, (int)peering->index) > 0)
		peering->stale_until = clock_monotonic(&clock_system) + peering_stale_time(peering);
}

static void do_established(void *context)
{
	struct machine *machine = context;
	struct peering *peering = machine->peering;

	describe(peering, machine);
	peering->up = machine;
	peering->overflowed = false;
	peering->owes_end_of_rib = true;
	peering->owes_refresh = false;
	peering->owes_refresh_end = false;
	peering->told_all = false;
	review_stale(peering, &machine->session);
	tell_again(peering);
}

static void do_down(void *context, bool graceful)
{
	struct machine *machine = context;
	struct peering *peering = machine->peering;

	peering->up = NULL;
	peering->speaker->statistics.sessions_lost++;
	peering->flaps++;
	output_clear(peering->output);
	if (graceful && machine->session.remote.restart_time > 0 && !peering->removed) {
		keep_routes(peering, &machine->session);
	} else {
		peering->stale_until = INT64_MAX;
		table_flush(peering->speaker->table, (int)peering->index);
	}
}

static const struct session_output machine_output = {
        .connect = do_connect,
        .disconnect = do_disconnect,
        .send = do_send,
        .established = do_established,
        .down = do_down,
        .notified = do_notified,
};

/* ---- life ---- */

static uint16_t hold_seconds(int64_t hold)
{
	int64_t seconds = MINIMUM(hold / CLOCK_SECOND, (int64_t)UINT16_MAX);

	return (uint16_t)(hold <= 0 ? 0 : MAXIMUM(seconds, (int64_t)MINIMUM_HOLD_TIME));
}

static uint16_t restart_seconds(int64_t time)
{
	int64_t seconds = (time + CLOCK_SECOND - 1) / CLOCK_SECOND;

	return (uint16_t)MINIMUM(MAXIMUM(seconds, INT64_C(0)), (int64_t)MESSAGE_RESTART_TIME);
}

/* New machines for the settings as they are. */
static void init_machines(struct peering *peering)
{
	const struct speaker_settings *all = &peering->speaker->settings;
	const struct speaker_peer *settings = &peering->settings;
	struct session_settings session = {
	        .as = all->as,
	        .identifier = all->identifier,
	        .remote_as = settings->as,
	        .hold_time = hold_seconds(settings->hold != 0 ? settings->hold : all->hold),
	        .restart_time = restart_seconds(settings->restart_time),
	        .forwarding_kept = all->forwarding_kept,
	        .retry_minimum = RETRY_MINIMUM,
	        .retry_maximum = RETRY_MAXIMUM,
	};

	for (int side = 0; side < PEERING_SIDES; side++) {
		struct machine *machine = &peering->machines[side];

		machine->peering = peering;
		session.passive = side == PEERING_ACCEPT;
		session.seed = all->seed + 2 * (uint64_t)peering->index + (uint64_t)side;
		session_init(&machine->session, &session, &machine_output, machine, peering->settings.name);
		session_set_restarting(&machine->session, peering->speaker->starting);
	}
	if (!settings->passive)
		session_pair(&peering->machines[PEERING_CONNECT].session,
		             &peering->machines[PEERING_ACCEPT].session);
}

/* Settings that hold without a new session. */
static void set_limits(struct peering *peering)
{
	size_t maximum = peering->settings.maximum_paths;

	peering->settings.name[SPEAKER_NAME - 1] = '\0';
	table_set_maximum(peering->speaker->table, (int)peering->index,
	                  maximum != 0 ? maximum : (size_t)SPEAKER_PATHS);
}

int peering_create(struct speaker *speaker, uint32_t slot, const struct speaker_peer *settings,
                   struct peering **ret_peering)
{
	struct peering *peering = calloc(1, sizeof(*peering));

	if (peering == NULL)
		return -ENOMEM;
	peering->output =
	        output_create(SPEAKER_ADVERTISED, speaker->settings.minimum_interval, speaker->settings.seed);
	if (peering->output == NULL) {
		free(peering);
		return -ENOMEM;
	}
	peering->speaker = speaker;
	peering->index = slot;
	peering->stale_until = INT64_MAX;
	peering->settings = *settings;
	set_limits(peering);
	init_machines(peering);
	*ret_peering = peering;
	return 0;
}

static void free_policies(struct speaker_peer *settings)
{
	policy_free(&settings->import_policy);
	policy_free(&settings->export_policy);
}

void peering_free(struct peering *peering)
{
	if (peering == NULL)
		return;
	output_free(peering->output);
	free_policies(&peering->settings);
	free(peering);
}

void peering_start(struct peering *peering)
{
	peering_step(&peering->machines[PEERING_ACCEPT], SESSION_START, NULL, NULL);
	if (!peering->settings.passive)
		peering_step(&peering->machines[PEERING_CONNECT], SESSION_START, NULL, NULL);
}

void peering_stop(struct peering *peering, uint8_t subcode)
{
	const struct message_error cease = message_cease(subcode, "");
	const struct message_error shutdown = message_cease(subcode, "busbard stops");

	for (int side = 0; side < PEERING_SIDES; side++)
		peering_step(&peering->machines[side], SESSION_STOP, NULL,
		             subcode == CEASE_SHUTDOWN ? &shutdown : &cease);
}

static bool needs_new_session(const struct speaker_peer *old, const struct speaker_peer *new)
{
	return strcmp(old->password, new->password) != 0 || old->gtsm_hops != new->gtsm_hops ||
	       old->hold != new->hold || old->restart_time != new->restart_time ||
	       old->passive != new->passive;
}

/* What the peer knows from us is held against the new policy, and what we know from it comes again. */
static void review(struct peering *peering, const struct speaker_peer *old)
{
	const struct speaker_peer *new = &peering->settings;

	if (peering->up == NULL)
		return;
	peering->advertise.edge_metadata = new->edge_metadata;
	if (old->edge_metadata != new->edge_metadata ||
	    !policy_equal(&old->export_policy, &new->export_policy))
		tell_again(peering);
	if (!policy_equal(&old->import_policy, &new->import_policy) && tell_ask(peering) < 0) {
		peering_stop(peering, CEASE_CHANGED);
		peering_start(peering);
	}
}

void peering_change(struct peering *peering, const struct speaker_peer *settings)
{
	struct speaker_peer old = peering->settings;
	bool restart = needs_new_session(&old, settings);

	if (restart)
		peering_stop(peering, CEASE_CHANGED);
	peering->settings = *settings;
	set_limits(peering);
	if (restart) {
		init_machines(peering);
		peering_start(peering);
	} else {
		review(peering, &old);
	}
	free_policies(&old);
}

/* A session that was lost and came back since the last report shows as both. */
void peering_report(struct peering *peering)
{
	const struct speaker_callbacks *callbacks = &peering->speaker->callbacks;
	bool was = peering->reported_up, up = peering->up != NULL;
	bool lost = was && peering->flaps != peering->reported_flaps;

	peering->reported_up = up;
	peering->reported_flaps = peering->flaps;
	if (callbacks->peer == NULL || peering->speaker->closing)
		return;
	if (lost)
		callbacks->peer(callbacks->context, peering->index, false);
	if (up && (lost || !was) && !peering->speaker->closing)
		callbacks->peer(callbacks->context, peering->index, true);
}

bool peering_matches(const struct peering *peering, const struct connection *connection)
{
	static const uint8_t unspecified[16];
	const struct speaker_peer *settings = &peering->settings;
	const struct transport_address *local = connection_local(connection);
	const struct transport_address *remote = connection_remote(connection);

	if (memcmp(settings->remote, remote->address, 16) != 0)
		return false;
	if (transport_is_link_local(remote->address) && settings->interface != remote->interface)
		return false;
	return memcmp(settings->local, local->address, 16) == 0 ||
	       memcmp(settings->local, unspecified, 16) == 0;
}

/*
 * RFC 4724 section 5: a peer that has restarted comes while its old session is still thought to be up. A
 * session that has only just begun is no old one: there two attempts of the same start have crossed.
 */
static bool replaces(const struct peering *peering, const struct message_open *open)
{
	return peering->up != NULL && peering->up->session.graceful_restart && peering->up->session.lasted &&
	       open->graceful_restart && open->restarting && open->as == peering->settings.as;
}

bool peering_can_accept(const struct peering *peering, const struct message_open *open)
{
	if (peering->removed || peering->barred_until > clock_monotonic(&clock_system))
		return false;
	return peering->machines[PEERING_ACCEPT].session.state == SESSION_ACTIVE || replaces(peering, open);
}

void peering_accept(struct peering *peering, struct connection *connection, const struct message_open *open)
{
	struct machine *machine = &peering->machines[PEERING_ACCEPT];

	if (replaces(peering, open))
		peering_step(peering->up, SESSION_REPLACED, NULL, NULL);
	connection_own(connection, &machine_events, machine);
	machine->connection = connection;
	peering_count(&peering->received, MESSAGE_OPEN);
	peering_step(machine, SESSION_ACCEPTED, NULL, NULL);
	peering_step(machine, SESSION_OPEN, open, NULL);
}

static int64_t send_hold_time(const struct peering *peering)
{
	int64_t time = peering->speaker->settings.send_hold;

	return time > 0 ? time : MAXIMUM(SEND_HOLD_TIME, 2 * peering->up->session.hold_time);
}

/* RFC 9687: when a peer that does not read is given up. */
static int64_t send_hold_at(const struct peering *peering)
{
	int64_t since = peering->up != NULL ? connection_stuck_since(peering->up->connection) : INT64_MAX;

	return since == INT64_MAX ? INT64_MAX : since + send_hold_time(peering);
}

void peering_tick(struct peering *peering, int64_t now)
{
	const struct message_error resources = message_error_make(MESSAGE_CEASE, CEASE_RESOURCES, NULL, 0);

	if (peering->overflowed && peering->up != NULL)
		peering_step(peering->up, SESSION_ERROR, NULL, &resources);
	if (send_hold_at(peering) <= now)
		peering_step(peering->up, SESSION_SEND_HOLD_TIMER, NULL, NULL);
	if (peering->stale_until <= now)
		peering_end_stale(peering, "restart-timer");
	for (int side = 0; side < PEERING_SIDES; side++)
		session_tick(&peering->machines[side].session, now);
}

/* A congested connection wakes us by itself. */
int64_t peering_deadline(struct peering *peering)
{
	int64_t deadline = MINIMUM(session_deadline(&peering->machines[PEERING_CONNECT].session),
	                           session_deadline(&peering->machines[PEERING_ACCEPT].session));

	deadline = MINIMUM(deadline, MINIMUM(peering->stale_until, send_hold_at(peering)));
	if (peering->up == NULL || peering->speaker->deferring_until > 0 ||
	    connection_congested(peering->up->connection))
		return deadline;
	return peering->owes_refresh || peering->owes_refresh_end
	               ? 0
	               : MINIMUM(deadline, output_due(peering->output));
}
