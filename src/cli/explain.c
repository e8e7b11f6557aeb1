/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include "cli/complain.h"
#include "cli/document.h"
#include "cli/quote.h"

int explain_quote(struct session *session, const struct request *request, json_t **ret_quote)
{
	char *text;
	int code =
	        busbar_quote(session->busbar, request->text, request->inlined, request->inlined_size, &text);

	if (code < 0)
		return code;
	code = document_parse(text, ret_quote);
	busbar_free(text);
	return code;
}

/* Is the answer to "why" a plan with its reasons? */
static bool has_reasons(int code)
{
	return code == BUSBAR_ERROR_INFEASIBLE || code == BUSBAR_ERROR_BUDGET ||
	       code == BUSBAR_ERROR_UNKNOWN_SERVICE || code == BUSBAR_ERROR_NO_CAPACITY;
}

/* The complaint first, since asking why may change what the gateway last said. */
int explain_failure(struct session *session, const struct request *request, int code, const char *what,
                    FILE *stream)
{
	int status = complain_code(session->busbar, code, what);
	json_t *quote = NULL;

	if (!has_reasons(code) || explain_quote(session, request, &quote) < 0)
		return status;
	if (!session->options->json || stream != session->out)
		quote_print_reasons(json_object_get(quote, "reasons"), stream);
	else if (document_write(quote, stream) < 0)
		status = complain(COMPLAIN_FAILED, "output cannot be written");
	json_decref(quote);
	return status;
}
