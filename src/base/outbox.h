/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing messages that must not overtake the disk: a queue in which each waits until the position that
 * it speaks of (database_position() when it was made, after the commit) is durable. Order is kept, and what
 * has nothing to wait for goes at once. Bounded: a message that finds no room is dropped and counted, as
 * a network would.
 */
#ifndef BASE_OUTBOX_H
#define BASE_OUTBOX_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct outbox;

enum { OUTBOX_BATCH = 64 };

/* Messages in their order, 1 to OUTBOX_BATCH, valid during the call. It must not call the outbox. */
typedef void (*outbox_send)(void *context, const struct iovec *messages, size_t count);

/* Holds at most `messages` of together `octets`. NULL when memory is short. */
struct outbox *outbox_create(outbox_send send, void *context, size_t messages, size_t octets);
/* Drops what waits. Accepts NULL, returns NULL. */
struct outbox *outbox_free(struct outbox *outbox);

/*
 * Puts a message, whose octets are the parts one after another: the first may be the sender's own note of
 * where it goes. TABLE_FULL or -ENOMEM: it was dropped.
 */
int outbox_put(struct outbox *outbox, uint64_t position, const struct iovec *parts, size_t count) CHECKED;
/* What is at or below `durable` goes. To be called when it grew. */
void outbox_flush(struct outbox *outbox, uint64_t durable);

struct outbox_statistics {
	uint64_t sent, dropped;
	size_t waiting, octets; /* now */
};
void outbox_statistics(const struct outbox *outbox, struct outbox_statistics *ret_statistics);

#endif
