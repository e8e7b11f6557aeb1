/* SPDX-License-Identifier: Apache-2.0 */
/* A peering: see peering.h. */
#include "bgp/peering.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "bgp/policy.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define RETRY_MINIMUM (100 * CLOCK_MILLISECOND)
#define RETRY_MAXIMUM (5 * CLOCK_SECOND)

enum { MINIMUM_HOLD_TIME = 3, MESSAGE_FRINGE = 64 };

static void step(struct machine *machine, enum session_event event, const struct message_open *open,
                 const struct message_error *error)
{
	const struct session_input input = {event, clock_monotonic(&clock_system), open, error};

	session_step(&machine->session, &input);
	transport_wake(machine->peering->speaker->transport);
}

/* ---- what a peer tells ---- */

/* RFC 4271 section 9.1.2 and RFC 4456 section 8: a route that has been here before. */
static bool is_loop(const struct speaker *speaker, const struct update_attributes *a)
{
	for (size_t i = 0; i < a->as_count; i++)
		if (a->as_path[i] == speaker->settings.as)
			return true;
	for (size_t i = 0; i < a->cluster_count; i++)
		if (a->clusters[i] == speaker->settings.identifier)
			return true;
	return a->has_originator && a->originator == speaker->settings.identifier;
}

/* RFC 4271 section 6.3: not our own address, unless the peer lives there too. */
static bool usable_next_hop(const struct peering *peering, const uint8_t next_hop[16])
{
	static const uint8_t unspecified[16];
	bool ours = memcmp(next_hop, peering->advertise.next_hop, 16) == 0;
	bool theirs = memcmp(next_hop, peering->settings.remote, 16) == 0;

	return next_hop[0] != 0xff && memcmp(next_hop, unspecified, 16) != 0 && (theirs || !ours);
}

/* Multicast and link-local prefixes lead nowhere from here. */
static bool usable_prefix(const struct update_prefix *prefix)
{
	bool multicast = prefix->length >= 8 && prefix->address[0] == 0xff;
	bool link_local = prefix->length >= 10 && transport_is_link_local(prefix->address);

	return !multicast && !link_local;
}

static void withdraw_all(struct peering *peering, struct update_nlri list)
{
	struct update_prefix prefix;

	while (update_next(&list, &prefix)) {
		peering->withdrawn_in++;
		table_withdraw(peering->speaker->table, (int)peering->index, &prefix);
	}
}

/* Announced, but not to be used: whatever was known before is gone. */
static void refuse_all(struct peering *peering, struct update_nlri list)
{
	struct update_prefix prefix;

	while (update_next(&list, &prefix)) {
		peering->announced_in++;
		peering->refused_in++;
		table_withdraw(peering->speaker->table, (int)peering->index, &prefix);
	}
}

static int try_to_store(struct peering *peering, const struct update_prefix *prefix,
                        struct attributes *attributes)
{
	struct speaker *speaker = peering->speaker;
	const struct update_attributes *view;

	if (attributes == NULL)
		return -ENOMEM;
	view = attributes_view(attributes);
	if (!usable_prefix(prefix) || !policy_accepts(&peering->settings.import_policy, prefix,
	                                              view->communities, view->community_count)) {
		speaker->statistics.refused_routes++;
		return BUSBAR_ERROR_REFUSED;
	}
	return table_update(speaker->table, (int)peering->index, prefix, attributes);
}

/* What cannot be stored is withdrawn: an old value would be wrong. */
static int store(struct peering *peering, const struct update_prefix *prefix, struct attributes *attributes)
{
	int code = try_to_store(peering, prefix, attributes);

	peering->announced_in++;
	if (code == 0)
		return 0;
	peering->refused_in++;
	table_withdraw(peering->speaker->table, (int)peering->index, prefix);
	if (code != BUSBAR_ERROR_REFUSED)
		log_warning("peering", "peer=\"%s\" event=route-refused error=\"%s\"", peering->settings.name,
		            error_text(code));
	return code;
}

static void store_all(struct peering *peering, const struct update *update)
{
	const struct message_error too_many =
	        message_error_make(MESSAGE_CEASE, CEASE_MAXIMUM_PREFIXES, NULL, 0);
	struct attributes *attributes = attributes_create(&update->attributes);
	struct update_nlri list = update->announced;
	struct update_prefix prefix;
	int code = 0;

	while (update_next(&list, &prefix))
		if (store(peering, &prefix, attributes) == BUSBAR_ERROR_TABLE_FULL)
			code = BUSBAR_ERROR_TABLE_FULL;
	attributes_release(attributes);
	if (code < 0 && peering->settings.cease_at_maximum)
		step(peering->up, SESSION_ERROR, NULL, &too_many);
}

static void apply(struct peering *peering, const struct update *update)
{
	struct speaker *speaker = peering->speaker;
	struct speaker_statistics *statistics = &speaker->statistics;
	bool usable = !is_loop(speaker, &update->attributes) &&
	              usable_next_hop(peering, update->attributes.next_hop);

	statistics->updates_received++;
	statistics->discarded_attributes += update->discarded;
	withdraw_all(peering, update->withdrawn);
	if (update->treat_as_withdraw) {
		statistics->withdrawn_for_error++;
		log_warning("peering", "peer=\"%s\" event=treat-as-withdraw attribute=%u",
		            peering->settings.name, update->cause);
		refuse_all(peering, update->announced);
	} else if (update->announced.size > 0 && !usable) {
		statistics->refused_routes++;
		refuse_all(peering, update->announced);
	} else if (update->announced.size > 0) {
		store_all(peering, update);
	}
}

static void take_update(struct machine *machine, const struct message_frame *frame)
{
	const struct peering *peering = machine->peering;
	const struct update_form form = {
	        .add_path = machine->session.add_path_receive,
	        .external = peering->advertise.external,
	        .remote_as = peering->settings.as,
	        .opaque_code = peering->speaker->settings.attribute,
	};
	struct message_error error;
	struct update update;

	if (machine->session.state != SESSION_ESTABLISHED) {
		step(machine, SESSION_UPDATE, NULL, NULL);
	} else if (update_decode(&form, frame->body, frame->body_size, &update, &error) < 0) {
		step(machine, SESSION_ERROR, NULL, &error);
	} else {
		step(machine, SESSION_UPDATE, NULL, NULL);
		apply(machine->peering, &update);
	}
}

static void take_open(struct machine *machine, const struct message_frame *frame)
{
	struct message_error error;
	struct message_open open;

	if (message_open_decode(frame->body, frame->body_size, &open, &error) < 0)
		step(machine, SESSION_ERROR, NULL, &error);
	else
		step(machine, SESSION_OPEN, &open, NULL);
}

static void take_notification(struct machine *machine, const struct message_frame *frame)
{
	struct message_error error;

	if (message_notification_decode(frame->body, frame->body_size, &error) < 0)
		step(machine, SESSION_CLOSED, NULL, NULL);
	else
		step(machine, SESSION_NOTIFICATION, NULL, &error);
}

static void take_keepalive(struct machine *machine, const struct message_frame *frame)
{
	step(machine, SESSION_KEEPALIVE, NULL, NULL);
}

static void (*const takers[])(struct machine *machine, const struct message_frame *frame) = {
        [MESSAGE_OPEN] = take_open,
        [MESSAGE_UPDATE] = take_update,
        [MESSAGE_NOTIFICATION] = take_notification,
        [MESSAGE_KEEPALIVE] = take_keepalive,
};

/* ---- connections ---- */

static void on_connected(void *owner)
{
	step(owner, SESSION_CONNECTED, NULL, NULL);
}

static void count(struct speaker_messages *messages, uint8_t type)
{
	uint64_t *const counters[] = {
	        [MESSAGE_OPEN] = &messages->open,
	        [MESSAGE_UPDATE] = &messages->update,
	        [MESSAGE_NOTIFICATION] = &messages->notification,
	        [MESSAGE_KEEPALIVE] = &messages->keepalive,
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
		step(machine, SESSION_ERROR, NULL, &error);
		return 0;
	}
	if (taken > 0) {
		count(&machine->peering->received, frame.type);
		takers[frame.type](machine, &frame);
	}
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
	step(machine, SESSION_CLOSED, NULL, NULL);
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

	return transport_connect(peering->speaker->transport, &local, &remote, &machine_events, machine,
	                         &machine->connection);
}

static void do_disconnect(void *context)
{
	struct machine *machine = context;

	connection_close(machine->connection);
	machine->connection = NULL;
}

static void do_send(void *context, const uint8_t *bytes, size_t size)
{
	struct machine *machine = context;

	count(&machine->peering->sent, bytes[MESSAGE_HEADER - 1]);
	connection_send(machine->connection, bytes, size);
}

static void do_notified(void *context, const struct message_error *error, bool received)
{
	const struct machine *machine = context;

	note(machine->peering, received, "%u/%u %s", error->code, error->subcode, message_error_name(error));
}

static bool in_domain(const struct speaker_settings *settings, uint32_t as)
{
	for (uint32_t i = 0; i < settings->domain_count; i++)
		if (settings->domain[i] == as)
			return true;
	return as == settings->as;
}

/* Whether the domain has no AS but ours. */
static bool is_confined(const struct speaker_settings *settings)
{
	for (uint32_t i = 0; i < settings->domain_count; i++)
		if (settings->domain[i] != settings->as)
			return false;
	return true;
}

static void mark_choice(void *context, const struct table_choice *choice, bool best)
{
	struct peering *peering = context;

	if (peering->advertise.add_path || best)
		peering_mark(peering, choice->address, choice->length,
		             peering->advertise.add_path ? choice->number : 0);
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
	        .inside = in_domain(settings, peering->settings.as),
	        .edge_metadata = peering->settings.edge_metadata,
	        .confined = is_confined(settings),
	        .opaque_code = settings->attribute,
	};
	memcpy(advertise->next_hop, connection_local(machine->connection)->address,
	       sizeof(advertise->next_hop));
}

static void tell_peer(const struct peering *peering, bool established)
{
	const struct speaker *speaker = peering->speaker;

	if (speaker->callbacks.peer != NULL && !speaker->closing)
		speaker->callbacks.peer(speaker->callbacks.context, peering->index, established);
}

static void do_established(void *context)
{
	struct machine *machine = context;
	struct peering *peering = machine->peering;

	describe(peering, machine);
	peering->up = machine;
	peering->overflowed = false;
	peering->owes_end_of_rib = true;
	table_each(peering->speaker->table, mark_choice, peering);
	tell_peer(peering, true);
}

static void do_down(void *context)
{
	struct machine *machine = context;
	struct peering *peering = machine->peering;

	peering->up = NULL;
	peering->speaker->statistics.sessions_lost++;
	peering->flaps++;
	output_clear(peering->output);
	table_flush(peering->speaker->table, (int)peering->index);
	tell_peer(peering, false);
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
	        .retry_minimum = RETRY_MINIMUM,
	        .retry_maximum = RETRY_MAXIMUM,
	};

	for (int side = 0; side < PEERING_SIDES; side++) {
		struct machine *machine = &peering->machines[side];

		machine->peering = peering;
		session.passive = side == PEERING_ACCEPT;
		session.seed = all->seed + 2 * (uint64_t)peering->index + (uint64_t)side;
		session_init(&machine->session, &session, &machine_output, machine, peering->settings.name);
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
	step(&peering->machines[PEERING_ACCEPT], SESSION_START, NULL, NULL);
	if (!peering->settings.passive)
		step(&peering->machines[PEERING_CONNECT], SESSION_START, NULL, NULL);
}

void peering_stop(struct peering *peering, uint8_t subcode)
{
	const struct message_error cease = message_error_make(MESSAGE_CEASE, subcode, NULL, 0);

	for (int side = 0; side < PEERING_SIDES; side++)
		step(&peering->machines[side], SESSION_STOP, NULL, &cease);
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
		table_each(peering->speaker->table, mark_choice, peering);
	if (!policy_equal(&old->import_policy, &new->import_policy)) {
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

bool peering_can_accept(const struct peering *peering)
{
	return peering->machines[PEERING_ACCEPT].session.state == SESSION_ACTIVE;
}

void peering_accept(struct peering *peering, struct connection *connection, const struct message_open *open)
{
	struct machine *machine = &peering->machines[PEERING_ACCEPT];

	connection_own(connection, &machine_events, machine);
	machine->connection = connection;
	step(machine, SESSION_ACCEPTED, NULL, NULL);
	step(machine, SESSION_OPEN, open, NULL);
}

void peering_tick(struct peering *peering, int64_t now)
{
	const struct message_error resources = message_error_make(MESSAGE_CEASE, CEASE_RESOURCES, NULL, 0);

	if (peering->overflowed && peering->up != NULL)
		step(peering->up, SESSION_ERROR, NULL, &resources);
	for (int side = 0; side < PEERING_SIDES; side++)
		session_tick(&peering->machines[side].session, now);
}

/* A congested connection wakes us by itself. */
int64_t peering_deadline(const struct peering *peering)
{
	int64_t deadline = MINIMUM(session_deadline(&peering->machines[PEERING_CONNECT].session),
	                           session_deadline(&peering->machines[PEERING_ACCEPT].session));

	if (peering->up == NULL || connection_congested(peering->up->connection))
		return deadline;
	return MINIMUM(deadline, output_due(peering->output));
}

/* ---- what a peer is told ---- */

void peering_mark(struct peering *peering, const uint8_t address[16], uint8_t length, uint32_t number)
{
	struct output_name name = {.length = length, .path_id = number};

	memcpy(name.address, address, sizeof(name.address));
	if (output_mark(peering->output, &name, clock_monotonic(&clock_system)) < 0)
		peering->overflowed = true;
}

static void send_update(struct peering *peering, const uint8_t *bytes, int size)
{
	if (size <= 0)
		return;
	peering->speaker->statistics.updates_sent++;
	peering->sent.update++;
	connection_send(peering->up->connection, bytes, (size_t)size);
}

/* Prefixes to be withdrawn by one message. */
struct batch {
	uint8_t prefixes[UPDATE_SIZE_MAXIMUM - MESSAGE_FRINGE];
	struct writer writer;
};

static void flush(struct peering *peering, struct batch *batch)
{
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];

	if (writer_size(&batch->writer) > 0)
		send_update(peering, bytes,
		            advertise_withdraw(&peering->advertise, batch->prefixes,
		                               writer_size(&batch->writer), bytes));
	batch->writer = writer_open(batch->prefixes, sizeof(batch->prefixes));
}

static void withdraw(struct peering *peering, struct batch *batch, const struct output_name *name)
{
	struct update_prefix prefix = {.length = name->length, .path_id = name->path_id};

	memcpy(prefix.address, name->address, sizeof(prefix.address));
	update_put_prefix(&batch->writer, &prefix, peering->advertise.add_path);
	if (writer_size(&batch->writer) + UPDATE_PREFIX_MAXIMUM > sizeof(batch->prefixes))
		flush(peering, batch);
}

static bool passes_export(const struct peering *peering, const struct table_choice *choice)
{
	const struct update_attributes *a = attributes_view(choice->attributes);
	struct update_prefix prefix = {.length = choice->length};

	memcpy(prefix.address, choice->address, sizeof(prefix.address));
	return policy_accepts(&peering->settings.export_policy, &prefix, a->communities, a->community_count);
}

/* Whether there is a route of that name which the peer may have. */
static bool find_choice(const struct peering *peering, const struct output_name *name,
                        struct table_choice *ret_choice)
{
	const struct speaker *speaker = peering->speaker;
	bool found =
	        peering->advertise.add_path
	                ? table_origin(speaker->table, name->address, name->length, name->path_id, ret_choice)
	                : table_best(speaker->table, name->address, name->length, ret_choice);
	bool from_internal = found && ret_choice->peer != TABLE_LOCAL &&
	                     speaker->peerings[ret_choice->peer]->settings.as == speaker->settings.as;

	return found && advertise_permitted(&peering->advertise, ret_choice, from_internal) &&
	       passes_export(peering, ret_choice);
}

static void tell(struct peering *peering, struct output_entry *entry, struct batch *batch, int64_t now)
{
	const struct output_name *name = output_entry_name(entry);
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];
	struct table_choice choice;
	int size = 0;

	if (find_choice(peering, name, &choice)) {
		if (!output_entry_ready(entry, now)) {
			output_postponed(peering->output, entry);
			return;
		}
		size = advertise_announce(&peering->advertise, &choice, bytes);
		peering->speaker->statistics.oversized += size < 0;
	}
	if (size > 0) {
		send_update(peering, bytes, size);
		output_announced(peering->output, entry, now);
		return;
	}
	if (output_entry_advertised(entry))
		withdraw(peering, batch, name);
	output_withdrawn(peering->output, entry, now);
}

void peering_advertise(struct peering *peering, int64_t now)
{
	struct output_entry *entry;
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];
	struct batch batch;

	if (peering->up == NULL)
		return;
	batch.writer = writer_open(batch.prefixes, sizeof(batch.prefixes));
	while (!connection_congested(peering->up->connection) &&
	       (entry = output_take(peering->output, now)) != NULL)
		tell(peering, entry, &batch, now);
	flush(peering, &batch);
	if (!peering->owes_end_of_rib || output_due(peering->output) <= now)
		return;
	peering->owes_end_of_rib = false;
	send_update(peering, bytes, advertise_withdraw(&peering->advertise, NULL, 0, bytes));
}

int peering_refresh(struct peering *peering)
{
	return BUSBAR_ERROR_STATE;
}
