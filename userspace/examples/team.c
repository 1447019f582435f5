// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads and processes. See team.h.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/exit.h"
#include "team.h"

pthread_t thread_start(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, arg);
	if (errno)
		err(EXIT_FAILURE, "starting a thread");
	return thread;
}

void *thread_join(pthread_t thread)
{
	void *result;

	errno = pthread_join(thread, &result);
	if (errno)
		err(EXIT_FAILURE, "waiting for a thread");
	return result;
}

/* Flush the output first, or the child would print it again. */
pid_t process_start(void (*run)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(EXIT_FAILURE, "starting a process");
	if (!pid) {
		run(arg);
		exit(output_end());
	}
	return pid;
}

void process_join(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		err(EXIT_FAILURE, "waiting for process %d", pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		errx(EXIT_FAILURE, "process %d failed", pid);
}

/* Threads and processes started later inherit the CPU. */
void stay_on_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(EXIT_FAILURE, "staying on one CPU");
}

/**
 * struct member - a worker
 * @team: team that it belongs to
 * @thread: its thread, or
 * @process: its process
 * @cost: cost of a thread, taken when it ends
 */
struct member {
	struct team *team;
	union {
		pthread_t thread;
		pid_t process;
	};
	struct cost cost;
};

/**
 * struct team - workers that run the same function
 * @kind: threads or processes
 * @size: number of workers
 * @run: function that they run
 * @arg: argument for @run
 * @before: time at the start, and cost of all processes joined by then
 * @members: the workers
 */
struct team {
	enum team_kind kind;
	size_t size;
	void (*run)(void *arg);
	void *arg;
	struct cost before;
	struct member members[];
};

static void *team_thread(void *arg)
{
	struct member *member = arg;

	member->team->run(member->team->arg);
	member->cost = cost_now(RUSAGE_THREAD);
	return NULL;
}

struct team *team_start(enum team_kind kind, size_t size, void (*run)(void *arg), void *arg)
{
	struct team *team = xcalloc(1, sizeof(*team) + size * sizeof(team->members[0]));
	struct member *member;

	*team = (struct team){
		.kind = kind, .size = size, .run = run, .arg = arg,
		.before = cost_now(RUSAGE_CHILDREN),
	};
	for (member = team->members; member < team->members + size; member++) {
		member->team = team;
		if (kind == TEAM_PROCESSES)
			member->process = process_start(run, arg);
		else
			member->thread = thread_start(team_thread, member);
	}
	return team;
}

static void member_join(struct member *member)
{
	if (member->team->kind == TEAM_PROCESSES)
		process_join(member->process);
	else
		thread_join(member->thread);
}

/* Wait for all workers. Returns their cost, from the start to the end of the last one. */
struct cost team_join(struct team *team)
{
	struct cost cost;
	size_t i;

	for (i = 0; i < team->size; i++)
		member_join(&team->members[i]);
	cost = cost_since(RUSAGE_CHILDREN, &team->before);
	for (i = 0; i < team->size; i++)
		cost_add(&cost, &team->members[i].cost);
	free(team);
	return cost;
}
