/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the programs come from the build, through the environment. */
#include "../t.h"

#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail_msg("%s is not set", name);
	return value;
}

const char *harness_obstacle(void)
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		return "root is needed";
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) == 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	if (status != 0)
		return "namespaces cannot be made here";
	if (access("/proc/sys/net/ipv6/conf/all/seg6_enabled", W_OK) < 0)
		return "the kernel lacks SRv6, or its settings are read-only";
	return NULL;
}

const char *harness_name(char name[HARNESS_NAME], const char *suffix)
{
	snprintf(name, HARNESS_NAME, "t%ld-%s", (long)getpid(), suffix);
	return name;
}

static void child_run(const char *lab, const char *const *words, int input, int output)
{
	const char *arguments[HARNESS_WORDS + 8] = {
	        setting("LAB_PROGRAM"), "--name", lab, "--file", setting("LAB_TOPOLOGY"), "--busbard",
	        setting("LAB_DAEMON")};

	for (size_t i = 0; words[i]; i++) {
		arguments[7 + i] = words[i];
		arguments[8 + i] = NULL;
	}
	dup2(input, 0);
	dup2(output, 1);
	dup2(output, 2);
	execv(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(99);
}

struct running harness_start(const char *lab, const char *const *words)
{
	struct running running;
	int input[2], output[2];

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	running.pid = fork();
	if (running.pid == 0)
		child_run(lab, words, input[0], output[1]);
	assert_true(running.pid > 0);
	close(input[0]);
	close(output[1]);
	running.input = input[1];
	running.output = output[0];
	return running;
}

void harness_finish(struct running *running, struct result *result)
{
	size_t used = 0;
	ssize_t size;
	int status;

	close(running->input);
	while (used + 1 < sizeof(result->output) &&
	       (size = read(running->output, result->output + used, sizeof(result->output) - used - 1)) > 0)
		used += (size_t)size;
	result->output[used] = '\0';
	close(running->output);
	assert_int_equal(waitpid(running->pid, &status, 0), running->pid);
	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool harness_expect(struct running *running, const char *text)
{
	char output[4096];
	size_t used = 0;

	while (used + 1 < sizeof(output) && read(running->output, output + used, 1) == 1) {
		output[++used] = '\0';
		if (strstr(output, text))
			return true;
	}
	return false;
}

void harness_run(struct result *result, const char *lab, const char *const *words)
{
	struct running running = harness_start(lab, words);

	harness_finish(&running, result);
}

void harness_up(const char *lab)
{
	struct result result;

	HARNESS_RUN(&result, lab, "up");
	if (result.status != 0)
		fail_msg("up: %d %s", result.status, result.output);
}

void harness_down(const char *lab)
{
	struct result result;

	HARNESS_RUN(&result, lab, "down");
	if (result.status != 0)
		fail_msg("down: %d %s", result.status, result.output);
}

json_t *harness_status(const char *lab)
{
	struct result result;
	json_t *status;

	HARNESS_RUN(&result, lab, "--json", "status");
	T_EQ(result.status, 0);
	status = json_loads(result.output, 0, NULL);
	if (!status)
		fail_msg("not JSON: %s", result.output);
	return status;
}

void harness_daemon(const char *lab, const char *node, char state[16])
{
	json_t *status = harness_status(lab), *entry;
	size_t index;

	state[0] = '\0';
	json_array_foreach(json_object_get(status, "nodes"), index, entry)
	{
		json_t *daemon = json_object_get(entry, "daemon");

		if (strcmp(json_string_value(json_object_get(entry, "name")), node) == 0)
			snprintf(state, 16, "%s", json_string_value(json_object_get(daemon, "state")));
	}
	json_decref(status);
}

long long harness_counter(const char *lab, size_t wire, const char *counter)
{
	json_t *status = harness_status(lab);
	json_t *link = json_array_get(json_object_get(status, "links"), wire), *direction;
	long long sum = 0;
	size_t index;

	json_array_foreach(json_object_get(link, "directions"), index, direction)
	{
		sum += json_integer_value(json_object_get(direction, counter));
	}
	json_decref(status);
	return sum;
}

struct echo_result harness_echo(const char *lab, const char *node, const char *address, const char *count,
                                const char *size, const char *interval)
{
	struct echo_result echo;
	struct result result;

	HARNESS_RUN(&result, lab, "exec", node, "--", setting("LAB_ECHO"), address, count, size, interval);
	if (sscanf(result.output,
	           "sent %lld refused %lld received %lld min_ns %lld p50_ns %lld p99_ns %lld max_ns %lld "
	           "span_ns %lld",
	           &echo.sent, &echo.refused, &echo.received, &echo.min_ns, &echo.p50_ns, &echo.p99_ns,
	           &echo.max_ns, &echo.span_ns) != 8)
		fail_msg("echo: %d %s", result.status, result.output);
	printf("# %s to %s: %s", node, address, result.output);
	fflush(stdout);
	return echo;
}

void harness_namespace(const char *lab, const char *node, char text[64])
{
	struct result result;

	HARNESS_RUN(&result, lab, "exec", node, "--", "readlink", "/proc/self/ns/net");
	T_EQ(result.status, 0);
	T_TRUE(sscanf(result.output, "%63s", text) == 1);
}

/* Calls back for every process there is. */
static int count_processes(bool (*matches)(const char *pid, const char *what), const char *what)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(folder)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && matches(entry->d_name, what))
			count++;
	closedir(folder);
	return count;
}

/* The supervisor and the bridge have the lab among their words, all others in their environment. */
static bool belongs_to(const char *pid, const char *lab)
{
	static const char *const files[] = {"environ", "cmdline"};
	char path[64], text[1 << 15];

	for (size_t i = 0; i < 2; i++) {
		int fd;
		ssize_t size;

		snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		size = fd < 0 ? 0 : read(fd, text, sizeof(text));
		if (fd >= 0)
			close(fd);
		if (size > 0 && memmem(text, (size_t)size, lab, strlen(lab)))
			return true;
	}
	return false;
}

int harness_processes(const char *lab)
{
	return count_processes(belongs_to, lab);
}

static bool is_in_namespace(const char *pid, const char *text)
{
	char path[64], target[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	size = readlink(path, target, sizeof(target) - 1);
	target[size > 0 ? size : 0] = '\0';
	return strcmp(target, text) == 0;
}

bool harness_namespace_is_used(const char *text)
{
	return count_processes(is_in_namespace, text) > 0;
}

static void expect_no_groups(const char *lab)
{
	DIR *folder = opendir("/sys/fs/cgroup");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		char path[512];
		struct stat status;

		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/busbar-lab-%s", entry->d_name, lab);
		if (stat(path, &status) == 0)
			fail_msg("left: %s", path);
	}
	if (folder)
		closedir(folder);
}

void harness_expect_nothing(const char *lab)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[256];

	T_EQ(harness_processes(lab), 0);
	while (fgets(line, sizeof(line), mounts))
		if (strstr(line, lab))
			fail_msg("left: %s", line);
	fclose(mounts);
	snprintf(path, sizeof(path), "/run/busbar-lab/%s", lab);
	if (access(path, F_OK) == 0)
		fail_msg("left: %s", path);
	expect_no_groups(lab);
}
