/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latest time on the wall clock at which this gateway took programs, kept over restarts.
 *
 * An owner forgets a program some time after its expiry, since from then on its expiry refuses it. That holds
 * only as long as the clock does not go back. Where it has, what had expired by the latest time is expired
 * still, though the clock says otherwise. Behind by less than a program's validity, a clock costs nothing;
 * behind by more, programs are refused until it has caught up.
 */
#ifndef DAEMON_LATEST_H
#define DAEMON_LATEST_H

#include "base/clock.h"
#include "base/compiler.h"
#include "base/database.h"
#include <stdbool.h>

struct latest;

/* Both outlive it. */
int latest_open(struct database *database, const struct clock *clock, struct latest **ret_latest) CHECKED;
/* Accepts NULL, returns NULL. */
struct latest *latest_close(struct latest *latest);
/*
 * Looks at the clock, and writes it down, once in LATEST_EVERY: what was taken since is in the owner's
 * journal. True when the clock has gone back and `expires` was over before it did. Accepts NULL: false.
 */
bool latest_is_over(struct latest *latest, int64_t expires);

#define LATEST_EVERY CLOCK_SECOND

#endif
