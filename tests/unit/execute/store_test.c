/* SPDX-License-Identifier: Apache-2.0 */
/* The store against a real folder: content, quota, eviction, holds, and what a crash leaves behind. */
#include "base/compiler.h"
#include "base/file.h"
#include "execute/store.h"
#include "t.h"
#include "wire/seal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fixture {
	char root[64];
	char folder[96];
	struct store *store;
};

static void open_store(struct fixture *fixture, uint64_t quota)
{
	T_OK(store_open(fixture->folder, quota, &fixture->store));
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)snprintf(fixture->root, sizeof(fixture->root), "/tmp/store-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	(void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/a/blobs", fixture->root);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	store_close(fixture->store);
	T_OK(file_remove_tree(fixture->root));
	free(fixture);
	return 0;
}

static void reopen(struct fixture *fixture, uint64_t quota)
{
	fixture->store = store_close(fixture->store);
	open_store(fixture, quota);
}

static size_t count_files(const struct fixture *fixture)
{
	DIR *folder = opendir(fixture->folder);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(folder);
	return count;
}

/* `size` octets that depend on `seed`, the caller's to free. */
static uint8_t *make_bytes(size_t size, unsigned seed)
{
	uint8_t *bytes = malloc(size + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed * 131 + i * 7 + (i >> 8));
	return bytes;
}

static int put(struct fixture *fixture, size_t size, unsigned seed, uint8_t digest[STORE_DIGEST])
{
	uint8_t *bytes = make_bytes(size, seed);
	int code = store_put(fixture->store, bytes, size, digest);

	if (code < 0)
		T_OK(seal_digest(bytes, size, digest));
	free(bytes);
	return code;
}

static void expect_content(struct fixture *fixture, const uint8_t digest[STORE_DIGEST], size_t size,
                           unsigned seed)
{
	uint8_t *wanted = make_bytes(size, seed);
	uint8_t *got = malloc(size + 1);
	uint64_t got_size = 0;
	int descriptor = store_read(fixture->store, digest, &got_size);

	assert_non_null(got);
	T_OK(descriptor);
	T_EQ(got_size, size);
	T_EQ(read(descriptor, got, size + 1), size);
	T_BYTES(got, wanted, size);
	T_TRUE(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
	T_EQ(write(descriptor, "x", 1), -1);
	close(descriptor);
	free(wanted);
	free(got);
}

static void put_and_read(void **state)
{
	static const size_t sizes[] = {0, 1, 31, 4096, 3 << 20};
	struct fixture *fixture = *state;
	uint8_t digests[ARRAY_SIZE(sizes)][STORE_DIGEST], wanted[STORE_DIGEST];
	uint64_t total = 0;

	open_store(fixture, 4 << 20);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *bytes = make_bytes(sizes[i], i);

		T_OK(put(fixture, sizes[i], i, digests[i]));
		T_OK(seal_digest(bytes, sizes[i], wanted));
		T_BYTES(digests[i], wanted, STORE_DIGEST);
		free(bytes);
		total += sizes[i];
		T_EQ(store_used(fixture->store), total);
	}
	/* Again: a success that changes nothing. */
	T_OK(put(fixture, 4096, 3, wanted));
	T_EQ(store_count(fixture->store), ARRAY_SIZE(sizes));
	T_EQ(store_used(fixture->store), total);
	T_EQ(count_files(fixture), ARRAY_SIZE(sizes));
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_content(fixture, digests[i], sizes[i], i);
	reopen(fixture, 4 << 20);
	T_EQ(store_used(fixture->store), total);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		T_TRUE(store_has(fixture->store, digests[i]));
		expect_content(fixture, digests[i], sizes[i], i);
	}
}

static void absent(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST] = {1};
	uint64_t size = 77;

	open_store(fixture, 100);
	T_TRUE(!store_has(fixture->store, digest));
	T_ERROR(store_read(fixture->store, digest, &size), BUSBAR_ERROR_NOT_FOUND);
	T_EQ(size, 77);
	T_ERROR(store_hold(fixture->store, digest), BUSBAR_ERROR_NOT_FOUND);
	store_release(fixture->store, digest);
	T_EQ(store_count(fixture->store), 0);
	T_EQ(store_used(fixture->store), 0);
}

static void streaming(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = make_bytes(300000, 5), digest[STORE_DIGEST];
	struct store_writer *writer = NULL;

	open_store(fixture, 1 << 20);
	T_OK(seal_digest(bytes, 300000, digest));
	T_OK(store_begin(fixture->store, digest, 300000, &writer));
	for (size_t done = 0; done < 300000; done += 7500)
		T_OK(store_append(writer, bytes + done, 7500));
	/* Not there before it is whole, though its octets count. */
	T_TRUE(!store_has(fixture->store, digest));
	T_EQ(store_used(fixture->store), 300000);
	T_EQ(store_count(fixture->store), 0);
	T_OK(store_finish(writer));
	T_EQ(store_used(fixture->store), 300000);
	expect_content(fixture, digest, 300000, 5);
	free(bytes);
}

static void wrong_digest(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST] = {0};
	struct store_writer *writer = NULL;

	open_store(fixture, 1000);
	T_OK(store_begin(fixture->store, digest, 10, &writer));
	T_OK(store_append(writer, "abc", 3));
	T_ERROR(store_finish(writer), BUSBAR_ERROR_DIGEST);
	T_TRUE(!store_has(fixture->store, digest));
	T_EQ(store_used(fixture->store), 0);
	T_EQ(count_files(fixture), 0);
	/* One octet short of what the digest is of. */
	T_OK(seal_digest("abcd", 4, digest));
	T_OK(store_begin(fixture->store, digest, 4, &writer));
	T_OK(store_append(writer, "abc", 3));
	T_ERROR(store_finish(writer), BUSBAR_ERROR_DIGEST);
	T_EQ(count_files(fixture), 0);
}

static void maximum(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];
	struct store_writer *writer = NULL;

	open_store(fixture, 1000);
	T_OK(seal_digest("abcd", 4, digest));
	T_OK(store_begin(fixture->store, digest, 4, &writer));
	T_OK(store_append(writer, "abcd", 4));
	T_OK(store_append(writer, "", 0));
	T_OK(store_finish(writer));
	T_OK(store_begin(fixture->store, digest, 3, &writer));
	T_ERROR(store_append(writer, "abcd", 4), BUSBAR_ERROR_TOO_LARGE);
	/* The first failure stays, whatever follows. */
	T_ERROR(store_append(writer, "a", 1), BUSBAR_ERROR_TOO_LARGE);
	T_ERROR(store_finish(writer), BUSBAR_ERROR_TOO_LARGE);
	T_EQ(store_used(fixture->store), 4);
	T_EQ(count_files(fixture), 1);
}

static void two_writers(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];
	struct store_writer *first = NULL, *second = NULL;

	open_store(fixture, 1000);
	T_OK(seal_digest("abcd", 4, digest));
	T_OK(store_begin(fixture->store, digest, 4, &first));
	T_OK(store_begin(fixture->store, digest, 4, &second));
	T_OK(store_append(first, "ab", 2));
	T_OK(store_append(second, "abcd", 4));
	T_EQ(store_used(fixture->store), 6);
	T_OK(store_finish(second));
	T_OK(store_append(first, "cd", 2));
	T_OK(store_finish(first));
	T_EQ(store_used(fixture->store), 4);
	T_EQ(store_count(fixture->store), 1);
	T_EQ(count_files(fixture), 1);
	T_OK(store_begin(fixture->store, digest, 4, &first));
	T_OK(store_append(first, "abc", 3));
	store_abandon(first);
	store_abandon(NULL);
	T_EQ(store_used(fixture->store), 4);
	T_EQ(count_files(fixture), 1);
}

static void eviction(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digests[6][STORE_DIGEST];
	uint64_t size;

	open_store(fixture, 3000);
	for (unsigned i = 0; i < 3; i++)
		T_OK(put(fixture, 1000, i, digests[i]));
	/* Use makes young: by reading, and by putting it again. */
	close(store_read(fixture->store, digests[0], &size));
	T_OK(put(fixture, 1000, 1, digests[1]));
	T_OK(put(fixture, 1, 3, digests[3]));
	T_TRUE(!store_has(fixture->store, digests[2]));
	T_TRUE(store_has(fixture->store, digests[0]));
	T_TRUE(store_has(fixture->store, digests[1]));
	T_EQ(store_used(fixture->store), 2001);
	T_EQ(count_files(fixture), 3);
	/* A descriptor outlives the eviction of its blob. */
	{
		int descriptor = store_read(fixture->store, digests[3], &size);
		char octet;

		T_OK(put(fixture, 3000, 4, digests[4]));
		T_EQ(store_count(fixture->store), 1);
		T_EQ(read(descriptor, &octet, 1), 1);
		close(descriptor);
	}
	/* More than the quota: refused, and nothing is lost for it. */
	T_ERROR(put(fixture, 3001, 5, digests[5]), BUSBAR_ERROR_NO_CAPACITY);
	T_TRUE(store_has(fixture->store, digests[4]));
	T_EQ(store_used(fixture->store), 3000);
}

static void holds(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digests[4][STORE_DIGEST];

	open_store(fixture, 2000);
	T_OK(put(fixture, 1000, 0, digests[0]));
	T_OK(put(fixture, 1000, 1, digests[1]));
	T_OK(store_hold(fixture->store, digests[0]));
	T_OK(store_hold(fixture->store, digests[0]));
	/* The oldest is held: the other goes. */
	T_OK(put(fixture, 500, 2, digests[2]));
	T_TRUE(store_has(fixture->store, digests[0]));
	T_TRUE(!store_has(fixture->store, digests[1]));
	/* Does not fit beside what is held: the one that is not held stays too. */
	T_ERROR(put(fixture, 1001, 3, digests[3]), BUSBAR_ERROR_NO_CAPACITY);
	T_TRUE(store_has(fixture->store, digests[2]));
	store_release(fixture->store, digests[0]);
	T_ERROR(put(fixture, 1001, 3, digests[3]), BUSBAR_ERROR_NO_CAPACITY);
	store_release(fixture->store, digests[0]);
	store_release(fixture->store, digests[0]);
	T_OK(put(fixture, 1001, 3, digests[3]));
	T_TRUE(!store_has(fixture->store, digests[0]));
}

static void quota_while_writing(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *bytes = make_bytes(1500, 9), digest[STORE_DIGEST], held[STORE_DIGEST];
	struct store_writer *writer = NULL;

	open_store(fixture, 2000);
	T_OK(put(fixture, 1000, 0, held));
	T_OK(store_hold(fixture->store, held));
	T_OK(seal_digest(bytes, 1500, digest));
	T_OK(store_begin(fixture->store, digest, 1500, &writer));
	T_OK(store_append(writer, bytes, 1000));
	T_ERROR(store_append(writer, bytes + 1000, 500), BUSBAR_ERROR_NO_CAPACITY);
	T_ERROR(store_finish(writer), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(store_used(fixture->store), 1000);
	free(bytes);
}

static void write_text(const char *folder, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	T_OK(file_write(path, text, strlen(text), 0600));
}

static void adoption(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST], wanted[STORE_DIGEST];
	char path[256], link_path[256];
	uint64_t size = 0;

	open_store(fixture, 10);
	write_text(fixture->root, "out", "result");
	(void)snprintf(path, sizeof(path), "%s/out", fixture->root);
	T_OK(store_adopt(fixture->store, path, digest, &size));
	T_EQ(size, 6);
	T_OK(seal_digest("result", 6, wanted));
	T_BYTES(digest, wanted, STORE_DIGEST);
	T_EQ(access(path, F_OK), -1);
	T_TRUE(store_has(fixture->store, digest));
	T_EQ(store_used(fixture->store), 6);
	/* A second of the same content goes away. */
	write_text(fixture->root, "out", "result");
	T_OK(store_adopt(fixture->store, path, digest, &size));
	T_EQ(access(path, F_OK), -1);
	T_EQ(store_count(fixture->store), 1);
	/* Too large, absent, a link, a folder: refused and left alone. */
	write_text(fixture->root, "out", "eleven octs");
	T_ERROR(store_adopt(fixture->store, path, digest, &size), BUSBAR_ERROR_NO_CAPACITY);
	T_EQ(access(path, F_OK), 0);
	(void)snprintf(link_path, sizeof(link_path), "%s/link", fixture->root);
	T_EQ(symlink(path, link_path), 0);
	T_ERROR(store_adopt(fixture->store, link_path, digest, &size), -ELOOP);
	T_ERROR(store_adopt(fixture->store, fixture->root, digest, &size), BUSBAR_ERROR_BAD_VALUE);
	T_EQ(unlink(path), 0);
	T_ERROR(store_adopt(fixture->store, path, digest, &size), -ENOENT);
	T_BYTES(digest, wanted, STORE_DIGEST);
	T_EQ(size, 6);
}

/* Sets the time of last use, `seconds` after an hour ago. */
static void set_used(const struct fixture *fixture, const uint8_t digest[STORE_DIGEST], long seconds)
{
	struct timespec times[2];
	char name[2 * STORE_DIGEST + 1] = "", path[256];

	for (size_t i = 0; i < STORE_DIGEST; i++)
		(void)snprintf(name + 2 * i, 3, "%02x", digest[i]);
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	T_EQ(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
	times[0].tv_sec += seconds - 3600;
	times[1] = times[0];
	T_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void next_life(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digests[3][STORE_DIGEST], torn[STORE_DIGEST] = {9};
	struct store_writer *writer = NULL;
	uint64_t size;

	open_store(fixture, 3000);
	for (unsigned i = 0; i < 3; i++)
		T_OK(put(fixture, 1000, i, digests[i]));
	for (unsigned i = 0; i < 3; i++)
		set_used(fixture, digests[i], (long)i);
	close(store_read(fixture->store, digests[0], &size)); /* now the youngest */
	fixture->store = store_close(fixture->store);
	/* As after a crash: an unfinished file; and a stranger's, and a folder. */
	write_text(fixture->folder, ".writing-7", "torn");
	write_text(fixture->folder, "README", "not a blob");
	write_text(fixture->folder, "ABCDEF0000000000000000000000000000000000000000000000000000000000",
	           "capital");
	open_store(fixture, 2000);
	T_EQ(store_count(fixture->store), 2);
	T_EQ(store_used(fixture->store), 2000);
	T_TRUE(!store_has(fixture->store, digests[1])); /* the least recently used went */
	expect_content(fixture, digests[0], 1000, 0);
	expect_content(fixture, digests[2], 1000, 2);
	T_EQ(count_files(fixture), 4);
	T_OK(store_begin(fixture->store, torn, 10, &writer));
	store_abandon(writer);
}

static void file_taken_away(void **state)
{
	struct fixture *fixture = *state;
	uint8_t digest[STORE_DIGEST];
	uint64_t size;

	open_store(fixture, 3000);
	T_OK(put(fixture, 1000, 0, digest));
	T_OK(file_remove_tree(fixture->folder));
	T_ERROR(store_read(fixture->store, digest, &size), BUSBAR_ERROR_NOT_FOUND);
	T_TRUE(!store_has(fixture->store, digest));
	T_EQ(store_used(fixture->store), 0);
}

static void bad_folder(void **state)
{
	struct fixture *fixture = *state;
	char path[256];

	write_text(fixture->root, "file", "x");
	(void)snprintf(path, sizeof(path), "%s/file", fixture->root);
	T_ERROR(store_open(path, 10, &fixture->store), -ENOTDIR);
	assert_null(fixture->store);
	assert_null(store_close(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(put_and_read), TEST(absent),    TEST(streaming),
	        TEST(wrong_digest), TEST(maximum),   TEST(two_writers),
	        TEST(eviction),     TEST(holds),     TEST(quota_while_writing),
	        TEST(adoption),     TEST(next_life), TEST(file_taken_away),
	        TEST(bad_folder),
	};

	return T_RUN(tests);
}
