/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edge Metadata of a route (draft-ietf-idr-5g-edge-service-metadata, path attribute 42): what another
 * implementation says of a service's site. Octets: wire/edge_metadata.h.
 *
 * A value counts only when its bit is in `present`. No present value can be a zero that somebody divides by:
 * preference and period are at least 1.
 */
#ifndef MODEL_EDGE_METADATA_H
#define MODEL_EDGE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

enum edge_metadata_field {
	EDGE_PREFERENCE = 1 << 0,
	EDGE_GROUP = 1 << 1,
	EDGE_AVAILABILITY = 1 << 2,
	EDGE_DELAY = 1 << 3,
	EDGE_RELATIVE_DELAY = 1 << 4,
	EDGE_TRAFFIC = 1 << 5,
	EDGE_CAPABILITY = 1 << 6,
	EDGE_RESOURCE = 1 << 7,
	EDGE_RESOURCE_SHARE = 1 << 8,
	EDGE_SCOPE = 1 << 9,
};

enum { EDGE_PERCENT = 100, EDGE_METADATA_MAXIMUM = 96 /* octets of an attribute of ours */ };

struct edge_metadata {
	uint32_t present;    /* EDGE_... */
	uint32_t preference; /* of the site for this service, at least 1; higher is better */
	uint16_t group;      /* the Site-ID that the route belongs to */
	/* Of every route of its sender that belongs to available_group: percent. */
	uint16_t available_group;
	uint16_t availability;
	int64_t delay;           /* predicted processing delay, ns */
	uint32_t relative_delay; /* the same as 0 (negligible) to 100 (longest of all sites) */
	struct {
		bool octets;     /* the totals count octets, not packets */
		uint32_t period; /* seconds, at least 1 */
		uint32_t toward, from;
	} traffic;               /* of the service in one period */
	uint32_t capability;     /* comparable between sites of one service only; higher is more */
	uint32_t resource;       /* of the capability, that is free */
	uint32_t resource_share; /* the same in percent */
	uint32_t scope;          /* the AS that may use the metadata and the route, and pass it on */
};

#endif
