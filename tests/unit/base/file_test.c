/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files and trees, in a folder of the test's own. */
#include "base/file.h"
#include "t.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char folder[64];
	char path[128];
	struct arena *arena;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/busbar-file-test-XXXXXX");
	if (!mkdtemp(place->folder))
		return -1;
	place->arena = arena_create(4 << 20);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	int code = file_remove_tree(place->folder);

	(void)arena_free(place->arena);
	free(place);
	return code;
}

/* The path of a name in the test's folder, until the next call. */
static const char *at(struct place *place, const char *name)
{
	(void)snprintf(place->path, sizeof(place->path), "%s/%s", place->folder, name);
	return place->path;
}

static int count_names(const char *path)
{
	DIR *folder = opendir(path);
	int count = -2;

	T_TRUE(folder != NULL);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static void test_write_and_read_back(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
	struct place *place = *state;
	char *content = malloc(100000);

	T_TRUE(content != NULL);
	memset(content, 'x', 100000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *bytes = NULL;
		size_t size = 0;

		T_OK(file_write(at(place, "content"), content, sizes[i], 0644));
		T_OK(file_read(place->path, 100000, place->arena, &bytes, &size));
		T_EQ(size, sizes[i]);
		T_BYTES(bytes, content, size);
		T_EQ(bytes[size], 0);
	}
	free(content);
	/* The temporary files are gone. */
	T_EQ(count_names(place->folder), 1);
}

static void test_maximum(void **state)
{
	struct place *place = *state;
	char *bytes = NULL;
	size_t size = 77;
	size_t used = arena_used(place->arena);

	T_OK(file_write(at(place, "ten"), "0123456789", 10, 0600));
	T_ERROR(file_read(place->path, 9, place->arena, &bytes, &size), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(file_read(place->path, 0, place->arena, &bytes, &size), BUSBAR_ERROR_TOO_LARGE);
	T_TRUE(bytes == NULL);
	T_EQ(size, 77);
	T_EQ(arena_used(place->arena), used);
	T_OK(file_read(place->path, 10, place->arena, &bytes, &size));
	T_EQ(size, 10);
}

static void test_files_without_a_size(void **state)
{
	struct place *place = *state;
	char *bytes = NULL;
	size_t size = 0;

	T_OK(file_read("/proc/self/status", 1 << 16, place->arena, &bytes, &size));
	T_TRUE(size > 100);
	T_TRUE(strstr(bytes, "VmRSS") != NULL);
	T_ERROR(file_read("/proc/self/status", 100, place->arena, &bytes, &size), BUSBAR_ERROR_TOO_LARGE);
	/* No end at all: the maximum is what stops it, over several enlargements. */
	T_ERROR(file_read("/dev/zero", 50000, place->arena, &bytes, &size), BUSBAR_ERROR_TOO_LARGE);
}

static void test_read_errors(void **state)
{
	struct place *place = *state;
	struct arena *small = arena_create(100);
	char *bytes = NULL;
	size_t size = 0;

	T_ERROR(file_read(at(place, "absent"), 10, place->arena, &bytes, &size), -ENOENT);
	T_ERROR(file_read(place->folder, 10, place->arena, &bytes, &size), -EISDIR);
	T_ERROR(file_read(place->folder, SIZE_MAX, place->arena, &bytes, &size), -EINVAL);
	T_OK(file_write(at(place, "long"),
	                "0123456789012345678901234567890123456789012345678901234567890"
	                "0123456789012345678901234567890123456789012345678901234567890",
	                122, 0600));
	T_ERROR(file_read(place->path, 1000, small, &bytes, &size), -ENOMEM);
	(void)arena_free(small);
}

static void test_mode_and_replacement(void **state)
{
	struct place *place = *state;
	mode_t mask = umask(077);
	struct stat status;
	char *bytes = NULL;
	size_t size = 0;

	T_OK(file_write(at(place, "key"), "old", 3, 0600));
	T_OK(file_write(place->path, "newer", 5, 0640));
	(void)umask(mask);
	T_OK(stat(place->path, &status));
	T_EQ(status.st_mode & 07777, 0640);
	T_OK(file_read(place->path, 10, place->arena, &bytes, &size));
	T_TEXT(bytes, "newer");
	T_EQ(count_names(place->folder), 1);
}

static void test_failed_write_leaves_the_old(void **state)
{
	struct place *place = *state;

	T_OK(mkdir(at(place, "taken"), 0700));
	T_ERROR(file_write(place->path, "x", 1, 0600), -EISDIR);
	T_EQ(count_names(place->folder), 1);
	T_ERROR(file_write(at(place, "absent/file"), "x", 1, 0600), -ENOENT);
	T_EQ(count_names(place->folder), 1);
}

static void test_make_folder(void **state)
{
	struct place *place = *state;
	struct stat status;

	T_OK(file_make_folder(at(place, "a/b//c/d"), 0750));
	T_OK(stat(place->path, &status));
	T_TRUE(S_ISDIR(status.st_mode));
	T_OK(file_make_folder(place->path, 0750));
	T_OK(file_make_folder(at(place, "e/f/"), 0750));
	T_OK(file_make_folder("/", 0750));
	T_OK(file_write(at(place, "file"), "", 0, 0600));
	T_ERROR(file_make_folder(place->path, 0750), -ENOTDIR);
	T_ERROR(file_make_folder(at(place, "file/below"), 0750), -ENOTDIR);
	T_ERROR(file_make_folder("", 0750), -ENOENT);
}

static void test_remove_tree(void **state)
{
	struct place *place = *state;

	T_OK(file_make_folder(at(place, "tree/a/b/c"), 0700));
	T_OK(file_make_folder(at(place, "tree/.removed-0"), 0700));
	T_OK(file_write(at(place, "tree/.removed-0/x"), "x", 1, 0600));
	T_OK(file_write(at(place, "tree/.removed-1"), "x", 1, 0600));
	T_OK(file_write(at(place, "tree/a/b/c/x"), "x", 1, 0600));
	T_OK(file_write(at(place, "tree/a/x"), "x", 1, 0600));
	T_OK(mkfifo(at(place, "tree/a/fifo"), 0600));
	T_OK(file_remove_tree(at(place, "tree")));
	T_EQ(count_names(place->folder), 0);
	T_OK(file_remove_tree(place->path));
	T_OK(file_write(at(place, "single"), "x", 1, 0600));
	T_OK(file_remove_tree(place->path));
	T_EQ(count_names(place->folder), 0);
	T_ERROR(file_remove_tree("/proc/version"), -EPERM);
}

static void test_remove_does_not_follow_links(void **state)
{
	struct place *place = *state;
	char target[128];

	T_OK(file_make_folder(at(place, "kept"), 0700));
	(void)snprintf(target, sizeof(target), "%s", place->path);
	T_OK(file_write(at(place, "kept/file"), "x", 1, 0600));
	T_OK(file_make_folder(at(place, "tree/deep"), 0700));
	T_OK(symlink(target, at(place, "tree/link")));
	T_OK(symlink(target, at(place, "tree/deep/link")));
	T_OK(symlink(target, at(place, "top")));
	T_OK(file_remove_tree(at(place, "tree")));
	/* With a final slash, too, the link goes and not what it points to. */
	T_OK(file_remove_tree(at(place, "top/")));
	T_EQ(count_names(place->folder), 1);
	T_EQ(count_names(target), 1);
}

/* Deeper than descriptors, recursion or path lengths would allow; several names a level. */
static void test_remove_a_very_deep_tree(void **state)
{
	enum { DEPTH = 3000 };
	struct place *place = *state;
	int folder, parent;

	T_OK(file_make_folder(at(place, "tree"), 0700));
	parent = open(place->path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < DEPTH; i++) {
		T_OK(mkdirat(parent, "some-long-name", 0700));
		T_OK(mkdirat(parent, "other", 0700));
		folder = openat(parent, "some-long-name", O_RDONLY | O_DIRECTORY);
		T_OK(folder);
		T_OK(close(parent));
		parent = folder;
	}
	T_OK(close(parent));
	T_OK(file_remove_tree(place->path));
	T_EQ(count_names(place->folder), 0);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        IN_A_FOLDER(test_write_and_read_back),
	        IN_A_FOLDER(test_maximum),
	        IN_A_FOLDER(test_files_without_a_size),
	        IN_A_FOLDER(test_read_errors),
	        IN_A_FOLDER(test_mode_and_replacement),
	        IN_A_FOLDER(test_failed_write_leaves_the_old),
	        IN_A_FOLDER(test_make_folder),
	        IN_A_FOLDER(test_remove_tree),
	        IN_A_FOLDER(test_remove_does_not_follow_links),
	        IN_A_FOLDER(test_remove_a_very_deep_tree),
	};

	return T_RUN(tests);
}
