/* SPDX-License-Identifier: Apache-2.0 */
/* The meaning of a topology: references, contradictions, defaults and paths. */
#ifndef LAB_TOPOLOGY_CHECK_H
#define LAB_TOPOLOGY_CHECK_H

#include "lab/topology.h"

/*
 * Checks a topology whose syntax is right, fills in the defaults, resolves names to indices and relative
 * paths to absolute ones. Codes as topology_parse().
 */
int topology_check(struct topology *topology, const char *file, const char *folder, struct arena *arena,
                   struct config_problem *problem) CHECKED;

#endif
