/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A value that is measured in several rounds. One measurement may be disturbed by other work of
 * the machine; the median is close to the usual value, and the spread shows how far to trust it.
 *
 * Rounds are interleaved: all ways are measured once before any is measured again, so that a slow
 * moment of the machine does not hit one way alone. A first round warms up, and is not kept.
 */
#ifndef BBUF_EXAMPLES_SAMPLES_H
#define BBUF_EXAMPLES_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "common/units.h"

#define ROUNDS_MAX	15

/* Option of an example that measures in rounds. */
#define ROUNDS_SETTING(rounds)	\
	{ .name = "rounds", .count = (rounds), .initial = "5", .max = ROUNDS_MAX, \
	  .doc = "number of rounds to measure, after one that warms up" }

/**
 * struct samples - values of several rounds
 * @values: values in ascending order
 * @count: number of @values
 */
struct samples {
	double values[ROUNDS_MAX];
	size_t count;
};

void samples_add(struct samples *samples, double value);
double samples_median(const struct samples *samples);
const char *samples_spread(char text[TEXT_MAX], const struct samples *samples);
void samples_explain(uint64_t rounds);

#endif /* BBUF_EXAMPLES_SAMPLES_H */
