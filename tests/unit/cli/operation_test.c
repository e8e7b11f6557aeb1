/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's commands: paths, BGP, reload. With a twin of the client library. */
#include "command_run.h"

#include "busbar_twin.h"
#include "cli/complain.h"
#include "t.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAMP "{\"source\":\"route\",\"age_ms\":120,\"stale\":false}"

static void a_path_is_shown_hop_by_hop(void **state)
{
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_VIEW,
	                                       .text = "{\"sites\":[{\"name\":\"dc-1\",\"identity\":\"5.1\"}]"
	                                               ",\"services\":[{\"name\":\"ocr\","
	                                               "\"version\":\"2\",\"address\":\"fd00:5e::7\"}]}"};
	twin.answers[1] = (struct twin_answer){
	        .document = BUSBAR_PATH,
	        .text = "{\"site\":\"dc-1\",\"reachable\":true,\"network_ms\":10,\"hops\":[{\"from\":\"edge-"
	                "a\","
	                "\"toward\":\"dc-1\",\"direction\":\"up\",\"delay_ms\":5,\"jitter_ms\":0.5,\"loss_"
	                "ppm\":"
	                "20000,\"measured\":{\"source\":\"measured\",\"age_ms\":null,\"stale\":false},"
	                "\"capacity_bps\":1000000000,\"free_bps\":900000000,\"price\":\"0.1\","
	                "\"offered\":" STAMP "}],\"gateways\":[{\"gateway\":\"dc-1\",\"model\":\"cloud\","
	                "\"start_ms\":2,\"resources\":"
	                "[{\"kind\":\"cpu\",\"free\":\"6 cores\",\"capacity\":\"8 "
	                "cores\",\"price\":\"0.00001\"}],"
	                "\"offered\":{\"source\":\"probe\",\"age_ms\":40000,\"stale\":true}}],\"service\":"
	                "{\"name\":\"ocr\",\"version\":\"2\",\"score\":9,\"running\":1,\"time_ms\":600,"
	                "\"price\":"
	                "\"0.001\"},\"plan\":{\"reasons\":[{\"site\":\"hpc-1\",\"text\":\"hpc-1: too "
	                "far\"}]}}"};
	check(RUN("trace", "ocr:2"), COMPLAIN_DONE,
	      "FROM    TOWARD  WAY   DELAY    JITTER    LOSS  SOURCE    AGE        FREE  CAPACITY  PRICE  "
	      "SOURCE  "
	      "     AGE\n"
	      "edge-a  dc-1    up   5.0 ms  0.500 ms  2.00 %  measured    -  900 Mbit/s  1 Gbit/s    0.1  "
	      "route   "
	      "120.0 ms\n"
	      "\n"
	      "GATEWAY  MODEL  KIND     FREE  CAPACITY    PRICE   START  SOURCE            AGE\n"
	      "dc-1     cloud  cpu   6 cores   8 cores  0.00001  2.0 ms  probe, stale  40.00 s\n"
	      "dc-1: network 10.0 ms there and back\n"
	      "ocr:2: score 9 of 10, 1 running, 600.0 ms a call, price 0.001\n"
	      "not chosen:\n"
	      "  hpc-1: too far\n");
	T_TEXT(twin.asked, "fd00005e000000000000000000000007");
	free(RUN("trace", "dc-1").text);
	T_TEXT(twin.asked, "00000000000000000000000000050001");
	free(RUN("trace", "5.1").text);
	T_TEXT(twin.asked, "00000000000000000000000000050001");
	check(RUN("trace", "ocr:3"), COMPLAIN_FAILED, "");
	check(RUN("trace", "nobody"), COMPLAIN_FAILED, "");
	check(RUN("trace"), COMPLAIN_USAGE, "");
}

static void no_way_is_said(void **state)
{
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_VIEW,
	                                       .text = "{\"sites\":[{\"name\":\"x\",\"identity\":\"9.1\"}]}"};
	twin.answers[1] = (struct twin_answer){
	        .document = BUSBAR_PATH,
	        .text = "{\"site\":\"x\",\"reachable\":false,\"hops\":[],\"gateways\":[],\"plan\":null}"};
	check(RUN("trace", "x"), COMPLAIN_DONE, "no way there\n");
}

static void peers_are_a_table(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_BGP_PEERS,
	        .text = "{\"peers\":[{\"name\":\"rr\",\"remote\":\"2001:db8::1\",\"as\":65000,\"state\":"
	                "\"established\",\"since_ms\":65000,\"paths\":7,\"stale_paths\":1,\"advertised\":4,"
	                "\"received\":{\"update\":12},\"sent\":{\"update\":5},\"flaps\":2,\"last_error\":"
	                "{\"text\":\"6/2 administrative \\u001bshutdown\"}}]}"};
	check(RUN("bgp", "peers"), COMPLAIN_DONE,
	      "PEER  ADDRESS         AS  STATE          SINCE  PATHS  STALE  TOLD  IN  OUT  FLAPS  LAST "
	      "ERROR\n"
	      "rr    2001:db8::1  65000  established  65.00 s      7      1     4  12    5      2  6/2 "
	      "administrative ?shutdown\n");
	T_EQ(twin.as_operator, 1);
}

#define ROUTE(prefix, peer, flags)                                 \
	"{\"prefix\":\"" prefix "\",\"peer\":" peer                \
	",\"path_id\":3,\"next_hop\":\"2001:db8::1\",\"as_path\":" \
	"[65001,65002],\"originator\":null,\"communities\":[\"65000:1\"],\"attribute\":\"00ff\"," flags "}"

static void routes_come_in_pages(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_BGP_ROUTES,
	        .once = true,
	        .text = "{\"routes\":[" ROUTE("fc00:1::/48", "null",
	                                      "\"best\":true,\"chosen\":true") "],\"next\":258}"};
	twin.answers[1] = (struct twin_answer){
	        .document = BUSBAR_BGP_ROUTES,
	        .text = "{\"routes\":[" ROUTE(
	                "fc00:2::/48", "\"rr\"",
	                "\"best\":false,\"chosen\":true,\"stale\":true") "],\"next\":null}"};
	check(RUN("bgp", "routes"), COMPLAIN_DONE,
	      "    PREFIX       PEER  ID  NEXT HOP     AS PATH      ORIGINATOR  COMMUNITIES  OCTETS\n"
	      ">   fc00:1::/48  own    3  -            65001 65002  -           65000:1           2\n"
	      "*S  fc00:2::/48  rr     3  2001:db8::1  65001 65002  -           65000:1           2\n");
	T_TEXT(twin.asked, "00000000000000000000000000000102");
	check(RUN("bgp", "routes", "fc00:3::/48"), COMPLAIN_DONE, "");
	check(RUN("bgp", "routes", "fc00:2::/48", "--json"), COMPLAIN_DONE,
	      "{\"routes\":[" ROUTE("fc00:2::/48", "\"rr\"",
	                            "\"best\":false,\"chosen\":true,\"stale\":true") "]}\n");
}

static void counters_are_lines(void **state)
{
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_BGP_STATISTICS,
	                             .text = "{\"node\":\"a\",\"peers\":2,\"updates_received\":1234}"};
	check(RUN("bgp", "stats"), COMPLAIN_DONE,
	      "peers                  2\n"
	      "updates_received       1234\n");
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_BGP_STATISTICS, .code = -1};
	check(RUN("bgp", "stats"), COMPLAIN_FAILED, "");
	check(RUN("bgp"), COMPLAIN_USAGE, "");
}

static void a_reload_says_what_came_of_it(void **state)
{
	check(RUN("reload"), COMPLAIN_FAILED, "");
	twin.reload = "{\"error\":null,\"problem\":\"\",\"changed\":[\"bgp.peers\",\"services[0].price\"]}";
	check(RUN("reload"), COMPLAIN_DONE, "bgp.peers\nservices[0].price\n");
	T_EQ(twin.as_operator, 1);
	twin.reload = "{\"error\":null,\"problem\":\"\",\"changed\":[]}";
	check(RUN("reload"), COMPLAIN_DONE, "nothing changed\n");
	twin.reload = "{\"error\":{\"code\":-1,\"text\":\"x\"},\"problem\":\"bgp.as: no\",\"changed\":[]}";
	check(RUN("reload"), COMPLAIN_FAILED, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_path_is_shown_hop_by_hop, clean),
	        cmocka_unit_test_setup(no_way_is_said, clean),
	        cmocka_unit_test_setup(peers_are_a_table, clean),
	        cmocka_unit_test_setup(routes_come_in_pages, clean),
	        cmocka_unit_test_setup(counters_are_lines, clean),
	        cmocka_unit_test_setup(a_reload_says_what_came_of_it, clean),
	};

	return T_RUN(tests);
}
