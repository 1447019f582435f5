// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that do the same work. See workers.h.
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

#include "common/alloc.h"
#include "common/clock.h"
#include "common/macros.h"
#include "channel.h"
#include "workers.h"

/* One of this number of messages is moved to warm up caches and allocators. */
#define WARM_UP		10

/**
 * struct shared - memory shared by the processes
 * @barrier: where they wait for each other
 * @workers: what each of them has done
 */
struct shared {
	pthread_barrier_t barrier;
	struct worker workers[];
};

/* Signal that asked to end, or 0. */
static atomic_int end_signal;

static void on_end_signal(int signal)
{
	end_signal = signal;
}

/* Interrupting a wait is all that this signal is for. */
static void on_tick(int signal)
{
	(void)signal;
}

/* Destroy all queues when a signal ends the program. */
void workers_init(void)
{
	const struct sigaction end = { .sa_handler = on_end_signal };
	const struct sigaction tick = { .sa_handler = on_tick };

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGALRM, &tick, NULL);
	atexit(channel_close_all);
}

static void end_if_signalled(void)
{
	int by = end_signal;

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

static size_t shared_size(size_t count)
{
	return sizeof(struct shared) + count * sizeof(struct worker);
}

static struct shared *shared_new(size_t count)
{
	struct shared *shared = shared_memory(shared_size(count));
	pthread_barrierattr_t attr;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	errno = pthread_barrier_init(&shared->barrier, &attr, count);
	if (errno)
		err(EXIT_FAILURE, "bench: creating a barrier");
	return shared;
}

/* The CPU of a worker: the permitted ones are assigned in turn. Returns -1 if they are unknown. */
int worker_cpu(size_t index)
{
	cpu_set_t allowed;
	int cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -1;
	index %= CPU_COUNT(&allowed);
	for (cpu = 0; !CPU_ISSET(cpu, &allowed) || index--; cpu++)
		;
	return cpu;
}

static void pin_to_cpu(size_t index)
{
	int cpu = worker_cpu(index);
	cpu_set_t one;

	if (cpu < 0)
		return;
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

static void run_measured(const struct task *task, struct worker *worker)
{
	uint64_t before = switches();

	worker->begin_ns = now_ns();
	task->run(worker, task->work, task->messages);
	worker->end_ns = now_ns();
	worker->switches = switches() - before;
}

static _Noreturn void worker_main(const struct task *task, struct shared *shared, size_t index)
{
	struct worker *worker = &shared->workers[index];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	channel_forget_all();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (!task->free)
		pin_to_cpu(index);
	worker->index = index;
	pthread_barrier_wait(&shared->barrier);
	if (!task->cold)
		task->run(worker, task->work, MAX(1U, task->messages / WARM_UP));
	pthread_barrier_wait(&shared->barrier);
	*worker = (struct worker){ .index = index };
	run_measured(task, worker);
	_exit(EXIT_SUCCESS);
}

/* Measure of the progress of all workers. */
static uint64_t progress(const struct shared *shared, size_t size)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += shared->workers[i].put + shared->workers[i].got +
		       shared->workers[i].calls;
	return sum;
}

/* Send SIGALRM at this interval; 0 to stop. */
static void set_tick(uint64_t ns)
{
	const struct timeval time = {
		.tv_sec = ns / NSEC_PER_SEC,
		.tv_usec = ns ? MAX(ns % NSEC_PER_SEC / NSEC_PER_USEC, 1U) : 0,
	};
	const struct itimerval timer = { .it_interval = time, .it_value = time };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Wait until one worker has exited. Returns false if it failed, or nothing moves any more. */
static bool wait_for_worker(const struct task *task, const struct shared *shared)
{
	uint64_t before, now = UINT64_MAX;
	int status;

	do {
		if (waitpid(-1, &status, 0) >= 0)
			return !status;
		before = now;
		now = progress(shared, task->workers);
	} while (!end_signal && now != before);
	if (!end_signal)
		warnx("bench: %s: nothing has moved for %g s", task->name,
		      (double)task->timeout_ns / NSEC_PER_SEC);
	return false;
}

/* If one worker fails, the others would block forever: kill them. */
static void wait_for_workers(const struct task *task, const struct shared *shared,
			     const pid_t *pids)
{
	size_t left, i;

	set_tick(task->timeout_ns);
	for (left = task->workers; left; left--) {
		if (wait_for_worker(task, shared))
			continue;
		for (i = 0; i < task->workers; i++)
			kill(pids[i], SIGKILL);
		end_if_signalled();
		exit(EXIT_FAILURE);
	}
	set_tick(0);
	end_if_signalled();
}

/* Returns what each worker has done; free it with workers_free(). */
struct worker *workers_run(const struct task *task)
{
	struct shared *shared = shared_new(task->workers);
	pid_t *pids = xcalloc(task->workers, sizeof(*pids));
	size_t i;

	for (i = 0; i < task->workers; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			err(EXIT_FAILURE, "bench: starting a process");
		if (!pids[i])
			worker_main(task, shared, i);
	}
	wait_for_workers(task, shared, pids);
	free(pids);
	return shared->workers;
}

/* Time from the first start to the last end. */
uint64_t workers_ns(const struct worker *workers, size_t count)
{
	uint64_t begin = UINT64_MAX, end = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		begin = MIN(begin, workers[i].begin_ns);
		end = MAX(end, workers[i].end_ns);
	}
	return end - begin;
}

void workers_free(struct worker *workers, const struct task *task)
{
	char *shared = (char *)workers - offsetof(struct shared, workers);

	munmap(shared, shared_size(task->workers));
}
