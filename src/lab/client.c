/* SPDX-License-Identifier: Apache-2.0 */
/* Every function opens a connection of its own: one request each. */
#include "lab/client.h"

#include "base/error.h"
#include "lab/report.h"
#include "lab/run_folder.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REPLY_MEMORY = 4 * CONTROL_TEXT };

static int complain(const char *lab, int code, const char *what)
{
	fprintf(stderr, "busbar-lab: lab '%s': %s%s%s\n", lab, what, code < 0 && what[0] ? ": " : "",
	        code < 0 ? error_text(code) : "");
	return EXIT_FAILURE;
}

static int connect_lab(const char *lab)
{
	char path[PATH_MAX];
	int fd = control_connect(run_folder_path(path, lab, "control"));

	if (fd == -ENOENT || fd == -ECONNREFUSED)
		complain(lab, 0, "not running");
	else if (fd < 0)
		complain(lab, fd, "cannot be reached");
	return fd;
}

/* The supervisor's process as this command sees it. */
static pid_t peer_of(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

/* Exit status; the reply's text lies in the arena. */
static int ask(const char *lab, int fd, enum control_command command, const char *node, struct arena *arena,
               struct control_reply *reply)
{
	struct control_request request = {.command = command, .files = {-1, -1, -1, -1}};
	int code;

	if (strlen(node) >= sizeof(request.node))
		return complain(lab, 0, "no such node");
	memcpy(request.node, node, strlen(node) + 1);
	code = control_send_request(fd, &request);
	if (code >= 0)
		code = control_receive_reply(fd, arena, reply);
	if (code < 0)
		return complain(lab, code, "no answer");
	if (code == 0)
		return complain(lab, 0, "the supervisor is gone");
	if (reply->code < 0)
		return complain(lab, 0, reply->text);
	return EXIT_SUCCESS;
}

int client_status(const char *lab, bool as_json)
{
	struct arena *arena = arena_create(REPLY_MEMORY);
	int fd = arena ? connect_lab(lab) : -ENOMEM;
	struct control_reply reply;
	int status = EXIT_FAILURE;
	int code;

	if (fd >= 0) {
		status = ask(lab, fd, CONTROL_STATUS, "", arena, &reply);
		code = status == EXIT_SUCCESS ? report_print(stdout, reply.text, peer_of(fd), as_json) : 0;
		if (code < 0)
			status = complain(lab, code, "status");
		close(fd);
	}
	arena_free(arena);
	return status;
}

int client_order(const char *lab, enum control_command command, const char *node)
{
	struct arena *arena = arena_create(REPLY_MEMORY);
	int fd = arena ? connect_lab(lab) : -ENOMEM;
	struct control_reply reply;
	int status = EXIT_FAILURE;

	if (fd >= 0) {
		status = ask(lab, fd, command, node, arena, &reply);
		close(fd);
	}
	arena_free(arena);
	return status;
}

int client_down(const char *lab)
{
	struct arena *arena = arena_create(REPLY_MEMORY);
	int fd = arena ? connect_lab(lab) : -ENOMEM;
	struct control_reply reply;
	int status = EXIT_FAILURE;
	struct pollfd death = {.fd = -1, .events = POLLIN};

	if (fd >= 0) {
		pid_t supervisor = peer_of(fd);

		if (supervisor > 0)
			death.fd = (int)syscall(SYS_pidfd_open, supervisor, 0);
		status = ask(lab, fd, CONTROL_DOWN, "", arena, &reply);
		if (death.fd >= 0) {
			(void)poll(&death, 1, -1);
			close(death.fd);
		}
		close(fd);
	}
	arena_free(arena);
	return status;
}

/* A memory file with the command, this folder and this environment. */
static int pack_launch(const char *const *arguments)
{
	char folder[PATH_MAX];
	struct control_launch launch = {
	        .folder = getcwd(folder, sizeof(folder)) ? folder : "/",
	        .arguments = (const char **)(uintptr_t)arguments,
	        .environment = (const char **)(uintptr_t)environ,
	};

	return control_pack(&launch);
}

static int send_exec(int fd, const char *node, const char *const *arguments)
{
	struct control_request request = {.command = CONTROL_EXEC, .files = {0, 1, 2, -1}};
	int code;

	if (strlen(node) >= sizeof(request.node))
		return BUSBAR_ERROR_NOT_FOUND;
	memcpy(request.node, node, strlen(node) + 1);
	request.files[3] = pack_launch(arguments);
	if (request.files[3] < 0)
		return request.files[3];
	code = control_send_request(fd, &request);
	close(request.files[3]);
	return code;
}

/* Signals that are to reach the command and not this process. */
static int open_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int forward_signal(int signals, int fd)
{
	struct control_request request = {.command = CONTROL_SIGNAL, .files = {-1, -1, -1, -1}};
	struct signalfd_siginfo information;

	if (read(signals, &information, sizeof(information)) != sizeof(information))
		return -EIO;
	request.number = (int)information.ssi_signo;
	return control_send_request(fd, &request);
}

static int await_exec(const char *lab, int fd, int signals, struct arena *arena)
{
	struct pollfd watched[] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	struct control_reply reply;
	int code;

	do {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			break;
		if (watched[1].revents && forward_signal(signals, fd) < 0)
			break;
	} while (!watched[0].revents);
	code = control_receive_reply(fd, arena, &reply);
	if (code > 0 && reply.code >= 0)
		return reply.code;
	complain(lab, 0, code > 0 ? reply.text : "the lab ended");
	return CLIENT_EXEC_FAILED;
}

int client_exec(const char *lab, const char *node, const char *const *arguments)
{
	struct arena *arena = arena_create(REPLY_MEMORY);
	int fd = arena ? connect_lab(lab) : -ENOMEM;
	int status = CLIENT_EXEC_FAILED;

	if (fd >= 0) {
		int signals = open_signals();
		int code = signals < 0 ? signals : send_exec(fd, node, arguments);

		if (code < 0)
			complain(lab, code, "cannot send the command");
		else
			status = await_exec(lab, fd, signals, arena);
		if (signals >= 0)
			close(signals);
		close(fd);
	}
	arena_free(arena);
	return status;
}
