/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A record in hand, and the processes that work on it.
 */
#ifndef BBUF_WORK_JOB_H
#define BBUF_WORK_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

#define NEVER	UINT64_MAX

/* Why a job was ended before it would have been. */
enum cause {
	CAUSE_NONE,
	CAUSE_TIMEOUT,		/* it took too long */
	CAUSE_STOP,		/* we are to end */
	CAUSE_LOST,		/* its record was taken away */
};

/**
 * struct job - a record that is leased: its command runs, or has failed and it waits
 * @lease: of the record
 * @len: bytes of it
 * @deliveries: how often it was delivered
 * @pid: of the command, and its process group; 0 if it waits
 * @slot: where the keeper finds that; NULL if it waits
 * @started: when
 * @cause: why it was told to end
 * @wait_ns: how long it waits
 * @end_at: when it is to be told so, or to be killed, if it runs; else when it goes back
 * @renew_at: when the lease must be renewed
 * @renew_ns: how often
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
