/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures probes between two processes over ::1, with the rooms that gateways use: how long a price that a
 * site changes takes to be in the prober's view, and what sessions cost.
 *
 *   measure_probe [SECONDS]
 *
 * Prints p50 and p99 of the first with one session of 10 ms, and cores of either process with 100 of them.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "probe/probe.h"
#include "view/view.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSIONS = 100, SAMPLES = 1 << 16, SECONDS = 10 };
#define INTERVAL (10 * CLOCK_MILLISECOND)

static const uint8_t loopback[16] = {[15] = 1};
static const uint8_t key[STAMP_KEY] = "measured";
static const struct gateway_identity site_identity = {2, 1};

static void must(int code, const char *what)
{
	if (code >= 0)
		return;
	(void)fprintf(stderr, "measure_probe: %s: %s\n", what, error_text(code));
	exit(EXIT_FAILURE);
}

static struct probe *make_probe(uv_loop_t *loop, probe_heard heard, void *context)
{
	const struct probe_settings settings = {.key = key,
	                                        .source_rate = 1000000,
	                                        .total_rate = 1000000,
	                                        .seed = 1,
	                                        .heard = heard,
	                                        .context = context};
	struct probe *probe;

	must(probe_create(loop, &settings, &probe), "probe");
	return probe;
}

/* The site: changes its price again and again, at times that have nothing to do with probes. */

struct site_process {
	uv_loop_t loop;
	uv_timer_t timer;
	struct probe *probe;
	struct random random;
	money price;
};

static void on_nothing(void *context, uint32_t session, const struct probe_news *news)
{
}

static void on_change(uv_timer_t *timer)
{
	struct site_process *site = timer->data;
	struct site_load load = {.identity = site_identity,
	                         .validity = CLOCK_SECOND,
	                         .resource_count = 1,
	                         .resources = {{.kind = RESOURCE_CPU, .free = 1, .base = ++site->price}}};

	load.measured = clock_wall(&clock_system);
	probe_publish(site->probe, &load);
	(void)uv_timer_start(timer, on_change, 15 + random_below(&site->random, 31), 0);
}

/* Tells its port, and runs until it is ended. */
static void be_site(int out)
{
	struct site_process site = {.price = 1};
	uint16_t port;
	int code;

	must(uv_loop_init(&site.loop), "loop");
	random_seed(&site.random, 3);
	site.probe = make_probe(&site.loop, on_nothing, NULL);
	code = probe_reflect(site.probe, loopback, 0, 0);
	must(code, "reflector");
	port = (uint16_t)code;
	must(uv_timer_init(&site.loop, &site.timer), "timer");
	site.timer.data = &site;
	on_change(&site.timer);
	if (write(out, &port, sizeof(port)) != (ssize_t)sizeof(port))
		exit(EXIT_FAILURE);
	(void)uv_run(&site.loop, UV_RUN_DEFAULT);
}

/* The prober. */

struct prober {
	uv_loop_t loop;
	uv_timer_t timer;
	struct probe *probe;
	struct view *view;
	uint32_t samples;
	int64_t latencies[SAMPLES];
};

static money price_in(const struct view *view)
{
	const struct resource_offer *offer = site_resource(view_site(view, site_identity), RESOURCE_CPU);

	return offer->base;
}

/* As the daemon's watch does it. */
static void on_heard(void *context, uint32_t session, const struct probe_news *news)
{
	struct prober *prober = context;
	money before = price_in(prober->view);

	if (session != 0 || !news->has_load || view_put_load(prober->view, &news->load) < 0 ||
	    price_in(prober->view) == before || prober->samples == SAMPLES)
		return;
	prober->latencies[prober->samples++] = clock_wall(&clock_system) - news->load.measured;
}

static void make_view(struct prober *prober)
{
	const struct view_limits limits = {.sites = 16, .services = 16, .reservations = 16, .suspects = 16};
	struct site site = {.identity = site_identity,
	                    .measured = 1,
	                    .validity = INT64_MAX / 2,
	                    .resource_count = 1,
	                    .resources = {
	                            {.kind = RESOURCE_CPU, .capacity = 1, .free = 1, .steepness = 1000}}};

	prober->view = view_create(&limits);
	must(prober->view == NULL ? -ENOMEM : view_put_site(prober->view, &site), "view");
}

static void on_end(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void run_for(struct prober *prober, unsigned seconds)
{
	(void)uv_timer_start(&prober->timer, on_end, UINT64_C(1000) * seconds, 0);
	(void)uv_run(&prober->loop, UV_RUN_DEFAULT);
}

static void add_sessions(struct prober *prober, uint16_t port, int count)
{
	struct probe_target target = {.port = port, .load = true};

	memcpy(target.local, loopback, sizeof(target.local));
	memcpy(target.remote, loopback, sizeof(target.remote));
	for (int i = 0; i < count; i++)
		must(probe_add(prober->probe, &target, INTERVAL), "session");
}

static int by_value(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static double quantile(const struct prober *prober, double share)
{
	size_t place = (size_t)(share * (double)(prober->samples - 1));

	return (double)prober->latencies[place] / (double)CLOCK_MILLISECOND;
}

static void print_latencies(struct prober *prober)
{
	must(prober->samples == 0 ? -ENODATA : 0, "nothing was seen");
	qsort(prober->latencies, prober->samples, sizeof(prober->latencies[0]), by_value);
	(void)printf("propagation_stamp_changes %u\n", prober->samples);
	(void)printf("propagation_stamp_p50_ms %.2f\n", quantile(prober, 0.5));
	(void)printf("propagation_stamp_p99_ms %.2f\n", quantile(prober, 0.99));
}

static double seconds_of(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Processor time of a living process: /proc counts it in clock ticks. */
static double seconds_of_process(pid_t process)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	                           &user, &system) != 2)
		must(-EIO, path);
	(void)fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void measure_cost(struct prober *prober, uint16_t port, unsigned seconds, pid_t site)
{
	struct probe_statistics before, after;
	struct rusage began, ended;
	double site_began;

	add_sessions(prober, port, SESSIONS - 1);
	run_for(prober, 1);
	probe_read_statistics(prober->probe, &before);
	(void)getrusage(RUSAGE_SELF, &began);
	site_began = seconds_of_process(site);
	run_for(prober, seconds);
	(void)getrusage(RUSAGE_SELF, &ended);
	probe_read_statistics(prober->probe, &after);
	(void)printf("stamp_100_sessions_rate %.0f\n", (double)(after.received - before.received) / seconds);
	(void)printf("stamp_100_sessions_prober_cores %.3f\n",
	             (seconds_of(&ended) - seconds_of(&began)) / seconds);
	(void)printf("stamp_100_sessions_reflector_cores %.3f\n",
	             (seconds_of_process(site) - site_began) / seconds);
}

static void be_prober(uint16_t port, unsigned seconds, pid_t site)
{
	struct prober *prober = calloc(1, sizeof(*prober));

	must(prober == NULL ? -ENOMEM : uv_loop_init(&prober->loop), "loop");
	must(uv_timer_init(&prober->loop, &prober->timer), "timer");
	make_view(prober);
	prober->probe = make_probe(&prober->loop, on_heard, prober);
	add_sessions(prober, port, 1);
	run_for(prober, seconds);
	print_latencies(prober);
	measure_cost(prober, port, seconds / 2 + 1, site);
	probe_close(prober->probe);
	uv_close((uv_handle_t *)&prober->timer, NULL);
	(void)uv_run(&prober->loop, UV_RUN_DEFAULT);
	(void)view_free(prober->view);
	free(prober);
}

int main(int count, char **arguments)
{
	unsigned seconds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : SECONDS;
	int ends[2];
	uint16_t port;
	pid_t site;

	must(pipe(ends) < 0 ? -errno : 0, "pipe");
	site = fork();
	must(site < 0 ? -errno : 0, "fork");
	if (site == 0) {
		be_site(ends[1]);
		return EXIT_SUCCESS;
	}
	if (read(ends[0], &port, sizeof(port)) == (ssize_t)sizeof(port))
		be_prober(port, seconds, site);
	(void)kill(site, SIGTERM);
	(void)waitpid(site, NULL, 0);
	return EXIT_SUCCESS;
}
