/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Viewer: a gateway's receiving side alone, speaker, collect and view, as a process that can be measured.
 *
 *   viewer LOCAL REMOTE PORT AS SECRET SERVICES
 *
 * Peers with a route reflector as the gateway 9999.1 and prints, as it happens:
 *
 *   up                        the session is established
 *   complete TIME CPU BYTES   SERVICES services are in the view; the process's processor time, and
 *                             octets of the view's tables
 *   shows PRICE TIME          after that, when a route has come: the base price of the first resource of
 *                             the teller's site (bench/teller.c)
 *
 * Times are of the monotonic clock, ns. The end of standard input is the end.
 */
#include "bench/peer.h"

#include "base/clock.h"
#include "base/error.h"
#include "daemon/collect.h"
#include "view/view.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SITE = 9999, TELLER = 9998, IDENTIFIER = 0x0a0f0001, ROUTES = 262144 };

struct viewer {
	struct peer peer;
	struct view *view;
	struct collect *collect;
	size_t services; /* that the view is complete with */
	bool complete;
};

static int64_t processor_time(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * CLOCK_SECOND + time.tv_nsec;
}

static void show_price(const struct viewer *viewer)
{
	const struct site *site = view_site(viewer->view, (struct gateway_identity){TELLER, 1});

	if (site != NULL && site->resource_count > 0)
		printf("shows %lld %lld\n", (long long)site->resources[0].base,
		       (long long)clock_monotonic(&clock_system));
}

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct viewer *viewer = context;

	collect_route(viewer->collect, route, withdrawn);
	if (viewer->complete && !withdrawn) {
		show_price(viewer);
	} else if (!viewer->complete && view_service_count(viewer->view) == viewer->services) {
		viewer->complete = true;
		printf("complete %lld %lld %zu\n", (long long)clock_monotonic(&clock_system),
		       (long long)processor_time(), view_bytes(viewer->view));
	}
}

static void open_rooms(struct viewer *viewer)
{
	const struct view_limits limits = {
	        .sites = 16384, .services = ROUTES, .reservations = 64, .suspects = 64};
	const struct collect_settings collect = {.identity = {SITE, 1},
	                                         .ring = &viewer->peer.ring,
	                                         .clock = clock_system,
	                                         .routes = ROUTES,
	                                         .seed = 1};
	int code;

	viewer->view = view_create(&limits);
	code = viewer->view == NULL ? -ENOMEM
	                            : collect_create(&collect, viewer->view, NULL, &viewer->collect);
	if (code < 0)
		peer_die("rooms", code);
}

int main(int argc, char **argv)
{
	struct viewer viewer = {.complete = false};
	const struct speaker_callbacks callbacks = {.context = &viewer, .route = on_route};

	if (argc != 2 + PEER_ARGUMENTS) {
		fprintf(stderr, "usage: viewer LOCAL REMOTE PORT AS SECRET SERVICES\n");
		return 2;
	}
	viewer.services = strtoul(argv[1 + PEER_ARGUMENTS], NULL, 10);
	peer_open(&viewer.peer, argv + 1);
	open_rooms(&viewer);
	peer_connect(&viewer.peer, argv + 1, IDENTIFIER, &callbacks);
	peer_run(&viewer.peer);
	viewer.collect = collect_free(viewer.collect);
	viewer.view = view_free(viewer.view);
	return 0;
}
