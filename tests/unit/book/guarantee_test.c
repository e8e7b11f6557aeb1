/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the book admits keeps its ceilings: admitted flows, at their worst and at random, pass packet by
 * packet through an output that serves strictly by class and finishes what it has begun.
 *
 * Time is counted in nanoseconds x output rate, where every packet takes a whole number: nothing is rounded.
 */
#include "tests/t.h"

#include "base/random.h"
#include "book/book.h"

#define OCTET ((wide)8 * 1000000000)
#define MEGABIT UINT64_C(1000000)
#define MICROSECOND INT64_C(1000)

__extension__ typedef unsigned __int128 wide;

enum { ROUNDS = 150, FLOWS = 24, ASKED = 40, PACKETS = 4000, BEST_EFFORT = LINK_CLASSES };

static const struct gateway_identity self = {1, 1}, next = {2, 1};

struct flow {
	uint32_t class;
	uint64_t rate, burst, packet; /* all packets of a flow are of one size */
	int64_t jitter;
	/* The bucket after the flow was held up upstream: burst and rate x jitter deep; bits x 10^9. */
	wide tokens;
	int64_t filled, next; /* ns */
	uint64_t sent, ahead; /* packets that have arrived, and of them those that wait */
	int64_t arrivals[PACKETS];
	uint64_t served;
};

struct scene {
	struct random random;
	struct book *book;
	struct link_offer link;
	struct book_output output;
	uint32_t count;
	struct flow flows[FLOWS];
	int64_t longest[LINK_CLASSES]; /* seen, ns, rounded up */
	bool greedy;
};

static struct scene *open_scene(uint64_t seed)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	uint64_t rate;

	assert_non_null(scene);
	random_seed(&scene->random, seed);
	rate = (10 + random_below(&scene->random, 990)) * MEGABIT;
	scene->output =
	        (struct book_output){.rate = rate,
	                             .largest_packet = 1500 + random_below(&scene->random, 7500),
	                             .latency = (int64_t)random_below(&scene->random, 1000) * MICROSECOND};
	scene->link = (struct link_offer){.from = self,
	                                  .toward = next,
	                                  .capacity = rate - random_below(&scene->random, rate / 4),
	                                  .base = 1,
	                                  .steepness = 1000};
	scene->link.free = scene->link.capacity;
	for (uint32_t level = 0; level < LINK_CLASSES; level++)
		scene->link.ceilings[level] =
		        (level == 0 ? scene->output.latency : scene->link.ceilings[level - 1]) +
		        (int64_t)(scene->output.largest_packet * OCTET / rate) + 1 +
		        (int64_t)random_below(&scene->random, 3000) * MICROSECOND;
	scene->book = book_create(FLOWS, seed);
	T_OK(book_add_link(scene->book, &scene->link, &scene->output));
	return scene;
}

static void close_scene(struct scene *scene)
{
	book_free(scene->book);
	free(scene);
}

static struct flow some_flow(struct scene *scene)
{
	struct flow flow = {.class = (uint32_t)random_below(&scene->random, LINK_CLASSES)};

	flow.packet = 64 + random_below(&scene->random, MINIMUM(1437, scene->output.largest_packet - 63));
	flow.burst = flow.packet * (1 + random_below(&scene->random, 20));
	flow.rate = 1 + random_below(&scene->random, scene->link.capacity / 6);
	flow.jitter = random_below(&scene->random, 2)
	                      ? 0
	                      : (int64_t)random_below(&scene->random, 800) * MICROSECOND;
	return flow;
}

/* The bound again, by the book's formula as it is written down: sums over a list of flows. */
static int64_t bound(const struct scene *scene, const struct flow *more, uint32_t class)
{
	wide bits = scene->output.largest_packet * OCTET, delay;
	uint64_t rate = scene->output.rate;

	for (uint32_t i = 0; i < scene->count + (more != NULL); i++) {
		const struct flow *flow = i < scene->count ? &scene->flows[i] : more;

		if (flow->class <= class)
			bits += flow->burst * OCTET + (wide)flow->rate * (uint64_t)flow->jitter;
		if (flow->class < class)
			rate -= flow->rate;
	}
	if (rate == 0)
		return INT64_MAX;
	delay = (bits + rate - 1) / rate + (uint64_t)scene->output.latency;
	return delay > INT64_MAX ? INT64_MAX : (int64_t)delay;
}

static bool has_flows(const struct scene *scene, const struct flow *more, uint32_t class)
{
	bool has = more != NULL && more->class == class;

	for (uint32_t i = 0; i < scene->count; i++)
		has = has || scene->flows[i].class == class;
	return has;
}

/* Asks for a flow. A refusal for a ceiling must be true, and name the first ceiling that would break. */
static int ask(struct scene *scene, const struct flow *flow)
{
	const struct identifier program = {.octets = {(uint8_t)scene->count}};
	const struct program_reserve reserve = {.toward = next,
	                                        .class = flow->class,
	                                        .rate = flow->rate,
	                                        .burst = flow->burst,
	                                        .jitter = flow->jitter,
	                                        .time = 1,
	                                        .limit = INT64_MAX};
	struct book_refusal refusal = {.error = 0};
	int code = book_reserve(scene->book, &program, self, &reserve, 0, &refusal);

	if (code == BUSBAR_ERROR_NO_CAPACITY)
		return code;
	for (uint32_t level = 0; level < LINK_CLASSES; level++) {
		if (!has_flows(scene, flow, level) ||
		    bound(scene, flow, level) <= scene->link.ceilings[level])
			continue;
		T_ERROR(code, BUSBAR_ERROR_CEILING);
		T_EQ(refusal.have, bound(scene, flow, level));
		T_EQ(refusal.need, scene->link.ceilings[level]);
		return code;
	}
	T_OK(code);
	return code;
}

/* Fills the bucket up to a moment, and finds the first one at which the next packet may come. */
static void pour(struct flow *flow, int64_t now)
{
	wide depth = flow->burst * OCTET + (wide)flow->rate * (uint64_t)flow->jitter;
	wide tokens = flow->tokens + (wide)flow->rate * (uint64_t)(now - flow->filled);

	flow->tokens = MINIMUM(tokens, depth);
	flow->filled = now;
}

static void plan_next(struct scene *scene, struct flow *flow)
{
	wide cost = flow->packet * OCTET;

	flow->next = flow->filled;
	if (flow->tokens < cost)
		flow->next += (int64_t)((cost - flow->tokens + flow->rate - 1) / flow->rate);
	if (!scene->greedy && random_below(&scene->random, 3) == 0)
		flow->next += (int64_t)random_below(&scene->random, 500 * (uint64_t)MICROSECOND);
}

/* Every flow's arrivals in the first `span` nanoseconds. */
static void arrive(struct scene *scene, int64_t span)
{
	for (uint32_t i = 0; i < scene->count; i++) {
		struct flow *flow = &scene->flows[i];

		flow->sent = flow->served = 0;
		flow->filled = 0;
		flow->tokens = flow->burst * OCTET + (wide)flow->rate * (uint64_t)flow->jitter;
		plan_next(scene, flow);
		while (flow->next <= span && flow->sent < PACKETS) {
			pour(flow, flow->next);
			T_TRUE(flow->tokens >= flow->packet * OCTET);
			flow->tokens -= flow->packet * OCTET;
			flow->arrivals[flow->sent++] = flow->next;
			plan_next(scene, flow);
		}
	}
}

/* The flow of the tightest class with a packet that has come by `clock`, and of these the one that came
 * first. */
static struct flow *pick(struct scene *scene, wide clock)
{
	struct flow *best = NULL;

	for (uint32_t i = 0; i < scene->count; i++) {
		struct flow *flow = &scene->flows[i];

		if (flow->served == flow->sent ||
		    (wide)(uint64_t)flow->arrivals[flow->served] * scene->output.rate > clock)
			continue;
		if (best == NULL || flow->class < best->class ||
		    (flow->class == best->class &&
		     flow->arrivals[flow->served] < best->arrivals[best->served]))
			best = flow;
	}
	return best;
}

static uint64_t left(const struct scene *scene)
{
	uint64_t packets = 0;

	for (uint32_t i = 0; i < scene->count; i++)
		packets += scene->flows[i].sent - scene->flows[i].served;
	return packets;
}

/* Serves all arrivals. There is always best effort to send; its largest packet begins just before time 0. */
static void serve(struct scene *scene)
{
	wide clock = scene->output.largest_packet * OCTET;

	while (left(scene) > 0) {
		struct flow *flow = pick(scene, clock);
		wide since;
		int64_t delay;

		if (flow == NULL) {
			clock += scene->output.largest_packet * OCTET;
			continue;
		}
		clock += flow->packet * OCTET;
		since = clock - (wide)(uint64_t)flow->arrivals[flow->served++] * scene->output.rate;
		delay = (int64_t)((since + scene->output.rate - 1) / scene->output.rate) +
		        scene->output.latency;
		scene->longest[flow->class] = MAXIMUM(scene->longest[flow->class], delay);
	}
}

static void simulate(struct scene *scene, bool greedy)
{
	scene->greedy = greedy;
	for (uint32_t level = 0; level < LINK_CLASSES; level++)
		scene->longest[level] = 0;
	arrive(scene, 20000 * MICROSECOND);
	serve(scene);
}

static void check_load(struct scene *scene)
{
	for (uint32_t level = 0; level < LINK_CLASSES; level++) {
		struct book_load load;
		uint64_t rate = 0;
		uint32_t flows = 0;

		T_OK(book_load_at(scene->book, 0, level, &load));
		for (uint32_t i = 0; i < scene->count; i++)
			if (scene->flows[i].class == level) {
				rate += scene->flows[i].rate;
				flows++;
			}
		T_EQ(load.rate, rate);
		T_EQ(load.flows, flows);
		T_EQ(load.delay, bound(scene, NULL, level));
		T_EQ(load.ceiling, scene->link.ceilings[level]);
	}
}

static void test_ceilings_are_kept(void **state)
{
	uint32_t refused = 0, broke = 0, packets = 0;
	double tightest = 0;

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct scene *scene = open_scene(seed);
		struct flow excess;
		bool over = false;

		for (uint32_t i = 0; i < ASKED && scene->count < FLOWS - 1 && !over; i++) {
			struct flow flow = some_flow(scene);
			int code = ask(scene, &flow);

			if (code == 0)
				scene->flows[scene->count++] = flow;
			over = code == BUSBAR_ERROR_CEILING;
			excess = flow;
		}
		check_load(scene);
		for (int greedy = 0; greedy < 2; greedy++) {
			simulate(scene, greedy);
			for (uint32_t level = 0; level < LINK_CLASSES; level++) {
				T_TRUE(scene->longest[level] <= scene->link.ceilings[level]);
				T_TRUE(scene->longest[level] <= bound(scene, NULL, level));
				tightest = MAXIMUM(tightest,
				                   (double)(scene->longest[level] - scene->output.latency) /
				                           (double)(bound(scene, NULL, level) -
				                                    scene->output.latency));
			}
			for (uint32_t i = 0; i < scene->count; i++)
				packets += (uint32_t)scene->flows[i].sent;
		}
		/* What was refused, let in all the same. */
		if (over) {
			refused++;
			scene->flows[scene->count++] = excess;
			simulate(scene, true);
			for (uint32_t level = 0; level < LINK_CLASSES; level++)
				if (scene->longest[level] > scene->link.ceilings[level]) {
					broke++;
					break;
				}
		}
		close_scene(scene);
	}
	print_message("# %u packets in time; of %u refused flows %u would have broken a ceiling here;"
	              " longest delay %.3f of its bound\n",
	              packets, refused, broke, tightest);
	/* The bound is not only kept, it is of use: nearly reached, and most refusals were needed. */
	T_TRUE(refused > ROUNDS / 4);
	T_TRUE(broke > refused / 2);
	T_TRUE(tightest > 0.98);
}

/* Flows of one class whose bursts are whole packets reach the bound exactly. */
static void test_bound_is_reached(void **state)
{
	struct scene *scene = open_scene(1);

	scene->output = (struct book_output){.rate = 100 * MEGABIT, .largest_packet = 1500};
	for (uint64_t i = 1; i <= 3; i++)
		scene->flows[scene->count++] = (struct flow){
		        .class = 0, .rate = i * 10 * MEGABIT, .burst = i * 1000, .packet = 1000};
	simulate(scene, true);
	T_EQ(bound(scene, NULL, 0), 600 * MICROSECOND); /* (1500 + 6000) x 8 bit / 100 Mbit/s */
	T_EQ(scene->longest[0], 600 * MICROSECOND);
	close_scene(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ceilings_are_kept),
	        cmocka_unit_test(test_bound_is_reached),
	};

	return T_RUN(tests);
}
