/* SPDX-License-Identifier: Apache-2.0 */
/* reserve, release and follow: what is held, given back, and taken along. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/explain.h"
#include "cli/outcome.h"
#include "cli/request.h"
#include "cli/stream.h"
#include "cli/trace.h"

enum { RESERVE_PATIENCE_MS = 60000, FOLLOW_PATIENCE_MS = 600000 };

/* A reservation without bandwidth has no path to speak of. */
static int print_bound(struct session *session, const char *task)
{
	json_t *trace = NULL;
	int code = session_get(session, BUSBAR_TRACE, task, &trace);

	if (code == 0 && document_count(trace, "hops") > 0)
		trace_print_bound(trace, session->out);
	json_decref(trace);
	return code;
}

/* What the last owner that refused had to say, with its numbers. */
static void print_refusal(struct session *session, const char *task)
{
	json_t *object = NULL;
	const json_t *refusal;

	if (task[0] == '\0' || session_get(session, BUSBAR_TASK, task, &object) < 0)
		return;
	refusal = json_object_get(document_at(object, "parts", 0), "refusal");
	if (json_is_object(refusal)) {
		(void)fprintf(stderr, "task %s: refused by %s", task, document_text(refusal, "owner"));
		if (json_is_string(json_object_get(refusal, "toward")))
			(void)fprintf(stderr, " toward %s", document_text(refusal, "toward"));
		(void)fprintf(stderr, ": %s\n", document_text(refusal, "text"));
	}
	json_decref(object);
}

static int print_granted(struct session *session, const char *task, const char *anchor)
{
	json_t *object = NULL;
	int code;

	if (session->options->json) {
		(void)fprintf(session->out, "{\"task\":\"%s\",\"anchor\":\"%s\"}\n", task, anchor);
		return COMPLAIN_DONE;
	}
	(void)fprintf(session->out, "task %s, anchor %s\n", task, anchor);
	(void)fflush(session->out);
	code = session_get(session, BUSBAR_TASK, task, &object);
	if (code == 0)
		code = outcome_print_plan(session, object);
	if (code == 0)
		code = print_bound(session, task);
	json_decref(object);
	return session_status(session, code, task);
}

int reserve_demand(struct session *session)
{
	struct options options = *session->options;
	const char *file = session->word_count > 0 ? session->words[0] : NULL;
	char task[BUSBAR_TASK_TEXT] = "", anchor[BUSBAR_GATEWAY_TEXT];
	struct request request;
	int status, code;

	/* What needs are held for is what all is held for. */
	options.reserve_time = options.need_time;
	options.need_time = NULL;
	session->options = &options;
	status = request_make(session, file, NULL, false, &request);
	if (status != COMPLAIN_DONE)
		return status;
	busbar_set_patience(session->busbar, RESERVE_PATIENCE_MS);
	code = busbar_reserve(session->busbar, request.text, task, anchor);
	busbar_set_patience(session->busbar, 0);
	status = code < 0 ? explain_failure(session, &request, code, "reserve", session->out)
	                  : print_granted(session, task, anchor);
	if (code < 0)
		print_refusal(session, task);
	request_clear(&request);
	return status;
}

int reserve_release(struct session *session)
{
	int code = busbar_release(session->busbar, session->words[0]);

	return session_status(session, code, session->words[0]);
}

/* The result that the client would have had where it was. */
static int await_result(struct session *session)
{
	const char *file = session->options->output;
	size_t size;
	void *output;
	int code;

	busbar_set_patience(session->busbar, FOLLOW_PATIENCE_MS);
	code = busbar_follow_result(session->busbar, session->words[0], session->words[1], &output, &size);
	busbar_set_patience(session->busbar, 0);
	if (code < 0)
		return session_status(session, code, session->words[0]);
	code = stream_write(file == NULL ? "-" : file, output, size);
	busbar_free(output);
	return code < 0 ? complain_code(NULL, code, "output") : COMPLAIN_DONE;
}

int reserve_follow(struct session *session)
{
	const struct options *options = session->options;
	int code;

	if (options->wait || options->output != NULL)
		return await_result(session);
	code = busbar_follow(session->busbar, session->words[0], session->words[1]);
	return session_status(session, code, session->words[0]);
}
