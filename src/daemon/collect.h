/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collect: routes from other gateways become the view, and the kernel's routes to their locators.
 *
 * An attribute that cannot be opened is counted and ignored, and so is one that claims to be ours. A
 * withdrawn route takes exactly what it had brought.
 */
#ifndef DAEMON_COLLECT_H
#define DAEMON_COLLECT_H

#include "base/compiler.h"
#include "bgp/speaker.h"
#include "steer/steer.h"
#include "view/view.h"
#include "wire/attribute.h"

struct collect;

enum { COLLECT_ROUTES = 65536 };

struct collect_settings {
	struct gateway_identity identity;
	const struct seal_ring *ring;
	uint64_t seed;
};

int collect_create(const struct collect_settings *settings, struct view *view, struct steer *steer,
                   struct collect **ret_collect) CHECKED;
struct collect *collect_free(struct collect *collect);
/* From the speaker: the best path per (prefix, origin AS) changed. */
void collect_route(struct collect *collect, const struct speaker_route *route, bool withdrawn);
/* From the speaker: the best path of a prefix changed; route NULL: gone. `interface` leads to its next hop.
 */
void collect_best(struct collect *collect, const uint8_t prefix[16], uint8_t length,
                  const struct speaker_route *route, uint32_t interface);
/* ERROR_COUNT counters of attributes that were refused, by error_index(). */
const uint64_t *collect_refusals(const struct collect *collect);

#endif
