/* SPDX-License-Identifier: Apache-2.0 */
/* Load: what the parts of one plan take together of the links that they share. */
#ifndef MAP_LOAD_H
#define MAP_LOAD_H

#include "map/candidate.h"

struct load {
	const struct job *job;
	uint64_t *used; /* per node and link, in the arena; NULL when no bandwidth is asked for */
};

/* The first link that is too narrow. */
struct load_shortage {
	struct gateway_identity owner;
	uint64_t free, need;
};

/* -ENOMEM. */
int load_open(const struct job *job, struct load *ret_load) CHECKED;
void load_add(struct load *load, const struct option *option);
/* What was added before. */
void load_remove(struct load *load, const struct option *option);
/* Whether `parts` more parts fit over the option; else what is short (may be NULL). */
bool load_fits(const struct load *load, const struct option *option, uint32_t parts,
               struct load_shortage *ret_shortage);

#endif
