/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output of bbuf work: progress, failures, a summary, events as JSON.
 */
#ifndef BBUF_WORK_REPORT_H
#define BBUF_WORK_REPORT_H

#include <stdio.h>

#include <bbuf.h>

#include "common/clock.h"
#include "common/screen.h"
#include "../message.h"
#include "job.h"

/* Events of a leased record. */
enum event {
	EVENT_STARTED,		/* its command runs */
	EVENT_DONE,		/* the command succeeded: the record is acknowledged */
	EVENT_FAILED,		/* the command failed: the record will return after its backoff */
	EVENT_GIVEN_UP,		/* it was rejected */
	EVENT_RETURNED,		/* it was returned to the queue */
	EVENT_LOST,		/* its lease timed out, and it returned by itself */
	EVENTS
};

/**
 * struct report - state of the output
 * @subject: for messages
 * @plan: options of bbuf work
 * @json: stream for events; NULL for none
 * @screen: everything else is printed to it
 * @begun: start time in nanoseconds
 * @counts: number of events of each kind
 * @progress: whether a progress line is shown
 * @looked: when the rate was last updated, in nanoseconds
 * @out: records read from the queue by then
 * @rate: records read per second; negative if unknown
 */
struct report {
	const struct subject *subject;
	const struct plan *plan;
	FILE *json;
	struct screen screen;
	uint64_t begun;
	uint64_t counts[EVENTS];
	bool progress;
	uint64_t looked;
	uint64_t out;
	double rate;
};

/* Maximum length of the reason of a failure, and interval of the progress line. */
#define WHY_MAX		80
#define PROGRESS_NS	(200 * NSEC_PER_MSEC)

int report_init(struct report *report, const struct plan *plan, const struct subject *subject);
void report_clear(struct report *report);
void report_event(struct report *report, enum event event, const struct job *job,
		  const char *why);
const char *report_why(char text[WHY_MAX], const struct report *report, const struct job *job,
		       int status);
__attribute__((format(printf, 2, 3)))
void report_message(struct report *report, const char *fmt, ...);
void report_progress(struct report *report, const struct bbuf_info *info, size_t running,
		     size_t waiting);
int report_end(struct report *report);

#endif /* BBUF_WORK_REPORT_H */
