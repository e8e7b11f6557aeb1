/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: the messages between the command and a lab's supervisor, over a SEQPACKET socket.
 *
 * One request per connection, answered by one reply; `exec` may be followed by signals. Descriptors travel
 * beside the bytes (SCM_RIGHTS). What is long, the words and the environment of a command, lies in a
 * memory file. Whoever may open the socket (root) may do everything; messages are checked all the same.
 */
#ifndef LAB_CONTROL_H
#define LAB_CONTROL_H

#include "base/arena.h"
#include "base/compiler.h"
#include "lab/topology.h"
#include <stddef.h>

enum {
	CONTROL_TEXT = 160000,            /* longest text of a reply */
	CONTROL_FILES = 4,                /* standard input, output, error and the memory file */
	CONTROL_LAUNCH = 4 * 1024 * 1024, /* largest memory file */
	CONTROL_WORDS = 4096,
};

enum control_command {
	CONTROL_STATUS,
	CONTROL_DOWN,
	CONTROL_EXEC,
	CONTROL_KILL,
	CONTROL_START,
	CONTROL_STOP,
	CONTROL_SIGNAL, /* inside an exec; the number is the signal's */
	CONTROL_COMMANDS,
};

struct control_request {
	enum control_command command;
	char node[TOPOLOGY_NAME + 1];
	int number;
	int files[CONTROL_FILES]; /* owned by the receiver; -1: not sent */
};

/* code: 0, a command's exit status, or negative. */
struct control_reply {
	int code;
	const char *text;
};

/* What `exec` is to run; arrays end with NULL. */
struct control_launch {
	const char *folder;
	const char **arguments;
	const char **environment;
};

int control_send_request(int fd, const struct control_request *request) CHECKED;
/* 0 at the end of the connection, 1 for a request. On failure no descriptor is left open. */
int control_receive_request(int fd, struct control_request *ret_request) CHECKED;
void control_close_files(struct control_request *request);

int control_send_reply(int fd, int code, const char *text) CHECKED;
/* 0 at the end of the connection, 1 for a reply, whose text lies in the arena. */
int control_receive_reply(int fd, struct arena *arena, struct control_reply *ret_reply) CHECKED;

/* A memory file with the launch, to be closed by the caller; negative code. */
int control_pack(const struct control_launch *launch) CHECKED;
int control_unpack(int fd, struct arena *arena, struct control_launch *ret_launch) CHECKED;

/* A listening socket at the path (mode 0600), or a connection to it; negative errno. */
int control_listen(const char *path) CHECKED;
int control_connect(const char *path) CHECKED;

#endif
