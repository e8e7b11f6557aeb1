/* SPDX-License-Identifier: Apache-2.0 */
/* reload: a gateway reads its configuration again, and says what that changed or why it did not. */
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/document.h"
#include "cli/table.h"

static int print_reload(struct session *session, const json_t *document)
{
	size_t count = document_count(document, "changed");

	for (size_t i = 0; i < count; i++) {
		table_put_text(session->out, json_string_value(document_at(document, "changed", i)));
		(void)fputc('\n', session->out);
	}
	if (count == 0)
		(void)fputs("nothing changed\n", session->out);
	return 0;
}

int reload_gateway(struct session *session)
{
	json_t *document = NULL;
	char *text = NULL;
	int code = busbar_reload(session->busbar, &text);
	int status;

	if (code == 0)
		code = document_parse(text, &document);
	busbar_free(text);
	if (code == 0 && session->options->json)
		code = document_write(document, session->out);
	else if (code == 0 && document_error(document) == NULL)
		code = print_reload(session, document);
	status = session_status(session, code, "reload");
	if (code == 0 && document_error(document) != NULL)
		status = complain(COMPLAIN_FAILED, "not reloaded: %s", document_text(document, "problem"));
	json_decref(document);
	return status;
}
