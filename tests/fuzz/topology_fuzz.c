/* SPDX-License-Identifier: Apache-2.0 */
/* Topologies of labs: what is accepted holds together. */
#include "lab/topology.h"
#include <stdlib.h>
#include <string.h>

enum { ARENA = 8 << 20 };

/* Every node has a name that leads to it, every link two different ends. */
static void check(const struct topology *topology)
{
	for (size_t i = 0; i < topology_nodes(topology); i++)
		if (topology_find(topology, topology_node_name(topology, i)) != (int)i)
			abort();
	for (size_t i = 0; i < topology_wires(topology); i++) {
		struct topology_wire wire;

		topology_wire(topology, i, &wire);
		if (memcmp(&wire.ends[0], &wire.ends[1], sizeof(wire.ends[0])) == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(ARENA);
	struct config_problem problem;
	struct topology topology;

	if (!arena)
		abort();
	if (topology_parse((const char *)data, size, "fuzz", "/nowhere", arena, &topology, &problem) == 0)
		check(&topology);
	arena_free(arena);
	return 0;
}
