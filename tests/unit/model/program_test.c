/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: every rule of program_check. */
#include "base/random.h"
#include "model/program.h"
#include "t.h"

static struct gateway_identity at(uint32_t site)
{
	return (struct gateway_identity){.site = site, .gateway = 1};
}

static struct instruction reserve(uint32_t site, uint32_t toward, uint32_t back)
{
	return (struct instruction){
	        .operation = OPERATION_RESERVE,
	        .at = at(site),
	        .reserve = {.toward = at(toward),
	                    .back = at(back),
	                    .rate = 1000,
	                    .back_rate = back > 0 ? 1000 : 0,
	                    .time = 1},
	};
}

enum {
	SITE = 4,
	RESERVE_FIRST = 0,
	FORWARD,
	RESERVE_LAST,
	CLAIM,
	FETCH,
	FETCH_AGAIN,
	EXECUTE,
	DELIVER,
	COUNT
};

/* Three gateways on the way, one of them only forwards, and a site that does everything. */
static struct program sample(void)
{
	struct program program = {
	        .ingress = at(1),
	        .part = 1,
	        .parts = 1,
	        .expires = 1,
	        .instruction_count = COUNT,
	        .instructions =
	                {
	                        [RESERVE_FIRST] = reserve(1, 2, 0),
	                        [FORWARD] = {.operation = OPERATION_FORWARD, .at = at(2)},
	                        [RESERVE_LAST] = reserve(3, SITE, 2),
	                        [CLAIM] = {.operation = OPERATION_CLAIM,
	                                   .at = at(SITE),
	                                   .claim = {.resource_count = 2,
	                                             .resources = {{.kind = RESOURCE_CPU, .amount = 1},
	                                                           {.kind = RESOURCE_MEMORY, .amount = 1}},
	                                             .time = 1}},
	                        [FETCH] = {.operation = OPERATION_FETCH,
	                                   .at = at(SITE),
	                                   .fetch = {.size = 1}},
	                        [FETCH_AGAIN] = {.operation = OPERATION_FETCH, .at = at(SITE)},
	                        [EXECUTE] = {.operation = OPERATION_EXECUTE,
	                                     .at = at(SITE),
	                                     .execute = {.service = "picture"}},
	                        [DELIVER] = {.operation = OPERATION_DELIVER,
	                                     .at = at(SITE),
	                                     .deliver = {.to = at(1)}},
	                },
	};

	return program;
}

static void test_good(void **state)
{
	struct program program = sample();

	T_OK(program_check(&program));
	program.part = program.parts = UINT16_MAX;
	T_OK(program_check(&program));
	/* One direction alone. */
	program.instructions[RESERVE_LAST].reserve.rate = 0;
	program.instructions[RESERVE_LAST].reserve.toward = at(0);
	T_OK(program_check(&program));
	/* The run form. */
	memset(&program.instructions[EXECUTE].execute, 0, sizeof(struct program_execute));
	program.instructions[EXECUTE].execute.argument_count = 2;
	T_OK(program_check(&program));
}

static void test_good_release(void **state)
{
	struct program program = sample();

	program.instruction_count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		program.instructions[i].operation = OPERATION_RELEASE;
		program.instructions[i].release = i == 0 ? 0 : BUSBAR_ERROR_REFUSED;
	}
	T_OK(program_check(&program));
	program.instructions[1].release = 1;
	T_ERROR(program_check(&program), BUSBAR_ERROR_BAD_VALUE);
}

static struct instruction attach(uint32_t site)
{
	return (struct instruction){.operation = OPERATION_ATTACH,
	                            .at = at(site),
	                            .attach = {.client = {1}, .service = {2}}};
}

/* Two links there and back, and memory at the end. */
static struct program reservation(void)
{
	struct program program = {.ingress = at(1), .part = 1, .parts = 1, .expires = 1};
	const struct instruction list[] = {
	        reserve(1, 2, 0),
	        attach(1),
	        reserve(2, SITE, 1),
	        reserve(SITE, 0, 2),
	        sample().instructions[CLAIM],
	        attach(SITE),
	};

	memcpy(program.instructions, list, sizeof(list));
	program.instructions[3].reserve.rate = 0;
	program.instruction_count = ARRAY_SIZE(list);
	return program;
}

static void test_good_reservation(void **state)
{
	struct program program = reservation();

	T_OK(program_check(&program));
	program.instructions[0].reserve.class = LINK_CLASSES - 1;
	program.instructions[2].reserve.jitter = program.instructions[2].reserve.back_jitter = INT64_MAX;
	T_OK(program_check(&program));
	/* Attached to what is reserved alone, or claimed alone. */
	program.instructions[4] = program.instructions[5];
	program.instruction_count = 5;
	T_OK(program_check(&program));
	program.instructions[3] = sample().instructions[CLAIM];
	T_OK(program_check(&program));
	/* Client and service at one gateway: no link to reserve. */
	program.instructions[0] = attach(1);
	program.instruction_count = 1;
	T_OK(program_check(&program));
}

static void test_bad_attach(void **state)
{
	struct program program = reservation();

	memset(program.instructions[1].attach.client, 0, 16);
	T_ERROR(program_check(&program), BUSBAR_ERROR_MISSING_FIELD);
	program = reservation();
	memset(program.instructions[5].attach.service, 0, 16);
	T_ERROR(program_check(&program), BUSBAR_ERROR_MISSING_FIELD);
	/* Before the reservation, twice, and where nothing is held. */
	program = reservation();
	program.instructions[0] = attach(1);
	program.instructions[1] = reserve(1, 2, 0);
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
	program.instructions[0] = reserve(1, 2, 0);
	program.instructions[1] = program.instructions[2] = attach(1);
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
	program = reservation();
	program.instructions[0] = (struct instruction){.operation = OPERATION_FORWARD, .at = at(1)};
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
	program.instructions[0].at = at(9);
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
}

static void test_refresh(void **state)
{
	struct program program = reservation();

	program.instruction_count = 3;
	for (uint32_t i = 0; i < 3; i++)
		program.instructions[i] = (struct instruction){.operation = OPERATION_REFRESH,
		                                               .at = at(i + 1),
		                                               .refresh = {.time = 1}};
	T_OK(program_check(&program));
	program.instructions[1].refresh.time = 0;
	T_ERROR(program_check(&program), BUSBAR_ERROR_AMOUNT_ZERO);
	program.instructions[1].refresh.time = -1;
	T_ERROR(program_check(&program), BUSBAR_ERROR_AMOUNT_ZERO);
	/* Once at each owner, and nothing else beside it, neither before nor behind. */
	program.instructions[1] = program.instructions[0];
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
	program.instructions[1] = (struct instruction){.operation = OPERATION_FORWARD, .at = at(2)};
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
	program.instructions[1] = program.instructions[0];
	program.instructions[0] = reserve(1, 2, 0);
	program.instruction_count = 2;
	T_ERROR(program_check(&program), BUSBAR_ERROR_STATE);
}

#define RULE(name, change)                                                    \
	static void name(struct program *program)                             \
	{                                                                     \
		struct instruction *list = program->instructions;             \
		struct program_reserve *first = &list[RESERVE_FIRST].reserve; \
		struct program_reserve *last = &list[RESERVE_LAST].reserve;   \
		struct program_claim *claim = &list[CLAIM].claim;             \
		struct program_execute *execute = &list[EXECUTE].execute;     \
                                                                              \
		(void)first, (void)last, (void)claim, (void)execute;          \
		change;                                                       \
	}

RULE(empty, program->instruction_count = 0)
RULE(many, program->instruction_count = PROGRAM_INSTRUCTIONS + 1)
RULE(no_ingress, program->ingress.site = 0)
RULE(no_expiry, program->expires = 0)
RULE(old_expiry, program->expires = -1)
RULE(part_zero, program->part = 0)
RULE(part_past, program->part = 2)
RULE(nobody, list[FORWARD].at.site = 0)
RULE(no_operation, list[FORWARD].operation = OPERATIONS)
RULE(wild_operation, list[FORWARD].operation = (enum operation) - 1)
RULE(reserve_nothing, first->rate = 0)
RULE(reserve_vast, first->rate = UINT64_MAX)
RULE(reserve_vast_back, last->back_rate = (uint64_t)INT64_MAX + 1)
RULE(reserve_nowhere, first->toward.site = 0)
RULE(reserve_back_nowhere, last->back.site = 0)
RULE(reserve_no_time, first->time = 0)
RULE(reserve_bad_time, first->time = -1)
RULE(reserve_tariff, first->tariff = -1)
RULE(reserve_back_tariff, first->back_tariff = -1)
RULE(reserve_limit, first->limit = -1)
RULE(reserve_class, first->class = LINK_CLASSES)
RULE(reserve_jitter, first->jitter = -1)
RULE(reserve_back_jitter, last->back_jitter = -1)
RULE(claim_nothing, claim->resource_count = 0)
RULE(claim_many, claim->resource_count = PLAN_CLAIMS + 1)
RULE(claim_no_time, claim->time = 0)
RULE(claim_kind, claim->resources[0].kind = RESOURCE_KINDS)
RULE(claim_zero, claim->resources[1].amount = 0)
RULE(claim_vast, claim->resources[1].amount = UINT64_MAX)
RULE(claim_tariff, claim->resources[1].tariff = -1)
RULE(claim_limit, claim->resources[1].limit = -1)
RULE(claim_twice, claim->resources[1].kind = RESOURCE_CPU)
RULE(fetch_vast, list[FETCH].fetch.size = UINT64_MAX)
RULE(execute_nothing, execute->service[0] = '\0')
RULE(execute_both, execute->argument_count = 1)
RULE(execute_many, (execute->service[0] = '\0', execute->argument_count = DEMAND_ARGUMENTS + 1))
RULE(execute_open, (execute->service[0] = '\0', execute->argument_count = 1,
                    memset(execute->arguments, 'a', sizeof(execute->arguments))))
RULE(execute_tariff, execute->tariff = -1)
RULE(execute_limit, execute->limit = -1)
RULE(deliver_nowhere, list[DELIVER].deliver.to.site = 0)
RULE(claims, (list[RESERVE_LAST].operation = OPERATION_CLAIM, list[RESERVE_LAST].claim = *claim))
RULE(executes, (list[RESERVE_LAST].operation = OPERATION_EXECUTE, list[RESERVE_LAST].execute = *execute))
RULE(no_claim, (list[CLAIM] = list[FORWARD], list[CLAIM].at = at(SITE)))
RULE(claim_elsewhere, (list[CLAIM].at = at(9)))
RULE(owner_again, (list[RESERVE_LAST].at = at(1)))
RULE(owner_again_at_end, (list[DELIVER].at = at(2)))
RULE(reserve_after_claim, (list[FETCH] = reserve(SITE, 5, 3)))
RULE(reserve_again, (list[FORWARD] = reserve(1, 2, 0)))
RULE(fetch_after_execute, (list[DELIVER] = list[FETCH]))
RULE(fetch_after_deliver, (list[EXECUTE] = list[DELIVER], list[DELIVER] = list[FETCH]))
RULE(deliver_again, (list[EXECUTE] = list[DELIVER]))

static const struct rule {
	const char *name;
	void (*change)(struct program *program);
	int error;
} rules[] = {
        {"empty", empty, BUSBAR_ERROR_MISSING_FIELD},
        {"many", many, BUSBAR_ERROR_TOO_LARGE},
        {"no_ingress", no_ingress, BUSBAR_ERROR_MISSING_FIELD},
        {"no_expiry", no_expiry, BUSBAR_ERROR_MISSING_FIELD},
        {"old_expiry", old_expiry, BUSBAR_ERROR_MISSING_FIELD},
        {"part_zero", part_zero, BUSBAR_ERROR_BAD_VALUE},
        {"part_past", part_past, BUSBAR_ERROR_BAD_VALUE},
        {"nobody", nobody, BUSBAR_ERROR_MISSING_FIELD},
        {"no_operation", no_operation, BUSBAR_ERROR_BAD_VALUE},
        {"wild_operation", wild_operation, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_nothing", reserve_nothing, BUSBAR_ERROR_AMOUNT_ZERO},
        {"reserve_vast", reserve_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"reserve_vast_back", reserve_vast_back, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"reserve_nowhere", reserve_nowhere, BUSBAR_ERROR_MISSING_FIELD},
        {"reserve_back_nowhere", reserve_back_nowhere, BUSBAR_ERROR_MISSING_FIELD},
        {"reserve_no_time", reserve_no_time, BUSBAR_ERROR_AMOUNT_ZERO},
        {"reserve_bad_time", reserve_bad_time, BUSBAR_ERROR_AMOUNT_ZERO},
        {"reserve_tariff", reserve_tariff, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"reserve_back_tariff", reserve_back_tariff, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"reserve_limit", reserve_limit, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"reserve_class", reserve_class, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_jitter", reserve_jitter, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"reserve_back_jitter", reserve_back_jitter, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"claim_nothing", claim_nothing, BUSBAR_ERROR_AMOUNT_ZERO},
        {"claim_many", claim_many, BUSBAR_ERROR_TOO_LARGE},
        {"claim_no_time", claim_no_time, BUSBAR_ERROR_AMOUNT_ZERO},
        {"claim_kind", claim_kind, BUSBAR_ERROR_UNKNOWN_KIND},
        {"claim_zero", claim_zero, BUSBAR_ERROR_AMOUNT_ZERO},
        {"claim_vast", claim_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"claim_tariff", claim_tariff, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"claim_limit", claim_limit, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"claim_twice", claim_twice, BUSBAR_ERROR_DUPLICATE},
        {"fetch_vast", fetch_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"execute_nothing", execute_nothing, BUSBAR_ERROR_MISSING_FIELD},
        {"execute_both", execute_both, BUSBAR_ERROR_MISSING_FIELD},
        {"execute_many", execute_many, BUSBAR_ERROR_TOO_LARGE},
        {"execute_open", execute_open, BUSBAR_ERROR_TOO_LARGE},
        {"execute_tariff", execute_tariff, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"execute_limit", execute_limit, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"deliver_nowhere", deliver_nowhere, BUSBAR_ERROR_MISSING_FIELD},
        {"claims", claims, BUSBAR_ERROR_STATE},
        {"executes", executes, BUSBAR_ERROR_STATE},
        {"no_claim", no_claim, BUSBAR_ERROR_STATE},
        {"claim_elsewhere", claim_elsewhere, BUSBAR_ERROR_STATE},
        {"owner_again", owner_again, BUSBAR_ERROR_STATE},
        {"owner_again_at_end", owner_again_at_end, BUSBAR_ERROR_STATE},
        {"reserve_after_claim", reserve_after_claim, BUSBAR_ERROR_STATE},
        {"reserve_again", reserve_again, BUSBAR_ERROR_STATE},
        {"fetch_after_execute", fetch_after_execute, BUSBAR_ERROR_STATE},
        {"fetch_after_deliver", fetch_after_deliver, BUSBAR_ERROR_STATE},
        {"deliver_again", deliver_again, BUSBAR_ERROR_STATE},
};

static void test_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct program program = sample();
		int code;

		rules[i].change(&program);
		code = program_check(&program);
		if (code != rules[i].error)
			fail_msg("%s: %d (%s), expected %d", rules[i].name, code, error_text(code),
			         rules[i].error);
	}
}

/* In any order: what is accepted leaves every owner once and has each owner's operations in order. */
static void test_order(void **state)
{
	struct random random;
	int accepted = 0;

	random_seed(&random, 11);
	for (int round = 0; round < 20000; round++) {
		struct program program = sample();
		struct instruction *list = program.instructions;
		uint32_t owners = 1;

		for (uint32_t i = COUNT - 1; i > 0; i--) {
			uint32_t other = (uint32_t)random_below(&random, i + 1);
			struct instruction kept = list[i];

			/* Few swaps, so that some of the orders are good ones. */
			if (random_below(&random, 4) > 0)
				continue;
			list[i] = list[other];
			list[other] = kept;
		}
		if (program_check(&program) < 0)
			continue;
		accepted++;
		for (uint32_t i = 1; i < COUNT; i++) {
			owners += !gateway_equal(list[i].at, list[i - 1].at);
			if (gateway_equal(list[i].at, list[i - 1].at))
				T_TRUE(list[i].operation > list[i - 1].operation ||
				       list[i].operation == OPERATION_FETCH);
		}
		T_EQ(owners, 4);
	}
	T_TRUE(accepted > 100 && accepted < 20000);
}

static void test_names(void **state)
{
	T_TEXT(operation_names[OPERATION_FORWARD], "forward");
	T_TEXT(operation_names[OPERATION_RESERVE], "reserve");
	T_TEXT(operation_names[OPERATION_CLAIM], "claim");
	T_TEXT(operation_names[OPERATION_FETCH], "fetch");
	T_TEXT(operation_names[OPERATION_EXECUTE], "execute");
	T_TEXT(operation_names[OPERATION_DELIVER], "deliver");
	T_TEXT(operation_names[OPERATION_RELEASE], "release");
	T_TEXT(operation_names[OPERATION_ATTACH], "attach");
	T_TEXT(operation_names[OPERATION_REFRESH], "refresh");
	T_TRUE(operation_names[OPERATIONS] == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_good),       cmocka_unit_test(test_good_release),
	        cmocka_unit_test(test_rules),      cmocka_unit_test(test_order),
	        cmocka_unit_test(test_names),      cmocka_unit_test(test_good_reservation),
	        cmocka_unit_test(test_bad_attach), cmocka_unit_test(test_refresh),
	};

	return T_RUN(tests);
}
