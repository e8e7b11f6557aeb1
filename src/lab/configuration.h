/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations: a topology's nodes as the YAML that `busbard` (gateways) and `busbar` (clients) read.
 *
 * Pure: the same topology, place and secrets give the same bytes. Tenants' keys are their positions in the
 * topology, from 1. Tenants are written where clients are attached; operators everywhere, since an operator
 * may ask any gateway.
 */
#ifndef LAB_CONFIGURATION_H
#define LAB_CONFIGURATION_H

#include "lab/topology.h"
#include <stdio.h>

enum { CONFIGURATION_SECRET = 32 };

struct configuration_secrets {
	uint8_t domain[CONFIGURATION_SECRET];
	uint8_t tenants[TOPOLOGY_TENANTS][CONFIGURATION_SECRET];
};

/* What a lab adds to its topology. */
struct configuration_place {
	const char *lab;
	const char *folder; /* run folder of the lab; every node has its own below */
	double core_gflops; /* of one core of this host; 0: not measured */
	int host_cores;
};

/* The files' names inside a node's folder. */
#define CONFIGURATION_GATEWAY_FILE "busbard.yaml"
#define CONFIGURATION_CLIENT_FILE "busbar.yaml"

/* Writes to the stream; whether that worked is for the caller to ask (ferror). */
void configuration_gateway(FILE *stream, const struct topology *topology, size_t gateway,
                           const struct configuration_place *place,
                           const struct configuration_secrets *secrets);
void configuration_client(FILE *stream, const struct topology *topology, size_t client,
                          const struct configuration_secrets *secrets);

#endif
