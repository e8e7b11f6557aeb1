/* SPDX-License-Identifier: Apache-2.0 */
/* quote, run and call: what becomes of a demand. */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/explain.h"
#include "cli/outcome.h"
#include "cli/quote.h"
#include "cli/request.h"
#include "cli/stream.h"
#include <stdlib.h>
#include <string.h>

/* How long a call waits beyond what its demand says, and when that says nothing. */
#define RUN_PATIENCE_MORE (10 * CLOCK_SECOND)
#define RUN_PATIENCE_CALL (60 * CLOCK_SECOND)

/* "a file or flags": the one word that may stand there. */
static const char *file_of(const struct session *session)
{
	return session->word_count > 0 ? session->words[0] : NULL;
}

static int print_quote(struct session *session, const json_t *quote)
{
	return session->options->json ? document_write(quote, session->out)
	                              : quote_print(quote, session->arena, session->out);
}

int run_quote(struct session *session)
{
	struct request request;
	json_t *quote = NULL;
	int status = request_make(session, file_of(session), session->options->input, false, &request);
	int code;

	if (status != COMPLAIN_DONE)
		return status;
	code = explain_quote(session, &request, &quote);
	if (code == 0)
		code = print_quote(session, quote);
	status = session_status(session, code, "quote");
	if (code == 0 && document_error(quote) != NULL)
		status = complain(COMPLAIN_FAILED, "quote: %s", document_error(quote));
	json_decref(quote);
	request_clear(&request);
	return status;
}

static int print_accepted(struct session *session, const char *task)
{
	json_t *object = NULL;
	int code;

	(void)fprintf(session->out, "task %s\n", task);
	(void)fflush(session->out);
	code = session_get(session, BUSBAR_TASK, task, &object);
	if (code == 0)
		code = outcome_print_plan(session, object);
	json_decref(object);
	return session_status(session, code, task);
}

/* With --json one document: the task's at its end, or else its identifier. */
static int follow(struct session *session, const char *task)
{
	bool waits = session->options->wait || session->options->output != NULL;
	int status = COMPLAIN_DONE;

	if (!session->options->json)
		status = print_accepted(session, task);
	else if (!waits)
		(void)fprintf(session->out, "{\"task\":\"%s\"}\n", task);
	(void)fflush(session->out);
	if (status != COMPLAIN_DONE || !waits)
		return status;
	return outcome_await(session, task, session->options->output);
}

int run_demand(struct session *session)
{
	struct request request;
	char task[BUSBAR_TASK_TEXT];
	int status = request_make(session, file_of(session), session->options->input, true, &request);
	int code;

	if (status != COMPLAIN_DONE)
		return status;
	code = busbar_run(session->busbar, request.text, request.inlined, request.inlined_size, task);
	status = code < 0 ? explain_failure(session, &request, code, "run", session->out)
	                  : follow(session, task);
	request_clear(&request);
	return status;
}

/* A call is one exchange: its patience is the call's. */
static void set_patience(struct session *session, const struct request *request)
{
	int64_t patience = request->patience > 0 ? request->patience + RUN_PATIENCE_MORE : RUN_PATIENCE_CALL;
	int64_t milliseconds = patience / CLOCK_MILLISECOND;

	busbar_set_patience(session->busbar,
	                    milliseconds > UINT32_MAX / 2 ? UINT32_MAX / 2 : (unsigned)milliseconds);
}

static int call(struct session *session, const struct request *request)
{
	const struct options *options = session->options;
	size_t size;
	void *output;
	int code;

	set_patience(session, request);
	code = busbar_call(session->busbar, request->text, request->inlined, request->inlined_size, &output,
	                   &size, NULL);
	if (code < 0)
		return explain_failure(session, request, code, options->service, stderr);
	code = stream_write(options->output == NULL ? "-" : options->output, output, size);
	busbar_free(output);
	return code < 0 ? complain_code(NULL, code, "output") : COMPLAIN_DONE;
}

int run_call(struct session *session)
{
	struct options options = *session->options;
	struct request request;
	int status;

	options.service = session->words[0];
	session->options = &options;
	status = request_make(session, NULL, options.input == NULL ? "-" : options.input, true, &request);
	if (status == COMPLAIN_DONE) {
		status = call(session, &request);
		request_clear(&request);
	}
	return status;
}
