/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox: the newest value on its way from one thread to another, without locks and without waiting.
 *
 * Three slots: one that the writer fills, one that the reader looks at, and one between them, which each
 * exchanges for its own. What is put before the last one was taken replaces it: who reads late gets less,
 * never older.
 */
#ifndef PROBE_MAILBOX_H
#define PROBE_MAILBOX_H

#include "base/compiler.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox {
	_Atomic uint32_t between; /* slot, and whether it is new */
	uint32_t writer, reader;
	size_t size;
	unsigned char *slots;
};

/* -ENOMEM. */
int mailbox_open(struct mailbox *mailbox, size_t size) CHECKED;
/* One that is all zeros is closed already. */
void mailbox_close(struct mailbox *mailbox);
/* The writer's slot. What is in it is of no meaning; all of it is to be written before mailbox_put(). */
void *mailbox_slot(struct mailbox *mailbox);
/* True when what was put before had been taken: the reader may have to be told. */
bool mailbox_put(struct mailbox *mailbox);
/* What was put since the last take, the reader's until its next one; NULL for nothing. */
const void *mailbox_take(struct mailbox *mailbox);

#endif
