/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one gateway says of itself: the content of the site attribute. A transit gateway is a site
 * without resources. Everything a peer can grow has a maximum.
 */
#ifndef MODEL_SITE_H
#define MODEL_SITE_H

#include "base/compiler.h"
#include "model/gateway.h"
#include "model/link.h"
#include "model/metric.h"
#include "model/resource.h"
#include <stdint.h>

enum supply_model {
	SUPPLY_TRANSIT,
	SUPPLY_EDGE,
	SUPPLY_CLOUD,
	SUPPLY_SUPERCOMPUTING,
	SUPPLY_GRID,
	SUPPLY_DEVICE,
	SUPPLY_MODELS,
};
extern const char *const supply_model_names[SUPPLY_MODELS + 1]; /* NULL-terminated */

enum { SITE_TEXT = 32, SITE_LINKS = 32 };

struct site {
	struct gateway_identity identity;
	uint8_t locator[16]; /* /48 */
	char name[GATEWAY_NAME];
	char operator[SITE_TEXT];
	char region[SITE_TEXT];
	enum supply_model model;
	uint32_t trust;                      /* 0 unknown .. 10 */
	uint64_t gflops_per_core;            /* micro-GFLOPS of one core of this site, measured; 0 unknown */
	uint64_t core_grams;                 /* carbon: micrograms CO2e per core second; 0 unknown */
	int64_t start;                       /* start-up latency of its driver */
	int64_t measured;                    /* wall clock of the owner, ns */
	int64_t validity;                    /* ns after which the values are unknown */
	struct metric metrics[METRIC_KINDS]; /* computing and communication, as far as known */
	uint32_t resource_count;
	struct resource_offer resources[RESOURCE_KINDS];
	uint32_t link_count;
	struct link_offer
	        links[SITE_LINKS]; /* last: where many sites are kept, only the first few are there */
};

/* The offer of a kind, NULL when the site has none. */
const struct resource_offer *site_resource(const struct site *site, enum resource_kind kind);

#endif
