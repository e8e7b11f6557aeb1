/* SPDX-License-Identifier: Apache-2.0 */
/* What texts for nftables have in common. Private to the steer room. */
#ifndef STEER_RULESET_H
#define STEER_RULESET_H

#include <stdbool.h>

/* An interface's name that may stand between quotation marks, where nothing of what it holds has a meaning.
 */
bool ruleset_is_name(const char *name);

#endif
