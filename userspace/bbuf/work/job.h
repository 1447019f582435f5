/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A leased record, and the processes that work on it.
 */
#ifndef BBUF_WORK_JOB_H
#define BBUF_WORK_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

#define NEVER	UINT64_MAX

/* Why a job was terminated early. */
enum cause {
	CAUSE_NONE,
	CAUSE_TIMEOUT,		/* it took too long */
	CAUSE_STOP,		/* this worker is to stop */
	CAUSE_LOST,		/* its lease has ended */
};

/**
 * struct job - a leased record whose command runs, or has failed and waits for its retry
 * @lease: number of the lease
 * @len: length of the record in bytes
 * @deliveries: number of deliveries so far, including this one
 * @pid: process ID of the command, and its process group; 0 while it waits
 * @slot: entry of the process group in the keeper's table; NULL while it waits
 * @started: start time in nanoseconds
 * @cause: why it was terminated
 * @wait_ns: backoff in nanoseconds
 * @end_at: while it runs, when to terminate or kill it; otherwise when to return the record
 * @renew_at: when to renew the lease
 * @renew_ns: interval of renewals in nanoseconds
 */
struct job {
	uint64_t lease;
	size_t len;
	uint32_t deliveries;
	pid_t pid;
	pid_t *slot;
	uint64_t started;
	enum cause cause;
	uint64_t wait_ns;
	uint64_t end_at;
	uint64_t renew_at;
	uint64_t renew_ns;
};

bool job_possible(const struct plan *plan);
int job_start(struct job *job, const struct plan *plan, const char *record);
void job_signal(const struct job *job, int signal);

#endif /* BBUF_WORK_JOB_H */
