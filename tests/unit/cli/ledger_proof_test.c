/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ledger_proof.h"

#include "t.h"

#define DIGEST_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define DIGEST_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

#define ENTRY(gateway, count, total, digest)                                                                 \
	"{\"gateway\":\"" gateway "\",\"count\":" count ",\"total\":\"" total "\",\"digest\":\"" digest "\"" \
	"}"
#define ACCOUNTS(balanced, sum, escrow, holds, open, billed)                                              \
	"\"balanced\":" balanced ",\"entries_sum\":\"" sum "\",\"entries\":40,\"transactions\":20,"       \
	"\"unbalanced\":0,\"escrow\":\"" escrow "\",\"open_holds\":\"" holds "\",\"open_programs\":" open \
	",\"disputes\":0,\"billed\":[" billed "],"
#define GATEWAY(address, node, identity, accounts, holdings, metered)                                \
	"{\"address\":\"" address "\",\"node\":\"" node "\",\"identity\":\"" identity "\"," accounts \
	"\"holdings\":" holdings ",\"metered\":[" metered "]}"

#define BILLED ENTRY("5.1", "8", "0.0132", DIGEST_1) "," ENTRY("1.1", "2", "0.001", DIGEST_2)
#define GOOD ACCOUNTS("true", "0", "0", "0", "0", BILLED)
#define EDGE(accounts, holdings) \
	GATEWAY("a", "edge-a", "1.1", accounts, holdings, ENTRY("1.1", "2", "0.001", DIGEST_2))
#define CENTRE(metered) GATEWAY("b", "dc-1", "5.1", "", "0", metered)
#define METERED ENTRY("1.1", "8", "0.0132", DIGEST_1)

struct expectation {
	const char *answers;
	bool allow_open;
	const char *problems[4];
};

static void check(const struct expectation *expected)
{
	json_t *answers = json_loads(expected->answers, 0, NULL);
	struct ledger_proof proof;
	size_t count = 0;

	if (answers == NULL)
		fail_msg("not JSON: %s", expected->answers);
	T_OK(ledger_proof_make(answers, expected->allow_open, &proof));
	while (count < 4 && expected->problems[count] != NULL)
		count++;
	for (size_t i = 0; i < json_array_size(proof.problems); i++) {
		const char *problem = json_string_value(json_array_get(proof.problems, i));

		if (i >= count)
			fail_msg("unexpected: %s", problem);
		T_TEXT(problem, expected->problems[i]);
	}
	T_EQ(json_array_size(proof.problems), count);
	json_decref(proof.problems);
	json_decref(answers);
}

static void equal_books_are_right(void **state)
{
	json_t *answers = json_loads("[" EDGE(GOOD, "0") "," CENTRE(METERED) "]", 0, NULL);
	struct ledger_proof proof;

	T_OK(ledger_proof_make(answers, false, &proof));
	T_EQ(json_array_size(proof.problems), 0);
	T_EQ(proof.entries, 40);
	T_EQ(proof.escrow, 0);
	json_decref(proof.problems);
	json_decref(answers);
}

static void absence_equals_nothing(void **state)
{
	const struct expectation expected = {
	        .answers = "[" GATEWAY("a", "edge-a", "1.1", ACCOUNTS("true", "0", "0", "0", "0", ""), "0",
	                               "") "," CENTRE(ENTRY("1.1", "0", "0", ZEROS)) "]"};

	check(&expected);
}

static void a_missing_receipt_is_found(void **state)
{
	const struct expectation expected[] = {
	        {.answers = "[" EDGE(GOOD, "0") "," CENTRE(ENTRY("1.1", "9", "0.015", DIGEST_2)) "]",
	         .problems = {"edge-a billed 8 receipts of 0.0132, dc-1 metered 9 of 0.015"}},
	        {.answers = "[" EDGE(GOOD, "0") "," CENTRE("") "]",
	         .problems = {"edge-a billed 8 receipts of 0.0132, dc-1 metered 0 of 0"}},
	        {.answers =
	                 "[" EDGE(ACCOUNTS("true", "0", "0", "0", "0", ENTRY("1.1", "2", "0.001", DIGEST_2)),
	                          "0") "," CENTRE(METERED) "]",
	         .problems = {"edge-a billed 0 receipts of 0, dc-1 metered 8 of 0.0132"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

static void an_altered_total_is_found(void **state)
{
	const struct expectation expected[] = {
	        {.answers = "[" EDGE(GOOD, "0") "," CENTRE(ENTRY("1.1", "8", "0.0133", DIGEST_1)) "]",
	         .problems = {"edge-a billed 8 receipts of 0.0132, dc-1 metered 8 of 0.0133"}},
	        /* Two totals exchanged between receipts leave the sum: the digest tells. */
	        {.answers = "[" EDGE(GOOD, "0") "," CENTRE(ENTRY("1.1", "8", "0.0132", DIGEST_2)) "]",
	         .problems = {"edge-a billed other receipts than dc-1 metered (8 of 0.0132 each)"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

static void open_holds_are_reported(void **state)
{
	const char *answers =
	        "[" EDGE(ACCOUNTS("true", "0", "0.5", "0.5", "1", BILLED), "1") "," CENTRE(METERED) "]";
	const struct expectation closed = {.answers = answers,
	                                   .problems = {"edge-a: 1 holdings", "edge-a: 1 open programs"}};
	const struct expectation open = {.answers = answers, .allow_open = true};
	json_t *object = json_loads(answers, 0, NULL);
	struct ledger_proof proof;

	check(&closed);
	check(&open);
	T_OK(ledger_proof_make(object, true, &proof));
	T_EQ(proof.open_programs, 1);
	T_EQ(proof.holdings, 1);
	T_EQ(proof.escrow, MONEY_UNIT / 2);
	json_decref(proof.problems);
	json_decref(object);
}

static void broken_books_are_found(void **state)
{
	const struct expectation expected[] = {
	        {.answers =
	                 "[" EDGE(ACCOUNTS("false", "0", "0", "0", "0", BILLED), "0") "," CENTRE(METERED) "]",
	         .problems = {"edge-a: the ledger does not balance"}},
	        {.answers = "[" EDGE(ACCOUNTS("true", "-0.1", "0", "0", "0", BILLED),
	                             "0") "," CENTRE(METERED) "]",
	         .problems = {"edge-a: entries sum to -0.1, not to 0"}},
	        {.answers = "[" EDGE(ACCOUNTS("true", "0", "0.2", "0", "0", BILLED),
	                             "0") "," CENTRE(METERED) "]",
	         .allow_open = true,
	         .problems = {"edge-a: escrow 0.2, but open holds 0"}},
	        {.answers = "[" EDGE(ACCOUNTS("true", "0", "-1", "-1", "0", BILLED),
	                             "0") "," CENTRE(METERED) "]",
	         .problems = {"edge-a: escrow of '-1'"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

static void silence_is_a_failure(void **state)
{
	const struct expectation expected[] = {
	        {.answers =
	                 "[" EDGE(GOOD, "0") ",{\"address\":\"b\",\"error\":\"no answer from the gateway\"}]",
	         .problems = {"edge-a: billed 8 receipts of 0.0132 with gateway 5.1, which did not answer",
	                      "b: no answer from the gateway"}},
	        {.answers = "[]", .problems = {"no gateway was asked"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

static void strangers_and_doubles_are_found(void **state)
{
	const struct expectation expected[] = {
	        {.answers = "[" CENTRE(METERED) "]",
	         .problems = {"dc-1: metered 8 receipts of 0.0132 with gateway 1.1, which did not answer"}},
	        {.answers = "[" EDGE(GOOD, "0") "," CENTRE(METERED "," METERED) "]",
	         .problems = {"dc-1: metered gateway 1.1 twice"}},
	        {.answers = "[" GATEWAY("a", "n", "2.1", "", "0", "") "," GATEWAY("b", "n", "2.1", "", "0",
	                                                                          "") "]",
	         .problems = {"n: gateway 2.1 answered twice"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

static void what_is_missing_does_not_pass(void **state)
{
	const struct expectation expected[] = {
	        {.answers = "[{}]", .problems = {": not a ledger document"}},
	        {.answers = "[7]", .problems = {": not a ledger document"}},
	        {.answers = "[{\"identity\":\"1.1\",\"metered\":[]}]",
	         .problems = {": not a ledger document"}},
	        {.answers = "[{\"node\":\"a\",\"identity\":\"1.1\",\"metered\":[],\"holdings\":0,"
	                    "\"balanced\":true,"
	                    "\"entries_sum\":\"0\",\"escrow\":\"0\",\"open_holds\":\"0\"}]",
	         .problems = {"a: does not say how many programs are open",
	                      "a: does not say what it billed"}},
	        {.answers = "[{\"node\":\"a\",\"identity\":\"1.1\",\"metered\":[],\"holdings\":0,"
	                    "\"balanced\":true,"
	                    "\"open_programs\":0,\"billed\":[]}]",
	         .problems = {"a: entries sum to , not to 0", "a: escrow of ''"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(&expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(equal_books_are_right),
	        cmocka_unit_test(absence_equals_nothing),
	        cmocka_unit_test(a_missing_receipt_is_found),
	        cmocka_unit_test(an_altered_total_is_found),
	        cmocka_unit_test(open_holds_are_reported),
	        cmocka_unit_test(broken_books_are_found),
	        cmocka_unit_test(silence_is_a_failure),
	        cmocka_unit_test(strangers_and_doubles_are_found),
	        cmocka_unit_test(what_is_missing_does_not_pass),
	};

	return T_RUN(tests);
}
