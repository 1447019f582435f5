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

/* Whoever is told to end leaves no queue behind. */
void crew_init(void)
{
	const struct sigaction end = { .sa_handler = on_end };

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
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

/* If one fails the others would wait for ever. */
static void await(const pid_t *crew, size_t size)
{
	size_t left, i;
	int status;

	for (left = size; left; left--) {
		if (waitpid(-1, &status, 0) >= 0 && !status)
			continue;
		for (i = 0; i < size; i++)
			kill(crew[i], SIGKILL);
		end_if_told();
		exit(EXIT_FAILURE);
	}
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
	await(crew, task->crew);
	free(crew);
	return meeting->members;
}

void crew_forget(struct member *members, const struct task *task)
{
	char *meeting = (char *)members - offsetof(struct meeting, members);

	munmap(meeting, meeting_size(task->crew));
}
