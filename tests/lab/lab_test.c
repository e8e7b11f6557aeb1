/* SPDX-License-Identifier: Apache-2.0 */
/* busbar-lab as its users meet it: whole labs of try.yaml, with a script in the daemons' place. */
#include "../t.h"

#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECOND 1000000LL
enum { WIRE_AB, WIRE_BC, WIRE_CD, WIRE_PC };

struct lab {
	char name[HARNESS_NAME];
};

static int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	harness_up(harness_name(lab->name, "one"));
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	struct lab *lab = *state;

	harness_down(lab->name);
	harness_expect_nothing(lab->name);
	free(lab);
	return 0;
}

static const char *lab_of(void **state)
{
	struct lab *lab = *state;

	return lab->name;
}

static void status_shows_everything(void **state)
{
	json_t *status = harness_status(lab_of(state));
	struct result result;

	T_TEXT(json_string_value(json_object_get(status, "state")), "ready");
	T_TRUE(json_is_true(json_object_get(json_object_get(status, "bridge"), "running")));
	T_EQ(json_array_size(json_object_get(status, "nodes")), 5);
	T_EQ(json_array_size(json_object_get(status, "links")), 4);
	T_TRUE(kill((pid_t)json_integer_value(json_object_get(status, "pid")), 0) == 0);
	json_decref(status);
	HARNESS_RUN(&result, lab_of(state), "status");
	T_EQ(result.status, 0);
	T_TRUE(strstr(result.output, "a > b"));
}

static void name_is_exclusive(void **state)
{
	struct result result;

	HARNESS_RUN(&result, lab_of(state), "up");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "runs already"));
	status_shows_everything(state);
}

static void exec_passes_everything(void **state)
{
	const char *const words[] = {
	        "exec",
	        "pc",
	        "--",
	        "sh",
	        "-c",
	        "pwd; echo $BUSBAR_LAB $BUSBAR_NODE; test -r $BUSBAR_CONFIG && cat; echo $OWN >&2; exit 7",
	        NULL};
	char expected[512], folder[256];
	struct running running;
	struct result result;

	setenv("OWN", "mine", 1);
	running = harness_start(lab_of(state), words);
	T_EQ(write(running.input, "words\n", 6), 6);
	harness_finish(&running, &result);
	T_EQ(result.status, 7);
	snprintf(expected, sizeof(expected), "%s\n%s pc\nwords\nmine\n", getcwd(folder, sizeof(folder)),
	         lab_of(state));
	T_TEXT(result.output, expected);
	HARNESS_RUN(&result, lab_of(state), "exec", "a", "--", "sh", "-c", "echo x$BUSBAR_CONFIG");
	T_TEXT(result.output, "x\n");
}

static void exec_failures(void **state)
{
	struct result result;

	HARNESS_RUN(&result, lab_of(state), "exec", "nobody", "--", "true");
	T_EQ(result.status, 125);
	T_TRUE(strstr(result.output, "no such node"));
	HARNESS_RUN(&result, lab_of(state), "exec", "a", "--", "/nonexistent/program");
	T_EQ(result.status, 127);
	HARNESS_RUN(&result, lab_of(state), "exec", "a", "--", "sh", "-c", "kill -KILL $$");
	T_EQ(result.status, 128 + SIGKILL);
	HARNESS_RUN(&result, lab_of(state), "exec", "a");
	T_EQ(result.status, 2);
	HARNESS_RUN(&result, "nosuchlab", "exec", "a", "--", "true");
	T_EQ(result.status, 125);
}

static void exec_forwards_signals(void **state)
{
	const char *const words[] = {"exec", "a",
	                             "--",   "sh",
	                             "-c",   "trap 'exit 5' TERM; echo started; while :; do read x; done",
	                             NULL};
	struct running running = harness_start(lab_of(state), words);
	struct result result;

	T_TRUE(harness_expect(&running, "started"));
	T_EQ(kill(running.pid, SIGTERM), 0);
	harness_finish(&running, &result);
	T_EQ(result.status, 5);
}

/* The output ends when the last process that holds it is gone: the shell's child too. */
static void exec_dies_with_its_client(void **state)
{
	const char *const words[] = {"exec", "a", "--", "sh", "-c", "tail -f /dev/null & echo started; wait",
	                             NULL};
	struct running running = harness_start(lab_of(state), words);
	struct result result;

	T_TRUE(harness_expect(&running, "started"));
	T_EQ(kill(running.pid, SIGKILL), 0);
	harness_finish(&running, &result);
	T_EQ(result.status, 128 + SIGKILL);
}

static void nodes_are_separate(void **state)
{
	char a[64], b[64], host[64];
	struct result result;
	ssize_t size = readlink("/proc/self/ns/net", host, sizeof(host) - 1);

	host[size] = '\0';
	harness_namespace(lab_of(state), "a", a);
	harness_namespace(lab_of(state), "b", b);
	T_TRUE(strcmp(a, b) != 0 && strcmp(a, host) != 0);
	HARNESS_RUN(&result, lab_of(state), "exec", "b", "--", "sh", "-c",
	            "cd /proc/sys/net; cat ipv6/conf/all/forwarding ipv4/ip_forward ipv6/conf/c/seg6_enabled "
	            "ipv6/conf/c/accept_dad ipv6/conf/c/accept_ra");
	T_TEXT(result.output, "1\n1\n1\n0\n0\n");
	HARNESS_RUN(
	        &result, lab_of(state), "exec", "pc", "--", "sh", "-c",
	        "cd /proc/sys/net; cat ipv6/conf/all/forwarding ipv6/conf/a/seg6_enabled; cat /proc/1/comm");
	T_TEXT(result.output, "0\n1\nlab-supervisor\n");
}

/*
 * An upper bound on time is the lab's only where the machine gave it its processors: a machine that took them
 * away makes a measurement worthless, a lab that is late is late every time.
 */
enum { MEASUREMENTS = 5 };

static void check_delay(const char *lab, const char *node, const char *address, long long round_trip)
{
	struct echo_result echo;

	(void)harness_echo(lab, node, address, "1", "100", "0"); /* neighbours get to know each other */
	for (int i = 0; i < MEASUREMENTS; i++) {
		echo = harness_echo(lab, node, address, "200", "100", "2000");
		T_EQ(echo.received, 200);
		T_TRUE(echo.min_ns >= round_trip);
		if (echo.p50_ns < round_trip + MILLISECOND)
			return;
	}
	fail_msg("late: %lld ns", echo.p50_ns);
}

static void delays(void **state)
{
	check_delay(lab_of(state), "pc", "2001:db8:1::1", 2 * MILLISECOND);
	check_delay(lab_of(state), "a", "2001:db8:1::2", 2 * MILLISECOND);
	check_delay(lab_of(state), "a", "fd00:1::2", 20 * MILLISECOND);
	T_TRUE(harness_counter(lab_of(state), WIRE_AB, "frames") >= 400);
	T_EQ(harness_counter(lab_of(state), WIRE_AB, "dropped"), 0);
	T_EQ(harness_counter(lab_of(state), WIRE_AB, "missed"), 0);
	T_EQ(harness_counter(lab_of(state), WIRE_AB, "failed"), 0);
}

static void largest_packets(void **state)
{
	T_EQ(harness_echo(lab_of(state), "a", "fd00:1::2", "20", "2000", "1000").received, 20);
	T_EQ(harness_echo(lab_of(state), "a", "fd00:1::2", "20", "2001", "1000").refused, 20);
	T_EQ(harness_echo(lab_of(state), "pc", "2001:db8:1::1", "20", "1500", "1000").received, 20);
	T_EQ(harness_echo(lab_of(state), "pc", "2001:db8:1::1", "20", "1501", "1000").refused, 20);
}

/* Whether what came back was spaced by the rate: two delays, up to 20 ms of queue, two frames. */
static bool is_spaced(const struct echo_result *echo)
{
	double bits_per_second =
	        (double)(echo->received - 1) * (1000 + 14) * 8 / ((double)echo->span_ns / 1e9);

	return bits_per_second > 9.0e6 && bits_per_second < 10.5e6 && echo->received < 500 &&
	       echo->p50_ns > 20 * MILLISECOND && echo->p50_ns < 26 * MILLISECOND;
}

/* 40 Mbit/s offered to 10: what comes back is spaced by the rate, the rest was dropped and counted. */
static void rate(void **state)
{
	(void)harness_echo(lab_of(state), "b", "fd00:2::2", "1", "100", "0");
	for (int i = 0; i < MEASUREMENTS; i++) {
		long long dropped = harness_counter(lab_of(state), WIRE_BC, "dropped");
		struct echo_result echo =
		        harness_echo(lab_of(state), "b", "fd00:2::2", "1000", "1000", "200");

		dropped = harness_counter(lab_of(state), WIRE_BC, "dropped") - dropped;
		T_TRUE(dropped >= 1000 - echo.received);
		if (is_spaced(&echo))
			return;
	}
	fail_msg("what came back was not spaced by the rate");
}

static void loss(void **state)
{
	struct echo_result echo = harness_echo(lab_of(state), "c", "fd00:3::2", "3000", "100", "200");

	/* 0.8 x 0.8 come back: 1920, with a standard deviation of 26; fewer while neighbours are found. */
	T_TRUE(echo.received > 1700 && echo.received < 2050);
	T_TRUE(harness_counter(lab_of(state), WIRE_CD, "lost") > 800);
	T_EQ(harness_counter(lab_of(state), WIRE_CD, "dropped"), 0);
}

static void check_daemon(const char *lab, const char *node, const char *expected)
{
	char daemon[16];

	harness_daemon(lab, node, daemon);
	T_TEXT(daemon, expected);
}

static void kill_start_stop(void **state)
{
	struct result result;

	HARNESS_RUN(&result, lab_of(state), "kill", "b");
	T_EQ(result.status, 0);
	check_daemon(lab_of(state), "b", "stopped");
	check_daemon(lab_of(state), "a", "ready");
	HARNESS_RUN(&result, lab_of(state), "stop", "b");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "not running"));
	HARNESS_RUN(&result, lab_of(state), "start", "b");
	T_EQ(result.status, 0);
	check_daemon(lab_of(state), "b", "ready");
	HARNESS_RUN(&result, lab_of(state), "start", "b");
	T_EQ(result.status, 1);
	HARNESS_RUN(&result, lab_of(state), "stop", "b");
	T_EQ(result.status, 0);
	check_daemon(lab_of(state), "b", "stopped");
	HARNESS_RUN(&result, lab_of(state), "kill", "pc");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "not a gateway"));
}

static long long daemon_pid(const char *lab, size_t node)
{
	json_t *status = harness_status(lab);
	json_t *daemon = json_object_get(json_array_get(json_object_get(status, "nodes"), node), "daemon");
	long long pid = json_integer_value(json_object_get(daemon, "pid"));

	json_decref(status);
	return pid;
}

static void death_is_noticed_and_left(void **state)
{
	char pid[32];
	struct result result;

	snprintf(pid, sizeof(pid), "%lld", daemon_pid(lab_of(state), 2));
	HARNESS_RUN(&result, lab_of(state), "exec", "c", "--", "kill", "-KILL", pid);
	T_EQ(result.status, 0);
	check_daemon(lab_of(state), "c", "dead");
	HARNESS_RUN(&result, lab_of(state), "status");
	T_TRUE(strstr(result.output, "dead (signal 9)"));
	HARNESS_RUN(&result, lab_of(state), "start", "c");
	T_EQ(result.status, 0);
}

static void two_labs(void **state)
{
	char other[HARNESS_NAME], one_namespace[64], other_namespace[64];

	harness_up(harness_name(other, "two"));
	harness_namespace(lab_of(state), "a", one_namespace);
	harness_namespace(other, "a", other_namespace);
	T_TRUE(strcmp(one_namespace, other_namespace) != 0);
	T_EQ(harness_echo(lab_of(state), "a", "fd00:1::2", "5", "100", "1000").received, 5);
	T_EQ(harness_echo(other, "a", "fd00:1::2", "5", "100", "1000").received, 5);
	harness_down(other);
	harness_expect_nothing(other);
	T_EQ(harness_echo(lab_of(state), "a", "fd00:1::2", "5", "100", "1000").received, 5);
}

static void nothing_is_left(void **state)
{
	char name[HARNESS_NAME], namespace_text[64];
	const char *const words[] = {"exec", "b", "--", "sh", "-c", "echo started; setsid tail -f /dev/null",
	                             NULL};
	struct running running;
	struct result result;

	harness_up(harness_name(name, "three"));
	running = harness_start(name, words);
	T_TRUE(harness_expect(&running, "started"));
	harness_namespace(name, "b", namespace_text);
	T_TRUE(harness_processes(name) >= 6);
	T_TRUE(harness_namespace_is_used(namespace_text));
	harness_down(name);
	harness_finish(&running, &result);
	harness_expect_nothing(name);
	T_TRUE(!harness_namespace_is_used(namespace_text));
	HARNESS_RUN(&result, name, "down");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "not running"));
}

/* A control group with a process of the lab in it, where the hierarchy can be written. */
static bool make_group(const char *lab, char path[128])
{
	char command[512];
	struct result result;
	const char *root =
	        access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";

	snprintf(path, 128, "%s/busbar-lab-%s", root, lab);
	snprintf(command, sizeof(command),
	         "mkdir -p %s/a/task && { setsid tail -f /dev/null >/dev/null 2>&1 & "
	         "echo $! >%s/a/task/cgroup.procs; }",
	         path, path);
	HARNESS_RUN(&result, lab, "exec", "a", "--", "sh", "-c", command);
	return result.status == 0;
}

static void kill_supervisor(const char *lab)
{
	json_t *status = harness_status(lab);
	pid_t pid = (pid_t)json_integer_value(json_object_get(status, "pid"));
	struct pollfd death = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

	json_decref(status);
	T_TRUE(death.fd >= 0);
	T_EQ(kill(pid, SIGKILL), 0);
	T_EQ(poll(&death, 1, 10000), 1);
	close(death.fd);
}

static void killed_supervisor_leaves_nothing_that_runs(void **state)
{
	char name[HARNESS_NAME], other[HARNESS_NAME], namespace_text[64], group[128], folder[128];
	struct result result;
	bool has_group;

	harness_up(harness_name(name, "four"));
	has_group = make_group(name, group);
	harness_namespace(name, "a", namespace_text);
	kill_supervisor(name);
	T_EQ(harness_processes(name), 0);
	T_TRUE(!harness_namespace_is_used(namespace_text));
	HARNESS_RUN(&result, name, "status");
	T_EQ(result.status, 1);
	/* What lies on file systems is swept by whichever lab starts next. */
	snprintf(folder, sizeof(folder), "/run/busbar-lab/%s", name);
	T_EQ(access(folder, F_OK), 0);
	T_TRUE(!has_group || access(group, F_OK) == 0);
	harness_up(harness_name(other, "five"));
	harness_expect_nothing(name);
	harness_down(other);
	harness_expect_nothing(other);
}

static void killed_lab_starts_again(void **state)
{
	char name[HARNESS_NAME], group[128];

	harness_up(harness_name(name, "six"));
	(void)make_group(name, group);
	kill_supervisor(name);
	harness_up(name);
	T_TRUE(access(group, F_OK) < 0);
	harness_down(name);
	harness_expect_nothing(name);
}

static void failing_daemon(void **state)
{
	char name[HARNESS_NAME];
	struct result result;

	setenv("BUSBAR_TEST_FAIL", "c", 1);
	HARNESS_RUN(&result, harness_name(name, "seven"), "up");
	unsetenv("BUSBAR_TEST_FAIL");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "c: the gateway's daemon ended with status 9\n"));
	T_TRUE(strstr(result.output, "the last words"));
	harness_expect_nothing(name);
}

static void silent_daemon(void **state)
{
	char name[HARNESS_NAME];
	struct result result;

	setenv("BUSBAR_TEST_SILENT", "d", 1);
	HARNESS_RUN(&result, harness_name(name, "eight"), "up");
	unsetenv("BUSBAR_TEST_SILENT");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "d: the gateway's daemon was not ready in time"));
	harness_expect_nothing(name);
}

/* The command that brings a lab up is interrupted: the lab goes as well. */
static void interrupted_up(void **state)
{
	const char *const words[] = {"up", NULL};
	char name[HARNESS_NAME], path[128];
	struct running running;
	struct result result;

	setenv("BUSBAR_TEST_SILENT", "d", 1);
	running = harness_start(harness_name(name, "nine"), words);
	unsetenv("BUSBAR_TEST_SILENT");
	snprintf(path, sizeof(path), "/run/busbar-lab/%s/control", name);
	for (int i = 0; i < 2000 && access(path, F_OK) < 0; i++)
		poll(NULL, 0, 1);
	T_EQ(kill(running.pid, SIGKILL), 0);
	harness_finish(&running, &result);
	snprintf(path, sizeof(path), "/run/busbar-lab/%s", name);
	for (int i = 0; i < 10000 && (access(path, F_OK) == 0 || harness_processes(name) > 0); i++)
		poll(NULL, 0, 1);
	harness_expect_nothing(name);
}

static void wrong_topology(void **state)
{
	char name[HARNESS_NAME];
	struct result result;

	HARNESS_RUN(&result, harness_name(name, "ten"), "--file", "/nonexistent.yaml", "up");
	T_EQ(result.status, 1);
	T_TRUE(strstr(result.output, "/nonexistent.yaml"));
	harness_expect_nothing(name);
	HARNESS_RUN(&result, "Bad/Name", "up");
	T_EQ(result.status, 2);
}

static void run_passes_the_status(void **state)
{
	char name[HARNESS_NAME];
	struct result result;

	HARNESS_RUN(&result, harness_name(name, "eleven"), "run", "sh", "-c",
	            "echo $BUSBAR_LAB; $BUSBAR_LAB_COMMAND exec a -- sh -c 'echo in $BUSBAR_NODE'; exit 6");
	T_EQ(result.status, 6);
	T_TRUE(strstr(result.output, name));
	T_TRUE(strstr(result.output, "in a\n"));
	harness_expect_nothing(name);
	HARNESS_RUN(&result, name, "run", "/nonexistent/script");
	T_EQ(result.status, 127);
	harness_expect_nothing(name);
}

static void interrupted_run(void **state)
{
	static const int numbers[] = {SIGTERM, SIGKILL};

	for (size_t i = 0; i < 2; i++) {
		const char *const words[] = {"run", "sh", "-c",
		                             "trap 'exit 4' TERM; echo started; while :; do read x; done",
		                             NULL};
		char name[HARNESS_NAME];
		struct running running = harness_start(harness_name(name, "twelve"), words);
		struct result result;

		T_TRUE(harness_expect(&running, "started"));
		T_EQ(kill(running.pid, numbers[i]), 0);
		if (numbers[i] == SIGKILL)
			close(running.input);
		harness_finish(&running, &result);
		T_EQ(result.status, numbers[i] == SIGTERM ? 4 : 128 + SIGKILL);
		for (int wait = 0; wait < 10000 && harness_processes(name) > 0; wait++)
			poll(NULL, 0, 1);
		harness_expect_nothing(name);
	}
}

static void logs_can_be_kept(void **state)
{
	char name[HARNESS_NAME], path[128], command[256];

	setenv("BUSBAR_LAB_KEEP", "1", 1);
	harness_up(harness_name(name, "thirteen"));
	unsetenv("BUSBAR_LAB_KEEP");
	harness_down(name);
	snprintf(path, sizeof(path), "/run/busbar-lab/%s.log/a.log", name);
	T_EQ(access(path, R_OK), 0);
	snprintf(path, sizeof(path), "/run/busbar-lab/%s.log/lab.log", name);
	T_EQ(access(path, R_OK), 0);
	snprintf(command, sizeof(command), "rm -r /run/busbar-lab/%s.log", name);
	T_EQ(system(command), 0);
	harness_expect_nothing(name);
}

int main(void)
{
	const struct CMUnitTest inside[] = {
	        cmocka_unit_test(status_shows_everything),
	        cmocka_unit_test(name_is_exclusive),
	        cmocka_unit_test(exec_passes_everything),
	        cmocka_unit_test(exec_failures),
	        cmocka_unit_test(exec_forwards_signals),
	        cmocka_unit_test(exec_dies_with_its_client),
	        cmocka_unit_test(nodes_are_separate),
	        cmocka_unit_test(delays),
	        cmocka_unit_test(largest_packets),
	        cmocka_unit_test(rate),
	        cmocka_unit_test(loss),
	        cmocka_unit_test(kill_start_stop),
	        cmocka_unit_test(death_is_noticed_and_left),
	        cmocka_unit_test(two_labs),
	        cmocka_unit_test(nothing_is_left),
	        cmocka_unit_test(killed_supervisor_leaves_nothing_that_runs),
	        cmocka_unit_test(killed_lab_starts_again),
	        cmocka_unit_test(failing_daemon),
	        cmocka_unit_test(silent_daemon),
	        cmocka_unit_test(interrupted_up),
	        cmocka_unit_test(wrong_topology),
	        cmocka_unit_test(run_passes_the_status),
	        cmocka_unit_test(interrupted_run),
	        cmocka_unit_test(logs_can_be_kept),
	};
	const char *obstacle = harness_obstacle();

	if (obstacle) {
		printf("1..0 # SKIP %s\n", obstacle);
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lab", inside, setup, teardown);
}
