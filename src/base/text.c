/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

void text_copy(char *target, size_t capacity, const char *source)
{
	size_t size = source == NULL ? 0 : strnlen(source, capacity - 1);

	if (size > 0)
		memcpy(target, source, size);
	target[size] = '\0';
}
