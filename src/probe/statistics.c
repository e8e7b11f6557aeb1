/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/statistics.h"

#include "base/compiler.h"
#include <stdlib.h>

enum { PER_MILLION = 1000000 };

void statistics_init(struct statistics *statistics)
{
	*statistics = (struct statistics){.last_delay = -1};
}

uint32_t statistics_sent(struct statistics *statistics)
{
	uint32_t sequence = statistics->next++;

	statistics->window[sequence % PROBE_WINDOW].sequence = sequence;
	statistics->window[sequence % PROBE_WINDOW].answered = false;
	statistics->sent++;
	return sequence;
}

bool statistics_received(struct statistics *statistics, uint32_t sequence, int64_t delay, int64_t round_trip)
{
	uint32_t age = statistics->next - sequence; /* 1: the newest; wraps as the sequence does */
	uint32_t place = sequence % PROBE_WINDOW;

	if (age == 0 || age > PROBE_WINDOW || age > statistics->sent || statistics->window[place].answered)
		return false;
	statistics->window[place].answered = true;
	statistics->window[place].delay = delay;
	statistics->window[place].round_trip = round_trip;
	if (age <= statistics_unanswered(statistics))
		statistics->answered = sequence + 1;
	if (statistics->last_delay >= 0)
		statistics->jitter += llabs(delay - statistics->last_delay) - statistics->jitter / 16;
	statistics->last_delay = delay;
	statistics->last_round_trip = round_trip;
	statistics->longest = MAXIMUM(statistics->longest, delay);
	statistics->received++;
	return true;
}

static uint32_t window_size(const struct statistics *statistics)
{
	return statistics->sent < PROBE_WINDOW ? (uint32_t)statistics->sent : PROBE_WINDOW;
}

/* -1 stands for nothing yet. */
static int64_t lesser(int64_t a, int64_t b)
{
	return a < 0 || b < a ? b : a;
}

bool statistics_measure(const struct statistics *statistics, struct probe_measurement *ret_measurement)
{
	uint32_t size = window_size(statistics), lost = 0, judged = 0;
	int64_t least = -1, round_trip = -1;
	bool later = false;

	for (uint32_t back = 1; back <= size; back++) {
		uint32_t place = (statistics->next - back) % PROBE_WINDOW;
		bool answered = statistics->window[place].answered;

		/* A probe behind which nothing was answered yet may still be on its way. */
		if (answered)
			later = true;
		if (!later)
			continue;
		judged++;
		if (!answered) {
			lost++;
			continue;
		}
		least = lesser(least, statistics->window[place].delay);
		round_trip = lesser(round_trip, statistics->window[place].round_trip);
	}
	if (least < 0)
		return false;
	*ret_measurement = (struct probe_measurement){
	        .delay = least,
	        .round_trip = round_trip,
	        .jitter = statistics->jitter / 16,
	        .longest = statistics->longest,
	        .loss = (uint32_t)((uint64_t)lost * PER_MILLION / judged),
	        .sent = statistics->sent,
	        .received = statistics->received,
	};
	return true;
}

bool statistics_is_lost(const struct statistics *statistics)
{
	if (statistics->sent < PROBE_WINDOW)
		return false;
	for (uint32_t i = 0; i < PROBE_WINDOW; i++)
		if (statistics->window[i].answered)
			return false;
	return true;
}

uint32_t statistics_unanswered(const struct statistics *statistics)
{
	return statistics->next - statistics->answered;
}
