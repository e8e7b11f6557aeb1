/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sight: what of the view a tenant is shown, and what its demands may be placed on. A list that is empty
 * restricts nothing. What is out of sight may still be passed through on the way.
 */
#ifndef VIEW_SIGHT_H
#define VIEW_SIGHT_H

#include "view/view.h"

struct view_names {
	uint32_t count;
	const char *const *names;
};

struct view_sight {
	struct view_names regions, operators, sites, services;
};

/* `sight` NULL: everything. */
bool view_sees_site(const struct view_sight *sight, const struct site *site);
/* By its name; at a site that is seen. */
bool view_sees_service(const struct view_sight *sight, const char *name);

#endif
