/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: the first rule that matches decides, by prefix, length and community. */
#include "bgp/policy.h"
#include "tests/t.h"

enum { RED = 65000 << 16 | 1, BLUE = 65000 << 16 | 2 };

static const struct speaker_rule rules[] = {
        {.prefix = {0x20, 0x01, 0x0d, 0xb8, 0xff}, .length = 40, .least = 40, .most = 128}, /* refused */
        {.prefix = {0x20, 0x01, 0x0d, 0xb8}, .length = 32, .least = 48, .most = 64, .accept = true},
        {.least = 0, .most = 128, .accept = true, .community = RED},
};
static const struct speaker_policy policy = {ARRAY_SIZE(rules), rules};

static bool accepts(const struct speaker_policy *tested, const uint8_t address[16], uint8_t length,
                    uint32_t community)
{
	const uint32_t communities[] = {BLUE, community};
	struct update_prefix prefix = {.length = length};

	memcpy(prefix.address, address, sizeof(prefix.address));
	return policy_accepts(tested, &prefix, communities, community != 0 ? 2 : 0);
}

static void test_first_match_decides(void **state)
{
	static const uint8_t inside[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
	static const uint8_t barred[16] = {0x20, 0x01, 0x0d, 0xb8, 0xff, 1};
	static const uint8_t elsewhere[16] = {0xfd};

	T_TRUE(accepts(&policy, inside, 48, 0));
	T_TRUE(accepts(&policy, inside, 64, 0));
	T_TRUE(!accepts(&policy, inside, 47, 0)); /* too short, too long: no rule matches */
	T_TRUE(!accepts(&policy, inside, 65, 0));
	T_TRUE(accepts(&policy, inside, 65, RED));
	T_TRUE(!accepts(&policy, barred, 48, RED)); /* an earlier rule */
	T_TRUE(!accepts(&policy, elsewhere, 8, 0));
	T_TRUE(!accepts(&policy, elsewhere, 8, BLUE));
	T_TRUE(accepts(&policy, elsewhere, 8, RED));
	T_TRUE(accepts(&policy, elsewhere, 0, RED)); /* the default route */
}

/* A shorter prefix is not inside a longer one, whatever its bits. */
static void test_containment(void **state)
{
	const struct speaker_rule host = {
	        .prefix = {0xfd, 1}, .length = 16, .least = 0, .most = 128, .accept = true};
	const struct speaker_policy one = {1, &host};

	T_TRUE(accepts(&one, host.prefix, 16, 0));
	T_TRUE(accepts(&one, host.prefix, 128, 0));
	T_TRUE(!accepts(&one, host.prefix, 15, 0));
}

static void test_no_rules_accept(void **state)
{
	const struct speaker_policy none = {0};

	T_TRUE(accepts(&none, rules[1].prefix, 32, 0));
}

static void test_copies(void **state)
{
	struct speaker_rule changed[ARRAY_SIZE(rules)];
	struct speaker_policy copy, other = {ARRAY_SIZE(rules), changed};

	memcpy(changed, rules, sizeof(changed));
	changed[1].prefix[15] = 1; /* past its length: no difference */
	T_OK(policy_copy(&policy, &copy));
	T_TRUE(policy_equal(&copy, &policy) && policy_equal(&copy, &other));
	changed[2].community = BLUE;
	T_TRUE(!policy_equal(&copy, &other));
	changed[2].community = RED;
	changed[1].accept = false;
	T_TRUE(!policy_equal(&copy, &other));
	other.count = 1;
	T_TRUE(!policy_equal(&copy, &other));
	policy_free(&copy);
	T_EQ(copy.count, 0);
	T_OK(policy_copy(&(struct speaker_policy){0}, &copy));
	T_TRUE(copy.rules == NULL);
}

static void test_validity(void **state)
{
	struct speaker_rule rule = {.least = 0, .most = 128};
	struct speaker_policy one = {1, &rule};

	T_TRUE(policy_valid(&policy) && policy_valid(&one));
	rule.length = 129;
	T_TRUE(!policy_valid(&one));
	rule = (struct speaker_rule){.most = 129};
	T_TRUE(!policy_valid(&one));
	rule = (struct speaker_rule){.least = 3, .most = 2};
	T_TRUE(!policy_valid(&one));
	one.count = SPEAKER_RULES + 1;
	T_TRUE(!policy_valid(&one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_first_match_decides),
	        cmocka_unit_test(test_containment),
	        cmocka_unit_test(test_no_rules_accept),
	        cmocka_unit_test(test_copies),
	        cmocka_unit_test(test_validity),
	};

	return T_RUN(tests);
}
