/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiver: a thread that takes in the datagrams of clients. Private to the api room.
 *
 * Every receiver has a socket of its own at every place (SO_REUSEPORT: the kernel keeps a client with one of
 * them), reads in batches, authenticates, checks age, use of the identifier and rates, and maps demands on
 * the newest snapshot of the view. What is refused it answers itself; what is left goes to the loop. Requests
 * are bounded: a receiver that has none free waits until the loop is done with some, and the kernel's socket
 * buffer then loses what comes too fast.
 */
#ifndef API_RECEIVER_H
#define API_RECEIVER_H

#include "base/compiler.h"
#include <stdint.h>

struct front;
struct front_place;
struct receiver;
struct request;

enum { RECEIVER_REQUESTS = 512, RECEIVER_BATCH = 64 };

/* The thread runs on return. */
int receiver_create(struct front *front, struct receiver **ret_receiver) CHECKED;
/* A socket at the place, whose port may be 0 for the first receiver: it is filled in. The socket. */
int receiver_listen(struct receiver *receiver, struct front_place *place) CHECKED;
/* An instance of a resident service for this receiver's calls; on failure the descriptor stays the caller's.
 */
int receiver_add_instance(struct receiver *receiver, uint32_t service, uint32_t instance,
                          int descriptor) CHECKED;
/* Requests that were served; from the loop's thread. */
void receiver_return(struct receiver *receiver, struct request *request);
/* Stops the thread; then everything handed over must come back before receiver_free(). Accepts NULL. */
void receiver_stop(struct receiver *receiver);
struct receiver *receiver_free(struct receiver *receiver);

#endif
