/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that are kept running, by the local driver's real sandboxes. Needs root. */
#include "t.h"

#include "base/log.h"
#include "supply/local.h"
#include "supply/resident.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { INSTANCES = 2 };

struct bench {
	uv_loop_t loop;
	struct driver *driver;
	struct resident *resident;
	struct resident_settings settings;
	char base[64];
	int descriptors[INSTANCES];
	uint32_t starts, ends;
};

static void on_started(void *context, const struct identifier *id)
{
	struct bench *bench = context;

	T_TRUE(resident_started(bench->resident, id));
}

static void on_ended(void *context, const struct driver_end *end)
{
	struct bench *bench = context;

	bench->ends++;
	if (bench->resident != NULL)
		T_TRUE(resident_ended(bench->resident, end));
}

static void on_ready(void *context, uint32_t instance, int descriptor)
{
	struct bench *bench = context;

	T_TRUE(instance < INSTANCES && descriptor >= 0);
	if (bench->descriptors[instance] >= 0)
		close(bench->descriptors[instance]);
	bench->descriptors[instance] = descriptor;
	bench->starts++;
}

static void open_bench(struct bench *bench, const char *const *arguments)
{
	const struct driver_callbacks callbacks = {.started = on_started,
	                                           .ended = on_ended,
	                                           .context = bench};
	const struct resident_ports ports = {.context = bench, .ready = on_ready};
	struct local_settings local = {.cgroup_base = bench->base, .maximum = 10};

	*bench = (struct bench){.settings = {.arguments = arguments,
	                                     .folder = ECHO_FOLDER,
	                                     .cpu = 1000000,
	                                     .memory = 64 << 20,
	                                     .scratch = 1 << 20,
	                                     .processes = 4,
	                                     .instances = INSTANCES,
	                                     .clock = clock_system,
	                                     .seed = 1},
	                        .descriptors = {-1, -1}};
	(void)snprintf(bench->base, sizeof(bench->base), "busbar-resident-%d", getpid());
	T_OK(uv_loop_init(&bench->loop));
	T_OK(local_create(&bench->loop, &local, &callbacks, &bench->driver));
	T_OK(resident_create(bench->driver, &bench->settings, &ports, &bench->resident));
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void close_bench(struct bench *bench)
{
	bool closed = false;

	driver_close(bench->driver, on_closed, &closed);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	T_TRUE(closed);
	bench->resident = resident_free(bench->resident);
	for (uint32_t i = 0; i < INSTANCES; i++)
		if (bench->descriptors[i] >= 0)
			close(bench->descriptors[i]);
	T_EQ(uv_loop_close(&bench->loop), 0);
}

/* Turns the loop until so many starts and ends were seen, at most 20 s. */
static void turn_until(struct bench *bench, uint32_t starts, uint32_t ends)
{
	int64_t end = clock_monotonic(&clock_system) + 20 * CLOCK_SECOND;

	while (bench->starts < starts || bench->ends < ends) {
		if (clock_monotonic(&clock_system) > end)
			fail_msg("%u starts and %u ends within 20 s", bench->starts, bench->ends);
		(void)resident_tick(bench->resident);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		(void)usleep(500); /* only so as not to burn what is measured */
	}
}

static void call(int descriptor, const char *text)
{
	struct timeval patience = {.tv_sec = 10};
	char answer[64];

	T_EQ(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	T_EQ(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	T_EQ(recv(descriptor, answer, sizeof(answer), 0), strlen(text));
	T_BYTES(answer, text, strlen(text));
}

static void instances_answer_again_and_again(void **state)
{
	const char *const arguments[] = {"/service/echo-service", NULL};
	struct bench bench;

	open_bench(&bench, arguments);
	turn_until(&bench, INSTANCES, 0);
	T_EQ(resident_running(bench.resident), INSTANCES);
	T_EQ(resident_tick(bench.resident), INT64_MAX);
	for (uint32_t i = 0; i < 100; i++)
		call(bench.descriptors[i % INSTANCES], "hello");
	close_bench(&bench);
}

static void one_that_is_killed_comes_back(void **state)
{
	const char *const arguments[] = {"/service/echo-service", NULL};
	struct bench bench;
	char octet;

	open_bench(&bench, arguments);
	turn_until(&bench, INSTANCES, 0);
	resident_kill(bench.resident, 1);
	T_EQ(recv(bench.descriptors[1], &octet, 1, 0), 0); /* the end of the connection */
	turn_until(&bench, INSTANCES + 1, 1);
	call(bench.descriptors[0], "untouched");
	call(bench.descriptors[1], "again");
	close_bench(&bench);
}

static void one_whose_connection_is_closed_ends(void **state)
{
	const char *const arguments[] = {"/service/echo-service", NULL};
	struct bench bench;

	open_bench(&bench, arguments);
	turn_until(&bench, INSTANCES, 0);
	close(bench.descriptors[0]);
	bench.descriptors[0] = -1;
	turn_until(&bench, INSTANCES + 1, 1);
	call(bench.descriptors[0], "again");
	close_bench(&bench);
}

static void one_that_fails_is_started_less_and_less_often(void **state)
{
	const char *const arguments[] = {"false", NULL};
	struct bench bench;
	int64_t begin = clock_monotonic(&clock_system);

	open_bench(&bench, arguments);
	turn_until(&bench, 0, 3 * INSTANCES);
	/* 100 ms, then 200 ms between them. */
	T_TRUE(clock_monotonic(&clock_system) - begin >= 300 * CLOCK_MILLISECOND);
	close_bench(&bench);
}

static void bad_numbers_are_refused(void **state)
{
	struct resident_settings settings = {.instances = 0};
	struct resident *resident;

	T_ERROR(resident_create(NULL, &settings, &(struct resident_ports){NULL}, &resident),
	        BUSBAR_ERROR_BAD_VALUE);
	settings.instances = RESIDENT_INSTANCES + 1;
	T_ERROR(resident_create(NULL, &settings, &(struct resident_ports){NULL}, &resident),
	        BUSBAR_ERROR_BAD_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(instances_answer_again_and_again),
	        cmocka_unit_test(one_that_is_killed_comes_back),
	        cmocka_unit_test(one_whose_connection_is_closed_ends),
	        cmocka_unit_test(one_that_fails_is_started_less_and_less_often),
	        cmocka_unit_test(bad_numbers_are_refused),
	};

	if (getuid() != 0) {
		puts("1..0 # SKIP not root");
		return 0;
	}
	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
