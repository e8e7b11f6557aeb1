/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a recorded decision (execute/decision.h) from standard input, decides again by brute force and by the
 * mapper, and says whether all three agree. Exit status 0: they do.
 */
#include "base/error.h"
#include "brute_force.h"
#include "execute/decision.h"
#include <stdio.h>
#include <stdlib.h>

enum { VERIFY_ARENA = 512 << 20 };

static int compare(const struct decision *decision, const struct plan *mapped, const struct plan *forced)
{
	char was[MONEY_TEXT], is[MONEY_TEXT], best[MONEY_TEXT];

	(void)printf("decided price %s, decided again %s, brute force %s (%u, %u, %u parts)\n",
	             money_text(decision->price, was), money_text(mapped->price, is),
	             money_text(forced->price, best), decision->part_count, mapped->part_count,
	             forced->part_count);
	return decision->price == forced->price && mapped->price == forced->price &&
	                       decision->finish == forced->finish &&
	                       decision->bound == decision_bound(mapped) &&
	                       decision->part_count == forced->part_count && decision->exact
	               ? EXIT_SUCCESS
	               : EXIT_FAILURE;
}

static int verify(const uint8_t *bytes, size_t size, struct arena *arena)
{
	struct decision decision;
	struct plan mapped, forced;
	struct map_request request = {.demand = &decision.demand};
	int result = EXIT_FAILURE;
	int code = decision_decode(bytes, size, arena, &decision);

	if (code < 0) {
		(void)printf("not a decision: %s\n", error_text(code));
		return EXIT_FAILURE;
	}
	request.ingress = decision.ingress;
	request.access_up = decision.access_up;
	request.access_down = decision.access_down;
	request.access_ceiling_up = decision.access_ceiling_up;
	request.access_ceiling_down = decision.access_ceiling_down;
	request.now = decision.now;
	request.spot = decision.spot;
	code = map_demand(decision.view, &request, arena, &mapped);
	if (code == 0)
		code = brute_force_best(decision.view, &request, arena, &forced);
	if (code < 0)
		(void)printf("cannot decide again: %s\n", error_text(code));
	else
		result = compare(&decision, &mapped, &forced);
	(void)view_free(decision.view);
	return result;
}

int main(void)
{
	struct arena *arena = arena_create(VERIFY_ARENA);
	uint8_t *bytes = malloc(DECISION_OCTETS);
	size_t size = bytes == NULL ? 0 : fread(bytes, 1, DECISION_OCTETS, stdin);
	int result = arena == NULL || bytes == NULL ? EXIT_FAILURE : verify(bytes, size, arena);

	free(bytes);
	(void)arena_free(arena);
	return result;
}
