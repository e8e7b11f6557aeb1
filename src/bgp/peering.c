/* SPDX-License-Identifier: Apache-2.0 */
/* A peering: see peering.h. */
#include "bgp/peering.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <string.h>

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

	while (update_next(&list, &prefix))
		table_withdraw(peering->speaker->table, (int)peering->index, &prefix);
}

/* What cannot be stored is withdrawn: an old value would be wrong. */
static void store(struct peering *peering, const struct update_prefix *prefix, struct attributes *attributes)
{
	struct speaker *speaker = peering->speaker;
	bool usable = usable_prefix(prefix);
	int code = -ENOMEM;

	if (usable && attributes != NULL)
		code = table_update(speaker->table, (int)peering->index, prefix, attributes);
	if (code == 0)
		return;
	speaker->statistics.refused_routes += !usable;
	table_withdraw(speaker->table, (int)peering->index, prefix);
	if (usable)
		log_warning("peering", "peer=\"%s\" event=route-refused code=%d", peering->settings.name,
		            code);
}

static void store_all(struct peering *peering, const struct update *update)
{
	struct attributes *attributes = attributes_create(&update->attributes);
	struct update_nlri list = update->announced;
	struct update_prefix prefix;

	while (update_next(&list, &prefix))
		store(peering, &prefix, attributes);
	attributes_release(attributes);
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
		withdraw_all(peering, update->announced);
	} else if (update->announced.size > 0 && !usable) {
		statistics->refused_routes++;
		withdraw_all(peering, update->announced);
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
	if (taken > 0)
		takers[frame.type](machine, &frame);
	return (size_t)taken;
}

static void on_lost(void *owner, int code)
{
	step(owner, SESSION_CLOSED, NULL, NULL);
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

	connection_send(machine->connection, bytes, size);
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
};

/* ---- life ---- */

static uint16_t hold_seconds(int64_t hold)
{
	int64_t seconds = MINIMUM(hold / CLOCK_SECOND, (int64_t)UINT16_MAX);

	return (uint16_t)(hold == 0 ? 0 : MAXIMUM(seconds, (int64_t)MINIMUM_HOLD_TIME));
}

int peering_init(struct peering *peering, struct speaker *speaker, uint32_t index,
                 const struct speaker_peer *settings)
{
	const struct speaker_settings *all = &speaker->settings;
	struct session_settings session = {
	        .as = all->as,
	        .identifier = all->identifier,
	        .remote_as = settings->as,
	        .hold_time = hold_seconds(all->hold),
	        .retry_minimum = RETRY_MINIMUM,
	        .retry_maximum = RETRY_MAXIMUM,
	};

	*peering = (struct peering){.speaker = speaker, .index = index, .settings = *settings};
	peering->settings.name[SPEAKER_NAME - 1] = '\0';
	for (int side = 0; side < PEERING_SIDES; side++) {
		struct machine *machine = &peering->machines[side];

		machine->peering = peering;
		session.passive = side == PEERING_ACCEPT;
		session.seed = all->seed + 2 * (uint64_t)index + (uint64_t)side;
		session_init(&machine->session, &session, &machine_output, machine, peering->settings.name);
	}
	if (!settings->passive)
		session_pair(&peering->machines[PEERING_CONNECT].session,
		             &peering->machines[PEERING_ACCEPT].session);
	peering->output = output_create(SPEAKER_ADVERTISED, all->minimum_interval, all->seed);
	return peering->output != NULL ? 0 : -ENOMEM;
}

void peering_free(struct peering *peering)
{
	peering->output = output_free(peering->output);
}

void peering_start(struct peering *peering)
{
	step(&peering->machines[PEERING_ACCEPT], SESSION_START, NULL, NULL);
	if (!peering->settings.passive)
		step(&peering->machines[PEERING_CONNECT], SESSION_START, NULL, NULL);
}

void peering_stop(struct peering *peering)
{
	for (int side = 0; side < PEERING_SIDES; side++)
		step(&peering->machines[side], SESSION_STOP, NULL, NULL);
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
	                     speaker->peerings[ret_choice->peer].settings.as == speaker->settings.as;

	return found && advertise_permitted(&peering->advertise, ret_choice, from_internal);
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
