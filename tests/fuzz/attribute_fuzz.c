/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes as they come, and sealed here: the input is then the clear header and the TLVs before they are
 * sealed. What is accepted encodes, decodes and encodes the same.
 */
#include "base/error.h"
#include "wire/attribute.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER = 18, PREFIX = 16, LENGTH = 48 };

static const uint8_t prefix[PREFIX] = {0xfc};
static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 1, .secret = "secret"}}};

/* The size of what was decoded, encoded again; negative when it is refused. */
static int again(const uint8_t *bytes, size_t size, uint8_t ret_bytes[ATTRIBUTE_MAXIMUM])
{
	struct attribute_header header;
	struct service_offer service;
	struct site site;
	int code = attribute_decode(bytes, size, prefix, LENGTH, &ring, &header, &site, &service);

	if (code < 0)
		return code;
	if (header.content == ATTRIBUTE_SITE)
		code = attribute_encode_site(&header, &site, prefix, LENGTH, &ring.keys[0], ret_bytes,
		                             ATTRIBUTE_MAXIMUM);
	else
		code = attribute_encode_service(&header, &service, prefix, LENGTH, &ring.keys[0], ret_bytes,
		                                ATTRIBUTE_MAXIMUM);
	/* Texts left out come back empty: a little more may be written than was read. */
	if (code < 0 && code != BUSBAR_ERROR_TOO_LARGE)
		abort();
	return code;
}

/* Seals what follows the clear header; 0 where there is no header. */
static size_t seal(uint8_t *bytes, size_t size)
{
	uint8_t clear[HEADER + 4 * ATTRIBUTE_DOMAIN + PREFIX + 1];
	struct attribute_header header;
	size_t length;

	if (attribute_peek(bytes, size, &header) < 0)
		return 0;
	length = HEADER + 4 * (size_t)header.domain_count;
	memcpy(clear, bytes, length);
	memcpy(clear + length, prefix, PREFIX);
	clear[length + PREFIX] = LENGTH;
	if (seal_close(&ring.keys[0], header.sender, header.sequence, clear, length + PREFIX + 1,
	               bytes + length, size - length) < 0)
		abort();
	return size + SEAL_TAG;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[ATTRIBUTE_MAXIMUM], first[ATTRIBUTE_MAXIMUM], second[ATTRIBUTE_MAXIMUM];
	size_t sealed;
	int length;

	(void)again(data, size, first);
	if (size == 0 || size + SEAL_TAG > sizeof(bytes))
		return 0;
	memcpy(bytes, data, size);
	sealed = seal(bytes, size);
	length = sealed == 0 ? -1 : again(bytes, sealed, first);
	if (length < 0)
		return 0;
	if (again(first, (size_t)length, second) != length || memcmp(first, second, (size_t)length) != 0)
		abort();
	return 0;
}
