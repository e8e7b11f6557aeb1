/* SPDX-License-Identifier: Apache-2.0 */
/* The root folder may vanish between opening and locking it (the last lab removes it): then again. */
#include "lab/run_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "lab/sweep.h"
#include "lab/topology.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT_ATTEMPTS = 100 };

const char *run_folder_path(char path[PATH_MAX], const char *lab, const char *rest)
{
	snprintf(path, PATH_MAX, RUN_FOLDER_ROOT "/%s%s%s", lab, rest ? "/" : "", rest ? rest : "");
	return path;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
	       opened.st_dev == named.st_dev;
}

static int lock_root(int *ret_root)
{
	for (int attempt = 0; attempt < ROOT_ATTEMPTS; attempt++) {
		int code = file_make_folder(RUN_FOLDER_ROOT, 0755);
		int fd;

		if (code < 0)
			return code;
		fd = open(RUN_FOLDER_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX) == 0 && is_same_file(fd, RUN_FOLDER_ROOT)) {
			*ret_root = fd;
			return 0;
		}
		close(fd);
	}
	return -EAGAIN;
}

/* Positive: locked, in *ret_lock. 0: somebody holds it. */
static int try_lock(const char *lab, int flags, int *ret_lock)
{
	char path[PATH_MAX];
	int fd = open(run_folder_path(path, lab, "lock"), O_RDWR | O_CLOEXEC | flags, 0600);
	int code;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_lock = fd;
		return 1;
	}
	code = errno == EWOULDBLOCK ? 0 : -errno;
	close(fd);
	return code;
}

static int remove_lab(const char *lab)
{
	char path[PATH_MAX];
	int code = sweep_cgroups(lab);
	int result;

	run_folder_path(path, lab, NULL);
	result = sweep_mounts(path);
	code = code < 0 ? code : result;
	result = file_remove_tree(path);
	return code < 0 ? code : result;
}

static void sweep_lab(const char *lab)
{
	int lock, code;

	if (!topology_name_is_valid(lab, RUN_FOLDER_NAME) || try_lock(lab, 0, &lock) <= 0)
		return;
	code = remove_lab(lab);
	close(lock);
	if (code < 0)
		log_warning("run_folder", "lab=%s left=behind cause=\"%s\"", lab, error_text(code));
}

static void sweep_labs(void)
{
	DIR *folder = opendir(RUN_FOLDER_ROOT);
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder)))
		sweep_lab(entry->d_name);
	closedir(folder);
}

static int create_lab(const char *lab, int *ret_lock)
{
	char path[PATH_MAX];
	int code = file_make_folder(run_folder_path(path, lab, NULL), 0755);

	if (code < 0)
		return code;
	code = try_lock(lab, O_CREAT, ret_lock);
	if (code == 0)
		return BUSBAR_ERROR_STATE;
	return code < 0 ? code : 0;
}

int run_folder_take(const char *lab, int *ret_lock)
{
	int root;
	int code = lock_root(&root);

	if (code < 0)
		return code;
	sweep_labs();
	code = create_lab(lab, ret_lock);
	close(root);
	return code;
}

/* NAME/log becomes NAME.log/lab.log, NAME/NODE/log becomes NAME.log/NODE.log. */
static void keep_log(const char *lab, const char *node)
{
	char from[PATH_MAX], to[PATH_MAX], rest[NAME_MAX + 8];

	snprintf(rest, sizeof(rest), "%s%slog", node ? node : "", node ? "/" : "");
	run_folder_path(from, lab, rest);
	snprintf(to, sizeof(to), RUN_FOLDER_ROOT "/%s.log/%s.log", lab, node ? node : "lab");
	(void)rename(from, to);
}

static void keep_logs_of(const char *lab)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), RUN_FOLDER_ROOT "/%s.log", lab);
	if (file_remove_tree(path) < 0 || file_make_folder(path, 0755) < 0)
		return;
	keep_log(lab, NULL);
	folder = opendir(run_folder_path(path, lab, NULL));
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (topology_name_is_valid(entry->d_name, TOPOLOGY_NAME))
			keep_log(lab, entry->d_name);
	closedir(folder);
}

int run_folder_drop(const char *lab, bool keep_logs)
{
	int root;
	int code = lock_root(&root);

	if (code < 0)
		return code;
	if (keep_logs)
		keep_logs_of(lab);
	code = remove_lab(lab);
	(void)rmdir(RUN_FOLDER_ROOT); /* refused while anything else is in it */
	close(root);
	return code;
}
