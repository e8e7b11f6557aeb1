/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source address of what the kernel encapsulates, one for all of a network namespace, over generic
 * netlink
 * ("SEG6"). Private to the steer room.
 */
#ifndef STEER_SEGMENT_SOURCE_H
#define STEER_SEGMENT_SOURCE_H

#include <stdint.h>

/* ::, as at the beginning: the kernel takes an address of the output. Negative errno. */
int segment_source_set(const uint8_t address[16]);

#endif
