/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer tells: see receive.h. */
#include "bgp/receive.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "bgp/peering.h"
#include "bgp/policy.h"
#include "busbar-error.h"
#include <errno.h>
#include <string.h>

#define BARRED_TIME (60 * CLOCK_SECOND) /* for a peer that told too much */

/* RFC 4271 section 9.1.2 and RFC 4456 section 8: a route that has been here before. */
static bool is_loop(const struct speaker *speaker, const struct update_attributes *a)
{
	return update_contains(a->as_path, a->as_count, speaker->settings.as) ||
	       update_contains(a->clusters, a->cluster_count, speaker->settings.identifier) ||
	       (a->has_originator && a->originator == speaker->settings.identifier);
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
	struct update_attributes view;

	if (attributes == NULL)
		return -ENOMEM;
	view = attributes_view(attributes);
	if (!usable_prefix(prefix) || !policy_accepts(&peering->settings.import_policy, prefix,
	                                              view.communities, view.community_count)) {
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

/*
 * The edge of the domain. Ours may come from anywhere: it is sealed, and who opens it judges it. Attribute 42
 * is not; from outside it counts only where the peer is one that we tell it.
 */
static void filter(const struct peering *peering, struct update_attributes *a)
{
	if (!peering->advertise.inside && !peering->settings.edge_metadata)
		a->edge_metadata_size = 0;
}

static bool in_scope(const struct speaker_settings *settings, const struct update_attributes *a)
{
	uint32_t as;

	return a->edge_metadata_size == 0 || settings->scope == NULL ||
	       !settings->scope(a->edge_metadata, a->edge_metadata_size, &as) ||
	       peering_in_domain(settings, as);
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
	if (code == 0 || !peering->settings.cease_at_maximum)
		return;
	peering->barred_until = clock_monotonic(&clock_system) + BARRED_TIME;
	peering_step(peering->up, SESSION_ERROR, NULL, &too_many);
}

/* RFC 4724 section 4.2: what was not told again by now is gone. */
static void take_end_of_rib(struct peering *peering)
{
	size_t stale = table_peer_stale(peering->speaker->table, (int)peering->index);

	peering->told_all = true;
	log_info("peering", "peer=\"%s\" event=end-of-rib paths=%zu stale=%zu", peering->settings.name,
	         table_peer_paths(peering->speaker->table, (int)peering->index), stale);
	peering_end_stale(peering, "end-of-rib");
}

static void apply(struct peering *peering, struct update *update)
{
	struct speaker *speaker = peering->speaker;
	struct speaker_statistics *statistics = &speaker->statistics;
	bool usable;

	filter(peering, &update->attributes);
	usable = !is_loop(speaker, &update->attributes) &&
	         usable_next_hop(peering, update->attributes.next_hop) &&
	         in_scope(&speaker->settings, &update->attributes);
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
	if (update->end_of_rib)
		take_end_of_rib(peering);
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
		peering_step(machine, SESSION_UPDATE, NULL, NULL);
	} else if (update_decode(&form, frame->body, frame->body_size, &update, &error) < 0) {
		peering_step(machine, SESSION_ERROR, NULL, &error);
	} else {
		peering_step(machine, SESSION_UPDATE, NULL, NULL);
		apply(machine->peering, &update);
	}
}

static void take_open(struct machine *machine, const struct message_frame *frame)
{
	struct message_error error;
	struct message_open open;

	if (message_open_decode(frame->body, frame->body_size, &open, &error) < 0)
		peering_step(machine, SESSION_ERROR, NULL, &error);
	else
		peering_step(machine, SESSION_OPEN, &open, NULL);
}

static void take_notification(struct machine *machine, const struct message_frame *frame)
{
	struct message_error error;

	if (message_notification_decode(frame->body, frame->body_size, &error) < 0)
		peering_step(machine, SESSION_CLOSED, NULL, NULL);
	else
		peering_step(machine, SESSION_NOTIFICATION, NULL, &error);
}

static void take_keepalive(struct machine *machine, const struct message_frame *frame)
{
	peering_step(machine, SESSION_KEEPALIVE, NULL, NULL);
}

static void act_on_refresh(struct peering *peering, const struct message_refresh *refresh)
{
	if (refresh->afi != MESSAGE_AFI_IPV6 || refresh->safi != MESSAGE_SAFI_UNICAST)
		return;
	log_info("peering", "peer=\"%s\" event=refresh kind=%u", peering->settings.name, refresh->kind);
	if (refresh->kind == REFRESH_REQUEST)
		peering->owes_refresh = true;
	if (refresh->kind == REFRESH_BEGIN)
		peering_begin_stale(peering, peering_stale_time(peering));
	if (refresh->kind == REFRESH_END)
		peering_end_stale(peering, "refreshed");
}

/* To a session it is a sign of life, like an UPDATE. */
static void take_refresh(struct machine *machine, const struct message_frame *frame)
{
	struct message_refresh refresh;
	struct message_error error;

	if (machine->session.state == SESSION_ESTABLISHED &&
	    message_refresh_decode(frame->body, frame->body_size, &refresh, &error) < 0) {
		peering_step(machine, SESSION_ERROR, NULL, &error);
		return;
	}
	peering_step(machine, SESSION_UPDATE, NULL, NULL);
	if (machine->session.state == SESSION_ESTABLISHED)
		act_on_refresh(machine->peering, &refresh);
}

static void (*const takers[])(struct machine *machine, const struct message_frame *frame) = {
        [MESSAGE_OPEN] = take_open,
        [MESSAGE_UPDATE] = take_update,
        [MESSAGE_NOTIFICATION] = take_notification,
        [MESSAGE_KEEPALIVE] = take_keepalive,
        [MESSAGE_ROUTE_REFRESH] = take_refresh,
};

void receive_message(struct machine *machine, const struct message_frame *frame)
{
	peering_count(&machine->peering->received, frame->type);
	takers[frame->type](machine, frame);
}
