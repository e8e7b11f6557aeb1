/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demand from the command line: a file in either form of the grammar, or flags. Flags are written down
 * as a text of the grammar, so that one parser decides what is valid.
 */
#ifndef CLI_DEMAND_OPTION_H
#define CLI_DEMAND_OPTION_H

#include "base/arena.h"
#include "base/compiler.h"
#include "cli/options.h"
#include "model/demand.h"

enum { DEMAND_OPTION_PROBLEM = 256 };

/* The text of the flags, in the arena. BAD_VALUE, MISSING_FIELD, TOO_LARGE or -ENOMEM, with one line. */
int demand_option_text(const struct options *options, struct arena *arena, char **ret_text,
                       char problem[DEMAND_OPTION_PROBLEM]) CHECKED;
/* As the grammar says, with its line. `file` is for messages. YAML is what does not begin with `demand`. */
int demand_option_parse(const char *text, const char *file, struct arena *arena, struct demand *ret_demand,
                        char problem[DEMAND_OPTION_PROBLEM]) CHECKED;
/* The demand of a file ("-": stdin), or of the flags when `file` is NULL. */
int demand_option_read(const struct options *options, const char *file, struct arena *arena,
                       struct demand *ret_demand, char problem[DEMAND_OPTION_PROBLEM]) CHECKED;
/* Adds a blob that every part reads. TOO_LARGE when the demand has no room for it. */
int demand_option_add_blob(struct demand *demand, const unsigned char digest[32], size_t size) CHECKED;

#endif
