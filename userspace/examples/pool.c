// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool: a fixed number of threads, and a queue of tasks for them.
 *
 * submit() puts a task into the queue and returns immediately, with a future: the object that
 * will hold the result. result() waits for it. map() submits a task for each input and returns
 * the results in the order of the inputs, regardless of which is ready first. The queue is
 * small, so submit() blocks while it is full: the amount of pending work is bounded
 * (backpressure).
 *
 * Look at: work(), which is the whole worker. A task that fails does not affect the worker: it
 * leaves its error in the future, for the caller of result(). And look at pool_end(). It shuts
 * the queue down while tasks are still in it. The workers get these tasks, and then EOF; so no
 * task is lost, and no worker has to be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "example.h"

#define TASKS_MAX	1000000
#define INPUTS		3	/* of a map */

static uint64_t workers, tasks, capacity, pause_ns;

static const struct setting settings[] = {
	{ .name = "workers", .count = &workers, .initial = "4", .max = WORKERS_MAX,
	  .doc = "number of threads in the pool" },
	{ .name = "tasks", .count = &tasks, .initial = "40", .max = TASKS_MAX,
	  .doc = "number of tasks" },
	{ .name = "capacity", .count = &capacity, .initial = "8", .max = TASKS_MAX,
	  .doc = "capacity of the queue in tasks" },
	{ .name = "pause", .time = &pause_ns, .initial = "10ms",
	  .doc = "duration of a task" },
	{ 0 }
};

/* Function of a task with two inputs. Returns 0, or a negative error number. */
typedef int task_fn(long x, long y, long *value);

/**
 * struct future - a task and its result
 * @run: function of the task
 * @x: first input
 * @y: second input
 * @lock: protects the following members
 * @ready: signalled when @done is set
 * @done: the task has run
 * @error: value returned by @run
 * @value: result of the task
 */
struct future {
	task_fn *run;
	long x;
	long y;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	bool done;
	int error;
	long value;
};

/**
 * struct pool - workers and their queue
 * @name: name of the queue of tasks
 * @queue: handle with which submit() puts tasks
 * @team: the workers
 */
struct pool {
	const char *name;
	struct bbuf *queue;
	struct team *team;
};

static void future_run(struct future *future)
{
	long value = 0;
	int error = future->run(future->x, future->y, &value);

	pthread_mutex_lock(&future->lock);
	future->error = error;
	future->value = value;
	future->done = true;
	pthread_cond_signal(&future->ready);
	pthread_mutex_unlock(&future->lock);
}

static void work(void *arg)
{
	const struct pool *pool = arg;
	struct bbuf *queue = queue_open(pool->name, O_RDONLY);
	struct future *future;

	while (queue_get(queue, &future, sizeof(future)))
		future_run(future);
	bbuf_close(queue);
}

static void pool_start(struct pool *pool)
{
	pool->name = queue_new(BBUF_RECORD, capacity * sizeof(struct future *));
	pool->queue = queue_open(pool->name, O_WRONLY);
	pool->team = team_start(TEAM_THREADS, workers, work, pool);
}

static void pool_end(struct pool *pool)
{
	queue_shutdown(pool->queue);
	team_join(pool->team);
	bbuf_close(pool->queue);
}

static struct future *submit(struct pool *pool, task_fn *run, long x, long y)
{
	struct future *future = xcalloc(1, sizeof(*future));

	*future = (struct future){
		.run = run, .x = x, .y = y,
		.lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER,
	};
	queue_put(pool->queue, &future, sizeof(future));
	return future;
}

/* Wait for the result of a task, return it, and free the future. */
static int result(struct future *future, long *value)
{
	int error;

	pthread_mutex_lock(&future->lock);
	while (!future->done)
		pthread_cond_wait(&future->ready, &future->lock);
	pthread_mutex_unlock(&future->lock);
	*value = future->value;
	error = future->error;
	free(future);
	return error;
}

/* Returns 0, or the error of a task that failed. */
static int map(struct pool *pool, task_fn *run, const long x[INPUTS], const long y[INPUTS],
	       long values[INPUTS])
{
	struct future *futures[INPUTS];
	int error = 0, i;

	for (i = 0; i < INPUTS; i++)
		futures[i] = submit(pool, run, x[i], y[i]);
	for (i = 0; i < INPUTS; i++)
		error = result(futures[i], &values[i]) ?: error;
	return error;
}

static int power(long base, long exponent, long *value)
{
	for (*value = 1; exponent; exponent--)
		if (__builtin_mul_overflow(*value, base, value))
			return -ERANGE;
	return 0;
}

/*
 * Sleep for a number of pauses. The result is the rank of this task among all by the time of
 * completion, from 1.
 */
static int arrive(long pauses, long pause, long *value)
{
	static atomic_long arrived;

	sleep_for(pauses * pause);
	*value = atomic_fetch_add(&arrived, 1) + 1;
	return 0;
}

static void map_all(struct pool *pool, task_fn *run, const long x[INPUTS], const long y[INPUTS],
		    long values[INPUTS])
{
	if (map(pool, run, x, y, values))
		errx(EXIT_FAILURE, "map: a task failed");
}

static void show_results(void)
{
	const long bases[] = { 2, 3, 4 }, exponents[] = { 4, 5, 6 };
	const long lengths[] = { 3, 2, 1 }, pauses[] = { pause_ns, pause_ns, pause_ns };
	long values[INPUTS], value;
	struct pool pool;

	pool_start(&pool);
	map_all(&pool, power, bases, exponents, values);
	printf("map() of three powers returned 2^4 = %ld, 3^5 = %ld, 4^6 = %ld.\n", values[0],
	       values[1], values[2]);
	map_all(&pool, arrive, lengths, pauses, values);
	printf("map() of a long, a medium and a short task returned their results in this order.\n"
	       "The tasks were completed as number %ld, %ld, %ld.\n", values[0], values[1], values[2]);
	printf("result() of a task that computes 10^100 returned the error: %s.\n",
	       strerror(-result(submit(&pool, power, 10, 100), &value)));
	pool_end(&pool);
}

static void report_sharing(const struct bbuf_info *info, uint64_t done, uint64_t ns)
{
	char pause[TEXT_MAX], time[TEXT_MAX];

	format_time(pause, pause_ns);
	format_time(time, ns);
	printf("\n%ju tasks of %s each, %ju workers, a queue with room for %ju tasks:\n", tasks, pause,
	       workers, capacity);
	printf("The queue was full, and submit() slept, %llu times.\n", info->in.blocked);
	printf("When the queue was shut down, %llu tasks were still in it; in the end %ju tasks were "
	       "done.\n", info->records, done);
	printf("That took %s: on average %.1f tasks ran at the same time.\n", time,
	       (double)tasks * pause_ns / ns);
}

static void show_sharing(void)
{
	struct future **futures = xcalloc(tasks, sizeof(*futures));
	uint64_t ns = now_ns(), done = 0, i;
	struct bbuf_info info;
	struct pool pool;

	pool_start(&pool);
	for (i = 0; i < tasks; i++)
		futures[i] = submit(&pool, arrive, 1, pause_ns);
	info = queue_info(pool.queue);
	pool_end(&pool);
	ns = now_ns() - ns;
	for (i = 0; i < tasks; free(futures[i++]))
		done += futures[i]->done;
	free(futures);
	report_sharing(&info, done, ns);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "Runs tasks on a fixed number of threads.\v" HELP_TIMES "\n"
			 HELP_EXIT ".", settings);
	show_results();
	show_sharing();
	return output_end();
}
