/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's configuration: its YAML table (busbard.yaml, see `busbard --print-config`) and what the
 * rooms make of it. Everything is checked before anything is started.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "api/front.h"
#include "base/arena.h"
#include "base/compiler.h"
#include "base/config.h"
#include "bgp/speaker.h"
#include "book/book.h"
#include "execute/owner.h"
#include "model/link.h"
#include "model/site.h"
#include "supply/resident.h"
#include "wire/attribute.h"
#include <stdio.h>

struct settings_key {
	int64_t id;
	const char *secret;
};

struct settings_link {
	const char *name;
	int64_t site, gateway, as;
	const char *interface;
	struct config_address local, remote;
	int64_t capacity;
	/* The output's physical side; rate 0: the capacity; least: delay that is certain; overhead: octets.
	 */
	int64_t rate, largest_packet, latency, least, overhead;
	struct config_list ceilings; /* int64_t, one of each class */
	int64_t price, tariff, steepness;
	struct config_list tide; /* int64_t, thousandths */
	bool bgp;                /* its other end is a BGP peer */
};

enum { SETTINGS_PEERS = 256, SETTINGS_POLICIES = 64, SETTINGS_RULES = 256 };

/* A BGP peer: at the end of a link, if a link has its address, or anywhere. */
struct settings_peer {
	const char *name, *interface;
	struct config_address local, remote;
	int64_t as, port;
	bool passive;
	const char *password;
	int64_t hops, hold, restart_time, maximum_paths;
	const char *import, *export; /* names of policies */
	bool edge_metadata;
};

enum settings_action { SETTINGS_PERMIT, SETTINGS_DENY };

/* Of routes inside the prefix, of these lengths, with this community; what is not given is any. */
struct settings_rule {
	int action;
	struct config_address prefix;
	int64_t least, most;
	const char *community;
};

/* The first rule that matches decides. */
struct settings_policy {
	const char *name;
	int otherwise; /* what becomes of routes that no rule matches */
	struct config_list rules;
	struct speaker_policy made; /* of these, for the speaker */
};

enum { SETTINGS_SESSIONS = SITE_LINKS + SETTINGS_PEERS };

/* What the speaker is made with: the links' sessions, then the other peers'. Points into itself. */
struct settings_speaker {
	struct speaker_settings speaker;
	uint32_t domain[ATTRIBUTE_DOMAIN];
	struct speaker_peer peers[SETTINGS_SESSIONS];
	struct settings_session {
		int link;              /* of the settings, whose other end it is; -1: none */
		const char *interface; /* of a link-local address, whose index is to be found; NULL: none */
	} sessions[SETTINGS_SESSIONS];
};

struct settings_access {
	const char *interface;
	struct config_address listen, prefix;
	int64_t delay, ceiling, rate;
	bool operator;
};

struct settings_resource {
	const char *kind;
	int64_t price, tariff, steepness;
	struct config_list tide;
};

struct settings_service {
	const char *name, *version, *folder;
	struct config_address address;
	struct config_list command; /* const char * */
	int64_t cpu, memory, processes, time, price, tariff;
	int64_t instances;
	bool listens;
};

struct settings_tenant {
	const char *name, *secret;
	int64_t key, balance, allowance;
	int plan; /* 0 spot, 1 fixed */
	bool operator;
	struct settings_sight {
		struct config_list regions, operators, sites, services; /* const char * */
	} sees;
};

/* Relative changes in parts per million, numbers of losses in thousandths. */
struct settings_announce {
	int64_t refresh, price, amount, delay, least_delay, loss;
	int64_t half_life, suppress, reuse, longest;
};

struct settings_metrics {
	int64_t window, steepness, link_delay, call_delay, loss, band; /* thousandths; loss: millionths */
	int statistic, function;                                       /* enum metric_... */
	int computing, communication, service, composed;               /* enum metric_aggregation */
	struct config_list weights;                                    /* int64_t, thousandths */
};

/* The tolerance in parts per million. */
struct settings_view {
	int64_t routes, sites, services, edges, tolerance, window;
};

/* As read. Lists hold the structures above. */
struct settings {
	const char *file; /* that it was read from */
	const char *node, *state, *cgroup, *operator, * region;
	struct {
		int64_t site, gateway;
	} identity;
	struct config_address locator;
	int model; /* enum supply_model */
	struct {
		struct config_address block;
		struct config_list members; /* int64_t */
		struct config_list keys;
	} domain;
	struct {
		int64_t as, router_id, hold, restart_time, minimum_interval, attribute, port;
		struct config_list peers, policies;
	} bgp;
	struct {
		int64_t interval;
		int64_t fastest, slowest, idle, sites, budget;
		int64_t source_rate, total_rate; /* probes a second */
	} probe;
	struct config_list links, access, services, tenants;
	struct {
		int64_t receivers;
		int64_t source, stranger, tenant; /* messages a second */
	} front;
	struct {
		struct config_address listen;
	} openmetrics;
	struct {
		int64_t cores, share, memory, storage, runs, scratch, output, processes, blobs;
		struct config_list resources;
	} supply;
	struct {
		int64_t energy, carbon, half_life;
	} prices;
	struct settings_announce announce;
	struct settings_metrics metrics;
	struct settings_view view;
	struct {
		int64_t site, gateway;
		bool serves;
	} controller;
	int64_t gflops_per_core;
	int64_t fee;
	bool decisions;
};

extern const struct config_field settings_fields[];

/*
 * Reads a file into `*ret_settings` and checks what the table cannot (identities, secrets, kinds, names that
 * occur twice). The problem's text is for the user.
 */
int settings_read(const char *path, struct arena *arena, struct settings *ret_settings,
                  struct config_problem *ret_problem) CHECKED;

/* What the rooms get; arrays live in the arena. */
struct gateway_identity settings_identity(const struct settings *settings);
/* That maps for the clients here; none: this gateway does. */
struct gateway_identity settings_controller(const struct settings *settings);
/* The prefix that all locators of the domain lie in: as configured, else the /32 of this one. */
struct config_address settings_block(const struct settings *settings);
int settings_ring(const struct settings *settings, struct seal_ring *ret_ring) CHECKED;
int settings_tenants(const struct settings *settings, struct arena *arena,
                     struct front_tenant **ret_tenants) CHECKED;
int settings_services(const struct settings *settings, int64_t start, struct arena *arena,
                      struct owner_service **ret_services) CHECKED;
struct link_offer settings_link_offer(const struct settings *settings, const struct settings_link *link);
/* Links or BGP peers: it is no gateway alone. */
bool settings_has_network(const struct settings *settings);
void settings_speaker(const struct settings *settings, struct settings_speaker *ret_speaker);
/* The link whose other end the peer of that name is; -1: none, or no such peer. */
int settings_link_of_session(const struct settings_speaker *speaker, const char *name);
/* As its queues shape and delay it: their own slack is in the latency. */
struct book_output settings_link_output(const struct settings_link *link);
/*
 * What a book is told behind its resources and links: tides (given for equal parts of a day) and prices.
 * Errors as the book's.
 */
int settings_set_prices(const struct settings *settings, struct book *book) CHECKED;
/* Offers of the site's resources: cpu, memory, storage as configured. Returns the count. */
uint32_t settings_resources(const struct settings *settings, struct resource_offer offers[RESOURCE_KINDS]);

#endif
