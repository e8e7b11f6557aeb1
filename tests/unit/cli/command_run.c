/* SPDX-License-Identifier: Apache-2.0 */
#include "command_run.h"

#include "busbar_twin.h"
#include "cli/command.h"
#include "t.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct result run_words(size_t count, const char *const words[])
{
	struct result result = {.text = NULL};
	size_t size;
	FILE *out = open_memstream(&result.text, &size);

	T_TRUE(out != NULL);
	result.status = command_main(count, (char *const *)(void *)(uintptr_t)words, out);
	(void)fclose(out);
	return result;
}

void check(struct result result, int status, const char *text)
{
	T_EQ(result.status, status);
	T_TEXT(result.text, text);
	free(result.text);
}

int clean(void **state)
{
	memset(&twin, 0, sizeof(twin));
	return 0;
}
