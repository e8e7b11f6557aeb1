/* SPDX-License-Identifier: Apache-2.0 */
/* What settings.c (the table, the site) and settings_bgp.c (peers and policies) share. */
#ifndef DAEMON_SETTINGS_INTERNAL_H
#define DAEMON_SETTINGS_INTERNAL_H

#include "daemon/settings.h"

#define SETTINGS_FIELD(structure, member) .offset = offsetof(struct structure, member)
/* Of a section that has no structure of its own. */
#define SETTINGS_SUB(section, member) \
	.offset = offsetof(struct settings, section.member) - offsetof(struct settings, section)
#define SETTINGS_END                 \
	{                            \
		NULL, CONFIG_TEXT, 0 \
	}

extern const struct config_field settings_bgp_fields[];

/* Fills *problem with `path: cause` and returns BAD_VALUE. */
int settings_refuse(struct config_problem *problem, const char *path, const char *format, ...) PRINTF(3, 4);
/* What the table cannot check of peers and policies. */
int settings_check_bgp(const struct settings *settings, const char *path,
                       struct config_problem *problem) CHECKED;
/* Of settings that are checked. -ENOMEM. */
int settings_make_policies(const struct settings *settings, struct arena *arena) CHECKED;

#endif
