/* SPDX-License-Identifier: Apache-2.0 */
/* The trace of a reservation's path: docs/wire.md 4. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <jansson.h>
#include <stdio.h>

/* One line: the bound, whether it is hard, the limit that was asked for, and the longest that was measured.
 */
void trace_print_bound(const json_t *trace, FILE *stream);

#endif
