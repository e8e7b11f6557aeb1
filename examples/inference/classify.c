/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classify [MODEL]: service "digit". One 8x8 grey picture (64 octets) on stdin; the digit and how sure the
 * network is, "7 0.998", on stdout.
 */
#include "network.h"

#include "base/error.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	const char *model = argc > 1 ? argv[1] : "/service/model.bin";
	uint8_t image[DIGIT_PIXELS + 1];
	struct network_answer answer;
	struct network network;
	size_t size = fread(image, 1, sizeof(image), stdin);
	int result;

	if (size != DIGIT_PIXELS) {
		fprintf(stderr, "classify: a picture has %d octets, not %zu%s\n", DIGIT_PIXELS, size,
		        size > DIGIT_PIXELS ? " or more" : "");
		return 2;
	}
	result = network_load(model, &network);
	if (result < 0) {
		fprintf(stderr, "classify: %s: %s\n", model, error_text(result));
		return 1;
	}
	network_run(&network, image, &answer);
	printf("%u %.3f\n", answer.digit, (double)answer.probability[answer.digit]);
	return fflush(stdout) != 0;
}
