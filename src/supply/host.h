/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: what this machine has to offer, for a site's advertisement.
 *
 * Processors are those that this process may use (its affinity and cpuset, which its sandboxes inherit),
 * found with hwloc. Memory is what hwloc finds in the NUMA nodes, unless /proc/meminfo knows of more: some
 * virtual machines describe only a part of their memory as nodes.
 *
 * The speed of a core is measured, not looked up: rounds of independent chains of a = a * x + y on vectors of
 * double precision, as wide as the processor has them (AVX-512, AVX2 with FMA, else the compiler's baseline),
 * two operations per element and step; the best of several short rounds counts, since noise only ever slows
 * down. One core alone was busy, so the sum over cores is an upper bound where cores share power or
 * pipelines.
 */
#ifndef SUPPLY_HOST_H
#define SUPPLY_HOST_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stdint.h>

struct host {
	uint32_t cores;           /* physical ones with a usable thread */
	uint32_t threads;         /* hardware threads that may be used: what processor quotas count in */
	uint64_t memory;          /* bytes, whole host */
	bool memory_from_meminfo; /* hwloc found less */
	double core_gflops;       /* measured, double precision, one core */
	const char *vector;       /* what it was measured with: "avx512", "avx2" or "baseline" */
};

/* Takes about 100 ms of one core. -errno. */
int host_measure(struct host *ret_host) CHECKED;

#endif
