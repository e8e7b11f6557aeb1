/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route with a sealed attribute costs from the speaker into the view: opened, decoded, put; first and
 * when it changes; and what it takes of all tables. Usage: measure_collect [SITES [SERVICES-A-SITE]]
 */
#include "base/clock.h"
#include "daemon/collect.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5 };

struct message {
	struct speaker_route route;
	uint8_t octets[256];
};

static void must(int code)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "measure_collect: error %d\n", code);
	exit(EXIT_FAILURE);
}

/* Of this thread: what others do on the machine is not counted. */
static int64_t processor_time(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * CLOCK_SECOND + time.tv_nsec;
}

static struct seal_ring ring = {.count = 1, .keys = {{.identifier = 1, .secret = {1, 2, 3}}}};

static void write_message(struct message *message, uint32_t site, uint32_t number, uint64_t sequence)
{
	struct attribute_header header = {.content = ATTRIBUTE_SERVICE,
	                                  .sender = {site, 1},
	                                  .sequence = sequence,
	                                  .domain_count = 1,
	                                  .domain = {65000}};
	struct service_offer offer = {.site = header.sender,
	                              .address = {0xfd, 1, [14] = (uint8_t)(number >> 8), (uint8_t)number},
	                              .version = "1",
	                              .score = 7,
	                              .cpu = 1000000,
	                              .memory = 256 << 20,
	                              .processes = 16,
	                              .time = 20 * CLOCK_MILLISECOND,
	                              .running = (uint32_t)sequence % 16,
	                              .price = 12345,
	                              .tariff = 23456};
	int size;

	(void)snprintf(offer.name, sizeof(offer.name), "service-%u", number);
	size = attribute_encode_service(&header, &offer, offer.address, 128, &ring.keys[0], message->octets,
	                                sizeof(message->octets));
	must(size);
	message->route = (struct speaker_route){.prefix_length = 128,
	                                        .origin_as = 65000,
	                                        .originator = site,
	                                        .attribute = message->octets,
	                                        .attribute_size = (size_t)size};
	memcpy(message->route.prefix, offer.address, 16);
}

int main(int argc, char **argv)
{
	uint32_t sites = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000;
	uint32_t services = argc > 2 ? (uint32_t)atoi(argv[2]) : 100;
	size_t count = (size_t)sites * services;
	const struct view_limits limits = {
	        .sites = sites, .services = count, .reservations = 64, .suspects = 64, .edges = 64};
	const struct collect_settings settings = {.identity = {UINT32_MAX, 1},
	                                          .ring = &ring,
	                                          .clock = clock_system,
	                                          .routes = count,
	                                          .seed = 1};
	struct message *messages = calloc(count, sizeof(*messages));
	struct view *view = view_create(&limits);
	struct collect *collect;
	int64_t best = INT64_MAX;

	if (messages == NULL || view == NULL || count == 0)
		return EXIT_FAILURE;
	must(collect_create(&settings, view, NULL, &collect));
	for (uint64_t round = 0; round < ROUNDS; round++) {
		int64_t begin, time;

		for (size_t i = 0; i < count; i++)
			write_message(&messages[i], 1 + (uint32_t)i / services, (uint32_t)i % services,
			              1 + round);
		(void)view_release_snapshot(view_snapshot(view));
		begin = processor_time();
		for (size_t i = 0; i < count; i++)
			collect_route(collect, &messages[i].route, false);
		time = processor_time() - begin;
		if (round == 0)
			(void)printf("first: %.0f ns a route\n", (double)time / (double)count);
		else
			best = MINIMUM(best, time);
	}
	(void)printf("changed: %.0f ns a route of %zu octets\n", (double)best / (double)count,
	             messages[0].route.attribute_size);
	(void)view_expire(view, 0);
	(void)printf("%zu services; octets a route: view %.0f, collect %.0f\n", view_service_count(view),
	             (double)view_bytes(view) / (double)count,
	             (double)collect_memory(collect).bytes / (double)count);
	(void)collect_free(collect);
	(void)view_free(view);
	free(messages);
	return EXIT_SUCCESS;
}
