/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues on one output of 20 Mbit/s, between two network namespaces, under load. Senders say by themselves
 * which class their packets are of. Needs root and HTB; is skipped without.
 *
 * Machines that run tests stand still for milliseconds at times. What must never happen is asserted of every
 * run; what takes a machine that keeps up (a rate is reached, a delay is short) of the best of a few.
 */
#include "base/compiler.h"
#include "namespaces.h"
#include "steer/queue.h"
#include "stream.h"
#include "t.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum {
	MBIT = 1000000,
	RATE = 20 * MBIT,
	RESERVED = 5 * MBIT,
	OVERLOAD = 60 * MBIT,
	FRAME = 1000 + STREAM_HEADERS,
	TRIES = 4,
	MAJOR = 0x10000,
};

static const int64_t millisecond = 1000000;

struct fixture {
	int home, here, there;
	uint32_t interface;
	struct queue *queue;
	struct stream guaranteed, best_effort;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct steer_output output = {.rate = RATE, .share = 1000};

	assert_non_null(fixture);
	fixture->home = current_namespace();
	fixture->there = new_namespace();
	fixture->here = new_namespace();
	T_OK(add_pair("out", "in", fixture->there));
	set_up("out", "2001:db8:1::1");
	output.interface = fixture->interface = interface_of("out");
	enter(fixture->there);
	set_up("in", "2001:db8:1::2");
	enter(fixture->here);
	T_OK(queue_open(&fixture->queue));
	T_OK(queue_add(fixture->queue, &output));
	stream_open(&fixture->guaranteed, fixture->here, "2001:db8:1::1", fixture->there, "2001:db8:1::2");
	stream_open(&fixture->best_effort, fixture->here, "2001:db8:1::1", fixture->there, "2001:db8:1::2");
	stream_settle(&fixture->best_effort);
	stream_set_priority(&fixture->guaranteed, MAJOR | QUEUE_THROUGH);
	fixture->guaranteed.rate = RESERVED * 9 / 10;
	fixture->best_effort.rate = OVERLOAD;
	fixture->best_effort.size = 1400;
	enter(fixture->here);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	enter(fixture->here);
	queue_close(fixture->queue);
	stream_close(&fixture->guaranteed);
	stream_close(&fixture->best_effort);
	enter(fixture->home);
	close(fixture->home);
	close(fixture->here);
	close(fixture->there);
	free(fixture);
	return 0;
}

static void set(struct fixture *fixture, uint32_t class, uint64_t rate)
{
	T_OK(queue_set(fixture->queue, fixture->interface, class,
	               (struct queue_bucket){.rate = rate, .burst = 8 * FRAME}));
}

static void put_flow(struct fixture *fixture, uint64_t rate, uint64_t burst)
{
	T_OK(queue_put_flow(fixture->queue, fixture->interface, 0, 7,
	                    (struct queue_bucket){.rate = rate, .burst = burst}));
	stream_set_priority(&fixture->guaranteed, MAJOR | queue_flow_minor(0, 7));
}

static void run(struct fixture *fixture, int64_t duration)
{
	/* The guaranteed one comes second: when the other has filled what it can. */
	struct stream *streams[] = {&fixture->best_effort, &fixture->guaranteed};

	stream_reset(streams[0]);
	stream_reset(streams[1]);
	stream_run(streams, ARRAY_SIZE(streams), duration, NULL, NULL);
}

static struct steer_queue_statistics statistics_of(struct fixture *fixture, uint32_t minor)
{
	struct steer_queue_statistics statistics = {0};

	T_OK(queue_read(fixture->queue, fixture->interface, minor, &statistics));
	return statistics;
}

static bool within(int64_t value, int64_t expected, int64_t percent)
{
	return value >= expected * (100 - percent) / 100 && value <= expected * (100 + percent) / 100;
}

/* Tests. */

static void rates(void **state)
{
	static const uint64_t reserved[] = {2 * MBIT, 5 * MBIT, 12 * MBIT};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		int64_t flow = 0, other = 0;
		bool good = false;

		put_flow(fixture, reserved[i], 4000);
		set(fixture, 0, reserved[i]);
		fixture->guaranteed.rate = reserved[i] * 3 / 2;
		for (int try = 0; try < TRIES && !good; try++) {
			run(fixture, 500 * millisecond);
			flow = stream_rate(&fixture->guaranteed, STREAM_HEADERS);
			other = stream_rate(&fixture->best_effort, STREAM_HEADERS);
			T_TRUE(flow <= (int64_t)reserved[i] * 105 / 100);
			T_TRUE(flow + other <= RATE * INT64_C(115) / 100);
			good = within(flow, (int64_t)reserved[i], 5) &&
			       other >= (RATE - (int64_t)reserved[i]) * 95 / 100;
		}
		print_message("# reserved %.1f Mbit/s: %.3f, best effort beside it: %.3f\n",
		              (double)reserved[i] / MBIT, (double)flow / MBIT, (double)other / MBIT);
		T_TRUE(good);
	}
}

/* The whole output, by best effort alone. */
static void line(void **state)
{
	struct fixture *fixture = *state;
	bool good = false;

	fixture->guaranteed.rate = 0;
	for (int try = 0; try < TRIES && !good; try++) {
		run(fixture, 500 * millisecond);
		good = within(stream_rate(&fixture->best_effort, STREAM_HEADERS), RATE, 5);
	}
	T_TRUE(good);
	T_TRUE(statistics_of(fixture, QUEUE_BEST_EFFORT).drops > 0);
}

/* No longer than a best-effort frame takes, timers apart; and the same traffic without a class. */
static void guarantee(void **state)
{
	struct fixture *fixture = *state;
	int64_t frame = (int64_t)(fixture->best_effort.size + STREAM_HEADERS) * 8 * 1000 * millisecond / RATE;
	bool good = false;

	/* A queue that is full has room for smaller ones. */
	fixture->guaranteed.size = fixture->best_effort.size;
	set(fixture, 0, RESERVED);
	for (int try = 0; try < TRIES && !good; try++) {
		run(fixture, 500 * millisecond);
		T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
		T_TRUE(fixture->best_effort.received < fixture->best_effort.sent / 2);
		good = stream_delay(&fixture->guaranteed, 99) <= frame + 1 * millisecond;
	}
	print_message("# guaranteed: median %" PRId64 " us, 99 %% %" PRId64 " us\n",
	              stream_delay(&fixture->guaranteed, 50) / 1000,
	              stream_delay(&fixture->guaranteed, 99) / 1000);
	T_TRUE(good);
	T_EQ(statistics_of(fixture, QUEUE_THROUGH).drops, 0);
	stream_set_priority(&fixture->guaranteed, 0);
	run(fixture, 500 * millisecond);
	print_message("# without: median %" PRId64 " us, lost %" PRIu64 " of %" PRIu64 "\n",
	              stream_delay(&fixture->guaranteed, 50) / 1000,
	              fixture->guaranteed.sent - fixture->guaranteed.received, fixture->guaranteed.sent);
	T_TRUE(fixture->guaranteed.received < fixture->guaranteed.sent);
	T_TRUE(stream_delay(&fixture->guaranteed, 50) > 10 * millisecond);
}

/* A class that has more than is reserved for it takes nothing from the one before it, nor all from those
 * after. */
static void classes(void **state)
{
	struct fixture *fixture = *state;
	bool good = false;

	set(fixture, 0, RESERVED);
	set(fixture, 1, RESERVED);
	stream_set_priority(&fixture->best_effort, MAJOR | (QUEUE_THROUGH + 1));
	for (int try = 0; try < TRIES && !good; try++) {
		run(fixture, 300 * millisecond);
		T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
		good = stream_delay(&fixture->guaranteed, 99) <= 2 * millisecond;
	}
	T_TRUE(good);
	stream_set_priority(&fixture->guaranteed, MAJOR | QUEUE_BEST_EFFORT);
	run(fixture, 300 * millisecond);
	T_TRUE(fixture->guaranteed.received > 0);
}

/* A burst that conforms goes at once, what is beyond it at the rate. */
static void bursts(void **state)
{
	enum { PIECES = 20 };
	struct fixture *fixture = *state;
	int64_t least = INT64_MAX,
	        bound = (int64_t)(PIECES * FRAME - 4000) * 8 * 1000 * millisecond / RESERVED;

	fixture->best_effort.rate = 0;
	fixture->guaranteed.rate = RESERVED / 4;
	fixture->guaranteed.pieces = PIECES;
	put_flow(fixture, RESERVED, PIECES * FRAME + 2 * FRAME);
	for (int try = 0; try < TRIES; try++) {
		run(fixture, 100 * millisecond);
		T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
		least = MINIMUM(least, stream_delay(&fixture->guaranteed, 100));
	}
	T_TRUE(least < 2 * millisecond);
	put_flow(fixture, RESERVED, 4000);
	run(fixture, 100 * millisecond);
	T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
	T_TRUE(stream_delay(&fixture->guaranteed, 100) >= bound - 2 * millisecond);
	fixture->guaranteed.pieces = 1;
}

struct changes {
	struct fixture *fixture;
	uint32_t count;
};

static void change(void *context)
{
	struct changes *changes = context;
	uint64_t rate = (uint64_t)(RESERVED + changes->count++ % 4 * MBIT);

	enter(changes->fixture->here);
	set(changes->fixture, 0, rate);
	set(changes->fixture, 1, 2 * MBIT + rate / 2);
	put_flow(changes->fixture, rate, 4000 + rate / 1000);
}

/* Rates change about every millisecond; nothing is lost, of a flow or of best effort. */
static void changing(void **state)
{
	struct fixture *fixture = *state;
	struct changes changes = {.fixture = fixture};
	struct stream *streams[] = {&fixture->guaranteed, &fixture->best_effort};

	put_flow(fixture, RESERVED, 4000);
	fixture->best_effort.rate = 14 * MBIT;
	stream_run(streams, ARRAY_SIZE(streams), 500 * millisecond, change, &changes);
	T_TRUE(changes.count > 20);
	T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
	T_EQ(fixture->best_effort.received, fixture->best_effort.sent);
	T_TRUE(fixture->guaranteed.sent > 200);
}

static void statistics(void **state)
{
	struct fixture *fixture = *state;
	struct steer_queue_statistics flow, whole;

	set(fixture, 0, RESERVED);
	put_flow(fixture, RESERVED, 4000);
	fixture->best_effort.rate = 0;
	run(fixture, 50 * millisecond);
	flow = statistics_of(fixture, queue_flow_minor(0, 7));
	whole = statistics_of(fixture, QUEUE_GUARANTEED);
	T_TRUE(fixture->guaranteed.sent > 10);
	T_EQ(flow.packets, fixture->guaranteed.sent);
	T_EQ(flow.octets, fixture->guaranteed.sent * FRAME);
	T_EQ(flow.drops, 0);
	T_EQ(flow.backlog, 0);
	T_EQ(whole.octets, flow.octets);
	T_EQ(statistics_of(fixture, QUEUE_THROUGH).packets, 0);
	/* More than its queue holds. */
	fixture->guaranteed.rate = OVERLOAD;
	run(fixture, 100 * millisecond);
	flow = statistics_of(fixture, queue_flow_minor(0, 7));
	T_EQ(flow.drops, fixture->guaranteed.sent - fixture->guaranteed.received);
	T_TRUE(flow.drops > 0);
	T_ERROR(queue_read(fixture->queue, fixture->interface, queue_flow_minor(0, 8), &flow), -ENOENT);
	T_ERROR(queue_read(fixture->queue, fixture->interface + 1, QUEUE_ALL, &flow), -ENODEV);
}

static void bad_input(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = fixture->queue;
	uint32_t interface = fixture->interface;
	struct queue_bucket bucket = {.rate = RESERVED, .burst = 4000};
	struct steer_output output = {.interface = interface, .rate = RATE};

	T_ERROR(queue_add(queue, &output), -EEXIST);
	output.interface = 99999;
	T_ERROR(queue_add(queue, &output), -ENODEV);
	output.share = 1001;
	T_ERROR(queue_add(queue, &output), -EINVAL);
	output = (struct steer_output){.interface = 1, .rate = 7999};
	T_ERROR(queue_add(queue, &output), -EINVAL);
	T_ERROR(queue_set(queue, interface, STEER_CLASSES, bucket), -EINVAL);
	T_ERROR(queue_set(queue, 1, 0, bucket), -ENODEV);
	T_ERROR(queue_put_flow(queue, 1, 0, 0, bucket), -ENODEV);
	T_ERROR(queue_put_flow(queue, interface, STEER_CLASSES, 0, bucket), -EINVAL);
	T_ERROR(queue_put_flow(queue, interface, 0, QUEUE_FLOWS, bucket), -EINVAL);
	T_OK(queue_put_flow(queue, interface, 1, QUEUE_FLOWS - 1, bucket));
	bucket.rate = 7;
	T_ERROR(queue_put_flow(queue, interface, 0, 0, bucket), -EINVAL);
	/* Rates beyond 32 bits of octets. */
	bucket = (struct queue_bucket){.rate = UINT64_C(100000000000), .burst = 1000000000};
	T_OK(queue_put_flow(queue, interface, 0, 0, bucket));
}

static void former_life(void **state)
{
	struct fixture *fixture = *state;
	struct steer_output output = {.interface = fixture->interface, .rate = 2 * RATE};
	struct queue *next = NULL;

	put_flow(fixture, RESERVED, 4000);
	T_OK(queue_open(&next));
	T_OK(queue_add(next, &output));
	/* The flow's class is not there any more: its packets are best effort. */
	fixture->best_effort.rate = 0;
	run(fixture, 50 * millisecond);
	T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
	T_TRUE(statistics_of(fixture, QUEUE_BEST_EFFORT).packets >= fixture->guaranteed.sent);
	next = queue_close(next);
	run(fixture, 50 * millisecond);
	T_EQ(fixture->guaranteed.received, fixture->guaranteed.sent);
}

static const char *lacking(void)
{
	const char *what = missing();
	int home;
	struct queue *queue = NULL;
	struct steer_output output = {.interface = 1, .rate = RATE};

	if (what)
		return what;
	home = current_namespace();
	(void)new_namespace();
	if (queue_open(&queue) < 0 || queue_add(queue, &output) < 0)
		what = "the kernel has no HTB";
	queue_close(queue);
	enter(home);
	close(home);
	return what;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(rates),    TEST(line),       TEST(guarantee), TEST(classes),     TEST(bursts),
	        TEST(changing), TEST(statistics), TEST(bad_input), TEST(former_life),
	};
	const char *cause = lacking();

	if (cause) {
		printf("1..0 # SKIP %s\n", cause);
		return 0;
	}
	return T_RUN(tests);
}
