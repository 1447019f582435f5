// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that do something together. See crew.h.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "common.h"
#include "crew.h"

/* A part of what is measured is moved before, so that all is in its place. */
#define WARM_UP		10

/**
 * struct meeting - where the processes wait for one another
 * @barrier: that
 * @members: of the crew
 */
struct meeting {
	pthread_barrier_t barrier;
	struct member members[];
};

/* By which signal. */
static atomic_int told_to_end;

static void on_end(int signal)
{
	told_to_end = signal;
}

/* It has ended a wait, and that is all. */
static void on_tick(int signal)
{
	(void)signal;
}

/* Whoever is told to end leaves no queue behind. */
void crew_init(void)
{
	const struct sigaction end = { .sa_handler = on_end };
	const struct sigaction tick = { .sa_handler = on_tick };

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGALRM, &tick, NULL);
	atexit(channel_close_all);
}

static void end_if_told(void)
{
	int by = told_to_end;

	if (!by)
		return;
	channel_close_all();
	signal(by, SIG_DFL);
	raise(by);
}

void *shared_memory(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		err(EXIT_FAILURE, "bench: %zu bytes of shared memory", bytes);
	return mem;
}

static size_t meeting_size(size_t crew)
{
	return sizeof(struct meeting) + crew * sizeof(struct member);
}

static struct meeting *meeting_new(size_t crew)
{
	struct meeting *meeting = shared_memory(meeting_size(crew));
	pthread_barrierattr_t shared;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	errno = pthread_barrier_init(&meeting->barrier, &shared, crew);
	if (errno)
		err(EXIT_FAILURE, "bench: a barrier");
	return meeting;
}

/* The processors that we may use are dealt out, one after the other. */
static void take_processor(size_t index)
{
	cpu_set_t allowed, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	index %= CPU_COUNT(&allowed);
	for (cpu = 0; !CPU_ISSET(cpu, &allowed) || index--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static uint64_t switches(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		err(EXIT_FAILURE, "bench: getrusage");
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void measure(const struct task *task, struct member *member)
{
	uint64_t before = switches();

	member->begin_ns = now_ns();
	task->run(member, task->work, task->messages);
	member->end_ns = now_ns();
	member->switches = switches() - before;
}

static _Noreturn void serve(const struct task *task, struct meeting *meeting, size_t index)
{
	struct member *member = &meeting->members[index];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	channel_forget_all();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (!task->free)
		take_processor(index);
	member->index = index;
	pthread_barrier_wait(&meeting->barrier);
	if (!task->cold)
		task->run(member, task->work, MAX(1U, task->messages / WARM_UP));
	pthread_barrier_wait(&meeting->barrier);
	*member = (struct member){ .index = index };
	measure(task, member);
	_exit(EXIT_SUCCESS);
}

/* How much have they done so far? */
static uint64_t progress(const struct meeting *meeting, size_t size)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += meeting->members[i].put + meeting->members[i].got +
		       meeting->members[i].calls;
	return sum;
}

/* A signal so often; 0: no more. */
static void tick_every(uint64_t ns)
{
	const struct timeval time = {
		.tv_sec = ns / NSEC_PER_SEC,
		.tv_usec = ns ? MAX(ns % NSEC_PER_SEC / NSEC_PER_USEC, 1U) : 0,
	};
	const struct itimerval timer = { .it_interval = time, .it_value = time };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Waits until one has ended well: false if one has not, or nothing happens any more. */
static bool await_one(const struct task *task, const struct meeting *meeting)
{
	uint64_t before, now = UINT64_MAX;
	int status;

	do {
		if (waitpid(-1, &status, 0) >= 0)
			return !status;
		before = now;
		now = progress(meeting, task->crew);
	} while (!told_to_end && now != before);
	if (!told_to_end)
		warnx("bench: %s: nothing has moved for %g s", task->name,
		      (double)task->timeout_ns / NSEC_PER_SEC);
	return false;
}

/* If one fails the others would wait for ever. */
static void await(const struct task *task, const struct meeting *meeting, const pid_t *crew)
{
	size_t left, i;

	tick_every(task->timeout_ns);
	for (left = task->crew; left; left--) {
		if (await_one(task, meeting))
			continue;
		for (i = 0; i < task->crew; i++)
			kill(crew[i], SIGKILL);
		end_if_told();
		exit(EXIT_FAILURE);
	}
	tick_every(0);
	end_if_told();
}

/* Returns what each of them did, for crew_forget(). */
struct member *crew_run(const struct task *task)
{
	struct meeting *meeting = meeting_new(task->crew);
	pid_t *crew = xcalloc(task->crew, sizeof(*crew));
	size_t i;

	for (i = 0; i < task->crew; i++) {
		crew[i] = fork();
		if (crew[i] < 0)
			err(EXIT_FAILURE, "bench: starting a process");
		if (!crew[i])
			serve(task, meeting, i);
	}
	await(task, meeting, crew);
	free(crew);
	return meeting->members;
}

void crew_forget(struct member *members, const struct task *task)
{
	char *meeting = (char *)members - offsetof(struct meeting, members);

	munmap(meeting, meeting_size(task->crew));
}
