/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latest expiry that a refused program may have had, kept over restarts.
 *
 * A refusal makes the ingress go elsewhere, so no copy of the program may be granted any more. A living owner
 * remembers each. The next one knows this time alone, and refuses whatever expires by then, unless it holds
 * it: which of them had been refused does not matter. The time is written ahead of what was refused, so that
 * a storm of refusals is one write in REFUSED_AHEAD; what was made later than so long after the last refusal
 * is as good as ever.
 *
 * Expiries are compared with expiries: neither this gateway's clock matters, nor how far others are ahead of
 * it.
 */
#ifndef EXECUTE_REFUSED_H
#define EXECUTE_REFUSED_H

#include "base/compiler.h"
#include "base/database.h"
#include <stdbool.h>
#include <stdint.h>

#define REFUSED_AHEAD CLOCK_SECOND

struct refused {
	struct database *database;
	int64_t until;   /* what is not known and expires by then is refused */
	int64_t written; /* in the journal: `until` of the next start */
};

/* The database outlives it. */
int refused_open(struct database *database, struct refused *ret_refused) CHECKED;
/* To be called before a program is told to be refused that could be granted later. */
int refused_note(struct refused *refused, int64_t expires) CHECKED;
/* There is no room to remember this one: what expires with it or before goes the same way. */
void refused_widen(struct refused *refused, int64_t expires);

#endif
