/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two speakers with a BIRD between them, which knows nothing of our attribute: one connects to it, to the
 * other it connects. In a network namespace of the test's own, since BIRD refuses a next hop that is its own
 * address; skipped where that or BIRD is not to be had.
 */
#include "base/random.h"
#include "tests/unit/bgp/speaker_harness.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { A, C };
enum { AS_A = 65001, AS_BIRD = 65010, AS_C = 65003, PORT = 1790 };

static const uint8_t anycast[16] = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0x75, [15] = 1};
static const uint8_t locator[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 3};
static const char *const addresses[] = {"fd00:bb::a/128", "fd00:bb::b/128", "fd00:bb::c/128"};
static const char *const places[] = {"/usr/sbin/bird", "/usr/local/sbin/bird", "/usr/bin/bird"};

struct fixture {
	struct harness harness;
	char folder[64];
	pid_t bird;
	uint8_t attribute_a[SPEAKER_ATTRIBUTE_MAXIMUM], attribute_c[200];
};

static const char *find_bird(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static bool run(const char *const arguments[])
{
	pid_t child;
	int status;

	return posix_spawnp(&child, arguments[0], NULL, NULL, (char *const *)arguments, environ) == 0 &&
	       waitpid(child, &status, 0) == child && status == 0;
}

/* A namespace whose loopback has three addresses. */
static bool enter_namespace(void)
{
	static const char *const up[] = {"ip", "link", "set", "lo", "up", NULL};

	if (unshare(CLONE_NEWNET) < 0 || !run(up))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const char *const add[] = {"ip", "address", "add", addresses[i], "dev", "lo", "nodad", NULL};

		if (!run(add))
			return false;
	}
	return true;
}

static const char *path_of(const struct fixture *fixture, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", fixture->folder, name);
	return path;
}

static void write_configuration(const struct fixture *fixture, uint16_t port_c)
{
	char path[128];
	FILE *file = fopen(path_of(fixture, "bird.conf", path), "w");

	T_TRUE(file != NULL);
	fprintf(file,
	        "log stderr all;\nrouter id 10.9.9.9;\nprotocol device { }\n"
	        "template bgp common {\n"
	        "  strict bind yes; multihop; enable extended messages yes;\n"
	        "  error wait time 1, 2; connect delay time 1; connect retry time 1;\n"
	        "  ipv6 { import all; export all; add paths yes; };\n}\n"
	        "protocol bgp a from common { local fd00:bb::b port %u as %u; neighbor fd00:bb::a as %u; "
	        "passive yes; }\n"
	        "protocol bgp c from common { local fd00:bb::b port %u as %u; neighbor fd00:bb::c port %u as "
	        "%u; }\n",
	        PORT, AS_BIRD, AS_A, PORT, AS_BIRD, port_c, AS_C);
	T_EQ(fclose(file), 0);
}

static void run_bird(const struct fixture *fixture, const char *program)
{
	char configuration[128], control[128], note[128], log[128];
	int descriptor;

	path_of(fixture, "bird.conf", configuration);
	path_of(fixture, "control", control);
	path_of(fixture, "pid", note);
	descriptor = open(path_of(fixture, "log", log), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* also when the test fails */
	if (descriptor < 0 || dup2(descriptor, STDERR_FILENO) < 0)
		_exit(126);
	execl(program, program, "-f", "-c", configuration, "-s", control, "-P", note, (char *)NULL);
	_exit(127);
}

static void start_node(struct fixture *fixture, size_t index, uint16_t port, bool passive)
{
	const uint32_t domain[] = {AS_A, AS_BIRD, AS_C};
	struct speaker_peer peer = harness_peer("bird", AS_BIRD, port, passive);

	memcpy(peer.local, (const uint8_t[16]){0xfd, 0, 0, 0xbb, [15] = index == A ? 0xa : 0xc}, 16);
	memcpy(peer.remote, (const uint8_t[16]){0xfd, 0, 0, 0xbb, [15] = 0xb}, 16);

	harness_start(&fixture->harness, index, index == A ? AS_A : AS_C,
	              (struct speaker_settings){.peer_count = 1,
	                                        .peers = &peer,
	                                        .domain = domain,
	                                        .domain_count = 3,
	                                        .hold = 9000000000});
}

/* NULL where there is no BIRD, or no namespace to be had. */
static struct fixture *open_fixture(void)
{
	const char *program = find_bird();
	struct fixture *fixture;
	struct random random;

	if (program == NULL || !enter_namespace()) {
		print_message("# %s\n",
		              program == NULL ? "BIRD is not installed" : "no network namespace here");
		return NULL;
	}
	fixture = calloc(1, sizeof(*fixture));
	T_TRUE(fixture != NULL);
	random_seed(&random, 21);
	random_fill(&random, fixture->attribute_a, sizeof(fixture->attribute_a));
	random_fill(&random, fixture->attribute_c, sizeof(fixture->attribute_c));
	(void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/bgp-bird-test-XXXXXX");
	T_TRUE(mkdtemp(fixture->folder) != NULL);
	harness_open(&fixture->harness);
	start_node(fixture, A, PORT, false);
	start_node(fixture, C, 0, true);
	write_configuration(fixture, speaker_port(fixture->harness.nodes[C].speaker));
	fixture->bird = fork();
	T_TRUE(fixture->bird >= 0);
	if (fixture->bird == 0)
		run_bird(fixture, program);
	return fixture;
}

static void shut_fixture(struct fixture *fixture)
{
	static const char *const names[] = {"bird.conf", "control", "pid", "log"};
	char path[128];

	harness_shut(&fixture->harness);
	T_OK(kill(fixture->bird, SIGTERM));
	T_EQ(waitpid(fixture->bird, NULL, 0), fixture->bird);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(path_of(fixture, names[i], path));
	T_OK(rmdir(fixture->folder));
	free(fixture);
}

static bool has(const struct harness *harness, size_t index, const uint8_t prefix[16], uint32_t origin_as)
{
	return harness_find(&harness->nodes[index], prefix, origin_as) != NULL;
}

static bool anycast_on_both_sides(struct harness *harness)
{
	return has(harness, A, anycast, AS_C) && has(harness, C, anycast, AS_A) &&
	       has(harness, A, locator, AS_C);
}

static void expect(const struct harness *harness, size_t index, uint32_t origin_as, const uint8_t *attribute,
                   size_t size)
{
	const struct harness_route *route = harness_find(&harness->nodes[index], anycast, origin_as);

	T_EQ(route->attribute_size, size);
	T_BYTES(route->attribute, attribute, size);
	T_EQ(route->as_path_count, 2);
	T_EQ(route->as_path[0], AS_BIRD);
	T_EQ(route->as_path[1], origin_as);
}

static struct speaker *speaker(struct fixture *fixture, size_t index)
{
	return fixture->harness.nodes[index].speaker;
}

static bool c_has_newer(struct harness *harness)
{
	const struct harness_route *route = harness_find(&harness->nodes[C], anycast, AS_A);

	return route != NULL && route->attribute_size == 5 && memcmp(route->attribute, "newer", 5) == 0;
}

static bool c_lost_a(struct harness *harness)
{
	return !has(harness, C, anycast, AS_A);
}

static void test_through_bird(void **state)
{
	struct fixture *fixture = open_fixture();
	struct harness *harness;
	struct speaker_statistics statistics;

	if (fixture == NULL) {
		skip();
		return;
	}
	harness = &fixture->harness;
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, fixture->attribute_a,
	                      sizeof(fixture->attribute_a)));
	T_OK(speaker_announce(speaker(fixture, C), anycast, 128, fixture->attribute_c,
	                      sizeof(fixture->attribute_c)));
	T_OK(speaker_announce(speaker(fixture, C), locator, 48, NULL, 0));
	harness_until(harness, anycast_on_both_sides);
	expect(harness, C, AS_A, fixture->attribute_a, sizeof(fixture->attribute_a));
	expect(harness, A, AS_C, fixture->attribute_c, sizeof(fixture->attribute_c));
	T_OK(speaker_announce(speaker(fixture, A), anycast, 128, (const uint8_t *)"newer", 5));
	harness_until(harness, c_has_newer);
	speaker_statistics(speaker(fixture, C), &statistics);
	T_EQ(statistics.withdrawn_for_error, 0);
	T_EQ(statistics.discarded_attributes, 0);
	T_EQ(statistics.sessions_lost, 0);
	harness_stop(harness, A);
	harness_until(harness, c_lost_a);
	T_EQ(harness_count(&harness->nodes[C]), 0);
	T_TRUE(harness->nodes[C].established[0]);
	shut_fixture(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_through_bird)};

	return T_RUN(tests);
}
