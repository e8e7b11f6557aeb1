/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): against accidents on a disk, not against people. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `size` bytes; `before` is the checksum of the bytes that come before them, 0 for none. */
uint32_t checksum(uint32_t before, const void *bytes, size_t size);
/* The same without the processor's own instruction, for machines that lack it. */
uint32_t checksum_portable(uint32_t before, const void *bytes, size_t size);

#endif
