/* SPDX-License-Identifier: Apache-2.0 */
/* sample DIGIT SEED: one generated picture (64 octets) on stdout, to send to the service. */
#include "digit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool number(const char *text, unsigned long maximum, unsigned long *ret_number)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > maximum)
		return false;
	*ret_number = value;
	return true;
}

int main(int argc, char **argv)
{
	uint8_t image[DIGIT_PIXELS];
	unsigned long digit, seed;
	struct random random;

	if (argc != 3 || !number(argv[1], DIGIT_COUNT - 1, &digit) || !number(argv[2], ULONG_MAX, &seed)) {
		fprintf(stderr, "usage: sample DIGIT SEED\n");
		return 2;
	}
	random_seed(&random, seed);
	digit_draw(&random, (unsigned)digit, image);
	fwrite(image, 1, sizeof(image), stdout);
	return fflush(stdout) != 0;
}
