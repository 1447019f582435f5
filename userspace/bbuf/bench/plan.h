/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bbuf bench was asked for.
 */
#ifndef BBUF_BENCH_PLAN_H
#define BBUF_BENCH_PLAN_H

#include "bench.h"

/**
 * struct plan - what to measure, and how to tell
 * @chosen: patterns, as bits; 0 is all
 * @queues: kinds of queues, as bits; 0 is all
 * @sizes: of messages, if they were given
 * @levels: of how many, if they were given
 * @messages: for each figure
 * @rounds: of each figure
 * @time_ns: for each round of it, about
 * @timeout_ns: see struct task
 * @free: the same
 * @json: where to write that
 * @csv: where to write that
 */
struct plan {
	unsigned int chosen;
	unsigned int queues;
	size_t sizes[SIZES_MAX];
	struct level levels[SIZES_MAX];
	size_t messages;
	size_t rounds;
	uint64_t time_ns;
	uint64_t timeout_ns;
	bool free;
	const char *json;
	const char *csv;
};

extern const struct pattern *const patterns[];
extern const size_t pattern_count;

void plan_parse(struct plan *plan, int argc, char **argv);
bool plan_to_stdout(const char *file);

#endif /* BBUF_BENCH_PLAN_H */
