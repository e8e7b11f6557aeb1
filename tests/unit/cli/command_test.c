/* SPDX-License-Identifier: Apache-2.0 */
/* The commands as a whole, with a twin of the client library. */
#include "command_run.h"

#include "busbar_twin.h"
#include "cli/complain.h"
#include "cli/stream.h"
#include "t.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TASK "018f3c00000070008000000000000001"
#define DIGEST "abababababababababababababababababababababababababababababababab"
#define PLAN(reasons)                                                                                  \
	"{\"site\":\"dc-1\",\"path\":[\"edge-a\",\"core-1\",\"dc-1\"],\"bound\":\"hard\","             \
	"\"bound_ms\":31,\"network_ms\":16,\"respond_ms\":40.5,\"finish_ms\":1250,\"price\":\"0.01\"," \
	"\"tariff\":"                                                                                  \
	"\"0.012\",\"hold\":\"0.036\"" reasons "}"
#define REASONS "[{\"site\":\"hpc-1\",\"reason\":\"network\",\"text\":\"hpc-1: network 31.2 ms > 25 ms\"}]"
#define QUOTE                                                                                              \
	"{\"error\":null,\"parts\":[" PLAN("") "],\"reasons\":" REASONS ",\"price\":\"0.01\",\"tariff\":"  \
	                                       "\"0.012\",\"hold\":\"0.036\",\"network_ms\":16,\"respond_" \
	                                       "ms\":40.5,\"finish_ms\":1250,\"exact\":"                   \
	                                       "true}"
#define REFUSED                                                                                       \
	"{\"error\":{\"code\":-2017,\"name\":\"INFEASIBLE\",\"text\":\"no site and path satisfy the " \
	"demand\"},\"parts\":[],\"reasons\":" REASONS "}"
#define PART(number, state, error)                                                                  \
	"{\"part\":" number ",\"state\":\"" state "\",\"error\":" error ",\"attempts\":1,\"site\":" \
	"\"dc-1\",\"size\":6,\"digest\":\"" DIGEST                                                  \
	"\",\"network_ms\":12.5,\"run_ms\":800,\"plan\":" PLAN(",\"reasons\":" REASONS) "}"
#define TASK_OF(state, error, parts)                                                            \
	"{\"task\":\"" TASK "\",\"name\":\"film\",\"state\":\"" state "\",\"error\":" error "," \
	"\"created\":1000,\"ended\":0,\"charge\":\"0.0134\",\"parts\":[" parts "]}"

/* Every text of the list is in the output. */
static void check_has(struct result result, int status, const char *const texts[])
{
	T_EQ(result.status, status);
	for (; *texts != NULL; texts++)
		if (strstr(result.text, *texts) == NULL)
			fail_msg("'%s' is not in:\n%s", *texts, result.text);
	free(result.text);
}

#define HAS(result, status, ...) check_has(result, status, (const char *[]){__VA_ARGS__, NULL})

static void usage_is_status_two(void **state)
{
	check(RUN("fly"), COMPLAIN_USAGE, "");
	check(RUN("task"), COMPLAIN_USAGE, "");
	check(RUN("task", "fly"), COMPLAIN_USAGE, "");
	check(RUN("task", "show"), COMPLAIN_USAGE, "");
	check(RUN("task", "show", "a", "b"), COMPLAIN_USAGE, "");
	check(RUN("view", "--wait"), COMPLAIN_USAGE, "");
	check(RUN("view", "moons"), COMPLAIN_USAGE, "");
	check(RUN("view", "--", "x"), COMPLAIN_USAGE, "");
	check(RUN("run"), COMPLAIN_USAGE, "");
	check(RUN("run", EXAMPLES "/demands/ocr.demand", "--split=2"), COMPLAIN_USAGE, "");
	check(RUN("--nothing"), COMPLAIN_USAGE, "");
	T_EQ(twin.opened, twin.closed);
}

static void help_names_every_command(void **state)
{
	HAS(RUN("help"), COMPLAIN_DONE, "view", "quote", "run", "call", "reserve", "follow",
	    "trace SITE | SERVICE", "task list", "task cancel", "bill", "ledger check", "status", "bgp peers",
	    "bgp routes [PREFIX]", "reload", "program assemble", "--config FILE");
	HAS(RUN("help", "run"), COMPLAIN_DONE, "--network-within", "--output");
	HAS(RUN("--help", "ledger"), COMPLAIN_DONE, "--allow-open");
	HAS(RUN("--version"), COMPLAIN_DONE, "busbar ");
	check(RUN("help", "fly"), COMPLAIN_USAGE, "");
	T_EQ(twin.opened, 0);
}

static void the_view_is_three_tables(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_VIEW,
	        .text = "{\"node\":\"edge-a\",\"sites\":[{\"name\":\"dc-1\",\"model\":\"cloud\",\"region\":"
	                "\"plain\","
	                "\"gflops_per_core\":3.14159,\"start_ms\":2,\"age_ms\":150,\"stale\":true,"
	                "\"resources\":["
	                "{\"kind\":\"cpu\",\"capacity\":\"8 cores\",\"free\":\"6.5 "
	                "cores\",\"price\":\"0.00001\","
	                "\"tariff\":\"0.000015\"},{\"kind\":\"memory\",\"capacity\":\"4 GiB\",\"free\":\"3 "
	                "GiB\"}],"
	                "\"links\":[{\"toward\":\"core-1\",\"delay_ms\":5,\"free_bps\":900000000,"
	                "\"capacity_bps\":1000000000,\"loss_ppm\":3,\"price\":\"0.1\",\"tariff\":\"0.2\"}]},"
	                "{\"name\":\"core-1\",\"model\":\"transit\"}],\"services\":[{\"name\":\"ocr\","
	                "\"version\":\"1\",\"site\":\"dc-1\",\"score\":9,\"running\":2,\"time_ms\":600,"
	                "\"cpu\":\"1 cores\",\"price\":\"0.001\",\"tariff\":\"0.002\"}]}"};
	check(RUN("view", "sites"), COMPLAIN_DONE,
	      "SITE    MODEL    REGION  CORES FREE  MEMORY FREE  GFLOPS/CORE   START    PRICE    TARIFF      "
	      "       AGE\n"
	      "dc-1    cloud    plain        6.5/8  3 GiB/4 GiB         3.14  2.0 ms  0.00001  0.000015  "
	      "150.0 ms stale\n"
	      "core-1  transit  -                -            -            -    0 ms        -         -      "
	      "      0 ms\n");
	HAS(RUN("view", "links"), COMPLAIN_DONE, "dc-1  core-1  5.0 ms", "900 Mbit/s  1 Gbit/s", "3 ppm");
	HAS(RUN("view"), COMPLAIN_DONE, "dc-1    cloud", "\n\nSERVICE", "ocr      1        dc-1", "\n\nFROM");
	HAS(RUN("--json", "view"), COMPLAIN_DONE, "{\"node\":\"edge-a\",\"sites\":[",
	    "\"gflops_per_core\":3.14159");
	T_EQ(twin.opened, 4);
	T_EQ(twin.closed, 4);
	T_EQ(twin.as_operator, 0);
}

#define SEEN                                                                                                 \
	"{\"node\":\"edge-a\",\"bytes\":4711,\"truncated\":true,\"sites\":[{\"name\":\"dc-1\",\"source\":"   \
	"\"probe\",\"age_ms\":15,\"validity_ms\":500,\"structure_age_ms\":4000,\"contradicted\":[\"free\","  \
	"\"price\"],\"queue\":{\"waiting\":3,\"wait_ms\":20},\"path\":{\"delay_ms\":7,\"age_ms\":90},"       \
	"\"links\":["                                                                                        \
	"{\"toward\":\"core-1\",\"source\":\"route\",\"delay_source\":\"measured\",\"contradicted\":true}]}" \
	"],"                                                                                                 \
	"\"services\":[{\"name\":\"ocr\",\"version\":\"1\",\"site\":\"dc-1\",\"source\":\"route\",\"age_"    \
	"ms\":4000,"                                                                                         \
	"\"contradicted\":false}],\"edge_metadata\":[{\"prefix\":\"fd00::7\",\"length\":128,\"as\":65004,"   \
	"\"site\":"                                                                                          \
	"null,\"preference\":7,\"delay_ms\":40,\"age_ms\":10}],\"contradictions\":[{\"site\":\"dc-1\","      \
	"\"value\":"                                                                                         \
	"\"free\",\"toward\":null,\"sources\":[\"route\",\"probe\"],\"values\":[8,2],\"noted_ms\":1000}],"   \
	"\"tables\":[{\"name\":\"sites\",\"entries\":1,\"bytes\":999,\"maximum\":16384},{\"name\":"          \
	"\"index\","                                                                                         \
	"\"entries\":2,\"bytes\":1072,\"maximum\":0}]}"

static void the_view_says_where_values_are_from(void **state)
{
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_VIEW, .text = SEEN};
	check(RUN("view", "sites", "--long"), COMPLAIN_DONE,
	      "SITE  AMOUNTS FROM      AGE     VALID  STRUCTURE AGE  WAITING     WAIT  PATH DELAY  PATH AGE  "
	      "CONTRADICTED\n"
	      "dc-1  probe         15.0 ms  500.0 ms         4.00 s        3  20.0 ms      7.0 ms   90.0 ms  "
	      "free price\n");
	HAS(RUN("view", "-l"), COMPLAIN_DONE, "ocr      1        dc-1  route",
	    "dc-1  core-1  measured    route", "yes");
	HAS(RUN("view", "edge-metadata"), COMPLAIN_DONE,
	    "fd00::7/128  65004  -              7             -  40.0 ms");
	HAS(RUN("view", "contradictions"), COMPLAIN_DONE, "dc-1  free   -   route  8  probe  2  1.00 s");
	check(RUN("view", "--memory"), COMPLAIN_DONE,
	      "TABLE  ENTRIES  OCTETS  MAXIMUM\n"
	      "sites        1     999    16384\n"
	      "index        2    1072        -\n"
	      "all          -    4711        -\n");
}

static void the_view_is_asked_for_by_filters(void **state)
{
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_VIEW, .text = SEEN};
	HAS(RUN("view"), COMPLAIN_DONE, "dc-1");
	T_TEXT(twin.asked, "");
	HAS(RUN("view", "services", "--model", "edge", "--model=cloud", "--kind", "cpu", "--service",
	        "foobar:2", "--price", "0.000001", "--latency", "1 us"),
	    COMPLAIN_DONE, "ocr");
	T_TEXT(twin.asked, "02060100bf9cf968"
	                   "0000000003e803e8");
	HAS(RUN("view", "--region", "a"), COMPLAIN_DONE, "dc-1");
	T_TEXT(twin.asked, "0000000000000000e40c292c00000000");
	check(RUN("view", "--model", "moon"), COMPLAIN_USAGE, "");
	check(RUN("view", "--kind", "cheese"), COMPLAIN_USAGE, "");
	check(RUN("view", "--price", "-1"), COMPLAIN_USAGE, "");
	check(RUN("view", "--latency", "soon"), COMPLAIN_USAGE, "");
	check(RUN("view", "--region", "a", "--region", "b"), COMPLAIN_USAGE, "");
	check(RUN("view", "--run"), COMPLAIN_USAGE, "");
}

/* Again for what changes, and not for what only grows older; until the gateway is gone. */
static void the_view_is_watched(void **state)
{
	static const char *const texts[] = {"{\"sites\":[{\"name\":\"dc-1\",\"age_ms\":1}]}",
	                                    "{\"sites\":[{\"name\":\"dc-1\",\"age_ms\":2}]}",
	                                    "{\"sites\":[{\"name\":\"dc-2\",\"age_ms\":3}]}"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		twin.answers[i] =
		        (struct twin_answer){.document = BUSBAR_VIEW, .text = texts[i], .once = true};
	twin.answers[3] = (struct twin_answer){.document = BUSBAR_VIEW, .code = BUSBAR_ERROR_NO_ANSWER};
	check(RUN("view", "--watch", "--json"), COMPLAIN_FAILED,
	      "{\"sites\":[{\"name\":\"dc-1\",\"age_ms\":1}]}\n{\"sites\":[{\"name\":\"dc-2\",\"age_ms\":3}]}"
	      "\n");
}

/* A view of so many sites of which nothing is known. Freed by the caller. */
static char *view_of(size_t sites)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	T_TRUE(stream != NULL);
	(void)fputs("{\"sites\":[{}", stream);
	for (size_t i = 1; i < sites; i++)
		(void)fputs(",{}", stream);
	(void)fputs("]}", stream);
	(void)fclose(stream);
	return text;
}

/* What was shown takes no room of what is shown next: each of the views takes most of it. */
static void the_view_is_watched_for_long(void **state)
{
	char *texts[] = {view_of(150000), view_of(150001)};
	struct result result;
	size_t tables = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		twin.answers[i] =
		        (struct twin_answer){.document = BUSBAR_VIEW, .text = texts[i], .once = true};
	twin.answers[2] = (struct twin_answer){.document = BUSBAR_VIEW, .code = BUSBAR_ERROR_NO_ANSWER};
	result = RUN("view", "sites", "--watch");
	for (const char *at = result.text; (at = strstr(at, "SITE  ")) != NULL; at++)
		tables++;
	T_EQ(tables, ARRAY_SIZE(texts));
	free(result.text);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

static void a_quote_shows_path_and_reasons(void **state)
{
	twin.answers[0] = (struct twin_answer){.text = QUOTE};
	check(RUN("quote", "--service", "ocr"), COMPLAIN_DONE,
	      "PART  SITE  PATH                    NETWORK  BOUND         RESPOND  FINISH  PRICE  TARIFF   "
	      "HOLD\n"
	      "   1  dc-1  edge-a > core-1 > dc-1  16.0 ms  hard 31.0 ms  40.5 ms  1.25 s   0.01   0.012  "
	      "0.036\n"
	      "in all: network 16.0 ms, respond 40.5 ms, finish 1.25 s, price 0.01, tariff 0.012, hold "
	      "0.036\n"
	      "not chosen:\n"
	      "  hpc-1: network 31.2 ms > 25 ms\n");
	T_TEXT(twin.demand, "demand {\n\tservice \"ocr\";\n}\n");
	HAS(RUN("quote", EXAMPLES "/demands/render.demand", "--json"), COMPLAIN_DONE, "{\"error\":null,");
	T_TRUE(strncmp(twin.demand, "demand render {\n", 16) == 0);
}

static void an_infeasible_quote_fails_with_reasons(void **state)
{
	twin.answers[0] = (struct twin_answer){.text = REFUSED};
	check(RUN("quote", "--service", "ocr"), COMPLAIN_FAILED,
	      "not chosen:\n  hpc-1: network 31.2 ms > 25 ms\n");
}

static void an_infeasible_run_asks_why(void **state)
{
	twin.run_code = BUSBAR_ERROR_INFEASIBLE;
	twin.answers[0] = (struct twin_answer){.text = REFUSED};
	check(RUN("run", "--service", "ocr"), COMPLAIN_FAILED,
	      "not chosen:\n  hpc-1: network 31.2 ms > 25 ms\n");
	twin.run_code = BUSBAR_ERROR_NO_FUNDS;
	check(RUN("run", "--service", "ocr"), COMPLAIN_FAILED, "");
}

static void run_tells_the_task_first(void **state)
{
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .text = TASK_OF("granted", "null", PART("1", "granted", "null"))};
	HAS(RUN("run", "--service", "ocr"), COMPLAIN_DONE, "task " TASK "\nPART", "edge-a > core-1 > dc-1",
	    "16.0 ms  hard 31.0 ms ", "not chosen:\n  hpc-1: network");
	check(RUN("run", "--service", "ocr", "--json"), COMPLAIN_DONE, "{\"task\":\"" TASK "\"}\n");
}

static void check_file(const char *path, const char *text)
{
	void *bytes;
	size_t size;

	T_OK(stream_read(path, 1 << 20, &bytes, &size));
	T_TEXT(bytes, text);
	free(bytes);
	T_EQ(unlink(path), 0);
}

static void waiting_fetches_every_part(void **state)
{
	char folder[] = "/tmp/busbar-command-XXXXXX", prefix[64], part[96];

	T_TRUE(mkdtemp(folder) != NULL);
	(void)snprintf(prefix, sizeof(prefix), "%s/part", folder);
	twin.output = "output";
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .once = true,
	                             .text = TASK_OF("granted", "null", PART("1", "granted", "null"))};
	twin.answers[1] =
	        (struct twin_answer){.document = BUSBAR_TASK, .once = true, .code = BUSBAR_ERROR_NO_ANSWER};
	twin.answers[2] = (struct twin_answer){
	        .document = BUSBAR_TASK,
	        .once = true,
	        .text = TASK_OF("running", "null",
	                        PART("1", "done", "null") "," PART("2", "running", "null"))};
	twin.answers[3] = (struct twin_answer){
	        .document = BUSBAR_TASK,
	        .once = true,
	        .text = TASK_OF("done", "null", PART("1", "done", "null") "," PART("2", "done", "null"))};
	twin.answers[4] = (struct twin_answer){
	        .document = BUSBAR_TASK,
	        .text = TASK_OF("settled", "null", PART("1", "done", "null") "," PART("2", "done", "null"))};
	HAS(RUN("run", "--service", "render", "--output", prefix), COMPLAIN_DONE, "task " TASK "\n",
	    "12.5 ms", "800.0 ms", "state settled, charge 0.0134");
	T_EQ(twin.gets, 2);
	(void)snprintf(part, sizeof(part), "%s.1", prefix);
	check_file(part, "output");
	(void)snprintf(part, sizeof(part), "%s.2", prefix);
	check_file(part, "output");
	T_EQ(rmdir(folder), 0);
}

static void one_part_takes_the_name_itself(void **state)
{
	char folder[] = "/tmp/busbar-command-XXXXXX", path[64];

	T_TRUE(mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/page", folder);
	twin.output = "output";
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .text = TASK_OF("settled", "null", PART("1", "settled", "null"))};
	HAS(RUN("task", "wait", TASK, "-o", path, "--json"), COMPLAIN_DONE, "\"state\":\"settled\"");
	check_file(path, "output");
	T_EQ(rmdir(folder), 0);
}

static void a_failed_task_fails_and_keeps_what_is_done(void **state)
{
	char folder[] = "/tmp/busbar-command-XXXXXX", prefix[64], part[96];

	T_TRUE(mkdtemp(folder) != NULL);
	(void)snprintf(prefix, sizeof(prefix), "%s/part", folder);
	twin.output = "output";
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_TASK,
	        .text = TASK_OF(
	                "settled", "{\"code\":-2030,\"text\":\"the program run failed\"}",
	                PART("1", "failed", "{\"code\":-2030,\"text\":\"the program run failed\"}") "," PART(
	                        "2", "done", "null"))};
	HAS(RUN("task", "wait", TASK, "--output", prefix), COMPLAIN_FAILED, "failed",
	    "the program run failed");
	T_EQ(twin.gets, 1);
	(void)snprintf(part, sizeof(part), "%s.2", prefix);
	check_file(part, "output");
	T_EQ(rmdir(folder), 0);
}

static void large_inputs_go_first(void **state)
{
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .text = TASK_OF("granted", "null", PART("1", "granted", "null"))};
	HAS(RUN("run", EXAMPLES "/demands/render.demand", "--input", EXAMPLES "/render/scene.pov"),
	    COMPLAIN_DONE, "task ");
	T_EQ(twin.puts, 1);
	T_TRUE(twin.put_size > 1024);
	T_EQ(twin.input_size, 0);
	T_TRUE(strstr(twin.demand, " B in blob sha256:" DIGEST ";") != NULL);
	T_TRUE(strstr(twin.demand, "split into 8;") != NULL);
	/* A quote needs the name of the blob alone. */
	twin.answers[0] = (struct twin_answer){.text = QUOTE};
	HAS(RUN("quote", EXAMPLES "/demands/render.demand", "--input", EXAMPLES "/render/scene.pov"),
	    COMPLAIN_DONE, "PART");
	T_EQ(twin.puts, 1);
	T_TRUE(strstr(twin.demand, " B in blob sha256:") != NULL);
	T_TRUE(strstr(twin.demand, DIGEST) == NULL);
}

static void small_inputs_travel_along(void **state)
{
	twin.output = "text";
	HAS(RUN("call", "ocr:1", "--network-within", "25 ms", "--finish-within", "20 s", "--input",
	        EXAMPLES "/demands/digit.demand", "--output", "/dev/null"),
	    COMPLAIN_DONE, "");
	T_EQ(twin.puts, 0);
	T_TRUE(twin.input_size > 0);
	T_TRUE(twin.patience_ms == 30000);
	T_TRUE(strstr(twin.demand, "service \"ocr\" version \"1\";\n\tnetwork within 25 ms;") != NULL);
	twin.call_code = BUSBAR_ERROR_EXECUTION;
	check(RUN("call", "ocr", "-i", "/dev/null"), COMPLAIN_FAILED, "");
	T_EQ(twin.patience_ms, 60000);
	check(RUN("call", "ocr", "-i", "/nonexistent"), COMPLAIN_FAILED, "");
	check(RUN("call", "--service=ocr", "x"), COMPLAIN_USAGE, "");
}

static void devices_stay_devices(void **state)
{
	struct stat status;

	T_OK(stream_write("/dev/null", "x", 1));
	T_EQ(stat("/dev/null", &status), 0);
	T_TRUE(S_ISCHR(status.st_mode));
	T_ERROR(stream_write("/nonexistent/x", "x", 1), -ENOENT);
}

static void tasks_are_listed_and_shown(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_TASKS,
	        .text = "{\"tasks\":[{\"task\":\"" TASK
	                "\",\"name\":\"a\\u001b[2J\",\"state\":\"settled\",\"parts\":8,"
	                "\"created\":1700000000000000000,\"ended\":1700000001500000000,\"charge\":\"0.1\","
	                "\"error\":null}]}"};
	twin.answers[1] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .text = TASK_OF("running", "null", PART("1", "running", "null"))};
	HAS(RUN("task", "list"), COMPLAIN_DONE, TASK "  a?[2J  settled      8", "1.50 s", "0.1");
	HAS(RUN("task", "show", TASK), COMPLAIN_DONE, "task " TASK ", name film, created ", "took -",
	    "12.5 ms", "not chosen:");
	HAS(RUN("task", "show", TASK, "--json"), COMPLAIN_DONE, "\"network_ms\":12.5");
	check(RUN("task", "cancel", TASK), COMPLAIN_DONE, "");
	T_TEXT(twin.cancelled, TASK);
	twin.cancel_code = BUSBAR_ERROR_STATE;
	check(RUN("task", "cancel", TASK), COMPLAIN_FAILED, "");
}

#define HOP(from, toward, direction, rest) \
	"{\"from\":\"" from "\",\"toward\":\"" toward "\",\"direction\":\"" direction "\"," rest "}"
#define HOP_UP                                                                                           \
	HOP("edge-a", "dc-1", "up",                                                                      \
	    "\"class\":0,\"ceiling_ms\":2.5,\"least_ms\":2,\"rate_bps\":100000,\"burst_octets\":3000,"   \
	    "\"load_bps\":20100000,\"capacity_bps\":80000000,\"worst_ms\":2.3125,\"measured_max_ms\":2." \
	    "0812,"                                                                                      \
	    "\"measured_count\":311")
#define HOP_DOWN                                                                                     \
	HOP("dc-1", "edge-a", "down",                                                                \
	    "\"class\":0,\"ceiling_ms\":3,\"least_ms\":2,\"rate_bps\":100000,\"burst_octets\":3000," \
	    "\"load_bps\":null,\"capacity_bps\":80000000,\"worst_ms\":null,\"measured_max_ms\":2.1," \
	    "\"measured_count\":42")
#define TRACE_OF(hard, rest, hops)                                                                           \
	"{\"task\":\"" TASK "\",\"state\":\"granted\",\"class\":0,\"hard\":" hard "," rest "\"hops\":[" hops \
	"]}"
#define TRACE_HARD \
	TRACE_OF("true", "\"bound_ms\":5.5,\"limit_ms\":20,\"guaranteed\":true,", HOP_UP "," HOP_DOWN)

static void a_reservation_tells_its_bound(void **state)
{
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_TASK,
	                             .text = TASK_OF("granted", "null", PART("1", "granted", "null"))};
	twin.answers[1] = (struct twin_answer){.document = BUSBAR_TRACE, .text = TRACE_HARD};
	HAS(RUN("reserve", "--service", "voice", "--for", "10 min", "--network-within", "20 ms",
	        "--guaranteed", "--up", "100 kbit/s", "--down", "100 kbit/s"),
	    COMPLAIN_DONE, "task " TASK ", anchor 1.1\nPART", "edge-a > core-1 > dc-1",
	    "\nbound 5.500 ms, hard; limit 20.000 ms guaranteed; measured at most 4.181 ms\n");
	T_TEXT(twin.demand, "demand {\n\tservice \"voice\";\n\treserve for 10 min;\n\tnetwork within 20 ms "
	                    "guaranteed;\n\tbandwidth up 100 kbit/s down 100 kbit/s;\n}\n");
	check(RUN("reserve", EXAMPLES "/demands/voice.demand", "--json"), COMPLAIN_DONE,
	      "{\"task\":\"" TASK "\",\"anchor\":\"1.1\"}\n");
	T_TRUE(strncmp(twin.demand, "demand voice {\n", 15) == 0);
	/* Needs alone have no path. */
	twin.answers[1].text = TRACE_OF("false", "", "");
	HAS(RUN("reserve", "--need", "cpu 2", "--for", "1 h"), COMPLAIN_DONE, "not chosen:");
	T_TEXT(twin.demand, "demand {\n\treserve for 1 h;\n\tneed cpu 2;\n}\n");
}

static void what_cannot_be_reserved_says_why(void **state)
{
	twin.reserve_code = BUSBAR_ERROR_INFEASIBLE;
	twin.answers[0] = (struct twin_answer){.text = REFUSED};
	check(RUN("reserve", EXAMPLES "/demands/voice.demand"), COMPLAIN_FAILED,
	      "not chosen:\n  hpc-1: network 31.2 ms > 25 ms\n");
	check(RUN("reserve"), COMPLAIN_USAGE, "");
	check(RUN("reserve", "--for", "1 h"), COMPLAIN_USAGE, "");
	check(RUN("reserve", "--service", "voice", "--need", "cpu 1"), COMPLAIN_FAILED,
	      "not chosen:\n  hpc-1: network 31.2 ms > 25 ms\n");
	check(RUN("reserve", "--run", "--for", "1 h", "--need", "cpu 1", "--", "sh"), COMPLAIN_USAGE, "");
	check(RUN("reserve", "--for", "1 h", "--need", "cpu 1", "--guaranteed"), COMPLAIN_USAGE, "");
	check(RUN("reserve", "--for", "1 h", "--need", "cpu 1", "--wait"), COMPLAIN_USAGE, "");
}

static void reservations_are_released_and_taken_along(void **state)
{
	char path[] = "/tmp/busbar-command-XXXXXX";

	close(mkstemp(path));
	check(RUN("release", TASK), COMPLAIN_DONE, "");
	T_TEXT(twin.released, TASK);
	check(RUN("--gateway", "[::1]:4179", "follow", TASK, "1.1"), COMPLAIN_DONE, "");
	T_TEXT(twin.followed, TASK " 1.1");
	T_TEXT(twin.gateway, "[::1]:4179");
	twin.output = "output";
	check(RUN("follow", "--output", path, TASK, "1.1"), COMPLAIN_DONE, "");
	check_file(path, "output");
	twin.cancel_code = twin.follow_code = BUSBAR_ERROR_NOT_FOUND;
	check(RUN("release", TASK), COMPLAIN_FAILED, "");
	check(RUN("follow", TASK, "1.1"), COMPLAIN_FAILED, "");
	check(RUN("follow", "--wait", TASK, "1.1"), COMPLAIN_FAILED, "");
	check(RUN("follow", TASK), COMPLAIN_USAGE, "");
}

static void a_trace_shows_every_hop(void **state)
{
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_TRACE, .text = TRACE_HARD};
	check(RUN("trace", "--guarantee", TASK), COMPLAIN_DONE,
	      "FROM    TOWARD  WAY   CLASS   CEILING     WORST  MEASURED  PROBES     LEAST        RATE  "
	      "BURST  "
	      "        LOAD   CAPACITY\n"
	      "edge-a  dc-1    up        0  2.500 ms  2.312 ms  2.081 ms     311  2.000 ms  100 kbit/s   3 "
	      "kB  "
	      "20100 kbit/s  80 Mbit/s\n"
	      "dc-1    edge-a  down      0  3.000 ms         -  2.100 ms      42  2.000 ms  100 kbit/s   3 "
	      "kB  "
	      "           -  80 Mbit/s\n"
	      "task " TASK ", granted; bound 5.500 ms, hard; limit 20.000 ms guaranteed; measured at most "
	      "4.181 ms\n");
	HAS(RUN("trace", "--guarantee", TASK, "--json"), COMPLAIN_DONE, "\"worst_ms\":2.3125,");
	/* What promises nothing has no bound, and what was never measured no maximum. */
	twin.answers[0].text =
	        TRACE_OF("false", "\"bound_ms\":null,\"limit_ms\":25,\"guaranteed\":false,",
	                 HOP_UP "," HOP("core\\u001b", "edge-a", "down", "\"ceiling_ms\":null"));
	HAS(RUN("trace", "--guarantee", TASK), COMPLAIN_DONE, "core?  ",
	    "task " TASK ", granted; no bound: the path is measured; limit 25.000 ms\n");
	check(RUN("trace", "--guarantee"), COMPLAIN_USAGE, "");
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_TRACE, .code = BUSBAR_ERROR_NOT_FOUND};
	check(RUN("trace", "--guarantee", TASK), COMPLAIN_FAILED, "");
}

static void a_bill_has_lines_and_a_total(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_BILL,
	        .text = "{\"tenant\":\"demo\",\"balance\":\"9.9\",\"total\":\"0.1\",\"lines\":["
	                "{\"task\":\"" TASK
	                "\",\"site\":\"dc-1\",\"supplier\":\"metro\",\"line\":\"resource\",\"time\":0,"
	                "\"held_ms\":1500,\"tariff\":\"0.01\",\"charge\":\"0.06\",\"kind\":\"cpu\","
	                "\"amount\":\"4 cores\"},"
	                "{\"task\":\"" TASK
	                "\",\"site\":\"core-1\",\"supplier\":\"metro\",\"line\":\"link\",\"time\":0,"
	                "\"held_ms\":100,\"tariff\":\"0.01\",\"charge\":\"0.03\",\"toward\":\"dc-1\","
	                "\"amount_bps\":20000000},"
	                "{\"task\":\"" TASK
	                "\",\"site\":\"dc-1\",\"supplier\":\"metro\",\"line\":\"call\",\"time\":0,"
	                "\"held_ms\":0,\"tariff\":\"0.01\",\"charge\":\"0.01\"}]}"};
	HAS(RUN("bill"), COMPLAIN_DONE, "cpu             4 cores    1.50 s", "link to dc-1  20 Mbit/s",
	    "call                  -", "tenant demo, total 0.1, balance 9.9\n");
	check(RUN("bill", "extra"), COMPLAIN_USAGE, "");
}

#define LEDGER(node, identity, accounts, metered)                        \
	"{\"node\":\"" node "\",\"identity\":\"" identity "\"," accounts \
	"\"holdings\":0,\"metered\":[" metered "]}"
#define ACCOUNTS                                                                                      \
	"\"balanced\":true,\"entries_sum\":\"0\",\"entries\":12,\"transactions\":4,\"unbalanced\":0," \
	"\"escrow\":\"0\",\"open_holds\":\"0\",\"open_programs\":0,\"disputes\":0,\"billed\":["       \
	"{\"gateway\":\"5.1\",\"count\":3,\"total\":\"0.1\",\"digest\":\"" DIGEST "\"}],"
#define METERED(total) "{\"gateway\":\"1.1\",\"count\":3,\"total\":\"" total "\",\"digest\":\"" DIGEST "\"}"

static void the_ledger_is_proven_over_all_gateways(void **state)
{
	twin.gateways[0] = "[::1]:1";
	twin.gateways[1] = "[::1]:2";
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_LEDGER,
	                                       .gateway = "[::1]:1",
	                                       .text = LEDGER("edge-a", "1.1", ACCOUNTS, "")};
	twin.answers[1] = (struct twin_answer){.document = BUSBAR_LEDGER,
	                                       .gateway = "[::1]:2",
	                                       .text = LEDGER("dc-1", "5.1", "", METERED("0.1"))};
	HAS(RUN("ledger", "check"), COMPLAIN_DONE, "edge-a   1.1       yes            12    0",
	    "edge-a   dc-1        3    0.1        3    0.1\n",
	    "ledger: balanced, 12 entries, metered equals billed, escrow 0 equals open grants\n");
	T_EQ(twin.as_operator, 1);
	HAS(RUN("ledger", "check", "--json"), COMPLAIN_DONE,
	    "{\"ok\":true,\"gateways\":[{\"node\":\"edge-a\"", "\"problems\":[]}\n");
	twin.answers[1].text = LEDGER("dc-1", "5.1", "", METERED("0.2"));
	HAS(RUN("ledger", "check"), COMPLAIN_FAILED,
	    "ledger: edge-a billed 3 receipts of 0.1, dc-1 metered 3 of 0.2\n");
	HAS(RUN("ledger", "check", "--json"), COMPLAIN_FAILED, "{\"ok\":false,");
	twin.answers[1] = (struct twin_answer){.code = 0};
	HAS(RUN("ledger", "check"), COMPLAIN_FAILED, "[::1]:2: no answer from the gateway");
	twin.gateways[1] = "nowhere";
	HAS(RUN("ledger", "check", "--json"), COMPLAIN_FAILED, "\"address\":\"nowhere\"");
}

static void one_gateway_is_asked_when_none_is_listed(void **state)
{
	twin.answers[0] =
	        (struct twin_answer){.document = BUSBAR_LEDGER, .text = LEDGER("edge-a", "1.1", "", "")};
	HAS(RUN("ledger", "check"), COMPLAIN_DONE, "ledger: balanced, 0 entries");
	twin.gateways[0] = "[::1]:1";
	twin.gateways[1] = "[::1]:2";
	HAS(RUN("--gateway", "[::1]:9", "ledger", "check"), COMPLAIN_DONE, "ledger: balanced, 0 entries");
	T_TEXT(twin.gateway, "[::1]:9");
	check(RUN("--gateway", "nowhere", "ledger", "check"), COMPLAIN_FAILED, "");
}

static void status_counts_refusals(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_STATUS,
	        .text = "{\"node\":\"edge-a\",\"uptime_ms\":65000,\"sites\":6,\"services\":3,\"holdings\":0,"
	                "\"open_attempts\":1,\"requests_refused\":{\"BAD_MAC\":7},\"packets_refused\":{},"
	                "\"programs_refused\":{\"PRICE_ROSE\":2},\"edge_dropped\":{\"source_inside\":5}}"};
	HAS(RUN("status"), COMPLAIN_DONE, "edge-a   65.00 s      6         3         0         1\n",
	    "edge-a   requests  BAD_MAC            7\n", "edge-a   programs  PRICE_ROSE         2\n",
	    "edge-a   edge      source_inside      5\n");
	HAS(RUN("status", "--json"), COMPLAIN_DONE, "{\"gateways\":[{\"node\":\"edge-a\"");
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_STATUS, .code = BUSBAR_ERROR_REFUSED};
	check(RUN("status"), COMPLAIN_FAILED, "");
}

static void want_of_configuration_is_told(void **state)
{
	twin.open_code = -ENOENT;
	check(RUN("view"), COMPLAIN_FAILED, "");
	check(RUN("--config=x", "program", "assemble", "/nonexistent"), COMPLAIN_FAILED, "");
	check(RUN("program", "show", TASK), COMPLAIN_FAILED, "");
	T_EQ(twin.closed, 0);
}

#define PROGRAM                                                                       \
	"program 018f3c00000070008000000000000001 ingress %s part 1 of 1 expires "    \
	"2026-01-31T12:00:02Z {\n\tat %s claim cpu 1 tariff 0.000015 for 9 s;\n\tat " \
	"%s execute \"ocr\" version \"1\";\n\tat %s deliver to %s address \"2001:db8::1\" port 4180;\n}\n"

static void write_program(const char *path, const char *ingress, const char *site)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), PROGRAM, ingress, site, site, site, ingress);
	T_OK(stream_write(path, text, strlen(text)));
}

static void programs_go_to_binary_and_back(void **state)
{
	char folder[] = "/tmp/busbar-command-XXXXXX", text[64], binary[64];
	struct result hex;

	T_TRUE(mkdtemp(folder) != NULL);
	(void)snprintf(text, sizeof(text), "%s/text", folder);
	(void)snprintf(binary, sizeof(binary), "%s/binary", folder);
	twin.open_code = -ENOENT; /* numbers alone */
	write_program(text, "1.1", "5.1");
	check(RUN("program", "assemble", text, "-o", binary), COMPLAIN_DONE, "");
	HAS(RUN("program", "show", binary), COMPLAIN_DONE,
	    "program 018f3c00000070008000000000000001 ingress 1.1", "at 5.1 claim cpu 1 ",
	    "execute \"ocr\" version \"1\"", "2026-01-31T12:00:02.000000000Z");
	hex = RUN("program", "assemble", text);
	T_EQ(hex.status, COMPLAIN_DONE);
	T_OK(stream_write(binary, hex.text, strlen(hex.text)));
	free(hex.text);
	HAS(RUN("program", "show", binary), COMPLAIN_DONE, "at 5.1 claim cpu 1 ");
	T_OK(stream_write(binary, "nonsense", 8));
	check(RUN("program", "show", binary), COMPLAIN_FAILED, "");
	write_program(text, "edge-a", "dc-1");
	check(RUN("program", "assemble", text), COMPLAIN_FAILED, "");
	twin.open_code = 0;
	twin.answers[0] = (struct twin_answer){.document = BUSBAR_VIEW,
	                                       .text = "{\"sites\":[{\"name\":\"edge-a\",\"identity\":\"1."
	                                               "1\"},{\"name\":\"dc-1\",\"identity\":\"5.1\"}]}"};
	check(RUN("program", "assemble", text, "-o", binary), COMPLAIN_DONE, "");
	HAS(RUN("program", "show", binary), COMPLAIN_DONE, "ingress edge-a", "at dc-1 claim cpu 1 ");
	T_EQ(unlink(text) + unlink(binary) + rmdir(folder), 0);
}

static void programs_of_a_task_are_asked_for(void **state)
{
	twin.answers[0] = (struct twin_answer){
	        .document = BUSBAR_PROGRAM,
	        .text = "{\"task\":\"" TASK
	                "\",\"programs\":[\"program a {\\n}\\n\",\"program \\u001bb {\\n}\\n\"]}"};
	check(RUN("program", "show", TASK), COMPLAIN_DONE, "program a {\n}\n\nprogram ?b {\n}\n");
}

#define CLEAN(test) cmocka_unit_test_setup(test, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        CLEAN(usage_is_status_two),
	        CLEAN(help_names_every_command),
	        CLEAN(the_view_is_three_tables),
	        CLEAN(the_view_says_where_values_are_from),
	        CLEAN(the_view_is_asked_for_by_filters),
	        CLEAN(the_view_is_watched),
	        CLEAN(the_view_is_watched_for_long),
	        CLEAN(a_quote_shows_path_and_reasons),
	        CLEAN(an_infeasible_quote_fails_with_reasons),
	        CLEAN(an_infeasible_run_asks_why),
	        CLEAN(run_tells_the_task_first),
	        CLEAN(waiting_fetches_every_part),
	        CLEAN(one_part_takes_the_name_itself),
	        CLEAN(a_failed_task_fails_and_keeps_what_is_done),
	        CLEAN(large_inputs_go_first),
	        CLEAN(small_inputs_travel_along),
	        CLEAN(devices_stay_devices),
	        CLEAN(tasks_are_listed_and_shown),
	        CLEAN(a_reservation_tells_its_bound),
	        CLEAN(what_cannot_be_reserved_says_why),
	        CLEAN(reservations_are_released_and_taken_along),
	        CLEAN(a_trace_shows_every_hop),
	        CLEAN(a_bill_has_lines_and_a_total),
	        CLEAN(the_ledger_is_proven_over_all_gateways),
	        CLEAN(one_gateway_is_asked_when_none_is_listed),
	        CLEAN(status_counts_refusals),
	        CLEAN(want_of_configuration_is_told),
	        CLEAN(programs_go_to_binary_and_back),
	        CLEAN(programs_of_a_task_are_asked_for),
	};

	return T_RUN(tests);
}
