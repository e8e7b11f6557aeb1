/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a task: its document is asked for again and again until it has ended and is settled. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "base/compiler.h"
#include "cli/session.h"
#include <stdbool.h>

/*
 * The document of the ended task; a reference of the caller's. Progress goes to stderr. A gateway that is
 * silent for a while is waited for. A negative code.
 */
int watch_until_ended(struct session *session, const char *task, json_t **ret_task) CHECKED;
/* As above until the accounts are closed too, at most some seconds; *task is replaced by what came last. */
int watch_until_settled(struct session *session, const char *task, json_t **ret_task) CHECKED;

/* No further change of the task's outcome. */
bool watch_has_ended(const json_t *task);
/* A part of it has its output. */
bool watch_part_is_done(const json_t *part);

#endif
