/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver: one supply engine (this host, a batch system, a container engine, a grid) behind one table of
 * functions.
 *
 * A driver starts runs, reports their start and their end, cancels and measures them. Everything is
 * asynchronous and happens in the loop of the thread that made the driver: no operation blocks, and no
 * callback is called from inside an operation. Every run that driver_run() accepted is reported as ended
 * exactly once, and nothing of it (process, limit group, mount) exists any more at that moment unless its
 * end is LOST. A driver bounds its number of runs.
 */
#ifndef SUPPLY_DRIVER_H
#define SUPPLY_DRIVER_H

#include "base/compiler.h"
#include "model/identifier.h"
#include <stdint.h>

/* A program to run, with its limits; all limits are required. */
struct driver_run {
	struct identifier id;           /* unique among the driver's present runs */
	const char *const *arguments;   /* ends with NULL; the first one names the program */
	const char *const *environment; /* "NAME=value", ends with NULL; NULL for none */
	int input, output, problems;    /* descriptors for 0, 1 and 2; the caller keeps and closes its own */
	uint64_t cpu;                   /* micro-cores of the host */
	uint64_t memory;                /* bytes; what is written to scratch counts too */
	uint64_t scratch;               /* bytes at /scratch and /tmp together */
	uint64_t output_maximum;        /* bytes in output, and as many in problems, where these are files */
	uint32_t processes;             /* processes and threads at a time */
	int64_t time_limit;             /* nanoseconds of the program, from its start */
	const char *folder;             /* bound read-only at /service; NULL for none */
};

struct driver_usage {
	int64_t wall;         /* nanoseconds since the program started */
	int64_t cpu;          /* nanoseconds, all processes of the run */
	uint64_t memory_peak; /* bytes */
	uint64_t output;      /* bytes in output; 0 where it is not a file */
};

/*
 * error is 0, or BUSBAR_ERROR_EXECUTION (exit status not 0: 1..255 is the program's own, 128 + n a
 * signal, 127 and 126 a program that was not found or cannot be executed), TIME_LIMIT, MEMORY_LIMIT,
 * OUTPUT_LIMIT, CANCELLED, LOST (the engine was lost and with it what it knew), or another negative
 * code when the run could not be set up.
 */
struct driver_end {
	struct identifier id;
	int error;
	int exit_status;
	struct driver_usage usage;
};

struct driver_callbacks {
	void (*started)(void *context, const struct identifier *id);
	void (*ended)(void *context, const struct driver_end *end);
	void *context;
};

struct driver;

struct driver_operations {
	const char *name;
	int (*run)(struct driver *driver, const struct driver_run *run);
	int (*cancel)(struct driver *driver, const struct identifier *id);
	int (*measure)(struct driver *driver, const struct identifier *id, struct driver_usage *ret_usage);
	int64_t (*start_latency)(const struct driver *driver);
	void (*close)(struct driver *driver, void (*closed)(void *context), void *context);
};

/* The first member of every engine's own structure. */
struct driver {
	const struct driver_operations *operations;
};

/*
 * Starts a run; everything in `run` is copied (descriptors duplicated) before the call returns. DUPLICATE,
 * TABLE_FULL, BAD_VALUE (a limit that is zero or out of range), TOO_LARGE (arguments and environment),
 * -errno; then there is no callback.
 */
static inline CHECKED int driver_run(struct driver *driver, const struct driver_run *run)
{
	return driver->operations->run(driver, run);
}

/* Asks for the end of a run; its end says CANCELLED, unless it ended by itself before. NOT_FOUND. */
static inline CHECKED int driver_cancel(struct driver *driver, const struct identifier *id)
{
	return driver->operations->cancel(driver, id);
}

/* The newest counters of a live run that can be had without waiting. NOT_FOUND. */
static inline CHECKED int driver_measure(struct driver *driver, const struct identifier *id,
                                         struct driver_usage *ret_usage)
{
	return driver->operations->measure(driver, id, ret_usage);
}

/* Nanoseconds from driver_run() to started that are to be expected now. */
static inline int64_t driver_start_latency(const struct driver *driver)
{
	return driver->operations->start_latency(driver);
}

/*
 * Ends every run (CANCELLED), then calls closed(context) from the loop; the driver is freed before that call
 * and must not be used after driver_close() returns. The loop has to run until then.
 */
static inline void driver_close(struct driver *driver, void (*closed)(void *context), void *context)
{
	driver->operations->close(driver, closed, context);
}

#endif
