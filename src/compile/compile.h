/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compile: one part of a plan becomes a program, and a program the segments of a packet; and back.
 *
 * Pure. Instructions appear in the order in which the packet meets their owners: for each gateway on
 * the path reserve (when bandwidth was asked for), at the site reserve back, claim, fetch, execute,
 * deliver. Gateways without instruction are pinned by a plain End segment (OPERATION_FORWARD).
 *
 * A reservation (demand_body.reserve_time) neither fetches, executes nor delivers: with bandwidth the traffic
 * between client and service is attached at both ends of the path, as far as something is held there (a
 * single gateway holds no link and attaches all the same); without bandwidth there is only the claim.
 */
#ifndef COMPILE_COMPILE_H
#define COMPILE_COMPILE_H

#include "base/compiler.h"
#include "model/demand.h"
#include "model/plan.h"
#include "model/program.h"
#include "view/view.h"

struct compile_request {
	const struct demand *demand;
	const struct plan_part *part;
	struct identifier program;
	struct gateway_identity
	        ingress;        /* who answers for the program; the path may start at another gateway */
	uint16_t number, parts; /* 1-based part number */
	int64_t expires;
	uint8_t address[16]; /* where the ingress takes the result */
	uint16_t port;
	uint64_t output_maximum;
	uint8_t client[16], service[16]; /* a reservation with bandwidth: between whom the traffic goes */
	const uint8_t *input; /* SHA-256 of the demand's input, to be fetched; NULL: it travels inline */
};

/*
 * TOO_LARGE when a path or an argument does not fit a program; NOT_SUPPORTED for more than one blob as
 * input; what program_check() finds.
 */
int compile_program(const struct compile_request *request, struct program *ret_program) CHECKED;

/*
 * The program that lets what the owners hold for a reservation live on until `time` from when each meets it:
 * one refresh per owner, in travel order.
 */
void compile_refresh(const struct program *program, int64_t time, int64_t expires,
                     struct program *ret_program);

/* The program that makes one owner let go. `error` is 0 (bill what was used) or a code (void). */
void compile_release(const struct program *program, struct gateway_identity owner, int32_t error,
                     int64_t expires, struct program *ret_program);

/*
 * Segments of a program, first first: one per instruction, `locator:function:argument` with the
 * instruction's position as argument; OPERATION_FORWARD gives the End SID. Locators come from the view.
 * NOT_FOUND when an owner is not in it.
 */
int compile_segments(const struct program *program, const struct view *view,
                     uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16]) CHECKED;

/*
 * Segments of a packet that goes straight to one owner's first instruction, whose index is *ret_first: those
 * before it, which are passed over, have the owner's locator too, so that the answer comes straight back.
 * NOT_FOUND when the owner is not in the view, or has nothing to do in the program.
 */
int compile_straight(const struct program *program, struct gateway_identity owner, const struct view *view,
                     uint8_t ret_segments[PROGRAM_INSTRUCTIONS][16], uint32_t *ret_first) CHECKED;

#endif
