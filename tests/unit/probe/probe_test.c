/* SPDX-License-Identifier: Apache-2.0 */
/* Probes and reflectors over ::1; every wait is for a condition, with a deadline. */
#include "base/clock.h"
#include "probe/probe.h"
#include "tests/t.h"
#include "wire/stamp.h"
#include <arpa/inet.h>
#include <unistd.h>

enum { INTERVAL = 2 * CLOCK_MILLISECOND, DEADLINE_MILLISECONDS = 20000 };

static const uint8_t loopback[16] = {[15] = 1};
static const uint8_t key[STAMP_KEY] = "the key of this domain", other_key[STAMP_KEY] = "another key";

/* What a sender has said of its sessions. */
struct seen {
	struct probe_news last;
	int measured, lost, silent, loads;
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
	uint8_t buffer[STAMP_MAXIMUM];
};

static void on_deadline(uv_timer_t *timer)
{
	((struct bench *)timer->data)->late = true;
}

static void on_heard(void *context, uint32_t session, const struct probe_news *news)
{
	struct bench *bench = context;
	struct seen *seen = &bench->seen[session];

	T_TRUE(session < 2);
	if (news->lost && !seen->last.lost)
		seen->lost++;
	if (news->state == PROBE_SILENT && seen->last.state != PROBE_SILENT)
		seen->silent++;
	if (!news->lost)
		seen->measured++;
	if (news->has_load)
		seen->loads++;
	seen->last = *news;
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

/* What is counted in the other thread brings no event of its own: the loop is turned, too. */
#define WAIT(condition)                                                \
	do {                                                           \
		while (!(condition) && !bench->late) {                 \
			(void)uv_run(&bench->loop, UV_RUN_NOWAIT);     \
			(void)usleep(500);                             \
		}                                                      \
		if (!(condition))                                      \
			fail_msg("waited in vain for %s", #condition); \
	} while (0)

static struct probe *make(struct bench *bench, const uint8_t *used, uint32_t rate)
{
	const struct probe_settings settings = {.key = used,
	                                        .source_rate = rate,
	                                        .total_rate = rate,
	                                        .seed = 5,
	                                        .heard = on_heard,
	                                        .context = bench};
	struct probe *probe;

	T_OK(probe_create(&bench->loop, &settings, &probe));
	return probe;
}

static struct probe_statistics counts(const struct probe *probe)
{
	struct probe_statistics statistics;

	probe_read_statistics(probe, &statistics);
	return statistics;
}

static uint64_t refused(const struct bench *bench, int code)
{
	return counts(bench->reflector).refused[error_index(code)];
}

static uint64_t rejected(const struct bench *bench, int code)
{
	return counts(bench->sender).rejected[error_index(code)];
}

static void start_reflector(struct bench *bench, const uint8_t *used)
{
	int port;

	bench->reflector = make(bench, used, 100000);
	port = probe_reflect(bench->reflector, loopback, 0, 0);
	T_OK(port);
	T_TRUE(port > 0);
	bench->port = (uint16_t)port;
}

static struct probe_target target_of(uint16_t port)
{
	struct probe_target target = {.port = port};

	memcpy(target.local, loopback, sizeof(target.local));
	memcpy(target.remote, loopback, sizeof(target.remote));
	return target;
}

static int add_session(struct bench *bench, uint16_t port)
{
	struct probe_target target = target_of(port);

	return probe_add(bench->sender, &target, INTERVAL);
}

static void start_sender(struct bench *bench, const uint8_t *used)
{
	bench->sender = make(bench, used, 100000);
	T_EQ(add_session(bench, bench->port), 0);
}

static void check_sane(const struct probe_news *news)
{
	const struct probe_measurement *measurement = &news->measurement;

	T_EQ(news->state, PROBE_HEARD);
	T_TRUE(measurement->delay >= 0 && measurement->delay < CLOCK_SECOND);
	T_TRUE(measurement->round_trip >= measurement->delay);
	T_TRUE(measurement->jitter >= 0 && measurement->jitter < CLOCK_SECOND);
	T_TRUE(measurement->loss <= 1000000);
	T_TRUE(measurement->received <= measurement->sent);
}

static void measure_with(struct bench *bench, const uint8_t *used)
{
	start_reflector(bench, used);
	start_sender(bench, used);
	WAIT(bench->seen[0].last.measurement.received >= 2 * PROBE_WINDOW);
	check_sane(&bench->seen[0].last);
	T_TRUE(bench->seen[0].last.measurement.delay > 0);
	T_TRUE(!bench->seen[0].last.has_load); /* nobody asked */
	T_EQ(bench->seen[0].last.measurement.rejected, 0);
	T_EQ(bench->seen[0].lost, 0);
	T_TRUE(counts(bench->reflector).answered >= 2 * PROBE_WINDOW);
	T_TRUE(counts(bench->sender).received >= 2 * PROBE_WINDOW);
	T_EQ(counts(bench->sender).sessions, 1);
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
	check_sane(&bench->seen[0].last);
	check_sane(&bench->seen[1].last);
	T_EQ(rejected(bench, BUSBAR_ERROR_NOT_FOUND), 0);
}

static struct site_load some_load(uint32_t running)
{
	return (struct site_load){.identity = {7, 1},
	                          .measured = 1,
	                          .running = running,
	                          .resource_count = 1,
	                          .resources = {{.kind = RESOURCE_CPU, .free = 5, .base = 9}}};
}

static void a_session_for_a_load(struct bench *bench, const uint8_t *used)
{
	struct probe_target target;

	start_reflector(bench, used);
	bench->sender = make(bench, used, 100000);
	target = target_of(bench->port);
	target.load = true;
	T_EQ(probe_add(bench->sender, &target, INTERVAL), 0);
}

/* The newest that was published is what comes. */
static void replies_carry_the_load_of_the_site(void **state)
{
	struct bench *bench = *state;
	struct site_load load = some_load(1);

	a_session_for_a_load(bench, key);
	WAIT(bench->seen[0].measured >= 3);
	T_EQ(bench->seen[0].loads, 0); /* there is none yet */
	for (uint32_t i = 1; i <= 5; i++) {
		load.running = i;
		probe_publish(bench->reflector, &load);
		WAIT(bench->seen[0].last.has_load && bench->seen[0].last.load.running == i);
	}
	T_EQ(bench->seen[0].last.load.resources[0].base, 9);
	T_EQ(counts(bench->sender).extensions[error_index(BUSBAR_ERROR_MISSING_FIELD)], 0);
}

static void without_a_key_no_load_is_believed(void **state)
{
	struct bench *bench = *state;
	struct site_load load = some_load(1);

	a_session_for_a_load(bench, NULL);
	probe_publish(bench->reflector, &load);
	WAIT(bench->seen[0].measured >= 10);
	T_EQ(bench->seen[0].loads, 0);
}

static void probes_of_another_key_are_refused_and_counted(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, key);
	start_sender(bench, other_key);
	WAIT(refused(bench, BUSBAR_ERROR_BAD_MAC) >= 5);
	T_EQ(bench->seen[0].measured, 0);
	T_EQ(counts(bench->reflector).answered, 0);
}

/* A source has its rate, whoever it is; the others theirs. */
static void too_many_probes_are_refused_before_they_are_looked_at(void **state)
{
	struct bench *bench = *state;
	int port;

	bench->reflector = make(bench, key, 2);
	port = probe_reflect(bench->reflector, loopback, 0, 0);
	T_OK(port);
	bench->port = (uint16_t)port;
	start_sender(bench, other_key);
	WAIT(refused(bench, BUSBAR_ERROR_RATE) >= 5);
	T_TRUE(refused(bench, BUSBAR_ERROR_BAD_MAC) >= 1);
}

static void a_session_falls_silent_with_its_reflector_and_comes_back(void **state)
{
	struct bench *bench = *state;
	uint64_t received;

	start_reflector(bench, key);
	start_sender(bench, key);
	WAIT(bench->seen[0].measured >= 10);
	probe_close(bench->reflector);
	bench->reflector = NULL;
	WAIT(bench->seen[0].last.state == PROBE_SILENT);
	T_EQ(counts(bench->sender).silent, 1);
	WAIT(bench->seen[0].lost == 1);
	received = bench->seen[0].last.measurement.received;
	T_TRUE(received >= 10); /* still counted when it is lost */
	bench->reflector = make(bench, key, 100000);
	T_EQ(probe_reflect(bench->reflector, loopback, 0, bench->port), bench->port);
	WAIT(bench->seen[0].last.measurement.received > received);
	T_EQ(bench->seen[0].lost, 1); /* told once */
	check_sane(&bench->seen[0].last);
	T_EQ(counts(bench->sender).silent, 0);
}

static void a_session_that_was_never_heard_falls_silent(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, key);
	start_sender(bench, other_key);
	WAIT(bench->seen[0].last.state == PROBE_SILENT);
	T_EQ(bench->seen[0].measured, 0);
	T_TRUE(bench->seen[0].last.lost);
	T_EQ(bench->seen[0].last.measurement.received, 0);
	T_TRUE(bench->seen[0].last.measurement.sent >= PROBE_SILENCE);
}

/* Numbers are used again, and nothing is heard of what had them before. */
static void removed_sessions_are_not_heard_of(void **state)
{
	struct bench *bench = *state;
	struct seen before;

	start_reflector(bench, key);
	start_sender(bench, key);
	T_EQ(add_session(bench, bench->port), 1);
	WAIT(bench->seen[0].measured >= 3 && bench->seen[1].measured >= 3);
	probe_remove(bench->sender, 0);
	before = bench->seen[0];
	WAIT(bench->seen[1].measured >= before.measured + 20);
	T_EQ(bench->seen[0].measured, before.measured);
	T_EQ(counts(bench->sender).sessions, 1);
	memset(&bench->seen[0], 0, sizeof(bench->seen[0]));
	T_EQ(add_session(bench, bench->port), 0);
	WAIT(bench->seen[0].measured >= 3);
	T_TRUE(bench->seen[0].last.measurement.sent < 1000);
}

static void another_target_is_another_session(void **state)
{
	struct bench *bench = *state;
	struct probe_target target;
	int port;

	start_reflector(bench, key);
	start_sender(bench, key);
	WAIT(bench->seen[0].last.measurement.received >= 20);
	port = probe_reflect(bench->reflector, loopback, 0, 0);
	T_OK(port);
	target = target_of((uint16_t)port);
	T_OK(probe_set_target(bench->sender, 0, &target));
	WAIT(bench->seen[0].last.measurement.received < 20 && bench->seen[0].last.measurement.received > 0);
	probe_set_interval(bench->sender, 0, CLOCK_MILLISECOND);
	WAIT(bench->seen[0].last.measurement.received >= 20); /* what is known stays */
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
	uint8_t bytes[STAMP_MAXIMUM];
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

/* Of a former life of the sender, when it used the same sequence. */
static void of_another_time(struct bench *bench, struct stamp_reply *reply)
{
	reply->sender_sent -= 1;
}

/* The reflector says that it took longer than the whole round trip. */
static void from_the_future(struct bench *bench, struct stamp_reply *reply)
{
	reply->received -= 10 * CLOCK_SECOND;
}

static void reject_all(struct bench *bench, const uint8_t *used,
                       void (*forge)(struct bench *bench, struct stamp_reply *reply), int code)
{
	start_raw(bench, used, 1, forge);
	start_sender(bench, key);
	WAIT(rejected(bench, code) >= 5);
	T_EQ(bench->seen[0].measured, 0);
	T_EQ(counts(bench->sender).received, 0);
}

static void replies_of_another_key_are_rejected(void **state)
{
	reject_all(*state, other_key, nothing, BUSBAR_ERROR_BAD_MAC);
}

static void replies_of_another_mode_are_rejected(void **state)
{
	reject_all(*state, NULL, nothing, BUSBAR_ERROR_TRUNCATED);
}

static void replies_of_another_session_are_rejected(void **state)
{
	reject_all(*state, key, number_of_another, BUSBAR_ERROR_NOT_FOUND);
}

static void replies_to_nothing_are_rejected(void **state)
{
	reject_all(*state, key, never_sent, BUSBAR_ERROR_REPLAYED);
}

static void replies_to_probes_of_another_time_are_rejected(void **state)
{
	reject_all(*state, key, of_another_time, BUSBAR_ERROR_REPLAYED);
}

static void impossible_times_are_rejected(void **state)
{
	reject_all(*state, key, from_the_future, BUSBAR_ERROR_MALFORMED);
}

static void doubled_replies_count_once(void **state)
{
	struct bench *bench = *state;

	start_raw(bench, key, 2, nothing);
	start_sender(bench, key);
	WAIT(bench->seen[0].last.measurement.received >= PROBE_WINDOW);
	T_TRUE(bench->seen[0].last.measurement.received <= bench->seen[0].last.measurement.sent);
	WAIT(rejected(bench, BUSBAR_ERROR_REPLAYED) >= PROBE_WINDOW / 2);
	T_EQ(bench->seen[0].last.measurement.loss, 0);
}

/* Right in every octet, but from another port than the one that was probed. */
static void strangers_are_rejected(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in6 local = {.sin6_family = AF_INET6};

	memcpy(&local.sin6_addr, loopback, sizeof(local.sin6_addr));
	T_OK(uv_udp_init(&bench->loop, &bench->stranger));
	T_OK(uv_udp_bind(&bench->stranger, (const struct sockaddr *)&local, 0));
	reject_all(bench, key, nothing, BUSBAR_ERROR_NOT_FOUND);
}

static void tables_have_their_ends(void **state)
{
	struct bench *bench = *state;

	start_reflector(bench, NULL);
	for (int i = 1; i < PROBE_SOCKETS; i++)
		T_OK(probe_reflect(bench->reflector, loopback, 0, 0));
	T_ERROR(probe_reflect(bench->reflector, loopback, 0, 0), BUSBAR_ERROR_TABLE_FULL);
	bench->sender = make(bench, NULL, 1000);
	for (int i = 0; i < PROBE_SESSIONS; i++) {
		struct probe_target target = target_of(bench->port);

		T_EQ(probe_add(bench->sender, &target, 1000 * CLOCK_SECOND), i);
	}
	T_ERROR(add_session(bench, bench->port), BUSBAR_ERROR_TABLE_FULL);
	probe_remove(bench->sender, 77);
	T_TRUE(counts(bench->sender).bytes < (size_t)8 << 20);
}

static void what_cannot_be_is_an_error(void **state)
{
	struct bench *bench = *state;
	const uint8_t elsewhere[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	struct probe_target target;

	start_reflector(bench, NULL);
	T_TRUE(probe_reflect(bench->reflector, elsewhere, 0, 0) < 0);
	T_TRUE(probe_reflect(bench->reflector, loopback, 0, bench->port) < 0); /* in use */
	start_sender(bench, NULL);
	target = target_of(bench->port);
	target.segment_count = 1; /* without the domain's key for them */
	T_ERROR(probe_add(bench->sender, &target, INTERVAL), -ENOTSUP);
	target.segment_count = STAMP_SEGMENTS + 1;
	T_ERROR(probe_add(bench->sender, &target, INTERVAL), -EINVAL);
	T_ERROR(probe_add(bench->sender, &target, 0), -EINVAL);
	WAIT(bench->seen[0].measured > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(delay_over_loopback_is_sane),
	        TEST(authenticated_probes_do_the_same),
	        TEST(sessions_are_kept_apart),
	        TEST(replies_carry_the_load_of_the_site),
	        TEST(without_a_key_no_load_is_believed),
	        TEST(probes_of_another_key_are_refused_and_counted),
	        TEST(too_many_probes_are_refused_before_they_are_looked_at),
	        TEST(a_session_falls_silent_with_its_reflector_and_comes_back),
	        TEST(a_session_that_was_never_heard_falls_silent),
	        TEST(removed_sessions_are_not_heard_of),
	        TEST(another_target_is_another_session),
	        TEST(replies_of_another_key_are_rejected),
	        TEST(replies_of_another_mode_are_rejected),
	        TEST(replies_of_another_session_are_rejected),
	        TEST(replies_to_nothing_are_rejected),
	        TEST(replies_to_probes_of_another_time_are_rejected),
	        TEST(impossible_times_are_rejected),
	        TEST(doubled_replies_count_once),
	        TEST(strangers_are_rejected),
	        TEST(tables_have_their_ends),
	        TEST(what_cannot_be_is_an_error),
	};

	return T_RUN(tests);
}
