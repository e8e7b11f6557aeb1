/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology: what a lab consists of, read from one YAML file.
 *
 * Gateways, the clients behind them, the links between gateways, the services that sites offer and the
 * tenants. A topology that was read is whole and valid: every name is known, every default is filled in,
 * every relative path is absolute. Numbers that follow from the order in the file (link addresses, access
 * prefixes) are given by functions here, so that namespaces and configurations cannot disagree.
 *
 * A "wire" is anything that carries frames: links first, then one access wire per client.
 */
#ifndef LAB_TOPOLOGY_H
#define LAB_TOPOLOGY_H

#include "base/arena.h"
#include "base/compiler.h"
#include "base/config.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TOPOLOGY_GATEWAYS = 32,
	TOPOLOGY_CLIENTS = 32,
	TOPOLOGY_LINKS = 64,
	TOPOLOGY_SERVICES = 32,
	TOPOLOGY_TENANTS = 16,
	TOPOLOGY_NODES = TOPOLOGY_GATEWAYS + TOPOLOGY_CLIENTS,
	TOPOLOGY_WIRES = TOPOLOGY_LINKS + TOPOLOGY_CLIENTS,
	TOPOLOGY_NAME = 15, /* node names are interface names */
	TOPOLOGY_PORT = 4179,
	TOPOLOGY_FRAME = 14, /* octets of a frame besides its packet */
};
#define TOPOLOGY_PRICE_SCALE INT64_C(1000000000)

struct topology_resource {
	const char *kind;
	int64_t price, tariff; /* nano-units per unit second */
	int64_t steepness;
};

/* What a site's engine has; cores == 0: none. */
struct topology_supply {
	int64_t cores;
	int64_t share; /* of the host, parts per million */
	int64_t memory, storage;
	struct config_list resources; /* struct topology_resource */
};

struct topology_gateway {
	const char *name;
	int64_t site, gateway, as;
	int model; /* index into topology_models */
	const char *region;
	const char *controller; /* name of the gateway that maps for its clients; NULL: itself */
	struct topology_supply supply;
};

/* Delay per direction, bit rate, longest wait in the queue, share of frames lost, largest packet. */
struct topology_quality {
	int64_t delay;
	int64_t rate;
	int64_t queue;
	int64_t loss;
	int64_t mtu;
};

struct topology_client {
	const char *name;
	const char *gateway;
	int64_t delay, rate, queue, loss, mtu;
	int64_t ceiling;
	size_t at; /* index of its gateway */
};

struct topology_link {
	struct config_list between; /* two gateway names */
	int64_t delay, rate, queue, loss, mtu;
	int64_t ceiling;
	int64_t price, tariff, steepness;
	size_t ends[2]; /* indices of the gateways */
};

struct topology_service {
	const char *name, *version;
	struct config_address address;
	struct config_list command; /* const char * */
	int64_t cpu;                /* thousandths of a core */
	int64_t memory;
	int64_t processes;
	int64_t time;
	bool listens;
	int64_t price, tariff;    /* nano-units per call */
	const char *folder;       /* NULL: none */
	struct config_list sites; /* names of the gateways that offer it */
};

struct topology_tenant {
	const char *name;
	int64_t balance; /* nano-units */
	const char *plan;
	bool is_operator;
};

/* Values for wires that say nothing themselves. */
struct topology_access {
	int64_t rate, queue, mtu;
	int64_t margin; /* ceiling = delay + margin */
};
struct topology_core {
	int64_t rate, queue, mtu;
	int64_t slack;  /* by which the bridge may be late in ordinary times */
	int64_t margin; /* ceiling = delay + slack + what an empty output needs + margin */
	int64_t price, tariff, steepness;
};

struct topology {
	const char *operator_name;
	int64_t ready;  /* how long daemons may take to get ready */
	int64_t seed;   /* of the losses */
	bool decisions; /* gateways keep what every decision was made from, so that it can be made again */
	struct {
		int64_t hold, minimum_interval;
	} bgp;
	struct topology_access access;
	struct topology_core core;
	struct config_list gateways; /* struct topology_gateway */
	struct config_list clients;  /* struct topology_client */
	struct config_list links;    /* struct topology_link */
	struct config_list services; /* struct topology_service */
	struct config_list tenants;  /* struct topology_tenant */
};

/* One end of a wire: the node it is in, the interface's name there and its address. */
struct topology_end {
	size_t node;
	const char *interface;
	struct in6_addr address;
};
struct topology_wire {
	struct topology_quality quality;
	struct topology_end ends[2];
};

extern const char *const topology_models[];
extern const struct config_field topology_fields[];

/*
 * Reads a topology from text; relative paths start at `folder`. On failure *problem says where and why;
 * the codes are config_parse()'s, and BAD_VALUE, MISSING_FIELD, DUPLICATE or NOT_FOUND for contradictions.
 */
int topology_parse(const char *text, size_t size, const char *file, const char *folder, struct arena *arena,
                   struct topology *ret_topology, struct config_problem *problem) CHECKED;
/* As topology_parse on a file; relative paths start at the file's folder. */
int topology_read(const char *path, struct arena *arena, struct topology *ret_topology,
                  struct config_problem *problem) CHECKED;

/* Outputs are shaped to a little less than the line's rate, so that packets wait in the gateway's queues. */
int64_t topology_shaped(int64_t rate);

const struct topology_gateway *topology_gateway(const struct topology *topology, size_t index);
const struct topology_client *topology_client(const struct topology *topology, size_t index);
const struct topology_link *topology_link(const struct topology *topology, size_t index);
const struct topology_service *topology_service(const struct topology *topology, size_t index);
const struct topology_tenant *topology_tenant(const struct topology *topology, size_t index);

/* Nodes are the gateways, then the clients. */
size_t topology_nodes(const struct topology *topology);
const char *topology_node_name(const struct topology *topology, size_t node);
bool topology_node_is_gateway(const struct topology *topology, size_t node);
/* Negative (NOT_FOUND) for an unknown name. */
int topology_find(const struct topology *topology, const char *name);

size_t topology_wires(const struct topology *topology);
void topology_wire(const struct topology *topology, size_t index, struct topology_wire *ret_wire);

/* Lower-case letters, digits and inner dashes, a letter first, at most `longest` characters. */
bool topology_name_is_valid(const char *name, size_t longest);

#endif
