/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a running lab, as the supervisor, its sessions and its report see them. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include "lab/bridge.h"
#include "lab/configuration.h"
#include "lab/gateway.h"
#include "lab/network.h"
#include "lab/session.h"
#include "lab/topology.h"
#include <limits.h>

enum { LAB_CAUSE = 4096 };

enum lab_state { LAB_STARTING, LAB_READY, LAB_STOPPING, LAB_STATES };

/* What `up` was asked for. Texts outlive the supervisor's start. */
struct lab_options {
	const char *name;
	const char *daemon; /* absolute path of busbard, or a name to be found in PATH */
	double core_gflops; /* of this host; 0: unknown */
	bool keep_logs;
	bool is_leashed; /* ends with the command that started it */
};

struct lab {
	struct lab_options options;
	const struct topology *topology;
	enum lab_state state;
	char cause[LAB_CAUSE]; /* why it stops, when by a failure; empty otherwise */
	int64_t deadline;      /* of the orderly end; monotonic */
	struct network network;
	struct bridge_state *bridge;
	pid_t bridge_pid; /* 0: ended */
	struct gateway gateways[TOPOLOGY_GATEWAYS];
	struct session sessions[SESSION_MAXIMUM];
};

/* A lab that has nothing yet; NULL when memory is short. Accepts NULL, returns NULL on free. */
struct lab *lab_create(const struct lab_options *options, const struct topology *topology);
struct lab *lab_free(struct lab *lab);
/* Namespaces, wires, the nodes' configurations and the bridge. On failure lab->cause says at what. */
int lab_build(struct lab *lab) CHECKED;
/* Runs the node's daemon with the time the topology gives it. */
int lab_start_gateway(struct lab *lab, size_t gateway) CHECKED;
/* "name" in the lab's folder of this node. */
const char *lab_node_path(const struct lab *lab, size_t node, const char *name, char path[PATH_MAX]);
/* Starting becomes ready when all daemons are; a daemon that cannot be ready any more ends the lab. */
void lab_look(struct lab *lab);
/*
 * Begins the orderly end: daemons are told to end. NULL: somebody wished it, otherwise why it fails. The
 * first call counts.
 */
void lab_stop(struct lab *lab, const char *cause);
/* One line and, below it, the last lines of the node's log, about a daemon that is not ready. */
void lab_describe_failure(const struct lab *lab, size_t gateway, char *text, size_t size);

#endif
