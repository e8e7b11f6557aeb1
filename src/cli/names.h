/* SPDX-License-Identifier: Apache-2.0 */
/* Names of gateways in programs, from a gateway's view. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "grammar/grammar.h"
#include <jansson.h>

/* For the grammar; `view` (borrowed, may be NULL: no names) is a view document. */
struct grammar_names names_of(json_t *view);

#endif
