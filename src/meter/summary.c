/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/summary.h"

#include "wire/seal.h"
#include <string.h>

/* SHA-256 over the program's identifier and the total, big-endian. */
static int digest_receipt(const struct identifier *program, money total, uint8_t ret_digest[32])
{
	uint8_t octets[sizeof(program->octets) + 8];

	memcpy(octets, program->octets, sizeof(program->octets));
	for (int i = 0; i < 8; i++)
		octets[sizeof(program->octets) + i] = (uint8_t)((uint64_t)total >> (56 - 8 * i));
	return seal_digest(octets, sizeof(octets), ret_digest);
}

/* The summary of a gateway; NULL when there is no room for another. */
static struct ledger_summary *find(struct summary_builder *builder, struct gateway_identity gateway)
{
	bool same = builder->count + builder->dropped > 0 && gateway_equal(builder->last, gateway);

	builder->last = gateway;
	if (!same && builder->count < builder->maximum && builder->dropped == 0) {
		builder->summaries[builder->count] = (struct ledger_summary){.owner = gateway};
		builder->count++;
	} else if (!same) {
		builder->dropped++;
	}
	return builder->dropped > 0 ? NULL : &builder->summaries[builder->count - 1];
}

int summary_add(struct summary_builder *builder, struct gateway_identity gateway,
                const struct identifier *program, money total)
{
	struct ledger_summary *summary;
	uint8_t digest[32];
	int code;

	if (total == 0)
		return 0;
	summary = find(builder, gateway);
	if (summary == NULL)
		return 0;
	code = digest_receipt(program, total, digest);
	if (code == 0)
		code = money_add(summary->total, total, &summary->total);
	if (code < 0)
		return code;
	summary->count++;
	for (size_t i = 0; i < sizeof(digest); i++)
		summary->digest[i] ^= digest[i];
	return 0;
}
