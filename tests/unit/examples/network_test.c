/* SPDX-License-Identifier: Apache-2.0 */
/* The perceptron and its file; the trained model, whose path is the first argument, on digits it never saw.
 */
#include "t.h"

#include "network.h"

#include <stdio.h>

static const char *model_path;

static void learning_helps(void **state)
{
	struct network_answer before, after;
	struct network network;
	struct random random;
	uint8_t image[DIGIT_PIXELS];

	random_seed(&random, 1);
	network_scatter(&network, &random);
	for (unsigned digit = 0; digit < DIGIT_COUNT; digit++) {
		digit_draw(&random, digit, image);
		network_run(&network, image, &before);
		network_learn(&network, image, digit, 0.01f);
		network_run(&network, image, &after);
		T_TRUE(after.probability[digit] > before.probability[digit]);
	}
}

static void probabilities_are_whole(void **state)
{
	struct network_answer answer;
	struct network network;
	struct random random;
	uint8_t image[DIGIT_PIXELS];

	random_seed(&random, 2);
	network_scatter(&network, &random);
	for (unsigned round = 0; round < 100; round++) {
		float sum = 0;

		random_fill(&random, image, sizeof(image));
		network_run(&network, image, &answer);
		for (unsigned digit = 0; digit < DIGIT_COUNT; digit++) {
			T_TRUE(answer.probability[digit] >= 0);
			T_TRUE(answer.probability[digit] <= answer.probability[answer.digit]);
			sum += answer.probability[digit];
		}
		T_TRUE(sum > 0.9999f && sum < 1.0001f);
	}
}

/* The largest weights a file can hold must not overflow into infinities. */
static void extreme_weights_stay_finite(void **state)
{
	struct network_answer answer;
	struct network network;
	uint8_t bytes[NETWORK_FILE_SIZE], image[DIGIT_PIXELS];
	struct random random;

	memset(image, 255, sizeof(image));
	random_seed(&random, 3);
	network_scatter(&network, &random);
	T_OK(network_encode(&network, bytes, sizeof(bytes)));
	for (size_t at = NETWORK_HEADER; at < sizeof(bytes); at += 2) {
		bytes[at] = 0x7f;
		bytes[at + 1] = 0xff;
	}
	T_OK(network_decode(bytes, sizeof(bytes), &network));
	network_run(&network, image, &answer);
	for (unsigned digit = 0; digit < DIGIT_COUNT; digit++)
		T_TRUE(answer.probability[digit] > 0.0999f && answer.probability[digit] < 0.1001f);
}

static void file_keeps_the_weights(void **state)
{
	uint8_t bytes[NETWORK_FILE_SIZE], again[NETWORK_FILE_SIZE];
	struct network network, copy;
	struct random random;

	random_seed(&random, 4);
	network_scatter(&network, &random);
	network.first[0][0] = 100.0f;
	network.second[NETWORK_OUTPUTS - 1][NETWORK_HIDDEN] = -100.0f;
	T_OK(network_encode(&network, bytes, sizeof(bytes)));
	T_OK(network_decode(bytes, sizeof(bytes), &copy));
	T_TRUE(copy.first[0][0] > 7.99f && copy.first[0][0] < 8.0f);
	T_TRUE(copy.second[NETWORK_OUTPUTS - 1][NETWORK_HIDDEN] == -8.0f);
	for (size_t column = 1; column <= NETWORK_INPUTS; column++) {
		float error = copy.first[0][column] - network.first[0][column];

		T_TRUE(error < 0.00013f && error > -0.00013f);
	}
	T_OK(network_encode(&copy, again, sizeof(again)));
	T_BYTES(again, bytes, sizeof(bytes));
	T_ERROR(network_encode(&network, bytes, sizeof(bytes) - 1), BUSBAR_ERROR_TOO_LARGE);
}

static void bad_files_are_refused(void **state)
{
	static const struct {
		size_t at;
		int error;
	} flips[] = {{0, BUSBAR_ERROR_MALFORMED}, {3, BUSBAR_ERROR_MALFORMED}, {5, BUSBAR_ERROR_VERSION},
	             {7, BUSBAR_ERROR_MALFORMED}, {9, BUSBAR_ERROR_MALFORMED}, {11, BUSBAR_ERROR_MALFORMED}};
	uint8_t bytes[NETWORK_FILE_SIZE + 1] = {0};
	struct network network, untouched;
	struct random random;

	random_seed(&random, 5);
	network_scatter(&network, &random);
	T_OK(network_encode(&network, bytes, sizeof(bytes)));
	memset(&untouched, 0x5a, sizeof(untouched));
	network = untouched;
	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		bytes[flips[i].at] ^= 1;
		T_ERROR(network_decode(bytes, NETWORK_FILE_SIZE, &network), flips[i].error);
		bytes[flips[i].at] ^= 1;
	}
	T_ERROR(network_decode(bytes, NETWORK_FILE_SIZE + 1, &network), BUSBAR_ERROR_MALFORMED);
	for (size_t size = 4; size < NETWORK_FILE_SIZE; size++)
		T_TRUE(network_decode(bytes, size, &network) < 0);
	T_ERROR(network_decode(bytes, NETWORK_FILE_SIZE - 1, &network), BUSBAR_ERROR_TRUNCATED);
	T_BYTES(&network, &untouched, sizeof(network));
	T_OK(network_decode(bytes, NETWORK_FILE_SIZE, &network));
}

static void trained_model_reads_fresh_digits(void **state)
{
	enum { SAMPLES = 10000 };
	unsigned right = 0, right_of[DIGIT_COUNT] = {0};
	struct network_answer answer;
	struct network network;
	struct random random;
	uint8_t image[DIGIT_PIXELS];

	if (model_path == NULL)
		skip();
	T_OK(network_load(model_path, &network));
	random_seed(&random, 0xf5e57);
	for (unsigned sample = 0; sample < SAMPLES; sample++) {
		unsigned digit = sample % DIGIT_COUNT;

		digit_draw(&random, digit, image);
		network_run(&network, image, &answer);
		right_of[digit] += answer.digit == digit;
		right += answer.digit == digit;
	}
	print_message("# %u of %d fresh digits read\n", right, SAMPLES);
	T_TRUE(right >= SAMPLES / 100 * 97);
	for (unsigned digit = 0; digit < DIGIT_COUNT; digit++)
		T_TRUE(right_of[digit] >= SAMPLES / DIGIT_COUNT / 100 * 94);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(learning_helps),
	        cmocka_unit_test(probabilities_are_whole),
	        cmocka_unit_test(extreme_weights_stay_finite),
	        cmocka_unit_test(file_keeps_the_weights),
	        cmocka_unit_test(bad_files_are_refused),
	        cmocka_unit_test(trained_model_reads_fresh_digits),
	};

	if (argc > 1)
		model_path = argv[1];
	return T_RUN(tests);
}
