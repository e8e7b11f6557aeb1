/* SPDX-License-Identifier: Apache-2.0 */
/* Demands: every rule of demand_check, arguments, and how data divides among parts. */
#include "model/demand.h"
#include "t.h"
#include <stdio.h>

/* A demand that uses everything and breaks no rule. */
static struct demand sample(void)
{
	struct demand demand = {
	        .name = "render",
	        .budget = 1000,
	        .prefer = PREFER_LATENCY,
	        .region_count = 1,
	        .regions = {"north"},
	        .model_count = 1,
	        .models = {SUPPLY_DEVICE},
	        .body =
	                {
	                        .service = "picture",
	                        .version = "3",
	                        .need_count = 2,
	                        .needs = {{.kind = RESOURCE_CPU, .amount = 1000000},
	                                  {.kind = RESOURCE_MEMORY, .amount = 4096, .each = true}},
	                        .need_time = 1,
	                        .work_present = true,
	                        .work = {.kind = RESOURCE_CPU_GFLOPS, .amount = 5},
	                        .network_within = 1,
	                        .respond_within = 1,
	                        .finish_within = 1,
	                        .bandwidth_up = INT64_MAX,
	                        .bandwidth_down = INT64_MAX,
	                        .burst = INT64_MAX,
	                        .data_count = 2,
	                        .data = {{.direction = DATA_IN, .size = 100, .blob = true},
	                                 {.direction = DATA_OUT, .size = 7}},
	                        .split = DEMAND_PARTS,
	                        .split_least = {.kind = RESOURCE_CPU_GFLOPS, .amount = 1},
	                },
	};

	return demand;
}

static void test_good(void **state)
{
	struct demand demand = sample();

	T_OK(demand_check(&demand));
	memset(&demand.body, 0, sizeof(demand.body));
	demand.body.service[0] = 's';
	T_OK(demand_check(&demand));
}

/* One change of the sample, by a function, and the code that must come. */
#define RULE(name, change)                                \
	static void name(struct demand *demand)           \
	{                                                 \
		struct demand_body *body = &demand->body; \
                                                          \
		(void)body;                               \
		change;                                   \
	}

RULE(no_what, body->service[0] = body->version[0] = '\0')
RULE(both, body->argument_count = 1)
RULE(version_alone, (body->service[0] = '\0', body->argument_count = 1))
RULE(many_arguments,
     (body->service[0] = body->version[0] = '\0', body->argument_count = DEMAND_ARGUMENTS + 1))
RULE(many_arguments_still, (body->service[0] = body->version[0] = '\0', body->argument_count = UINT32_MAX))
RULE(open_argument, (body->service[0] = body->version[0] = '\0', body->argument_count = 1,
                     memset(body->arguments, 'a', sizeof(body->arguments))))
RULE(parts, body->split = DEMAND_PARTS + 1)
RULE(least_kind, body->split_least.kind = RESOURCE_KINDS)
RULE(least_amount, body->split_least.amount = UINT64_MAX)
RULE(up, body->bandwidth_up = (uint64_t)INT64_MAX + 1)
RULE(down, body->bandwidth_down = UINT64_MAX)
RULE(burst, body->burst = UINT64_MAX)
RULE(needs, body->need_count = DEMAND_NEEDS + 1)
RULE(need_zero, body->needs[1].amount = 0)
RULE(need_vast, body->needs[1].amount = (uint64_t)INT64_MAX + 1)
RULE(need_kind, body->needs[1].kind = RESOURCE_KINDS)
RULE(need_kind_negative, body->needs[0].kind = (enum resource_kind) - 1)
RULE(need_twice, body->needs[1].kind = RESOURCE_CPU)
RULE(work_zero, body->work.amount = 0)
RULE(work_vast, body->work.amount = UINT64_MAX)
RULE(work_kind, body->work.kind = RESOURCE_KINDS)
RULE(need_time, body->need_time = -1)
RULE(network_time, body->network_within = -1)
RULE(respond_time, body->respond_within = INT64_MIN)
RULE(finish_time, body->finish_within = -1)
RULE(data_many, body->data_count = DEMAND_DATA + 1)
RULE(data_zero, body->data[1].size = 0)
RULE(data_vast, body->data[0].size = UINT64_MAX)
RULE(data_direction, body->data[0].direction = (enum data_direction)2)
RULE(data_sum, (body->data[0].size = INT64_MAX, body->data[1].size = 1))
RULE(stages, demand->stage_count = DEMAND_STAGES + 1)
RULE(input, demand->input_size = DEMAND_INPUT + 1)
RULE(regions, demand->region_count = DEMAND_PLACES + 1)
RULE(operators, demand->operator_count = DEMAND_PLACES + 1)
RULE(models, demand->model_count = UINT32_MAX)
RULE(model, demand->models[0] = SUPPLY_MODELS)
RULE(budget, demand->budget = -1)
RULE(prefer, demand->prefer = PREFER_CHOICES)
RULE(prefer_negative, demand->prefer = (enum demand_prefer) - 1)

static const struct rule {
	const char *name;
	void (*change)(struct demand *demand);
	int error;
} rules[] = {
        {"no_what", no_what, BUSBAR_ERROR_MISSING_FIELD},
        {"both", both, BUSBAR_ERROR_MISSING_FIELD},
        {"version_alone", version_alone, BUSBAR_ERROR_BAD_VALUE},
        {"many_arguments", many_arguments, BUSBAR_ERROR_TOO_LARGE},
        {"many_arguments_still", many_arguments_still, BUSBAR_ERROR_TOO_LARGE},
        {"open_argument", open_argument, BUSBAR_ERROR_TOO_LARGE},
        {"parts", parts, BUSBAR_ERROR_TOO_LARGE},
        {"least_kind", least_kind, BUSBAR_ERROR_UNKNOWN_KIND},
        {"least_amount", least_amount, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"up", up, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"down", down, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"burst", burst, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"needs", needs, BUSBAR_ERROR_TOO_LARGE},
        {"need_zero", need_zero, BUSBAR_ERROR_AMOUNT_ZERO},
        {"need_vast", need_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"need_kind", need_kind, BUSBAR_ERROR_UNKNOWN_KIND},
        {"need_kind_negative", need_kind_negative, BUSBAR_ERROR_UNKNOWN_KIND},
        {"need_twice", need_twice, BUSBAR_ERROR_DUPLICATE},
        {"work_zero", work_zero, BUSBAR_ERROR_AMOUNT_ZERO},
        {"work_vast", work_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"work_kind", work_kind, BUSBAR_ERROR_UNKNOWN_KIND},
        {"need_time", need_time, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"network_time", network_time, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"respond_time", respond_time, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"finish_time", finish_time, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"data_many", data_many, BUSBAR_ERROR_TOO_LARGE},
        {"data_zero", data_zero, BUSBAR_ERROR_AMOUNT_ZERO},
        {"data_vast", data_vast, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"data_direction", data_direction, BUSBAR_ERROR_BAD_VALUE},
        {"data_sum", data_sum, BUSBAR_ERROR_AMOUNT_OVERFLOW},
        {"stages", stages, BUSBAR_ERROR_TOO_LARGE},
        {"input", input, BUSBAR_ERROR_TOO_LARGE},
        {"regions", regions, BUSBAR_ERROR_TOO_LARGE},
        {"operators", operators, BUSBAR_ERROR_TOO_LARGE},
        {"models", models, BUSBAR_ERROR_TOO_LARGE},
        {"model", model, BUSBAR_ERROR_BAD_VALUE},
        {"budget", budget, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"prefer", prefer, BUSBAR_ERROR_BAD_VALUE},
        {"prefer_negative", prefer_negative, BUSBAR_ERROR_BAD_VALUE},
};

static void test_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct demand demand = sample();
		int code;

		rules[i].change(&demand);
		code = demand_check(&demand);
		if (code != rules[i].error)
			fail_msg("%s: %d (%s), expected %d", rules[i].name, code, error_text(code),
			         rules[i].error);
	}
}

/* Memory, and guaranteed bandwidth to a service, for a while. */
static struct demand reservation(void)
{
	return (struct demand){.body = {.service = "voice",
	                                .version = "1",
	                                .need_count = 1,
	                                .needs = {{.kind = RESOURCE_MEMORY, .amount = 4096}},
	                                .reserve_time = 60,
	                                .network_within = 20,
	                                .network_guaranteed = true,
	                                .bandwidth_up = 1,
	                                .bandwidth_down = 2,
	                                .burst = 3}};
}

static void test_good_reservation(void **state)
{
	struct demand demand = reservation();
	struct demand_body *body = &demand.body;

	T_OK(demand_check(&demand));
	body->need_count = 0;
	T_OK(demand_check(&demand));
	body->network_guaranteed = false;
	body->bandwidth_down = 0;
	T_OK(demand_check(&demand));
	body->network_within = 0;
	T_OK(demand_check(&demand));
	/* Without bandwidth it may be anywhere. */
	demand = reservation();
	body->network_guaranteed = false;
	body->bandwidth_up = body->bandwidth_down = body->burst = 0;
	T_OK(demand_check(&demand));
	body->service[0] = body->version[0] = '\0';
	T_OK(demand_check(&demand));
}

RULE(no_service, body->service[0] = body->version[0] = '\0')
RULE(reserve_version, (body->service[0] = '\0', body->network_guaranteed = false,
                       body->bandwidth_up = body->bandwidth_down = 0))
RULE(reserve_nothing,
     (body->need_count = 0, body->network_guaranteed = false, body->bandwidth_up = body->bandwidth_down = 0))
RULE(reserve_negative, (body->reserve_time = -1, body->network_guaranteed = false))
RULE(reserve_run, (body->argument_count = 1, body->service[0] = body->version[0] = '\0'))
RULE(reserve_run_too, body->argument_count = 1)
RULE(reserve_need_time, body->need_time = 1)
RULE(reserve_work, body->work_present = true)
RULE(reserve_data, body->data_count = 1)
RULE(reserve_split, body->split = 1)
RULE(reserve_respond, body->respond_within = 1)
RULE(reserve_finish, body->finish_within = 1)
RULE(reserve_input, demand->input_size = 1)
RULE(reserve_need_kind, body->needs[0].kind = RESOURCE_KINDS)
RULE(guarantee_no_limit, body->network_within = 0)
RULE(guarantee_no_up, body->bandwidth_up = 0)
RULE(guarantee_no_down, body->bandwidth_down = 0)
RULE(guarantee_alone, body->reserve_time = 0)

static const struct rule reservation_rules[] = {
        {"no_service", no_service, BUSBAR_ERROR_MISSING_FIELD},
        {"reserve_version", reserve_version, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_nothing", reserve_nothing, BUSBAR_ERROR_MISSING_FIELD},
        {"reserve_negative", reserve_negative, BUSBAR_ERROR_AMOUNT_NEGATIVE},
        {"reserve_run", reserve_run, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_run_too", reserve_run_too, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_need_time", reserve_need_time, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_work", reserve_work, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_data", reserve_data, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_split", reserve_split, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_respond", reserve_respond, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_finish", reserve_finish, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_input", reserve_input, BUSBAR_ERROR_BAD_VALUE},
        {"reserve_need_kind", reserve_need_kind, BUSBAR_ERROR_UNKNOWN_KIND},
        {"guarantee_no_limit", guarantee_no_limit, BUSBAR_ERROR_MISSING_FIELD},
        {"guarantee_no_up", guarantee_no_up, BUSBAR_ERROR_MISSING_FIELD},
        {"guarantee_no_down", guarantee_no_down, BUSBAR_ERROR_MISSING_FIELD},
        {"guarantee_alone", guarantee_alone, BUSBAR_ERROR_BAD_VALUE},
};

static void test_reservation_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(reservation_rules); i++) {
		struct demand demand = reservation();
		int code;

		reservation_rules[i].change(&demand);
		code = demand_check(&demand);
		if (code != reservation_rules[i].error)
			fail_msg("%s: %d (%s), expected %d", reservation_rules[i].name, code,
			         error_text(code), reservation_rules[i].error);
	}
}

/* A reservation is all of a demand. */
static void test_reservation_with_stages(void **state)
{
	struct demand_stage stage = {.name = "one", .body = {.service = "s"}};
	struct demand demand = reservation();

	demand.stage_count = 1;
	demand.stages = &stage;
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
	memset(&demand.body, 0, sizeof(demand.body));
	T_OK(demand_check(&demand));
	stage.body = reservation().body;
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
}

/* The body rules hold in stages, too. */
static void test_rules_in_stages(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct demand inner = sample();
		struct demand_stage stage = {.name = "one"};
		struct demand outer = sample();

		rules[i].change(&inner);
		if (memcmp(&inner.body, &outer.body, sizeof(inner.body)) == 0)
			continue; /* not a rule of bodies */
		stage.body = inner.body;
		memset(&outer.body, 0, sizeof(outer.body));
		outer.stage_count = 1;
		outer.stages = &stage;
		T_ERROR(demand_check(&outer), rules[i].error);
		stage.body = sample().body;
		T_OK(demand_check(&outer));
	}
}

/* Three stages in a line; the outer body is empty. */
static struct demand staged(struct demand_stage stages[3])
{
	struct demand demand = {.stage_count = 3, .stages = stages};
	static const char *const names[] = {"load", "cook", "serve"};

	memset(stages, 0, 3 * sizeof(stages[0]));
	for (int i = 0; i < 3; i++) {
		(void)snprintf(stages[i].name, sizeof(stages[i].name), "%s", names[i]);
		(void)snprintf(stages[i].body.service, sizeof(stages[i].body.service), "s%d", i);
		if (i == 0)
			continue;
		stages[i].after_count = 1;
		(void)snprintf(stages[i].after[0], sizeof(stages[i].after[0]), "%s", names[i - 1]);
	}
	return demand;
}

static void test_stages(void **state)
{
	struct demand_stage stages[3];
	struct demand demand = staged(stages);

	T_OK(demand_check(&demand));
	(void)snprintf(stages[2].after[1], DEMAND_NAME, "load");
	stages[2].after_count = 2;
	T_OK(demand_check(&demand));
	/* Itself, a later one, one that is not there: each would allow a cycle. */
	(void)snprintf(stages[2].after[1], DEMAND_NAME, "serve");
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
	demand = staged(stages);
	(void)snprintf(stages[1].after[0], DEMAND_NAME, "serve");
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
	(void)snprintf(stages[1].after[0], DEMAND_NAME, "other");
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
	demand = staged(stages);
	stages[0].after_count = 1;
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_BAD_VALUE);
	stages[0].after_count = DEMAND_AFTER + 1;
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_TOO_LARGE);
	demand = staged(stages);
	(void)snprintf(stages[2].name, DEMAND_NAME, "load");
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_DUPLICATE);
	stages[2].name[0] = '\0';
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_MISSING_FIELD);
	demand = staged(stages);
	stages[1].body.service[0] = '\0';
	T_ERROR(demand_check(&demand), BUSBAR_ERROR_MISSING_FIELD);
}

static void test_arguments(void **state)
{
	struct demand_body body = {0};
	char longest[DEMAND_ARGUMENT_TEXT + 1];

	T_TRUE(demand_argument(&body, 0) == NULL);
	T_OK(demand_add_argument(&body, "convert"));
	T_OK(demand_add_argument(&body, ""));
	T_OK(demand_add_argument(&body, "two words"));
	T_EQ(body.argument_count, 3);
	T_TEXT(demand_argument(&body, 0), "convert");
	T_TEXT(demand_argument(&body, 1), "");
	T_TEXT(demand_argument(&body, 2), "two words");
	T_TRUE(demand_argument(&body, 3) == NULL);
	T_EQ(demand_texts_size(body.arguments, sizeof(body.arguments), 3), 8 + 1 + 10);
	memset(&body, 0, sizeof(body));
	memset(longest, 'x', sizeof(longest));
	longest[DEMAND_ARGUMENT_TEXT] = '\0';
	T_ERROR(demand_add_argument(&body, longest), BUSBAR_ERROR_TOO_LARGE);
	longest[DEMAND_ARGUMENT_TEXT - 1] = '\0';
	T_OK(demand_add_argument(&body, longest));
	T_EQ(demand_texts_size(body.arguments, sizeof(body.arguments), 1), DEMAND_ARGUMENT_TEXT);
	T_ERROR(demand_add_argument(&body, ""), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(body.argument_count, 1);
	memset(&body, 0, sizeof(body));
	for (int i = 0; i < DEMAND_ARGUMENTS; i++)
		T_OK(demand_add_argument(&body, "x"));
	T_ERROR(demand_add_argument(&body, "x"), BUSBAR_ERROR_TOO_LARGE);
	T_TEXT(demand_argument(&body, DEMAND_ARGUMENTS - 1), "x");
}

static void test_data_size(void **state)
{
	struct demand_body body = {
	        .data_count = 4,
	        .data = {{.direction = DATA_IN, .size = 100},
	                 {.direction = DATA_IN, .size = 10, .each = true},
	                 {.direction = DATA_IN, .size = 1000, .blob = true},
	                 {.direction = DATA_OUT, .size = 7}},
	};

	T_EQ(demand_data_size(&body, DATA_IN, 0), 1110);
	T_EQ(demand_data_size(&body, DATA_IN, 1), 1110);
	T_EQ(demand_data_size(&body, DATA_IN, 3), 34 + 10 + 1000);
	T_EQ(demand_data_size(&body, DATA_OUT, 1), 7);
	T_EQ(demand_data_size(&body, DATA_OUT, 8), 1);
	/* The parts together carry all of it. */
	for (uint32_t parts = 1; parts <= DEMAND_PARTS; parts++)
		T_TRUE(demand_data_size(&body, DATA_OUT, parts) * parts >= 7);
	body.data[3].size = INT64_MAX;
	T_EQ(demand_data_size(&body, DATA_OUT, 1), INT64_MAX);
	body.data_count = 0;
	T_EQ(demand_data_size(&body, DATA_IN, 1), 0);
}

static void test_names(void **state)
{
	T_TEXT(demand_prefer_names[PREFER_COST], "cost");
	T_TEXT(demand_prefer_names[PREFER_LATENCY], "latency");
	T_TEXT(demand_prefer_names[PREFER_CARBON], "carbon");
	T_TRUE(demand_prefer_names[PREFER_CHOICES] == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_good),
	        cmocka_unit_test(test_rules),
	        cmocka_unit_test(test_rules_in_stages),
	        cmocka_unit_test(test_good_reservation),
	        cmocka_unit_test(test_reservation_rules),
	        cmocka_unit_test(test_reservation_with_stages),
	        cmocka_unit_test(test_stages),
	        cmocka_unit_test(test_arguments),
	        cmocka_unit_test(test_data_size),
	        cmocka_unit_test(test_names),
	};

	return T_RUN(tests);
}
