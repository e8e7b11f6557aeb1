/* SPDX-License-Identifier: Apache-2.0 */
/* Demand texts: what is accepted prints, reads back and prints the same. */
#include "grammar/grammar.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(1 << 20);
	struct grammar_problem problem;
	struct demand demand, again;
	char *text, *second;

	if (!arena)
		abort();
	if (grammar_parse_demand((const char *)data, size, "fuzz", arena, &demand, &problem) == 0) {
		text = grammar_print_demand(&demand, arena);
		if (!text || grammar_parse_demand(text, strlen(text), "fuzz", arena, &again, &problem) != 0)
			abort();
		second = grammar_print_demand(&again, arena);
		if (!second || strcmp(text, second) != 0)
			abort();
	}
	arena_free(arena);
	return 0;
}
