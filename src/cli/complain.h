/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as people see them: one line on stderr, `busbar: ...`, without control characters. */
#ifndef CLI_COMPLAIN_H
#define CLI_COMPLAIN_H

#include "base/compiler.h"
#include "busbar.h"

/* What the command exits with. */
enum { COMPLAIN_DONE = 0, COMPLAIN_FAILED = 1, COMPLAIN_USAGE = 2 };

/* Writes the line; returns `status`. */
int complain(int status, const char *format, ...) PRINTF(2, 3);
/*
 * `what: why`, where why is what the gateway said of its last failure, or the text of `code`. `busbar` may
 * be NULL. Returns COMPLAIN_FAILED.
 */
int complain_code(const struct busbar *busbar, int code, const char *what);

#endif
