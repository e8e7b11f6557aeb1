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

/*
 * Makes the kernel of the caller's network namespace know these keys of the domain and no other. Negative
 * errno; -ENOENT for a kernel without HMACs of segments.
 */
int segment_key_set(const struct steer_key *keys, uint32_t count) CHECKED;

#endif
