/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gateways.h"

#include "base/error.h"
#include "cli/document.h"
#include <errno.h>

/* A proof of all accounts takes its time: seconds for hundreds of thousands of programs. */
enum { GATEWAYS_PATIENCE_MS = 5000, GATEWAYS_PROOF_PATIENCE_MS = 60000 };

/* The document of the gateway that the handle is set to, or its error; never NULL unless memory is short. */
static json_t *ask_one(struct session *session, enum busbar_document document, const char *address, int code)
{
	json_t *object = NULL;
	const char *said = "";

	if (code == 0) {
		code = session_get(session, document, NULL, &object);
		said = code < 0 ? busbar_problem(session->busbar) : "";
	}
	if (code < 0)
		object = json_pack("{s:s}", "error", said[0] == '\0' ? error_text(code) : said);
	if (object != NULL && json_object_set_new(object, "address", json_string(address)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int append(json_t *answers, json_t *answer)
{
	return json_array_append_new(answers, answer) < 0 ? -ENOMEM : 0;
}

int gateways_ask(struct session *session, enum busbar_document document, json_t **ret_answers)
{
	const char *given = session->options->gateway;
	const char *address = given == NULL ? busbar_gateway_at(session->busbar, 0) : NULL;
	json_t *answers = json_array();
	int code = 0;

	busbar_set_patience(session->busbar,
	                    document == BUSBAR_LEDGER ? GATEWAYS_PROOF_PATIENCE_MS : GATEWAYS_PATIENCE_MS);
	if (address == NULL)
		code = append(answers, ask_one(session, document, given == NULL ? "gateway" : given, 0));
	for (size_t i = 0; address != NULL && code == 0; i++) {
		int reach = busbar_set_gateway(session->busbar, address);

		code = append(answers, ask_one(session, document, address, reach));
		address = busbar_gateway_at(session->busbar, i + 1);
	}
	if (code < 0) {
		json_decref(answers);
		return code;
	}
	*ret_answers = answers;
	return 0;
}

const char *gateways_name(const json_t *document)
{
	const char *node = document_text(document, "node");

	return node[0] == '\0' ? document_text(document, "address") : node;
}
