/* SPDX-License-Identifier: Apache-2.0 */
/* Edge Metadata as they come. What is accepted encodes, decodes and encodes the same. */
#include "base/error.h"
#include "wire/edge_metadata.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first[EDGE_METADATA_MAXIMUM], second[EDGE_METADATA_MAXIMUM];
	struct edge_metadata metadata;
	int length;

	if (edge_metadata_decode(data, size, &metadata) < 0)
		return 0;
	length = edge_metadata_encode(&metadata, first, sizeof(first));
	if (metadata.present == 0 && length == BUSBAR_ERROR_MISSING_FIELD)
		return 0;
	if (length < 0 || edge_metadata_decode(first, (size_t)length, &metadata) < 0 ||
	    edge_metadata_encode(&metadata, second, sizeof(second)) != length ||
	    memcmp(first, second, (size_t)length) != 0)
		abort();
	return 0;
}
