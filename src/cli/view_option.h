/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `view` as the argument of its document. */
#ifndef CLI_VIEW_OPTION_H
#define CLI_VIEW_OPTION_H

#include "cli/options.h"
#include "model/identifier.h"

/*
 * As text; "" for a view of everything. `parts` is what of it is shown, of enum view_part; 0: all. BAD_VALUE
 * with one line in `problem`.
 */
int view_option_read(const struct options *options, uint8_t parts, char argument[IDENTIFIER_TEXT],
                     char problem[OPTIONS_PROBLEM]) CHECKED;

#endif
