// SPDX-License-Identifier: GPL-2.0-only
/*
 * loop: an event loop against one thread per task.
 *
 * There are many queues, each with a producer and a consumer. Their functions are the same in
 * both cases, and they block frequently, because the queues are short. With one thread per task,
 * a call that cannot proceed sleeps in the kernel. In the loop the tasks are coroutines of a
 * single thread, which must not sleep, or all of them would stop: the queues are opened with
 * O_NONBLOCK, and a task that gets EAGAIN yields. The loop asks epoll which queues have changed,
 * many of them by one call, and resumes their tasks.
 *
 * Look at: wait_for_change(), where producers and consumers yield, and at run_loop(), which is
 * the whole scheduler. With EPOLLET, epoll reports each change once. So a task that is resumed
 * must continue until EAGAIN, or it would not be told about the data or room that it has left.
 * Then look at the table: what slept, how many times, and the memory for each task.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "coroutine.h"
#include "example.h"
#include "memory.h"

#define PAIRS_MAX	100
#define ROOM_MAX	1000
#define EVENTS_MAX	64
#define CAPACITY	4096

static uint64_t pair_count, item_count, room;

static const struct setting settings[] = {
	{ .name = "pairs", .count = &pair_count, .initial = "100", .max = PAIRS_MAX,
	  .doc = "number of queues, each with a producer and a consumer" },
	{ .name = "items", .count = &item_count, .initial = "20", .max = INT32_MAX,
	  .doc = "number of items of each producer" },
	{ .name = "room", .count = &room, .initial = "8", .max = ROOM_MAX,
	  .doc = "capacity of a queue in items" },
	{ 0 }
};

/**
 * struct outcome - result of a way
 * @cost: its cost
 * @memory: memory for the tasks, after all have started
 * @epoll_waits: number of calls of epoll_wait()
 * @queue_slept: number of times that a call slept in a queue
 * @sum: sum of the items received
 */
struct outcome {
	struct cost cost;
	struct memory memory;
	uint64_t epoll_waits;
	uint64_t queue_slept;
	uint64_t sum;
};

struct way;

/**
 * struct task - a producer or a consumer
 * @way: way that it belongs to
 * @run: its function
 * @queue: name of its queue
 * @handle: handle of its queue
 * @first: first item that it puts, or expects
 * @sum: sum of the items that it got
 * @coroutine: its coroutine, in the loop
 */
struct task {
	const struct way *way;
	void (*run)(void *task);
	const char *queue;
	struct bbuf *handle;
	uint64_t first;
	uint64_t sum;
	struct coroutine *coroutine;
};

/**
 * struct way - a way to run the tasks
 * @flags: flags for opening the queues
 * @begin: called by each task after it has opened its queue
 * @run: runs all tasks
 * @queues: names of the queues, one for each pair
 * @report: name of the queue for the outcome
 */
struct way {
	int flags;
	void (*begin)(struct task *task);
	void (*run)(struct task *tasks, size_t count, struct outcome *outcome);
	const char *queues[PAIRS_MAX];
	const char *report;
};

/*
 * For the loop: its epoll instance. For threads: queues to report that a task is ready, and to
 * wait for the start.
 */
static int epoll;
static const char *ready, *start;

/* A call has failed. If it would have had to sleep, let other tasks run until it can proceed. */
static void wait_for_change(const struct task *task, const char *what)
{
	if (errno != EAGAIN)
		err(EXIT_FAILURE, "the queue %s: %s", task->queue, what);
	coroutine_yield();
}

static void put(struct task *task, uint64_t item)
{
	while (bbuf_put(task->handle, &item, sizeof(item), NULL) < 0)
		wait_for_change(task, "putting");
}

/* Returns false at EOF. */
static bool get(struct task *task, uint64_t *item)
{
	ssize_t len;

	while ((len = bbuf_get(task->handle, item, sizeof(*item), NULL)) < 0)
		wait_for_change(task, "getting");
	return len;
}

static void produce(void *arg)
{
	struct task *task = arg;
	uint64_t i;

	task->handle = queue_open(task->queue, O_WRONLY | task->way->flags);
	task->way->begin(task);
	for (i = 0; i < item_count; i++)
		put(task, task->first + i);
	queue_shutdown(task->handle);
	bbuf_close(task->handle);
}

static void consume(void *arg)
{
	struct task *task = arg;
	uint64_t item, next = task->first;
	bool in_order = true;

	task->handle = queue_open(task->queue, O_RDONLY | task->way->flags);
	task->way->begin(task);
	for (; get(task, &item); task->sum += item)
		in_order &= item == next++;
	if (!in_order || next != task->first + item_count)
		errx(EXIT_FAILURE, "the queue %s: an item is missing", task->queue);
	bbuf_close(task->handle);
}

/* epoll reports only the events for which the file of the queue was opened. */
static void begin_in_loop(struct task *task)
{
	struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLET, { .ptr = task } };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, bbuf_fd(task->handle), &event))
		err(EXIT_FAILURE, "watching the queue %s", task->queue);
	coroutine_yield();
}

static void run_loop(struct task *tasks, size_t count, struct outcome *outcome)
{
	struct epoll_event events[EVENTS_MAX];
	struct memory before = memory_now();
	struct task *task;
	size_t left;
	int i, n;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		err(EXIT_FAILURE, "epoll_create1");
	for (task = tasks; task < tasks + count; task++) {
		task->coroutine = coroutine_new(task->run, task);
		coroutine_resume(task->coroutine);
	}
	outcome->memory = memory_since(&before);
	for (left = count; left; outcome->epoll_waits++) {
		n = epoll_wait(epoll, events, EVENTS_MAX, -1);
		if (n < 0)
			err(EXIT_FAILURE, "epoll_wait");
		for (i = 0; i < n; i++) {
			task = events[i].data.ptr;
			left -= !coroutine_resume(task->coroutine);
		}
	}
	for (task = tasks; task < tasks + count; task++)
		coroutine_free(task->coroutine);
	close(epoll);
}

/* Wait until all tasks are ready and their memory has been measured. */
static void begin_in_thread(struct task *task)
{
	struct ends ends = ends_open(start, ready);
	uint64_t nothing;

	queue_put_number(ends.to, task->first);
	queue_get(ends.from, &nothing, sizeof(nothing));
	ends_close(&ends);
}

static void *task_thread(void *arg)
{
	struct task *task = arg;

	task->run(task);
	return NULL;
}

static void run_threads(struct task *tasks, size_t count, struct outcome *outcome)
{
	struct memory before = memory_now();
	struct ends ends = ends_open(ready, start);
	pthread_t threads[count];
	size_t i;

	for (i = 0; i < count; i++)
		threads[i] = thread_start(task_thread, &tasks[i]);
	for (i = 0; i < count; i++)
		queue_get_number(ends.from);
	outcome->memory = memory_since(&before);
	queue_shutdown(ends.to);
	for (i = 0; i < count; i++)
		thread_join(threads[i]);
	ends_close(&ends);
}

/* Two tasks for each pair: consumers first, so that both sides block. */
static struct task *tasks_new(const struct way *way)
{
	struct task *tasks = xcalloc(2 * pair_count, sizeof(*tasks));
	uint64_t i, pair;

	for (i = 0; i < 2 * pair_count; i++) {
		pair = i % pair_count;
		tasks[i] = (struct task){
			.way = way, .run = i < pair_count ? consume : produce,
			.queue = way->queues[pair], .first = pair * item_count,
		};
	}
	return tasks;
}

/* Runs in its own process, so that no memory is left over from the other way. */
static void run_way(void *arg)
{
	const struct way *way = arg;
	struct bbuf *report = queue_open(way->report, O_WRONLY);
	struct task *tasks = tasks_new(way);
	struct outcome outcome = { .cost = cost_now(RUSAGE_SELF) };
	size_t i;

	way->run(tasks, 2 * pair_count, &outcome);
	outcome.cost = cost_since(RUSAGE_SELF, &outcome.cost);
	for (i = 0; i < 2 * pair_count; i++)
		outcome.sum += tasks[i].sum;
	queue_put(report, &outcome, sizeof(outcome));
	bbuf_close(report);
	free(tasks);
}

static uint64_t slept_in_queue(const char *name)
{
	struct bbuf *queue = queue_open(name, O_ACCMODE);
	struct bbuf_info info = queue_info(queue);

	bbuf_close(queue);
	return info.in.blocked + info.out.blocked;
}

static struct outcome measure(struct way *way)
{
	struct outcome outcome;
	struct bbuf *report;
	uint64_t i;

	way->report = queue_new_for_results(CAPACITY);
	for (i = 0; i < pair_count; i++)
		way->queues[i] = queue_new(BBUF_RECORD, room * sizeof(uint64_t));
	process_join(process_start(run_way, way));
	report = queue_open(way->report, O_RDONLY);
	queue_must_get(report, &outcome, sizeof(outcome));
	bbuf_close(report);
	for (i = 0; i < pair_count; i++)
		outcome.queue_slept += slept_in_queue(way->queues[i]);
	return outcome;
}

static void print_table(const struct outcome *loop, const struct outcome *threads)
{
	const struct cost *a = &loop->cost, *b = &threads->cost;
	const struct memory *m = &loop->memory, *n = &threads->memory;
	struct libscols_table *table = results_new("|loop|threads");

	results_row(table, "threads started|%ju|%ju", m->threads, n->threads);
	results_row(table, "time, ms|%llu|%llu", a->ns / NSEC_PER_MSEC, b->ns / NSEC_PER_MSEC);
	results_row(table, "slept|%ju|%ju", a->slept, b->slept);
	results_row(table, "preempted|%ju|%ju", a->preempted, b->preempted);
	results_row(table, "slept in a queue|%ju|%ju", loop->queue_slept, threads->queue_slept);
	results_row(table, "calls of epoll_wait|%ju|%ju", loop->epoll_waits, threads->epoll_waits);
	results_row(table, "addresses reserved, KiB|%ju|%ju", m->reserved, n->reserved);
	results_row(table, "memory used, KiB|%ju|%ju", m->used, n->used);
	results_row(table, "page tables, KiB|%ju|%ju", m->page_tables, n->page_tables);
	results_row(table, "kernel stacks, KiB|%ju|%ju", m->kernel_stacks, n->kernel_stacks);
	results_row(table, "sum of the items|%ju|%ju", loop->sum, threads->sum);
	results_print(table);
}

int main(int argc, char **argv)
{
	struct way in_loop = { .flags = O_NONBLOCK, .begin = begin_in_loop, .run = run_loop };
	struct way in_threads = { .begin = begin_in_thread, .run = run_threads };
	struct outcome loop, threads;

	example_settings(argc, argv, "Runs many producers and consumers in one thread, driven by "
			 "events, and with one thread for each.\v" HELP_EXIT ".", settings);
	/* A stack would take 2 MiB if chance put it into a huge page. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	ready = queue_new(BBUF_RECORD, CAPACITY);
	start = queue_new(BBUF_RECORD, CAPACITY);
	loop = measure(&in_loop);
	threads = measure(&in_threads);
	printf("%ju times a producer and a consumer, of %ju items; each came once, in order:\n",
	       pair_count, item_count);
	print_table(&loop, &threads);
	return output_end();
}
