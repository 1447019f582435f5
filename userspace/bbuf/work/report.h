/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bbuf work tells of its work: progress, what failed, a summary, events as JSON.
 */
#ifndef BBUF_WORK_REPORT_H
#define BBUF_WORK_REPORT_H

#include <stdio.h>

#include "../command.h"
#include "job.h"
#include "screen.h"

/* What becomes of a record in hand. */
enum event {
	EVENT_STARTED,		/* its command runs */
	EVENT_DONE,		/* that has succeeded: it is acknowledged, and gone */
	EVENT_FAILED,		/* that has failed: it waits, and will go back */
	EVENT_GIVEN_UP,		/* it was rejected */
	EVENT_RETURNED,		/* it went back */
	EVENT_LOST,		/* it had gone back by itself, as its lease timed out */
	EVENTS
};

/**
 * struct report - what was told, and how to tell
 * @subject: for messages
 * @plan: what is done
 * @json: where events go; NULL for nowhere
 * @screen: where all else goes
 * @begun: when the work began
 * @counts: of events
 * @progress: a line of it is shown
 * @looked: when the rate was last looked at
 * @out: records that had gone out of the queue then
 * @rate: of that, in records a second; negative if it isn't known
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

/* As long as a failed job may tell why, and as often as progress is shown. */
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
