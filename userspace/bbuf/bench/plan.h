/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of bbuf bench.
 */
#ifndef BBUF_BENCH_PLAN_H
#define BBUF_BENCH_PLAN_H

#include "pattern.h"

/**
 * struct plan - options of bbuf bench
 * @chosen: bit mask of patterns; 0 for all
 * @queues: bit mask of kinds of queues; 0 for all
 * @sizes: message sizes in bytes, if given
 * @levels: numbers of queues, producers or consumers, if given
 * @messages: number of messages in each round
 * @first: number of messages of a fresh queue that are measured apart; 0 for a tenth of @messages
 * @rounds: number of rounds
 * @spread: limit of the difference between rounds in percent
 * @attempts: maximum number of times to measure rounds that differ by more
 * @time_ns: approximate time limit of a round in nanoseconds
 * @timeout_ns: see struct task
 * @free: see struct task
 * @json: file for JSON, or NULL
 * @csv: file for CSV, or NULL
 */
struct plan {
	unsigned int chosen;
	unsigned int queues;
	size_t sizes[SIZES_MAX];
	struct level levels[SIZES_MAX];
	uint64_t messages;
	uint64_t first;
	uint64_t rounds;
	uint64_t spread;
	uint64_t attempts;
	uint64_t time_ns;
	uint64_t timeout_ns;
	bool free;
	const char *json;
	const char *csv;
};

extern const struct pattern *const patterns[];
extern const size_t pattern_count;

void plan_parse(struct plan *plan, int argc, char **argv);

#endif /* BBUF_BENCH_PLAN_H */
