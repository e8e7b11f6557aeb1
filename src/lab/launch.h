/* SPDX-License-Identifier: Apache-2.0 */
/* Launch: bringing a lab up, alone or around a script. Returns exit statuses, as client.h. */
#ifndef LAB_LAUNCH_H
#define LAB_LAUNCH_H

#include "base/compiler.h"

struct launch {
	const char *name;
	const char *file;   /* the topology */
	const char *daemon; /* NULL: the busbard that belongs to this program, or the one in PATH */
};

/* Returns when all daemons are ready, or with the cause why they are not. */
int launch_up(const struct launch *launch) CHECKED;
/* Brings the lab up, runs the script on the host, ends the lab whatever happens; the script's status. */
int launch_run(const struct launch *launch, const char *const *script) CHECKED;

#endif
