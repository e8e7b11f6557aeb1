/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/names.h"

#include "busbar-error.h"
#include "cli/document.h"
#include <string.h>

/* The site with that text in a field; NULL when there is none. */
static const json_t *find_site(const json_t *view, const char *key, const char *text)
{
	for (size_t i = 0; i < document_count(view, "sites"); i++) {
		const json_t *site = document_at(view, "sites", i);

		if (strcmp(document_text(site, key), text) == 0)
			return site;
	}
	return NULL;
}

static int find_identity(void *context, const char *name, struct gateway_identity *ret_identity)
{
	const json_t *site = find_site(context, "name", name);

	return site == NULL ? BUSBAR_ERROR_NOT_FOUND
	                    : gateway_parse(document_text(site, "identity"), ret_identity);
}

static const char *find_name(void *context, struct gateway_identity identity)
{
	char text[GATEWAY_TEXT];
	const char *name =
	        document_text(find_site(context, "identity", gateway_text(identity, text)), "name");

	return name[0] == '\0' ? NULL : name;
}

struct grammar_names names_of(json_t *view)
{
	return (struct grammar_names){.identity = find_identity, .name = find_name, .context = view};
}
