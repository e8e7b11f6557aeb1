/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings_view.h"

#include <errno.h>

#define VIEW(member) .offset = offsetof(struct settings_view, member)

enum { RESERVATIONS = 65536, SUSPECTS = 4096, THOUSAND = 1000, NAMES_MOST = 64 };

const struct config_field settings_view_fields[] = {
        {"routes", CONFIG_INTEGER, VIEW(routes), .fallback = "262144", .minimum = 16, .maximum = 1 << 26,
         .help = "most routes of other gateways that are kept"},
        {"sites", CONFIG_INTEGER, VIEW(sites), .fallback = "16384", .minimum = 1, .maximum = 1 << 20,
         .help = "most gateways in the view"},
        {"services", CONFIG_INTEGER, VIEW(services), .fallback = "262144", .minimum = 16, .maximum = 1 << 26,
         .help = "most services in the view, each site's counted"},
        {"edge-metadata", CONFIG_INTEGER, VIEW(edges), .fallback = "65536", .minimum = 0, .maximum = 1 << 26,
         .help = "most routes of which Edge Metadata are kept"},
        {"tolerance", CONFIG_RATIO, VIEW(tolerance), .fallback = "25 %", .minimum = 1000, .maximum = 1000000,
         .help = "two sources that differ by more contradict each other"},
        {"window", CONFIG_DURATION, VIEW(window), .fallback = "10 s", .minimum = CLOCK_MILLISECOND,
         .maximum = 3600 * CLOCK_SECOND, .help = "... when they were measured no further apart"},
        {NULL, CONFIG_TEXT, 0},
};

#define NAMES(key, member, text)                                                                             \
	{                                                                                                    \
		key, CONFIG_LIST, .offset = offsetof(struct settings_sight, member), .element = CONFIG_TEXT, \
		                  .element_size = sizeof(const char *), .list_maximum = NAMES_MOST,          \
		                  .help = text                                                               \
	}

const struct config_field settings_sight_fields[] = {
        NAMES("regions", regions, "only sites of these; none: of all"),
        NAMES("operators", operators, "only sites of these"),
        NAMES("sites", sites, "only these, by name"),
        NAMES("services", services, "only these, by name"),
        {NULL, CONFIG_TEXT, 0},
};

static struct view_names names_of(const struct config_list *list)
{
	return (struct view_names){.count = (uint32_t)list->count, .names = list->items};
}

int settings_sight(const struct settings_sight *sees, struct arena *arena,
                   const struct view_sight **ret_sight)
{
	const struct view_sight given = {.regions = names_of(&sees->regions),
	                                 .operators = names_of(&sees->operators),
	                                 .sites = names_of(&sees->sites),
	                                 .services = names_of(&sees->services)};
	struct view_sight *sight = NULL;

	if (given.regions.count + given.operators.count + given.sites.count + given.services.count > 0) {
		sight = arena_alloc(arena, sizeof(*sight));
		if (sight == NULL)
			return -ENOMEM;
		*sight = given;
	}
	*ret_sight = sight;
	return 0;
}

struct view_limits settings_view_limits(const struct settings *settings)
{
	const struct settings_view *view = &settings->view;

	return (struct view_limits){.sites = (size_t)view->sites,
	                            .services = (size_t)view->services,
	                            .reservations = RESERVATIONS,
	                            .suspects = SUSPECTS,
	                            .edges = (size_t)view->edges,
	                            .tolerance = (uint32_t)(view->tolerance / THOUSAND),
	                            .window = view->window};
}
