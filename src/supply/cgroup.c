/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups by their file systems (Linux: admin-guide/cgroup-v1, admin-guide/cgroup-v2).
 *
 * All paths are relative to descriptors of the base folders, so that a group costs no descriptor. Limits are
 * rows of a table: which controller has them, in which file, in which unit.
 */
#include "supply/cgroup.h"

#include "base/clock.h"
#include "base/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MAKE_TRIES = 8,       /* another owner may remove a shared parent at the same moment */
	PERIOD = 100000,      /* microseconds: over which the processor quota is enforced */
	QUOTA_MINIMUM = 1000, /* microseconds: the kernel's */
	FILE_SIZE = 4096,     /* bytes: the longest interface file that is read */
	RECHECK = 2,          /* milliseconds between two looks at what has no notification */
	MEMORY = 0,           /* index into version_1 */
	CPU = 1,
	ACCOUNT = 2,
	PIDS = 3,
};

static const char *const version_1[] = {"memory", "cpu", "cpuacct", "pids"};
static const char *const version_2[] = {""};
_Static_assert(ARRAY_SIZE(version_1) == CGROUP_HIERARCHIES, "hierarchies");

static int write_text(int folder, const char *path, const char *text)
{
	int file = openat(folder, path, O_WRONLY | O_CLOEXEC);
	int code = 0;

	if (file < 0)
		return -errno;
	if (write(file, text, strlen(text)) < 0)
		code = -errno;
	close(file);
	return code;
}

static int read_text(int folder, const char *path, char text[FILE_SIZE])
{
	int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (file < 0)
		return -errno;
	size = read(file, text, FILE_SIZE - 1);
	if (size < 0)
		size = -errno;
	else
		text[size] = '\0';
	close(file);
	return (int)MINIMUM(size, 0);
}

/* The number alone (key NULL), or the number on the line "key number". */
static int read_number(int folder, const char *path, const char *key, uint64_t *ret_number)
{
	char text[FILE_SIZE];
	char *line = text;
	char *rest = NULL;
	int code = read_text(folder, path, text);

	if (code < 0)
		return code;
	if (key == NULL) {
		*ret_number = strtoull(text, NULL, 10);
		return 0;
	}
	while ((line = strtok_r(line, "\n", &rest)) != NULL) {
		size_t length = strlen(key);
		if (strncmp(line, key, length) == 0 && line[length] == ' ') {
			*ret_number = strtoull(line + length, NULL, 10);
			return 0;
		}
		line = NULL;
	}
	return -ENODATA;
}

static int open_folder(int folder, const char *path)
{
	int descriptor = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return descriptor < 0 ? -errno : descriptor;
}

int cgroup_tree_version(const struct cgroup_tree *tree)
{
	return tree->controllers == version_2 ? 2 : 1;
}

void cgroup_tree_close(struct cgroup_tree *tree)
{
	for (int i = 0; i < tree->hierarchies; i++) {
		if (tree->base[i] >= 0)
			close(tree->base[i]);
		if (tree->root[i] >= 0)
			close(tree->root[i]);
	}
	memset(tree, 0, sizeof(*tree));
}

/* Opens the hierarchies' roots; the base folders are still to be opened. */
static int open_roots(struct cgroup_tree *tree, const char *root, const char *base)
{
	char path[PATH_MAX];
	int code = 0;

	memset(tree, 0, sizeof(*tree));
	if (*base == '\0' || *base == '/' || strstr(base, "..") != NULL || strlen(base) >= sizeof(tree->path))
		return BUSBAR_ERROR_BAD_VALUE;
	snprintf(tree->path, sizeof(tree->path), "%s", base);
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	tree->controllers = access(path, F_OK) == 0 ? version_2 : version_1;
	tree->hierarchies = tree->controllers == version_2 ? ARRAY_SIZE(version_2) : ARRAY_SIZE(version_1);
	for (int i = 0; i < CGROUP_HIERARCHIES; i++)
		tree->root[i] = tree->base[i] = -1;
	for (int i = 0; i < tree->hierarchies && code == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, tree->controllers[i]);
		tree->root[i] = open_folder(AT_FDCWD, path);
		if (tree->root[i] < 0)
			code = tree->root[i] == -ENOENT ? BUSBAR_ERROR_NOT_SUPPORTED : tree->root[i];
	}
	if (code < 0)
		cgroup_tree_close(tree);
	return code;
}

/* Version 2 hands controllers down one level at a time. */
static int enable_controllers(int folder)
{
	int code = write_text(folder, "cgroup.subtree_control", "+memory +cpu +pids");
	return code == -ENOENT || code == -EINVAL ? BUSBAR_ERROR_NOT_SUPPORTED : code;
}

/* One pass over the components of the base path. */
static int make_base(const struct cgroup_tree *tree, int root)
{
	char path[CGROUP_BASE];
	char *rest = NULL;
	int folder = dup(root);
	int code = folder < 0 ? -errno : 0;

	snprintf(path, sizeof(path), "%s", tree->path);
	for (char *name = strtok_r(path, "/", &rest); name != NULL && code == 0;
	     name = strtok_r(NULL, "/", &rest)) {
		int next;
		if (cgroup_tree_version(tree) == 2 && (code = enable_controllers(folder)) < 0)
			break;
		if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST) {
			code = -errno;
			break;
		}
		next = open_folder(folder, name);
		code = MINIMUM(next, 0);
		if (next >= 0) {
			close(folder);
			folder = next;
		}
	}
	if (code == 0 && cgroup_tree_version(tree) == 2)
		code = enable_controllers(folder);
	if (code < 0 && folder >= 0)
		close(folder);
	return code < 0 ? code : folder;
}

/* Whether the base path still leads to the folder: its owner before may have removed it. */
static bool is_in_place(const struct cgroup_tree *tree, int index, int folder)
{
	struct stat here, there;

	return fstat(folder, &here) == 0 && fstatat(tree->root[index], tree->path, &there, 0) == 0 &&
	       here.st_ino == there.st_ino;
}

/* 0; BUSBAR_ERROR_STATE when somebody else owns it, or did a moment ago. */
static int lock_base(const struct cgroup_tree *tree, int index, int folder)
{
	if (flock(folder, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? BUSBAR_ERROR_STATE : -errno;
	return is_in_place(tree, index, folder) ? 0 : BUSBAR_ERROR_STATE;
}

static int own_hierarchy(struct cgroup_tree *tree, int index)
{
	int folder = -ENOENT;

	for (int try = 0; try < MAKE_TRIES && folder == -ENOENT; try++)
		folder = make_base(tree, tree->root[index]);
	if (folder < 0)
		return folder;
	tree->base[index] = folder;
	/* Two controllers may share one mount: then the second lock is on the same folder. */
	return index == ACCOUNT ? 0 : lock_base(tree, index, folder);
}

static int try_to_own(struct cgroup_tree *tree, const char *root, const char *base)
{
	int code = open_roots(tree, root, base);

	for (int i = 0; i < tree->hierarchies && code == 0; i++)
		code = own_hierarchy(tree, i);
	if (code < 0)
		cgroup_tree_close(tree);
	return code;
}

int cgroup_tree_own(struct cgroup_tree *tree, const char *root, const char *base, int64_t patience)
{
	int64_t end = clock_monotonic(&clock_system) + patience;
	int code = try_to_own(tree, root, base);

	while (code == BUSBAR_ERROR_STATE && clock_monotonic(&clock_system) < end) {
		(void)poll(NULL, 0, RECHECK);
		code = try_to_own(tree, root, base);
	}
	return code;
}

int cgroup_tree_watch(struct cgroup_tree *tree, const char *root, const char *base)
{
	int code = open_roots(tree, root, base);

	for (int i = 0; i < tree->hierarchies && code == 0; i++) {
		tree->base[i] = open_folder(tree->root[i], tree->path);
		code = MINIMUM(tree->base[i], 0);
	}
	if (code < 0)
		cgroup_tree_close(tree);
	return code;
}

void cgroup_tree_remove(struct cgroup_tree *tree)
{
	for (int i = 0; i < tree->hierarchies; i++) {
		char path[CGROUP_BASE];
		char *end = path;

		snprintf(path, sizeof(path), "%s", tree->path);
		while (end != NULL && unlinkat(tree->root[i], path, AT_REMOVEDIR) == 0) {
			end = strrchr(path, '/');
			if (end != NULL)
				*end = '\0';
		}
	}
}

/* Rows of limits: `controller` is the version 1 hierarchy that has the file. */
struct limit {
	int controller;
	const char *file;
	void (*format)(const struct cgroup_limits *limits, char text[FILE_SIZE]);
	bool optional; /* the kernel may have been built without it */
};

static uint64_t quota(const struct cgroup_limits *limits)
{
	uint64_t microseconds = limits->cpu > UINT64_MAX / PERIOD ? UINT64_MAX : limits->cpu * PERIOD;
	return MAXIMUM(microseconds / 1000000, QUOTA_MINIMUM);
}

static void format_memory(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "%" PRIu64, limits->memory);
}

static void format_processes(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "%" PRIu64, limits->processes);
}

static void format_period(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "%d", PERIOD);
}

static void format_quota(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "%" PRIu64, quota(limits));
}

static void format_quota_and_period(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "%" PRIu64 " %d", quota(limits), PERIOD);
}

static void format_zero(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "0");
}

static void format_one(const struct cgroup_limits *limits, char text[FILE_SIZE])
{
	snprintf(text, FILE_SIZE, "1");
}

static const struct limit limits_1[] = {
        {MEMORY, "memory.limit_in_bytes", format_memory, false},
        {MEMORY, "memory.memsw.limit_in_bytes", format_memory, true},
        {CPU, "cpu.cfs_period_us", format_period, false},
        {CPU, "cpu.cfs_quota_us", format_quota, false},
        {PIDS, "pids.max", format_processes, false},
};
static const struct limit limits_2[] = {
        {0, "memory.max", format_memory, false},   {0, "memory.swap.max", format_zero, true},
        {0, "memory.oom.group", format_one, true}, {0, "cpu.max", format_quota_and_period, false},
        {0, "pids.max", format_processes, false},
};

/* "name/file" below the base of a hierarchy. */
static const char *group_path(const struct cgroup *group, const char *file, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", group->name, file);
	return path;
}

static int set_limits(const struct cgroup *group, const struct cgroup_limits *limits)
{
	bool second = cgroup_tree_version(group->tree) == 2;
	const struct limit *rows = second ? limits_2 : limits_1;
	size_t count = second ? ARRAY_SIZE(limits_2) : ARRAY_SIZE(limits_1);

	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		char text[FILE_SIZE];
		int code;

		rows[i].format(limits, text);
		code = write_text(group->tree->base[rows[i].controller],
		                  group_path(group, rows[i].file, path), text);
		if (code < 0 && !(rows[i].optional && code == -ENOENT))
			return code;
	}
	return 0;
}

int cgroup_name(const struct cgroup_tree *tree, const char *name, struct cgroup *ret_group)
{
	if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL ||
	    strlen(name) >= sizeof(ret_group->name))
		return BUSBAR_ERROR_BAD_VALUE;
	ret_group->tree = tree;
	snprintf(ret_group->name, sizeof(ret_group->name), "%s", name);
	return 0;
}

int cgroup_make(const struct cgroup_tree *tree, const char *name, const struct cgroup_limits *limits,
                struct cgroup *ret_group)
{
	struct cgroup group;
	int made = 0;
	int code = cgroup_name(tree, name, &group);

	if (code < 0)
		return code;
	for (; made < tree->hierarchies; made++) {
		/* cpu and cpuacct may be one mount: the folder is there already then. */
		bool shared = made == ACCOUNT && faccessat(tree->base[made], name, F_OK, 0) == 0;
		if (!shared && mkdirat(tree->base[made], name, 0755) < 0) {
			code = -errno;
			goto err_made;
		}
	}
	code = set_limits(&group, limits);
	if (code < 0)
		goto err_made;
	*ret_group = group;
	return 0;
err_made:
	while (made-- > 0)
		(void)unlinkat(tree->base[made], name, AT_REMOVEDIR);
	return code;
}

int cgroup_descriptor(const struct cgroup *group)
{
	if (cgroup_tree_version(group->tree) == 1)
		return -1;
	return open_folder(group->tree->base[0], group->name);
}

int cgroup_enter(const struct cgroup *group)
{
	int code = 0;

	if (cgroup_tree_version(group->tree) == 2)
		return 0;
	for (int i = 0; i < group->tree->hierarchies && code == 0; i++) {
		char path[PATH_MAX];
		code = write_text(group->tree->base[i], group_path(group, "tasks", path), "0");
	}
	return code;
}

static int measure_1(const struct cgroup *group, struct cgroup_usage *usage)
{
	const int *base = group->tree->base;
	char path[PATH_MAX];
	uint64_t cpu;
	int code = read_number(base[ACCOUNT], group_path(group, "cpuacct.usage", path), NULL, &cpu);

	if (code < 0)
		return code;
	usage->cpu = (int64_t)cpu;
	code = read_number(base[MEMORY], group_path(group, "memory.max_usage_in_bytes", path), NULL,
	                   &usage->memory_peak);
	if (code < 0)
		return code;
	return read_number(base[MEMORY], group_path(group, "memory.oom_control", path), "oom_kill",
	                   &usage->memory_kills);
}

static int measure_2(const struct cgroup *group, struct cgroup_usage *usage)
{
	int base = group->tree->base[0];
	char path[PATH_MAX];
	uint64_t cpu;
	int code = read_number(base, group_path(group, "cpu.stat", path), "usage_usec", &cpu);

	if (code < 0)
		return code;
	usage->cpu = (int64_t)cpu * CLOCK_MICROSECOND;
	/* Before Linux 5.19 there is no peak: the present value is the best lower bound. */
	code = read_number(base, group_path(group, "memory.peak", path), NULL, &usage->memory_peak);
	if (code == -ENOENT)
		code = read_number(base, group_path(group, "memory.current", path), NULL,
		                   &usage->memory_peak);
	if (code < 0)
		return code;
	return read_number(base, group_path(group, "memory.events", path), "oom_kill", &usage->memory_kills);
}

int cgroup_measure(const struct cgroup *group, struct cgroup_usage *ret_usage)
{
	struct cgroup_usage usage = {0};
	int code =
	        cgroup_tree_version(group->tree) == 2 ? measure_2(group, &usage) : measure_1(group, &usage);

	if (code == 0)
		*ret_usage = usage;
	return code;
}

/* Kills the processes that a list file names; a fork that races with it is caught by the next call. */
static int kill_listed(int folder, const char *path)
{
	int descriptor = openat(folder, path, O_RDONLY | O_CLOEXEC);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
	int count = 0;
	int process;

	if (file == NULL) {
		int code = -errno;
		if (descriptor >= 0)
			close(descriptor);
		return code;
	}
	while (fscanf(file, "%d", &process) == 1) {
		/* 0 stands for a process outside this pid namespace and would mean our own group. */
		if (process > 0 && kill(process, SIGKILL) == 0)
			count++;
	}
	fclose(file);
	return count;
}

int cgroup_kill(const struct cgroup *group)
{
	char path[PATH_MAX];
	int code;

	if (cgroup_tree_version(group->tree) == 2) {
		code = write_text(group->tree->base[0], group_path(group, "cgroup.kill", path), "1");
		if (code != -ENOENT) /* Linux before 5.14 */
			return code;
	}
	for (int i = 0; i < group->tree->hierarchies; i++) {
		code = kill_listed(group->tree->base[i], group_path(group, "cgroup.procs", path));
		if (code < 0 && code != -ENOENT)
			return code;
	}
	return 0;
}

int cgroup_remove(const struct cgroup *group)
{
	int code = 0;

	for (int i = 0; i < group->tree->hierarchies; i++) {
		if (unlinkat(group->tree->base[i], group->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			code = -errno;
	}
	return code;
}

/*
 * Waits until something may have changed: version 2 notifies on cgroup.events, version 1 has no
 * notification, so there the condition is looked at again after a short time.
 */
static void wait_for_change(const struct cgroup *group)
{
	char path[PATH_MAX];
	uint64_t populated = 0;
	struct pollfd events = {.fd = -1, .events = POLLPRI};

	if (cgroup_tree_version(group->tree) == 2)
		events.fd = openat(group->tree->base[0], group_path(group, "cgroup.events", path),
		                   O_RDONLY | O_CLOEXEC);
	if (events.fd >= 0)
		(void)read_number(group->tree->base[0], path, "populated", &populated);
	(void)poll(&events, 1, populated != 0 ? 50 * RECHECK : RECHECK);
	if (events.fd >= 0)
		close(events.fd);
}

static int clear_group(const struct cgroup *group, int64_t deadline)
{
	int code;

	while ((code = cgroup_remove(group)) == -EBUSY) {
		if (clock_monotonic(&clock_system) > deadline)
			return -ETIMEDOUT;
		code = cgroup_kill(group);
		if (code < 0 && code != -ENOENT)
			return code;
		wait_for_change(group);
	}
	return code;
}

/* Clears the groups that one hierarchy shows. */
static int sweep_hierarchy(const struct cgroup_tree *tree, int index, int64_t deadline)
{
	int folder = open_folder(tree->base[index], ".");
	DIR *entries = folder < 0 ? NULL : fdopendir(folder);
	struct dirent *entry;
	int count = 0;
	int code = 0;

	if (entries == NULL) {
		code = folder < 0 ? folder : -errno;
		if (folder >= 0)
			close(folder);
		return code;
	}
	while ((entry = readdir(entries)) != NULL && code == 0) {
		struct cgroup group;
		if (entry->d_type != DT_DIR || cgroup_name(tree, entry->d_name, &group) < 0)
			continue;
		code = clear_group(&group, deadline);
		count += code == 0;
	}
	closedir(entries);
	return code < 0 ? code : count;
}

int cgroup_tree_sweep(const struct cgroup_tree *tree, int64_t patience)
{
	int64_t deadline = clock_monotonic(&clock_system) + patience;
	int count = 0;

	for (int i = 0; i < tree->hierarchies; i++) {
		int code = sweep_hierarchy(tree, i, deadline);
		if (code < 0)
			return code;
		count += code;
	}
	return count;
}
