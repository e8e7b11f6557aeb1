/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the capability view a reader asks for: the argument of DOCUMENT_VIEW, in the 16 octets of an
 * identifier. All zeros: everything. Layout: docs/wire.md.
 *
 * Names travel as 32 bits of a digest; bounds are rounded up to 10 binary digits: nothing that was asked for
 * is left out.
 */
#ifndef WIRE_VIEW_FILTER_H
#define WIRE_VIEW_FILTER_H

#include "base/compiler.h"
#include "model/identifier.h"
#include "model/money.h"
#include "model/resource.h"
#include "model/site.h"

/* Parts of the document. */
enum view_part {
	VIEW_PART_SITES = 1 << 0, /* with their links */
	VIEW_PART_SERVICES = 1 << 1,
	VIEW_PART_EDGE = 1 << 2,
	VIEW_PART_CONTRADICTIONS = 1 << 3,
	VIEW_PARTS = (1 << 4) - 1,
};

struct view_filter {
	uint8_t parts;    /* 0: all */
	uint8_t models;   /* a bit for each enum supply_model; 0: any */
	uint8_t kinds;    /* sites that offer all of these: a bit for each enum resource_kind */
	uint32_t service; /* view_filter_name(); 0: any */
	uint32_t region;
	money price;     /* at most, of a core second of sites, of a call of services; 0: any */
	int64_t latency; /* at most, one way from the gateway that is asked; 0: any */
};

/* Never 0. FNV-1a. */
uint32_t view_filter_name(const char *name);
void view_filter_encode(const struct view_filter *filter, struct identifier *ret_argument);
/* BAD_VALUE for what no encoder writes. */
int view_filter_decode(const struct identifier *argument, struct view_filter *ret_filter) CHECKED;

#endif
