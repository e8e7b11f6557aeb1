/* SPDX-License-Identifier: Apache-2.0 */
/* The section `view` of the configuration: what the capability view may grow to, and what it believes. */
#ifndef DAEMON_SETTINGS_VIEW_H
#define DAEMON_SETTINGS_VIEW_H

#include "daemon/settings.h"
#include "view/view.h"

extern const struct config_field settings_view_fields[];

struct view_limits settings_view_limits(const struct settings *settings);

#endif
