/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speakers on one loop over ::1 with ports of the kernel's choice, and what their callbacks told.
 *
 * Nothing sleeps: harness_until() turns the loop until a condition holds or ten seconds are over.
 */
#ifndef TESTS_BGP_SPEAKER_HARNESS_H
#define TESTS_BGP_SPEAKER_HARNESS_H

#include "bgp/speaker.h"
#include "tests/t.h"
#include <stdio.h>
#include <uv.h>

enum { HARNESS_NODES = 4, HARNESS_ROUTES = 4096, HARNESS_AS_BASE = 65000, HARNESS_ATTRIBUTE = 255 };

/* What one node knows, newest state per (prefix, origin AS). */
struct harness_route {
	bool used;
	uint8_t prefix[16], next_hop[16];
	uint8_t length;
	uint32_t origin_as, peer;
	size_t attribute_size;
	uint8_t attribute[SPEAKER_ATTRIBUTE_MAXIMUM];
	uint32_t as_path[8], as_path_count;
};

struct harness_node {
	struct speaker *speaker;
	uint32_t as;
	struct harness_route *routes;
	size_t route_reports, best_reports, gone_reports;
	bool has_best;
	struct harness_route best;
	bool established[HARNESS_NODES];
	bool closed;
};

struct harness {
	uv_loop_t loop;
	uv_timer_t watchdog;
	bool late;
	struct harness_node nodes[HARNESS_NODES];
};

void harness_open(struct harness *harness);
/* Closes the speakers that are open and the loop, which must then be empty. */
void harness_shut(struct harness *harness);
/* Node `index` has AS `as`; settings' as, identifier, seed and attribute are filled in where they are 0. */
void harness_start(struct harness *harness, size_t index, uint32_t as, struct speaker_settings settings);
void harness_stop(struct harness *harness, size_t index);
struct speaker_peer harness_peer(const char *name, uint32_t as, uint16_t port, bool passive);
/* Fails the test when `holds` stays false. */
void harness_until(struct harness *harness, bool (*holds)(struct harness *harness));
/* Turns the loop for a while, to see that something does not happen. */
void harness_run(struct harness *harness, uint64_t milliseconds);

size_t harness_count(const struct harness_node *node);
const struct harness_route *harness_find(const struct harness_node *node, const uint8_t prefix[16],
                                         uint32_t origin_as);

#endif
