/* SPDX-License-Identifier: Apache-2.0 */
/* The perceptron: forward, backward, and its file. Weights are numbered row by row, first layer first. */
#include "network.h"

#include "base/arena.h"
#include "base/cursor.h"
#include "base/file.h"
#include "busbar-error.h"

#include <errno.h>
#include <math.h>

#define NETWORK_UNIT 4096.0f

static const uint32_t magic = 0x42504552; /* "BPER" */
static const uint16_t version = 1;

void network_scatter(struct network *network, struct random *random)
{
	float *weight[] = {&network->first[0][0], &network->second[0][0]};
	const size_t count[] = {NETWORK_HIDDEN * (NETWORK_INPUTS + 1),
	                        NETWORK_OUTPUTS * (NETWORK_HIDDEN + 1)};
	const float spread[] = {0.2f, 0.3f};

	for (size_t layer = 0; layer < ARRAY_SIZE(weight); layer++)
		for (size_t i = 0; i < count[layer]; i++)
			weight[layer][i] = spread[layer] * (float)(2.0 * random_unit(random) - 1.0);
}

static void run_hidden(const struct network *network, const uint8_t image[DIGIT_PIXELS], float *hidden)
{
	for (size_t row = 0; row < NETWORK_HIDDEN; row++) {
		const float *weight = network->first[row];
		float sum = weight[NETWORK_INPUTS];

		for (size_t column = 0; column < NETWORK_INPUTS; column++)
			sum += weight[column] * ((float)image[column] / 255.0f);
		hidden[row] = sum > 0 ? sum : 0;
	}
}

static void softmax(float *value, size_t count)
{
	float highest = value[0], sum = 0;

	for (size_t i = 1; i < count; i++)
		highest = fmaxf(highest, value[i]);
	for (size_t i = 0; i < count; i++) {
		value[i] = expf(value[i] - highest);
		sum += value[i];
	}
	for (size_t i = 0; i < count; i++)
		value[i] /= sum;
}

void network_run(const struct network *network, const uint8_t image[DIGIT_PIXELS],
                 struct network_answer *ret_answer)
{
	float *probability = ret_answer->probability;

	run_hidden(network, image, ret_answer->hidden);
	for (size_t row = 0; row < NETWORK_OUTPUTS; row++) {
		const float *weight = network->second[row];

		probability[row] = weight[NETWORK_HIDDEN];
		for (size_t column = 0; column < NETWORK_HIDDEN; column++)
			probability[row] += weight[column] * ret_answer->hidden[column];
	}
	softmax(probability, NETWORK_OUTPUTS);

	ret_answer->digit = 0;
	for (unsigned digit = 1; digit < NETWORK_OUTPUTS; digit++)
		if (probability[digit] > probability[ret_answer->digit])
			ret_answer->digit = digit;
}

/* Corrects the second layer, and says how much each hidden value should have been different. */
static void learn_second(struct network *network, const struct network_answer *answer, unsigned digit,
                         float rate, float *ret_blame)
{
	for (size_t column = 0; column < NETWORK_HIDDEN; column++)
		ret_blame[column] = 0;
	for (size_t row = 0; row < NETWORK_OUTPUTS; row++) {
		float error = answer->probability[row] - (row == digit ? 1.0f : 0.0f);
		float *weight = network->second[row];

		for (size_t column = 0; column < NETWORK_HIDDEN; column++) {
			ret_blame[column] += error * weight[column];
			weight[column] -= rate * error * answer->hidden[column];
		}
		weight[NETWORK_HIDDEN] -= rate * error;
	}
}

void network_learn(struct network *network, const uint8_t image[DIGIT_PIXELS], unsigned digit, float rate)
{
	struct network_answer answer;
	float blame[NETWORK_HIDDEN];

	network_run(network, image, &answer);
	learn_second(network, &answer, digit, rate, blame);
	for (size_t row = 0; row < NETWORK_HIDDEN; row++) {
		float *weight = network->first[row];

		if (answer.hidden[row] <= 0)
			continue;
		for (size_t column = 0; column < NETWORK_INPUTS; column++)
			weight[column] -= rate * blame[row] * ((float)image[column] / 255.0f);
		weight[NETWORK_INPUTS] -= rate * blame[row];
	}
}

static void encode_row(struct writer *writer, const float *weight, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float steps = roundf(weight[i] * NETWORK_UNIT);

		writer_u16(writer, (uint16_t)(int16_t)fminf(INT16_MAX, fmaxf(INT16_MIN, steps)));
	}
}

int network_encode(const struct network *network, void *bytes, size_t capacity)
{
	struct writer writer = writer_open(bytes, capacity);

	writer_u32(&writer, magic);
	writer_u16(&writer, version);
	writer_u16(&writer, NETWORK_INPUTS);
	writer_u16(&writer, NETWORK_HIDDEN);
	writer_u16(&writer, NETWORK_OUTPUTS);
	for (size_t row = 0; row < NETWORK_HIDDEN; row++)
		encode_row(&writer, network->first[row], NETWORK_INPUTS + 1);
	for (size_t row = 0; row < NETWORK_OUTPUTS; row++)
		encode_row(&writer, network->second[row], NETWORK_HIDDEN + 1);
	return writer.error;
}

static void decode_header(struct cursor *cursor)
{
	if (cursor_u32(cursor) != magic)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	if (cursor_u16(cursor) != version)
		cursor_fail(cursor, BUSBAR_ERROR_VERSION);
	if (cursor_u16(cursor) != NETWORK_INPUTS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	if (cursor_u16(cursor) != NETWORK_HIDDEN)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
	if (cursor_u16(cursor) != NETWORK_OUTPUTS)
		cursor_fail(cursor, BUSBAR_ERROR_MALFORMED);
}

static void decode_row(struct cursor *cursor, float *ret_weight, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ret_weight[i] = (float)(int16_t)cursor_u16(cursor) / NETWORK_UNIT;
}

int network_decode(const void *bytes, size_t size, struct network *ret_network)
{
	struct cursor cursor = cursor_open(bytes, size);
	struct network network;
	int result;

	decode_header(&cursor);
	for (size_t row = 0; row < NETWORK_HIDDEN; row++)
		decode_row(&cursor, network.first[row], NETWORK_INPUTS + 1);
	for (size_t row = 0; row < NETWORK_OUTPUTS; row++)
		decode_row(&cursor, network.second[row], NETWORK_HIDDEN + 1);
	result = cursor_finish(&cursor);
	if (result == 0)
		*ret_network = network;
	return result;
}

int network_load(const char *path, struct network *ret_network)
{
	struct arena *arena = arena_create(4 * NETWORK_FILE_SIZE);
	char *bytes;
	size_t size;
	int result;

	if (arena == NULL)
		return -ENOMEM;
	result = file_read(path, NETWORK_FILE_SIZE, arena, &bytes, &size);
	if (result >= 0)
		result = network_decode(bytes, size, ret_network);
	arena_free(arena);
	return result;
}
