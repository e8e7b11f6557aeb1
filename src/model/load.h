/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of a site: the part of what it says of itself that moves between two routing updates. Routing
 * carries the structure (struct site); the replies of probes carry this.
 */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/gateway.h"
#include "model/resource.h"
#include "model/site.h"

/* As in struct resource_offer of the same kind, but now. */
struct load_resource {
	enum resource_kind kind;
	uint64_t free;
	money base; /* price at zero utilisation */
};

/* As in struct link_offer of the site's own link there, but now. */
struct load_link {
	struct gateway_identity toward;
	uint64_t free;
	money base;
};

struct site_load {
	struct gateway_identity identity;
	int64_t measured; /* wall clock of the owner, ns */
	int64_t validity; /* ns after which the values are unknown */
	uint32_t running; /* runs */
	uint32_t waiting; /* runs that wait for a place */
	int64_t wait;     /* ns that a run which comes now waits before it starts */
	uint32_t resource_count;
	struct load_resource resources[RESOURCE_KINDS]; /* of ascending kind */
	uint32_t link_count;                            /* some or all of its links */
	struct load_link links[SITE_LINKS];
};

#endif
