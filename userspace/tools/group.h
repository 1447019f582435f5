/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of a group of workers: by those who run it, and by those who report on it.
 */
#ifndef BBUF_TOOLS_GROUP_H
#define BBUF_TOOLS_GROUP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"

/**
 * struct worker_options - options of the workers
 * @device: path of the queue
 * @mode: how to wait
 * @jobs: number of workers
 * @buffer: maximum number of bytes moved by one call, unless an item is longer
 * @idle_ns: stop when nothing has moved for this number of nanoseconds; 0 for never
 * @watch_ns: interval in nanoseconds at which to show the fill level; 0 for never
 * @json: report as JSON
 * @quiet: print no report
 */
struct worker_options {
	const char *device;
	enum endpoint_mode mode;
	uint64_t jobs;
	uint64_t buffer;
	uint64_t idle_ns;
	uint64_t watch_ns;
	bool json;
	bool quiet;
};

/**
 * struct worker - a worker
 * @group: group that it belongs to
 * @thread: thread of the worker
 * @number: number of the worker, from 1
 * @endpoint: end of the queue that it uses
 * @failed: the worker has failed, after printing a message
 */
struct worker {
	struct worker_group *group;
	pthread_t thread;
	unsigned int number;
	struct endpoint endpoint;
	bool failed;
};

/**
 * struct group - workers at one side of a queue
 * @options: options of the workers
 * @flags: O_RDONLY or O_WRONLY
 * @work: function that each worker runs; returns false if it failed
 * @plan: options of the tool
 * @workers: the workers
 * @running: number of workers that have not finished
 * @moved: number of bytes moved by all workers
 * @moved_ns: time of the last move in nanoseconds
 * @stop: all workers shall stop
 */
struct worker_group {
	struct worker_options options;
	int flags;
	bool (*work)(struct worker *worker);
	void *plan;
	struct worker *workers;
	atomic_uint running;
	atomic_ullong moved;
	atomic_ullong moved_ns;
	atomic_bool stop;
};

#endif /* BBUF_TOOLS_GROUP_H */
