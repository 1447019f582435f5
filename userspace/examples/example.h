/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the examples share: queues of their own, calls that succeed or end the program,
 * threads and processes, what something cost, and charts.
 *
 * Nothing here teaches anything. Begin with an example, and come back for a name that
 * does not explain itself.
 */
#ifndef BBUF_EXAMPLES_EXAMPLE_H
#define BBUF_EXAMPLES_EXAMPLE_H

#include <argp.h>
#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <bbuf.h>

#include "common.h"
#include "screen.h"
#include "table.h"

/* Threads or processes that it makes sense to ask for. */
#define WORKERS_MAX	1000

/**
 * struct setting - an option of an example, that takes a number
 * @name: what it is called: --name=VALUE
 * @initial: the default, as the user would write it
 * @doc: what it is, for --help, which adds the default
 * @value: where the number goes
 * @read: arg_count, arg_size or arg_time
 * @max: the most that makes sense; 0 for no limit
 */
struct setting {
	const char *name;
	const char *initial;
	const char *doc;
	uint64_t *value;
	uint64_t (*read)(struct argp_state *state, const char *name, const char *arg);
	uint64_t max;
};

void example_settings(int argc, char **argv, const char *doc, const struct setting *settings);
void example_parse(int argc, char **argv, const struct argp *argp, void *input);

void sleep_for(uint64_t ns);

/* A queue that only this program uses, named after it; destroyed when it ends. */
char *queue_new(uint32_t type, uint64_t capacity);
struct bbuf *queue_open(const char *name, int flags);
void queue_put(struct bbuf *queue, const void *data, size_t len);
size_t queue_get(struct bbuf *queue, void *buffer, size_t size);
void queue_shutdown(struct bbuf *queue);
struct bbuf_info queue_info(struct bbuf *queue);

pthread_t thread_start(void *(*run)(void *arg), void *arg);
void *thread_join(pthread_t thread);
pid_t process_start(void (*run)(void *arg), void *arg);
void process_join(pid_t pid);

/* The CPUs that this program may use, and to stay on one of them: the nth, in turn, from 0. */
unsigned int cpu_count(void);
void cpu_take(unsigned int nth);

/**
 * struct cost - what a stretch of a program took
 * @ns: time that passed, in nanoseconds
 * @cpu_ns: time on a CPU, of user and kernel together
 * @slept: times that it gave up the CPU, to wait: voluntary context switches
 * @preempted: times that the CPU was taken from it: involuntary ones
 */
struct cost {
	uint64_t ns;
	uint64_t cpu_ns;
	uint64_t slept;
	uint64_t preempted;
};

struct cost cost_now(int who);
struct cost cost_since(int who, const struct cost *before);
struct cost cost_sum(const struct cost *one, const struct cost *other);

/* Workers that all run the same, side by side. */
enum team_kind {
	TEAM_THREADS,
	TEAM_PROCESSES,
};

struct team *team_start(enum team_kind kind, size_t size, void (*run)(void *arg), void *arg);
struct cost team_join(struct team *team);

/* Work for the CPU alone: is it the sum of its digits, each to the power of their number? */
bool is_armstrong(uint32_t number);

/**
 * struct bar - one line of a chart
 * @label: what it is about
 * @value: how long the bar is to be
 * @text: what is written behind it
 */
struct bar {
	const char *label;
	double value;
	char text[TEXT_MAX];
};

void chart_print(const char *title, const struct bar *bars, size_t count);

#endif /* BBUF_EXAMPLES_EXAMPLE_H */
