/* SPDX-License-Identifier: Apache-2.0 */
/* One question to several gateways. */
#ifndef CLI_GATEWAYS_H
#define CLI_GATEWAYS_H

#include "base/compiler.h"
#include "cli/session.h"

/*
 * The documents of every gateway of the configuration's list, or of the one gateway when there is no list or
 * --gateway is given: an array, a reference of the caller's. Each has "address", where it came from; where
 * none came, "error" says why, as text. -ENOMEM.
 */
int gateways_ask(struct session *session, enum busbar_document document, json_t **ret_answers) CHECKED;
/* The name of such a document's gateway, else its address. */
const char *gateways_name(const json_t *document);

#endif
