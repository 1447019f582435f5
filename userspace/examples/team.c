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

#include "common.h"
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

/* What was printed so far must not be printed by the child once more. */
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

/* Threads and processes that are started later stay there, too. */
void stay_on_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		err(EXIT_FAILURE, "staying on one CPU");
}

/**
 * struct team - workers that all run the same
 * @kind: what they are
 * @size: how many
 * @run: what they run
 * @arg: what it is given
 * @before: cost of such workers before these were started
 * @members: the workers
 */
struct team {
	enum team_kind kind;
	size_t size;
	void (*run)(void *arg);
	void *arg;
	struct cost before;
	union {
		pthread_t thread;
		pid_t process;
	} members[];
};

/* Of all workers that this thread has started; not what it has done itself. */
static struct cost team_cost(enum team_kind kind)
{
	struct cost caller;

	if (kind == TEAM_PROCESSES)
		return cost_now(RUSAGE_CHILDREN);
	caller = cost_now(RUSAGE_THREAD);
	caller.ns = 0;
	return cost_less(cost_now(RUSAGE_SELF), &caller);
}

static void *team_thread(void *arg)
{
	struct team *team = arg;

	team->run(team->arg);
	return NULL;
}

struct team *team_start(enum team_kind kind, size_t size, void (*run)(void *arg), void *arg)
{
	struct team *team = xcalloc(1, sizeof(*team) + size * sizeof(team->members[0]));
	size_t i;

	*team = (struct team){
		.kind = kind, .size = size, .run = run, .arg = arg,
		.before = team_cost(kind),
	};
	for (i = 0; i < size; i++) {
		if (kind == TEAM_PROCESSES)
			team->members[i].process = process_start(run, arg);
		else
			team->members[i].thread = thread_start(team_thread, team);
	}
	return team;
}

/* Waits for all of them. Returns what they took, from the start to the last one's end. */
struct cost team_join(struct team *team)
{
	struct cost cost;
	size_t i;

	for (i = 0; i < team->size; i++) {
		if (team->kind == TEAM_PROCESSES)
			process_join(team->members[i].process);
		else
			thread_join(team->members[i].thread);
	}
	cost = cost_less(team_cost(team->kind), &team->before);
	free(team);
	return cost;
}
