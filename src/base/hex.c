/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text: written in lower case, read in either. */
#include "base/hex.h"
#include "busbar-error.h"

char *hex_format(const void *bytes, size_t size, char *target)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *octets = bytes;

	for (size_t i = 0; i < size; i++) {
		target[2 * i] = digits[octets[i] >> 4];
		target[2 * i + 1] = digits[octets[i] & 15];
	}
	target[2 * size] = '\0';
	return target;
}

/* -1 for what is no digit, NUL included. */
static int digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	if (character >= 'A' && character <= 'F')
		return character - 'A' + 10;
	return -1;
}

int hex_parse(const char *text, void *target, size_t size)
{
	uint8_t *octets = target;

	for (size_t i = 0; i < 2 * size; i++) {
		if (digit(text[i]) < 0)
			return BUSBAR_ERROR_BAD_VALUE;
	}
	if (text[2 * size] != '\0')
		return BUSBAR_ERROR_BAD_VALUE;
	for (size_t i = 0; i < size; i++)
		octets[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return 0;
}
