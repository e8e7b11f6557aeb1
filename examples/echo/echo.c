/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resident service in its smallest form: answers every call with its input. A message is a status octet and
 * the octets of a call (src/api/call.h).
 */
#include <stdint.h>
#include <unistd.h>

int main(void)
{
	uint8_t message[65536];
	ssize_t size;

	while ((size = read(STDIN_FILENO, message, sizeof(message))) > 0)
		if (write(STDOUT_FILENO, message, (size_t)size) != size)
			return 1;
	return 0;
}
