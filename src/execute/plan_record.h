/* SPDX-License-Identifier: Apache-2.0 */
/* What people are shown of a plan's part, as the journal of tasks keeps it: the choice and the reasons. */
#ifndef EXECUTE_PLAN_RECORD_H
#define EXECUTE_PLAN_RECORD_H

#include "base/compiler.h"
#include "model/plan.h"
#include <stddef.h>
#include <stdint.h>

enum { PLAN_RECORD_OCTETS = 4096 };

/* A plan of one part. Links, and the prices of calls and bandwidth, are not kept. */
struct plan_record {
	struct plan plan; /* reasons; the rest is the part's */
	struct plan_part part;
};

/* The reasons go with the plan's first part. Returns the size, at most PLAN_RECORD_OCTETS; TOO_LARGE. */
int plan_record_encode(const struct plan *plan, const struct plan_part *part, uint8_t *buffer,
                       size_t capacity) CHECKED;
/* VERSION, TRUNCATED, MALFORMED. ret_record->plan.parts points into the record. */
int plan_record_decode(const uint8_t *bytes, size_t size, struct plan_record *ret_record) CHECKED;

#endif
