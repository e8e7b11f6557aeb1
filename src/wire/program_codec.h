/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of the PROGRAM and OPERAND TLVs; private to the wire room.
 */
#ifndef WIRE_PROGRAM_CODEC_H
#define WIRE_PROGRAM_CODEC_H

#include "base/cursor.h"
#include "model/program.h"

/* Identifier, ingress, part, parts, expiry. */
void program_codec_put_head(struct writer *writer, const struct program *program);
void program_codec_head(struct cursor *cursor, struct program *program);
/* Position, operation, owner, and what the operation needs. */
void program_codec_put_operand(struct writer *writer, const struct instruction *instruction,
                               uint8_t position);
void program_codec_operand(struct cursor *cursor, struct instruction *instruction, uint8_t *ret_position);

#endif
