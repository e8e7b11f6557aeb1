/* SPDX-License-Identifier: Apache-2.0 */
/* Facts by hwloc and /proc/meminfo; speed by a kernel compiled once per vector width. */
#include "supply/host.h"

#include "base/clock.h"
#include <errno.h>
#include <hwloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUND (8 * CLOCK_MILLISECOND)

enum { ROUNDS = 12, FIRST_STEPS = 100000 };

/*
 * Twelve chains cover the latency of the multiply-add units of present processors (4 cycles, 2 or 3 units),
 * and with their two constants fit the registers of every width. x is a little below 1, so that values stay
 * finite and never denormal: each chain converges to y / (1 - x).
 */
#define CHAINS 12
#define STEP(a) (a) = (a)*x + y
#define KERNEL(name, attributes, bytes)                                                    \
	attributes static double name(uint64_t steps)                                      \
	{                                                                                  \
		typedef double vector __attribute__((vector_size(bytes)));                 \
		vector zero = {0};                                                         \
		vector x = zero + 0.999999, y = zero + 1e-3;                               \
		vector a = y, b = y + 1, c = y + 2, d = y + 3, e = y + 4, f = y + 5;       \
		vector g = y + 6, h = y + 7, i = y + 8, j = y + 9, k = y + 10, l = y + 11; \
		for (uint64_t step = 0; step < steps; step++) {                            \
			STEP(a), STEP(b), STEP(c), STEP(d), STEP(e), STEP(f);              \
			STEP(g), STEP(h), STEP(i), STEP(j), STEP(k), STEP(l);              \
		}                                                                          \
		a += b + c + d + e + f + g + h + i + j + k + l;                            \
		double sum = 0;                                                            \
		for (size_t lane = 0; lane < (bytes) / sizeof(double); lane++)             \
			sum += a[lane];                                                    \
		return sum;                                                                \
	}

KERNEL(baseline, , 16)
#if defined(__x86_64__)
KERNEL(avx2, __attribute__((target("avx2,fma"))), 32)
KERNEL(avx512, __attribute__((target("avx512f"))), 64)
#endif

struct kernel {
	const char *name;
	double (*run)(uint64_t steps);
	uint64_t lanes;
};

static struct kernel choose_kernel(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f"))
		return (struct kernel){"avx512", avx512, 8};
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return (struct kernel){"avx2", avx2, 4};
#endif
	return (struct kernel){"baseline", baseline, 2};
}

static int64_t time_steps(const struct kernel *kernel, uint64_t steps)
{
	static volatile double sink; /* the result is used, so the work cannot be left out */
	int64_t begin = clock_monotonic(&clock_system);
	int64_t end;

	sink = kernel->run(steps);
	end = clock_monotonic(&clock_system);
	(void)sink;
	return MAXIMUM(end - begin, 1);
}

/* Operations per nanosecond are 10^9 operations per second. */
static double measure_speed(const struct kernel *kernel)
{
	int64_t first = time_steps(kernel, FIRST_STEPS);
	uint64_t steps = (uint64_t)(ROUND * FIRST_STEPS / first) + 1;
	double operations = (double)steps * (double)(2 * CHAINS * kernel->lanes);
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double speed = operations / (double)time_steps(kernel, steps);
		best = MAXIMUM(best, speed);
	}
	return best;
}

static uint64_t meminfo_total(void)
{
	char line[128];
	uint64_t kibibytes = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "MemTotal: %" SCNu64 " kB", &kibibytes) == 1)
			break;
	}
	fclose(file);
	return kibibytes * 1024;
}

/* Cores that have at least one of the usable threads. */
static uint32_t count_cores(hwloc_topology_t topology, hwloc_const_cpuset_t usable)
{
	hwloc_obj_t core = NULL;
	uint32_t count = 0;

	while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != NULL)
		count += hwloc_bitmap_intersects(core->cpuset, usable) != 0;
	return count;
}

static int find_processors(hwloc_topology_t topology, struct host *host)
{
	hwloc_cpuset_t usable = hwloc_bitmap_alloc();
	int code = 0;

	if (usable == NULL)
		return -ENOMEM;
	if (hwloc_get_cpubind(topology, usable, HWLOC_CPUBIND_PROCESS) < 0)
		code = -errno;
	/* The topology itself holds only what the cpuset allows. */
	hwloc_bitmap_and(usable, usable, hwloc_topology_get_topology_cpuset(topology));
	host->threads = (uint32_t)MAXIMUM(hwloc_bitmap_weight(usable), 0);
	host->cores = count_cores(topology, usable);
	/* Some virtual machines show no cores: then each thread is one. */
	if (host->cores == 0)
		host->cores = host->threads;
	hwloc_bitmap_free(usable);
	return code;
}

static void find_memory(hwloc_topology_t topology, struct host *host)
{
	uint64_t total = meminfo_total();

	host->memory = hwloc_get_root_obj(topology)->total_memory;
	host->memory_from_meminfo = host->memory < total;
	if (host->memory_from_meminfo)
		host->memory = total;
}

int host_measure(struct host *ret_host)
{
	struct kernel kernel = choose_kernel();
	struct host host = {.vector = kernel.name};
	hwloc_topology_t topology;
	int code;

	if (hwloc_topology_init(&topology) < 0)
		return -ENOMEM;
	code = hwloc_topology_load(topology) < 0 ? -errno : find_processors(topology, &host);
	if (code == 0)
		find_memory(topology, &host);
	hwloc_topology_destroy(topology);
	if (code < 0)
		return code;
	host.core_gflops = measure_speed(&kernel);
	*ret_host = host;
	return 0;
}
