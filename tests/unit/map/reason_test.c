/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of reasons: every kind once, and the numbers at their edges. */
#include "tests/t.h"

#include "base/clock.h"
#include "map/map.h"
#include "network.h"

struct example {
	struct plan_reason reason;
	const char *text, *name;
};

static const struct example examples[REASON_KINDS] = {
        [REASON_NONE] = {{.have = 0}, "hpc-1: chosen", "none"},
        [REASON_PRICE] = {{.have = 19100000, .need = 13400000}, "hpc-1: price 0.0191 > 0.0134", "price"},
        [REASON_LATENCY] = {{.have = 23400000, .need = 19400000},
                            "hpc-1: latency 23.4 ms > 19.4 ms",
                            "latency"},
        [REASON_CARBON] = {{.have = 5000, .need = 1000}, "hpc-1: carbon 5000 > 1000 ug", "carbon"},
        [REASON_NETWORK] = {{.have = 31200000, .need = 25000000},
                            "hpc-1: network 31.2 ms > 25 ms",
                            "network"},
        [REASON_RESPOND] = {{.have = 120000000, .need = 100000000},
                            "hpc-1: respond 120 ms > 100 ms",
                            "respond"},
        [REASON_FINISH] = {{.have = 25 * CLOCK_SECOND, .need = 20 * CLOCK_SECOND},
                           "hpc-1: finish 25 s > 20 s",
                           "finish"},
        [REASON_GUARANTEE] = {{.have = 31200000, .need = 25000000},
                              "hpc-1: bound 31.2 ms > 25 ms",
                              "guarantee"},
        [REASON_RESOURCE] = {{.resource = RESOURCE_CPU, .have = 2000000, .need = 4000000},
                             "hpc-1: cpu 2 cores free < 4 cores wanted",
                             "resource"},
        [REASON_SERVICE] = {{.have = 0}, "hpc-1: does not offer the service", "service"},
        [REASON_BANDWIDTH] = {{.link = {3, 1}, .have = 10000000, .need = 20000000},
                              "hpc-1: link of core-1 10 Mbit/s free < 20 Mbit/s wanted",
                              "bandwidth"},
        [REASON_UNREACHABLE] = {{.have = 0}, "hpc-1: no path", "unreachable"},
        [REASON_BUDGET] = {{.have = 30000000, .need = 20000000}, "hpc-1: holds 0.03 > budget 0.02", "budget"},
        [REASON_REGION] = {{.have = 0}, "hpc-1: outside the regions asked for", "region"},
        [REASON_OPERATOR] = {{.have = 0}, "hpc-1: not of the operators asked for", "operator"},
        [REASON_MODEL] = {{.have = 0}, "hpc-1: not of the supply models asked for", "model"},
        [REASON_TRUST] = {{.have = 3, .need = 7}, "hpc-1: trust 3 < 7", "trust"},
        [REASON_SUSPECT] = {{.error = BUSBAR_ERROR_NO_ANSWER},
                            "hpc-1: avoided: no answer from the gateway",
                            "suspect"},
        [REASON_SITE] = {{.have = 0}, "hpc-1: not the site that serves already", "site"},
};

static struct view *open_view(void)
{
	struct view *view = network_view();
	struct site core = network_site(3, "core-1"), site = network_site(4, "hpc-1");

	assert_non_null(view);
	network_put(view, &core);
	network_put(view, &site);
	return view;
}

static const char *text_of(const struct view *view, enum plan_reason_kind kind, struct plan_reason reason,
                           char text[MAP_REASON_TEXT])
{
	reason.kind = kind;
	if (gateway_is_none(reason.site))
		reason.site = network_identity(4);
	return map_reason_text(view, &reason, text);
}

static void test_every_kind(void **state)
{
	struct view *view = open_view();
	char text[MAP_REASON_TEXT];

	for (int kind = 0; kind < REASON_KINDS; kind++) {
		T_TEXT(text_of(view, (enum plan_reason_kind)kind, examples[kind].reason, text),
		       examples[kind].text);
		T_TEXT(map_reason_name((enum plan_reason_kind)kind), examples[kind].name);
	}
	T_TEXT(map_reason_name(REASON_KINDS), "unknown");
	T_TEXT(text_of(view, REASON_KINDS, (struct plan_reason){.have = 1}, text), "");
	(void)view_free(view);
}

static void test_edges(void **state)
{
	static const struct {
		enum plan_reason_kind kind;
		struct plan_reason reason;
		const char *text;
	} cases[] = {
	        {REASON_NETWORK, {.have = 99999, .need = 50}, "hpc-1: network 100 us > 0.05 us"},
	        {REASON_NETWORK, {.have = 100001, .need = 100000}, "hpc-1: network 0.100001 ms > 0.1 ms"},
	        {REASON_FINISH, {.have = 9999400000, .need = 9999}, "hpc-1: finish 9999 ms > 9.999 us"},
	        {REASON_FINISH, {.have = 9999600000, .need = 0}, "hpc-1: finish 10 s > 0 ms"},
	        {REASON_PRICE, {.have = 1, .need = 0}, "hpc-1: price 0.000000001 > 0"},
	        {REASON_PRICE, {.have = 1234567, .need = 1234566}, "hpc-1: price 0.001234567 > 0.001234566"},
	        {REASON_FINISH,
	         {.have = 20 * CLOCK_SECOND + 1, .need = 20 * CLOCK_SECOND},
	         "hpc-1: finish 20.000000001 s > 20 s"},
	        {REASON_PRICE, {.have = 1234567, .need = 1234567}, "hpc-1: price 0.001235 = 0.001235"},
	        {REASON_PRICE,
	         {.have = 12345 * MONEY_UNIT, .need = 99 * MONEY_UNIT / 10},
	         "hpc-1: price 12345 > 9.9"},
	        {REASON_LATENCY, {.have = 5000000, .need = 5000000}, "hpc-1: latency 5 ms = 5 ms"},
	        {REASON_CARBON, {.have = 0, .need = 100}, "hpc-1: carbon unknown > 100 ug"},
	        {REASON_RESOURCE,
	         {.resource = RESOURCE_MEMORY, .have = 1 << 30, .need = INT64_C(2) << 30},
	         "hpc-1: memory 1 GiB free < 2 GiB wanted"},
	        {REASON_RESOURCE,
	         {.resource = RESOURCE_CPU_GFLOPS, .have = 0, .need = 12500000},
	         "hpc-1: cpu.gflops 0 GFLOPS free < 12.5 GFLOPS wanted"},
	        {REASON_SUSPECT, {.error = 0}, "hpc-1: avoided: its path is avoided"},
	        {REASON_GUARANTEE,
	         {.link = {3, 1}, .have = 0, .need = 25000000},
	         "hpc-1: core-1 promises no bound"},
	        {REASON_UNREACHABLE, {.site = {9, 2}}, "9.2: no path"},
	        {REASON_BANDWIDTH,
	         {.link = {8, 1}, .have = 0, .need = 1},
	         "hpc-1: link of 8.1 0 bit/s free < 1 bit/s wanted"},
	};
	struct view *view = open_view();
	char text[MAP_REASON_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		T_TEXT(text_of(view, cases[i].kind, cases[i].reason, text), cases[i].text);
	(void)view_free(view);
}

/* The longest names and numbers still give a text that ends. */
static void test_longest(void **state)
{
	struct view *view = open_view();
	struct site site = network_site(5, "a-gateway-with-a-name-of-31-char");
	char text[MAP_REASON_TEXT];

	network_put(view, &site);
	for (int kind = 0; kind < REASON_KINDS; kind++) {
		struct plan_reason reason = {.site = network_identity(5),
		                             .resource = RESOURCE_CPU_GFLOPS,
		                             .link = network_identity(5),
		                             .have = INT64_MAX,
		                             .need = INT64_MIN,
		                             .error = BUSBAR_ERROR_INFEASIBLE};

		T_TRUE(strlen(text_of(view, (enum plan_reason_kind)kind, reason, text)) < MAP_REASON_TEXT);
		T_TRUE(strncmp(text, "a-gateway-with-a-name-of-31-cha: ", 33) == 0);
	}
	(void)view_free(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_every_kind),
	        cmocka_unit_test(test_edges),
	        cmocka_unit_test(test_longest),
	};

	return T_RUN(tests);
}
