/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resident: instances of a service that are kept running, so that a call costs no start.
 *
 * An instance is a run of the driver whose standard input and output are one end of a socket pair
 * (SOCK_SEQPACKET): it reads a message, which is a call's input, and writes one, which is the output, in
 * turn. The other end goes to the port `ready`, which owns it. An instance that ends is started again, later
 * each time it fails; who has the other end sees the end of the connection.
 */
#ifndef SUPPLY_RESIDENT_H
#define SUPPLY_RESIDENT_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/random.h"
#include "supply/driver.h"
#include <stdbool.h>

struct resident;

enum { RESIDENT_INSTANCES = 64 };

struct resident_settings {
	const char *const *arguments; /* ends with NULL */
	const char *folder;           /* NULL: none */
	uint64_t cpu;                 /* micro-cores of the host, of one instance */
	uint64_t memory, scratch;
	uint32_t processes;
	uint32_t instances; /* 1 .. RESIDENT_INSTANCES */
	struct clock clock;
	uint64_t seed;
};

struct resident_ports {
	void *context;
	/* An instance has started; `descriptor` is the callee's to close. */
	void (*ready)(void *context, uint32_t instance, int descriptor);
};

/* `settings` and what it points to outlive the handle, and so does the driver. -ENOMEM, BAD_VALUE. */
int resident_create(struct driver *driver, const struct resident_settings *settings,
                    const struct resident_ports *ports, struct resident **ret_resident) CHECKED;
/* Runs are the driver's to end. Accepts NULL, returns NULL. */
struct resident *resident_free(struct resident *resident);

/* From the driver's callbacks; false when the run is none of these instances. */
bool resident_started(struct resident *resident, const struct identifier *id);
bool resident_ended(struct resident *resident, const struct driver_end *end);
/* Ends an instance that does not answer; it is started again. */
void resident_kill(struct resident *resident, uint32_t instance);
/* Starts what is to be started. Returns when it wants to be called again (monotonic clock, ns). */
int64_t resident_tick(struct resident *resident);
/* Instances that run now. */
uint32_t resident_running(const struct resident *resident);

#endif
