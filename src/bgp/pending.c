/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming connections before their OPEN: see pending.h. */
#include "bgp/pending.h"
#include "base/clock.h"
#include "bgp/peering.h"
#include <stdlib.h>

enum { PENDING_MAXIMUM = 64 };
#define PENDING_TIME (20 * CLOCK_SECOND)

struct pending {
	struct pending *next;
	struct speaker *speaker;
	struct connection *connection;
	int64_t deadline;
};

/* Takes it off the list and gives its connection back. */
static struct connection *release(struct pending *pending)
{
	struct speaker *speaker = pending->speaker;
	struct connection *connection = pending->connection;
	struct pending **link = &speaker->pending;

	while (*link != pending)
		link = &(*link)->next;
	*link = pending->next;
	speaker->pending_count--;
	free(pending);
	return connection;
}

static void refuse(struct pending *pending, const struct message_error *error)
{
	struct speaker *speaker = pending->speaker;
	uint8_t bytes[MESSAGE_HEADER + 2 + MESSAGE_ERROR_DATA];
	int size = message_notification_encode(error, bytes, sizeof(bytes));

	if (size > 0)
		connection_send(pending->connection, bytes, (size_t)size);
	connection_close(release(pending));
	speaker->statistics.refused_connections++;
}

/*
 * The peer with that address and AS number that has room; without one of that AS, any that has room, whose
 * machine then says what it thinks of the number.
 */
static struct peering *find_peering(const struct speaker *speaker, const struct connection *connection,
                                    const struct message_open *open)
{
	struct peering *other = NULL;

	for (uint32_t i = 0; i < speaker->slots; i++) {
		struct peering *peering = speaker->peerings[i];

		if (peering == NULL || !peering_matches(peering, connection) ||
		    !peering_can_accept(peering, open))
			continue;
		if (peering->settings.as == open->as)
			return peering;
		other = peering;
	}
	return other;
}

static void assign(struct pending *pending, const struct message_open *open)
{
	const struct message_error rejected = message_error_make(MESSAGE_CEASE, CEASE_REJECTED, NULL, 0);
	struct peering *peering = find_peering(pending->speaker, pending->connection, open);

	if (peering == NULL)
		refuse(pending, &rejected);
	else
		peering_accept(peering, release(pending), open);
}

static size_t on_received(void *owner, const uint8_t *bytes, size_t size)
{
	struct pending *pending = owner;
	struct message_error error = message_error_make(MESSAGE_FSM_ERROR, FSM_IN_OPEN_SENT, NULL, 0);
	struct message_frame frame;
	struct message_open open;
	int taken = message_frame(bytes, size, MESSAGE_MAXIMUM, &frame, &error);

	if (taken == 0)
		return 0;
	if (taken < 0 || frame.type != MESSAGE_OPEN ||
	    message_open_decode(frame.body, frame.body_size, &open, &error) < 0) {
		refuse(pending, &error);
		return 0;
	}
	assign(pending, &open);
	return (size_t)taken;
}

static void on_lost(void *owner, int code)
{
	connection_close(release(owner));
}

static const struct connection_events pending_events = {.received = on_received, .lost = on_lost};

/* Whether it is a peer's, and did not come from further away than any peer of that address may be. */
static bool is_welcome(const struct speaker *speaker, struct connection *connection)
{
	bool known = false;
	uint8_t hops = 0;

	for (uint32_t i = 0; i < speaker->slots; i++) {
		const struct peering *peering = speaker->peerings[i];

		if (peering == NULL || peering->removed || !peering_matches(peering, connection))
			continue;
		known = true;
		if (peering->settings.gtsm_hops > 0)
			hops = hops == 0 ? peering->settings.gtsm_hops
			                 : MINIMUM(hops, peering->settings.gtsm_hops);
	}
	return known && (hops == 0 || connection_limit_hops(connection, hops));
}

void pending_add(struct speaker *speaker, struct connection *connection, int64_t now)
{
	struct pending *pending = NULL;

	if (is_welcome(speaker, connection) && speaker->pending_count < PENDING_MAXIMUM)
		pending = calloc(1, sizeof(*pending));
	if (pending == NULL) {
		speaker->statistics.refused_connections++;
		connection_close(connection);
		return;
	}
	*pending = (struct pending){speaker->pending, speaker, connection, now + PENDING_TIME};
	speaker->pending = pending;
	speaker->pending_count++;
	connection_own(connection, &pending_events, pending);
	transport_wake(speaker->transport);
}

void pending_tick(struct speaker *speaker, int64_t now)
{
	struct pending *next;

	for (struct pending *pending = speaker->pending; pending != NULL; pending = next) {
		next = pending->next;
		if (pending->deadline > now)
			continue;
		connection_close(release(pending));
		speaker->statistics.refused_connections++;
	}
}

int64_t pending_deadline(const struct speaker *speaker)
{
	int64_t deadline = INT64_MAX;

	for (const struct pending *pending = speaker->pending; pending != NULL; pending = pending->next)
		deadline = MINIMUM(deadline, pending->deadline);
	return deadline;
}

void pending_clear(struct speaker *speaker)
{
	while (speaker->pending != NULL)
		connection_close(release(speaker->pending));
}
