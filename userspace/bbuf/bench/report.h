/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of bbuf bench.
 */
#ifndef BBUF_BENCH_REPORT_H
#define BBUF_BENCH_REPORT_H

#include <stdio.h>

#include "pattern.h"

/**
 * struct row - results of one kind of queue
 * @peer: kind of queue
 * @rounds: one figure per round; NULL if there are none
 */
struct row {
	const struct peer *peer;
	struct figure *rounds;
};

/**
 * struct group - results to compare: the same measurement with all kinds of queues
 * @pattern: usage pattern
 * @size: size of a message in bytes
 * @level: numbers of queues, producers or consumers
 * @rounds: number of rounds
 * @rows: one for each kind of queue, in the order of peers
 */
struct group {
	const struct pattern *pattern;
	size_t size;
	struct level level;
	size_t rounds;
	struct row *rows;
};

void report_text(const struct group *groups, size_t count);
void report_data(const struct group *groups, size_t count, bool json, FILE *out);

#endif /* BBUF_BENCH_REPORT_H */
