/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network: the namespaces of a lab and what is in them.
 *
 * Every node is a network namespace, known by a descriptor. A wire is two veth pairs: one end of each is
 * the node's interface (named after the neighbour), the other lies in the "wire" namespace, where a packet
 * socket stands on it. Nothing moves between the two sockets of a wire but by the bridge. Namespaces have
 * no name and no mount: they end with the descriptors and processes that hold them.
 */
#ifndef LAB_NETWORK_H
#define LAB_NETWORK_H

#include "lab/topology.h"

struct network {
	int host;                     /* the namespace in which network_create() was called */
	int wire;                     /* where the inner ends are */
	int nodes[TOPOLOGY_NODES];    /* descriptors of namespaces */
	int ports[TOPOLOGY_WIRES][2]; /* packet sockets, nonblocking, one per inner end */
	char problem[160];            /* what could not be done, after a failure */
};

/* A network without anything: what network_create() needs and network_close() accepts. */
void network_open(struct network *network);
/*
 * Builds everything and returns in the namespace it was called in. On failure `network->problem` says at
 * what; network_close() is needed in either case.
 */
int network_create(struct network *network, const struct topology *topology) CHECKED;
void network_close(struct network *network);

#endif
