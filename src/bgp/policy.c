/* SPDX-License-Identifier: Apache-2.0 */
/* Import and export policies: see policy.h. */
#include "bgp/policy.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 128 };

bool policy_valid(const struct speaker_policy *policy)
{
	if (policy->count > SPEAKER_RULES)
		return false;
	for (uint32_t i = 0; i < policy->count; i++) {
		const struct speaker_rule *rule = &policy->rules[i];

		if (rule->length > BITS || rule->most > BITS || rule->least > rule->most)
			return false;
	}
	return true;
}

int policy_copy(const struct speaker_policy *source, struct speaker_policy *ret_policy)
{
	struct speaker_rule *rules = NULL;

	if (source->count > 0) {
		rules = reallocarray(NULL, source->count, sizeof(*rules));
		if (rules == NULL)
			return -ENOMEM;
		memcpy(rules, source->rules, source->count * sizeof(*rules));
	}
	for (uint32_t i = 0; i < source->count; i++)
		update_mask(rules[i].prefix, rules[i].length);
	*ret_policy = (struct speaker_policy){.count = source->count, .rules = rules};
	return 0;
}

void policy_free(struct speaker_policy *policy)
{
	free((void *)policy->rules);
	*policy = (struct speaker_policy){0};
}

static bool same_rule(const struct speaker_rule *a, const struct speaker_rule *b)
{
	uint8_t prefix[16];

	memcpy(prefix, b->prefix, sizeof(prefix));
	update_mask(prefix, b->length);
	return memcmp(a->prefix, prefix, sizeof(prefix)) == 0 && a->length == b->length &&
	       a->least == b->least && a->most == b->most && a->accept == b->accept &&
	       a->community == b->community;
}

bool policy_equal(const struct speaker_policy *a, const struct speaker_policy *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

/* Whether `outer`, with nothing set past its length, holds the address. */
static bool holds(const uint8_t outer[16], unsigned length, const uint8_t address[16])
{
	uint8_t masked[16];

	memcpy(masked, address, sizeof(masked));
	update_mask(masked, length);
	return memcmp(masked, outer, sizeof(masked)) == 0;
}

bool policy_accepts(const struct speaker_policy *policy, const struct update_prefix *prefix,
                    const uint32_t *communities, size_t count)
{
	for (uint32_t i = 0; i < policy->count; i++) {
		const struct speaker_rule *rule = &policy->rules[i];

		if (prefix->length >= rule->length && prefix->length >= rule->least &&
		    prefix->length <= rule->most && holds(rule->prefix, rule->length, prefix->address) &&
		    (rule->community == 0 || update_contains(communities, count, rule->community)))
			return rule->accept;
	}
	return policy->count == 0;
}
