/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a socket pair: round trips, descriptors, limits, nonsense. */
#include "../../t.h"

#include "lab/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_pair(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void request_round_trip(void **state)
{
	struct control_request sent = {CONTROL_SIGNAL, "edge-a", 15, {-1, -1, -1, -1}};
	struct control_request got;
	int ends[2];

	open_pair(ends);
	T_ERROR(control_receive_request(ends[1], &got), -EAGAIN);
	T_OK(control_send_request(ends[0], &sent));
	T_EQ(control_receive_request(ends[1], &got), 1);
	T_EQ(got.command, CONTROL_SIGNAL);
	T_TEXT(got.node, "edge-a");
	T_EQ(got.number, 15);
	T_EQ(got.files[0], -1);
	close(ends[0]);
	T_EQ(control_receive_request(ends[1], &got), 0);
	close(ends[1]);
}

static void files_travel(void **state)
{
	struct control_request sent = {CONTROL_EXEC, "a", 0, {-1, -1, -1, -1}};
	struct control_request got;
	int ends[2], pipe_ends[2];
	char byte = 0;

	open_pair(ends);
	assert_int_equal(pipe(pipe_ends), 0);
	for (int i = 0; i < CONTROL_FILES; i++)
		sent.files[i] = pipe_ends[i & 1];
	T_OK(control_send_request(ends[0], &sent));
	T_EQ(control_receive_request(ends[1], &got), 1);
	T_EQ(write(got.files[1], "x", 1), 1);
	T_EQ(read(pipe_ends[0], &byte, 1), 1);
	T_EQ(byte, 'x');
	T_TRUE(fcntl(got.files[3], F_GETFD) & FD_CLOEXEC);
	control_close_files(&got);
	T_EQ(got.files[2], -1);
	close_pair(pipe_ends);
	close_pair(ends);
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int code;
	} cases[] = {
	        {"\x01", 1, BUSBAR_ERROR_TRUNCATED},
	        {"\x02\x00\x00\x00\x00\x00\x00", 7, BUSBAR_ERROR_VERSION},
	        {"\x01\x07\x00\x00\x00\x00\x00", 7, BUSBAR_ERROR_MALFORMED},
	        {"\x01\x00\x00\x00\x00\x00\x00\x00", 8, BUSBAR_ERROR_MALFORMED},
	        {"\x01\x00\x00\x00\x00\x00\x05xx", 9, BUSBAR_ERROR_TRUNCATED},
	        {"\x01\x00\x00\x00\x00\x00\x10"
	         "abcdefghijklmnop",
	         23, BUSBAR_ERROR_TOO_LARGE},
	        {"\x01\x00\x00\x00\x00\x00\x01\n", 8, BUSBAR_ERROR_MALFORMED},
	};
	char large[200] = {1};
	struct control_request got;
	int ends[2];

	open_pair(ends);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		T_EQ(send(ends[0], cases[i].bytes, cases[i].size, 0), cases[i].size);
		T_ERROR(control_receive_request(ends[1], &got), cases[i].code);
	}
	T_EQ(send(ends[0], large, sizeof(large), 0), sizeof(large));
	T_ERROR(control_receive_request(ends[1], &got), BUSBAR_ERROR_TOO_LARGE);
	close_pair(ends);
}

static void reply_round_trip(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	char *text = malloc(CONTROL_TEXT + 100);
	struct control_reply reply;
	int ends[2];

	open_pair(ends);
	T_OK(control_send_reply(ends[0], -5, "why"));
	T_OK(control_send_reply(ends[0], 137, ""));
	T_EQ(control_receive_reply(ends[1], arena, &reply), 1);
	T_EQ(reply.code, -5);
	T_TEXT(reply.text, "why");
	T_EQ(control_receive_reply(ends[1], arena, &reply), 1);
	T_EQ(reply.code, 137);
	T_TEXT(reply.text, "");
	memset(text, 'a', CONTROL_TEXT + 99);
	text[CONTROL_TEXT + 99] = '\0';
	T_OK(control_send_reply(ends[0], 0, text));
	T_EQ(control_receive_reply(ends[1], arena, &reply), 1);
	T_EQ(strlen(reply.text), CONTROL_TEXT);
	close(ends[0]);
	T_EQ(control_receive_reply(ends[1], arena, &reply), 0);
	close(ends[1]);
	free(text);
	arena_free(arena);
}

static void launch_round_trip(void **state)
{
	const char *arguments[] = {"ls", "", "-l a", NULL};
	const char *environment[] = {"A=1", NULL};
	struct control_launch sent = {"/tmp", arguments, environment}, got;
	struct arena *arena = arena_create(1 << 20);
	int fd = control_pack(&sent);

	T_OK(fd);
	T_OK(control_unpack(fd, arena, &got));
	T_TEXT(got.folder, "/tmp");
	T_TEXT(got.arguments[0], "ls");
	T_TEXT(got.arguments[1], "");
	T_TEXT(got.arguments[2], "-l a");
	T_TRUE(got.arguments[3] == NULL);
	T_TEXT(got.environment[0], "A=1");
	T_TRUE(got.environment[1] == NULL);
	close(fd);
	arena_free(arena);
}

static int unpack_bytes(const char *bytes, size_t size)
{
	struct arena *arena = arena_create(1 << 20);
	struct control_launch got;
	int fd = memfd_create("t", MFD_CLOEXEC);
	int code;

	T_EQ(write(fd, bytes, size), size);
	code = control_unpack(fd, arena, &got);
	close(fd);
	arena_free(arena);
	return code;
}

static void bad_launches(void **state)
{
	const char *many[CONTROL_WORDS + 2];
	const char *none[] = {NULL};
	struct control_launch launch = {"/", many, none};
	struct control_launch got;
	int ends[2];

	T_OK(unpack_bytes("\0\0\0\1\0\0\0\0\0\0\0\2/\0\0\0\0\2x", 20));
	T_TRUE(unpack_bytes("\0\0\0\0\0\0\0\0\0\0\0\2/", 14) < 0);
	T_TRUE(unpack_bytes("\0\0\0\1\0\0\0\0\0\0\0\2/\0\0\0\0\2xy", 20) < 0);
	T_TRUE(unpack_bytes("\0\0\0\1\0\0\0\0\0\0\0\3/\0\0\0\0\0\2x", 21) < 0);
	T_TRUE(unpack_bytes("\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\2x", 18) < 0);
	T_TRUE(unpack_bytes("\377\377\377\377\0\0\0\0\0\0\0\2/", 14) < 0);
	T_TRUE(unpack_bytes("", 0) < 0);
	for (size_t i = 0; i <= CONTROL_WORDS; i++)
		many[i] = "x";
	many[CONTROL_WORDS + 1] = NULL;
	T_ERROR(control_pack(&launch), BUSBAR_ERROR_TOO_LARGE);
	assert_int_equal(pipe(ends), 0);
	T_ERROR(control_unpack(ends[0], NULL, &got), BUSBAR_ERROR_TOO_LARGE);
	close_pair(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(request_round_trip),  cmocka_unit_test(files_travel),
	        cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(reply_round_trip),
	        cmocka_unit_test(launch_round_trip),   cmocka_unit_test(bad_launches),
	};

	return T_RUN(tests);
}
