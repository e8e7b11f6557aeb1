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
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "bgp/speaker.h"
#include "daemon/collect.h"
#include "view/view.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { SITE = 9999, TELLER = 9998, ATTRIBUTE_CODE = 255, IDENTIFIER = 0x0a0f0001, LINE = 64 };

struct viewer {
	struct view *view;
	struct collect *collect;
	struct speaker *speaker;
	size_t services; /* that the view is complete with */
	bool complete;
	struct seal_ring ring;
	uv_pipe_t input;
	char line[LINE];
};

_Noreturn static void die(const char *what, int code)
{
	fprintf(stderr, "viewer: %s: %s\n", what, error_text(code));
	exit(1);
}

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

static void on_peer(void *context, uint32_t peer, bool established)
{
	(void)context;
	(void)peer;
	printf("%s\n", established ? "up" : "down");
}

static void peer_of(char **argv, struct speaker_peer *ret_peer)
{
	*ret_peer = (struct speaker_peer){.name = "reflector",
	                                  .as = (uint32_t)strtoul(argv[4], NULL, 10),
	                                  .port = (uint16_t)strtoul(argv[3], NULL, 10)};
	if (inet_pton(AF_INET6, argv[1], ret_peer->local) != 1 ||
	    inet_pton(AF_INET6, argv[2], ret_peer->remote) != 1)
		die("address", BUSBAR_ERROR_BAD_VALUE);
}

static void open_rooms(struct viewer *viewer, uv_loop_t *loop, char **argv)
{
	const struct view_limits limits = {
	        .sites = 16384, .services = 262144, .reservations = 64, .suspects = 64};
	const struct collect_settings collect = {.identity = {SITE, 1},
	                                         .ring = &viewer->ring,
	                                         .clock = clock_system,
	                                         .routes = 262144,
	                                         .seed = 1};
	const struct speaker_callbacks callbacks = {.context = viewer, .route = on_route, .peer = on_peer};
	struct speaker_peer peer;
	struct speaker_settings speaker = {.identifier = IDENTIFIER,
	                                   .hold = 240 * CLOCK_SECOND,
	                                   .attribute = ATTRIBUTE_CODE,
	                                   .peer_count = 1,
	                                   .peers = &peer,
	                                   .seed = 2};
	int code;

	peer_of(argv, &peer);
	speaker.as = peer.as;
	viewer->view = view_create(&limits);
	if (viewer->view == NULL)
		die("view", -ENOMEM);
	code = collect_create(&collect, viewer->view, NULL, &viewer->collect);
	if (code == 0)
		code = speaker_create(loop, &speaker, &callbacks, &viewer->speaker);
	if (code < 0)
		die("rooms", code);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct viewer *viewer = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(viewer->line, LINE);
}

static void on_input(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct viewer *viewer = stream->data;

	(void)buffer;
	if (size >= 0)
		return;
	uv_close((uv_handle_t *)stream, NULL);
	speaker_close(viewer->speaker, NULL, NULL);
}

int main(int argc, char **argv)
{
	struct viewer viewer = {.ring = {.count = 1, .keys = {{.identifier = 1}}}};
	uv_loop_t loop;

	if (argc != 7 || hex_parse(argv[5], viewer.ring.keys[0].secret, SEAL_SECRET) < 0) {
		fprintf(stderr, "usage: viewer LOCAL REMOTE PORT AS SECRET SERVICES\n");
		return 2;
	}
	viewer.services = strtoul(argv[6], NULL, 10);
	log_set_level(LOG_WARNING);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (uv_loop_init(&loop) < 0 || uv_pipe_init(&loop, &viewer.input, 0) < 0 ||
	    uv_pipe_open(&viewer.input, 0) < 0)
		die("loop", BUSBAR_ERROR_BAD_VALUE);
	viewer.input.data = &viewer;
	open_rooms(&viewer, &loop, argv);
	(void)uv_read_start((uv_stream_t *)&viewer.input, on_buffer, on_input);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
	viewer.collect = collect_free(viewer.collect);
	viewer.view = view_free(viewer.view);
	return 0;
}
