/* SPDX-License-Identifier: Apache-2.0 */
#include "book/damping.h"

#include "base/compiler.h"
#include <math.h>

/* From here it decays to `reuse` in `most`. */
static double ceiling(const struct damping_settings *settings)
{
	return settings->reuse * exp2((double)settings->most / (double)settings->half_life);
}

bool damping_can_suppress(const struct damping_settings *settings)
{
	return settings->half_life > 0 && ceiling(settings) > settings->suppress;
}

bool penalty_step(struct penalty *penalty, const struct damping_settings *settings, bool offence, int64_t now)
{
	if (settings->half_life == 0)
		return false;
	if (now > penalty->settled && penalty->points > 0)
		penalty->points *= exp2(-(double)(now - penalty->settled) / (double)settings->half_life);
	penalty->settled = MAXIMUM(now, penalty->settled);
	if (offence)
		penalty->points = fmin(penalty->points + DAMPING_PENALTY, ceiling(settings));
	if (penalty->points > settings->suppress)
		penalty->high = true;
	else if (penalty->points <= settings->reuse)
		penalty->high = false;
	return penalty->high;
}

bool damping_step(struct damping *damping, const struct damping_settings *settings, bool present, int64_t now)
{
	bool lost = damping->present && !present;

	damping->present = present;
	return !penalty_step(&damping->penalty, settings, lost, now) && present;
}

int64_t damping_next(const struct damping *damping, const struct damping_settings *settings)
{
	double halves;

	if (!damping->present || !damping->penalty.high)
		return INT64_MAX;
	halves = log2(damping->penalty.points / settings->reuse);
	/* Rounded up: by then the penalty has fallen so far. */
	return damping->penalty.settled + (int64_t)ceil(halves * (double)settings->half_life) + 1;
}
