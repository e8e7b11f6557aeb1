/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receipt: what one owner metered for one program, and what it charges. Every owner that granted
 * anything to a program writes exactly one.
 */
#ifndef MODEL_RECEIPT_H
#define MODEL_RECEIPT_H

#include "base/compiler.h"
#include "model/gateway.h"
#include "model/identifier.h"
#include "model/money.h"
#include "model/resource.h"
#include <stdint.h>

enum { RECEIPT_LINES = 8 };

enum receipt_line_kind { LINE_RESOURCE, LINE_LINK, LINE_CALL, LINE_KINDS };

struct receipt_line {
	enum receipt_line_kind kind;
	enum resource_kind resource;    /* LINE_RESOURCE */
	struct gateway_identity toward; /* LINE_LINK */
	uint64_t amount;                /* base units; bit/s; number of calls */
	int64_t time;                   /* ns held; 0 for calls */
	money tariff;
	money charge;
};

struct receipt {
	struct identifier program;
	struct gateway_identity owner;
	struct gateway_identity ingress;
	int32_t error;             /* how the program ended at this owner: 0 or a code */
	int64_t started, ended;    /* wall clock of the owner */
	int64_t run_wall, run_cpu; /* executor's counters; 0 where nothing ran */
	uint64_t memory_peak;
	uint32_t line_count;
	struct receipt_line lines[RECEIPT_LINES];
};

/* Charge of a line from its amount, time and tariff; what the line's `charge` must equal. */
int receipt_line_charge(const struct receipt_line *line, money *ret_charge) CHECKED;
/* Sum of the lines; BUSBAR_ERROR_LEDGER when a line's charge is not what its numbers give. */
int receipt_total(const struct receipt *receipt, money *ret_total) CHECKED;

#endif
