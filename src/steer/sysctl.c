/* SPDX-License-Identifier: Apache-2.0 */
#include "steer/sysctl.h"

#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 32 };

static int open_switch(const char *interface, const char *name, int flags)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", interface, name);
	int descriptor;

	if (strchr(interface, '/') || interface[0] == '.' || interface[0] == '\0')
		return -EINVAL;
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	descriptor = open(path, flags | O_CLOEXEC);
	return descriptor < 0 ? -errno : descriptor;
}

int sysctl_write(const char *interface, const char *name, int value)
{
	int descriptor = open_switch(interface, name, O_WRONLY);
	char text[TEXT];
	int length = snprintf(text, sizeof(text), "%d\n", value);
	int code = 0;

	if (descriptor < 0)
		return descriptor;
	if (write(descriptor, text, (size_t)length) != length)
		code = errno ? -errno : -EIO;
	close(descriptor);
	return code;
}

int sysctl_read(const char *interface, const char *name, int *ret_value)
{
	int descriptor = open_switch(interface, name, O_RDONLY);
	char text[TEXT];
	ssize_t size;
	int code = 0;

	if (descriptor < 0)
		return descriptor;
	size = read(descriptor, text, sizeof(text) - 1);
	if (size > 0) {
		text[size] = '\0';
		*ret_value = (int)strtol(text, NULL, 10);
	} else {
		code = size < 0 ? -errno : -EIO;
	}
	close(descriptor);
	return code;
}
