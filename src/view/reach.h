/* SPDX-License-Identifier: Apache-2.0 */
/* Reach: how far every site is from one gateway, by the least sum of the delays that links show. */
#ifndef VIEW_REACH_H
#define VIEW_REACH_H

#include "view/view.h"

struct view_reach;

/* Dijkstra, one way. NULL when memory is short. */
struct view_reach *view_reach_create(const struct view *view, struct gateway_identity from);
/* Accepts NULL, returns NULL. */
struct view_reach *view_reach_free(struct view_reach *reach);
/*
 * To the site of that index in the view: as this gateway has measured the way, else by the links. Negative:
 * it cannot be reached.
 */
int64_t view_reach_delay(const struct view_reach *reach, size_t index);

#endif
