/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateway: the life of one node's daemon, as a state machine.
 *
 *   stopped --spawned--> starting --ready--> ready --ordered--> stopping --ended--> stopped
 *   starting, ready --ended--> dead (by itself); stopped, dead --spawned--> starting
 *
 * The daemon writes "ready\n" to the descriptor it is given. Nothing restarts it. What it leaves in its
 * process group dies with it.
 */
#ifndef LAB_GATEWAY_H
#define LAB_GATEWAY_H

#include "base/compiler.h"
#include "lab/process.h"
#include <stdbool.h>
#include <stdint.h>

enum gateway_state {
	GATEWAY_STOPPED,
	GATEWAY_STARTING,
	GATEWAY_READY,
	GATEWAY_STOPPING,
	GATEWAY_DEAD,
	GATEWAY_STATES,
};

struct gateway {
	const char *name;
	enum gateway_state state;
	pid_t pid;    /* 0: none */
	int ready;    /* where "ready" is read; -1: closed */
	char word[8]; /* what was read of it */
	size_t word_size;
	int64_t deadline; /* while starting; monotonic */
	bool is_late;     /* killed because it was not ready at its deadline */
	bool has_ended;   /* wait_status is valid */
	int wait_status;
};

void gateway_open(struct gateway *gateway, const char *name);
const char *gateway_state_name(enum gateway_state state);
bool gateway_is_alive(const struct gateway *gateway);

/* Runs the process with a ready descriptor of its own. STATE when alive already; negative errno. */
int gateway_start(struct gateway *gateway, const struct process *process, int64_t deadline) CHECKED;
/* To be called when gateway->ready is readable. */
void gateway_read_ready(struct gateway *gateway);
/* Kills a daemon that is still starting at its deadline. */
void gateway_kill_late(struct gateway *gateway, int64_t now);
/* Sends the signal as an order to end: the end is then not a death. STATE when not alive. */
int gateway_order(struct gateway *gateway, int number) CHECKED;
/* The daemon's process was reaped. */
void gateway_ended(struct gateway *gateway, int wait_status);

#endif
