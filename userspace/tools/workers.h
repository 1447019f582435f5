/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of workers does the same work at one side of a queue, until the work is done, the user
 * interrupts it, or nothing has moved for too long.
 *
 * Workers are threads, so that the tool can notice when all have finished, keep statistics of
 * the calls of each, and verify data across all of them. Each worker opens the device for
 * itself, as processes would: the queue cannot tell the difference.
 */
#ifndef BBUF_TOOLS_WORKERS_H
#define BBUF_TOOLS_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/settings.h"
#include "group.h"

/* Options of producer and consumer, and where their values go. */
extern struct worker_options worker_options;
extern const struct setting worker_settings[];

/* Why the work ended. */
enum workers_end {
	WORKERS_DONE,		/* the workers have finished, or one has failed */
	WORKERS_INTERRUPTED,	/* by SIGINT or SIGTERM */
	WORKERS_IDLE,		/* nothing moved for the time given with --idle */
};

enum workers_end workers_run(struct worker_group *group);
void workers_free(struct worker_group *group);
bool workers_failed(const struct worker_group *group);
void workers_stop(struct worker_group *group);
void worker_moved(struct worker *worker, size_t bytes);

#endif /* BBUF_TOOLS_WORKERS_H */
