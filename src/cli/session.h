/* SPDX-License-Identifier: Apache-2.0 */
/* What a command works with: its words, its gateway, memory for the run, and where its answer goes. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/arena.h"
#include "base/compiler.h"
#include "busbar.h"
#include "cli/options.h"
#include <jansson.h>
#include <stdio.h>

struct session {
	const struct options *options;
	struct busbar *busbar; /* NULL for commands that need no gateway, when none is configured */
	struct arena *arena;
	FILE *out;
	const char *const *words; /* after the command's own */
	size_t word_count;
};

enum session_gateway { SESSION_NO_GATEWAY, SESSION_WELCOME, SESSION_TENANT, SESSION_OPERATOR };

/* Opens the gateway as needed. An exit status, after a complaint when it is not COMPLAIN_DONE. */
int session_open(struct session *session, enum session_gateway need) CHECKED;
void session_close(struct session *session);

/* A document of the gateway, parsed; a reference of the caller's. A negative code. */
int session_get(struct session *session, enum busbar_document document, const char *task,
                json_t **ret_object) CHECKED;

/* Prints a document: NULL-safe in what it finds. 0 or a negative code. */
typedef int session_printer(struct session *session, const json_t *object);
/* Asks for a document and prints it, as it came with --json. An exit status. */
int session_show(struct session *session, enum busbar_document document, const char *task,
                 session_printer *print);
/* Complains of a code, if it is one, as said in complain.h. An exit status. */
int session_status(const struct session *session, int code, const char *what);

#endif
