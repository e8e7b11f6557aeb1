/* SPDX-License-Identifier: Apache-2.0 */
/* Program texts: what is accepted prints, reads back and prints the same. */
#include "grammar/grammar.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create(1 << 20);
	struct grammar_problem problem;
	struct program program, again;
	char *text, *second;

	if (!arena)
		abort();
	if (grammar_parse_program((const char *)data, size, "fuzz", NULL, &program, &problem) == 0) {
		text = grammar_print_program(&program, NULL, arena);
		if (!text || grammar_parse_program(text, strlen(text), "fuzz", NULL, &again, &problem) != 0)
			abort();
		second = grammar_print_program(&again, NULL, arena);
		if (!second || strcmp(text, second) != 0)
			abort();
	}
	arena_free(arena);
	return 0;
}
