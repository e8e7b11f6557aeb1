/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speaker: see speaker.h. Everything that happens asks for a round, and rounds come from the loop's
 * timer: first timers, then decisions and reports, then what peers are told, then the next deadline.
 */
#include "bgp/speaker.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "bgp/peering.h"
#include "bgp/peers.h"
#include "bgp/pending.h"
#include "bgp/show.h"
#include "bgp/tell.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_PER_ROUND = 4096 }; /* then sockets have their turn: some milliseconds */

/* ---- reports ---- */

static void mark(struct speaker *speaker, bool add_path, const uint8_t address[16], uint8_t length,
                 const struct table_choice *choice)
{
	for (uint32_t i = 0; i < speaker->slots; i++) {
		struct peering *peering = speaker->peerings[i];

		if (peering != NULL && peering->up != NULL && peering->advertise.add_path == add_path)
			tell_mark(peering, address, length, choice);
	}
}

static void on_origin_changed(void *context, const struct table_choice *choice, bool withdrawn)
{
	struct speaker *speaker = context;
	struct speaker_route route;

	mark(speaker, true, choice->address, choice->length, choice);
	if (choice->peer == TABLE_LOCAL || speaker->callbacks.route == NULL || speaker->closing)
		return;
	route = show_choice(choice);
	speaker->callbacks.route(speaker->callbacks.context, &route, withdrawn);
}

static void on_best_changed(void *context, const uint8_t address[16], uint8_t length,
                            const struct table_choice *choice, bool was_foreign)
{
	struct speaker *speaker = context;
	bool foreign = choice != NULL && choice->peer != TABLE_LOCAL;
	struct speaker_route route;

	mark(speaker, false, address, length, choice);
	if (speaker->callbacks.best == NULL || speaker->closing || (!foreign && !was_foreign))
		return;
	if (foreign)
		route = show_choice(choice);
	speaker->callbacks.best(speaker->callbacks.context, address, length, foreign ? &route : NULL);
}

static const struct table_report report = {on_origin_changed, on_best_changed};

/* ---- rounds ---- */

static int64_t next_deadline(const struct speaker *speaker)
{
	int64_t deadline = pending_deadline(speaker);

	if (speaker->deferring_until > 0)
		deadline = MINIMUM(deadline, speaker->deferring_until);
	else if (table_dirty(speaker->table))
		deadline = 0;
	if (speaker->starting)
		deadline = MINIMUM(deadline, speaker->starting_until);
	for (uint32_t i = 0; i < speaker->slots; i++)
		if (speaker->peerings[i] != NULL)
			deadline = MINIMUM(deadline, peering_deadline(speaker->peerings[i]));
	return deadline;
}

static void finish(void *context);

static void shut_down(struct speaker *speaker)
{
	pending_clear(speaker);
	for (uint32_t i = 0; i < speaker->slots && !speaker->silent; i++)
		if (speaker->peerings[i] != NULL)
			peering_stop(speaker->peerings[i], CEASE_SHUTDOWN);
	transport_close(speaker->transport, finish, speaker);
}

/* RFC 4724 section 4.1: whoever restarts itself or never says when it has told all is not waited for. */
static bool has_told_all(const struct peering *peering)
{
	const struct message_open *remote;

	if (peering == NULL || peering->removed)
		return true;
	if (peering->up == NULL)
		return false;
	remote = &peering->up->session.remote;
	return peering->told_all || remote->restarting || !remote->graceful_restart;
}

/* The end of what follows our own start: of the wait for the peers' routes, and of telling peers about it. */
static void review_start(struct speaker *speaker, int64_t now)
{
	bool complete = true;

	if (!speaker->starting)
		return;
	for (uint32_t i = 0; i < speaker->slots; i++)
		complete = complete && has_told_all(speaker->peerings[i]);
	if (speaker->deferring_until > 0 && (complete || speaker->deferring_until <= now)) {
		log_info("speaker", "event=decisions-begin complete=%d", complete);
		speaker->deferring_until = 0;
	}
	if (!complete && speaker->starting_until > now)
		return;
	speaker->starting = false;
	for (uint32_t i = 0; i < speaker->slots; i++)
		for (int side = 0; speaker->peerings[i] != NULL && side < PEERING_SIDES; side++)
			session_set_restarting(&speaker->peerings[i]->machines[side].session, false);
}

static void decide_and_tell(struct speaker *speaker)
{
	int64_t now;

	table_publish(speaker->table, &report, speaker, CHANGES_PER_ROUND);
	peers_sweep(speaker);
	now = clock_monotonic(&clock_system);
	for (uint32_t i = 0; i < speaker->slots; i++)
		if (speaker->peerings[i] != NULL)
			tell_due(speaker->peerings[i], now);
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
	for (uint32_t i = 0; i < speaker->slots; i++)
		if (speaker->peerings[i] != NULL)
			peering_tick(speaker->peerings[i], now);
	for (uint32_t i = 0; i < speaker->slots; i++)
		if (speaker->peerings[i] != NULL)
			peering_report(speaker->peerings[i]);
	review_start(speaker, now);
	if (speaker->deferring_until == 0)
		decide_and_tell(speaker);
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

static void free_speaker(struct speaker *speaker)
{
	peers_free(speaker);
	table_free(speaker->table);
	free((void *)speaker->settings.domain);
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
	        .seed = settings->seed,
	        .announcer = settings->announcer,
	};
	uint32_t *domain = calloc(settings->domain_count + 1u, sizeof(*domain));

	speaker->settings.domain = domain;
	speaker->settings.peers = NULL;
	speaker->port = settings->port;
	speaker->starting = true;
	speaker->table = table_create(&table);
	if (domain == NULL || speaker->table == NULL)
		return -ENOMEM;
	if (settings->domain_count > 0)
		memcpy(domain, settings->domain, settings->domain_count * sizeof(*domain));
	return 0;
}

/* Our start, as peers may see it, is over with the longest time that one of them keeps our routes. */
static void begin(struct speaker *speaker)
{
	int64_t now = clock_monotonic(&clock_system);
	int64_t longest = speaker->settings.deferral;

	for (uint32_t i = 0; i < speaker->slots; i++)
		longest = MAXIMUM(longest, speaker->peerings[i]->settings.restart_time);
	speaker->starting_until = now + longest;
	speaker->deferring_until = speaker->settings.deferral > 0 ? now + speaker->settings.deferral : 0;
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
	code = speaker_reconfigure(speaker, settings->peers, settings->peer_count);
	if (code == 0)
		begin(speaker);
	if (code < 0) {
		log_error("speaker", "event=create port=%u error=\"%s\"", speaker->port, error_text(code));
		transport_close(speaker->transport, finish, speaker);
		return code;
	}
	*ret_speaker = speaker;
	return 0;
}

static void close_speaker(struct speaker *speaker, bool silent, void (*closed)(void *context), void *context)
{
	if (speaker == NULL) {
		if (closed != NULL)
			closed(context);
		return;
	}
	if (speaker->closing)
		return;
	speaker->closing = true;
	speaker->silent = silent;
	speaker->closed = closed;
	speaker->closed_context = context;
	transport_wake(speaker->transport);
}

void speaker_close(struct speaker *speaker, void (*closed)(void *context), void *context)
{
	close_speaker(speaker, false, closed, context);
}

void speaker_leave(struct speaker *speaker, void (*closed)(void *context), void *context)
{
	close_speaker(speaker, true, closed, context);
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

int speaker_refresh(struct speaker *speaker, uint32_t slot)
{
	struct peering *peering = slot < speaker->slots ? speaker->peerings[slot] : NULL;

	return peering != NULL ? tell_ask(peering) : BUSBAR_ERROR_NOT_FOUND;
}
