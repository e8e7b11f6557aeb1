/* SPDX-License-Identifier: Apache-2.0 */
/* The local driver against what programs may try. Needs root. */
#include "t.h"

#include "base/clock.h"
#include "base/log.h"
#include "supply/local.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define MEBIBYTE (UINT64_C(1) << 20)

enum { ENDS = 128, TEXT = 8192 };

/* A driver, what it reported, and its loop. */
struct bench {
	uv_loop_t loop;
	struct driver *driver;
	char base[64];
	uint32_t started, ended;
	struct driver_end ends[ENDS];
	bool closed;
};

static void on_started(void *context, const struct identifier *id)
{
	((struct bench *)context)->started++;
}

static void on_ended(void *context, const struct driver_end *end)
{
	struct bench *bench = context;

	T_TRUE(bench->ended < ENDS);
	bench->ends[bench->ended++] = *end;
}

static void on_closed(void *context)
{
	((struct bench *)context)->closed = true;
}

static void open_bench(struct bench *bench)
{
	struct local_settings settings = {.cgroup_base = bench->base, .maximum = 100};
	const struct driver_callbacks callbacks = {.started = on_started,
	                                           .ended = on_ended,
	                                           .context = bench};

	memset(bench, 0, sizeof(*bench));
	(void)snprintf(bench->base, sizeof(bench->base), "busbar-test-%d", getpid());
	T_OK(uv_loop_init(&bench->loop));
	T_OK(local_create(&bench->loop, &settings, &callbacks, &bench->driver));
}

/* Turns the loop until as many runs have ended, at most `seconds`. */
static void wait_for_ends(struct bench *bench, uint32_t count, int seconds)
{
	int64_t end = clock_monotonic(&clock_system) + seconds * CLOCK_SECOND;

	while (bench->ended < count) {
		if (clock_monotonic(&clock_system) > end)
			fail_msg("%u of %u runs ended within %d s", bench->ended, count, seconds);
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
		(void)usleep(500); /* only so as not to burn what is measured */
	}
}

/* Groups of the tests' base that are left, in any hierarchy. */
static int count_groups(const char *base)
{
	char command[256];
	int count = 0;
	FILE *found;

	(void)snprintf(command, sizeof(command), "find /sys/fs/cgroup -type d -path '*/%s/*' 2>/dev/null",
	               base);
	found = popen(command, "r");
	T_TRUE(found != NULL);
	while (fgets(command, sizeof(command), found) != NULL)
		count++;
	(void)pclose(found);
	return count;
}

static void close_bench(struct bench *bench)
{
	driver_close(bench->driver, on_closed, bench);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	T_TRUE(bench->closed);
	T_EQ(uv_loop_close(&bench->loop), 0);
	T_EQ(count_groups(bench->base), 0);
}

static struct driver_run modest(uint8_t number, const char *const *arguments)
{
	return (struct driver_run){.id = {{number}},
	                           .arguments = arguments,
	                           .input = -1,
	                           .cpu = 1000000,
	                           .memory = 64 * MEBIBYTE,
	                           .scratch = 4 * MEBIBYTE,
	                           .output_maximum = MEBIBYTE,
	                           .processes = 16,
	                           .time_limit = 20 * CLOCK_SECOND,
	                           .folder = STRAIN_FOLDER};
}

static int temporary(void)
{
	FILE *file = tmpfile();
	int descriptor = file == NULL ? -1 : dup(fileno(file));

	if (file != NULL)
		(void)fclose(file);
	T_TRUE(descriptor >= 0);
	return descriptor;
}

static void read_text(int descriptor, char text[TEXT])
{
	ssize_t size = pread(descriptor, text, TEXT - 1, 0);

	T_TRUE(size >= 0);
	text[size] = '\0';
}

/* Runs one thing to its end; what it wrote is in `output` (may be NULL). */
static struct driver_end run_with(struct driver_run run, const char *input, char output[TEXT])
{
	struct bench bench;
	struct driver_end end;

	open_bench(&bench);
	run.input = temporary();
	run.output = temporary();
	run.problems = temporary();
	if (input != NULL)
		T_TRUE(pwrite(run.input, input, strlen(input), 0) == (ssize_t)strlen(input));
	T_OK(driver_run(bench.driver, &run));
	wait_for_ends(&bench, 1, 30);
	if (output != NULL)
		read_text(run.output, output);
	end = bench.ends[0];
	close(run.input);
	close(run.output);
	close(run.problems);
	close_bench(&bench);
	return end;
}

static struct driver_end run_words(char output[TEXT], const char *first, const char *second,
                                   const char *third)
{
	const char *arguments[] = {first, second, third, NULL};

	return run_with(modest(1, arguments), NULL, output);
}

static void streams_and_status(void **state)
{
	const char *const cat[] = {"cat", NULL};
	char text[TEXT];
	struct driver_end end = run_with(modest(1, cat), "hello\n", text);

	T_EQ(end.error, 0);
	T_TEXT(text, "hello\n");
	T_TRUE(end.usage.wall > 0);
	T_EQ(end.usage.output, 6);
	end = run_words(text, "sh", "-c", "exit 3");
	T_ERROR(end.error, BUSBAR_ERROR_EXECUTION);
	T_EQ(end.exit_status, 3);
	end = run_words(text, "sh", "-c", "kill -KILL $$");
	T_ERROR(end.error, BUSBAR_ERROR_EXECUTION);
	T_EQ(end.exit_status, 128 + SIGKILL);
	end = run_words(text, "/service/strain", "abort", NULL);
	T_EQ(end.exit_status, 128 + SIGABRT);
	end = run_words(text, "/etc/passwd", NULL, NULL);
	T_ERROR(end.error, BUSBAR_ERROR_EXECUTION);
	T_EQ(end.exit_status, 126);
	end = run_words(text, "no-such-program", NULL, NULL);
	T_ERROR(end.error, BUSBAR_ERROR_EXECUTION);
	T_EQ(end.exit_status, 127);
}

static void problems_are_apart(void **state)
{
	const char *const arguments[] = {"sh", "-c", "echo fine; echo wrong >&2", NULL};
	struct driver_run run = modest(1, arguments);
	struct bench bench;
	char text[TEXT];

	open_bench(&bench);
	run.input = run.output = temporary();
	run.problems = temporary();
	T_OK(driver_run(bench.driver, &run));
	wait_for_ends(&bench, 1, 10);
	read_text(run.output, text);
	T_TEXT(text, "fine\n");
	read_text(run.problems, text);
	T_TEXT(text, "wrong\n");
	close(run.output);
	close(run.problems);
	close_bench(&bench);
}

/* What a program leaves running ends with it. */
static void background_processes_end_with_the_program(void **state)
{
	struct driver_end end = run_words(NULL, "sh", "-c", "sleep 15 & sleep 15 & exit 0");

	T_EQ(end.error, 0);
	T_TRUE(end.usage.wall < 10 * CLOCK_SECOND);
}

static void orphans_are_collected(void **state)
{
	char text[TEXT];

	(void)run_words(text, "/service/strain", "orphan", "100");
	T_TEXT(text, "collected\n");
}

static void memory_is_limited(void **state)
{
	T_ERROR(run_words(NULL, "/service/strain", "memory", "200").error, BUSBAR_ERROR_MEMORY_LIMIT);
	T_EQ(run_words(NULL, "/service/strain", "memory", "20").error, 0);
}

static void processor_is_limited(void **state)
{
	const char *const arguments[] = {"/service/strain", "burn", "1500", NULL};
	struct driver_run run = modest(1, arguments);
	struct driver_end end;
	double share;

	run.cpu = 250000;
	end = run_with(run, NULL, NULL);
	T_EQ(end.error, 0);
	share = (double)end.usage.cpu / (double)end.usage.wall;
	if (share < 0.15 || share > 0.33)
		fail_msg("a quarter of a core became %.3f", share);
}

static void processes_are_limited(void **state)
{
	char text[TEXT];

	(void)run_words(text, "/service/strain", "breed", "100");
	T_TRUE(atoi(text) > 0 && atoi(text) < 16);
}

static void time_is_limited(void **state)
{
	const char *const arguments[] = {"sleep", "30", NULL};
	struct driver_run run = modest(1, arguments);
	struct driver_end end;

	run.time_limit = 300 * CLOCK_MILLISECOND;
	end = run_with(run, NULL, NULL);
	T_ERROR(end.error, BUSBAR_ERROR_TIME_LIMIT);
	T_TRUE(end.usage.wall >= 290 * CLOCK_MILLISECOND && end.usage.wall < 5 * CLOCK_SECOND);
}

static void output_is_limited(void **state)
{
	T_ERROR(run_words(NULL, "/service/strain", "write", "8").error, BUSBAR_ERROR_OUTPUT_LIMIT);
}

/* Where scratch is small, the kernel itself stops the file one byte after its maximum. */
static void output_is_limited_by_the_kernel(void **state)
{
	const char *const arguments[] = {"/service/strain", "fill", "1", NULL};
	const char *const problems[] = {"/service/strain", "fill", "2", NULL};
	struct driver_run run = modest(1, arguments);
	struct driver_end end;

	run.scratch = 1;
	run.output_maximum = 100000;
	end = run_with(run, NULL, NULL);
	T_ERROR(end.error, BUSBAR_ERROR_OUTPUT_LIMIT);
	T_EQ(end.usage.output, 100001);
	run.arguments = problems;
	end = run_with(run, NULL, NULL);
	T_ERROR(end.error, BUSBAR_ERROR_OUTPUT_LIMIT);
	T_EQ(end.usage.output, 0);
}

static void full_output_is_not_too_long(void **state)
{
	const char *const arguments[] = {"sh", "-c", "printf 0123456789", NULL};
	struct driver_run run = modest(1, arguments);
	struct driver_end end;

	run.output_maximum = 10;
	end = run_with(run, NULL, NULL);
	T_EQ(end.error, 0);
	T_EQ(end.usage.output, 10);
	run.output_maximum = 9;
	T_ERROR(run_with(run, NULL, NULL).error, BUSBAR_ERROR_OUTPUT_LIMIT);
}

static void scratch_is_limited(void **state)
{
	char text[TEXT];

	(void)run_words(text, "sh", "-c", "/service/strain fill /scratch/a; /service/strain fill /tmp/b");
	/* 4 MiB are shared by the two folders. */
	T_TRUE(atol(text) > 3 << 20 && atol(text) <= 4 << 20);
	T_TRUE(strstr(text, "No space left on device\n0 No space left on device\n") != NULL);
}

static void kernel_doors_are_closed(void **state)
{
	char text[TEXT];

	(void)run_words(text, "/service/strain", "namespace", NULL);
	T_TEXT(text, "Operation not permitted\n");
	(void)run_words(text, "/service/strain", "clone", NULL);
	T_TEXT(text, "Operation not permitted, Function not implemented\n");
	/* The init shares the program's user, and yet: */
	(void)run_words(text, "/service/strain", "init", NULL);
	T_TEXT(text, "Permission denied, Operation not permitted\n");
}

static void there_is_no_network(void **state)
{
	char text[TEXT];

	(void)run_words(text, "/service/strain", "connect", "192.0.2.1");
	T_TEXT(text, "Network is unreachable\n");
}

static void only_scratch_can_be_written(void **state)
{
	static const char *const forbidden[] = {"/x", "/etc/x", "/usr/x", "/service/x",
	                                        "/proc/sys/kernel/hostname"};
	char text[TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		(void)run_words(text, "/service/strain", "open", forbidden[i]);
		if (strcmp(text, "written\n") == 0)
			fail_msg("%s could be written", forbidden[i]);
	}
	(void)run_words(text, "/service/strain", "open", "/scratch/x");
	T_TEXT(text, "written\n");
	(void)run_words(text, "/service/strain", "read", "/etc/shadow");
	T_TEXT(text, "Permission denied\n");
}

static void nothing_of_the_host_is_seen(void **state)
{
	char text[TEXT];

	(void)run_words(text, "/service/strain", "processes", NULL);
	T_TRUE(atoi(text) >= 1 && atoi(text) <= 3);
	(void)run_words(text, "/service/strain", "descriptors", NULL);
	T_EQ(atoi(text), 3);
	(void)run_words(text, "sh", "-c", "id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status");
	T_TRUE(atoi(text) != 0);
	T_TRUE(strstr(text, "CapEff:\t0000000000000000") != NULL);
	T_TRUE(strstr(text, "NoNewPrivs:\t1") != NULL);
}

static void environment_is_what_was_given(void **state)
{
	const char *const arguments[] = {"env", NULL};
	const char *const environment[] = {"BUSBAR_PART=3", NULL};
	struct driver_run run = modest(1, arguments);
	char text[TEXT];

	T_EQ(setenv("BUSBAR_SECRET", "leak", 1), 0);
	run.environment = environment;
	(void)run_with(run, NULL, text);
	T_TRUE(strstr(text, "BUSBAR_PART=3\n") != NULL);
	T_TRUE(strstr(text, "HOME=/scratch\n") != NULL);
	T_TRUE(strstr(text, "BUSBAR_SECRET") == NULL);
}

static void bad_runs_are_refused(void **state)
{
	const char *const arguments[] = {"true", NULL};
	struct driver_run run = modest(1, arguments);
	struct bench bench;

	open_bench(&bench);
	run.input = run.output = run.problems = temporary();
	run.memory = 0;
	T_TRUE(driver_run(bench.driver, &run) < 0);
	run.memory = 64 * MEBIBYTE;
	run.time_limit = 0;
	T_TRUE(driver_run(bench.driver, &run) < 0);
	run.time_limit = CLOCK_SECOND;
	T_OK(driver_run(bench.driver, &run));
	T_ERROR(driver_run(bench.driver, &run), BUSBAR_ERROR_DUPLICATE);
	wait_for_ends(&bench, 1, 10);
	T_ERROR(driver_cancel(bench.driver, &run.id), BUSBAR_ERROR_NOT_FOUND);
	close(run.input);
	close_bench(&bench);
}

static void too_many_words_are_refused(void **state)
{
	static char word[70000];
	const char *arguments[] = {"true", word, NULL};
	const char *const missing[] = {"true", NULL};
	struct driver_run run = modest(1, arguments);
	struct bench bench;

	open_bench(&bench);
	memset(word, 'x', sizeof(word) - 1);
	run.input = run.output = run.problems = temporary();
	T_ERROR(driver_run(bench.driver, &run), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(local_count(bench.driver), 0);
	word[60000] = '\0'; /* fits, with the program's name and the folder */
	T_OK(driver_run(bench.driver, &run));
	wait_for_ends(&bench, 1, 10);
	T_EQ(bench.ends[0].error, 0);
	/* A folder that is absent is found out inside: the end carries it. */
	run.arguments = missing;
	run.folder = "/no/such/folder";
	T_OK(driver_run(bench.driver, &run));
	wait_for_ends(&bench, 2, 10);
	T_ERROR(bench.ends[1].error, -ENOENT);
	T_EQ(bench.started, 1);
	close(run.input);
	close_bench(&bench);
}

static void a_base_has_one_owner(void **state)
{
	struct bench bench;
	struct driver *second;
	const struct driver_callbacks callbacks = {.started = on_started,
	                                           .ended = on_ended,
	                                           .context = &bench};
	struct local_settings settings = {.maximum = 10};

	open_bench(&bench);
	settings.cgroup_base = bench.base;
	T_ERROR(local_create(&bench.loop, &settings, &callbacks, &second), BUSBAR_ERROR_STATE);
	settings.cgroup_base = "../busbar";
	T_ERROR(local_create(&bench.loop, &settings, &callbacks, &second), BUSBAR_ERROR_BAD_VALUE);
	settings.cgroup_base = "busbar-test";
	settings.cgroup_root = "/usr";
	T_ERROR(local_create(&bench.loop, &settings, &callbacks, &second), BUSBAR_ERROR_NOT_SUPPORTED);
	settings.maximum = 0;
	T_ERROR(local_create(&bench.loop, &settings, &callbacks, &second), BUSBAR_ERROR_BAD_VALUE);
	close_bench(&bench);
}

static void a_run_is_cancelled_and_measured(void **state)
{
	const char *const arguments[] = {"/service/strain", "burn", "20000", NULL};
	struct driver_run run = modest(1, arguments);
	struct driver_usage usage = {0};
	struct bench bench;
	int64_t end = clock_monotonic(&clock_system) + 10 * CLOCK_SECOND;

	open_bench(&bench);
	run.input = run.output = run.problems = temporary();
	T_OK(driver_run(bench.driver, &run));
	while (usage.wall < 100 * CLOCK_MILLISECOND && clock_monotonic(&clock_system) < end) {
		(void)uv_run(&bench.loop, UV_RUN_NOWAIT);
		T_OK(driver_measure(bench.driver, &run.id, &usage));
		(void)usleep(1000);
	}
	T_TRUE(usage.wall >= 100 * CLOCK_MILLISECOND);
	T_OK(driver_cancel(bench.driver, &run.id));
	wait_for_ends(&bench, 1, 10);
	T_ERROR(bench.ends[0].error, BUSBAR_ERROR_CANCELLED);
	close(run.input);
	close_bench(&bench);
}

static int compare_times(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

	return (first > second) - (first < second);
}

static void many_at_once_and_none_left(void **state)
{
	const char *const arguments[] = {"true", NULL};
	int64_t walls[50], started = clock_monotonic(&clock_system);
	struct bench bench;
	int nothing = temporary();

	open_bench(&bench);
	for (uint8_t i = 0; i < 50; i++) {
		struct driver_run run = modest((uint8_t)(i + 1), arguments);

		run.input = run.output = run.problems = nothing;
		T_OK(driver_run(bench.driver, &run));
	}
	wait_for_ends(&bench, 50, 30);
	for (uint32_t i = 0; i < 50; i++) {
		T_EQ(bench.ends[i].error, 0);
		walls[i] = bench.ends[i].usage.wall;
	}
	qsort(walls, 50, sizeof(walls[0]), compare_times);
	printf("# 50 runs of true in %.1f ms, median run %.2f ms, start latency %.2f ms\n",
	       (double)(clock_monotonic(&clock_system) - started) / 1e6, (double)walls[25] / 1e6,
	       (double)driver_start_latency(bench.driver) / 1e6);
	close(nothing);
	close_bench(&bench);
}

static void start_sleepers(struct bench *bench, uint8_t count)
{
	const char *const arguments[] = {"sleep", "60", NULL};
	int nothing = temporary();

	for (uint8_t i = 0; i < count; i++) {
		struct driver_run run = modest((uint8_t)(i + 1), arguments);

		run.input = run.output = run.problems = nothing;
		run.time_limit = 60 * CLOCK_SECOND;
		T_OK(driver_run(bench->driver, &run));
	}
	while (bench->started < count)
		(void)uv_run(&bench->loop, UV_RUN_ONCE);
	close(nothing);
}

static void a_full_table_refuses(void **state)
{
	const char *const arguments[] = {"true", NULL};
	struct driver_run run = modest(200, arguments);
	struct bench bench;

	open_bench(&bench);
	start_sleepers(&bench, 100);
	run.input = run.output = run.problems = temporary();
	T_ERROR(driver_run(bench.driver, &run), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(local_count(bench.driver), 100);
	/* Closing ends them all, each with what it used. */
	driver_close(bench.driver, on_closed, &bench);
	(void)uv_run(&bench.loop, UV_RUN_DEFAULT);
	T_TRUE(bench.closed);
	T_EQ(bench.ended, 100);
	for (uint32_t i = 0; i < bench.ended; i++) {
		T_ERROR(bench.ends[i].error, BUSBAR_ERROR_CANCELLED);
		T_TRUE(bench.ends[i].usage.wall > 0 && bench.ends[i].usage.memory_peak > 0);
	}
	T_EQ(uv_loop_close(&bench.loop), 0);
	T_EQ(count_groups(bench.base), 0);
	close(run.input);
}

static void only_the_daemon_ends_its_executor(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	const char *const arguments[] = {"true", NULL};
	struct driver_run run = modest(1, arguments);
	struct bench bench;

	open_bench(&bench);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		T_EQ(kill(local_executor(bench.driver), signals[i]), 0);
	run.input = run.output = run.problems = temporary();
	T_OK(driver_run(bench.driver, &run));
	wait_for_ends(&bench, 1, 10);
	T_EQ(bench.ends[0].error, 0);
	close(run.input);
	close_bench(&bench);
}

/* What an empty sandbox costs, one after the other. */
static void latency_is_small(void **state)
{
	const char *const arguments[] = {"/bin/true", NULL};
	int64_t times[100];
	struct driver_run run = modest(1, arguments);
	struct bench bench;

	open_bench(&bench);
	run.input = run.output = run.problems = temporary();
	for (uint32_t i = 0; i < ARRAY_SIZE(times); i++) {
		int64_t begin = clock_monotonic(&clock_system);

		T_OK(driver_run(bench.driver, &run));
		while (bench.ended == i)
			(void)uv_run(&bench.loop, UV_RUN_ONCE);
		times[i] = clock_monotonic(&clock_system) - begin;
		T_EQ(bench.ends[i].error, 0);
	}
	qsort(times, ARRAY_SIZE(times), sizeof(times[0]), compare_times);
	printf("# /bin/true, asked to ended: median %.2f ms, 95 %% under %.2f ms; asked to started %.2f ms\n",
	       (double)times[50] / 1e6, (double)times[95] / 1e6,
	       (double)driver_start_latency(bench.driver) / 1e6);
	T_TRUE(times[50] < CLOCK_SECOND);
	T_TRUE(driver_start_latency(bench.driver) <= times[99]);
	close(run.input);
	close_bench(&bench);
}

static void an_executor_that_dies_takes_its_runs_along(void **state)
{
	struct bench bench;

	open_bench(&bench);
	start_sleepers(&bench, 3);
	T_EQ(kill(local_executor(bench.driver), SIGKILL), 0);
	wait_for_ends(&bench, 3, 10);
	for (uint32_t i = 0; i < 3; i++)
		T_ERROR(bench.ends[i].error, BUSBAR_ERROR_LOST);
	driver_close(bench.driver, on_closed, &bench);
	(void)uv_run(&bench.loop, UV_RUN_DEFAULT);
	T_EQ(uv_loop_close(&bench.loop), 0);
	/* Its groups are swept by the next one of the same base. */
	open_bench(&bench);
	T_EQ(count_groups(bench.base), 0);
	close_bench(&bench);
}

/* The processes in the groups of a base, up to `maximum`. */
static size_t list_processes(const char *base, pid_t *processes, size_t maximum)
{
	char command[256];
	size_t count = 0;
	FILE *found;

	(void)snprintf(command, sizeof(command),
	               "find /sys/fs/cgroup -path '*/%s/*/cgroup.procs' -exec cat {} + 2>/dev/null | sort -u",
	               base);
	found = popen(command, "r");
	T_TRUE(found != NULL);
	while (count < maximum && fscanf(found, "%d", &processes[count]) == 1)
		count++;
	(void)pclose(found);
	return count;
}

static size_t count_mounts(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "r");
	size_t count = 0;
	int letter;

	T_TRUE(file != NULL);
	while ((letter = fgetc(file)) != EOF)
		count += letter == '\n';
	(void)fclose(file);
	return count;
}

static void a_daemon_that_dies_leaves_nothing(void **state)
{
	int64_t end = clock_monotonic(&clock_system) + 10 * CLOCK_SECOND;
	int ready[2];
	char base[64] = "";
	pid_t child, processes[16];
	size_t mounts = count_mounts(), count;

	T_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		struct bench bench;

		open_bench(&bench);
		start_sleepers(&bench, 3);
		if (write(ready[1], bench.base, sizeof(base)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	T_EQ(read(ready[0], base, sizeof(base)), sizeof(base));
	T_TRUE(count_groups(base) > 0);
	count = list_processes(base, processes, ARRAY_SIZE(processes));
	T_EQ(count, 6); /* an init and a program each */
	T_EQ(count_mounts(), mounts);
	T_EQ(kill(child, SIGKILL), 0);
	T_EQ(waitpid(child, NULL, 0), child);
	while (count_groups(base) > 0)
		if (clock_monotonic(&clock_system) > end)
			fail_msg("groups of a dead daemon are left");
	for (size_t i = 0; i < count; i++)
		T_TRUE(kill(processes[i], 0) < 0 && errno == ESRCH);
	T_EQ(count_mounts(), mounts);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(streams_and_status),
	        cmocka_unit_test(problems_are_apart),
	        cmocka_unit_test(background_processes_end_with_the_program),
	        cmocka_unit_test(orphans_are_collected),
	        cmocka_unit_test(memory_is_limited),
	        cmocka_unit_test(processor_is_limited),
	        cmocka_unit_test(processes_are_limited),
	        cmocka_unit_test(time_is_limited),
	        cmocka_unit_test(output_is_limited),
	        cmocka_unit_test(output_is_limited_by_the_kernel),
	        cmocka_unit_test(full_output_is_not_too_long),
	        cmocka_unit_test(scratch_is_limited),
	        cmocka_unit_test(kernel_doors_are_closed),
	        cmocka_unit_test(there_is_no_network),
	        cmocka_unit_test(only_scratch_can_be_written),
	        cmocka_unit_test(nothing_of_the_host_is_seen),
	        cmocka_unit_test(environment_is_what_was_given),
	        cmocka_unit_test(bad_runs_are_refused),
	        cmocka_unit_test(too_many_words_are_refused),
	        cmocka_unit_test(a_base_has_one_owner),
	        cmocka_unit_test(a_run_is_cancelled_and_measured),
	        cmocka_unit_test(many_at_once_and_none_left),
	        cmocka_unit_test(a_full_table_refuses),
	        cmocka_unit_test(only_the_daemon_ends_its_executor),
	        cmocka_unit_test(latency_is_small),
	        cmocka_unit_test(an_executor_that_dies_takes_its_runs_along),
	        cmocka_unit_test(a_daemon_that_dies_leaves_nothing),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP sandboxes need root");
		return 0;
	}
	log_set_level(LOG_ERROR);
	return T_RUN(tests);
}
