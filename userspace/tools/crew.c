// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crew of workers. See crew.h.
 *
 * The main thread alone takes the signals, by waiting for them. A worker that sleeps in
 * a call is called back by SIGUSR1, whose handler does nothing: the call returns EINTR,
 * and the worker sees @stop. Since the signal may come just before the call, it is
 * repeated until the worker has finished.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "crew.h"
#include "report.h"

#define JOBS_MAX	1024
#define BUFFER_DEFAULT	(64U << 10)

/* How often a worker that should stop is called back. */
#define RECALL_NS	(10 * NSEC_PER_MSEC)

enum option_key {
	KEY_DEVICE = 'd',
	KEY_JOBS = 'j',
	KEY_MODE = 'm',
	KEY_BUFFER = 'b',
	KEY_QUIET = 'q',
	KEY_IDLE = 256,
	KEY_JSON,
	KEY_WATCH,
};

static const struct argp_option crew_option_list[] = {
	{ .name = "device", .key = KEY_DEVICE, .arg = "PATH",
	  .doc = "the queue (default " DEFAULT_DEVICE ")" },
	{ .name = "jobs", .key = KEY_JOBS, .arg = "N",
	  .doc = "workers at once, each a thread with an open file of its own (default 1)" },
	{ .name = "mode", .key = KEY_MODE, .arg = "MODE",
	  .doc = "how to wait: block, nonblock (O_NONBLOCK and try again), poll or epoll "
		 "(default block)" },
	{ .name = "buffer", .key = KEY_BUFFER, .arg = "SIZE",
	  .doc = "bytes that one call moves at most, other than an item (default 64K)" },
	{ .name = "idle", .key = KEY_IDLE, .arg = "TIME",
	  .doc = "end when nothing has moved for so long" },
	{ .name = "watch", .key = KEY_WATCH, .arg = "TIME",
	  .doc = "show on stderr, every TIME, how full the queue is" },
	{ .name = "json", .key = KEY_JSON, .doc = "report as JSON" },
	{ .name = "quiet", .key = KEY_QUIET, .doc = "no report" },
	{ 0 }
};

static unsigned int arg_jobs(struct argp_state *state, const char *arg)
{
	uint64_t jobs = arg_count(state, "jobs", arg);

	if (jobs > JOBS_MAX)
		argp_error(state, "--jobs=%s: must be at most %d", arg, JOBS_MAX);
	return jobs;
}

static error_t crew_parse(int key, char *arg, struct argp_state *state)
{
	struct crew_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		options->device = DEFAULT_DEVICE;
		options->jobs = 1;
		options->buffer = BUFFER_DEFAULT;
		break;
	case KEY_DEVICE:
		options->device = arg;
		break;
	case KEY_JOBS:
		options->jobs = arg_jobs(state, arg);
		break;
	case KEY_MODE:
		options->mode = arg_mode(state, arg);
		break;
	case KEY_BUFFER:
		options->buffer = arg_size(state, "buffer", arg);
		break;
	case KEY_IDLE:
		options->idle_ns = arg_time(state, "idle", arg);
		break;
	case KEY_WATCH:
		options->watch_ns = arg_time(state, "watch", arg);
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_QUIET:
		options->quiet = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const struct argp crew_argp = { .options = crew_option_list, .parser = crew_parse };

void crew_stop(struct crew *crew)
{
	atomic_store(&crew->stop, true);
}

void crew_moved(struct worker *worker, size_t bytes)
{
	struct crew *crew = worker->crew;

	atomic_fetch_add_explicit(&crew->moved, bytes, memory_order_relaxed);
	atomic_store_explicit(&crew->moved_ns, worker->port.meter.last_ns, memory_order_relaxed);
}

bool crew_failed(const struct crew *crew)
{
	unsigned int i;

	for (i = 0; i < crew->options.jobs; i++)
		if (crew->workers[i].failed)
			return true;
	return false;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct crew *crew = worker->crew;
	sigset_t recall;

	sigemptyset(&recall);
	sigaddset(&recall, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &recall, NULL);

	worker->failed = !crew->work(worker);
	if (worker->failed)
		crew_stop(crew);
	atomic_fetch_sub(&crew->running, 1);
	kill(getpid(), SIGUSR2);
	return NULL;
}

static void recall_handler(int sig)
{
	(void)sig;
}

/* Blocks, before there are threads, all signals that the main thread waits for. */
static void signals_init(sigset_t *awaited)
{
	struct sigaction action = { .sa_handler = recall_handler };
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

static void crew_start(struct crew *crew)
{
	const struct crew_options *options = &crew->options;
	unsigned int i;
	int error;

	crew->workers = xcalloc(options->jobs, sizeof(*crew->workers));
	atomic_store(&crew->running, options->jobs);
	atomic_store(&crew->moved_ns, now_ns());
	for (i = 0; i < options->jobs; i++) {
		crew->workers[i].crew = crew;
		crew->workers[i].number = i + 1;
		port_open(&crew->workers[i].port, options->device, crew->flags, options->mode,
			  &crew->stop);
	}
	for (i = 0; i < options->jobs; i++) {
		error = pthread_create(&crew->workers[i].thread, NULL, worker_main,
				       &crew->workers[i]);
		if (error)
			errx(EXIT_FAILURE, "thread %u of %u: %s", i + 1, options->jobs,
			     strerror(error));
	}
}

static void crew_recall(struct crew *crew)
{
	unsigned int i;

	for (i = 0; i < crew->options.jobs; i++)
		pthread_kill(crew->workers[i].thread, SIGUSR1);
}

/* Waits for one of the signals, no longer than until the deadline. */
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
 * struct shift - what the main thread remembers while the workers work
 * @end: why it ended
 * @shown_ns: when it showed how full the queue is
 */
struct shift {
	enum crew_end end;
	uint64_t shown_ns;
};

static uint64_t shift_deadline(const struct shift *shift, const struct crew *crew)
{
	const struct crew_options *options = &crew->options;
	uint64_t deadline = UINT64_MAX;

	if (atomic_load(&crew->stop))
		return now_ns() + RECALL_NS;
	if (options->idle_ns)
		deadline = atomic_load(&crew->moved_ns) + options->idle_ns;
	if (options->watch_ns)
		deadline = MIN(deadline, shift->shown_ns + options->watch_ns);
	return deadline;
}

static void shift_end(struct shift *shift, struct crew *crew, enum crew_end end)
{
	if (!atomic_load(&crew->stop))
		shift->end = end;
	crew_stop(crew);
}

static void shift_look(struct shift *shift, struct crew *crew)
{
	const struct crew_options *options = &crew->options;
	uint64_t now = now_ns();

	if (options->idle_ns && atomic_load(&crew->moved_ns) + options->idle_ns <= now)
		shift_end(shift, crew, CREW_IDLE);
	if (options->watch_ns && now - shift->shown_ns >= options->watch_ns) {
		report_watch(crew);
		shift->shown_ns = now;
	}
}

/* The main thread, while the workers work. */
static enum crew_end crew_supervise(struct crew *crew, const sigset_t *awaited)
{
	struct shift shift = { .shown_ns = now_ns() };
	int sig;

	while (atomic_load(&crew->running)) {
		if (atomic_load(&crew->stop))
			crew_recall(crew);
		sig = signal_wait(awaited, shift_deadline(&shift, crew));
		if (sig == SIGINT || sig == SIGTERM)
			shift_end(&shift, crew, CREW_INTERRUPTED);
		shift_look(&shift, crew);
	}
	return shift.end;
}

/* Returns when all workers have finished, and says why they did. */
enum crew_end crew_run(struct crew *crew)
{
	enum crew_end end;
	sigset_t awaited;
	unsigned int i;

	signals_init(&awaited);
	crew_start(crew);
	end = crew_supervise(crew, &awaited);
	for (i = 0; i < crew->options.jobs; i++)
		pthread_join(crew->workers[i].thread, NULL);
	if (crew->options.watch_ns)
		report_watch_end();
	if (!crew->options.quiet)
		report_print(crew);
	return end;
}

void crew_free(struct crew *crew)
{
	unsigned int i;

	for (i = 0; i < crew->options.jobs; i++)
		port_close(&crew->workers[i].port);
	free(crew->workers);
}
