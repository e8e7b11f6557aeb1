/* SPDX-License-Identifier: Apache-2.0 */
/* Why a demand failed: where the answer is a plan, the reasons why nothing would do. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "base/compiler.h"
#include "cli/request.h"
#include "cli/session.h"

/* The quote of a request, parsed; a reference of the caller's. A negative code. */
int explain_quote(struct session *session, const struct request *request, json_t **ret_quote) CHECKED;
/* Complains about `code`, then prints the reasons to `stream`, if there are any. An exit status. */
int explain_failure(struct session *session, const struct request *request, int code, const char *what,
                    FILE *stream);

#endif
