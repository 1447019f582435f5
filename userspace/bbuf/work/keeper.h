/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that ensures that no job outlives its worker.
 *
 * When a worker is killed, its records return to the queue as soon as no process has its open
 * file any more, and another worker takes them. By then its jobs must have ended, or a record
 * would be processed twice at the same time. Therefore the keeper has the file open, too. It
 * waits for the death of the worker, kills all processes of the jobs that still run, and only
 * then closes the file by exiting.
 */
#ifndef BBUF_WORK_KEEPER_H
#define BBUF_WORK_KEEPER_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct keeper - the keeper of a worker
 * @pid: process ID of the keeper
 * @groups: process groups of the running jobs, in shared memory; 0 is a free entry
 * @count: number of entries
 */
struct keeper {
	pid_t pid;
	pid_t *groups;
	size_t count;
};

int keeper_start(struct keeper *keeper, size_t count);
pid_t *keeper_slot(const struct keeper *keeper);
void keeper_end(const struct keeper *keeper);

#endif /* BBUF_WORK_KEEPER_H */
