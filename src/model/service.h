/* SPDX-License-Identifier: Apache-2.0 */
/* A service as one site offers it. CS-ID: an anycast IPv6 address (RFC 10053). */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "model/gateway.h"
#include "model/metric.h"
#include "model/money.h"
#include <stdint.h>

enum { SERVICE_NAME = 48, SERVICE_VERSION = 16 };

struct service_offer {
	struct gateway_identity site;
	uint8_t address[16]; /* CS-ID */
	char name[SERVICE_NAME];
	char version[SERVICE_VERSION];
	uint8_t score; /* CATS level 2 score 0..10, 10 best; that of metrics[METRIC_NORM] where there is one
	                */
	struct metric metrics[METRIC_KINDS]; /* of this service at this site, as far as known */
	uint32_t processes;                  /* limit of one call */
	uint32_t running;                    /* calls running now */
	uint64_t cpu;                        /* micro-cores of this site that one call claims */
	uint64_t memory;                     /* bytes that one call claims */
	int64_t time;  /* expected run time of one call with these resources, without start */
	int64_t start; /* start-up latency of the driver */
	money price;   /* per call, on top of resources */
	money tariff;  /* per call, as charged */
};

#endif
