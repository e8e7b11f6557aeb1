/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demand: what a user asks of the network. Text form: docs/grammar.md; binary form: docs/wire.md.
 *
 * Absent numbers are 0, absent texts empty. Amounts in base units (model/resource.h), times in ns, rates
 * in bit/s, sizes in bytes. `need` and `data` amounts are for the whole demand unless `each` is set.
 */
#ifndef MODEL_DEMAND_H
#define MODEL_DEMAND_H

#include "base/compiler.h"
#include "model/identifier.h"
#include "model/money.h"
#include "model/resource.h"
#include "model/service.h"
#include "model/site.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DEMAND_NAME = 32,
	DEMAND_NEEDS = 8,
	DEMAND_DATA = 8,
	DEMAND_ARGUMENTS = 16,
	DEMAND_ARGUMENT_TEXT = 512, /* all arguments with their NULs */
	DEMAND_PLACES = 8,
	DEMAND_STAGES = 8,
	DEMAND_AFTER = 4,
	DEMAND_PARTS = 256,
	DEMAND_INPUT = 1024, /* inline input that travels with the demand, octets */
};

enum demand_prefer { PREFER_COST, PREFER_LATENCY, PREFER_CARBON, PREFER_CHOICES };
extern const char *const demand_prefer_names[PREFER_CHOICES + 1];

struct demand_need {
	enum resource_kind kind;
	uint64_t amount;
	bool each;
};

enum data_direction { DATA_IN, DATA_OUT };

struct demand_data {
	enum data_direction direction;
	bool each;
	bool blob; /* digest is set: content-addressed, SHA-256 */
	uint8_t digest[32];
	uint64_t size;
};

/* What a demand or one of its stages asks for. */
struct demand_body {
	char service[SERVICE_NAME];    /* empty: run `arguments` */
	char version[SERVICE_VERSION]; /* empty: any */
	uint32_t argument_count;
	char arguments[DEMAND_ARGUMENT_TEXT]; /* argument_count texts, each with its NUL */
	uint32_t need_count;
	struct demand_need needs[DEMAND_NEEDS];
	int64_t need_time; /* `for T`; 0: until done */
	bool work_present;
	struct demand_need work; /* amount in base units x seconds, total */
	int64_t reserve_time;    /* `reserve for T`: nothing runs, needs and bandwidth are held; 0: no */
	int64_t network_within;  /* both directions of the path */
	bool network_guaranteed; /* ... by ceilings alone: a measured path does not do */
	int64_t respond_within;  /* request up + start + service + response down */
	int64_t finish_within;   /* a job, data movement included */
	uint64_t bandwidth_up;   /* towards the site */
	uint64_t bandwidth_down;
	uint64_t burst; /* bytes */
	uint32_t data_count;
	struct demand_data data[DEMAND_DATA];
	uint32_t split;                 /* most parts; 0 and 1: not split */
	bool split_exactly;             /* `split into K` */
	struct demand_need split_least; /* least work of a part; amount 0: none */
};

struct demand_stage {
	char name[DEMAND_NAME];
	uint32_t after_count;
	char after[DEMAND_AFTER][DEMAND_NAME];
	struct demand_body body;
};

struct demand {
	struct identifier identifier; /* zero in text; set by the sender */
	char name[DEMAND_NAME];
	struct demand_body body;
	uint32_t stage_count;
	struct demand_stage *stages; /* caller's arena */
	money budget;                /* 0: none given */
	enum demand_prefer prefer;
	uint32_t region_count, operator_count, model_count;
	char regions[DEMAND_PLACES][SITE_TEXT];
	char operators[DEMAND_PLACES][SITE_TEXT];
	enum supply_model models[DEMAND_PLACES];
	uint32_t trust;             /* least trust; 0: any */
	char affinity[DEMAND_NAME]; /* group that shares one site; empty: none */
	bool offload;               /* the caller's own device may serve */
	uint32_t input_size;
	uint8_t input[DEMAND_INPUT];
};

/*
 * What holds for every demand, however it came: a service or a command, no zero amounts, at most one
 * work, parts within DEMAND_PARTS, stages that name earlier stages without a cycle, budget >= 0. A
 * reservation runs nothing: it has needs, or bandwidth to a service, or both, and neither command, work,
 * data, input, parts, stages nor limits but that of the network. A guarantee is a reservation's alone; it
 * needs a limit, and bandwidth in both directions. 0, AMOUNT_ZERO, AMOUNT_NEGATIVE, AMOUNT_OVERFLOW,
 * MISSING_FIELD, BAD_VALUE, UNKNOWN_KIND, DUPLICATE (a kind or a stage named twice) or TOO_LARGE.
 */
int demand_check(const struct demand *demand) CHECKED;

/* Octets of `count` texts with their NULs at `texts`; TOO_LARGE when they do not end within `capacity`. */
int demand_texts_size(const char *texts, size_t capacity, uint32_t count) CHECKED;
/* Argument `index` of a body; NULL past the end. */
const char *demand_argument(const struct demand_body *body, uint32_t index);
/* Appends an argument; TOO_LARGE when there is no room. */
int demand_add_argument(struct demand_body *body, const char *text) CHECKED;
/* Bytes to move per part in a direction, with `parts` parts. */
uint64_t demand_data_size(const struct demand_body *body, enum data_direction direction, uint32_t parts);

#endif
