/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Edge Metadata path attribute (code 42, optional, not transitive): its value as octets.
 *
 * draft-ietf-idr-5g-edge-service-metadata-29, all seven sub-TLVs. Where the draft contradicts itself,
 * docs/wire.md (Edge Metadata) says what is read and what is written. Unknown sub-TLVs are skipped; of
 * several of one kind the first counts; a value out of its range is as if it had not come.
 */
#ifndef WIRE_EDGE_METADATA_H
#define WIRE_EDGE_METADATA_H

#include "base/compiler.h"
#include "model/edge_metadata.h"

enum { EDGE_METADATA_ATTRIBUTE = 42 };

/*
 * TRUNCATED when a sub-TLV ends behind the attribute, MALFORMED when one that is known has a length that it
 * cannot have, MISSING_FIELD without any. The route itself is sound: its metadata are discarded (RFC 7606,
 * attribute discard).
 */
int edge_metadata_decode(const uint8_t *bytes, size_t size, struct edge_metadata *ret_metadata) CHECKED;
/* The size written. BAD_VALUE for what a reader would ignore, MISSING_FIELD for nothing at all, TOO_LARGE. */
int edge_metadata_encode(const struct edge_metadata *metadata, uint8_t *buffer, size_t capacity) CHECKED;

#endif
