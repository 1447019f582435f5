/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rates of all queues, from two snapshots.
 */
#ifndef BBUF_RATE_H
#define BBUF_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bbuf.h>

/**
 * struct snapshot - all queues at one moment
 * @list: the queues
 * @count: number of queues
 * @at: time in nanoseconds, of CLOCK_MONOTONIC
 */
struct snapshot {
	struct bbuf_info *list;
	size_t count;
	uint64_t at;
};

/**
 * struct rate - rates of one queue
 * @info: properties and statistics of the queue
 * @fill: used part of the capacity, from 0 to 1; negative if unknown
 * @in: records, or bytes of a stream, written per second; negative if unknown
 * @out: records, or bytes of a stream, read per second; negative if unknown
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
