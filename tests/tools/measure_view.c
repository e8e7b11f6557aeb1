/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the capability view costs: octets per service route, time of a change and of a snapshot behind some
 * changes, and of looking a service up. Best of ROUNDS rounds. Usage: measure_view [SITES [SERVICES-A-SITE]]
 */
#include "base/clock.h"
#include "base/random.h"
#include "view/view.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 9, CHANGES = 1000 };

#define NOW INT64_C(1700000000000000000)

struct measurement {
	struct view *view;
	uint32_t sites, services;
	struct random random;
	int64_t time;
};

static void must(int code)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "measure_view: error %d\n", code);
	exit(EXIT_FAILURE);
}

/* Of this thread: what others do on the machine is not counted. */
static int64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * CLOCK_SECOND + time.tv_nsec;
}

static struct gateway_identity identity(uint32_t number)
{
	return (struct gateway_identity){.site = number, .gateway = 1};
}

/* Three kinds of resources, and links to two neighbours. */
static void put_site(struct measurement *measurement, uint32_t number)
{
	struct site site = {.identity = identity(number),
	                    .model = SUPPLY_EDGE,
	                    .measured = NOW + measurement->time++,
	                    .validity = 9 * CLOCK_SECOND,
	                    .resource_count = 3,
	                    .link_count = 2};

	(void)snprintf(site.name, sizeof(site.name), "site-%u", number);
	for (uint32_t i = 0; i < 3; i++)
		site.resources[i] = (struct resource_offer){.kind = (enum resource_kind)i,
		                                            .capacity = 1000000,
		                                            .free = number,
		                                            .steepness = 8000};
	for (uint32_t i = 0; i < 2; i++)
		site.links[i] = (struct link_offer){.from = identity(number),
		                                    .toward = identity(number + 1 - 2 * i),
		                                    .capacity = 1000000000,
		                                    .free = 1000000000};
	must(view_put_site(measurement->view, &site));
}

static void put_service(struct measurement *measurement, uint32_t site, uint32_t number)
{
	struct service_offer offer = {
	        .site = identity(site),
	        .address = {0xfd, [13] = (uint8_t)(number >> 8), [14] = (uint8_t)number},
	        .version = "1",
	        .running = (uint32_t)measurement->time++};

	(void)snprintf(offer.name, sizeof(offer.name), "service-%u", number);
	must(view_put_service(measurement->view, &offer));
}

static void change(struct measurement *measurement)
{
	uint32_t site = 1 + (uint32_t)random_below(&measurement->random, measurement->sites);

	put_service(measurement, site, (uint32_t)random_below(&measurement->random, measurement->services));
}

static void fill(struct measurement *measurement)
{
	int64_t begin = now();
	uint64_t count = (uint64_t)measurement->sites * measurement->services;

	for (uint32_t site = 1; site <= measurement->sites; site++) {
		put_site(measurement, site);
		for (uint32_t i = 0; i < measurement->services; i++)
			put_service(measurement, site, i);
	}
	(void)printf("%u sites x %u services: %.0f ns a put", measurement->sites, measurement->services,
	             (double)(now() - begin) / (double)(count + measurement->sites));
	(void)printf(", %.1f MB, %.0f octets a service\n", (double)view_bytes(measurement->view) / 1e6,
	             (double)view_bytes(measurement->view) / (double)count);
}

static void print_tables(const struct view *view)
{
	struct view_table tables[VIEW_TABLES];

	view_tables(view, tables);
	for (uint32_t i = 0; i < VIEW_TABLES; i++)
		(void)printf("  %-14s %8zu entries %12zu octets\n", tables[i].name, tables[i].entries,
		             tables[i].bytes);
}

/* A snapshot behind some changes, and the changes, which copy what the last snapshot shows. */
static void measure_snapshots(struct measurement *measurement, uint32_t changes)
{
	int64_t best_change = INT64_MAX, best_snapshot = INT64_MAX;

	for (uint32_t round = 0; round < ROUNDS * 10; round++) {
		const struct view *held = view_snapshot(measurement->view);
		int64_t begin = now(), middle, end;

		for (uint32_t i = 0; i < changes; i++)
			change(measurement);
		middle = now();
		(void)view_release_snapshot(view_snapshot(measurement->view));
		end = now();
		(void)view_release_snapshot(held);
		best_change = MINIMUM(best_change, middle - begin);
		best_snapshot = MINIMUM(best_snapshot, end - middle);
	}
	(void)printf("behind %u changes of %.0f ns each: a snapshot takes %lld ns\n", changes,
	             (double)best_change / changes, (long long)best_snapshot);
}

static void measure_changes(struct measurement *measurement)
{
	int64_t best = INT64_MAX;

	(void)view_expire(measurement->view, 0); /* no snapshot is left */
	for (uint32_t round = 0; round < ROUNDS; round++) {
		int64_t begin = now();

		for (uint32_t i = 0; i < CHANGES; i++)
			change(measurement);
		best = MINIMUM(best, now() - begin);
	}
	(void)printf("a change that no snapshot shows: %.0f ns\n", (double)best / CHANGES);
}

static void measure_search(struct measurement *measurement)
{
	int64_t best = INT64_MAX;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		int64_t begin = now();

		for (uint32_t i = 0; i < CHANGES; i++) {
			uint32_t site = 1 + (uint32_t)random_below(&measurement->random, measurement->sites);

			must(view_service_of(measurement->view, "service-0", "", identity(site)) == NULL);
		}
		best = MINIMUM(best, now() - begin);
	}
	(void)printf("a service of a site by name: %.0f ns\n", (double)best / CHANGES);
}

int main(int argc, char **argv)
{
	struct measurement measurement = {.sites = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000,
	                                  .services = argc > 2 ? (uint32_t)atoi(argv[2]) : 100};
	const struct view_limits limits = {
	        .sites = 262144, .services = 1 << 24, .reservations = 65536, .suspects = 4096};

	measurement.view = view_create(&limits);
	if (measurement.view == NULL || measurement.sites == 0 || measurement.services == 0)
		return EXIT_FAILURE;
	random_seed(&measurement.random, 1);
	fill(&measurement);
	print_tables(measurement.view);
	measure_changes(&measurement);
	measure_snapshots(&measurement, 1);
	measure_snapshots(&measurement, CHANGES);
	measure_search(&measurement);
	(void)view_free(measurement.view);
	return EXIT_SUCCESS;
}
