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

static uint64_t pool_size, tasks, capacity, pause_ns;

static const struct setting settings[] = {
	{ "workers", "4", "threads of the pool", &pool_size, arg_count, WORKERS_MAX },
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

/**
 * struct worker - one thread of a pool
 * @thread: the thread
 * @queue: name of the queue of tasks
 * @tasks: that it has run
 * @busy_ns: that they took
 */
struct worker {
	pthread_t thread;
	const char *queue;
	uint64_t tasks;
	uint64_t busy_ns;
};

/**
 * struct pool - what submit() needs
 * @queue: where the tasks go
 * @workers: who take them
 */
struct pool {
	struct bbuf *queue;
	struct worker *workers;
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

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct bbuf *queue = queue_open(worker->queue, O_RDONLY);
	struct future *future;
	uint64_t start;

	while (queue_get(queue, &future, sizeof(future))) {
		start = now_ns();
		future_run(future);
		worker->busy_ns += now_ns() - start;
		worker->tasks++;
	}
	bbuf_close(queue);
	return NULL;
}

static void pool_start(struct pool *pool)
{
	const char *name = queue_new(BBUF_RECORD, capacity * sizeof(struct future *));
	uint64_t i;

	pool->queue = queue_open(name, O_WRONLY);
	pool->workers = xcalloc(pool_size, sizeof(*pool->workers));
	for (i = 0; i < pool_size; i++) {
		pool->workers[i].queue = name;
		pool->workers[i].thread = thread_start(work, &pool->workers[i]);
	}
}

/* What the workers have done is still to be seen in pool->workers. */
static void pool_end(struct pool *pool)
{
	uint64_t i;

	queue_shutdown(pool->queue);
	for (i = 0; i < pool_size; i++)
		thread_join(pool->workers[i].thread);
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

/* Takes a time, and comes to the place in which it was ready: 1 for the first. */
static int arrive(long pauses, long pause, long *value)
{
	static atomic_long arrived;

	sleep_for(pauses * pause);
	*value = atomic_fetch_add(&arrived, 1) + 1;
	return 0;
}

static void show_results(void)
{
	const long bases[] = { 2, 3, 4 }, exponents[] = { 4, 5, 6 };
	const long pauses[] = { 3, 2, 1 }, each[] = { pause_ns, pause_ns, pause_ns };
	struct pool pool;
	long values[3];

	pool_start(&pool);
	map(&pool, power, bases, exponents, values, ARRAY_SIZE(values));
	printf("map: powers over (2, 3, 4) and (4, 5, 6): %ld, %ld, %ld\n",
	       values[0], values[1], values[2]);
	map(&pool, arrive, pauses, each, values, ARRAY_SIZE(values));
	printf("map: the place in which each was ready, the first taking longest: %ld, %ld, %ld\n",
	       values[0], values[1], values[2]);
	printf("result: 10 to the power of 100: %s\n",
	       strerror(-result(submit(&pool, power, 10, 100), &values[0])));
	pool_end(&pool);
	free(pool.workers);
}

static void report_workers(const struct worker *workers, uint64_t passed_ns)
{
	static const struct table_column columns[] = {
		{ .heading = "WORKER" }, { .heading = "TASKS" }, { .heading = "MS" },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	const struct worker *worker;
	struct libscols_line *row;
	double busy_ns = 0;

	for (worker = workers; worker < workers + pool_size; worker++) {
		row = table_row(table);
		table_cell(row, 0, "%td", worker - workers + 1);
		table_count(row, 1, worker->tasks);
		table_cell(row, 2, "%.1f", (double)worker->busy_ns / NSEC_PER_MSEC);
		busy_ns += worker->busy_ns;
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
	report_workers(pool.workers, passed_ns);
	free(pool.workers);
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
