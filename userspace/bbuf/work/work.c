// SPDX-License-Identifier: GPL-2.0-only
/*
 * bbuf work: run a command for each record of a queue, and acknowledge the record only if the
 * command succeeds.
 *
 * One thread waits in poll() for everything: the queue, signals (including SIGCHLD), and the
 * next deadline of a leased record. No other call blocks, so leases are renewed in time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/macros.h"
#include "common/units.h"
#include "../command.h"
#include "../message.h"
#include "../queue.h"
#include "../watch.h"
#include "job.h"
#include "keeper.h"
#include "report.h"
#include "shell.h"

/* A lease is renewed after a third of its timeout. */
#define RENEW_PART	3

/* Limits of the exponential backoff: the number of doublings, and a base that cannot overflow. */
#define BACKOFF_DOUBLINGS	8
#define BACKOFF_MAX		(NEVER >> (BACKOFF_DOUBLINGS + 1))

/**
 * struct work - state of bbuf work
 * @subject: for messages
 * @plan: options of the command
 * @report: output
 * @queue: handle of the queue
 * @info: properties and statistics of the queue, last read
 * @keeper: keeper of the jobs
 * @signals: signalfd for the signals to handle
 * @record: buffer for a record
 * @size: size of @record in bytes
 * @jobs: leased records
 * @count: number of @jobs
 * @running: number of jobs whose command runs
 * @limit_reached: the file holds its maximum number of leases
 * @empty: the queue was empty at the last attempt
 * @eof: the queue has reported EOF
 * @stopping: no more records are taken
 * @signal: signal that asked to stop, or 0
 * @grace_end: when to terminate the jobs, in nanoseconds
 * @status: exit code so far
 */
struct work {
	struct subject subject;
	struct plan plan;
	struct report report;
	struct bbuf *queue;
	struct bbuf_info info;
	struct keeper keeper;
	int signals;
	char *record;
	size_t size;
	struct job *jobs;
	size_t count;
	size_t running;
	bool limit_reached;
	bool empty;
	bool eof;
	bool stopping;
	int signal;
	uint64_t grace_end;
	int status;
};

/* An error of the queue or of this program: take no more records. */
static void work_fail(struct work *work, int error)
{
	report_clear(&work->report);
	if (work->status != EXIT_FAILURE)
		fail(&work->subject, error);
	work->status = EXIT_FAILURE;
	work->stopping = true;
}

/* Remove a job. The order of the others does not matter. */
static void remove_job(struct work *work, struct job *job)
{
	*job = work->jobs[--work->count];
	work->limit_reached = false;
}

/* Returns false if the dead-letter queue does not accept the record, which stays leased. */
static bool settle(struct work *work, struct job *job, enum bbuf_settle_action action,
		   enum event event, const char *why)
{
	int error = bbuf_settle(work->queue, job->lease, action) < 0 ? errno : 0;

	if (error == EAGAIN)
		return false;
	if (!error)
		report_event(&work->report, event, job, why);
	else if (error == ESTALE)
		report_event(&work->report, EVENT_LOST, job, NULL);
	else
		work_fail(work, error);
	remove_job(work, job);
	return true;
}

/* Whether the record must not be retried. */
static bool is_last_try(const struct work *work, const struct job *job)
{
	uint64_t tries = work->plan.tries ?: NEVER;

	if (work->info.max_deliveries)
		tries = MIN(tries, work->info.max_deliveries);
	return job->deliveries >= tries;
}

/* Returns false if the dead-letter queue does not accept the record. */
static bool give_up(struct work *work, struct job *job, const char *why)
{
	if (!settle(work, job, BBUF_REJECT, EVENT_GIVEN_UP, why))
		return false;
	if (work->status == EXIT_SUCCESS)
		work->status = EXIT_GIVEN_UP;
	return true;
}

/* Keep the record leased during its backoff; if this program dies, the record returns at once. */
static void job_failed(struct work *work, struct job *job, const char *why)
{
	if (is_last_try(work, job)) {
		if (give_up(work, job, why))
			return;
		report_message(&work->report, "the dead-letter queue %s is full or was destroyed: "
			       "a record is retried instead of given up", work->info.dead_letters);
	}
	job->wait_ns = MIN(work->plan.backoff_ns, BACKOFF_MAX) <<
		       MIN(job->deliveries - 1, BACKOFF_DOUBLINGS);
	job->end_at = now_ns() + job->wait_ns;
	report_event(&work->report, EVENT_FAILED, job, why);
	if (work->stopping)
		settle(work, job, BBUF_RETURN_LAST, EVENT_RETURNED, NULL);
}

/* The backoff is over: return the record for a retry, or try again to reject it. */
static void backoff_elapsed(struct work *work, struct job *job)
{
	if (is_last_try(work, job) && give_up(work, job, "it has failed"))
		return;
	settle(work, job, BBUF_RETURN_LAST, EVENT_RETURNED, NULL);
}

/* The command of a job has exited. */
static void job_exited(struct work *work, struct job *job, int status)
{
	char why[WHY_MAX];

	if (job->cause != CAUSE_NONE)
		job_signal(job, SIGKILL);	/* processes that it has left behind */
	*job->slot = 0;
	job->slot = NULL;
	job->pid = 0;
	work->running--;
	if (job->cause == CAUSE_LOST) {
		report_event(&work->report, EVENT_LOST, job, NULL);
		remove_job(work, job);
	} else if (!status && job->cause != CAUSE_TIMEOUT) {
		settle(work, job, BBUF_ACK, EVENT_DONE, NULL);
	} else if (job->cause == CAUSE_STOP) {
		settle(work, job, BBUF_RETURN, EVENT_RETURNED, NULL);
	} else {
		job_failed(work, job, report_why(why, &work->report, job, status));
	}
}

static void reap(struct work *work)
{
	struct job *job;
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0)
			return;
		for (job = work->jobs; job < work->jobs + work->count && job->pid != pid; job++)
			;
		if (job < work->jobs + work->count)
			job_exited(work, job, status);
	}
}

/* Send SIGTERM now, and SIGKILL later; SIGKILL at once if it was terminated before. */
static void terminate_job(struct work *work, struct job *job, enum cause cause)
{
	if (job->cause != CAUSE_NONE) {
		job_signal(job, SIGKILL);
		job->end_at = NEVER;
		return;
	}
	job->cause = cause;
	job->end_at = now_ns() + work->plan.kill_ns;
	job_signal(job, SIGTERM);
}

static void terminate_all(struct work *work)
{
	struct job *job;

	work->grace_end = NEVER;
	for (job = work->jobs; job < work->jobs + work->count; job++)
		if (job->pid)
			terminate_job(work, job, CAUSE_STOP);
}

/* Return records whose backoff is not over. */
static void return_waiting(struct work *work)
{
	size_t i = 0;

	while (i < work->count) {
		if (work->jobs[i].pid)
			i++;
		else
			settle(work, &work->jobs[i], BBUF_RETURN_LAST, EVENT_RETURNED, NULL);
	}
}

/* The first signal lets running jobs finish; the next one terminates them. */
static void handle_stop(struct work *work, int signal)
{
	if (work->signal) {
		terminate_all(work);
		return;
	}
	work->signal = signal;
	work->stopping = true;
	if (work->plan.grace_ns)
		work->grace_end = now_ns() + work->plan.grace_ns;
	if (work->running && !work->plan.quiet)
		report_message(&work->report, "no more records are taken; waiting for %zu running "
			       "job%s", work->running, plural(work->running));
}

static void renew(struct work *work, struct job *job)
{
	job->renew_at = now_ns() + job->renew_ns;
	if (bbuf_settle(work->queue, job->lease, BBUF_RENEW) >= 0)
		return;
	job->renew_at = NEVER;
	if (errno != ESTALE) {
		work_fail(work, errno);
	} else if (job->pid) {
		terminate_job(work, job, CAUSE_LOST);
	} else {
		report_event(&work->report, EVENT_LOST, job, NULL);
		remove_job(work, job);
	}
}

static void job_due(struct work *work, struct job *job)
{
	if (job->pid)
		terminate_job(work, job, CAUSE_TIMEOUT);
	else
		backoff_elapsed(work, job);
}

/* Handle all deadlines that have passed. Iterates backwards: removing a job moves the last one. */
static void handle_deadlines(struct work *work)
{
	uint64_t now = now_ns();
	size_t i = work->count;

	while (i-- > 0) {
		if (work->jobs[i].end_at <= now)
			job_due(work, &work->jobs[i]);
		else if (work->jobs[i].renew_at <= now)
			renew(work, &work->jobs[i]);
	}
	if (work->grace_end <= now)
		terminate_all(work);
}

static uint64_t next_deadline(const struct work *work)
{
	uint64_t next = work->grace_end;
	size_t i;

	for (i = 0; i < work->count; i++)
		next = MIN(next, MIN(work->jobs[i].end_at, work->jobs[i].renew_at));
	return next;
}

/* Make room for a record of this size. */
static void resize_buffer(struct work *work, size_t size)
{
	work->record = xrealloc(work->record, size, 1);
	work->size = size;
}

/* Either the record is invalid as an argument, or this machine cannot run the command. */
static void job_not_started(struct work *work, struct job *job, int error)
{
	if (error == E2BIG) {
		job_failed(work, job, "the record is too long for an argument");
	} else if (error == EILSEQ) {
		job_failed(work, job, "the record contains a NUL, which an argument cannot "
			   "contain");
	} else {
		report_message(&work->report, "cannot run %s: %s; no more records are taken",
			       work->plan.command[0], strerror(error));
		work->status = EXIT_FAILURE;
		work->stopping = true;
		settle(work, job, BBUF_RETURN, EVENT_RETURNED, NULL);
	}
}

/* Set what the record itself does not tell. */
static void set_environment(const struct bbuf_lease *lease)
{
	char number[TEXT_MAX];

	snprintf(number, sizeof(number), "%u", lease->deliveries);
	setenv("BBUF_DELIVERIES", number, 1);
}

static void start(struct work *work, const struct bbuf_lease *lease)
{
	struct job *job;

	if (bbuf_get_info(work->queue, &work->info)) {
		work_fail(work, errno);
		return;
	}
	work->jobs = xrealloc(work->jobs, work->count + 1, sizeof(*work->jobs));
	job = &work->jobs[work->count++];
	*job = (struct job){
		.lease = lease->lease, .len = lease->len, .deliveries = lease->deliveries,
		.started = now_ns(), .end_at = NEVER, .renew_at = NEVER,
		.slot = keeper_slot(&work->keeper),
		.renew_ns = work->info.lease_timeout / RENEW_PART,
	};
	if (job->renew_ns)
		job->renew_at = job->started + job->renew_ns;
	if (work->plan.timeout_ns)
		job->end_at = job->started + work->plan.timeout_ns;
	set_environment(lease);
	if (job_start(job, &work->plan, work->record)) {
		job->slot = NULL;
		job_not_started(work, job, errno);
		return;
	}
	work->running++;
	report_event(&work->report, EVENT_STARTED, job, NULL);
}

static bool wants_more(const struct work *work)
{
	return !work->stopping && !work->eof && !work->limit_reached &&
	       work->running < work->plan.jobs;
}

/* Returns whether to try again. */
static bool lease_failed(struct work *work, int error, size_t len)
{
	switch (error) {
	case EINTR:
		return true;
	case EMSGSIZE:		/* the capacity has grown since */
		resize_buffer(work, len);
		return true;
	case EAGAIN:
		work->empty = true;
		return false;
	case EBUSY:
		work->limit_reached = true;
		return false;
	default:
		work_fail(work, error);
		return false;
	}
}

/* Returns whether there may be more records. */
static bool lease_one(struct work *work)
{
	static const struct timespec at_once;
	struct bbuf_lease lease;
	ssize_t ret = bbuf_lease(work->queue, work->record, work->size, &at_once, &lease);

	work->empty = false;
	if (ret < 0)
		return lease_failed(work, errno, lease.len);
	work->eof = !ret;
	if (ret)
		start(work, &lease);
	return ret;
}

static void lease_jobs(struct work *work)
{
	while (wants_more(work) && lease_one(work))
		;
}

static bool is_finished(const struct work *work)
{
	return !work->count &&
	       (work->stopping || work->eof || (work->plan.drain && work->empty));
}

static bool shows_progress(const struct work *work)
{
	return work->report.screen.tty && !work->plan.quiet;
}

static int milliseconds_until(uint64_t deadline)
{
	uint64_t now = now_ns();

	if (deadline == NEVER)
		return -1;
	if (deadline <= now)
		return 0;
	return MIN((deadline - now) / NSEC_PER_MSEC + 1, 60000);
}

static void wait_for_event(struct work *work)
{
	uint64_t deadline = next_deadline(work);
	struct pollfd fds[] = {
		{ .fd = work->signals, .events = POLLIN },
		{ .fd = wants_more(work) ? bbuf_fd(work->queue) : -1, .events = POLLIN },
	};

	if (shows_progress(work))
		deadline = MIN(deadline, now_ns() + PROGRESS_NS);
	poll(fds, ARRAY_SIZE(fds), milliseconds_until(deadline));
}

static void handle_signals(struct work *work)
{
	struct signalfd_siginfo info;

	while (read(work->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			handle_stop(work, info.ssi_signo);
}

static void show_progress(struct work *work)
{
	if (shows_progress(work) && !bbuf_get_info(work->queue, &work->info))
		report_progress(&work->report, &work->info, work->running,
				work->count - work->running);
}

static void work_loop(struct work *work)
{
	for (;;) {
		lease_jobs(work);
		if (work->stopping)
			return_waiting(work);
		if (is_finished(work))
			return;
		show_progress(work);
		wait_for_event(work);
		handle_signals(work);
		reap(work);
		handle_deadlines(work);
	}
}

/*
 * Anyone who may put a record could run code as this user. This is not an error, because the
 * records may be known to be harmless.
 */
static void warn_about_shell(const struct work *work)
{
	const char *shell = shell_with_record(work->plan.command);

	if (shell)
		print_message(&work->subject, "warning: {} is part of the code that `%s -c' runs, "
			      "so that records are executed as commands; pass it as an argument "
			      "instead: %s -c 'echo \"$1\"' %s {}", shell, shell, shell);
}

/* Check that the queue holds records with leases, and that the command exists. */
static int check(struct work *work)
{
	if (bbuf_get_info(work->queue, &work->info))
		return fail(&work->subject, errno);
	if (work->info.type != BBUF_RECORD || !(work->info.policy & BBUF_LEASE)) {
		print_message(&work->subject, "records would be lost if this program were killed: "
			      "use a queue created with `bbuf create --records --lease'");
		return EXIT_FAILURE;
	}
	if (!job_possible(&work->plan)) {
		print_message(&work->subject, "no such program: `%s'", work->plan.command[0]);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* Receive signals by a file descriptor from now on, except those that are ignored. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	watch_signals(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The keeper is started before the signals are redirected: it handles none of them. */
static int work_prepare(struct work *work)
{
	int ret = check(work);

	if (ret)
		return ret;
	warn_about_shell(work);
	if (report_init(&work->report, &work->plan, &work->subject))
		return EXIT_FAILURE;
	if (keeper_start(&work->keeper, work->plan.jobs))
		return fail(&work->subject, errno);
	work->signals = open_signals();
	if (work->signals < 0)
		return fail(&work->subject, errno);
	resize_buffer(work, work->info.capacity);
	setenv("BBUF_QUEUE", work->plan.queue, 1);
	return EXIT_SUCCESS;
}

int cmd_work(int argc, char **argv)
{
	struct work work = { .subject.operation = "work", .grace_end = NEVER };
	int ret;

	work_plan_parse(&work.plan, argc, argv);
	work.subject.queue = work.plan.queue;
	work.queue = queue_open(&work.subject, O_RDONLY | O_NONBLOCK);
	ret = work_prepare(&work);
	if (ret)
		return ret;
	work_loop(&work);
	keeper_end(&work.keeper);
	bbuf_close(work.queue);
	ret = report_end(&work.report);
	free(work.jobs);
	free(work.record);
	watch_raise(work.signal);
	return work.status ?: ret;
}
