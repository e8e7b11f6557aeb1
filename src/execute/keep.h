/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets that live as long as a task, an attempt or a holding: its demand, its program, its input. Taken in
 * constant time from slabs of a few sizes, bounded and counted.
 */
#ifndef EXECUTE_KEEP_H
#define EXECUTE_KEEP_H

#include "base/compiler.h"
#include <stddef.h>
#include <stdint.h>

struct keep;

enum { KEEP_LARGEST = 4096 };

struct kept {
	uint8_t *octets; /* NULL: nothing is kept */
	uint32_t size;
};

/* At most `maximum` of each size; NULL when memory is short. */
struct keep *keep_create(size_t maximum);
/* Everything must have been dropped. Accepts NULL, returns NULL. */
struct keep *keep_free(struct keep *keep);
/* A copy; none for size 0. TOO_LARGE past KEEP_LARGEST, TABLE_FULL. */
int keep_octets(struct keep *keep, const void *octets, size_t size, struct kept *ret_kept) CHECKED;
/* Leaves *kept empty. */
void keep_drop(struct keep *keep, struct kept *kept);
/* Bytes taken from the system. */
size_t keep_bytes(const struct keep *keep);

#endif
