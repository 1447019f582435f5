/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bbuf work was asked for.
 */
#ifndef BBUF_WORK_PLAN_H
#define BBUF_WORK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is replaced by the record, in arguments. */
#define PLACEHOLDER		"{}"

/**
 * struct plan - what to do with each record, and how
 * @queue: to take them from
 * @command: that is run for each, with its arguments
 * @jobs: that run at a time
 * @tries: after which a record is given up; 0 for never
 * @backoff_ns: from the first failure of a record to its return
 * @timeout_ns: that a job may take; 0 for any time
 * @kill_ns: from SIGTERM to SIGKILL
 * @grace_ns: from the signal that ends us to the same for the jobs; 0 for any time
 * @drain: end when nothing is there to be taken
 * @quiet: say nothing but what goes wrong with the queue
 * @json: where to write events to; NULL for nowhere
 */
struct plan {
	const char *queue;
	char **command;
	size_t jobs;
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
bool work_plan_json_to_stdout(const struct plan *plan);

#endif /* BBUF_WORK_PLAN_H */
