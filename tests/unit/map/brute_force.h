/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yardstick of the mapper: every site, every loop-free path, every number of parts and every choice of
 * (site, path) for the parts, tried one after the other, from the words of map/map.h alone.
 *
 * For small networks only. Figures are taken as they are: nothing is bounded, so offers must be sane.
 */
#ifndef TESTS_BRUTE_FORCE_H
#define TESTS_BRUTE_FORCE_H

#include "map/map.h"

/*
 * As map_demand(); the plan has status, exact (true), part_count, parts (site, path.hop_count, path.hops,
 * path.class, path.measured and bounds, claims, price, tariff, hold, network, respond, finish, start, time,
 * limit, reserve, transfers, carbon) and the sums and worst figures over them; no reasons. With status BUDGET
 * `hold` is the least that any choice would hold. TOO_LARGE when there would be more than BRUTE_FORCE_STEPS
 * to try.
 */
int brute_force_best(const struct view *view, const struct map_request *request, struct arena *arena,
                     struct plan *ret_plan) CHECKED;

/*
 * Every (site, path) that one of `parts` parts could take if it were alone, as the plan's part shows it,
 * priced as the first part at its site. In the arena. TOO_LARGE, -ENOMEM.
 */
int brute_force_choices(const struct view *view, const struct map_request *request, uint32_t parts,
                        struct arena *arena, struct plan_part **ret_parts, uint32_t *ret_count) CHECKED;

enum { BRUTE_FORCE_STEPS = 4000000 };

#endif
