/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of a site in octets: what the replies of probes carry. Layout: docs/wire.md.
 *
 * It lies in a room that whoever asks has reserved; what it does not fill is zero, and a room of zeros is no
 * load. Links go in as long as there is room for them.
 */
#ifndef WIRE_LOAD_CODEC_H
#define WIRE_LOAD_CODEC_H

#include "base/compiler.h"
#include "model/load.h"
#include <stddef.h>

/* Room for all seven resources and for five links, of usual sizes. */
enum { LOAD_CODEC_ROOM = 192 };

/* Fills the whole room. TOO_LARGE when even the load without links does not fit; then the room is zeros. */
int load_codec_encode(const struct site_load *load, uint8_t *room, size_t size) CHECKED;
/* MISSING_FIELD for a room of zeros, VERSION, MALFORMED, TRUNCATED, AMOUNT_OVERFLOW. */
int load_codec_decode(const uint8_t *room, size_t size, struct site_load *ret_load) CHECKED;

#endif
