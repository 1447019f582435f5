// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group of workers. See workers.h.
 *
 * Only the main thread handles signals, by waiting for them. SIGUSR1, whose handler does
 * nothing, interrupts a worker that sleeps in a call: the call fails with EINTR, and the worker
 * checks @stop. Since the signal may arrive just before the call, it is repeated until the
 * worker has finished.
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/macros.h"
#include "common/settings.h"
#include "device.h"
#include "report.h"
#include "workers.h"

#define JOBS_MAX	1024

/* Interval at which a worker that should stop is interrupted. */
#define INTERRUPT_NS	(10 * NSEC_PER_MSEC)

struct worker_options worker_options;

const struct setting worker_settings[] = {
	{ .doc = "Options of producer and consumer:" },
	DEVICE_SETTING(&worker_options.device),
	{ .name = "jobs", .key = 'j', .count = &worker_options.jobs, .max = JOBS_MAX,
	  .initial = "1", .doc = "number of workers, each a thread with its own open file" },
	{ .name = "mode", .key = 'm', .arg = "MODE", .parse = set_mode,
	  .into = &worker_options.mode, .initial = "block",
	  .doc = "how to wait: block, nonblock (O_NONBLOCK and retry), poll or epoll" },
	{ .name = "buffer", .key = 'b', .size = &worker_options.buffer, .initial = "64K",
	  .doc = "maximum number of bytes moved by one call, unless an item is longer" },
	{ .name = "idle", .time = &worker_options.idle_ns,
	  .doc = "exit when nothing has moved for this long" },
	{ .name = "watch", .time = &worker_options.watch_ns,
	  .doc = "interval at which to show the fill level on standard error" },
	{ .name = "json", .yes = &worker_options.json, .doc = "print the report as JSON" },
	{ .name = "quiet", .key = 'q', .yes = &worker_options.quiet, .doc = "print no report" },
	{ 0 }
};

void workers_stop(struct worker_group *group)
{
	atomic_store(&group->stop, true);
}

void worker_moved(struct worker *worker, size_t bytes)
{
	struct worker_group *group = worker->group;

	atomic_fetch_add_explicit(&group->moved, bytes, memory_order_relaxed);
	atomic_store_explicit(&group->moved_ns, worker->endpoint.meter.last_ns,
			      memory_order_relaxed);
}

bool workers_failed(const struct worker_group *group)
{
	unsigned int i;

	for (i = 0; i < group->options.jobs; i++)
		if (group->workers[i].failed)
			return true;
	return false;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct worker_group *group = worker->group;
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);

	worker->failed = !group->work(worker);
	if (worker->failed)
		workers_stop(group);
	atomic_fetch_sub(&group->running, 1);
	kill(getpid(), SIGUSR2);
	return NULL;
}

static void interrupt_handler(int sig)
{
	(void)sig;
}

/* Block all signals that the main thread waits for, before there are other threads. */
static void signals_init(sigset_t *awaited)
{
	struct sigaction action = { .sa_handler = interrupt_handler };
	sigset_t blocked;

	sigemptyset(awaited);
	sigaddset(awaited, SIGINT);
	sigaddset(awaited, SIGTERM);
	sigaddset(awaited, SIGUSR2);
	blocked = *awaited;
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void workers_start(struct worker_group *group)
{
	const struct worker_options *options = &group->options;
	unsigned int i;
	int error;

	group->workers = xcalloc(options->jobs, sizeof(*group->workers));
	atomic_store(&group->running, options->jobs);
	atomic_store(&group->moved_ns, now_ns());
	for (i = 0; i < options->jobs; i++) {
		group->workers[i].group = group;
		group->workers[i].number = i + 1;
		endpoint_open(&group->workers[i].endpoint, options->device, group->flags,
			      options->mode, &group->stop);
	}
	for (i = 0; i < options->jobs; i++) {
		error = pthread_create(&group->workers[i].thread, NULL, worker_main,
				       &group->workers[i]);
		if (error)
			errx(EXIT_FAILURE, "starting thread %u of %llu: %s", i + 1,
			     (unsigned long long)options->jobs, strerror(error));
	}
}

static void workers_interrupt(struct worker_group *group)
{
	unsigned int i;

	for (i = 0; i < group->options.jobs; i++)
		pthread_kill(group->workers[i].thread, SIGUSR1);
}

/* Wait for one of the signals until the deadline. */
static int signal_wait(const sigset_t *awaited, uint64_t deadline_ns)
{
	uint64_t now = now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec timeout = {
		.tv_sec = left / NSEC_PER_SEC,
		.tv_nsec = left % NSEC_PER_SEC,
	};

	if (deadline_ns == UINT64_MAX)
		return sigwaitinfo(awaited, NULL);
	return sigtimedwait(awaited, NULL, &timeout);
}

/**
 * struct supervisor - state of the main thread while the workers run
 * @end: why the work ended
 * @shown_ns: when the fill level was last shown, in nanoseconds
 */
struct supervisor {
	enum workers_end end;
	uint64_t shown_ns;
};

static uint64_t supervisor_deadline(const struct supervisor *supervisor,
				    const struct worker_group *group)
{
	const struct worker_options *options = &group->options;
	uint64_t deadline = UINT64_MAX;

	if (atomic_load(&group->stop))
		return now_ns() + INTERRUPT_NS;
	if (options->idle_ns)
		deadline = atomic_load(&group->moved_ns) + options->idle_ns;
	if (options->watch_ns)
		deadline = MIN(deadline, supervisor->shown_ns + options->watch_ns);
	return deadline;
}

static void supervisor_end(struct supervisor *supervisor, struct worker_group *group,
			   enum workers_end end)
{
	if (!atomic_load(&group->stop))
		supervisor->end = end;
	workers_stop(group);
}

static void supervisor_check(struct supervisor *supervisor, struct worker_group *group)
{
	const struct worker_options *options = &group->options;
	uint64_t now = now_ns();

	if (options->idle_ns && atomic_load(&group->moved_ns) + options->idle_ns <= now)
		supervisor_end(supervisor, group, WORKERS_IDLE);
	if (options->watch_ns && now - supervisor->shown_ns >= options->watch_ns) {
		report_watch(group);
		supervisor->shown_ns = now;
	}
}

/* Body of the main thread while the workers run. */
static enum workers_end workers_supervise(struct worker_group *group, const sigset_t *awaited)
{
	struct supervisor supervisor = { .shown_ns = now_ns() };
	int sig;

	while (atomic_load(&group->running)) {
		if (atomic_load(&group->stop))
			workers_interrupt(group);
		sig = signal_wait(awaited, supervisor_deadline(&supervisor, group));
		if (sig == SIGINT || sig == SIGTERM)
			supervisor_end(&supervisor, group, WORKERS_INTERRUPTED);
		supervisor_check(&supervisor, group);
	}
	return supervisor.end;
}

/* Returns why the work ended, after all workers have finished. */
enum workers_end workers_run(struct worker_group *group)
{
	enum workers_end end;
	sigset_t awaited;
	unsigned int i;

	signals_init(&awaited);
	workers_start(group);
	end = workers_supervise(group, &awaited);
	for (i = 0; i < group->options.jobs; i++)
		pthread_join(group->workers[i].thread, NULL);
	if (group->options.watch_ns)
		report_watch_end();
	if (!group->options.quiet)
		report_print(group);
	return end;
}

void workers_free(struct worker_group *group)
{
	unsigned int i;

	for (i = 0; i < group->options.jobs; i++)
		endpoint_close(&group->workers[i].endpoint);
	free(group->workers);
}
