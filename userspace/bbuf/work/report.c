// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output of bbuf work. See report.h.
 */
#include <err.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <bbuf.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/screen.h"
#include "common/units.h"
#include "../file.h"
#include "../message.h"
#include "report.h"

/* Interval at which the rate is updated, and the weight of its previous value. */
#define RATE_NS		NSEC_PER_SEC
#define RATE_KEEP	0.8

static const char *const names[EVENTS] = {
	[EVENT_STARTED]		= "started",
	[EVENT_DONE]		= "done",
	[EVENT_FAILED]		= "failed",
	[EVENT_GIVEN_UP]	= "given_up",
	[EVENT_RETURNED]	= "returned",
	[EVENT_LOST]		= "lost",
};

/* Returns -1 after printing a message if events cannot be written. */
int report_init(struct report *report, const struct plan *plan, const struct subject *subject)
{
	*report = (struct report){
		.subject = subject, .plan = plan, .begun = now_ns(), .rate = -1,
	};
	screen_init(&report->screen, stderr);
	if (!plan->json)
		return 0;
	report->json = file_open(plan->json);
	if (!report->json) {
		warn("work: %s", plan->json);
		return -1;
	}
	setlinebuf(report->json);
	return 0;
}

/* Remove the progress line before printing a line that stays. */
void report_clear(struct report *report)
{
	if (report->progress)
		fputs("\r\033[K", stderr);
	report->progress = false;
}

void report_message(struct report *report, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	report_clear(report);
	print_message(report->subject, "%s", text);
	free(text);
}

static double seconds_since(uint64_t ns)
{
	return (double)(now_ns() - ns) / NSEC_PER_SEC;
}

static void begin_json(const struct report *report, const char *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(report->json, "{\"event\":\"%s\",\"time\":%lld.%06ld", event,
		(long long)now.tv_sec, now.tv_nsec / 1000);
}

/* @why needs no quoting. */
static void write_json(const struct report *report, enum event event, const struct job *job,
		       const char *why)
{
	begin_json(report, names[event]);
	fprintf(report->json, ",\"lease\":%llu,\"deliveries\":%u,\"bytes\":%zu",
		(unsigned long long)job->lease, job->deliveries, job->len);
	if (event == EVENT_STARTED)
		fprintf(report->json, ",\"pid\":%d", job->pid);
	else
		fprintf(report->json, ",\"seconds\":%.6f", seconds_since(job->started));
	if (why)
		fprintf(report->json, ",\"why\":\"%s\"", why);
	fputs("}\n", report->json);
}

/* Print events that people want to know about: failures. */
static void print_event(struct report *report, enum event event, const struct job *job,
			const char *why)
{
	char time[TEXT_MAX];

	if (event == EVENT_FAILED)
		report_message(report, "a record of %zu byte%s, delivered %u time%s: %s: retried "
			       "in %s", job->len, plural(job->len), job->deliveries,
			       plural(job->deliveries), why, format_time(time, job->wait_ns));
	else if (event == EVENT_GIVEN_UP)
		report_message(report, "a record of %zu byte%s, delivered %u time%s: %s: given up",
			       job->len, plural(job->len), job->deliveries, plural(job->deliveries),
			       why);
	else if (event == EVENT_LOST)
		report_message(report, "a record of %zu byte%s: its lease timed out; another "
			       "worker may have it", job->len, plural(job->len));
}

void report_event(struct report *report, enum event event, const struct job *job,
		  const char *why)
{
	report->counts[event]++;
	if (report->json)
		write_json(report, event, job, why);
	if (!report->plan->quiet)
		print_event(report, event, job, why);
}

/* Describe how a command has ended. */
const char *report_why(char text[WHY_MAX], const struct report *report, const struct job *job,
		       int status)
{
	char time[TEXT_MAX];

	if (job->cause == CAUSE_TIMEOUT)
		snprintf(text, WHY_MAX, "it took longer than %s",
			 format_time(time, report->plan->timeout_ns));
	else if (WIFSIGNALED(status))
		snprintf(text, WHY_MAX, "killed by signal %d, %s", WTERMSIG(status),
			 sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		snprintf(text, WHY_MAX, "exit status %d", WEXITSTATUS(status));
	return text;
}

/* Rate of all consumers of the queue, since all of them empty it. */
static void update_rate(struct report *report, const struct bbuf_info *info)
{
	double seconds = seconds_since(report->looked), rate;

	if (report->looked && seconds * NSEC_PER_SEC < RATE_NS)
		return;
	if (report->looked) {
		rate = (info->out.records - report->out) / seconds;
		report->rate = report->rate < 0 ? rate :
			       RATE_KEEP * report->rate + (1 - RATE_KEEP) * rate;
	}
	report->looked = now_ns();
	report->out = info->out.records;
}

static void estimate(char text[TEXT_MAX], double seconds)
{
	if (seconds < 60)
		snprintf(text, TEXT_MAX, "%.0f s left", seconds);
	else if (seconds < 3600)
		snprintf(text, TEXT_MAX, "%.0f min left", seconds / 60);
	else
		snprintf(text, TEXT_MAX, "%.1f h left", seconds / 3600);
}

/* Print the progress line, on a terminal. */
void report_progress(struct report *report, const struct bbuf_info *info, size_t running,
		     size_t waiting)
{
	uint64_t left = info->records + info->leased_records;
	char line[160], time[TEXT_MAX];
	int len;

	update_rate(report, info);
	len = snprintf(line, sizeof(line), "%llu done, %llu failed, %zu running, ",
		       (unsigned long long)report->counts[EVENT_DONE],
		       (unsigned long long)report->counts[EVENT_FAILED], running);
	if (waiting)
		len += snprintf(line + len, sizeof(line) - len, "%zu waiting, ", waiting);
	len += snprintf(line + len, sizeof(line) - len, "%llu queued",
			(unsigned long long)info->records);
	if (report->rate >= 0)
		len += snprintf(line + len, sizeof(line) - len, ", %.1f/s", report->rate);
	if (report->rate > 0 && left) {
		estimate(time, left / report->rate);
		snprintf(line + len, sizeof(line) - len, ", %s", time);
	}
	fprintf(stderr, "\r%.*s\033[K", (int)report->screen.width - 1, line);
	report->progress = true;
}

/* Append a count to a text, unless it is 0. */
static void add_count(char *text, size_t size, uint64_t count, const char *what)
{
	size_t len = strlen(text);

	if (count)
		snprintf(text + len, size - len, ", %llu %s", (unsigned long long)count, what);
}

static void summarise(struct report *report)
{
	const uint64_t *counts = report->counts;
	char text[160] = "", time[TEXT_MAX];

	add_count(text, sizeof(text), counts[EVENT_FAILED],
		  counts[EVENT_FAILED] == 1 ? "failure" : "failures");
	add_count(text, sizeof(text), counts[EVENT_GIVEN_UP], "given up");
	add_count(text, sizeof(text), counts[EVENT_RETURNED], "returned");
	add_count(text, sizeof(text), counts[EVENT_LOST], "lost to a timeout");
	report_message(report, "%llu done%s, in %s", (unsigned long long)counts[EVENT_DONE], text,
		       format_time(time, now_ns() - report->begun));
}

/* Returns an exit code. */
int report_end(struct report *report)
{
	enum event event;
	int ret = EXIT_SUCCESS;

	report_clear(report);
	if (!report->plan->quiet)
		summarise(report);
	if (!report->json)
		return ret;
	begin_json(report, "ended");
	for (event = 0; event < EVENTS; event++)
		fprintf(report->json, ",\"%s\":%llu", names[event],
			(unsigned long long)report->counts[event]);
	fprintf(report->json, ",\"seconds\":%.6f}\n", seconds_since(report->begun));
	if (report->json == stdout)
		return output_end();
	if (ferror(report->json) | fclose(report->json)) {
		warn("work: %s", report->plan->json);
		ret = EXIT_FAILURE;
	}
	return ret;
}
