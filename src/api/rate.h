/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate: how often each of many senders may speak, in memory that does not grow with their number.
 *
 * A keyed hash gives every sender one of a fixed number of meters; strangers that share one share its rate.
 * A meter is the virtual scheduling algorithm of ITU-T I.371: the time at which the next message would be
 * due if messages came evenly; a message is in order when that time is no further ahead than the burst lasts.
 * Any thread may call; a message is counted exactly once.
 */
#ifndef API_RATE_H
#define API_RATE_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

/*
 * `per_second` messages, `burst` of them at once, over `meters` meters (rounded up to a power of two). NULL
 * when memory is short or a number is 0.
 */
struct rate *rate_create(size_t meters, uint64_t per_second, uint64_t burst, uint64_t seed);
/* Accepts NULL, returns NULL. */
struct rate *rate_free(struct rate *rate);

/* Counts a message of the sender with this key; false when it is one too many (then it is not counted). */
bool rate_take(struct rate *rate, const void *key, size_t size, int64_t now);
/* Whether rate_take() would say yes. */
bool rate_allows(const struct rate *rate, const void *key, size_t size, int64_t now);

#endif
