/* SPDX-License-Identifier: Apache-2.0 */
#include "book/admission.h"

#include "base/clock.h"
#include "base/error.h"

#define OCTET ((admission_bits)8 * CLOCK_SECOND)

static bool in_range(const struct book_output *output)
{
	return output->rate <= INT64_MAX && output->largest_packet <= ADMISSION_BURST &&
	       output->latency >= 0 && output->latency <= ADMISSION_TIME;
}

int admission_open(const struct book_output *output, const int64_t ceilings[LINK_CLASSES], uint64_t capacity,
                   struct admission *ret_admission)
{
	struct admission admission = {.output = *output};
	int64_t tighter = 0;

	if (!in_range(output) || capacity > output->rate)
		return BUSBAR_ERROR_BAD_VALUE;
	for (uint32_t level = 0; level < LINK_CLASSES; level++) {
		admission.ceilings[level] = ceilings[level];
		if (ceilings[level] == 0)
			continue;
		if (ceilings[level] < tighter || admission_delay(&admission, level) > ceilings[level])
			return BUSBAR_ERROR_BAD_VALUE;
		tighter = ceilings[level];
	}
	*ret_admission = admission;
	return 0;
}

int admission_check_flow(const struct admission_flow *flow)
{
	if (flow->class >= LINK_CLASSES || flow->jitter < 0)
		return BUSBAR_ERROR_BAD_VALUE;
	if (flow->rate > INT64_MAX || flow->burst > ADMISSION_BURST || flow->jitter > ADMISSION_TIME)
		return BUSBAR_ERROR_AMOUNT_OVERFLOW;
	return 0;
}

int64_t admission_delay(const struct admission *admission, uint32_t class)
{
	admission_bits ahead = admission->output.largest_packet * OCTET, delay;
	uint64_t rate = admission->output.rate;

	for (uint32_t tighter = 0; tighter < class; tighter++) {
		ahead += admission->classes[tighter].burst;
		rate -= admission->classes[tighter].rate;
	}
	if (rate == 0)
		return INT64_MAX;
	ahead += admission->classes[class].burst;
	/* The sum cannot come near 2^128: see the limits. */
	delay = (ahead + rate - 1) / rate + (uint64_t)admission->output.latency;
	return delay > INT64_MAX ? INT64_MAX : (int64_t)delay;
}

bool admission_keeps(const struct admission *admission, const struct admission_flow *flow, int64_t *ret_delay,
                     int64_t *ret_ceiling)
{
	struct admission with = *admission;

	admission_add(&with, flow);
	for (uint32_t level = 0; level < LINK_CLASSES; level++) {
		int64_t delay;

		if (with.ceilings[level] == 0 || with.classes[level].flows == 0)
			continue;
		delay = admission_delay(&with, level);
		if (delay <= with.ceilings[level])
			continue;
		*ret_delay = delay;
		*ret_ceiling = with.ceilings[level];
		return false;
	}
	return true;
}

uint64_t admission_octets(const struct admission_class *class)
{
	admission_bits octets = (class->burst + OCTET - 1) / OCTET;

	return octets > UINT64_MAX ? UINT64_MAX : (uint64_t)octets;
}

static admission_bits grown(const struct admission_flow *flow)
{
	return flow->burst * OCTET + (admission_bits)flow->rate * (uint64_t)flow->jitter;
}

void admission_add(struct admission *admission, const struct admission_flow *flow)
{
	struct admission_class *class = &admission->classes[flow->class];

	class->rate += flow->rate;
	class->burst += grown(flow);
	class->flows++;
}

void admission_remove(struct admission *admission, const struct admission_flow *flow)
{
	struct admission_class *class = &admission->classes[flow->class];

	class->rate -= flow->rate;
	class->burst -= grown(flow);
	class->flows--;
}
