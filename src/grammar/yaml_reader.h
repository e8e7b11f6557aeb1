/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Demands in YAML, and so in JSON, through libyaml's nodes. A first pass over the events refuses what
 * would cost more than its size: deep nesting, aliases, too many nodes.
 */
#ifndef GRAMMAR_YAML_READER_H
#define GRAMMAR_YAML_READER_H

#include "grammar/demand_builder.h"
#include <stddef.h>

/* Reads all of the text into the builder. Its report tells how it ended. */
void yaml_reader_run(const char *text, size_t size, struct demand_builder *builder);

#endif
