/* SPDX-License-Identifier: Apache-2.0 */
/* A demand as it is sent: canonical text, and the input beside it or as a blob. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "base/compiler.h"
#include "cli/session.h"
#include "model/demand.h"

struct request {
	const char *text;
	const void *inlined; /* the input, when it travels along */
	size_t inlined_size;
	int64_t patience; /* ns that the demand may take, as far as it says; 0: it does not */
	void *input;      /* owned */
};

/*
 * From the words and options of the session: a file or flags, and the input (`input` NULL: none), of which
 * what is larger than DEMAND_INPUT goes to the gateway first if `put` is set, and else is only named. An exit
 * status, after a complaint. request_clear() is due on success.
 */
int request_make(struct session *session, const char *file, const char *input, bool put,
                 struct request *ret_request) CHECKED;
void request_clear(struct request *request);

#endif
