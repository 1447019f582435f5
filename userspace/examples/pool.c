// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool: a fixed number of threads, and a queue of tasks for them.
 *
 * submit() puts a task into the queue and returns at once, with a future: the place where
 * the result will be. result() waits until it is there. map() submits a task for each input
 * and gives the results in the order of the inputs, whichever is ready first.
 *
 * Look at: work(), which is all that a worker does. A task that fails is no misfortune of
 * the worker's: it leaves the error in the future, for the one who asks for the result.
 *
 * Look at: pool_end(). It shuts the queue down while tasks are still in it. The workers get
 * these, and then the end of the file; so none is forgotten, and nobody is killed.
 *
 * What goes through the queue is a pointer, a record of 8 bytes. That will do inside one
 * process, which can read what it points to; another process couldn't. And as the queue
 * holds few, a submit() that finds it full waits: work can't pile up without a bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "example.h"

#define TASKS_MAX	1000000

/* Of each map. */
#define INPUTS		3

static uint64_t workers, tasks, capacity, pause_ns;

static const struct setting settings[] = {
	{ "workers", "4", "threads of the pool", &workers, arg_count, WORKERS_MAX },
	{ "tasks", "40", "what they share", &tasks, arg_count, TASKS_MAX },
	{ "capacity", "8", "tasks that the queue holds", &capacity, arg_count, TASKS_MAX },
	{ "pause", "10ms", "what a task takes", &pause_ns, arg_time, 0 },
	{ 0 }
};

/* What a task does with its two inputs. Returns 0, or a negative error number. */
typedef int task_fn(long x, long y, long *value);

/**
 * struct future - a task, and what has become of it
 * @run: what to do
 * @x: input
 * @y: input
 * @lock: protects what follows
 * @ready: told when @done
 * @done: the task has been run
 * @error: that it has returned
 * @value: that it has come to
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

/* What a worker has done: how many tasks, and the time that they took. */
struct share {
	uint64_t tasks;
	uint64_t busy_ns;
};

/**
 * struct pool - workers, and what they are given
 * @name: of the queue of tasks
 * @queue: where submit() puts them
 * @team: the workers
 * @started: workers that have taken their share
 * @shares: one for each worker
 */
struct pool {
	const char *name;
	struct bbuf *queue;
	struct team *team;
	atomic_uint started;
	struct share *shares;
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
	struct pool *pool = arg;
	struct share *share = &pool->shares[atomic_fetch_add(&pool->started, 1)];
	struct bbuf *queue = queue_open(pool->name, O_RDONLY);
	struct future *future;
	uint64_t start;

	while (queue_get(queue, &future, sizeof(future))) {
		start = now_ns();
		future_run(future);
		share->busy_ns += now_ns() - start;
		share->tasks++;
	}
	bbuf_close(queue);
}

static void pool_start(struct pool *pool)
{
	*pool = (struct pool){
		.name = queue_new(BBUF_RECORD, capacity * sizeof(struct future *)),
		.shares = xcalloc(workers, sizeof(*pool->shares)),
	};
	pool->queue = queue_open(pool->name, O_WRONLY);
	pool->team = team_start(TEAM_THREADS, workers, work, pool);
}

/* The shares are there until pool_free(). */
static void pool_end(struct pool *pool)
{
	queue_shutdown(pool->queue);
	team_join(pool->team);
}

static void pool_free(struct pool *pool)
{
	bbuf_close(pool->queue);
	free(pool->shares);
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

/* Waits for it. Returns what the task has, and takes the future back. */
static int result(struct future *future, long *value)
{
	int error;

	pthread_mutex_lock(&future->lock);
	while (!future->done)
		pthread_cond_wait(&future->ready, &future->lock);
	*value = future->value;
	error = future->error;
	pthread_mutex_unlock(&future->lock);
	free(future);
	return error;
}

/* Returns 0, or the last error. */
static int map(struct pool *pool, task_fn *run, const long *x, const long *y, long *values,
	       size_t count)
{
	struct future **futures = xcalloc(count, sizeof(*futures));
	int error = 0, one_error;
	size_t i;

	for (i = 0; i < count; i++)
		futures[i] = submit(pool, run, x[i], y[i]);
	for (i = 0; i < count; i++) {
		one_error = result(futures[i], &values[i]);
		if (one_error)
			error = one_error;
	}
	free(futures);
	return error;
}

static int power(long base, long exponent, long *value)
{
	for (*value = 1; exponent; exponent--)
		if (__builtin_mul_overflow(*value, base, value))
			return -ERANGE;
	return 0;
}

/* Pauses so often, and comes to the place in which it was ready: 1 for the first. */
static int arrive(long pauses, long pause, long *value)
{
	static atomic_long arrived;

	sleep_for(pauses * pause);
	*value = atomic_fetch_add(&arrived, 1) + 1;
	return 0;
}

static void show_map(struct pool *pool, const char *what, task_fn *run, const long x[INPUTS],
		     const long y[INPUTS])
{
	long values[INPUTS];

	if (map(pool, run, x, y, values, INPUTS))
		errx(EXIT_FAILURE, "%s: a task failed", what);
	printf("%s: %ld, %ld, %ld\n", what, values[0], values[1], values[2]);
}

static void show_results(void)
{
	const long pauses[] = { pause_ns, pause_ns, pause_ns };
	struct pool pool;
	long value;

	pool_start(&pool);
	show_map(&pool, "map: powers over (2, 3, 4) and (4, 5, 6)", power,
		 (long[]){ 2, 3, 4 }, (long[]){ 4, 5, 6 });
	show_map(&pool, "map: the first takes longest; each was ready in this place", arrive,
		 (long[]){ 3, 2, 1 }, pauses);
	printf("result: 10 to the power of 100: %s\n",
	       strerror(-result(submit(&pool, power, 10, 100), &value)));
	pool_end(&pool);
	pool_free(&pool);
}

static void report_shares(const struct pool *pool, uint64_t passed_ns)
{
	static const struct table_column columns[] = {
		{ .heading = "WORKER" }, { .heading = "TASKS" }, { .heading = "MS" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	struct libscols_line *row;
	double busy_ns = 0;
	uint64_t i;

	for (i = 0; i < workers; i++) {
		row = table_row(table);
		table_cell(row, 0, "%ju", i + 1);
		table_count(row, 1, pool->shares[i].tasks);
		table_cell(row, 2, "%.1f", (double)pool->shares[i].busy_ns / NSEC_PER_MSEC);
		busy_ns += pool->shares[i].busy_ns;
	}
	table_print(table, stdout);
	printf("\n%.1f at a time: tasks of %.1f ms in %.1f ms\n", busy_ns / passed_ns,
	       busy_ns / NSEC_PER_MSEC, (double)passed_ns / NSEC_PER_MSEC);
}

static void show_sharing(void)
{
	struct future **futures = xcalloc(tasks, sizeof(*futures));
	uint64_t start = now_ns(), done = 0, passed_ns, i;
	struct bbuf_info info;
	struct pool pool;

	pool_start(&pool);
	for (i = 0; i < tasks; i++)
		futures[i] = submit(&pool, arrive, 1, pause_ns);
	info = queue_info(pool.queue);
	pool_end(&pool);
	passed_ns = now_ns() - start;
	for (i = 0; i < tasks; i++) {
		done += futures[i]->done;
		free(futures[i]);
	}
	printf("\n%ju tasks: submit() waited for room %ju times\n", tasks,
	       (uintmax_t)info.in.blocked);
	printf("%ju were in the queue when it was shut down: %ju done\n\n",
	       (uintmax_t)info.records, done);
	report_shares(&pool, passed_ns);
	pool_free(&pool);
	free(futures);
}

int main(int argc, char **argv)
{
	example_settings(argc, argv, "Runs tasks on a fixed number of threads.\v" HELP_SIZES "\n"
			 HELP_EXIT ".", settings);
	show_results();
	show_sharing();
	return output_end();
}
