// SPDX-License-Identifier: GPL-2.0-only
/*
 * A value that is measured in several rounds. See samples.h.
 */
#include <stdio.h>

#include "samples.h"

void samples_add(struct samples *samples, double value)
{
	size_t i = samples->count++;

	for (; i && samples->values[i - 1] > value; i--)
		samples->values[i] = samples->values[i - 1];
	samples->values[i] = value;
}

/* Of an even number of values the lower one in the middle, so that it is a value that occurred. */
double samples_median(const struct samples *samples)
{
	return samples->values[(samples->count - 1) / 2];
}

/* Formats the lowest and the highest value: "0.28-0.33". */
const char *samples_spread(char text[TEXT_MAX], const struct samples *samples)
{
	snprintf(text, TEXT_MAX, "%.2f-%.2f", samples->values[0],
		 samples->values[samples->count - 1]);
	return text;
}

void samples_explain(uint64_t rounds)
{
	printf("Medians of %ju rounds, after one to warm up. Spread: from the lowest to the highest "
	       "value.\n", rounds);
}
