/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/mailbox.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS = 3, SLOT_MASK = 3, NEW = 4, CACHE_LINE = 64 };

int mailbox_open(struct mailbox *mailbox, size_t size)
{
	size_t rounded = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;

	*mailbox = (struct mailbox){.writer = 0, .reader = 1, .size = rounded};
	mailbox->slots = aligned_alloc(CACHE_LINE, SLOTS * rounded);
	atomic_init(&mailbox->between, 2);
	return mailbox->slots == NULL ? -ENOMEM : 0;
}

void mailbox_close(struct mailbox *mailbox)
{
	free(mailbox->slots);
	mailbox->slots = NULL;
}

void *mailbox_slot(struct mailbox *mailbox)
{
	return mailbox->slots + mailbox->writer * mailbox->size;
}

bool mailbox_put(struct mailbox *mailbox)
{
	uint32_t before =
	        atomic_exchange_explicit(&mailbox->between, mailbox->writer | NEW, memory_order_acq_rel);

	mailbox->writer = before & SLOT_MASK;
	return (before & NEW) == 0;
}

const void *mailbox_take(struct mailbox *mailbox)
{
	uint32_t before;

	if ((atomic_load_explicit(&mailbox->between, memory_order_relaxed) & NEW) == 0)
		return NULL;
	before = atomic_exchange_explicit(&mailbox->between, mailbox->reader, memory_order_acq_rel);
	mailbox->reader = before & SLOT_MASK;
	return mailbox->slots + mailbox->reader * mailbox->size;
}
