/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/mailbox.h"
#include "tests/t.h"
#include <pthread.h>

enum { VALUES = 300000, WORDS = 32 };

static void the_newest_is_taken_once(void **state)
{
	struct mailbox mailbox;

	T_OK(mailbox_open(&mailbox, sizeof(int)));
	T_TRUE(mailbox_take(&mailbox) == NULL);
	*(int *)mailbox_slot(&mailbox) = 1;
	T_TRUE(mailbox_put(&mailbox));
	*(int *)mailbox_slot(&mailbox) = 2;
	T_TRUE(!mailbox_put(&mailbox)); /* 1 was not taken */
	T_EQ(*(const int *)mailbox_take(&mailbox), 2);
	T_TRUE(mailbox_take(&mailbox) == NULL);
	*(int *)mailbox_slot(&mailbox) = 3;
	T_TRUE(mailbox_put(&mailbox));
	T_EQ(*(const int *)mailbox_take(&mailbox), 3);
	mailbox_close(&mailbox);
	mailbox_close(&mailbox);
}

static void *write_all(void *context)
{
	struct mailbox *mailbox = context;

	for (uint32_t value = 1; value <= VALUES; value++) {
		uint32_t *slot = mailbox_slot(mailbox);

		for (int i = 0; i < WORDS; i++)
			slot[i] = value;
		(void)mailbox_put(mailbox);
	}
	return NULL;
}

/* What is taken is whole, never older than what was taken before, and in the end the last. */
static void two_threads_never_meet_in_a_slot(void **state)
{
	struct mailbox mailbox;
	pthread_t thread;
	uint32_t last = 0;

	T_OK(mailbox_open(&mailbox, WORDS * sizeof(uint32_t)));
	T_EQ(pthread_create(&thread, NULL, write_all, &mailbox), 0);
	while (last < VALUES) {
		const uint32_t *slot = mailbox_take(&mailbox);

		if (slot == NULL)
			continue;
		T_TRUE(slot[0] > last);
		last = slot[0];
		for (int i = 1; i < WORDS; i++)
			T_EQ(slot[i], last);
	}
	T_EQ(pthread_join(thread, NULL), 0);
	mailbox_close(&mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_newest_is_taken_once),
	        cmocka_unit_test(two_threads_never_meet_in_a_slot),
	};

	return T_RUN(tests);
}
