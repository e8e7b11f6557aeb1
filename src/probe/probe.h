/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network metric agent (C-NMA of RFC 10053): STAMP sender and reflector between neighbours.
 *
 * A session per neighbour sends a probe every interval. Round trip = (reply arrival - probe sent) -
 * (reflector sent - reflector received); without synchronised clocks half of it is the one-way delay.
 * Delay is the least of the last window (queues in hosts only add), jitter the mean difference of
 * consecutive delays (RFC 3550 6.4.1 smoothing), loss is counted over the window. A reply is taken only
 * from the address that was probed, for a probe of the window, once; everything else counts as rejected.
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct probe;

enum { PROBE_SESSIONS = 64, PROBE_WINDOW = 32 };

struct probe_target {
	uint8_t local[16], remote[16];
	uint32_t interface; /* for link-local addresses, else 0 */
	uint16_t port;      /* 0: STAMP_PORT */
};

struct probe_measurement {
	int64_t delay, jitter; /* ns */
	int64_t longest;       /* delay since the session began */
	uint32_t loss;         /* parts per million of the window */
	uint64_t sent, received, rejected;
};

/* After every reply, and when loss changes. `lost` tells that the whole window went unanswered. */
typedef void (*probe_measured)(void *context, uint32_t session, const struct probe_measurement *measurement,
                               bool lost);

/* key: STAMP_KEY octets, or NULL for unauthenticated mode. */
int probe_create(uv_loop_t *loop, const uint8_t *key, int64_t interval, probe_measured measured,
                 void *context, struct probe **ret_probe) CHECKED;
/* A reflector on an address; port 0 in tests takes any, returned. */
int probe_reflect(struct probe *probe, const uint8_t local[16], uint32_t interface, uint16_t port) CHECKED;
/* Returns the session number. TABLE_FULL. */
int probe_add(struct probe *probe, const struct probe_target *target) CHECKED;
/* Probes that the reflectors did not answer: not a probe, or another key. */
uint64_t probe_refused(const struct probe *probe);
/* Closes all handles; the memory is freed when the loop has run their close callbacks. Accepts NULL. */
void probe_close(struct probe *probe);

#endif
