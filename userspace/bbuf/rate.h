/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all queues do, from two looks at them.
 */
#ifndef BBUF_RATE_H
#define BBUF_RATE_H

#include "command.h"

/**
 * struct snapshot - all queues at one moment
 * @list: of them
 * @count: how many
 * @at: when, in nanoseconds
 */
struct snapshot {
	struct bbuf_info *list;
	size_t count;
	uint64_t at;
};

/**
 * struct rate - what one queue does
 * @info: what it is
 * @fill: the part of it that is full; negative if unknown
 * @in: records, or bytes of a stream, that come in each second; negative if unknown
 * @out: the same of those that go out
 */
struct rate {
	const struct bbuf_info *info;
	double fill;
	double in;
	double out;
};

enum rate_order {
	ORDER_NAME,
	ORDER_FILL,
	ORDER_IN,
	ORDER_OUT,
	ORDER_WAITING,
	ORDER_SLEPT,
};

int snapshot_take(struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

struct rate *rates_new(const struct snapshot *before, const struct snapshot *now);
void rates_sort(struct rate *rates, size_t count, enum rate_order order, bool reverse);

#endif /* BBUF_RATE_H */
