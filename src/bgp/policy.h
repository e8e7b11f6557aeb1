/* SPDX-License-Identifier: Apache-2.0 */
/* Import and export policies: lists of rules of which the first that matches decides. Pure. */
#ifndef BGP_POLICY_H
#define BGP_POLICY_H

#include "bgp/speaker.h"
#include "bgp/update.h"

/* Whether lengths and the number of rules are in range. */
bool policy_valid(const struct speaker_policy *policy);
/* A copy that owns its rules; policy_free() gives them back. -ENOMEM. */
int policy_copy(const struct speaker_policy *source, struct speaker_policy *ret_policy) CHECKED;
void policy_free(struct speaker_policy *policy);
bool policy_equal(const struct speaker_policy *a, const struct speaker_policy *b);
/* Whether a route of that prefix and those communities passes. */
bool policy_accepts(const struct speaker_policy *policy, const struct update_prefix *prefix,
                    const uint32_t *communities, size_t count);

#endif
