/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary form of a demand: TLVs in a fixed order, so that equal demands have equal octets. Unknown
 * TLVs of the optional range are skipped, of the mandatory range refused. Layout: docs/wire.md.
 */
#ifndef WIRE_DEMAND_CODEC_H
#define WIRE_DEMAND_CODEC_H

#include "base/arena.h"
#include "base/compiler.h"
#include "model/demand.h"
#include <stddef.h>
#include <stdint.h>

/* Returns the size; TOO_LARGE. */
int demand_codec_encode(const struct demand *demand, uint8_t *buffer, size_t capacity) CHECKED;
/* Decodes and runs demand_check(). Stages live in the arena. */
int demand_codec_decode(const uint8_t *bytes, size_t size, struct arena *arena,
                        struct demand *ret_demand) CHECKED;

#endif
