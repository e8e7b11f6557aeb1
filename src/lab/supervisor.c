/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over poll(): signals, the leash, the control socket and its sessions, the daemons' ready
 * descriptors. After every round the lab and the sessions are looked at: whatever has come about is
 * answered, in no particular order of events.
 */
#include "lab/supervisor.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "lab/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WATCHED = 3 + SESSION_MAXIMUM + TOPOLOGY_GATEWAYS };

struct supervisor {
	struct lab *lab;
	int lock;
	int leash;   /* -1: let go */
	int signals; /* signalfd */
	int listening;
	struct pollfd watched[WATCHED];
	size_t count;
};

/* The host's mounts as they are, but nothing that is mounted from now on gets out; /proc is the lab's. */
static int enter_mounts(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return 0;
}

static int redirect_output(const char *lab)
{
	char path[PATH_MAX];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = open(run_folder_path(path, lab, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int code = 0;

	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		code = -errno;
	if (null > 2)
		close(null);
	if (log > 2)
		close(log);
	return code;
}

static int open_signals(void)
{
	static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void let_go(struct supervisor *supervisor)
{
	close(supervisor->leash);
	supervisor->leash = -1;
}

static void tell(struct supervisor *supervisor, int code, const char *text)
{
	if (supervisor->leash >= 0 && control_send_reply(supervisor->leash, code, text) < 0)
		log_notice("supervisor", "leash=broken");
}

static void reap_one(struct supervisor *supervisor, pid_t pid, int wait_status)
{
	struct lab *lab = supervisor->lab;

	if (pid == lab->bridge_pid) {
		lab->bridge_pid = 0;
		log_error("supervisor", "bridge=ended status=%d", process_exit_code(wait_status));
		return;
	}
	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		if (lab->gateways[i].pid == pid) {
			gateway_ended(&lab->gateways[i], wait_status);
			return;
		}
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		if (session_reaped(&lab->sessions[i], pid, wait_status))
			return;
}

static void reap(struct supervisor *supervisor)
{
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		reap_one(supervisor, pid, wait_status);
}

static void read_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo information;

	while (read(supervisor->signals, &information, sizeof(information)) == sizeof(information)) {
		if (information.ssi_signo == SIGCHLD)
			reap(supervisor);
		else
			lab_stop(supervisor->lab, NULL);
	}
}

/* Nothing is expected on the leash but its end. */
static void read_leash(struct supervisor *supervisor)
{
	char byte;

	if (recv(supervisor->leash, &byte, sizeof(byte), MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return;
	let_go(supervisor);
	if (supervisor->lab->state == LAB_STARTING || supervisor->lab->options.is_leashed)
		lab_stop(supervisor->lab, NULL);
}

static void accept_session(struct supervisor *supervisor)
{
	int socket = accept4(supervisor->listening, NULL, NULL, SOCK_CLOEXEC);

	if (socket < 0)
		return;
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		if (supervisor->lab->sessions[i].socket < 0) {
			session_open(&supervisor->lab->sessions[i], socket);
			return;
		}
	if (control_send_reply(socket, BUSBAR_ERROR_TABLE_FULL, "too many commands at once") < 0)
		log_notice("supervisor", "refusal=lost");
	close(socket);
}

static void watch(struct supervisor *supervisor, int fd)
{
	supervisor->watched[supervisor->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Negative descriptors are watched too: poll() passes over them, and positions stay fixed. */
static void watch_all(struct supervisor *supervisor)
{
	struct lab *lab = supervisor->lab;

	supervisor->count = 0;
	watch(supervisor, supervisor->signals);
	watch(supervisor, supervisor->leash);
	watch(supervisor, supervisor->listening);
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		watch(supervisor, lab->sessions[i].socket);
	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		watch(supervisor, lab->gateways[i].ready);
}

static bool is_ready(const struct supervisor *supervisor, size_t position, int fd)
{
	const struct pollfd *watched = &supervisor->watched[position];

	return fd >= 0 && watched->fd == fd && watched->revents != 0;
}

static void serve(struct supervisor *supervisor)
{
	struct lab *lab = supervisor->lab;

	if (is_ready(supervisor, 0, supervisor->signals))
		read_signals(supervisor);
	if (is_ready(supervisor, 1, supervisor->leash))
		read_leash(supervisor);
	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		if (is_ready(supervisor, 3 + SESSION_MAXIMUM + i, lab->gateways[i].ready))
			gateway_read_ready(&lab->gateways[i]);
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		if (is_ready(supervisor, 3 + i, lab->sessions[i].socket))
			session_read(&lab->sessions[i], lab);
	if (is_ready(supervisor, 2, supervisor->listening))
		accept_session(supervisor);
}

static int64_t earliest_deadline(const struct lab *lab)
{
	int64_t deadline = lab->state == LAB_STOPPING ? lab->deadline : INT64_MAX;

	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		if (lab->gateways[i].state == GATEWAY_STARTING)
			deadline = MINIMUM(deadline, lab->gateways[i].deadline);
	return deadline;
}

static int poll_timeout(const struct lab *lab)
{
	int64_t deadline = earliest_deadline(lab);
	int64_t left;

	if (deadline == INT64_MAX)
		return -1;
	left = (deadline - clock_monotonic(&clock_system)) / CLOCK_MILLISECOND + 1;
	return left < 0 ? 0 : (int)MINIMUM(left, 3600 * 1000);
}

static bool is_over(const struct lab *lab)
{
	if (lab->state != LAB_STOPPING)
		return false;
	if (clock_monotonic(&clock_system) >= lab->deadline)
		return true;
	for (size_t i = 0; i < lab->topology->gateways.count; i++)
		if (gateway_is_alive(&lab->gateways[i]))
			return false;
	return true;
}

static void look(struct supervisor *supervisor)
{
	struct lab *lab = supervisor->lab;
	bool was_starting = lab->state == LAB_STARTING;

	lab_look(lab);
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		session_look(&lab->sessions[i], lab);
	if (was_starting && lab->state == LAB_READY)
		tell(supervisor, 0, "");
}

static void loop(struct supervisor *supervisor)
{
	while (!is_over(supervisor->lab)) {
		watch_all(supervisor);
		if (poll(supervisor->watched, supervisor->count, poll_timeout(supervisor->lab)) < 0 &&
		    errno != EINTR)
			lab_stop(supervisor->lab, strerror(errno));
		else
			serve(supervisor);
		look(supervisor);
	}
}

static int prepare(struct supervisor *supervisor)
{
	struct lab *lab = supervisor->lab;
	char path[PATH_MAX];
	int code = lab_build(lab);

	for (size_t i = 0; code >= 0 && i < lab->topology->gateways.count; i++) {
		code = lab_start_gateway(lab, i);
		if (code < 0)
			snprintf(lab->cause, sizeof(lab->cause), "%s: cannot start: %s",
			         lab->gateways[i].name, error_text(code));
	}
	if (code < 0)
		return code;
	supervisor->listening = control_listen(run_folder_path(path, lab->options.name, "control"));
	if (supervisor->listening < 0)
		snprintf(lab->cause, sizeof(lab->cause), "cannot listen for commands: %s",
		         error_text(supervisor->listening));
	return supervisor->listening;
}

/* Everything that this process can see is the lab's. */
static void end_processes(void)
{
	(void)kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void finish(struct supervisor *supervisor)
{
	struct lab *lab = supervisor->lab;
	bool failed = lab->cause[0] != '\0';
	int code;

	end_processes();
	code = run_folder_drop(lab->options.name, lab->options.keep_logs);
	if (code < 0)
		log_error("supervisor", "left=behind cause=\"%s\"", error_text(code));
	if (failed)
		tell(supervisor, BUSBAR_ERROR_EXECUTION, lab->cause);
	for (size_t i = 0; i < SESSION_MAXIMUM; i++)
		if (lab->sessions[i].socket >= 0)
			session_end(&lab->sessions[i], code, code < 0 ? "something was left behind" : "");
	lab_free(lab);
}

void supervisor_run(const struct lab_options *options, const struct topology *topology, int lock, int leash)
{
	struct supervisor supervisor = {.lock = lock, .leash = leash, .signals = -1, .listening = -1};
	int code = enter_mounts();

	supervisor.lab = lab_create(options, topology);
	if (!supervisor.lab || code < 0) {
		tell(&supervisor, code < 0 ? code : -ENOMEM, "cannot set up the supervisor");
		_exit(run_folder_drop(options->name, false) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	prctl(PR_SET_NAME, "lab-supervisor");
	(void)setsid();
	log_set_node(options->name);
	supervisor.signals = open_signals();
	code = redirect_output(options->name);
	if (code >= 0)
		code = supervisor.signals < 0 ? supervisor.signals : prepare(&supervisor);
	if (code >= 0)
		loop(&supervisor);
	else if (supervisor.lab->cause[0] == '\0')
		snprintf(supervisor.lab->cause, LAB_CAUSE, "cannot set up the supervisor: %s",
		         error_text(code));
	finish(&supervisor);
	close(supervisor.lock);
	_exit(EXIT_SUCCESS);
}
