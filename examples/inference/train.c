/* SPDX-License-Identifier: Apache-2.0 */
/*
 * train MODEL: teaches a fresh perceptron with generated digits and writes its file.
 *
 * Seed and number of steps are fixed, so one build of this program always writes the same model.
 */
#include "network.h"

#include "base/error.h"
#include "base/file.h"

#include <stdio.h>

enum { TRAIN_SEED = 20, TRAIN_STEPS = 60000 };

static void teach(struct network *network, struct random *random)
{
	uint8_t image[DIGIT_PIXELS];

	network_scatter(network, random);
	for (unsigned step = 0; step < TRAIN_STEPS; step++) {
		unsigned digit = (unsigned)random_below(random, DIGIT_COUNT);

		digit_draw(random, digit, image);
		network_learn(network, image, digit, 0.05f * (1.0f - (float)step / TRAIN_STEPS));
	}
}

int main(int argc, char **argv)
{
	uint8_t bytes[NETWORK_FILE_SIZE];
	struct network network;
	struct random random;
	int result;

	if (argc != 2) {
		fprintf(stderr, "usage: train MODEL\n");
		return 2;
	}
	random_seed(&random, TRAIN_SEED);
	teach(&network, &random);
	result = network_encode(&network, bytes, sizeof(bytes));
	if (result >= 0)
		result = file_write(argv[1], bytes, sizeof(bytes), 0644);
	if (result < 0)
		fprintf(stderr, "train: %s: %s\n", argv[1], error_text(result));
	return result < 0;
}
