/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor is a grandchild: its parent only makes the namespaces, and this process stays outside. */
#include "lab/launch.h"

#include "base/clock.h"
#include "base/error.h"
#include "lab/client.h"
#include "lab/run_folder.h"
#include "lab/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY = 8 * 1024 * 1024 };
#define MEASURE_TIME (20 * CLOCK_SECOND)

static int complain(const char *name, const char *what, const char *detail)
{
	fprintf(stderr, "busbar-lab: lab '%s': %s%s%s\n", name, what, detail ? ": " : "",
	        detail ? detail : "");
	return EXIT_FAILURE;
}

/* The daemon beside this program: installed in the same folder, or built in the folder next to it. */
static const char *find_daemon(char path[PATH_MAX])
{
	static const char *const places[] = {"busbard", "../daemon/busbard"};
	char program[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (size < 0)
		return "busbard";
	program[size] = '\0';
	slash = strrchr(program, '/');
	*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int length = snprintf(path, PATH_MAX, "%s/%s", program, places[i]);

		if (length < PATH_MAX && access(path, X_OK) == 0)
			return path;
	}
	return "busbard";
}

/* The daemon is run in other folders: a relative path must not depend on this one. */
static const char *choose_daemon(const char *wanted, char path[PATH_MAX])
{
	if (!wanted)
		return find_daemon(path);
	if (strchr(wanted, '/') && realpath(wanted, path))
		return path;
	return wanted;
}

static double measure_host(const char *daemon)
{
	const char *arguments[] = {daemon, "--measure", NULL};
	double value;

	return process_measure(arguments, MEASURE_TIME, &value) < 0 ? 0 : value;
}

/* In the process between: it is gone when the supervisor runs. */
static void start_from_between(const struct lab_options *options, const struct topology *topology, int lock,
                               int leash)
{
	pid_t pid = -1;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) == 0)
		pid = fork();
	if (pid == 0)
		supervisor_run(options, topology, lock, leash);
	if (pid < 0 && control_send_reply(leash, -errno, "cannot create namespaces (root is needed)") < 0)
		fputs("busbar-lab: the command is gone\n", stderr);
	_exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Positive or 0: this end of the leash. */
static int start_supervisor(const struct lab_options *options, const struct topology *topology, int lock)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		start_from_between(options, topology, lock, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ends[0];
}

static int await_start(const char *name, int leash, struct arena *arena)
{
	struct control_reply reply, end;
	int code = control_receive_reply(leash, arena, &reply);

	if (code < 0)
		return complain(name, "no answer from the supervisor", error_text(code));
	if (code == 0)
		return complain(name, "the supervisor was ended", NULL);
	if (reply.code >= 0)
		return EXIT_SUCCESS;
	/* Its socket closes when nothing of the lab is left. */
	if (control_receive_reply(leash, arena, &end) != 0)
		complain(name, "the supervisor does not end", NULL);
	return complain(name, reply.text, NULL);
}

/* EXIT_SUCCESS with the leash in *ret_leash, to be closed by the caller. */
static int start(const struct launch *launch, bool is_leashed, struct arena *arena, int *ret_leash)
{
	struct config_problem problem;
	struct topology topology;
	char path[PATH_MAX];
	struct lab_options options = {
	        .name = launch->name,
	        .daemon = choose_daemon(launch->daemon, path),
	        .keep_logs = getenv("BUSBAR_LAB_KEEP") != NULL,
	        .is_leashed = is_leashed,
	};
	int lock, leash, code, status;

	if (topology_read(launch->file, arena, &topology, &problem) < 0)
		return complain(launch->name, problem.text, NULL);
	code = run_folder_take(launch->name, &lock);
	if (code < 0)
		return complain(launch->name, code == BUSBAR_ERROR_STATE ? "runs already" : RUN_FOLDER_ROOT,
		                code == BUSBAR_ERROR_STATE ? NULL : error_text(code));
	options.core_gflops = measure_host(options.daemon);
	leash = start_supervisor(&options, &topology, lock);
	status = leash < 0 ? complain(launch->name, "cannot start the supervisor", error_text(leash))
	                   : await_start(launch->name, leash, arena);
	close(lock);
	if (status != EXIT_SUCCESS && leash >= 0)
		close(leash);
	if (status == EXIT_SUCCESS)
		*ret_leash = leash;
	return status;
}

int launch_up(const struct launch *launch)
{
	struct arena *arena = arena_create(MEMORY);
	int leash;
	int status = arena ? start(launch, false, arena, &leash) : EXIT_FAILURE;

	if (status == EXIT_SUCCESS)
		close(leash);
	arena_free(arena);
	return status;
}

/* Interrupts from a terminal reach the script by themselves; all others are passed on. */
static int await_script(pid_t script, const sigset_t *signals)
{
	int wait_status = 0;
	siginfo_t information;

	for (;;) {
		int number = sigwaitinfo(signals, &information);

		if (number == SIGCHLD && waitpid(script, &wait_status, WNOHANG) == script)
			return process_exit_code(wait_status);
		if (number > 0 && number != SIGCHLD && information.si_code <= 0)
			(void)kill(script, number);
	}
}

static void script_run(const struct launch *launch, const char *const *script)
{
	char program[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	sigset_t none;

	/* A script without its lab has nothing more to do. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	program[size > 0 ? size : 0] = '\0';
	if (setenv("BUSBAR_LAB", launch->name, 1) == 0 && setenv("BUSBAR_LAB_COMMAND", program, 1) == 0)
		execvp(script[0], (char *const *)(uintptr_t)script);
	fprintf(stderr, "busbar-lab: cannot run '%s': %s\n", script[0], strerror(errno));
	_exit(errno == ENOENT ? PROCESS_NOT_FOUND : PROCESS_CANNOT_RUN);
}

static int run_script(const struct launch *launch, const char *const *script)
{
	static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t signals;
	pid_t pid;

	sigemptyset(&signals);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&signals, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	pid = fork();
	if (pid == 0)
		script_run(launch, script);
	if (pid < 0)
		return complain(launch->name, "cannot run the script", strerror(errno));
	return await_script(pid, &signals);
}

int launch_run(const struct launch *launch, const char *const *script)
{
	struct arena *arena = arena_create(MEMORY);
	int leash;
	int status = arena ? start(launch, true, arena, &leash) : EXIT_FAILURE;

	if (status == EXIT_SUCCESS) {
		status = run_script(launch, script);
		if (client_down(launch->name) != EXIT_SUCCESS && status == EXIT_SUCCESS)
			status = EXIT_FAILURE;
		close(leash);
	}
	arena_free(arena);
	return status;
}
