/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateway: the composition of one busbard from its rooms. No logic of its own: it makes the rooms, joins
 * their ports, turns the timers, and takes everything apart again.
 */
#ifndef DAEMON_GATEWAY_H
#define DAEMON_GATEWAY_H

#include "base/compiler.h"
#include "daemon/settings.h"
#include <uv.h>

struct gateway;

/* Everything is up and listening on return; the loop must then run. `settings` outlives the gateway. */
int gateway_open(uv_loop_t *loop, const struct settings *settings, struct gateway **ret_gateway) CHECKED;
/* Reads the configuration again, and says in the log what that changed or why it did not. */
void gateway_read_again(struct gateway *gateway);
/*
 * Begins the end, for a restart if the gateway `returns`: its BGP peers are not told, and those with graceful
 * restart keep its routes. The loop returns from uv_run() when all handles are closed, then gateway_free()
 * may be called. Accepts NULL.
 */
void gateway_close(struct gateway *gateway, bool returns);
struct gateway *gateway_free(struct gateway *gateway);

#endif
