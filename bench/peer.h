/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark's gateways are made around: a loop, a session with a route reflector, and standard
 * input, whose end is theirs.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bgp/speaker.h"
#include "wire/seal.h"
#include <uv.h>

enum { PEER_ARGUMENTS = 5, PEER_LINE = 64 };

struct peer {
	uv_loop_t loop;
	uv_pipe_t input;
	struct seal_ring ring;
	struct speaker *speaker;
	/* Something was written to standard input, or (false) it has ended; called from the loop. May be
	 * NULL. */
	void (*told)(void *context, bool goes_on);
	void *context; /* of told */
	char line[PEER_LINE];
};

/* Says what went wrong, and ends the program. */
_Noreturn void peer_die(const char *what, int code);
/* The loop and the key, from the PEER_ARGUMENTS behind the program's name: LOCAL REMOTE PORT AS SECRET. */
void peer_open(struct peer *peer, char **arguments);
/* The session; then prints "up" and "down" as it comes and goes. */
void peer_connect(struct peer *peer, char **arguments, uint32_t identifier,
                  const struct speaker_callbacks *callbacks);
/* Until standard input has ended and everything on the loop is closed. */
void peer_run(struct peer *peer);

#endif
