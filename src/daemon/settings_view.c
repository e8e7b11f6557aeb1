/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings_view.h"

#define VIEW(member) .offset = offsetof(struct settings_view, member)

enum { RESERVATIONS = 65536, SUSPECTS = 4096, THOUSAND = 1000 };

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
