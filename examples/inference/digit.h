/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hand-drawn looking digits: an endless set of small grey pictures for training and for trying out.
 *
 * Each picture is one of ten stroke drawings of our own, moved, scaled, turned, drawn with a pen of random
 * width and brightness, and covered with noise. The generator decides everything: same state, same picture.
 */
#ifndef INFERENCE_DIGIT_H
#define INFERENCE_DIGIT_H

#include "base/random.h"
#include <stdint.h>

enum { DIGIT_SIDE = 8, DIGIT_PIXELS = DIGIT_SIDE * DIGIT_SIDE, DIGIT_COUNT = 10 };

/* Draws `digit` (0..9) into `image`, row by row from the top; 0 is paper, 255 is full ink. */
void digit_draw(struct random *random, unsigned digit, uint8_t image[DIGIT_PIXELS]);

#endif
