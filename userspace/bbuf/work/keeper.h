/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that sees to it that no job outlives its worker.
 *
 * When a worker is killed, its records go back as soon as nobody has its file of the
 * queue open any more, and another worker takes them. By then its jobs must be gone, or
 * a record would be worked on twice at once. So the keeper has the file open, too. It
 * waits for the worker to die, kills the jobs that still run with all their processes,
 * and only then closes the file, by ending itself.
 */
#ifndef BBUF_WORK_KEEPER_H
#define BBUF_WORK_KEEPER_H

#include <stddef.h>
#include <sys/types.h>

/**
 * struct keeper - one
 * @pid: of it
 * @groups: process groups of the jobs that run, in memory that is shared; 0 is none
 * @count: how many there may be
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
