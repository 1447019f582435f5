/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of bbuf bench: the rounds of each kind of queue, and figures for all rounds.
 */
#ifndef BBUF_BENCH_RESULT_H
#define BBUF_BENCH_RESULT_H

#include "machine.h"
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
 * @first: whether these are the first messages of a fresh queue
 * @rounds: number of rounds
 * @attempts: number of times that all rounds were measured
 * @rows: one for each kind of queue, in the order of peers
 * @conditions: state of the machine meanwhile
 */
struct group {
	const struct pattern *pattern;
	size_t size;
	struct level level;
	bool first;
	size_t rounds;
	size_t attempts;
	struct row *rows;
	struct conditions conditions;
};

double row_median(const struct group *group, const struct row *row, enum measure measure);
double row_ratio(const struct group *group, const struct row *row, const struct peer *peer);
double row_spread(const struct group *group, const struct row *row);
double group_spread(const struct group *group);
void group_free(struct group *group);

#endif /* BBUF_BENCH_RESULT_H */
