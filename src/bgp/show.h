/* SPDX-License-Identifier: Apache-2.0 */
/* What the speaker shows of itself: choices as routes, paths, the state of peers, counters. */
#ifndef BGP_SHOW_H
#define BGP_SHOW_H

#include "bgp/speaker_internal.h"

/* Points into the choice's attributes. */
struct speaker_route show_choice(const struct table_choice *choice);

#endif
