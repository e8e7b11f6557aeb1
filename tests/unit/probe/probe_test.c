/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and reflectors over ::1; every wait is for a condition, with a deadline. */
#include "base/clock.h"
#include "probe/probe.h"
#include "tests/t.h"
#include "wire/stamp.h"
#include <arpa/inet.h>

enum { INTERVAL = 2 * CLOCK_MILLISECOND, DEADLINE_MILLISECONDS = 20000 };

static const uint8_t loopback[16] = {[15] = 1};
static const uint8_t key[STAMP_KEY] = "the key of this domain", other_key[STAMP_KEY] = "another key";

/* What a sender has said of its sessions. */
struct seen {
	uint32_t session;
	struct probe_measurement last;
	int measured, lost;
};

struct bench {
	uv_loop_t loop;
	uv_timer_t deadline;
	bool late;
	struct seen seen[2];
	struct probe *sender, *reflector;
	uint16_t port;
	/* A reflector of the test's own, for replies that no reflector sends. */
	uv_udp_t raw;
	void (*forge)(struct bench *bench, struct stamp_reply *reply);
	const uint8_t *raw_key;
	int raw_copies;
	uv_udp_t stranger; /* where it is open, the replies leave from here */
	uint8_t buffer[256];
};

static void on_deadline(uv_timer_t *timer)
{
	((struct bench *)timer->data)->late = true;
}

static void on_measured(void *context, uint32_t session, const struct probe_measurement *measurement,
                        bool lost)
{
	struct bench *bench = context;

	T_TRUE(session < 2);
	bench->seen[session].session = session;
	bench->seen[session].last = *measurement;
	if (lost)
		bench->seen[session].lost++;
	else
		bench->seen[session].measured++;
}

static int set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	T_OK(uv_loop_init(&bench->loop));
	T_OK(uv_timer_init(&bench->loop, &bench->deadline));
	bench->deadline.data = bench;
	T_OK(uv_timer_start(&bench->deadline, on_deadline, DEADLINE_MILLISECONDS, 0));
	*state = bench;
	return 0;
}

/* That the loop ends at all shows that nothing was left open in it. */
static int tear_down(void **state)
{
	struct bench *bench = *state;

	probe_close(bench->sender);
	probe_close(bench->reflector);
	probe_close(NULL);
	if (bench->raw.type == UV_UDP)
		uv_close((uv_handle_t *)&bench->raw, NULL);
	if (bench->stranger.type == UV_UDP)
		uv_close((uv_handle_t *)&bench->stranger, NULL);
	uv_close((uv_handle_t *)&bench->deadline, NULL);
	(void)uv_run(&bench->loop, UV_RUN_DEFAULT);
	T_OK(uv_loop_close(&bench->loop));
	free(bench);
	return 0;
}

#define WAIT(condition)                                                \
	do {                                                           \
		while (!(condition) && !bench->late)                   \
			(void)uv_run(&bench->loop, UV_RUN_ONCE);       \
		if (!(condition))                                      \
			fail_msg("waited in vain for %s", #condition); \
	} while (0)

static void start_reflector(struct bench *bench, const uint8_t *used)
{
	int port;

	T_OK(probe_create(&bench->loop, used, INTERVAL, on_measured, bench, &bench->reflector));
	port = probe_reflect(bench->reflector, loopback, 0, 0);
	T_OK(port);
	T_TRUE(port > 0);
	bench->port = (uint16_t)port;
}

static int add_session(struct bench *bench, uint16_t port)
{
	struct probe_target target = {.port = port};

	memcpy(target.local, loopback, sizeof(target.local));
	memcpy(target.remote, loopback, sizeof(target.remote));
	return probe_add(bench->sender, &target);
}

static void start_sender(struct bench *bench, const uint8_t *used)
{
	T_OK(probe_create(&bench->loop, used, INTERVAL, on_measured, bench, &bench->sender));
	T_EQ(add_session(bench, bench->port), 0);
}

static void check_sane(const struct probe_measurement *measurement)
{
	T_TRUE(measurement->delay >= 0 && measurement->delay < CLOCK_SECOND);
	T_TRUE(measurement->jitter >= 0 && measurement->jitter < CLOCK_SECOND);
	T_TRUE(measurement->loss <= 1000000);
	T_TRUE(measurement->received <= measurement->sent);
}

static void measure_with(struct bench *bench, const uint8_t *used)
{
	start_reflector(bench, used);
	start_sender(bench, used);
	WAIT(bench->seen[0].measured >= 2 * PROBE_WINDOW);
	check_sane(&bench->seen[0].last);
	T_TRUE(bench->seen[0].last.delay > 0);
	T_EQ(bench->seen[0].last.received, bench->seen[0].measured);
	T_EQ(bench->seen[0].last.rejected, 0);
	T_EQ(bench->seen[0].lost, 0);
	T_EQ(probe_refused(bench->reflector), 0);
}

static void delay_over_loopback_is_sane(void **state)
{
	measure_with(*state, NULL);
}

static void authenticated_probes_do_the_same(void **state)
{
	measure_with(*state, key);
}

static void sessions_are_kept_apart(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, key);
	start_sender(bench, key);
	T_EQ(add_session(bench, bench->port), 1);
	WAIT(bench->seen[0].measured >= 10 && bench->seen[1].measured >= 10);
	T_EQ(bench->seen[1].session, 1);
	check_sane(&bench->seen[0].last);
	check_sane(&bench->seen[1].last);
}

static void probes_of_another_key_are_refused_and_counted(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, key);
	start_sender(bench, other_key);
	WAIT(bench->seen[0].lost == 1 && probe_refused(bench->reflector) >= PROBE_WINDOW);
	T_EQ(bench->seen[0].measured, 0);
	T_EQ(bench->seen[0].last.received, 0);
	T_TRUE(bench->seen[0].last.sent >= PROBE_WINDOW);
}

static void a_session_is_lost_with_its_reflector_and_comes_back(void **state)
{
	struct bench *bench = *state;
	struct probe *first;
	uint64_t received;

	start_reflector(bench, key);
	start_sender(bench, key);
	WAIT(bench->seen[0].measured >= 10);
	first = bench->reflector;
	bench->reflector = NULL;
	probe_close(first);
	WAIT(bench->seen[0].lost == 1);
	received = bench->seen[0].last.received;
	T_TRUE(received >= 10); /* still counted when it is lost */
	T_OK(probe_create(&bench->loop, key, INTERVAL, on_measured, bench, &bench->reflector));
	T_EQ(probe_reflect(bench->reflector, loopback, 0, bench->port), bench->port);
	WAIT(bench->seen[0].last.received > received);
	T_EQ(bench->seen[0].lost, 1); /* told once */
	check_sane(&bench->seen[0].last);
}

static void on_raw_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct bench *bench = handle->data;

	*buffer = uv_buf_init((char *)bench->buffer, sizeof(bench->buffer));
}

static void on_raw(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer, const struct sockaddr *sender,
                   unsigned flags)
{
	struct bench *bench = handle->data;
	uint8_t bytes[STAMP_SIZE_AUTHENTICATED];
	struct stamp_reply reply = {.error = {.multiplier = 1}};
	struct stamp_probe probe;
	uv_buf_t out;

	if (size <= 0)
		return;
	T_OK(stamp_decode_probe((const uint8_t *)buffer->base, (size_t)size, key, &probe));
	reply.received = reply.sent = clock_wall(&clock_system);
	reply.session = probe.session;
	reply.sender_sequence = probe.sequence;
	reply.sender_sent = probe.sent;
	reply.sender_error = probe.error;
	bench->forge(bench, &reply);
	size = stamp_encode_reply(&reply, bench->raw_key, bytes, sizeof(bytes));
	T_OK(size);
	out = uv_buf_init((char *)bytes, (unsigned)size);
	if (bench->stranger.type == UV_UDP)
		handle = &bench->stranger;
	for (int i = 0; i < bench->raw_copies; i++)
		T_OK(uv_udp_try_send(handle, &out, 1, sender));
}

static void start_raw(struct bench *bench, const uint8_t *used, int copies,
                      void (*forge)(struct bench *bench, struct stamp_reply *reply))
{
	struct sockaddr_in6 local = {.sin6_family = AF_INET6};
	int length = sizeof(local);

	memcpy(&local.sin6_addr, loopback, sizeof(local.sin6_addr));
	bench->raw.data = bench;
	bench->raw_key = used;
	bench->raw_copies = copies;
	bench->forge = forge;
	T_OK(uv_udp_init(&bench->loop, &bench->raw));
	bench->raw.data = bench;
	T_OK(uv_udp_bind(&bench->raw, (const struct sockaddr *)&local, 0));
	T_OK(uv_udp_recv_start(&bench->raw, on_raw_buffer, on_raw));
	T_OK(uv_udp_getsockname(&bench->raw, (struct sockaddr *)&local, &length));
	bench->port = ntohs(local.sin6_port);
}

static void nothing(struct bench *bench, struct stamp_reply *reply)
{
}

static void number_of_another(struct bench *bench, struct stamp_reply *reply)
{
	reply->session += 1;
}

static void never_sent(struct bench *bench, struct stamp_reply *reply)
{
	reply->sender_sequence += 1000;
}

/* The reflector says that it took longer than the whole round trip. */
static void from_the_future(struct bench *bench, struct stamp_reply *reply)
{
	reply->received -= 10 * CLOCK_SECOND;
}

static void reject_all(struct bench *bench, const uint8_t *used,
                       void (*forge)(struct bench *bench, struct stamp_reply *reply))
{
	start_raw(bench, used, 1, forge);
	start_sender(bench, key);
	WAIT(bench->seen[0].lost == 1);
	T_EQ(bench->seen[0].measured, 0);
	T_EQ(bench->seen[0].last.received, 0);
	T_TRUE(bench->seen[0].last.rejected >= PROBE_WINDOW / 2);
}

static void replies_of_another_key_are_rejected(void **state)
{
	reject_all(*state, other_key, nothing);
}

static void replies_of_another_mode_are_rejected(void **state)
{
	reject_all(*state, NULL, nothing);
}

static void replies_of_another_session_are_rejected(void **state)
{
	reject_all(*state, key, number_of_another);
}

static void replies_to_nothing_are_rejected(void **state)
{
	reject_all(*state, key, never_sent);
}

static void impossible_times_are_rejected(void **state)
{
	reject_all(*state, key, from_the_future);
}

static void doubled_replies_count_once(void **state)
{
	struct bench *bench = *state;

	start_raw(bench, key, 2, nothing);
	start_sender(bench, key);
	WAIT(bench->seen[0].measured >= PROBE_WINDOW);
	T_EQ(bench->seen[0].last.received, bench->seen[0].measured);
	T_TRUE(bench->seen[0].last.rejected >= PROBE_WINDOW / 2);
	T_EQ(bench->seen[0].last.loss, 0);
}

/* Right in every octet, but from another port than the one that was probed. */
static void strangers_are_rejected(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in6 local = {.sin6_family = AF_INET6};

	memcpy(&local.sin6_addr, loopback, sizeof(local.sin6_addr));
	T_OK(uv_udp_init(&bench->loop, &bench->stranger));
	T_OK(uv_udp_bind(&bench->stranger, (const struct sockaddr *)&local, 0));
	reject_all(bench, key, nothing);
}

static void tables_have_their_ends(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, NULL);
	for (int i = 1; i < PROBE_SESSIONS; i++)
		T_OK(probe_reflect(bench->reflector, loopback, 0, 0));
	T_ERROR(probe_reflect(bench->reflector, loopback, 0, 0), BUSBAR_ERROR_TABLE_FULL);
	T_OK(probe_create(&bench->loop, NULL, CLOCK_SECOND, on_measured, bench, &bench->sender));
	for (int i = 0; i < PROBE_SESSIONS; i++)
		T_EQ(add_session(bench, bench->port), i);
	T_ERROR(add_session(bench, bench->port), BUSBAR_ERROR_TABLE_FULL);
}

static void an_address_that_is_not_here_is_an_error(void **state)
{
	struct bench *bench = *state;
	const uint8_t elsewhere[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

	start_reflector(bench, NULL);
	T_TRUE(probe_reflect(bench->reflector, elsewhere, 0, 0) < 0);
	T_TRUE(probe_reflect(bench->reflector, loopback, 0, bench->port) < 0); /* in use */
	start_sender(bench, NULL);
	WAIT(bench->seen[0].measured > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(delay_over_loopback_is_sane),
	        TEST(authenticated_probes_do_the_same),
	        TEST(sessions_are_kept_apart),
	        TEST(probes_of_another_key_are_refused_and_counted),
	        TEST(a_session_is_lost_with_its_reflector_and_comes_back),
	        TEST(replies_of_another_key_are_rejected),
	        TEST(replies_of_another_mode_are_rejected),
	        TEST(replies_of_another_session_are_rejected),
	        TEST(replies_to_nothing_are_rejected),
	        TEST(impossible_times_are_rejected),
	        TEST(doubled_replies_count_once),
	        TEST(strangers_are_rejected),
	        TEST(tables_have_their_ends),
	        TEST(an_address_that_is_not_here_is_an_error),
	};

	return T_RUN(tests);
}
