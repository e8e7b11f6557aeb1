/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon's life, with shells as daemons. */
#include "../../t.h"

#include "lab/gateway.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};

static void start(struct gateway *gateway, const char *script)
{
	const char *const arguments[] = {"sh", "-c", script, NULL};
	struct process process = {arguments, environment, "/", -1, {-1, -1, -1}, -1};

	T_OK(gateway_start(gateway, &process, INT64_MAX));
	T_EQ(gateway->state, GATEWAY_STARTING);
	T_ERROR(gateway_start(gateway, &process, INT64_MAX), BUSBAR_ERROR_STATE);
}

static void read_ready(struct gateway *gateway)
{
	while (gateway->ready >= 0) {
		struct pollfd readable = {.fd = gateway->ready, .events = POLLIN};

		T_EQ(poll(&readable, 1, 10000), 1);
		gateway_read_ready(gateway);
	}
}

static void reap(struct gateway *gateway)
{
	int wait_status;

	T_EQ(waitpid(gateway->pid, &wait_status, 0), gateway->pid);
	gateway_ended(gateway, wait_status);
}

static void life(void **state)
{
	struct gateway gateway;

	gateway_open(&gateway, "g");
	T_ERROR(gateway_order(&gateway, SIGTERM), BUSBAR_ERROR_STATE);
	for (int round = 0; round < 2; round++) {
		start(&gateway, "printf rea >&3; printf 'dy\\n' >&3; exec cat /dev/zero >/dev/null");
		read_ready(&gateway);
		T_EQ(gateway.state, GATEWAY_READY);
		T_OK(gateway_order(&gateway, SIGTERM));
		T_EQ(gateway.state, GATEWAY_STOPPING);
		reap(&gateway);
		T_EQ(gateway.state, GATEWAY_STOPPED);
		T_TRUE(!gateway_is_alive(&gateway));
		T_EQ(process_exit_code(gateway.wait_status), 128 + SIGTERM);
	}
}

static void death_by_itself(void **state)
{
	struct gateway gateway;

	gateway_open(&gateway, "g");
	start(&gateway, "printf 'ready\\n' >&3; exit 9");
	read_ready(&gateway);
	T_EQ(gateway.state, GATEWAY_READY);
	reap(&gateway);
	T_EQ(gateway.state, GATEWAY_DEAD);
	T_EQ(process_exit_code(gateway.wait_status), 9);
	start(&gateway, "exit 0");
	read_ready(&gateway);
	reap(&gateway);
	T_EQ(gateway.state, GATEWAY_DEAD);
}

static void wrong_word(void **state)
{
	static const char *const scripts[] = {
	        "echo steady >&3; exec cat /dev/zero >/dev/null",
	        "exec 3>&-; exec cat /dev/zero >/dev/null",
	};

	for (size_t i = 0; i < 2; i++) {
		struct gateway gateway;

		gateway_open(&gateway, "g");
		start(&gateway, scripts[i]);
		read_ready(&gateway);
		reap(&gateway);
		T_EQ(gateway.state, GATEWAY_DEAD);
		T_EQ(process_exit_code(gateway.wait_status), 128 + SIGKILL);
	}
}

/* What a daemon leaves in its group holds the ready pipe open until it is killed too. */
static void group_dies_too(void **state)
{
	struct gateway gateway;
	int ends[2];
	char byte;

	gateway_open(&gateway, "g");
	assert_int_equal(pipe(ends), 0);
	{
		const char *const arguments[] = {"sh", "-c", "(exec cat /dev/zero >/dev/null) & exit 4",
		                                 NULL};
		struct process process = {arguments, environment, "/", -1, {-1, ends[1], -1}, -1};

		T_OK(gateway_start(&gateway, &process, INT64_MAX));
	}
	close(ends[1]);
	reap(&gateway);
	T_EQ(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(life),
	        cmocka_unit_test(death_by_itself),
	        cmocka_unit_test(wrong_word),
	        cmocka_unit_test(group_dies_too),
	};

	return T_RUN(tests);
}
