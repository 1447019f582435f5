/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a stretch of a program took: the clock, and what the kernel has counted for a thread,
 * a process or its children, as getrusage(2). Note it before, and ask what has come since.
 */
#ifndef BBUF_EXAMPLES_COST_H
#define BBUF_EXAMPLES_COST_H

#include <stdint.h>
#include <sys/resource.h>

/**
 * struct cost - what a stretch of a program took
 * @ns: time that passed, in nanoseconds
 * @cpu_ns: time on a CPU, of user and kernel together
 * @slept: times that it gave up the CPU, to wait: voluntary context switches
 * @preempted: times that the CPU was taken from it: involuntary ones
 */
struct cost {
	uint64_t ns;
	uint64_t cpu_ns;
	uint64_t slept;
	uint64_t preempted;
};

struct cost cost_now(int who);
struct cost cost_since(int who, const struct cost *before);
void cost_add(struct cost *cost, const struct cost *other);
void cost_keep_fastest(struct cost *fastest, struct cost sample);

#endif /* BBUF_EXAMPLES_COST_H */
