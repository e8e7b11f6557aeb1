/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digits from strokes. A drawing is a text of points, two figures each: x from 0 to 4, y from 0 (top) to 6;
 * neighbouring points are joined by a line and a space lifts the pen.
 */
#include "digit.h"

#include <math.h>

struct point {
	double x, y;
};

/* Where the drawing lies on the picture, in pixels. */
struct pose {
	struct point centre;
	double scale;
	double sine, cosine;
};

static const char *const drawings[DIGIT_COUNT] = {
        "103041453616050110",          "112026 1636", "01103041420646",
        "01103041423323 334445361605", "36300444",    "400002324345361605",
        "30100105163645443303",        "004016",      "103041423313020110 1304051636454433",
        "16364541301001021343",
};

static double between(struct random *random, double low, double high)
{
	return low + (high - low) * random_unit(random);
}

static struct pose pose_choose(struct random *random)
{
	double middle = DIGIT_SIDE / 2.0;
	double turn = between(random, -0.15, 0.15);

	return (struct pose){
	        .centre = {middle + between(random, -0.7, 0.7), middle + between(random, -0.7, 0.7)},
	        .scale = between(random, 0.9, 1.15),
	        .sine = sin(turn),
	        .cosine = cos(turn),
	};
}

/* The picture's place of the drawing's point that stands at `text`. */
static struct point pose_apply(const struct pose *pose, const char *text)
{
	double x = (text[0] - '0' - 2) * pose->scale;
	double y = (text[1] - '0' - 3) * pose->scale;

	return (struct point){pose->centre.x + x * pose->cosine - y * pose->sine,
	                      pose->centre.y + x * pose->sine + y * pose->cosine};
}

/* How far `at` is from the line between two different points. */
static double distance(struct point at, struct point from, struct point to)
{
	double dx = to.x - from.x, dy = to.y - from.y;
	double along = ((at.x - from.x) * dx + (at.y - from.y) * dy) / (dx * dx + dy * dy);
	double part = fmin(1.0, fmax(0.0, along));

	return hypot(at.x - from.x - part * dx, at.y - from.y - part * dy);
}

static double nearest_stroke(const char *drawing, const struct pose *pose, struct point at)
{
	double nearest = DIGIT_SIDE;
	const char *text = drawing;

	while (text[2] != '\0') {
		if (text[2] == ' ') {
			text += 3;
			continue;
		}
		nearest = fmin(nearest, distance(at, pose_apply(pose, text), pose_apply(pose, text + 2)));
		text += 2;
	}
	return nearest;
}

void digit_draw(struct random *random, unsigned digit, uint8_t image[DIGIT_PIXELS])
{
	struct pose pose = pose_choose(random);
	double pen = between(random, 0.35, 0.75);
	double ink = between(random, 170, 255);

	for (unsigned pixel = 0; pixel < DIGIT_PIXELS; pixel++) {
		struct point at = {pixel % DIGIT_SIDE + 0.5, pixel / DIGIT_SIDE + 0.5};
		double cover = fmin(1.0, fmax(0.0, pen + 0.5 - nearest_stroke(drawings[digit], &pose, at)));
		double grey = ink * cover + between(random, -25, 25);

		image[pixel] = (uint8_t)fmin(255.0, fmax(0.0, grey));
	}
}
