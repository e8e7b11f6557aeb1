/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups as this host has them, version 1 or 2. Needs root. */
#include "t.h"

#include "base/clock.h"
#include "supply/cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEBIBYTE (UINT64_C(1) << 20)
#define PATIENCE (5 * CLOCK_SECOND)

static const struct cgroup_limits modest = {.cpu = 500000, .memory = 64 * MEBIBYTE, .processes = 8};

static const char *base(void)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "busbar-cgroup-test/%d", getpid());
	return name;
}

static void own(struct cgroup_tree *tree)
{
	T_OK(cgroup_tree_own(tree, CGROUP_ROOT, base(), 0));
}

static void disown(struct cgroup_tree *tree)
{
	cgroup_tree_remove(tree);
	cgroup_tree_close(tree);
}

/* The first line of a group's file, whichever hierarchy has it. */
static void read_file(const struct cgroup *group, const char *file, char text[64])
{
	const struct cgroup_tree *tree = group->tree;
	char path[256];

	for (int i = 0; i < tree->hierarchies; i++) {
		FILE *opened;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/%s", tree->base[i], group->name,
		               file);
		opened = fopen(path, "r");
		if (opened == NULL)
			continue;
		T_TRUE(fgets(text, 64, opened) != NULL);
		(void)fclose(opened);
		return;
	}
	fail_msg("no %s", file);
}

/* Version 2 members are born in their group by CLONE_INTO_CGROUP; this test's children move instead. */
static int move_into(const struct cgroup *group)
{
	int descriptor = cgroup_descriptor(group);
	char path[64];
	FILE *file;

	if (descriptor < 0)
		return cgroup_enter(group);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/cgroup.procs", descriptor);
	file = fopen(path, "w");
	return file == NULL || fputs("0", file) < 0 || fclose(file) != 0 ? -1 : 0;
}

/* A child in the group that works until it ends or is killed. */
static pid_t start_member(const struct cgroup *group, void (*work)(void))
{
	int ready[2];
	char letter;
	pid_t child;

	T_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (move_into(group) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		work();
		_exit(0);
	}
	close(ready[1]);
	T_EQ(read(ready[0], &letter, 1), 1);
	close(ready[0]);
	return child;
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

static void burn(void)
{
	for (;;)
		;
}

static void eat(void)
{
	volatile char *memory = malloc(200 * MEBIBYTE);

	for (size_t i = 0; memory != NULL && i < 200 * MEBIBYTE; i += 4096)
		memory[i] = 1;
}

static void remove_until_gone(const struct cgroup *group)
{
	int64_t end = clock_monotonic(&clock_system) + PATIENCE;
	int code;

	while ((code = cgroup_remove(group)) == -EBUSY)
		T_TRUE(clock_monotonic(&clock_system) < end);
	T_OK(code);
}

static void limits_are_written(void **state)
{
	struct cgroup_tree tree;
	struct cgroup group;
	char text[64];

	own(&tree);
	T_OK(cgroup_make(&tree, "one", &modest, &group));
	if (cgroup_tree_version(&tree) == 2) {
		read_file(&group, "cpu.max", text);
		T_TEXT(text, "50000 100000\n");
		read_file(&group, "memory.max", text);
	} else {
		read_file(&group, "cpu.cfs_quota_us", text);
		T_TEXT(text, "50000\n");
		read_file(&group, "memory.limit_in_bytes", text);
	}
	T_TEXT(text, "67108864\n");
	read_file(&group, "pids.max", text);
	T_TEXT(text, "8\n");
	T_ERROR(cgroup_make(&tree, "one", &modest, &group), -EEXIST);
	T_OK(cgroup_remove(&group));
	T_OK(cgroup_remove(&group));
	disown(&tree);
	cgroup_tree_close(&tree);
}

static void the_smallest_and_largest_limits_hold(void **state)
{
	const struct cgroup_limits small = {.cpu = 1, .memory = 16 * MEBIBYTE, .processes = 1};
	const struct cgroup_limits large = {.cpu = UINT64_C(1000000) * 1000,
	                                    .memory = UINT64_C(1) << 50,
	                                    .processes = 100000};
	struct cgroup_tree tree;
	struct cgroup group;

	own(&tree);
	T_OK(cgroup_make(&tree, "small", &small, &group));
	T_OK(cgroup_remove(&group));
	T_OK(cgroup_make(&tree, "large", &large, &group));
	T_OK(cgroup_remove(&group));
	disown(&tree);
}

static void names_stay_below_the_base(void **state)
{
	static const char *const bases[] = {"", "/", "/x", "..", "x/../../y"};
	static const char *const names[] = {"",   ".",   "..",
	                                    ".x", "a/b", "0123456789012345678901234567890123456789"};
	struct cgroup_tree tree;
	struct cgroup group;

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		T_ERROR(cgroup_tree_own(&tree, CGROUP_ROOT, bases[i], 0), BUSBAR_ERROR_BAD_VALUE);
	own(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		T_ERROR(cgroup_make(&tree, names[i], &modest, &group), BUSBAR_ERROR_BAD_VALUE);
	disown(&tree);
	T_ERROR(cgroup_tree_watch(&tree, CGROUP_ROOT, base()), -ENOENT);
	T_ERROR(cgroup_tree_own(&tree, "/usr", base(), 0), BUSBAR_ERROR_NOT_SUPPORTED);
}

static void a_base_is_locked(void **state)
{
	struct cgroup_tree first, second;

	own(&first);
	T_ERROR(cgroup_tree_own(&second, CGROUP_ROOT, base(), 0), BUSBAR_ERROR_STATE);
	/* Watching is free. */
	T_OK(cgroup_tree_watch(&second, CGROUP_ROOT, base()));
	cgroup_tree_close(&second);
	cgroup_tree_close(&first);
	own(&first);
	disown(&first);
}

/* Owns the base, says so, and gives it up at once. */
static void own_for_a_moment(const char *name, int tell)
{
	struct cgroup_tree tree;
	bool owned = cgroup_tree_own(&tree, CGROUP_ROOT, name, 0) == 0 && write(tell, "", 1) == 1;

	if (owned) {
		cgroup_tree_remove(&tree);
		cgroup_tree_close(&tree);
	}
	_exit(owned ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void an_owner_that_ends_is_waited_for(void **state)
{
	const char *name = base();

	for (int i = 0; i < 50; i++) {
		struct cgroup_tree tree;
		char told;
		int ends[2], status;
		pid_t child;

		T_OK(pipe2(ends, O_CLOEXEC));
		child = fork();
		if (child == 0)
			own_for_a_moment(name, ends[1]);
		T_TRUE(child > 0 && read(ends[0], &told, 1) == 1);
		T_OK(cgroup_tree_own(&tree, CGROUP_ROOT, name, 10 * CLOCK_SECOND));
		T_TRUE(waitpid(child, &status, 0) == child && status == 0);
		/* It owns what is there now, not what the other removed. */
		T_ERROR(cgroup_tree_own(&(struct cgroup_tree){0}, CGROUP_ROOT, name, 0), BUSBAR_ERROR_STATE);
		disown(&tree);
		close(ends[0]);
		close(ends[1]);
	}
}

static void use_is_measured(void **state)
{
	struct cgroup_tree tree, watched;
	struct cgroup group, seen;
	struct cgroup_usage usage = {0};
	int64_t end = clock_monotonic(&clock_system) + PATIENCE;
	pid_t child;

	own(&tree);
	T_OK(cgroup_tree_watch(&watched, CGROUP_ROOT, base()));
	T_OK(cgroup_make(&tree, "one", &modest, &group));
	T_OK(cgroup_name(&watched, "one", &seen));
	child = start_member(&group, burn);
	while (usage.cpu < 100 * CLOCK_MILLISECOND && clock_monotonic(&clock_system) < end)
		T_OK(cgroup_measure(&seen, &usage));
	T_TRUE(usage.cpu >= 100 * CLOCK_MILLISECOND);
	T_EQ(usage.memory_kills, 0);
	T_ERROR(cgroup_remove(&group), -EBUSY);
	T_OK(cgroup_kill(&group));
	T_EQ(waitpid(child, NULL, 0), child);
	remove_until_gone(&group);
	T_ERROR(cgroup_measure(&seen, &usage), -ENOENT);
	cgroup_tree_close(&watched);
	disown(&tree);
}

static void memory_kills_are_counted(void **state)
{
	struct cgroup_tree tree;
	struct cgroup group;
	struct cgroup_usage usage;
	int status;
	pid_t child;

	own(&tree);
	T_OK(cgroup_make(&tree, "one", &modest, &group));
	child = start_member(&group, eat);
	T_EQ(waitpid(child, &status, 0), child);
	T_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	T_OK(cgroup_measure(&group, &usage));
	T_TRUE(usage.memory_kills >= 1);
	T_TRUE(usage.memory_peak > 60 * MEBIBYTE && usage.memory_peak <= 64 * MEBIBYTE);
	remove_until_gone(&group);
	disown(&tree);
}

static void what_was_left_is_swept(void **state)
{
	static const char *const names[] = {"one", "two", "three"};
	struct cgroup_tree tree;
	struct cgroup group;
	pid_t children[ARRAY_SIZE(names)];
	int count;

	own(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		T_OK(cgroup_make(&tree, names[i], &modest, &group));
		children[i] = start_member(&group, sleep_on);
	}
	/* The dead are collected by the kernel, as strangers' processes are by init. */
	(void)signal(SIGCHLD, SIG_IGN);
	count = cgroup_tree_sweep(&tree, PATIENCE);
	(void)signal(SIGCHLD, SIG_DFL);
	T_EQ(count, 3);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		T_TRUE(waitpid(children[i], NULL, 0) < 0 && errno == ECHILD);
	T_EQ(cgroup_tree_sweep(&tree, PATIENCE), 0);
	disown(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(limits_are_written),
	        cmocka_unit_test(the_smallest_and_largest_limits_hold),
	        cmocka_unit_test(names_stay_below_the_base),
	        cmocka_unit_test(a_base_is_locked),
	        cmocka_unit_test(an_owner_that_ends_is_waited_for),
	        cmocka_unit_test(use_is_measured),
	        cmocka_unit_test(memory_kills_are_counted),
	        cmocka_unit_test(what_was_left_is_swept),
	};
	struct cgroup_tree tree;

	if (geteuid() != 0 || cgroup_tree_own(&tree, CGROUP_ROOT, base(), 0) < 0) {
		puts("1..0 # SKIP needs root and control groups with memory, cpu and pids");
		return 0;
	}
	printf("# control groups version %d\n", cgroup_tree_version(&tree));
	disown(&tree);
	return T_RUN(tests);
}
