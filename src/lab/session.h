/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session: one connection of a command to the supervisor.
 *
 * It carries one request. `status` is answered at once; `kill`, `stop` and `start` when the gateway has got
 * there; `exec` when the command has ended; `down` when everything has. A command whose client goes away is
 * killed with its whole process group.
 */
#ifndef LAB_SESSION_H
#define LAB_SESSION_H

#include "lab/control.h"
#include <stdbool.h>
#include <sys/types.h>

enum { SESSION_MAXIMUM = 64 };

struct lab;

struct session {
	int socket; /* -1: unused */
	bool has_request;
	enum control_command command;
	size_t node;
	pid_t pid; /* exec: the command's; 0: none */
};

void session_open(struct session *session, int socket);
/* The socket is readable. */
void session_read(struct session *session, struct lab *lab);
/* A process that is neither a gateway nor the bridge was reaped; true when it was this session's. */
bool session_reaped(struct session *session, pid_t pid, int wait_status);
/* Answers when what was asked for has come about. */
void session_look(struct session *session, struct lab *lab);
/* Answers a `down` (or whatever else is open) at the very end. */
void session_end(struct session *session, int code, const char *text);

#endif
