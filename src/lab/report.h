/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a lab as JSON (made by the supervisor) and as text for people (made by the command). */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include "base/compiler.h"
#include <stdio.h>
#include <sys/types.h>

struct lab;

/* To be freed by the caller; NULL when memory is short. */
char *report_json(const struct lab *lab);

/* Prints what report_json() made, with the supervisor's pid as seen here: as JSON or as tables. */
int report_print(FILE *stream, const char *json, pid_t supervisor, int as_json) CHECKED;

#endif
