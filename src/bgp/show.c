/* SPDX-License-Identifier: Apache-2.0 */
/* What the speaker shows: see show.h. Everything is counted where it happens; here it is put together. */
#include "bgp/show.h"
#include "base/clock.h"
#include "busbar-error.h"
#include <string.h>

/* ---- routes ---- */

static void fill_route(struct speaker_route *route, const struct update_attributes *a)
{
	memcpy(route->next_hop, a->next_hop, sizeof(route->next_hop));
	route->attribute_size = a->has_opaque ? a->opaque_size : 0;
	route->attribute = route->attribute_size > 0 ? a->opaque : NULL;
	route->edge_metadata = a->edge_metadata_size > 0 ? a->edge_metadata : NULL;
	route->edge_metadata_size = a->edge_metadata_size;
	route->as_path_count = (uint32_t)a->as_count;
	route->as_path = a->as_path;
	route->community_count = (uint32_t)a->community_count;
	route->communities = a->communities;
}

struct speaker_route show_choice(const struct table_choice *choice)
{
	const struct update_attributes a = attributes_view(choice->attributes);
	struct speaker_route route = {
	        .prefix_length = choice->length,
	        .origin_as = choice->origin_as,
	        .originator = choice->originator,
	        .peer = (uint32_t)choice->peer,
	};

	memcpy(route.prefix, choice->address, sizeof(route.prefix));
	fill_route(&route, &a);
	return route;
}

struct shower {
	void (*show)(void *context, const struct speaker_path *path);
	void *context;
};

static void show_path(void *context, const struct table_path *shown)
{
	const struct shower *shower = context;
	const struct update_attributes a = attributes_view(shown->attributes);
	struct speaker_path path = {
	        .route = {.prefix_length = shown->length,
	                  .origin_as = shown->origin_as,
	                  .originator = shown->originator,
	                  .peer = (uint32_t)shown->peer},
	        .origin_code = a.origin,
	        .chosen = shown->chosen,
	        .best = shown->best,
	        .stale = shown->stale,
	        .has_preference = a.has_local_preference,
	        .has_med = a.has_med,
	        .path_id = shown->path_id,
	        .preference = a.local_preference,
	        .med = a.med,
	};

	memcpy(path.route.prefix, shown->address, sizeof(path.route.prefix));
	fill_route(&path.route, &a);
	shower->show(shower->context, &path);
}

bool speaker_each_route(const struct speaker *speaker, size_t *position, size_t maximum,
                        void (*show)(void *context, const struct speaker_path *path), void *context)
{
	struct shower shower = {show, context};

	return table_each_path(speaker->table, position, maximum, show_path, &shower);
}

/* ---- peers ---- */

uint32_t speaker_peer_slots(const struct speaker *speaker)
{
	return speaker->slots;
}

/* The machine that has got further; both speak for one peer. */
static const struct session *leading(const struct peering *peering)
{
	const struct session *a = &peering->machines[PEERING_CONNECT].session;
	const struct session *b = &peering->machines[PEERING_ACCEPT].session;

	return b->state > a->state ? b : a;
}

static void fill_negotiated(struct speaker_peer_status *status, const struct session *session)
{
	status->add_path_send = session->add_path_send;
	status->add_path_receive = session->add_path_receive;
	status->extended_messages = session->extended_messages;
	status->route_refresh = session->route_refresh;
	status->enhanced_refresh = session->enhanced_refresh;
	status->graceful_restart = session->graceful_restart;
	status->graceful_notification = session->graceful_notification;
	status->peer_restart_time = session->remote.restart_time;
	status->hold = (uint32_t)(session->hold_time / CLOCK_SECOND);
}

int speaker_peer_status(const struct speaker *speaker, uint32_t slot, struct speaker_peer_status *ret_status)
{
	const struct peering *peering = slot < speaker->slots ? speaker->peerings[slot] : NULL;
	const struct session *session;
	struct speaker_peer_status status;

	if (peering == NULL)
		return BUSBAR_ERROR_NOT_FOUND;
	session = leading(peering);
	status = (struct speaker_peer_status){
	        .as = peering->settings.as,
	        .identifier = session->remote.identifier,
	        .state = session_state_name(session->state),
	        .since = session->since,
	        .established = peering->up != NULL,
	        .internal = peering->settings.as == speaker->settings.as,
	        .received = peering->received,
	        .sent = peering->sent,
	        .paths = table_peer_paths(speaker->table, (int)slot),
	        .stale_paths = table_peer_stale(speaker->table, (int)slot),
	        .advertised = output_advertised(peering->output),
	        .waiting = output_waiting(peering->output),
	        .announced_in = peering->announced_in,
	        .withdrawn_in = peering->withdrawn_in,
	        .refused_in = peering->refused_in,
	        .flaps = peering->flaps,
	        .last_error_received = peering->last_error_received,
	        .last_error_at = peering->last_error_at,
	};
	memcpy(status.name, peering->settings.name, sizeof(status.name));
	memcpy(status.remote, peering->settings.remote, sizeof(status.remote));
	memcpy(status.last_error, peering->last_error, sizeof(status.last_error));
	if (peering->up != NULL)
		fill_negotiated(&status, &peering->up->session);
	*ret_status = status;
	return 0;
}

/* ---- counters ---- */

void speaker_statistics(const struct speaker *speaker, struct speaker_statistics *ret_statistics)
{
	struct speaker_statistics statistics = speaker->statistics;
	struct table_statistics table;

	table_count(speaker->table, &table);
	statistics.prefixes = table.prefixes;
	statistics.origins = table.origins;
	statistics.paths = table.paths;
	statistics.bytes = table.bytes;
	statistics.refused_paths = table.refused;
	for (uint32_t i = 0; i < speaker->slots; i++) {
		const struct peering *peering = speaker->peerings[i];

		if (peering == NULL || peering->removed)
			continue;
		statistics.peers++;
		statistics.established += peering->up != NULL;
		statistics.advertised += output_advertised(peering->output);
	}
	*ret_statistics = statistics;
}

uint16_t speaker_port(const struct speaker *speaker)
{
	return speaker->port;
}
