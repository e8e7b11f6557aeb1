/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: order, positions, bounds. */
#include "base/outbox.h"

#include "base/random.h"
#include "t.h"
#include <stdio.h>

enum { MESSAGES = 100, OCTETS = 4000 };

struct sent {
	uint32_t next; /* number of the message that comes next */
	uint64_t durable;
	size_t calls, largest;
};

struct message {
	uint32_t number;
	uint64_t position;
	char text[20];
};

static void take(void *context, const struct iovec *messages, size_t count)
{
	struct sent *sent = context;

	T_TRUE(count > 0 && count <= OUTBOX_BATCH);
	for (size_t i = 0; i < count; i++) {
		struct message message;

		T_EQ(messages[i].iov_len, sizeof(message));
		memcpy(&message, messages[i].iov_base, sizeof(message));
		T_EQ(message.number, sent->next++);
		T_TRUE(message.position <= sent->durable);
		T_TEXT(message.text, "in two parts");
	}
	sent->calls++;
	sent->largest = MAXIMUM(sent->largest, count);
}

static int put(struct outbox *outbox, uint32_t number, uint64_t position)
{
	struct message message = {.number = number, .position = position, .text = "in two parts"};
	struct iovec parts[] = {
	        {&message, offsetof(struct message, text)},
	        {NULL, 0},
	        {message.text, sizeof(message) - offsetof(struct message, text)},
	};

	return outbox_put(outbox, position, parts, ARRAY_SIZE(parts));
}

static struct outbox_statistics statistics(const struct outbox *outbox)
{
	struct outbox_statistics values;

	outbox_statistics(outbox, &values);
	return values;
}

static void test_waits_for_its_position(void **state)
{
	struct sent sent = {.next = 0};
	struct outbox *outbox = outbox_create(take, &sent, MESSAGES, OCTETS);

	(void)state;
	/* Position 0 is always durable. */
	T_OK(put(outbox, 0, 0));
	T_EQ(sent.next, 1);
	T_OK(put(outbox, 1, 5));
	/* Behind one that waits, in its order. */
	T_OK(put(outbox, 2, 0));
	T_EQ(sent.next, 1);
	sent.durable = 4;
	outbox_flush(outbox, 4);
	T_EQ(sent.next, 1);
	T_EQ(statistics(outbox).waiting, 2);
	sent.durable = 5;
	outbox_flush(outbox, 5);
	T_EQ(sent.next, 3);
	T_OK(put(outbox, 3, 5));
	T_EQ(sent.next, 4);
	T_OK(put(outbox, 4, 6));
	T_EQ(statistics(outbox).sent, 4);
	T_EQ(statistics(outbox).octets, sizeof(struct message));
	T_TRUE(outbox_free(outbox) == NULL && outbox_free(NULL) == NULL);
}

static void test_bounds(void **state)
{
	struct sent sent = {.durable = 1};
	struct outbox *outbox = outbox_create(take, &sent, MESSAGES, SIZE_MAX);

	(void)state;
	for (uint32_t i = 0; i < MESSAGES; i++)
		T_OK(put(outbox, i, 1));
	T_ERROR(put(outbox, MESSAGES, 1), BUSBAR_ERROR_TABLE_FULL);
	T_EQ(statistics(outbox).dropped, 1);
	outbox_flush(outbox, 1);
	T_EQ(sent.next, MESSAGES);
	T_EQ(sent.calls, 2);
	T_EQ(sent.largest, OUTBOX_BATCH);
	(void)outbox_free(outbox);
	sent = (struct sent){.next = 0};
	outbox = outbox_create(take, &sent, MESSAGES, 3 * sizeof(struct message) - 1);
	T_OK(put(outbox, 0, 1));
	T_OK(put(outbox, 1, 1));
	T_ERROR(put(outbox, 2, 1), BUSBAR_ERROR_TABLE_FULL);
	(void)outbox_free(outbox);
	T_TRUE(outbox_create(take, NULL, SIZE_MAX, 1) == NULL);
	T_TRUE(outbox_create(take, NULL, 0, 1) == NULL);
}

static void test_any_order_of_calls(void **state)
{
	struct sent sent = {.next = 0};
	struct outbox *outbox = outbox_create(take, &sent, MESSAGES, OCTETS);
	struct random random;
	uint64_t position = 0;
	uint32_t number = 0;

	(void)state;
	random_seed(&random, 5);
	for (int i = 0; i < 20000; i++) {
		position += random_below(&random, 3);
		if (random_below(&random, 3) > 0 && put(outbox, number, position) == 0)
			number++;
		if (random_below(&random, 80) == 0) {
			uint64_t behind = MINIMUM(position, random_below(&random, 20));

			sent.durable = MAXIMUM(sent.durable, position - behind);
			outbox_flush(outbox, position - behind);
		}
	}
	sent.durable = position;
	outbox_flush(outbox, position);
	T_EQ(sent.next, number);
	T_EQ(statistics(outbox).sent, number);
	T_EQ(statistics(outbox).waiting, 0);
	T_EQ(statistics(outbox).octets, 0);
	T_TRUE(number > 1000 && statistics(outbox).dropped > 0);
	(void)outbox_free(outbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_waits_for_its_position),
	        cmocka_unit_test(test_bounds),
	        cmocka_unit_test(test_any_order_of_calls),
	};

	return T_RUN(tests);
}
