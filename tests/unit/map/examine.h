/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Examines a plan by its own words: every figure of every part is worked out again from the view, and every
 * reason must be a true statement about the site that it names.
 */
#ifndef TESTS_EXAMINE_H
#define TESTS_EXAMINE_H

#include "map/map.h"

enum { EXAMINE_TEXT = 256 };

/* True when all is in order; else `ret_complaint` says what is not. */
bool examine_plan(const struct view *view, const struct map_request *request, const struct plan *plan,
                  char ret_complaint[EXAMINE_TEXT]);

#endif
