/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions of STAMP packets (RFC 8972 4): flags (U, M, I), type, length (u16), value. Only for stamp.c.
 *
 * Known are Extra Padding, HMAC, the Return Path with a list of SRv6 segments (RFC 9503 4) and, of the
 * private range, the load of the reflector's site. The HMAC covers the packet's sequence number and all that
 * stands before it; with a key, everything but padding needs one. Without a key only padding is known.
 */
#ifndef WIRE_STAMP_TLV_H
#define WIRE_STAMP_TLV_H

#include "base/cursor.h"
#include "wire/stamp.h"

/* What a probe asks for; nothing when it asks for nothing. */
void stamp_tlv_put_probe(struct writer *writer, const struct stamp_probe *probe, const uint8_t *key);
/* Those of the probe, as this reflector has understood them. */
void stamp_tlv_put_reply(struct writer *writer, const struct stamp_reply *reply, const uint8_t *key);
/* What stands behind the first `base` octets of a packet. Nothing is taken from what is not authentic. */
void stamp_tlv_get_probe(const uint8_t *packet, size_t base, size_t size, const uint8_t *key,
                         struct stamp_probe *probe);
void stamp_tlv_get_reply(const uint8_t *packet, size_t base, size_t size, const uint8_t *key,
                         struct stamp_reply *reply);

#endif
