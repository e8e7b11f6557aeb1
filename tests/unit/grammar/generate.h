/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded random demands and programs that pass their checks, and exact comparison field by field. */
#ifndef TESTS_UNIT_GRAMMAR_GENERATE_H
#define TESTS_UNIT_GRAMMAR_GENERATE_H

#include "base/random.h"
#include "model/demand.h"
#include "model/program.h"

/* Stages, when there are any, go to the given array of DEMAND_STAGES. */
void generate_demand(struct random *random, struct demand_stage *stages, struct demand *ret_demand);
void generate_program(struct random *random, struct program *ret_program);
/* Text of 1 .. capacity-1 octets: words, reserved words, words of YAML, quotes, letters of any script. */
void generate_text(struct random *random, size_t capacity, char *ret_text);

/* Fail the running test where the two differ. Identifier and input of a demand have no text form. */
void assert_same_demand(const struct demand *a, const struct demand *b);
void assert_same_program(const struct program *a, const struct program *b);

#endif
