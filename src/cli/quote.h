/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people: where each part goes and why the other sites lost. */
#ifndef CLI_QUOTE_H
#define CLI_QUOTE_H

#include "base/arena.h"
#include "base/compiler.h"
#include "cli/document.h"
#include <jansson.h>
#include <stdio.h>

/* "hard 31.0 ms" or "measured" of a part's plan. Returns text. */
char *quote_bound(const json_t *plan, char text[DOCUMENT_TEXT]);
/* One row per part of a quote's `parts`: site, path, expected latencies, bound, prices. 0 or a negative code.
 */
int quote_print_parts(const json_t *parts, struct arena *arena, FILE *stream) CHECKED;
/* "not chosen:" and one line per entry of `reasons`; nothing when there are none. */
void quote_print_reasons(const json_t *reasons, FILE *stream);
/* A whole quote. */
int quote_print(const json_t *quote, struct arena *arena, FILE *stream) CHECKED;

#endif
