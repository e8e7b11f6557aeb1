/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request.h"

#include "cli/complain.h"
#include "cli/demand_option.h"
#include "cli/stream.h"
#include "grammar/grammar.h"
#include "wire/seal.h"
#include <errno.h>
#include <stdlib.h>

/* The input: along with the demand when small, else as a blob that the demand names. */
static int attach(struct session *session, bool put, struct demand *demand, void *input, size_t size,
                  struct request *request)
{
	unsigned char digest[BUSBAR_DIGEST];
	int code;

	if (size <= DEMAND_INPUT) {
		request->inlined = input;
		request->inlined_size = size;
		return 0;
	}
	code = put ? busbar_put(session->busbar, input, size, digest) : seal_digest(input, size, digest);
	return code < 0 ? code : demand_option_add_blob(demand, digest, size);
}

static int read_input(struct session *session, const char *path, bool put, struct demand *demand,
                      struct request *request)
{
	size_t size;
	int code = stream_read(path, STREAM_MAXIMUM, &request->input, &size);

	if (code == 0)
		code = attach(session, put, demand, request->input, size, request);
	return code < 0 ? complain_code(NULL, code, path) : COMPLAIN_DONE;
}

int request_make(struct session *session, const char *file, const char *input, bool put,
                 struct request *ret_request)
{
	struct demand *demand = arena_alloc(session->arena, sizeof(*demand));
	char problem[DEMAND_OPTION_PROBLEM] = "out of memory";
	struct request request = {.text = NULL};
	int status = COMPLAIN_DONE;

	if (demand == NULL || demand_option_read(session->options, file, session->arena, demand, problem) < 0)
		return complain(COMPLAIN_USAGE, "%s", problem);
	if (input != NULL)
		status = read_input(session, input, put, demand, &request);
	if (status == COMPLAIN_DONE) {
		request.patience = MAXIMUM(demand->body.respond_within, demand->body.finish_within);
		request.text = grammar_print_demand(demand, session->arena);
		if (request.text == NULL)
			status = complain_code(NULL, -ENOMEM, "demand");
	}
	if (status != COMPLAIN_DONE) {
		request_clear(&request);
		return status;
	}
	*ret_request = request;
	return COMPLAIN_DONE;
}

void request_clear(struct request *request)
{
	free(request->input);
	request->input = NULL;
}
