/* SPDX-License-Identifier: Apache-2.0 */
#include "view/sight.h"

#include <string.h>

static bool is_listed(const struct view_names *names, const char *name)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (strcmp(names->names[i], name) == 0)
			return true;
	return names->count == 0;
}

bool view_sees_site(const struct view_sight *sight, const struct site *site)
{
	return sight == NULL ||
	       (is_listed(&sight->regions, site->region) && is_listed(&sight->operators, site->operator) &&
	        is_listed(&sight->sites, site->name));
}

bool view_sees_service(const struct view_sight *sight, const char *name)
{
	return sight == NULL || is_listed(&sight->services, name);
}
