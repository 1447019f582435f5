/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group: any number of workers that do the same at one side of a queue, until they
 * are done, somebody interrupts them, or nothing has moved for too long.
 *
 * Workers are threads, so that the tool can see when all are done, count for each of
 * them what its calls met, and check across all of them what came. Each opens the
 * device for itself, as processes would: the queue can't tell the difference.
 */
#ifndef BBUF_TOOLS_WORKERS_H
#define BBUF_TOOLS_WORKERS_H

#include <argp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"

/**
 * struct worker_options - what the user may say to the workers
 * @device: path of the queue
 * @mode: how to wait
 * @jobs: how many workers
 * @buffer: most bytes that one call moves, if no item is longer
 * @idle_ns: end when nothing has moved for so long; 0 for never
 * @watch_ns: show how full the queue is so often; 0 for never
 * @json: report for machines
 * @quiet: no report
 */
struct worker_options {
	const char *device;
	enum endpoint_mode mode;
	unsigned int jobs;
	size_t buffer;
	uint64_t idle_ns;
	uint64_t watch_ns;
	bool json;
	bool quiet;
};

extern const struct argp worker_argp;

/* Why the work ended. */
enum workers_end {
	WORKERS_DONE,		/* the workers had done all, or one failed */
	WORKERS_INTERRUPTED,	/* by SIGINT or SIGTERM */
	WORKERS_IDLE,		/* nothing moved for as long as --idle says */
};

/**
 * struct worker - one of the group
 * @group: the group that it belongs to
 * @thread: the thread that it is
 * @number: from 1 up
 * @endpoint: its end of the queue
 * @failed: it could not do its work, and has said why
 */
struct worker {
	struct worker_group *group;
	pthread_t thread;
	unsigned int number;
	struct endpoint endpoint;
	bool failed;
};

/**
 * struct group - workers at one side
 * @options: what the user asked for
 * @flags: O_RDONLY or O_WRONLY
 * @work: what each worker does; returns false if it failed
 * @plan: what the tool wants its workers to know
 * @workers: the workers
 * @running: how many have not finished
 * @moved: bytes that all of them moved
 * @moved_ns: when one of them did so last
 * @stop: all waiting shall end
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

enum workers_end workers_run(struct worker_group *group);
void workers_free(struct worker_group *group);
bool workers_failed(const struct worker_group *group);
void workers_stop(struct worker_group *group);
void worker_moved(struct worker *worker, size_t bytes);

#endif /* BBUF_TOOLS_WORKERS_H */
