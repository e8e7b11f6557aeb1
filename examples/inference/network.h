/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A two-layer perceptron that reads one digit, and its file.
 *
 * hidden = relu(A image + a), probabilities = softmax(B hidden + b). The file is big-endian: magic "BPER",
 * version, the three layer sizes (16 bits each), then every weight as a signed 16-bit count of 1/4096, the
 * bias after each row. Its size follows from the layer sizes, so it is exact: 4832 octets.
 */
#ifndef INFERENCE_NETWORK_H
#define INFERENCE_NETWORK_H

#include "base/compiler.h"
#include "digit.h"
#include <stddef.h>

enum { NETWORK_INPUTS = DIGIT_PIXELS, NETWORK_HIDDEN = 32, NETWORK_OUTPUTS = DIGIT_COUNT };
enum {
	NETWORK_HEADER = 12,
	NETWORK_WEIGHTS = NETWORK_HIDDEN * (NETWORK_INPUTS + 1) + NETWORK_OUTPUTS * (NETWORK_HIDDEN + 1),
	NETWORK_FILE_SIZE = NETWORK_HEADER + 2 * NETWORK_WEIGHTS,
};

struct network {
	float first[NETWORK_HIDDEN][NETWORK_INPUTS + 1]; /* last column: bias */
	float second[NETWORK_OUTPUTS][NETWORK_HIDDEN + 1];
};

struct network_answer {
	float hidden[NETWORK_HIDDEN];
	float probability[NETWORK_OUTPUTS];
	unsigned digit; /* of the highest probability */
};

/* Small random weights to start training from. */
void network_scatter(struct network *network, struct random *random);
void network_run(const struct network *network, const uint8_t image[DIGIT_PIXELS],
                 struct network_answer *ret_answer);
/* One step of gradient descent on the cross entropy of one picture. */
void network_learn(struct network *network, const uint8_t image[DIGIT_PIXELS], unsigned digit, float rate);

/* Writes NETWORK_FILE_SIZE octets; weights beyond +-8 are clipped to it. Returns 0 or BUSBAR_ERROR_TOO_LARGE.
 */
int network_encode(const struct network *network, void *bytes, size_t capacity) CHECKED;
/* MALFORMED for another magic, other layer sizes or a wrong length, VERSION for another version, TRUNCATED.
 */
int network_decode(const void *bytes, size_t size, struct network *ret_network) CHECKED;
/* Reads a model file, which may be anything, and decodes it; those errors, TOO_LARGE, or -errno. */
int network_load(const char *path, struct network *ret_network) CHECKED;

#endif
