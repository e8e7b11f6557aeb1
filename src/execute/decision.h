/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision on record: the view that the mapper saw, the demand, and what it chose; enough to decide
 * again elsewhere and compare. Inputs and tenants are not in it.
 */
#ifndef EXECUTE_DECISION_H
#define EXECUTE_DECISION_H

#include "base/arena.h"
#include "base/compiler.h"
#include "map/map.h"
#include "model/demand.h"
#include "model/plan.h"
#include "view/view.h"

enum { DECISION_OCTETS = 1 << 20 };

struct decision {
	struct view *view; /* the reader's: view_free() */
	struct demand demand;
	struct gateway_identity ingress;
	int64_t access_up, access_down, now;
	int64_t access_ceiling_up, access_ceiling_down;
	bool spot;
	/* What was chosen. */
	uint32_t part_count;
	money price;
	int64_t finish;
	int64_t bound; /* decision_bound() */
	bool exact;
};

/* The greatest bound of any part of a plan; 0 where all are measured. */
int64_t decision_bound(const struct plan *plan);
/* Returns the size; TOO_LARGE. */
int decision_encode(const struct view *view, const struct map_request *request, const struct plan *plan,
                    uint8_t *buffer, size_t capacity) CHECKED;
int decision_decode(const uint8_t *bytes, size_t size, struct arena *arena,
                    struct decision *ret_decision) CHECKED;

#endif
