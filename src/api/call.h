/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call: calls of resident services under an allowance, answered by the receiver's thread in one round trip.
 *
 * A request of this kind names a resident service and asks for nothing else (no needs, places or limits); its
 * tenant has an allowance. It waits for an instance of the receiver's own, is sent to it and answered when
 * the instance has written its output. There is no task, and nothing of it is in the journal but its count:
 * docs/durability.md.
 *
 * A call runs at most once: its identifier is remembered as that of every request, a repetition gets the
 * answer that is kept for a while, and a request that was made before this gateway started is refused, for a
 * former life may have run it. Private to the api room; everything but call_desk_add() belongs to the
 * receiver's thread.
 *
 * Between desk and instance, a message (SOCK_SEQPACKET) is a status octet and the input or output: 0 in a
 * request; in an answer 0 for success, anything else for a call that failed, which is not billed.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stdint.h>

struct call_desk;
struct front;
struct request;

enum { CALL_INSTANCES = 64, CALL_KEPT = 2048 };

/* NULL when memory is short. Instances are watched by `epoll`, as events numbered from `first`. */
struct call_desk *call_desk_create(struct front *front, int epoll, uint32_t first);
/* Requests that it still has are given back. Accepts NULL, returns NULL. */
struct call_desk *call_desk_free(struct call_desk *desk);

/* A new instance, whose descriptor is the desk's from now on. TABLE_FULL: it stays the caller's. */
int call_desk_add(struct call_desk *desk, uint32_t service, uint32_t instance, int descriptor) CHECKED;
/* Takes up what was added. */
void call_desk_adopt(struct call_desk *desk);

/*
 * True when the request is a call of this kind and now the desk's (or answered already). `again`: the same
 * request came before. False: it is for the loop, which must not begin anything when request->only_known is
 * set.
 */
bool call_take(struct call_desk *desk, struct request *request, bool again);
/* An instance has written, or is gone. */
void call_event(struct call_desk *desk, uint32_t number);
/* Instances that take too long are reported. Milliseconds until the next look; -1: nothing is under way. */
int call_look(struct call_desk *desk);

#endif
