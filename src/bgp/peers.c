/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of peers: see peers.h. A change is prepared whole (copies, room in the tables, sockets), and only
 * then made, so that one that fails leaves no trace.
 */
#include "bgp/peers.h"
#include "base/log.h"
#include "bgp/peering.h"
#include "bgp/policy.h"
#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_SLOT UINT32_MAX

/* What becomes of one wanted peer. */
struct place {
	uint32_t slot;
	struct speaker_peer settings; /* owns its policies until they are given on */
	struct peering *created;      /* NULL: it is there already */
};

/* ---- what is wanted ---- */

static bool is_valid(const struct speaker_peer *peer)
{
	return memchr(peer->password, '\0', sizeof(peer->password)) != NULL &&
	       policy_valid(&peer->import_policy) && policy_valid(&peer->export_policy);
}

static int validate(const struct speaker_peer *peers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!is_valid(&peers[i]))
			return BUSBAR_ERROR_BAD_VALUE;
	return 0;
}

static bool same_peer(const struct speaker_peer *a, const struct speaker_peer *b)
{
	return memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0 && a->interface == b->interface &&
	       a->as == b->as && a->port == b->port;
}

/* The slot of a peer that is there and not yet taken; NO_SLOT when there is none. */
static uint32_t find_slot(const struct speaker *speaker, const struct speaker_peer *peer,
                          const struct place *taken, uint32_t count)
{
	for (uint32_t slot = 0; slot < speaker->slots; slot++) {
		const struct peering *peering = speaker->peerings[slot];
		bool free = peering != NULL && !peering->removed && same_peer(&peering->settings, peer);

		for (uint32_t i = 0; i < count && free; i++)
			free = taken[i].slot != slot;
		if (free)
			return slot;
	}
	return NO_SLOT;
}

static bool is_wanted(const struct place *places, uint32_t count, uint32_t slot)
{
	for (uint32_t i = 0; i < count; i++)
		if (places[i].slot == slot)
			return true;
	return false;
}

/* ---- preparing ---- */

static int grow(struct speaker *speaker, uint32_t slots)
{
	struct peering **peerings;
	int code;

	if (slots <= speaker->slots)
		return 0;
	code = table_set_peers(speaker->table, slots);
	if (code < 0)
		return code;
	peerings = reallocarray(speaker->peerings, slots, sizeof(struct peering *));
	if (peerings == NULL)
		return -ENOMEM;
	speaker->peerings = peerings;
	for (uint32_t i = speaker->slots; i < slots; i++)
		peerings[i] = NULL;
	speaker->slots = slots;
	return 0;
}

/* The next slot from `*slot` on that is empty. */
static int next_empty(struct speaker *speaker, uint32_t *slot)
{
	while (*slot < speaker->slots && speaker->peerings[*slot] != NULL)
		(*slot)++;
	return grow(speaker, *slot + 1);
}

static void free_settings(struct speaker_peer *settings)
{
	policy_free(&settings->import_policy);
	policy_free(&settings->export_policy);
}

static int copy_settings(const struct speaker_peer *source, struct speaker_peer *ret_settings)
{
	struct speaker_peer copy = *source;
	int code = policy_copy(&source->import_policy, &copy.import_policy);

	if (code < 0)
		return code;
	code = policy_copy(&source->export_policy, &copy.export_policy);
	if (code < 0)
		policy_free(&copy.import_policy);
	else
		*ret_settings = copy;
	return code;
}

/* Fills a place whose peer is new. */
static int create(struct speaker *speaker, struct place *place, uint32_t *empty)
{
	int code = next_empty(speaker, empty);

	if (code == 0)
		code = peering_create(speaker, *empty, &place->settings, &place->created);
	if (code < 0)
		return code;
	place->settings = (struct speaker_peer){0};
	place->slot = (*empty)++;
	return 0;
}

static struct transport_address local_address(const struct speaker *speaker, const struct speaker_peer *peer)
{
	struct transport_address local = {.port = speaker->port};

	memcpy(local.address, peer->local, sizeof(local.address));
	if (transport_is_link_local(peer->local))
		local.interface = peer->interface;
	return local;
}

/* All addresses on one port: what the kernel gave to the first where the settings name none. */
static int listen_all(struct speaker *speaker, const struct speaker_peer *peers, uint32_t count)
{
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0; i++) {
		struct transport_address local = local_address(speaker, &peers[i]);

		if (!transport_listens(speaker->transport, &local))
			code = transport_listen(speaker->transport, &local, &speaker->port);
	}
	return code;
}

/* Closes the listeners that no peer needs. */
static void unlisten(struct speaker *speaker, const struct speaker_peer *gone)
{
	const struct transport_address local = local_address(speaker, gone);

	for (uint32_t slot = 0; slot < speaker->slots; slot++) {
		const struct peering *peering = speaker->peerings[slot];

		if (peering != NULL && !peering->removed &&
		    memcmp(peering->settings.local, gone->local, sizeof(gone->local)) == 0 &&
		    local_address(speaker, &peering->settings).interface == local.interface)
			return;
	}
	transport_unlisten(speaker->transport, &local);
}

/* ---- passwords ---- */

static struct transport_address remote_address(const struct speaker_peer *peer)
{
	struct transport_address remote = {.port = 0};

	memcpy(remote.address, peer->remote, sizeof(remote.address));
	if (transport_is_link_local(peer->remote))
		remote.interface = peer->interface;
	return remote;
}

static bool same_remote(const struct transport_address *one, const struct transport_address *other)
{
	return memcmp(one->address, other->address, sizeof(one->address)) == 0 &&
	       one->interface == other->interface;
}

/* An address has one password: that of the first peer there which has any. */
static int set_passwords(struct speaker *speaker, const struct speaker_peer *peers, uint32_t count)
{
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0; i++) {
		struct transport_address remote = remote_address(&peers[i]);
		const char *password = "";

		for (uint32_t k = 0; k < count && password[0] == '\0'; k++) {
			struct transport_address other = remote_address(&peers[k]);

			if (same_remote(&remote, &other))
				password = peers[k].password;
		}
		code = transport_set_password(speaker->transport, &remote, password);
	}
	return code;
}

/* Back to those of the peers that are there. */
static void restore_passwords(struct speaker *speaker, const struct speaker_peer *peers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct transport_address remote = remote_address(&peers[i]);
		const char *password = "";

		for (uint32_t slot = 0; slot < speaker->slots; slot++) {
			const struct peering *peering = speaker->peerings[slot];
			struct transport_address other;

			if (peering == NULL || peering->removed || password[0] != '\0')
				continue;
			other = remote_address(&peering->settings);
			if (same_remote(&remote, &other))
				password = peering->settings.password;
		}
		if (transport_set_password(speaker->transport, &remote, password) < 0)
			log_warning("peers", "event=password-not-restored peer=\"%s\"", peers[i].name);
	}
}

/* ---- changing ---- */

static void remove_peer(struct speaker *speaker, struct peering *peering)
{
	log_info("peers", "event=removed peer=\"%s\" slot=%u", peering->settings.name, peering->index);
	peering->removed = true;
	peering_stop(peering, CEASE_DECONFIGURED);
}

/* What only removed peers needed. */
static void clear_sockets(struct speaker *speaker)
{
	for (uint32_t slot = 0; slot < speaker->slots; slot++) {
		const struct peering *peering = speaker->peerings[slot];

		if (peering == NULL || !peering->removed)
			continue;
		unlisten(speaker, &peering->settings);
		restore_passwords(speaker, &peering->settings, 1);
	}
}

static void commit(struct speaker *speaker, struct place *places, uint32_t count)
{
	for (uint32_t slot = 0; slot < speaker->slots; slot++) {
		struct peering *peering = speaker->peerings[slot];

		if (peering != NULL && !peering->removed && !is_wanted(places, count, slot))
			remove_peer(speaker, peering);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct peering *created = places[i].created;

		if (created == NULL) {
			peering_change(speaker->peerings[places[i].slot], &places[i].settings);
			continue;
		}
		log_info("peers", "event=added peer=\"%s\" slot=%u", created->settings.name, created->index);
		speaker->peerings[places[i].slot] = created;
		peering_start(created);
	}
	clear_sockets(speaker);
}

static void abandon(struct speaker *speaker, const struct speaker_peer *peers, struct place *places,
                    uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		peering_free(places[i].created);
		free_settings(&places[i].settings);
	}
	for (uint32_t i = 0; i < count; i++)
		unlisten(speaker, &peers[i]);
	restore_passwords(speaker, peers, count);
}

static int prepare(struct speaker *speaker, const struct speaker_peer *peers, struct place *places,
                   uint32_t count)
{
	uint32_t empty = 0;
	int code = 0;

	for (uint32_t i = 0; i < count && code == 0; i++) {
		places[i].slot = find_slot(speaker, &peers[i], places, i);
		code = copy_settings(&peers[i], &places[i].settings);
	}
	for (uint32_t i = 0; i < count && code == 0; i++)
		if (places[i].slot == NO_SLOT)
			code = create(speaker, &places[i], &empty);
	if (code == 0)
		code = set_passwords(speaker, peers, count);
	return code == 0 ? listen_all(speaker, peers, count) : code;
}

int speaker_reconfigure(struct speaker *speaker, const struct speaker_peer *peers, uint32_t count)
{
	struct place *places = calloc(count + 1u, sizeof(*places));
	int code = places != NULL ? validate(peers, count) : -ENOMEM;

	if (code == 0) {
		code = prepare(speaker, peers, places, count);
		if (code == 0)
			commit(speaker, places, count);
		else
			abandon(speaker, peers, places, count);
	}
	free(places);
	transport_wake(speaker->transport);
	return code;
}

void peers_sweep(struct speaker *speaker)
{
	for (uint32_t slot = 0; slot < speaker->slots; slot++) {
		struct peering *peering = speaker->peerings[slot];

		if (peering == NULL || !peering->removed || table_peer_known(speaker->table, (int)slot))
			continue;
		peering_free(peering);
		speaker->peerings[slot] = NULL;
	}
}

void peers_free(struct speaker *speaker)
{
	for (uint32_t slot = 0; slot < speaker->slots; slot++)
		peering_free(speaker->peerings[slot]);
	free(speaker->peerings);
}
