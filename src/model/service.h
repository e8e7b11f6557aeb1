/* SPDX-License-Identifier: Apache-2.0 */
/* A service as one site offers it. CS-ID: an anycast IPv6 address (RFC 10053). */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "model/gateway.h"
#include "model/money.h"
#include <stdint.h>

enum { SERVICE_NAME = 48, SERVICE_VERSION = 16 };

struct service_offer {
	struct gateway_identity site;
	uint8_t address[16]; /* CS-ID */
	char name[SERVICE_NAME];
	char version[SERVICE_VERSION];
	uint8_t score;      /* CATS L2 score 0..10, 10 best */
	uint64_t cpu;       /* micro-cores of this site that one call claims */
	uint64_t memory;    /* bytes that one call claims */
	uint32_t processes; /* limit of one call */
	int64_t time;       /* expected run time of one call with these resources, without start */
	int64_t start;      /* start-up latency of the driver */
	uint32_t running;   /* calls running now */
	money price;        /* per call, on top of resources */
	money tariff;       /* per call, as charged */
};

#endif
