/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client: what the command asks of a running lab. Functions return the exit status of the command and have
 * said on standard error what went wrong.
 */
#ifndef LAB_CLIENT_H
#define LAB_CLIENT_H

#include "lab/control.h"
#include <stdbool.h>

/* Exit status of `exec` when the lab itself fails, as `env` and `timeout` have it. */
enum { CLIENT_EXEC_FAILED = 125 };

int client_status(const char *lab, bool as_json) CHECKED;
/* Ends the lab and returns when its supervisor is gone. */
int client_down(const char *lab) CHECKED;
/* kill, start or stop of a node's daemon; returns when it is so. */
int client_order(const char *lab, enum control_command command, const char *node) CHECKED;
/* Runs a command in a node with this process's files, folder and environment; its exit status. */
int client_exec(const char *lab, const char *node, const char *const *arguments) CHECKED;

#endif
