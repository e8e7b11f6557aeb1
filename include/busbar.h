/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbusbar: demands from a program. The datagram form of the protocol (docs/wire.md).
 *
 * A handle speaks to one gateway for one tenant and is used by one thread at a time. Calls block, repeat
 * what was lost, and give up after the handle's patience. Functions return 0 or a positive number, or a
 * negative code: a BUSBAR_ERROR_ of busbar-error.h or a negative errno. `ret_` outputs are untouched on
 * failure. Memory that is handed out is the caller's: busbar_free().
 */
#ifndef BUSBAR_H
#define BUSBAR_H

#include "busbar-error.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct busbar;

enum { BUSBAR_SECRET = 32, BUSBAR_TASK_TEXT = 33, BUSBAR_DIGEST = 32, BUSBAR_GATEWAY_TEXT = 18 };

struct busbar_options {
	const char *gateway;                 /* "[2001:db8::1]:4179" */
	uint32_t key;                        /* the tenant's key number */
	unsigned char secret[BUSBAR_SECRET]; /* and its secret */
	unsigned patience_ms;                /* 0: 10 s */
};

int busbar_open(const struct busbar_options *options, struct busbar **ret_busbar);
/*
 * As busbar_open() from a file (YAML: gateway, key, secret, operator). `path` NULL: $BUSBAR_CONFIG, then
 * ~/.config/busbar.yaml, then /etc/busbar/busbar.yaml. as_operator: with the operator's key.
 * A problem with the file is put into `problem` (may be NULL) as one line.
 */
int busbar_open_file(const char *path, int as_operator, char *problem, size_t problem_size,
                     struct busbar **ret_busbar);
/* Accepts NULL. */
void busbar_close(struct busbar *busbar);
/* The same tenant at another gateway; the address is copied. */
int busbar_set_gateway(struct busbar *busbar, const char *gateway);
/* Addresses of the `gateways:` list of the file; NULL past the end. */
const char *busbar_gateway_at(const struct busbar *busbar, size_t index);
void busbar_set_patience(struct busbar *busbar, unsigned patience_ms);

/* One line of text for any code. Never NULL. */
const char *busbar_error_text(int code);
/* What the gateway, or the grammar, said about the last failure; "" when it said nothing. */
const char *busbar_problem(const struct busbar *busbar);
void busbar_free(void *memory);

/*
 * A demand is a text in the grammar, or YAML (it then has no `demand NAME {`); see docs/grammar.md.
 * `input` travels with it when it is at most 1024 octets; larger inputs go first as a blob, and the demand
 * then names it by digest: busbar_put() and `data SIZE in blob sha256:...`.
 */
int busbar_quote(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                 char **ret_document);
/* The task's identifier as text. */
int busbar_run(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
               char ret_task[BUSBAR_TASK_TEXT]);
/* Runs and waits for the result: one datagram there and one back when both are small. */
int busbar_call(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                void **ret_output, size_t *ret_size, char ret_task[BUSBAR_TASK_TEXT]);
int busbar_cancel(struct busbar *busbar, const char *task);

/*
 * Holds what a demand with `reserve for` asks for, and waits until all of it is granted. The flow of a
 * reservation is the traffic between this host's address, as the gateway sees it, and the service's. The
 * gateway keeps it alive; it ends after its time or by busbar_release(). The anchor ("4.1", may be NULL) is
 * the gateway that keeps it: busbar_follow() names it. ret_task is set as well when the task has failed, so
 * that it can be asked why; it stays as it was when there is no task.
 */
int busbar_reserve(struct busbar *busbar, const char *demand, char ret_task[BUSBAR_TASK_TEXT],
                   char ret_anchor[BUSBAR_GATEWAY_TEXT]);
/* Gives back what a reservation holds; the time until now is billed. Released twice is released. */
int busbar_release(struct busbar *busbar, const char *task);
/*
 * For a client that moved to the handle's gateway (busbar_set_gateway()) from another: the task's flow, and
 * what is still to come of its results, go to this host's present address from now on. Returns once the
 * anchor has said so.
 */
int busbar_follow(struct busbar *busbar, const char *task, const char *anchor);
/*
 * The same for a task that runs: waits for its result, as busbar_call() would have, for the handle's
 * patience. Of a task of several parts it is the first part's.
 */
int busbar_follow_result(struct busbar *busbar, const char *task, const char *anchor, void **ret_output,
                         size_t *ret_size);

enum busbar_document {
	BUSBAR_VIEW = 2,
	BUSBAR_TASKS,
	BUSBAR_TASK, /* task */
	BUSBAR_BILL,
	BUSBAR_LEDGER,         /* operators */
	BUSBAR_PROGRAM,        /* task */
	BUSBAR_STATUS,         /* operators */
	BUSBAR_TRACE,          /* task */
	BUSBAR_PATH,           /* of a service or site: an identifier as in docs/wire.md 4 */
	BUSBAR_BGP_PEERS,      /* operators */
	BUSBAR_BGP_ROUTES,     /* operators; where to go on: an identifier as in docs/wire.md 4 */
	BUSBAR_BGP_STATISTICS, /* operators */
};
/* A document as JSON text. `task` (or what stands for it) NULL where none is needed. */
int busbar_document(struct busbar *busbar, enum busbar_document document, const char *task,
                    char **ret_document);

/* The gateway reads its configuration again; what came of it, as JSON text. For operators. */
int busbar_reload(struct busbar *busbar, char **ret_document);

/* A blob to the gateway; *ret_digest names it from now on. */
int busbar_put(struct busbar *busbar, const void *bytes, size_t size,
               unsigned char ret_digest[BUSBAR_DIGEST]);
/* A blob by digest, at most `maximum` octets. */
int busbar_get(struct busbar *busbar, const unsigned char digest[BUSBAR_DIGEST], size_t maximum,
               void **ret_bytes, size_t *ret_size);

#ifdef __cplusplus
}
#endif

#endif
