/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands and its dispatch. Each command is a function of a session that returns an exit
 * status (complain.h) and has said what went wrong.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/session.h"

/* Reads the words after argv[0], finds the command, runs it. The exit status. */
int command_main(size_t count, char *const words[], FILE *out);

/* view.c */
int view_show(struct session *session);
/* run.c */
int run_quote(struct session *session);
int run_demand(struct session *session);
int run_call(struct session *session);
/* reserve.c */
int reserve_demand(struct session *session);
int reserve_release(struct session *session);
int reserve_follow(struct session *session);
/* trace.c: of a task's path, or path_show() */
int trace_show(struct session *session);
/* path.c */
int path_show(struct session *session);
/* task.c */
int task_show_list(struct session *session);
int task_show_one(struct session *session);
int task_await(struct session *session);
int task_end(struct session *session);
/* account.c */
int account_show_bill(struct session *session);
int account_show_status(struct session *session);
/* bgp.c */
int bgp_show_peers(struct session *session);
int bgp_show_routes(struct session *session);
int bgp_show_statistics(struct session *session);
/* reload.c */
int reload_gateway(struct session *session);
/* audit.c */
int audit_ledger(struct session *session);
/* program.c */
int program_show(struct session *session);
int program_assemble(struct session *session);

#endif
