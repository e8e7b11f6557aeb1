/* SPDX-License-Identifier: Apache-2.0 */
/* The section `view` of the configuration: what the capability view may grow to, and what it believes. */
#ifndef DAEMON_SETTINGS_VIEW_H
#define DAEMON_SETTINGS_VIEW_H

#include "base/arena.h"
#include "daemon/settings.h"
#include "view/sight.h"
#include "view/view.h"

extern const struct config_field settings_view_fields[];
/* Of a tenant: `sees`. */
extern const struct config_field settings_sight_fields[];

struct view_limits settings_view_limits(const struct settings *settings);
/* *ret_sight NULL: it sees everything. -ENOMEM. */
int settings_sight(const struct settings_sight *sees, struct arena *arena,
                   const struct view_sight **ret_sight) CHECKED;

#endif
