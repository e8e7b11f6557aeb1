/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of messages, each in memory of its own. */
#include "base/outbox.h"

#include "busbar-error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct message {
	uint64_t position;
	struct iovec octets;
};

struct outbox {
	outbox_send send;
	void *context;
	uint64_t durable;
	size_t maximum, maximum_octets;
	size_t first; /* in the ring */
	struct outbox_statistics statistics;
	struct message ring[];
};

struct outbox *outbox_create(outbox_send send, void *context, size_t messages, size_t octets)
{
	struct outbox *outbox;
	size_t size;

	if (messages == 0 || __builtin_mul_overflow(messages, sizeof(struct message), &size) ||
	    __builtin_add_overflow(size, sizeof(*outbox), &size))
		return NULL;
	outbox = calloc(1, size);
	if (outbox != NULL) {
		outbox->send = send;
		outbox->context = context;
		outbox->maximum = messages;
		outbox->maximum_octets = octets;
	}
	return outbox;
}

static struct message *at(struct outbox *outbox, size_t index)
{
	return &outbox->ring[(outbox->first + index) % outbox->maximum];
}

/* Takes the first `count` messages out. */
static void remove_first(struct outbox *outbox, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		outbox->statistics.octets -= at(outbox, i)->octets.iov_len;
		free(at(outbox, i)->octets.iov_base);
	}
	outbox->first = (outbox->first + count) % outbox->maximum;
	outbox->statistics.waiting -= count;
}

struct outbox *outbox_free(struct outbox *outbox)
{
	if (outbox == NULL)
		return NULL;
	remove_first(outbox, outbox->statistics.waiting);
	free(outbox);
	return NULL;
}

static size_t total(const struct iovec *parts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	return size;
}

/* The parts in one piece, at least one octet long so that it is never NULL; NULL when memory is short. */
static void *join(const struct iovec *parts, size_t count)
{
	uint8_t *octets = malloc(total(parts, count) + 1);
	size_t size = 0;

	for (size_t i = 0; octets != NULL && i < count; i++) {
		if (parts[i].iov_len > 0)
			memcpy(octets + size, parts[i].iov_base, parts[i].iov_len);
		size += parts[i].iov_len;
	}
	return octets;
}

static int put(struct outbox *outbox, uint64_t position, const struct iovec *parts, size_t count)
{
	size_t size = total(parts, count);
	struct message *message = at(outbox, outbox->statistics.waiting);

	if (outbox->statistics.waiting == outbox->maximum ||
	    size > outbox->maximum_octets - outbox->statistics.octets)
		return BUSBAR_ERROR_TABLE_FULL;
	message->position = position;
	message->octets.iov_len = size;
	message->octets.iov_base = join(parts, count);
	if (message->octets.iov_base == NULL)
		return -ENOMEM;
	outbox->statistics.waiting++;
	outbox->statistics.octets += size;
	return 0;
}

int outbox_put(struct outbox *outbox, uint64_t position, const struct iovec *parts, size_t count)
{
	int code = put(outbox, position, parts, count);

	if (code < 0)
		outbox->statistics.dropped++;
	else if (position <= outbox->durable && outbox->statistics.waiting == 1)
		outbox_flush(outbox, outbox->durable);
	return code;
}

void outbox_flush(struct outbox *outbox, uint64_t durable)
{
	struct iovec messages[OUTBOX_BATCH];
	size_t count;

	outbox->durable = MAXIMUM(outbox->durable, durable);
	do {
		for (count = 0; count < OUTBOX_BATCH && count < outbox->statistics.waiting &&
		                at(outbox, count)->position <= outbox->durable;
		     count++)
			messages[count] = at(outbox, count)->octets;
		if (count > 0)
			outbox->send(outbox->context, messages, count);
		outbox->statistics.sent += count;
		remove_first(outbox, count);
	} while (count == OUTBOX_BATCH);
}

void outbox_statistics(const struct outbox *outbox, struct outbox_statistics *ret_statistics)
{
	*ret_statistics = outbox->statistics;
}
