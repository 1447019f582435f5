/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads and processes. If one cannot be started, the program exits; process_join() also exits
 * if the process has failed. A team is a number of threads or processes that run the same
 * function at the same time; team_join() returns their cost.
 */
#ifndef BBUF_EXAMPLES_TEAM_H
#define BBUF_EXAMPLES_TEAM_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "cost.h"

/* Maximum number of threads or processes in the options. */
#define WORKERS_MAX	1000

pthread_t thread_start(void *(*run)(void *arg), void *arg);
void *thread_join(pthread_t thread);
pid_t process_start(void (*run)(void *arg), void *arg);
void process_join(pid_t pid);
void stay_on_cpu(void);

enum team_kind {
	TEAM_THREADS,
	TEAM_PROCESSES,
};

struct team *team_start(enum team_kind kind, size_t size, void (*run)(void *arg), void *arg);
struct cost team_join(struct team *team);

#endif /* BBUF_EXAMPLES_TEAM_H */
