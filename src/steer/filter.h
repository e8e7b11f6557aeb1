/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come into the domain: a table of nftables, `inet busbar_edge`, on everything that enters by an
 * interface which is no link to another gateway. Private to the steer room.
 *
 * Dropped and counted by cause (DESIGN 15; RFC 8754 5.1): packets with a routing header of any type, packets
 * whose source lies inside the domain (its block of locators, the ends of its links), packets whose
 * destination does. What this host itself sends is not looked at. The table is put in as a whole and replaces
 * that of a former life, which stays in force when a daemon dies.
 */
#ifndef STEER_FILTER_H
#define STEER_FILTER_H

#include "base/compiler.h"
#include "steer/steer.h"

struct filter;

/*
 * Belongs to the network namespace that the caller is in. -ENOTSUP when the kernel does not take the table
 * (its words are in the log), -EINVAL for names that are none of interfaces.
 */
int filter_open(const struct steer_settings *settings, struct filter **ret_filter) CHECKED;
/* Takes the table out. Accepts NULL, returns NULL. */
struct filter *filter_close(struct filter *filter);
/* As the kernel counts. -EIO when it does not say; counters stay as they were then. */
int filter_read(struct filter *filter, uint64_t dropped[STEER_CAUSES]) CHECKED;

#endif
