/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: a kind and an amount. Kinds are never added up.
 *
 * Amounts are integers in base units: micro-units for rates (cpu cores, GFLOPS, ...), bytes for memory
 * and storage. A total of work is in base units x seconds. Prices and tariffs are per `price_scale`
 * base units and second (a core second, a GFLOPS second, a GiB second).
 *
 * Price of scarcity: price(u) = base x steepness^u at utilisation u in 0..1, the exponential of
 * Awerbuch, Azar and Plotkin (1993); steepness >= 1 is the ratio of the price at full to that at empty.
 */
#ifndef MODEL_RESOURCE_H
#define MODEL_RESOURCE_H

#include "base/compiler.h"
#include "model/money.h"
#include <stdint.h>

enum resource_kind {
	RESOURCE_CPU,
	RESOURCE_CPU_GFLOPS,
	RESOURCE_GPU,
	RESOURCE_GPU_TFLOPS,
	RESOURCE_NPU_TOPS,
	RESOURCE_MEMORY,
	RESOURCE_STORAGE,
	RESOURCE_KINDS,
};

struct resource_description {
	const char *name;     /* "cpu.gflops" */
	const char *unit;     /* shown behind amounts: "cores", "GFLOPS", "B" */
	const char *work;     /* unit of unit x seconds: "core s", "GFLOP" */
	uint64_t scale;       /* base units per unit as people write it (10^6, or 1 for bytes) */
	uint64_t price_scale; /* base units per unit of price */
};

extern const struct resource_description resource_descriptions[RESOURCE_KINDS];

/* Kind of a name, or BUSBAR_ERROR_UNKNOWN_KIND. */
int resource_kind_parse(const char *name) CHECKED;
/*
 * "2 GiB", "0.5", "400" -> base units of the kind (bytes need their unit; rates take none).
 * Errors as base/unit.h; zero is AMOUNT_ZERO.
 */
int resource_amount_parse(enum resource_kind kind, const char *text, uint64_t *ret_amount) CHECKED;
enum { RESOURCE_TEXT = 64 };
/* "2 GiB", "400 GFLOPS". */
char *resource_amount_text(enum resource_kind kind, uint64_t amount, char text[RESOURCE_TEXT]);

/* What one owner has of one kind. free <= capacity. */
struct resource_offer {
	enum resource_kind kind;
	uint64_t capacity;
	uint64_t free;
	money base;         /* price at zero utilisation */
	uint32_t steepness; /* thousandths, >= 1000 */
	money tariff;       /* what plans without spot pricing pay */
};

/*
 * Price per price_scale and second once `extra` more is used. More than what is free is answered at
 * utilisation 1. capacity 0 gives base x steepness.
 */
money resource_price(const struct resource_offer *offer, uint64_t extra);
/* The same curve for any capacity (links use it with bit/s). */
money resource_price_at(money base, uint32_t steepness, uint64_t used, uint64_t capacity);

#endif
