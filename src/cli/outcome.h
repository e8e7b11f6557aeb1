/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a task: where its parts ran, what they gave and cost, and their outputs as files. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "base/compiler.h"
#include "cli/session.h"

/* One row per part, and the charge. 0 or a negative code. */
int outcome_print_parts(struct session *session, const json_t *task) CHECKED;
/* Where each part is going, and why not elsewhere: the plans that a task's document carries. */
int outcome_print_plan(struct session *session, const json_t *task) CHECKED;
/*
 * Fetches the output of every part that is done into `path`, or `path.N` when the task has several parts.
 * An exit status, after a complaint.
 */
int outcome_fetch(struct session *session, const json_t *task, const char *path) CHECKED;
/* Waits for the end, fetches, prints. An exit status: a task that failed is COMPLAIN_FAILED. */
int outcome_await(struct session *session, const char *task, const char *output) CHECKED;

#endif
