/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damping of what comes and goes (instances, services, links), after RFC 2439. Pure.
 *
 * Every loss adds DAMPING_PENALTY, and the penalty halves every half-life. Above `suppress` the thing is not
 * shown although it is there, until the penalty has fallen to `reuse`: at most `most` after the last loss. A
 * loss itself is never held back: what is not there is not shown.
 */
#ifndef BOOK_DAMPING_H
#define BOOK_DAMPING_H

#include <stdbool.h>
#include <stdint.h>

enum { DAMPING_PENALTY = 1000 };

struct damping_settings {
	int64_t half_life;      /* ns; 0: no damping */
	double suppress, reuse; /* 0 < reuse < suppress */
	int64_t most;           /* ns */
};

/* Whether a penalty can ever get above `suppress`, given that it falls to `reuse` within `most`. */
bool damping_can_suppress(const struct damping_settings *settings);

/* Zero at first. Time never steps back: an earlier `now` is no time. */
struct penalty {
	double points;
	int64_t settled; /* when they were so many */
	bool high;       /* they were above `suppress`, and not at `reuse` since */
};

/* One more offence, or none, at `now`. Whether the penalty is high. */
bool penalty_step(struct penalty *penalty, const struct damping_settings *settings, bool offence,
                  int64_t now);

/* Zero at first: absent, and never was there. */
struct damping {
	bool present;
	struct penalty penalty;
};

/* It is there, or not, at `now`. Whether it is to be shown. */
bool damping_step(struct damping *damping, const struct damping_settings *settings, bool present,
                  int64_t now);
/* When to look again, for it may be shown then: INT64_MAX unless it is there and suppressed. */
int64_t damping_next(const struct damping *damping, const struct damping_settings *settings);

#endif
