/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of bbuf work.
 */
#ifndef BBUF_WORK_PLAN_H
#define BBUF_WORK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* Replaced by the record in arguments. */
#define PLACEHOLDER		"{}"

/**
 * struct plan - options of bbuf work
 * @queue: name of the queue
 * @command: command to run for each record, with its arguments
 * @jobs: maximum number of jobs at once
 * @tries: number of deliveries after which a failed record is rejected; 0 for no limit
 * @backoff_ns: delay before the first retry in nanoseconds
 * @timeout_ns: time limit of a job in nanoseconds; 0 for none
 * @kill_ns: time from SIGTERM to SIGKILL in nanoseconds
 * @grace_ns: time from the signal that stops the worker to terminating its jobs, in nanoseconds;
 *            0 to wait without a limit
 * @drain: exit when the queue is empty
 * @quiet: print only errors
 * @json: file for events; NULL for none
 */
struct plan {
	const char *queue;
	char **command;
	uint64_t jobs;
	uint64_t tries;
	uint64_t backoff_ns;
	uint64_t timeout_ns;
	uint64_t kill_ns;
	uint64_t grace_ns;
	bool drain;
	bool quiet;
	const char *json;
};

void work_plan_parse(struct plan *plan, int argc, char **argv);

#endif /* BBUF_WORK_PLAN_H */
