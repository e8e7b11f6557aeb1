/* SPDX-License-Identifier: Apache-2.0 */
/* All descriptors of this program are close-on-exec: a child has what it was given and nothing else. */
#include "lab/process.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBER_SIZE = 64, HIGH_FILE = 64 };

static void default_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Sources are first moved out of the way of the targets 0..3. */
static int place_files(const struct process *process)
{
	int sources[] = {process->files[0], process->files[1], process->files[2], process->ready};

	for (int i = 0; i < 4; i++) {
		if (sources[i] < 0)
			continue;
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, HIGH_FILE);
		if (sources[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 4; i++)
		if (sources[i] >= 0 && dup2(sources[i], i) < 0)
			return -errno;
	return 0;
}

static void child_fail(const char *what, const char *name)
{
	int code = errno == ENOENT ? PROCESS_NOT_FOUND : PROCESS_CANNOT_RUN;

	dprintf(STDERR_FILENO, "busbar-lab: cannot %s '%s': %s\n", what, name, strerror(errno));
	_exit(code);
}

static void child_run(const struct process *process)
{
	default_signals();
	(void)setsid();
	if (place_files(process) < 0)
		_exit(PROCESS_CANNOT_RUN);
	if (process->network >= 0 && setns(process->network, CLONE_NEWNET) < 0)
		child_fail("enter the namespace for", process->arguments[0]);
	if (chdir(process->folder) < 0)
		child_fail("enter", process->folder);
	environ = (char **)(uintptr_t)process->environment;
	execvp(process->arguments[0], (char *const *)(uintptr_t)process->arguments);
	child_fail("run", process->arguments[0]);
}

pid_t process_start(const struct process *process)
{
	pid_t pid = fork();

	if (pid == 0)
		child_run(process);
	return pid < 0 ? -errno : pid;
}

void process_kill(pid_t pid, int number)
{
	/* Before the child has reached setsid() there is no group yet. */
	if (kill(-pid, number) < 0)
		(void)kill(pid, number);
}

static bool defines(const char *entry, const char *name)
{
	size_t size = strlen(name);

	return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

const char **process_environment(struct arena *arena, const char *const *base,
                                 const struct process_variable *variables, size_t count)
{
	const char **environment;
	size_t size = 0, used = 0;

	while (base[size])
		size++;
	environment = arena_array(arena, size + count + 1, sizeof(*environment));
	if (!environment)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		bool replaced = false;

		for (size_t j = 0; j < count; j++)
			replaced = replaced || defines(base[i], variables[j].name);
		if (!replaced)
			environment[used++] = base[i];
	}
	for (size_t i = 0; i < count; i++) {
		environment[used] = arena_format(arena, "%s=%s", variables[i].name, variables[i].value);
		if (!environment[used++])
			return NULL;
	}
	return environment;
}

int process_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Reads until the end or the deadline, and keeps what fits. */
static int read_until(int fd, int64_t deadline, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		int64_t left = deadline - clock_monotonic(&clock_system);
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		char rest[NUMBER_SIZE];
		ssize_t got;

		if (left <= 0 || poll(&readable, 1, (int)(left / CLOCK_MILLISECOND) + 1) < 0)
			return left <= 0 ? BUSBAR_ERROR_TIME_LIMIT : -errno;
		if (readable.revents == 0)
			continue;
		got = read(fd, used + 1 < size ? text + used : rest,
		           used + 1 < size ? size - used - 1 : sizeof(rest));
		if (got <= 0)
			break;
		if (used + 1 < size)
			used += (size_t)got;
	}
	text[used] = '\0';
	return 0;
}

static int parse_number(const char *text, double *ret_value)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || value <= 0 || value > 1e9)
		return BUSBAR_ERROR_BAD_VALUE;
	*ret_value = value;
	return 0;
}

int process_measure(const char *const *arguments, int64_t timeout, double *ret_value)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct process process = {arguments, (const char *const *)environ, "/", -1, {null, -1, null}, -1};
	int64_t deadline = clock_monotonic(&clock_system) + timeout;
	char text[NUMBER_SIZE];
	int ends[2], status, code;
	pid_t pid;

	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		code = -errno;
		if (null >= 0)
			close(null);
		return code;
	}
	process.files[1] = ends[1];
	pid = process_start(&process);
	close(ends[1]);
	code = pid < 0 ? pid : read_until(ends[0], deadline, text, sizeof(text));
	if (pid > 0) {
		if (code < 0)
			process_kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (code >= 0 && process_exit_code(status) != 0)
			code = BUSBAR_ERROR_EXECUTION;
	}
	close(ends[0]);
	close(null);
	return code < 0 ? code : parse_number(text, ret_value);
}
