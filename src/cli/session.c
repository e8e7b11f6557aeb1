/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "cli/complain.h"
#include "cli/document.h"
#include <errno.h>

enum { SESSION_ARENA = 64 << 20, SESSION_PROBLEM = 512 };

static int open_gateway(struct session *session, enum session_gateway need)
{
	const struct options *options = session->options;
	int as_operator = options->as_operator || need == SESSION_OPERATOR;
	char problem[SESSION_PROBLEM] = "";
	int code = busbar_open_file(options->config, as_operator, problem, sizeof(problem), &session->busbar);

	if (code < 0) {
		session->busbar = NULL;
		/* Without a word about a gateway, none is needed. */
		if (need == SESSION_WELCOME && options->config == NULL && options->gateway == NULL)
			return COMPLAIN_DONE;
		return problem[0] == '\0' ? complain_code(NULL, code, "configuration")
		                          : complain(COMPLAIN_FAILED, "%s", problem);
	}
	if (options->gateway != NULL)
		code = busbar_set_gateway(session->busbar, options->gateway);
	return code < 0 ? complain_code(NULL, code, options->gateway) : COMPLAIN_DONE;
}

int session_open(struct session *session, enum session_gateway need)
{
	session->arena = arena_create(SESSION_ARENA);
	if (session->arena == NULL)
		return complain_code(NULL, -ENOMEM, "start");
	return need == SESSION_NO_GATEWAY ? COMPLAIN_DONE : open_gateway(session, need);
}

void session_close(struct session *session)
{
	busbar_close(session->busbar);
	session->busbar = NULL;
	session->arena = arena_free(session->arena);
}

int session_get(struct session *session, enum busbar_document document, const char *task, json_t **ret_object)
{
	char *text;
	int code = busbar_document(session->busbar, document, task, &text);

	if (code < 0)
		return code;
	code = document_parse(text, ret_object);
	busbar_free(text);
	return code;
}

int session_status(const struct session *session, int code, const char *what)
{
	return code < 0 ? complain_code(session->busbar, code, what) : COMPLAIN_DONE;
}

int session_show(struct session *session, enum busbar_document document, const char *task,
                 session_printer *print)
{
	json_t *object = NULL;
	int code = session_get(session, document, task, &object);

	if (code == 0)
		code = session->options->json ? document_write(object, session->out) : print(session, object);
	json_decref(object);
	return session_status(session, code, task == NULL ? "gateway" : task);
}
