/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that do the same work. They warm up first; then all start at the same time and are
 * measured.
 */
#ifndef BBUF_BENCH_WORKERS_H
#define BBUF_BENCH_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_NAME_MAX	80

/**
 * struct worker - a process, in shared memory
 * @index: number of the worker, from 0
 * @begin_ns: start time in nanoseconds
 * @end_ns: end time in nanoseconds
 * @put: number of messages written
 * @got: number of messages read
 * @calls: number of system calls for them
 * @switches: number of context switches, voluntary or not
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
 * struct task - work of the processes
 * @name: description for error messages
 * @workers: number of processes
 * @run: does the part of one worker, while all workers together move @messages
 * @work: argument for @run
 * @messages: number of messages to move
 * @timeout_ns: fail if no worker makes progress for this number of nanoseconds
 * @cold: skip the warm-up
 * @free: let the scheduler move the processes; otherwise each is pinned to a CPU
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
int worker_cpu(size_t index);
struct worker *workers_run(const struct task *task);
uint64_t workers_ns(const struct worker *workers, size_t count);
void workers_free(struct worker *workers, const struct task *task);

#endif /* BBUF_BENCH_WORKERS_H */
