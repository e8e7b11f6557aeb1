/* SPDX-License-Identifier: Apache-2.0 */
#include "model/edge_metadata.h"

bool edge_metadata_in_scope(const struct edge_metadata *metadata, const uint32_t *domain, size_t count)
{
	if (!(metadata->present & EDGE_SCOPE))
		return true;
	for (size_t i = 0; i < count; i++)
		if (domain[i] == metadata->scope)
			return true;
	return false;
}
