/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a speaker costs: a peer tells it many routes with distinct attributes, then changes them at a steady
 * rate. Usage: speaker_load PREFIXES SITES ATTRIBUTE-OCTETS UPDATES-PER-SECOND SECONDS
 *
 * Every prefix comes once from each site, as a reflector with ADD-PATH passes it on: one route an UPDATE. The
 * peer is a process of its own, so that the figures (user and system time, resident memory) are the
 * speaker's alone. One line comes out; times in seconds, memory in octets.
 */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "bgp/speaker.h"
#include "bgp/update.h"
#include <inttypes.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { AS = 65000, OPAQUE = 255, LARGEST = 4096 };

struct load {
	uint32_t prefixes, sites, octets, rate, seconds;
};

struct counts {
	uv_loop_t loop;
	uint64_t routes, best;
	bool up, down;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the peer ---- */

static void send_all(int descriptor, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t count = send(descriptor, bytes, size, MSG_NOSIGNAL);

		if (count < 0)
			fail("send");
		bytes += count;
		size -= (size_t)count;
	}
}

static int make_update(const struct load *load, uint32_t prefix, uint32_t site, uint32_t version,
                       uint8_t bytes[LARGEST])
{
	static uint8_t opaque[UPDATE_OPAQUE_MAXIMUM];
	static struct update update;
	const struct update_form form = {.add_path = true, .opaque_code = OPAQUE};
	const struct update_prefix name = {.address = {0xfd, [12] = (uint8_t)(prefix >> 24),
	                                               (uint8_t)(prefix >> 16), (uint8_t)(prefix >> 8),
	                                               (uint8_t)prefix},
	                                   .length = 128,
	                                   .path_id = site + 1};
	uint8_t nlri[UPDATE_PREFIX_MAXIMUM];
	struct writer writer = writer_open(nlri, sizeof(nlri));
	const uint32_t cluster = 9;

	update_put_prefix(&writer, &name, true);
	memcpy(opaque, &(uint32_t[]){prefix, site, version}, 3 * sizeof(uint32_t));
	update.announced = (struct update_nlri){nlri, writer_size(&writer), true};
	update.attributes = (struct update_attributes){
	        .next_hop = {0x20, 1, 0xd, 0xb8, [12] = (uint8_t)(site >> 24), (uint8_t)(site >> 16),
	                     (uint8_t)(site >> 8), (uint8_t)site},
	        .has_local_preference = true,
	        .local_preference = 100,
	        .has_originator = true,
	        .originator = 0x0a000000 + site,
	        .cluster_count = 1,
	        .clusters = &cluster,
	        .has_opaque = true,
	        .opaque = opaque,
	        .opaque_size = load->octets,
	};
	return update_encode(&form, &update, bytes, LARGEST);
}

static void shake_hands(int descriptor)
{
	const struct message_open open = {.as = AS,
	                                  .identifier = 2,
	                                  .hold_time = 0,
	                                  .ipv6_unicast = true,
	                                  .four_octet_as = true,
	                                  .add_path_receive = true,
	                                  .add_path_send = true};
	uint8_t bytes[256];
	int size = message_open_encode(&open, bytes, sizeof(bytes));

	send_all(descriptor, bytes, (size_t)size);
	size = message_keepalive_encode(bytes, sizeof(bytes));
	send_all(descriptor, bytes, (size_t)size);
}

/* Everything once, site after site. */
static void tell_everything(int descriptor, const struct load *load)
{
	static uint8_t buffer[1 << 18];
	size_t used = 0;

	for (uint32_t site = 0; site < load->sites; site++)
		for (uint32_t prefix = 0; prefix < load->prefixes; prefix++) {
			if (used + LARGEST > sizeof(buffer)) {
				send_all(descriptor, buffer, used);
				used = 0;
			}
			used += (size_t)make_update(load, prefix, site, 0, buffer + used);
		}
	send_all(descriptor, buffer, used);
}

static void keep_changing(int descriptor, const struct load *load)
{
	int64_t start = clock_monotonic(&clock_system);
	uint64_t total = (uint64_t)load->rate * load->seconds, sent = 0;
	uint8_t bytes[LARGEST];

	while (sent < total) {
		int64_t spent = clock_monotonic(&clock_system) - start;
		uint64_t due = (uint64_t)spent * load->rate / (uint64_t)CLOCK_SECOND;

		for (; sent < due && sent < total; sent++) {
			int size = make_update(load, (uint32_t)(sent * 7919 % load->prefixes),
			                       (uint32_t)(sent * 104729 % load->sites), (uint32_t)sent + 1,
			                       bytes);

			send_all(descriptor, bytes, (size_t)size);
		}
		usleep(1000);
	}
}

/* Waits for an octet on `go` between the two parts; the end of `go` ends it. */
static void be_peer(uint16_t port, const struct load *load, int go)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_addr = in6addr_loopback,
	                               .sin6_port = htons(port)};
	int descriptor = socket(AF_INET6, SOCK_STREAM, 0);
	uint8_t octet;

	if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	shake_hands(descriptor);
	tell_everything(descriptor, load);
	if (read(go, &octet, 1) == 1)
		keep_changing(descriptor, load);
	(void)read(go, &octet, 1);
	_exit(0);
}

/* ---- the speaker ---- */

static void on_route(void *context, const struct speaker_route *route, bool withdrawn)
{
	struct counts *counts = context;

	counts->routes += !withdrawn && route->attribute_size > 0;
}

static void on_best(void *context, const uint8_t prefix[16], uint8_t length,
                    const struct speaker_route *route)
{
	struct counts *counts = context;

	counts->best += route != NULL;
}

static double processor_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
		fail("/proc/self/statm");
	(void)fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

static struct speaker *open_speaker(struct counts *counts)
{
	const struct speaker_peer peer = {.name = "load",
	                                  .local = {[15] = 1},
	                                  .remote = {[15] = 1},
	                                  .as = AS,
	                                  .passive = true,
	                                  .maximum_paths = UINT32_MAX};
	const struct speaker_settings settings = {
	        .as = AS, .identifier = 1, .attribute = OPAQUE, .peer_count = 1, .peers = &peer, .seed = 5};
	const struct speaker_callbacks callbacks = {.context = counts, .route = on_route, .best = on_best};
	struct speaker *speaker;

	if (speaker_create(&counts->loop, &settings, &callbacks, &speaker) < 0)
		fail("speaker_create");
	return speaker;
}

static void turn_until(struct counts *counts, uint64_t routes)
{
	while (counts->routes < routes)
		(void)uv_run(&counts->loop, UV_RUN_ONCE);
}

int main(int count, char **arguments)
{
	static struct counts counts;
	struct load load;
	struct speaker *speaker;
	struct speaker_statistics statistics;
	uint64_t routes, changed;
	size_t memory, heap;
	double begun, told, changing;
	int64_t start, end;
	int go[2];
	pid_t child;

	if (count != 6) {
		(void)fprintf(stderr,
		              "usage: speaker_load PREFIXES SITES OCTETS UPDATES-PER-SECOND SECONDS\n");
		return 2;
	}
	load = (struct load){number(arguments[1]), number(arguments[2]), number(arguments[3]),
	                     number(arguments[4]), number(arguments[5])};
	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_WARNING);
	if (uv_loop_init(&counts.loop) < 0 || pipe(go) < 0)
		fail("start");
	speaker = open_speaker(&counts);
	memory = resident();
	heap = allocated();
	child = fork();
	if (child == 0) {
		(void)close(go[1]);
		be_peer(speaker_port(speaker), &load, go[0]);
	}
	routes = (uint64_t)load.prefixes * load.sites;
	start = clock_monotonic(&clock_system);
	begun = processor_seconds();
	turn_until(&counts, routes);
	end = clock_monotonic(&clock_system);
	told = processor_seconds();
	memory = resident() - memory;
	heap = allocated() - heap;
	speaker_statistics(speaker, &statistics);
	if (write(go[1], "g", 1) != 1)
		fail("pipe");
	changed = counts.routes;
	turn_until(&counts, changed + (uint64_t)load.rate * load.seconds * 9 / 10);
	changing = processor_seconds();
	(void)printf("routes=%" PRIu64 " wall=%.3f processor=%.3f us_per_route=%.2f resident_per_route=%.0f "
	             "heap_per_route=%.0f table_per_route=%.0f load_at_rate=%.4f\n",
	             routes, (double)(end - start) / 1e9, told - begun, (told - begun) / (double)routes * 1e6,
	             (double)memory / (double)routes, (double)heap / (double)routes,
	             (double)statistics.bytes / (double)routes,
	             load.seconds > 0 ? (changing - told) / load.seconds / 0.9 : 0.0);
	(void)close(go[1]);
	(void)waitpid(child, NULL, 0);
	return 0;
}
