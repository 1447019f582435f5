// SPDX-License-Identifier: GPL-2.0-only
/*
 * Medians and spreads of the rounds of a measurement. See result.h.
 */
#include <stdlib.h>

#include "peers.h"
#include "result.h"

/* One of this number of rounds at each end is left out of the spread. */
#define OUTLIERS	5

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Median of all rounds. NAN if a round has no value. */
double row_median(const struct group *group, const struct row *row, enum measure measure)
{
	double values[group->rounds];
	size_t i;

	if (!(group->pattern->measures & HAS(measure)))
		return NAN;
	for (i = 0; i < group->rounds; i++) {
		values[i] = row->rounds[i].value[measure];
		if (isnan(values[i]))
			return NAN;
	}
	return median(values, group->rounds);
}

/* Median of the ratios of each round, so that a disturbance of one round has little effect. */
double row_ratio(const struct group *group, const struct row *row, const struct peer *peer)
{
	double values[group->rounds];
	const struct row *other = group->rows;
	size_t i;

	while (other->peer != peer)
		other++;
	if (!other->rounds || !(group->pattern->measures & HAS(NS)))
		return NAN;
	for (i = 0; i < group->rounds; i++)
		values[i] = row->rounds[i].value[NS] / other->rounds[i].value[NS];
	return median(values, group->rounds);
}

/*
 * Difference between the rounds: the largest time less the smallest, relative to the median,
 * without the extremes. NAN if no time is measured.
 */
double row_spread(const struct group *group, const struct row *row)
{
	double values[group->rounds], middle;
	size_t i, skipped = group->rounds / OUTLIERS;

	if (!(group->pattern->measures & HAS(NS)))
		return NAN;
	for (i = 0; i < group->rounds; i++)
		values[i] = row->rounds[i].value[NS];
	middle = median(values, group->rounds);
	return (values[group->rounds - 1 - skipped] - values[skipped]) / middle;
}

/* The largest spread of all kinds of queues; 0 if there is none. */
double group_spread(const struct group *group)
{
	double largest = 0, spread;
	size_t i;

	for (i = 0; i < peer_count; i++) {
		if (!group->rows[i].rounds)
			continue;
		spread = row_spread(group, &group->rows[i]);
		if (spread > largest)
			largest = spread;
	}
	return largest;
}

void group_free(struct group *group)
{
	size_t i;

	for (i = 0; i < peer_count; i++)
		free(group->rows[i].rounds);
	free(group->rows);
}
