/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as they come and with their MAC put right, and receipts alone: what is accepted encodes the same.
 */
#include "wire/answer.h"
#include <stdlib.h>
#include <string.h>

enum { SENDER_AT = 3, CLEAR = 9 };

static const struct seal_ring ring = {.count = 1, .keys = {{.identifier = 1, .secret = "secret"}}};

static void check_answer(const uint8_t *bytes, size_t size)
{
	uint8_t again[ANSWER_MAXIMUM];
	struct answer answer;

	if (answer_decode(bytes, size, &ring, &answer) == 0 &&
	    (answer_encode(&answer, &ring.keys[0], again, sizeof(again)) != (int)size ||
	     memcmp(again, bytes, size) != 0))
		abort();
}

static void check_receipt(const uint8_t *bytes, size_t size)
{
	uint8_t again[ANSWER_MAXIMUM];
	struct receipt receipt;

	if (answer_decode_receipt(bytes, size, &receipt) == 0 &&
	    (answer_encode_receipt(&receipt, again, sizeof(again)) != (int)size ||
	     memcmp(again, bytes, size) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[ANSWER_MAXIMUM];
	const struct seal_bytes part = {bytes, size - SEAL_MAC};
	struct gateway_identity sender;

	check_answer(data, size);
	check_receipt(data, size);
	if (size < CLEAR + SEAL_MAC || size > sizeof(bytes))
		return 0;
	memcpy(bytes, data, size);
	sender.site = (uint32_t)bytes[SENDER_AT] << 24 | (uint32_t)bytes[SENDER_AT + 1] << 16 |
	              (uint32_t)bytes[SENDER_AT + 2] << 8 | bytes[SENDER_AT + 3];
	sender.gateway = (uint16_t)(bytes[SENDER_AT + 4] << 8 | bytes[SENDER_AT + 5]);
	if (seal_domain_mac(&ring.keys[0], SEAL_ANSWER, sender, &part, 1, bytes + size - SEAL_MAC) < 0)
		abort();
	check_answer(bytes, size);
	return 0;
}
