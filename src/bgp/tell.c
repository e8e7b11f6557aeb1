/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: see tell.h. */
#include "bgp/tell.h"
#include "base/clock.h"
#include "bgp/peering.h"
#include "bgp/policy.h"
#include "busbar-error.h"
#include <string.h>

enum { MESSAGE_FRINGE = 64 };

/* Whether the route came over iBGP. */
static bool is_internal(const struct speaker *speaker, const struct table_choice *choice)
{
	return choice->peer != TABLE_LOCAL &&
	       speaker->peerings[choice->peer]->settings.as == speaker->settings.as;
}

void tell_mark(struct peering *peering, const uint8_t address[16], uint8_t length,
               const struct table_choice *choice)
{
	struct output_name name = {.length = length};

	memcpy(name.address, address, sizeof(name.address));
	if (peering->advertise.add_path && choice != NULL)
		name.path_id = choice->number;
	/* Most routes of a gateway come over iBGP and never go there: no entry for these. */
	if (choice != NULL && !peering->advertise.external && is_internal(peering->speaker, choice) &&
	    !output_knows(peering->output, &name))
		return;
	if (output_mark(peering->output, &name, clock_monotonic(&clock_system)) < 0)
		peering->overflowed = true;
}

static void mark_choice(void *context, const struct table_choice *choice, bool best)
{
	struct peering *peering = context;

	if (peering->advertise.add_path || best)
		tell_mark(peering, choice->address, choice->length, choice);
}

void tell_again(struct peering *peering)
{
	table_each(peering->speaker->table, mark_choice, peering);
}

static void send_update(struct peering *peering, const uint8_t *bytes, int size)
{
	if (size <= 0)
		return;
	peering->speaker->statistics.updates_sent++;
	peering_send(peering->up, bytes, (size_t)size);
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
	const struct update_attributes a = attributes_view(choice->attributes);
	struct update_prefix prefix = {.length = choice->length};

	memcpy(prefix.address, choice->address, sizeof(prefix.address));
	return policy_accepts(&peering->settings.export_policy, &prefix, a.communities, a.community_count);
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

	return found &&
	       advertise_permitted(&peering->advertise, ret_choice, is_internal(speaker, ret_choice)) &&
	       passes_export(peering, ret_choice);
}

static void tell_one(struct peering *peering, struct output_entry *entry, struct batch *batch, int64_t now)
{
	const struct output_name *name = output_entry_name(entry);
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];
	struct table_choice choice;
	int size = 0;

	if (find_choice(peering, name, &choice)) {
		if (!peering->owes_refresh_end && !output_entry_ready(entry, now)) {
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

/* RFC 7313 section 4: what comes between beginning and end is everything, whatever the interval says. */
static void send_refresh(struct peering *peering, enum message_refresh_kind kind)
{
	const struct message_refresh refresh = {MESSAGE_AFI_IPV6, MESSAGE_SAFI_UNICAST, (uint8_t)kind};
	uint8_t bytes[MESSAGE_HEADER + 4];
	int size = message_refresh_encode(&refresh, bytes, sizeof(bytes));

	if (size > 0)
		peering_send(peering->up, bytes, (size_t)size);
}

int tell_ask(struct peering *peering)
{
	if (peering->up == NULL || !peering->up->session.route_refresh)
		return BUSBAR_ERROR_STATE;
	send_refresh(peering, REFRESH_REQUEST);
	return 0;
}

/* All at once after the first round, which tells all anyway; a peer that asks on and on is heard in turn. */
static void begin_refresh(struct peering *peering)
{
	peering->owes_refresh = false;
	if (peering->up->session.enhanced_refresh) {
		send_refresh(peering, REFRESH_BEGIN);
		peering->owes_refresh_end = true;
	}
	tell_again(peering);
}

/* Nothing is due any more: what was promised at the end. */
static void tell_end(struct peering *peering)
{
	uint8_t bytes[UPDATE_SIZE_MAXIMUM];

	if (peering->owes_end_of_rib)
		send_update(peering, bytes, advertise_withdraw(&peering->advertise, NULL, 0, bytes));
	if (peering->owes_refresh_end)
		send_refresh(peering, REFRESH_END);
	peering->owes_end_of_rib = false;
	peering->owes_refresh_end = false;
	if (peering->owes_refresh)
		begin_refresh(peering);
}

void tell_due(struct peering *peering, int64_t now)
{
	struct output_entry *entry;
	struct batch batch;

	if (peering->up == NULL)
		return;
	batch.writer = writer_open(batch.prefixes, sizeof(batch.prefixes));
	while (!connection_congested(peering->up->connection) &&
	       (entry = output_take(peering->output, now)) != NULL)
		tell_one(peering, entry, &batch, now);
	flush(peering, &batch);
	if (output_due(peering->output) > now && !table_dirty(peering->speaker->table))
		tell_end(peering);
}
