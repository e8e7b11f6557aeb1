/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speaker: see speaker.h. Everything that happens asks for a round, and rounds come from the loop's
 * timer: first timers, then decisions and reports, then what peers are told, then the next deadline.
 */
#include "bgp/speaker.h"
#include "base/clock.h"
#include "base/log.h"
#include "bgp/peering.h"
#include "bgp/pending.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- reports ---- */

static struct speaker_route route_of(const struct table_choice *choice)
{
	const struct update_attributes *a = attributes_view(choice->attributes);
	struct speaker_route route = {
	        .prefix_length = choice->length,
	        .origin_as = choice->origin_as,
	        .originator = choice->originator,
	        .peer = (uint32_t)choice->peer,
	        .attribute = a->has_opaque && a->opaque_size > 0 ? a->opaque : NULL,
	        .attribute_size = a->has_opaque ? a->opaque_size : 0,
	        .as_path_count = (uint32_t)a->as_count,
	        .as_path = a->as_path,
	};

	memcpy(route.prefix, choice->address, sizeof(route.prefix));
	memcpy(route.next_hop, a->next_hop, sizeof(route.next_hop));
	return route;
}

static void mark(struct speaker *speaker, bool add_path, const uint8_t address[16], uint8_t length,
                 uint32_t number)
{
	for (uint32_t i = 0; i < speaker->settings.peer_count; i++) {
		struct peering *peering = &speaker->peerings[i];

		if (peering->up != NULL && peering->advertise.add_path == add_path)
			peering_mark(peering, address, length, number);
	}
}

static void on_origin_changed(void *context, const struct table_choice *choice, bool withdrawn)
{
	struct speaker *speaker = context;
	struct speaker_route route;

	mark(speaker, true, choice->address, choice->length, choice->number);
	if (choice->peer == TABLE_LOCAL || speaker->callbacks.route == NULL || speaker->closing)
		return;
	route = route_of(choice);
	speaker->callbacks.route(speaker->callbacks.context, &route, withdrawn);
}

static void on_best_changed(void *context, const uint8_t address[16], uint8_t length,
                            const struct table_choice *choice, bool was_foreign)
{
	struct speaker *speaker = context;
	bool foreign = choice != NULL && choice->peer != TABLE_LOCAL;
	struct speaker_route route;

	mark(speaker, false, address, length, 0);
	if (speaker->callbacks.best == NULL || speaker->closing || (!foreign && !was_foreign))
		return;
	if (foreign)
		route = route_of(choice);
	speaker->callbacks.best(speaker->callbacks.context, address, length, foreign ? &route : NULL);
}

static const struct table_report report = {on_origin_changed, on_best_changed};

/* ---- rounds ---- */

static int64_t next_deadline(const struct speaker *speaker)
{
	int64_t deadline = table_dirty(speaker->table) ? 0 : pending_deadline(speaker);

	for (uint32_t i = 0; i < speaker->settings.peer_count; i++)
		deadline = MINIMUM(deadline, peering_deadline(&speaker->peerings[i]));
	return deadline;
}

static void finish(void *context);

static void shut_down(struct speaker *speaker)
{
	pending_clear(speaker);
	for (uint32_t i = 0; i < speaker->settings.peer_count; i++)
		peering_stop(&speaker->peerings[i]);
	transport_close(speaker->transport, finish, speaker);
}

static void on_woken(void *context)
{
	struct speaker *speaker = context;
	int64_t now = clock_monotonic(&clock_system);

	if (speaker->closing) {
		shut_down(speaker);
		return;
	}
	pending_tick(speaker, now);
	for (uint32_t i = 0; i < speaker->settings.peer_count; i++)
		peering_tick(&speaker->peerings[i], now);
	table_publish(speaker->table, &report, speaker);
	now = clock_monotonic(&clock_system);
	for (uint32_t i = 0; i < speaker->settings.peer_count; i++)
		peering_advertise(&speaker->peerings[i], now);
	transport_wake_at(speaker->transport, next_deadline(speaker));
}

static void on_accepted(void *context, struct connection *connection)
{
	struct speaker *speaker = context;

	if (speaker->closing)
		connection_close(connection);
	else
		pending_add(speaker, connection, clock_monotonic(&clock_system));
}

static const struct transport_events transport_events = {on_accepted, on_woken};

/* ---- creation ---- */

static void *copy(const void *items, size_t count, size_t size)
{
	void *result = calloc(count + 1, size);

	if (result != NULL && count > 0)
		memcpy(result, items, count * size);
	return result;
}

static void free_speaker(struct speaker *speaker)
{
	for (uint32_t i = 0; speaker->peerings != NULL && i < speaker->settings.peer_count; i++)
		peering_free(&speaker->peerings[i]);
	free(speaker->peerings);
	table_free(speaker->table);
	free((void *)speaker->settings.domain);
	free((void *)speaker->settings.peers);
	free(speaker);
}

/* The transport is gone. */
static void finish(void *context)
{
	struct speaker *speaker = context;
	void (*closed)(void *context) = speaker->closed;
	void *closed_context = speaker->closed_context;

	free_speaker(speaker);
	if (closed != NULL)
		closed(closed_context);
}

static int fill(struct speaker *speaker, const struct speaker_settings *settings)
{
	const struct table_settings table = {
	        .as = settings->as,
	        .identifier = settings->identifier,
	        .peers = settings->peer_count,
	        .paths_per_peer = SPEAKER_PATHS,
	        .seed = settings->seed,
	};
	int code = 0;

	speaker->settings.domain = copy(settings->domain, settings->domain_count, sizeof(*settings->domain));
	speaker->settings.peers = copy(settings->peers, settings->peer_count, sizeof(*settings->peers));
	speaker->peerings = calloc(settings->peer_count + 1, sizeof(*speaker->peerings));
	speaker->table = table_create(&table);
	if (speaker->settings.domain == NULL || speaker->settings.peers == NULL ||
	    speaker->peerings == NULL || speaker->table == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < settings->peer_count && code == 0; i++)
		code = peering_init(&speaker->peerings[i], speaker, i, &settings->peers[i]);
	return code;
}

static bool is_repeated(const struct speaker_settings *settings, uint32_t index)
{
	const struct speaker_peer *peer = &settings->peers[index];

	for (uint32_t i = 0; i < index; i++)
		if (memcmp(settings->peers[i].local, peer->local, 16) == 0 &&
		    (settings->peers[i].interface == peer->interface ||
		     !transport_is_link_local(peer->local)))
			return true;
	return false;
}

/* All addresses on one port: what the kernel gave to the first where the settings name none. */
static int listen_all(struct speaker *speaker)
{
	const struct speaker_settings *settings = &speaker->settings;
	int code = 0;

	speaker->port = settings->port;
	for (uint32_t i = 0; i < settings->peer_count && code == 0; i++) {
		struct transport_address local = {.interface = settings->peers[i].interface,
		                                  .port = speaker->port};

		memcpy(local.address, settings->peers[i].local, sizeof(local.address));
		if (!is_repeated(settings, i))
			code = transport_listen(speaker->transport, &local, &speaker->port);
	}
	return code;
}

int speaker_create(struct uv_loop_s *loop, const struct speaker_settings *settings,
                   const struct speaker_callbacks *callbacks, struct speaker **ret_speaker)
{
	struct speaker *speaker = calloc(1, sizeof(*speaker));
	int code;

	if (speaker == NULL)
		return -ENOMEM;
	speaker->settings = *settings;
	speaker->callbacks = *callbacks;
	code = fill(speaker, settings);
	if (code == 0)
		code = transport_create(loop, &transport_events, speaker, &speaker->transport);
	if (code < 0) {
		free_speaker(speaker);
		return code;
	}
	code = listen_all(speaker);
	if (code < 0) {
		log_error("speaker", "event=listen port=%u error=\"%s\"", speaker->port, strerror(-code));
		transport_close(speaker->transport, finish, speaker);
		return code;
	}
	for (uint32_t i = 0; i < settings->peer_count; i++)
		peering_start(&speaker->peerings[i]);
	*ret_speaker = speaker;
	return 0;
}

void speaker_close(struct speaker *speaker, void (*closed)(void *context), void *context)
{
	if (speaker == NULL) {
		if (closed != NULL)
			closed(context);
		return;
	}
	if (speaker->closing)
		return;
	speaker->closing = true;
	speaker->closed = closed;
	speaker->closed_context = context;
	transport_wake(speaker->transport);
}

/* ---- our own routes ---- */

static int make_prefix(const uint8_t address[16], uint8_t length, struct update_prefix *ret_prefix)
{
	struct update_prefix prefix = {.length = length};

	if (length > 128)
		return BUSBAR_ERROR_BAD_VALUE;
	memcpy(prefix.address, address, sizeof(prefix.address));
	update_mask(prefix.address, length);
	*ret_prefix = prefix;
	return 0;
}

int speaker_announce(struct speaker *speaker, const uint8_t address[16], uint8_t length,
                     const uint8_t *attribute, size_t size)
{
	const struct update_attributes content = {
	        .origin = UPDATE_ORIGIN_IGP,
	        .has_opaque = size > 0,
	        .opaque = attribute,
	        .opaque_size = size,
	};
	struct attributes *attributes;
	struct update_prefix prefix;
	int code = make_prefix(address, length, &prefix);

	if (code < 0)
		return code;
	if (size > SPEAKER_ATTRIBUTE_MAXIMUM)
		return BUSBAR_ERROR_TOO_LARGE;
	attributes = attributes_create(&content);
	if (attributes == NULL)
		return -ENOMEM;
	code = table_update(speaker->table, TABLE_LOCAL, &prefix, attributes);
	attributes_release(attributes);
	transport_wake(speaker->transport);
	return code;
}

int speaker_withdraw(struct speaker *speaker, const uint8_t address[16], uint8_t length)
{
	size_t before = table_peer_paths(speaker->table, TABLE_LOCAL);
	struct update_prefix prefix;
	int code = make_prefix(address, length, &prefix);

	if (code < 0)
		return code;
	table_withdraw(speaker->table, TABLE_LOCAL, &prefix);
	transport_wake(speaker->transport);
	return table_peer_paths(speaker->table, TABLE_LOCAL) < before ? 0 : BUSBAR_ERROR_NOT_FOUND;
}

/* ---- looking ---- */

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
	statistics.peers = speaker->settings.peer_count;
	for (uint32_t i = 0; i < speaker->settings.peer_count; i++) {
		statistics.established += speaker->peerings[i].up != NULL;
		statistics.advertised += output_advertised(speaker->peerings[i].output);
	}
	*ret_statistics = statistics;
}

uint16_t speaker_port(const struct speaker *speaker)
{
	return speaker->port;
}
