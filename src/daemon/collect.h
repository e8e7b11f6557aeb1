/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collect: routes from other gateways become the view, and the kernel's routes to their locators.
 *
 * A route is that of its prefix and its originator: gateways of one AS that announce the same CS-ID are kept
 * apart behind a reflector. What several routes bring - the same site by two ways - is there until the last
 * of them is withdrawn, with the newest values that any of them brought. An attribute that cannot be opened
 * is counted and ignored, and so is one that claims to be ours or is older than what its sender said of the
 * same before. A withdrawn route takes exactly what it had brought. Edge Metadata (attribute 42) come with
 * our attribute or without.
 */
#ifndef DAEMON_COLLECT_H
#define DAEMON_COLLECT_H

#include "base/clock.h"
#include "base/compiler.h"
#include "bgp/speaker.h"
#include "steer/steer.h"
#include "view/view.h"
#include "wire/attribute.h"

struct collect;

enum {
	COLLECT_WAYS = 64,      /* routes that bring the same */
	COLLECT_CIPHERS = 4096, /* of senders, kept ready */
};

struct collect_settings {
	struct gateway_identity identity;
	const struct seal_ring *ring; /* may change while in use */
	struct clock clock;
	size_t routes; /* at most */
	uint64_t seed;
};

/* What it holds, in octets and entries. */
struct collect_memory {
	size_t routes, bytes, maximum;
};

int collect_create(const struct collect_settings *settings, struct view *view, struct steer *steer,
                   struct collect **ret_collect) CHECKED;
struct collect *collect_free(struct collect *collect);
/* From the speaker: the best path per (prefix, originator) changed. */
void collect_route(struct collect *collect, const struct speaker_route *route, bool withdrawn);
/* From the speaker: the best path of a prefix changed; route NULL: gone. `interface` leads to its next hop.
 */
void collect_best(struct collect *collect, const uint8_t prefix[16], uint8_t length,
                  const struct speaker_route *route, uint32_t interface);
/* ERROR_COUNT counters of attributes that were refused, by error_index(). */
const uint64_t *collect_refusals(const struct collect *collect);
struct collect_memory collect_memory(const struct collect *collect);
/* Now and then: logs contradictions that the view has noted, and tells it what the routes take. */
void collect_tick(struct collect *collect);

#endif
