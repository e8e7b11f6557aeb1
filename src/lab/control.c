/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: version, command, number (32 bits), node (text)
 * reply:   version, code (32 bits), the text up to the message's end
 * launch:  count of words (32 bits), count of variables (32 bits), then folder, words and variables, each
 *          with its size (32 bits) and a final NUL that the size counts
 */
#include "lab/control.h"

#include "base/cursor.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { VERSION = 1, REQUEST_SIZE = 64, REPLY_HEADER = 5, BACKLOG = 16 };

union file_space {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(CONTROL_FILES * sizeof(int))];
};

static int send_message(int fd, void *bytes, size_t size, const int *files, size_t count)
{
	struct iovec vector = {bytes, size};
	union file_space space = {0};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (count > 0) {
		message.msg_control = space.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		space.header.cmsg_level = SOL_SOCKET;
		space.header.cmsg_type = SCM_RIGHTS;
		space.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&space.header), files, count * sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t files_in(const struct control_request *request)
{
	size_t count = 0;

	while (count < CONTROL_FILES && request->files[count] >= 0)
		count++;
	return count;
}

int control_send_request(int fd, const struct control_request *request)
{
	uint8_t bytes[REQUEST_SIZE];
	struct writer writer = writer_open(bytes, sizeof(bytes));
	size_t count = request->command == CONTROL_EXEC ? files_in(request) : 0;

	writer_u8(&writer, VERSION);
	writer_u8(&writer, (uint8_t)request->command);
	writer_u32(&writer, (uint32_t)request->number);
	writer_text(&writer, request->node);
	if (writer.error)
		return writer.error;
	return send_message(fd, bytes, writer_size(&writer), request->files, count);
}

static void take_files(struct msghdr *message, struct control_request *request)
{
	size_t taken = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int file;

			memcpy(&file, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (taken < CONTROL_FILES)
				request->files[taken++] = file;
			else
				close(file);
		}
	}
}

static int decode_request(const uint8_t *bytes, size_t size, struct control_request *request)
{
	struct cursor cursor = cursor_open(bytes, size);
	uint8_t version = cursor_u8(&cursor);
	uint8_t command = cursor_u8(&cursor);

	if (version != VERSION)
		cursor_fail(&cursor, BUSBAR_ERROR_VERSION);
	if (command >= CONTROL_COMMANDS)
		cursor_fail(&cursor, BUSBAR_ERROR_MALFORMED);
	request->command = command;
	request->number = (int)cursor_u32(&cursor);
	cursor_text(&cursor, request->node, sizeof(request->node));
	return cursor_finish(&cursor);
}

int control_receive_request(int fd, struct control_request *ret_request)
{
	struct control_request request = {.files = {-1, -1, -1, -1}};
	uint8_t bytes[REQUEST_SIZE];
	union file_space space = {0};
	struct iovec vector = {bytes, sizeof(bytes)};
	struct msghdr message = {
	        .msg_iov = &vector,
	        .msg_iovlen = 1,
	        .msg_control = space.bytes,
	        .msg_controllen = sizeof(space),
	};
	ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int code;

	if (size <= 0)
		return size < 0 ? -errno : 0;
	take_files(&message, &request);
	code = message.msg_flags & MSG_TRUNC ? BUSBAR_ERROR_TOO_LARGE
	                                     : decode_request(bytes, (size_t)size, &request);
	if (code < 0) {
		control_close_files(&request);
		return code;
	}
	*ret_request = request;
	return 1;
}

void control_close_files(struct control_request *request)
{
	for (size_t i = 0; i < CONTROL_FILES; i++) {
		if (request->files[i] >= 0)
			close(request->files[i]);
		request->files[i] = -1;
	}
}

int control_send_reply(int fd, int code, const char *text)
{
	size_t size = strnlen(text, CONTROL_TEXT);
	uint8_t *bytes = malloc(REPLY_HEADER + size);
	struct writer writer;
	int result;

	if (!bytes)
		return -ENOMEM;
	writer = writer_open(bytes, REPLY_HEADER + size);
	writer_u8(&writer, VERSION);
	writer_u32(&writer, (uint32_t)code);
	writer_bytes(&writer, text, size);
	result = send_message(fd, bytes, writer_size(&writer), NULL, 0);
	free(bytes);
	return result;
}

int control_receive_reply(int fd, struct arena *arena, struct control_reply *ret_reply)
{
	char *bytes = arena_alloc(arena, REPLY_HEADER + CONTROL_TEXT + 1);
	struct cursor cursor;
	ssize_t size;
	uint8_t version;
	int code;

	if (!bytes)
		return -ENOMEM;
	size = recv(fd, bytes, REPLY_HEADER + CONTROL_TEXT, 0);
	if (size <= 0)
		return size < 0 && errno != ECONNRESET ? -errno : 0;
	cursor = cursor_open(bytes, (size_t)size);
	version = cursor_u8(&cursor);
	code = (int)cursor_u32(&cursor);
	if (cursor.error || version != VERSION)
		return cursor.error ? cursor.error : BUSBAR_ERROR_VERSION;
	*ret_reply = (struct control_reply){code, bytes + REPLY_HEADER};
	return 1;
}

static size_t words_in(const char *const *words)
{
	size_t count = 0;

	while (words[count])
		count++;
	return count;
}

static void write_word(struct writer *writer, const char *word)
{
	size_t size = strlen(word) + 1;

	writer_u32(writer, (uint32_t)size);
	writer_bytes(writer, word, size);
}

static int write_launch(const struct control_launch *launch, struct writer *writer)
{
	size_t arguments = words_in(launch->arguments);
	size_t variables = words_in(launch->environment);

	if (arguments > CONTROL_WORDS || variables > CONTROL_WORDS)
		return BUSBAR_ERROR_TOO_LARGE;
	writer_u32(writer, (uint32_t)arguments);
	writer_u32(writer, (uint32_t)variables);
	write_word(writer, launch->folder);
	for (size_t i = 0; i < arguments; i++)
		write_word(writer, launch->arguments[i]);
	for (size_t i = 0; i < variables; i++)
		write_word(writer, launch->environment[i]);
	return writer->error;
}

static int write_memory_file(const uint8_t *bytes, size_t size)
{
	int fd = memfd_create("launch", MFD_CLOEXEC);
	int code = fd < 0 ? -errno : 0;

	for (size_t done = 0; code >= 0 && done < size;) {
		ssize_t written = write(fd, bytes + done, size - done);

		if (written < 0)
			code = -errno;
		else
			done += (size_t)written;
	}
	if (code < 0 && fd >= 0)
		close(fd);
	return code < 0 ? code : fd;
}

int control_pack(const struct control_launch *launch)
{
	uint8_t *bytes = malloc(CONTROL_LAUNCH);
	struct writer writer;
	int code;

	if (!bytes)
		return -ENOMEM;
	writer = writer_open(bytes, CONTROL_LAUNCH);
	code = write_launch(launch, &writer);
	if (code >= 0)
		code = write_memory_file(bytes, writer_size(&writer));
	free(bytes);
	return code;
}

static const char *read_word(struct cursor *cursor)
{
	uint32_t size = cursor_u32(cursor);
	const uint8_t *bytes = cursor_bytes(cursor, size);

	if (!bytes || size == 0 || memchr(bytes, '\0', size) != bytes + size - 1) {
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
		return "";
	}
	return (const char *)bytes;
}

static const char **read_words(struct cursor *cursor, size_t count, struct arena *arena)
{
	const char **words = count <= CONTROL_WORDS ? arena_array(arena, count + 1, sizeof(*words)) : NULL;

	if (!words) {
		cursor_fail(cursor, BUSBAR_ERROR_TOO_LARGE);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		words[i] = read_word(cursor);
	return words;
}

static int decode_launch(const void *bytes, size_t size, struct arena *arena,
                         struct control_launch *ret_launch)
{
	struct cursor cursor = cursor_open(bytes, size);
	size_t arguments = cursor_u32(&cursor);
	size_t variables = cursor_u32(&cursor);
	struct control_launch launch;

	launch.folder = read_word(&cursor);
	launch.arguments = read_words(&cursor, arguments, arena);
	launch.environment = read_words(&cursor, variables, arena);
	if (arguments == 0)
		cursor_fail(&cursor, BUSBAR_ERROR_MALFORMED);
	if (cursor_finish(&cursor) < 0)
		return cursor_finish(&cursor);
	*ret_launch = launch;
	return 0;
}

int control_unpack(int fd, struct arena *arena, struct control_launch *ret_launch)
{
	struct stat status;
	size_t done = 0;
	char *bytes;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > CONTROL_LAUNCH)
		return BUSBAR_ERROR_TOO_LARGE;
	bytes = arena_alloc(arena, (size_t)status.st_size);
	if (!bytes)
		return -ENOMEM;
	while (done < (size_t)status.st_size) {
		ssize_t size = pread(fd, bytes + done, (size_t)status.st_size - done, (off_t)done);

		if (size <= 0)
			return size < 0 ? -errno : BUSBAR_ERROR_TRUNCATED;
		done += (size_t)size;
	}
	return decode_launch(bytes, done, arena, ret_launch);
}

static int open_socket(const char *path, struct sockaddr_un *address, int flags)
{
	int fd;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	return fd < 0 ? -errno : fd;
}

int control_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(path, &address, SOCK_NONBLOCK);
	int code = 0;

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, BACKLOG) < 0)
		code = -errno;
	if (code < 0)
		close(fd);
	return code < 0 ? code : fd;
}

int control_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(path, &address, 0);
	int code;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	code = -errno;
	close(fd);
	return code;
}
