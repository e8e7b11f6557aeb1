/* SPDX-License-Identifier: Apache-2.0 */
#include "steer/ruleset.h"

#include <net/if.h>
#include <string.h>

bool ruleset_is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < IFNAMSIZ && strpbrk(name, "\"\\*/ \n\t") == NULL;
}
