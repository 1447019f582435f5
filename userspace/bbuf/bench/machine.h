/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of the machine: the load that others put on it during a measurement, and whether its
 * processors work at the same time. Both decide how far a figure can be relied on.
 */
#ifndef BBUF_BENCH_MACHINE_H
#define BBUF_BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Conditions of a measurement. A value that is unavailable or meaningless is NAN. */
enum condition {
	LOAD,			/* load average of one minute, at the start of the program */
	RUNNABLE,		/* other runnable tasks at the start of the program */
	SPEEDUP,		/* work of two busy processes, relative to one */
	SIBLINGS,		/* 1 if the first two processors are threads of one core, or 0 */
	OTHERS,			/* share of processor time that other processes took */
	STEAL,			/* share of processor time that the host took */
	CONDITIONS
};

struct conditions {
	double value[CONDITIONS];
};

/**
 * struct machine_watch - state of the machine at the start of a measurement
 * @ticks: processor time so far, idle or not, in ticks
 * @busy: part of @ticks that was not idle and not stolen
 * @steal: part of @ticks that the host took
 * @own: part of @busy that this process and its children took
 */
struct machine_watch {
	double ticks;
	double busy;
	double steal;
	double own;
};

void machine_inspect(struct conditions *conditions, uint64_t timeout_ns, bool free);
void machine_begin(struct machine_watch *watch);
void machine_end(const struct machine_watch *watch, struct conditions *conditions);

#endif /* BBUF_BENCH_MACHINE_H */
