/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that do something together, and what it took: first to warm up, then, all
 * beginning at once, to be measured.
 */
#ifndef BBUF_BENCH_WORKERS_H
#define BBUF_BENCH_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_NAME_MAX	80

/**
 * struct worker - one of them, in memory that all share
 * @index: which one, from 0
 * @begin_ns: when it began
 * @end_ns: when it was done
 * @put: messages that it has put in
 * @got: messages that it has taken out
 * @calls: system calls that moved them
 * @switches: how often it slept or was preempted
 */
struct worker {
	size_t index;
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t put;
	uint64_t got;
	uint64_t calls;
	uint64_t switches;
} __attribute__((aligned(64)));

/**
 * struct task - what they do
 * @name: of that, for errors
 * @workers: number of processes that do it
 * @run: does one member's part, in which so many messages are moved by all
 * @work: for @run
 * @messages: that are to be moved
 * @timeout_ns: if none of them moves anything for so long, they never will
 * @cold: they don't warm up
 * @free: the scheduler decides where they run; otherwise each has its processor
 */
struct task {
	char name[TASK_NAME_MAX];
	size_t workers;
	void (*run)(struct worker *worker, void *work, size_t messages);
	void *work;
	size_t messages;
	uint64_t timeout_ns;
	bool cold;
	bool free;
};

void *shared_memory(size_t bytes);
void workers_init(void);
struct worker *workers_run(const struct task *task);
void workers_free(struct worker *workers, const struct task *task);

#endif /* BBUF_BENCH_WORKERS_H */
