/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cost of a section of a program: elapsed time, and the statistics of getrusage(2) for a thread,
 * a process or its children. Take it before the section, and the difference after it.
 */
#ifndef BBUF_EXAMPLES_COST_H
#define BBUF_EXAMPLES_COST_H

#include <stdint.h>
#include <sys/resource.h>

/**
 * struct cost - cost of a section of a program
 * @ns: elapsed time in nanoseconds
 * @cpu_ns: CPU time in nanoseconds, user and kernel together
 * @slept: number of voluntary context switches, to wait
 * @preempted: number of involuntary context switches
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
