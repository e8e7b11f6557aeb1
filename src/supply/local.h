/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `local` driver: this host as a supply engine, by the executor's sandboxes.
 *
 * local_create() forks the executor, so it comes before the first thread and before privileges are dropped;
 * the driver itself needs none afterwards. When the executor dies, every run ends with LOST and later calls
 * of driver_run() answer BUSBAR_ERROR_STATE: the daemon has to be started again (it may not fork a new one
 * any more). The control groups that a killed executor leaves are removed by the next one with the same base.
 */
#ifndef SUPPLY_LOCAL_H
#define SUPPLY_LOCAL_H

#include "supply/driver.h"
#include <sys/types.h>
#include <uv.h>

struct local_settings {
	const char *cgroup_root; /* NULL: /sys/fs/cgroup */
	const char *cgroup_base; /* this gateway's alone, such as "busbar/edge-a" */
	uint32_t maximum;        /* runs at a time, 1..1024 */
};

/*
 * Waits until the executor is ready, some milliseconds. BUSBAR_ERROR_STATE (another executor has the base),
 * BUSBAR_ERROR_NOT_SUPPORTED (control groups), BUSBAR_ERROR_BAD_VALUE, -errno (-EPERM: not root). To be
 * closed with driver_close().
 */
int local_create(uv_loop_t *loop, const struct local_settings *settings,
                 const struct driver_callbacks *callbacks, struct driver **ret_driver) CHECKED;

/* The executor's process, for the daemon's status page. */
pid_t local_executor(const struct driver *driver);
/* Runs that have not ended. */
uint32_t local_count(const struct driver *driver);

#endif
