/* SPDX-License-Identifier: Apache-2.0 */
/* Groups are removed from the leaves up; the kernel refuses a group for a moment after its last process. */
#include "lab/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
enum { DEPTH_MAXIMUM = 16, REMOVE_ATTEMPTS = 200, RETRY_MILLISECONDS = 10, DEATH_MILLISECONDS = 5000 };

/* Waits until the process is dead; one that cannot be opened is dead already. */
static void kill_and_wait(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd death = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
		(void)poll(&death, 1, DEATH_MILLISECONDS);
	close(fd);
}

static void empty_group(int group)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
	long pid;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fscanf(stream, "%ld", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill_and_wait((pid_t)pid);
	fclose(stream);
}

/* A dead process leaves its group a little after its death is reported, and nothing tells when. */
static int remove_group(int parent, const char *name)
{
	for (int attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			break;
		(void)poll(NULL, 0, RETRY_MILLISECONDS);
	}
	return -errno;
}

static int remove_groups(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	int code = 0;
	DIR *folder;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	folder = depth < DEPTH_MAXIMUM ? fdopendir(fd) : NULL;
	if (!folder) {
		close(fd);
		return -ELOOP;
	}
	empty_group(fd);
	while (code >= 0 && (entry = readdir(folder)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			code = remove_groups(fd, entry->d_name, depth + 1);
	closedir(folder);
	return code < 0 ? code : remove_group(parent, name);
}

static int remove_groups_at(int root, const char *hierarchy, const char *name)
{
	int fd = openat(root, hierarchy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int code;

	if (fd < 0)
		return 0; /* a link to another hierarchy, or a file */
	code = remove_groups(fd, name, 0);
	close(fd);
	return code;
}

int sweep_cgroups(const char *lab)
{
	DIR *folder = opendir(CGROUP_ROOT);
	char name[NAME_MAX];
	struct dirent *entry;
	int result = 0;

	if (!folder)
		return errno == ENOENT ? 0 : -errno;
	snprintf(name, sizeof(name), "busbar-lab-%s", lab);
	result = remove_groups(dirfd(folder), name, 0);
	while ((entry = readdir(folder))) {
		int code = 0;

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			code = remove_groups_at(dirfd(folder), entry->d_name, name);
		result = result < 0 ? result : code;
	}
	closedir(folder);
	return result;
}

/* /proc/self/mountinfo writes spaces and the like as \ooo; our own paths have none. */
static bool is_below(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* The last mount below the folder, which no other one covers; false when there is none. */
static bool find_mount(const char *folder, char mount[PATH_MAX])
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX], path[PATH_MAX];
	bool found = false;

	while (stream && fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) == 1 && is_below(path, folder)) {
			snprintf(mount, PATH_MAX, "%s", path);
			found = true;
		}
	}
	if (stream)
		fclose(stream);
	return found;
}

int sweep_mounts(const char *path)
{
	char mount[PATH_MAX];

	while (find_mount(path, mount))
		if (umount2(mount, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return -errno;
	return 0;
}
