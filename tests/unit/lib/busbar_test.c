/* SPDX-License-Identifier: Apache-2.0 */
/* The client library against a twin of a gateway. */
#include "tests/t.h"

#include "base/file.h"
#include "base/hex.h"
#include "busbar.h"
#include "gateway_twin.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WORK "demand d { service \"work\"; budget 1; }"

enum { TEXT = 5000 };

static char document[TEXT + 1]; /* several slices */
static struct gateway_twin twin;
static struct busbar *busbar;

static void open_handle(const char *address, unsigned patience_ms)
{
	struct busbar_options options = {.gateway = address,
	                                 .key = GATEWAY_TWIN_KEY,
	                                 .patience_ms = patience_ms};

	memcpy(options.secret, gateway_twin_secret, sizeof(options.secret));
	T_OK(busbar_open(&options, &busbar));
}

static void start(gateway_twin_serve serve)
{
	memset(document, 'x', TEXT);
	document[0] = '{';
	document[TEXT - 1] = '}';
	for (int i = 1; i < TEXT - 1; i++)
		document[i] = (char)('a' + i % 23);
	gateway_twin_start(&twin, serve);
	open_handle(twin.address, 5000);
}

static void stop(void)
{
	busbar_close(busbar);
	gateway_twin_stop(&twin);
	T_EQ(twin.strange, 0);
}

static void serve_document(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	gateway_twin_reply_slice(gateway, request, document, DATAGRAM_SLICE);
}

static void a_document_comes_in_slices(void **state)
{
	char *text;

	start(serve_document);
	T_OK(busbar_document(busbar, BUSBAR_VIEW, NULL, &text));
	stop();
	T_TEXT(text, document);
	T_EQ(twin.requests, (TEXT + DATAGRAM_SLICE - 1) / DATAGRAM_SLICE);
	busbar_free(text);
}

/* The first slice to the request, the others to documents that name it. */
static void serve_reload(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	static struct identifier first;

	if (request->type == DATAGRAM_RELOAD)
		first = request->identifier;
	else if (request->ask.document != DOCUMENT_RELOAD || !identifier_equal(&request->ask.task, &first))
		gateway->strange++;
	gateway_twin_reply_slice(gateway, request, document, DATAGRAM_SLICE);
}

static void a_reload_is_asked_for_once_and_read_on(void **state)
{
	char *text;

	start(serve_reload);
	T_OK(busbar_reload(busbar, &text));
	stop();
	T_TEXT(text, document);
	busbar_free(text);
}

static void a_quote_goes_on_as_a_document(void **state)
{
	char *text;

	start(serve_document);
	T_OK(busbar_quote(busbar, WORK, NULL, 0, &text));
	stop();
	T_TEXT(text, document);
	busbar_free(text);
}

static void serve_every_other(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	if (number % 2 == 1)
		gateway_twin_reply_slice(gateway, request, document, DATAGRAM_SLICE);
}

static void serve_any_size(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	gateway_twin_reply_slice(gateway, request, document, 1 + (number * 400) % DATAGRAM_SLICE);
}

static void slices_may_have_any_size(void **state)
{
	char *text;

	start(serve_any_size);
	T_OK(busbar_document(busbar, BUSBAR_TASKS, NULL, &text));
	stop();
	T_TEXT(text, document);
	busbar_free(text);
}

static void lost_slices_are_asked_for_again(void **state)
{
	char *text;

	start(serve_every_other);
	document[900] = '\0';
	T_OK(busbar_document(busbar, BUSBAR_TASKS, NULL, &text));
	stop();
	T_TEXT(text, document);
	T_EQ(twin.requests, 1);
	T_TRUE(twin.repeated >= 1);
	busbar_free(text);
}

/* Slices that do not fit, by what is wrong with the second one. */
static enum { SHIFTED, GROWN, EMPTY, ANOTHER_TYPE, ENDLESS, FAULTS } fault;

static void serve_misfit(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	struct datagram reply = {.type = DATAGRAM_SLICE_OF};

	reply.slice.total = 2000;
	reply.slice.offset = request->ask.offset;
	reply.slice.size = 1000;
	memset(reply.slice.bytes, 'y', reply.slice.size);
	if (request->ask.offset == 0 && fault == ENDLESS)
		reply.slice.total = UINT64_C(1) << 40;
	if (request->ask.offset > 0 && fault == SHIFTED)
		reply.slice.offset--;
	if (request->ask.offset > 0 && fault == GROWN)
		reply.slice.total++;
	if (request->ask.offset > 0 && fault == EMPTY)
		reply.slice.size = 0;
	if (request->ask.offset > 0 && fault == ANOTHER_TYPE)
		reply = (struct datagram){.type = DATAGRAM_TASK};
	gateway_twin_reply(gateway, request, reply, gateway_twin_secret);
}

static void slices_that_do_not_fit_are_malformed(void **state)
{
	char *text = NULL;

	for (fault = SHIFTED; fault < FAULTS; fault++) {
		start(serve_misfit);
		T_ERROR(busbar_document(busbar, BUSBAR_VIEW, NULL, &text), BUSBAR_ERROR_MALFORMED);
		stop();
		T_EQ(twin.requests, fault == ENDLESS ? 1 : 2);
		T_TRUE(text == NULL);
	}
}

static void serve_late_refusal(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	if (request->ask.offset == 0)
		serve_misfit(gateway, request, number);
	else
		gateway_twin_reply_error(gateway, request, BUSBAR_ERROR_NOT_FOUND, "gone");
}

static void a_document_may_go_while_it_is_read(void **state)
{
	char *text = NULL;

	fault = FAULTS;
	start(serve_late_refusal);
	T_ERROR(busbar_document(busbar, BUSBAR_VIEW, NULL, &text), BUSBAR_ERROR_NOT_FOUND);
	T_TEXT(busbar_problem(busbar), "gone");
	stop();
	T_TRUE(text == NULL);
}

static void serve_task(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.task = request->identifier;
	gateway_twin_reply(gateway, request, reply, gateway_twin_secret);
}

static void a_run_is_named_by_its_request(void **state)
{
	char task[BUSBAR_TASK_TEXT], digits[33];
	struct identifier identifier;

	start(serve_task);
	T_OK(busbar_run(busbar, WORK, "input", 5, task));
	stop();
	T_OK(identifier_parse(task, &identifier));
	T_TEXT(task, hex_format(twin.first + 10, 16, digits));
	T_TEXT(twin.demand.name, "d");
	T_EQ(twin.demand.input_size, 5);
	T_BYTES(twin.demand.input, "input", 5);
	T_TRUE(identifier_equal(&twin.demand.identifier, &identifier) ||
	       identifier_is_zero(&twin.demand.identifier));
}

static void yaml_is_told_by_its_first_word(void **state)
{
	static const char *const texts[] = {
	        "demand: d\nservice: work\nbudget: 1\n",
	        "# a remark\n\ndemand : d\nservice: work\nbudget: 1\n",
	        "service: work\ndemand: d\n",
	        "# a remark\ndemand d { service \"work\"; }",
	};
	char task[BUSBAR_TASK_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int code;

		start(serve_task);
		code = busbar_run(busbar, texts[i], NULL, 0, task);
		if (code < 0)
			fail_msg("%s: %s", texts[i], busbar_problem(busbar));
		stop();
		T_TEXT(twin.demand.name, "d");
		T_TEXT(twin.demand.body.service, "work");
	}
}

static void demands_that_cannot_be_sent_are_not(void **state)
{
	char task[BUSBAR_TASK_TEXT] = "untouched", *text = NULL;
	uint8_t input[2000] = {0};
	void *output = NULL;
	size_t size;

	start(serve_task);
	T_ERROR(busbar_run(busbar, "demand d { sevice \"work\"; }", NULL, 0, task), BUSBAR_ERROR_SYNTAX);
	T_TRUE(strstr(busbar_problem(busbar), "demand:1") != NULL);
	T_TRUE(busbar_quote(busbar, "", NULL, 0, &text) < 0);
	T_ERROR(busbar_run(busbar, WORK, input, sizeof(input), task), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(busbar_call(busbar, WORK, input, 1025, &output, &size, NULL), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(busbar_cancel(busbar, "no task"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_document(busbar, BUSBAR_TASK, "no task", &text), BUSBAR_ERROR_BAD_VALUE);
	stop();
	T_EQ(twin.requests, 0);
	T_TEXT(task, "untouched");
	T_TRUE(text == NULL && output == NULL);
}

static void serve_refusal(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	gateway_twin_reply_error(gateway, request, BUSBAR_ERROR_NO_FUNDS, "3 are missing");
}

static void refusals_carry_their_code_and_text(void **state)
{
	char task[BUSBAR_TASK_TEXT], *text = NULL;
	void *output = NULL;
	size_t size;

	start(serve_refusal);
	T_ERROR(busbar_run(busbar, WORK, NULL, 0, task), BUSBAR_ERROR_NO_FUNDS);
	T_TEXT(busbar_problem(busbar), "3 are missing");
	T_ERROR(busbar_call(busbar, WORK, NULL, 0, &output, &size, task), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(busbar_quote(busbar, WORK, NULL, 0, &text), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(busbar_document(busbar, BUSBAR_BILL, NULL, &text), BUSBAR_ERROR_NO_FUNDS);
	T_ERROR(busbar_cancel(busbar, "000102030405060708090a0b0c0d0e0f"), BUSBAR_ERROR_NO_FUNDS);
	/* What comes next has a problem of its own, or none. */
	T_ERROR(busbar_cancel(busbar, "no task"), BUSBAR_ERROR_BAD_VALUE);
	T_TEXT(busbar_problem(busbar), "");
	stop();
	T_EQ(twin.requests, 5);
	T_TEXT(busbar_error_text(BUSBAR_ERROR_NO_FUNDS), "account has not enough money");
}

static void serve_nonsense(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	if (request->type == DATAGRAM_CANCEL)
		gateway_twin_reply_error(gateway, request, 0, "an error that is none");
	else if (request->type == DATAGRAM_RUN)
		gateway_twin_reply_slice(gateway, request, document, 10);
	else
		serve_task(gateway, request, number);
}

static void replies_of_another_kind_are_malformed(void **state)
{
	char task[BUSBAR_TASK_TEXT], *text = NULL;

	start(serve_nonsense);
	T_ERROR(busbar_run(busbar, WORK, NULL, 0, task), BUSBAR_ERROR_MALFORMED);
	T_ERROR(busbar_quote(busbar, WORK, NULL, 0, &text), BUSBAR_ERROR_MALFORMED);
	T_ERROR(busbar_document(busbar, BUSBAR_VIEW, NULL, &text), BUSBAR_ERROR_MALFORMED);
	T_ERROR(busbar_cancel(busbar, "000102030405060708090a0b0c0d0e0f"), BUSBAR_ERROR_MALFORMED);
	stop();
}

static struct datagram result_of(const struct datagram *request, int code, const char *output)
{
	struct datagram reply = {.type = DATAGRAM_RESULT};

	reply.result.task = request->identifier;
	reply.result.code = code;
	reply.result.size = strlen(output);
	reply.result.inline_size = (uint32_t)strlen(output);
	memcpy(reply.result.output, output, strlen(output));
	return reply;
}

/* First a sign of life, then the result. */
static void serve_call(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	serve_task(gateway, request, number);
	gateway_twin_reply(gateway, request, result_of(request, 0, "seven"), gateway_twin_secret);
}

static void a_call_brings_its_output(void **state)
{
	char task[BUSBAR_TASK_TEXT], digits[33];
	void *output;
	size_t size;

	start(serve_call);
	T_OK(busbar_call(busbar, WORK, NULL, 0, &output, &size, task));
	T_EQ(size, 5);
	T_TEXT(output, "seven"); /* closed by a NUL for people's sake */
	T_TEXT(task, hex_format(twin.first + 10, 16, digits));
	busbar_free(output);
	T_OK(busbar_call(busbar, WORK, NULL, 0, &output, &size, NULL));
	busbar_free(output);
	stop();
	T_EQ(twin.requests, 2);
}

static void serve_empty_result(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	gateway_twin_reply(gateway, request, result_of(request, number == 0 ? 0 : BUSBAR_ERROR_EXECUTION, ""),
	                   gateway_twin_secret);
}

static void results_may_be_empty_or_a_failure(void **state)
{
	char task[BUSBAR_TASK_TEXT] = "";
	void *output = NULL;
	size_t size = 4242;

	start(serve_empty_result);
	T_OK(busbar_call(busbar, WORK, NULL, 0, &output, &size, task));
	T_EQ(size, 0);
	T_TRUE(output != NULL);
	busbar_free(output);
	output = NULL;
	size = 4242;
	T_ERROR(busbar_call(busbar, WORK, NULL, 0, &output, &size, task), BUSBAR_ERROR_EXECUTION);
	T_EQ(strlen(task), 32); /* the task can still be looked at */
	T_TRUE(output == NULL && size == 4242);
	stop();
}

#define HELD "demand d { service \"work\"; reserve for 1 min; bandwidth up 1 Mbit/s; budget 1; }"

/* A sign of life, then what became of it: by the number of the request. */
static void serve_reservation(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	static const struct {
		uint32_t state;
		int32_t code;
	} ends[] = {{2, 0}, {6, BUSBAR_ERROR_NO_CAPACITY}, {7, 0}};
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.task = request->identifier;
	reply.task.anchor = (struct gateway_identity){4, 1};
	reply.task.state = 1;
	gateway_twin_reply(gateway, request, reply, gateway_twin_secret);
	reply.task.state = ends[number].state;
	reply.task.code = ends[number].code;
	gateway_twin_reply(gateway, request, reply, gateway_twin_secret);
}

static void a_reservation_waits_for_its_grant(void **state)
{
	char task[BUSBAR_TASK_TEXT], anchor[BUSBAR_GATEWAY_TEXT], digits[33];

	start(serve_reservation);
	T_OK(busbar_reserve(busbar, HELD, task, anchor));
	T_TEXT(task, hex_format(twin.first + 10, 16, digits));
	T_TEXT(anchor, "4.1");
	/* One that failed says why, one that was cancelled meanwhile is none. */
	task[0] = anchor[0] = '\0';
	T_ERROR(busbar_reserve(busbar, HELD, task, anchor), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(strlen(task), BUSBAR_TASK_TEXT - 1);
	T_ERROR(busbar_reserve(busbar, HELD, task, NULL), BUSBAR_ERROR_STATE);
	T_TEXT(anchor, "");
	stop();
	T_EQ(twin.requests, 3);
	T_EQ(twin.demand.body.reserve_time, INT64_C(60000000000));
}

static void what_reserves_is_not_run(void **state)
{
	char task[BUSBAR_TASK_TEXT] = "untouched", *text;
	void *output;
	size_t size;

	start(serve_document);
	T_ERROR(busbar_run(busbar, HELD, NULL, 0, task), BUSBAR_ERROR_BAD_VALUE);
	T_TEXT(busbar_problem(busbar), "a demand with `reserve for` is reserved, not run");
	T_ERROR(busbar_call(busbar, HELD, NULL, 0, &output, &size, NULL), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_reserve(busbar, WORK, task, NULL), BUSBAR_ERROR_BAD_VALUE);
	T_TEXT(busbar_problem(busbar), "a demand without `reserve for` is run, not reserved");
	T_TEXT(task, "untouched");
	T_OK(busbar_quote(busbar, HELD, NULL, 0, &text));
	busbar_free(text);
	stop();
}

static struct identifier followed;
static struct gateway_identity followed_anchor;

static void serve_standing(struct gateway_twin *gateway, const struct datagram *request, uint32_t task_state)
{
	struct datagram reply = {.type = DATAGRAM_TASK};

	reply.task.task = request->follow.task;
	reply.task.state = task_state;
	gateway_twin_reply(gateway, request, reply, gateway_twin_secret);
}

static void serve_follow(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
	followed = request->follow.task;
	followed_anchor = request->follow.anchor;
	if (request->type != DATAGRAM_FOLLOW)
		gateway_twin_reply_error(gateway, request, BUSBAR_ERROR_NOT_SUPPORTED, "");
	else if (number == 0)
		serve_standing(gateway, request, 1); /* on its way: asked again */
	else if (number == 1)
		serve_standing(gateway, request, 2);
	else
		gateway_twin_reply_slice(gateway, request, document, 10);
}

static void a_client_takes_its_task_along(void **state)
{
	static const char task[] = "000102030405060708090a0b0c0d0e0f";
	char text[BUSBAR_TASK_TEXT];

	start(serve_follow);
	T_OK(busbar_follow(busbar, task, "4.1"));
	T_TEXT(identifier_text(&followed, text), task);
	T_EQ(followed_anchor.site, 4);
	T_EQ(followed_anchor.gateway, 1);
	T_ERROR(busbar_follow(busbar, task, "4.1"), BUSBAR_ERROR_MALFORMED);
	T_ERROR(busbar_follow(busbar, task, "edge-a"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_follow(busbar, "no task", "4.1"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_release(busbar, "no task"), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_release(busbar, task), BUSBAR_ERROR_NOT_SUPPORTED);
	stop();
	T_EQ(twin.requests, 3);
	T_EQ(twin.repeated, 1);
}

static void serve_follow_to_the_end(struct gateway_twin *gateway, const struct datagram *request,
                                    unsigned number)
{
	if (number < 2)
		serve_standing(gateway, request, 2 + number);
	else
		gateway_twin_reply(gateway, request,
		                   result_of(request, number == 2 ? 0 : BUSBAR_ERROR_EXECUTION, "late"),
		                   gateway_twin_secret);
}

static void and_gets_its_result(void **state)
{
	static const char task[] = "000102030405060708090a0b0c0d0e0f";
	size_t size;
	void *output;

	start(serve_follow_to_the_end);
	T_OK(busbar_follow_result(busbar, task, "4.1", &output, &size));
	T_EQ(size, 4);
	T_TEXT(output, "late");
	busbar_free(output);
	T_ERROR(busbar_follow_result(busbar, task, "4.1", &output, &size), BUSBAR_ERROR_EXECUTION);
	T_ERROR(busbar_follow(busbar, task, "4.1"), BUSBAR_ERROR_EXECUTION);
	T_ERROR(busbar_follow_result(busbar, task, "four", &output, &size), BUSBAR_ERROR_BAD_VALUE);
	T_ERROR(busbar_follow_result(busbar, "no task", "4.1", &output, &size), BUSBAR_ERROR_BAD_VALUE);
	stop();
}

static void serve_nothing(struct gateway_twin *gateway, const struct datagram *request, unsigned number)
{
}

static void patience_is_the_handles(void **state)
{
	start(serve_nothing);
	busbar_set_patience(busbar, 50);
	T_ERROR(busbar_cancel(busbar, "000102030405060708090a0b0c0d0e0f"), BUSBAR_ERROR_NO_ANSWER);
	T_TEXT(busbar_problem(busbar), "");
	stop();
	T_EQ(twin.requests, 1);
}

static void a_handle_changes_its_gateway(void **state)
{
	struct gateway_twin other;
	char task[BUSBAR_TASK_TEXT];

	start(serve_refusal);
	gateway_twin_start(&other, serve_task);
	T_OK(busbar_set_gateway(busbar, other.address));
	T_OK(busbar_run(busbar, WORK, NULL, 0, task));
	/* What is no address leaves it where it is. */
	T_ERROR(busbar_set_gateway(busbar, "cafe:80"), BUSBAR_ERROR_BAD_VALUE);
	T_OK(busbar_run(busbar, WORK, NULL, 0, task));
	T_OK(busbar_set_gateway(busbar, twin.address));
	T_ERROR(busbar_run(busbar, WORK, NULL, 0, task), BUSBAR_ERROR_NO_FUNDS);
	stop();
	gateway_twin_stop(&other);
	T_EQ(other.requests, 2);
	T_EQ(twin.requests, 1);
}

static void no_handle_without_an_address(void **state)
{
	const struct busbar_options options = {.gateway = "nowhere", .key = 1};
	struct busbar *handle = NULL;

	T_ERROR(busbar_open(&options, &handle), BUSBAR_ERROR_BAD_VALUE);
	T_TRUE(handle == NULL);
	busbar_close(NULL);
}

static int open_text(const char *text, bool as_operator, char *problem, size_t problem_size)
{
	char path[] = "/tmp/busbar-open-XXXXXX";
	int descriptor = mkstemp(path), code;

	T_TRUE(descriptor >= 0);
	T_EQ(write(descriptor, text, strlen(text)), strlen(text));
	close(descriptor);
	code = busbar_open_file(path, as_operator, problem, problem_size, &busbar);
	T_EQ(unlink(path), 0);
	return code;
}

static void a_file_opens_a_handle(void **state)
{
	char text[512], digits[65], problem[256] = "", task[BUSBAR_TASK_TEXT];

	gateway_twin_start(&twin, serve_task);
	(void)snprintf(text, sizeof(text),
	               "gateway: \"%s\"\nkey: 3\nsecret: %s\noperator: {key: 7, secret: %s}\n"
	               "gateways: [\"[::1]:1\"]\n",
	               twin.address, "ff00000000000000000000000000000000000000000000000000000000000000",
	               hex_format(gateway_twin_secret, SEAL_SECRET, digits));
	T_OK(open_text(text, true, problem, sizeof(problem)));
	T_TEXT(problem, "");
	T_TEXT(busbar_gateway_at(busbar, 0), "[::1]:1");
	T_TRUE(busbar_gateway_at(busbar, 1) == NULL);
	T_OK(busbar_run(busbar, WORK, NULL, 0, task));
	busbar_close(busbar);
	/* As the tenant, whom the twin does not know. */
	T_OK(open_text(text, false, NULL, 0));
	busbar_set_patience(busbar, 50);
	T_ERROR(busbar_run(busbar, WORK, NULL, 0, task), BUSBAR_ERROR_NO_ANSWER);
	busbar_close(busbar);
	gateway_twin_stop(&twin);
	T_EQ(twin.requests, 1);
	T_EQ(twin.strange, 1);
}

static void a_file_that_opens_none_says_why(void **state)
{
	char problem[256], small[8];

	T_ERROR(open_text("gateway: \"[::1]:1\"\n", false, problem, sizeof(problem)),
	        BUSBAR_ERROR_MISSING_FIELD);
	T_TRUE(strstr(problem, "key and secret") != NULL);
	T_ERROR(open_text("gateway: here\nkey: 1\nsecret: "
	                  "ff00000000000000000000000000000000000000000000000000000000000000\n",
	                  false, problem, sizeof(problem)),
	        BUSBAR_ERROR_BAD_VALUE);
	T_TRUE(strstr(problem, "gateway or secret") != NULL);
	T_ERROR(open_text("gateway: here\ncolour: red\n", false, small, sizeof(small)),
	        BUSBAR_ERROR_UNKNOWN_FIELD);
	T_EQ(strlen(small), sizeof(small) - 1);
	T_ERROR(open_text("gateway: here\ncolour: red\n", false, NULL, 0), BUSBAR_ERROR_UNKNOWN_FIELD);
	T_ERROR(busbar_open_file("/nonexistent/busbar.yaml", false, problem, sizeof(problem), &busbar),
	        -ENOENT);
	T_TRUE(strstr(problem, "/nonexistent/busbar.yaml") != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_document_comes_in_slices),
	        cmocka_unit_test(a_reload_is_asked_for_once_and_read_on),
	        cmocka_unit_test(a_quote_goes_on_as_a_document),
	        cmocka_unit_test(slices_may_have_any_size),
	        cmocka_unit_test(lost_slices_are_asked_for_again),
	        cmocka_unit_test(slices_that_do_not_fit_are_malformed),
	        cmocka_unit_test(a_document_may_go_while_it_is_read),
	        cmocka_unit_test(a_run_is_named_by_its_request),
	        cmocka_unit_test(yaml_is_told_by_its_first_word),
	        cmocka_unit_test(demands_that_cannot_be_sent_are_not),
	        cmocka_unit_test(refusals_carry_their_code_and_text),
	        cmocka_unit_test(replies_of_another_kind_are_malformed),
	        cmocka_unit_test(a_call_brings_its_output),
	        cmocka_unit_test(results_may_be_empty_or_a_failure),
	        cmocka_unit_test(a_reservation_waits_for_its_grant),
	        cmocka_unit_test(what_reserves_is_not_run),
	        cmocka_unit_test(a_client_takes_its_task_along),
	        cmocka_unit_test(and_gets_its_result),
	        cmocka_unit_test(patience_is_the_handles),
	        cmocka_unit_test(a_handle_changes_its_gateway),
	        cmocka_unit_test(no_handle_without_an_address),
	        cmocka_unit_test(a_file_opens_a_handle),
	        cmocka_unit_test(a_file_that_opens_none_says_why),
	};

	return T_RUN(tests);
}
