/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's keys of SRH HMAC TLVs (RFC 8754 2.1.2), over generic netlink ("SEG6"). Private to the steer
 * room.
 *
 * The kernel keeps secrets by number. Those from 1 to SEGMENT_KEY_LAST are the domain's, whoever set them: a
 * key that the domain no longer has must not open anything. Others are never touched. A key is used by those
 * who name it: the kernel's own encapsulations, and packets that come.
 */
#ifndef STEER_SEGMENT_KEY_H
#define STEER_SEGMENT_KEY_H

#include "base/compiler.h"
#include "steer/steer.h"
#include <stdint.h>

enum { SEGMENT_KEY_LAST = 255 };

struct segment_keys;

/* Of the network namespace that the caller is in. -ENOENT for a kernel without HMACs of segments. */
int segment_keys_open(struct segment_keys **ret_keys) CHECKED;
/* Accepts NULL, returns NULL. The kernel keeps what it was given. */
struct segment_keys *segment_keys_close(struct segment_keys *keys);
/* Makes the kernel know these keys of the domain and no other. Negative errno; -EINVAL for a key 0. */
int segment_keys_set(struct segment_keys *keys, const struct steer_key *wanted, uint32_t count) CHECKED;

#endif
