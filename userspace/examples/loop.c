// SPDX-License-Identifier: GPL-2.0-only
/*
 * loop: an event loop, against a thread for each.
 *
 * There are many queues, each with a producer and a consumer. Those are the same functions
 * in both ways, and they wait very often, for the queues are short. With a thread for each,
 * a call that can't go on sleeps in the kernel. In the loop they are coroutines of a single
 * thread, which must not sleep, or all would stand still: the queues are opened with
 * O_NONBLOCK, and who gets EAGAIN yields. The loop asks epoll whose queue has changed, many
 * of them by one call, and resumes those.
 *
 * Look at: wait_for_change(), where producers and consumers yield, and at run_loop(), which
 * is all that there is of a scheduler. With EPOLLET epoll reports each change once. So
 * there is nothing to switch on or off around a wait; but who is resumed has to go on
 * until EAGAIN, or would not hear of what it has left.
 *
 * Then look at the table: who slept, and how often; and what is kept for each. A thread has
 * a stack in user space, most of it never touched, but also one in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "coroutine.h"
#include "example.h"

#define PAIRS_MAX	100
#define ROOM_MAX	1000
#define EVENTS_MAX	64
#define CAPACITY	4096

static uint64_t pair_count, item_count, room;

static const struct setting settings[] = {
	{ "pairs", "100", "queues, each with a producer and a consumer", &pair_count, arg_count,
	  PAIRS_MAX },
	{ "items", "20", "how many each producer puts", &item_count, arg_count, INT32_MAX },
	{ "room", "8", "how many items a queue holds", &room, arg_count, ROOM_MAX },
	{ 0 }
};

/* What is measured; threads and memory are those for the tasks, when all have begun. */
enum value {
	THREADS, TIME_MS, CPU_MS, SLEPT, PREEMPTED, QUEUE_SLEPT, EPOLL_WAITS, RESERVED, USED,
	PAGE_TABLES, KERNEL_STACKS, SUM, VALUES
};

static const char *const value_names[VALUES] = {
	[THREADS] = "threads started",
	[TIME_MS] = "time, ms",
	[CPU_MS] = "CPU time, ms",
	[SLEPT] = "slept",
	[PREEMPTED] = "preempted",
	[QUEUE_SLEPT] = "slept in a queue",
	[EPOLL_WAITS] = "calls of epoll_wait",
	[RESERVED] = "addresses reserved, KiB",
	[USED] = "memory used, KiB",
	[PAGE_TABLES] = "page tables, KiB",
	[KERNEL_STACKS] = "kernel stacks, KiB",
	[SUM] = "sum of the items",
};

struct way;

/**
 * struct task - a producer or a consumer
 * @way: that it belongs to
 * @run: what it does
 * @queue: name of its queue
 * @handle: of its queue
 * @first: item that it puts, or must get, as the first
 * @sum: of the items that it got
 * @coroutine: in the loop
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
 * struct way - to run the tasks
 * @name: of it
 * @flags: to open the queues with
 * @begin: by each task, when it has opened its queue
 * @run: runs all tasks
 * @queues: names, one for each pair
 * @report: queue in which it reports
 * @values: what it reports
 */
struct way {
	const char *name;
	int flags;
	void (*begin)(struct task *task);
	void (*run)(struct task *tasks, size_t count, uint64_t *values);
	const char *queues[PAIRS_MAX];
	const char *report;
	uint64_t values[VALUES];
};

/* In the loop: what epoll watches. With threads: who is ready, and what they wait for. */
static int epoll;
static const char *ready, *start;

/* A call has failed. If that is because it must not sleep, others run until it can go on. */
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

/* False at the end. */
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

static _Noreturn void item_missing(const struct task *task, uint64_t item)
{
	errx(EXIT_FAILURE, "the queue %s: item %llu is missing", task->queue,
	     (unsigned long long)item);
}

static void consume(void *arg)
{
	struct task *task = arg;
	uint64_t item, next;

	task->handle = queue_open(task->queue, O_RDONLY | task->way->flags);
	task->way->begin(task);
	for (next = task->first; get(task, &item); next++) {
		if (item != next)
			item_missing(task, next);
		task->sum += item;
	}
	if (next != task->first + item_count)
		item_missing(task, next);
	bbuf_close(task->handle);
}

/* A number of a file in /proc: that behind the name. */
static uint64_t proc_number(const char *path, const char *name)
{
	unsigned long long number;
	FILE *file = fopen(path, "re");
	char line[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, name, strlen(name)) &&
			sscanf(line + strlen(name), ": %llu", &number) == 1;
	if (!found)
		errx(EXIT_FAILURE, "%s: no %s there", path, name);
	fclose(file);
	return number;
}

/* Leaves what has changed since the last time. Kernel stacks are those of all the machine. */
static void look_at_process(uint64_t *values)
{
	static const struct {
		enum value value;
		const char *path;
		const char *name;
	} sources[] = {
		{ THREADS, "/proc/self/status", "Threads" },
		{ RESERVED, "/proc/self/status", "VmSize" },
		{ USED, "/proc/self/smaps_rollup", "Rss" },
		{ PAGE_TABLES, "/proc/self/status", "VmPTE" },
		{ KERNEL_STACKS, "/proc/meminfo", "KernelStack" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		values[sources[i].value] = proc_number(sources[i].path, sources[i].name) -
					   values[sources[i].value];
}

/* Of a queue, epoll reports what the file was opened for. */
static void begin_in_loop(struct task *task)
{
	struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLET, { .ptr = task } };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, bbuf_fd(task->handle), &event))
		err(EXIT_FAILURE, "watching the queue %s", task->queue);
	coroutine_yield();
}

static void run_loop(struct task *tasks, size_t count, uint64_t *values)
{
	struct epoll_event events[EVENTS_MAX];
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
	look_at_process(values);
	for (left = count; left; values[EPOLL_WAITS]++) {
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

/* Nobody goes on until all are there, and their memory has been looked at. */
static void begin_in_thread(struct task *task)
{
	struct bbuf *to = queue_open(ready, O_WRONLY), *gate = queue_open(start, O_RDONLY);
	uint64_t nothing;

	queue_put(to, &task->first, sizeof(task->first));
	queue_get(gate, &nothing, sizeof(nothing));
	bbuf_close(to);
	bbuf_close(gate);
}

static void *task_thread(void *arg)
{
	struct task *task = arg;

	task->run(task);
	return NULL;
}

static void run_threads(struct task *tasks, size_t count, uint64_t *values)
{
	struct bbuf *from = queue_open(ready, O_RDONLY), *gate = queue_open(start, O_WRONLY);
	pthread_t threads[count];
	uint64_t first;
	size_t i;

	for (i = 0; i < count; i++)
		threads[i] = thread_start(task_thread, &tasks[i]);
	for (i = 0; i < count; i++)
		queue_get(from, &first, sizeof(first));
	look_at_process(values);
	queue_shutdown(gate);
	for (i = 0; i < count; i++)
		thread_join(threads[i]);
	bbuf_close(from);
	bbuf_close(gate);
}

/* Two for each pair: consumers first, so that both sides wait. */
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

/* In a process of its own, so that one way does not leave memory to the other. */
static void run_way(void *arg)
{
	struct way *way = arg;
	struct bbuf *report = queue_open(way->report, O_WRONLY);
	struct task *tasks = tasks_new(way);
	struct cost cost;
	size_t i;

	look_at_process(way->values);
	cost = cost_now(RUSAGE_SELF);
	way->run(tasks, 2 * pair_count, way->values);
	cost = cost_since(RUSAGE_SELF, &cost);
	way->values[TIME_MS] = cost.ns / NSEC_PER_MSEC;
	way->values[CPU_MS] = cost.cpu_ns / NSEC_PER_MSEC;
	way->values[SLEPT] = cost.slept;
	way->values[PREEMPTED] = cost.preempted;
	for (i = 0; i < 2 * pair_count; i++)
		way->values[SUM] += tasks[i].sum;
	queue_put(report, way->values, sizeof(way->values));
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

static void measure(struct way *way)
{
	struct bbuf *report;
	pid_t process;
	uint64_t i;

	way->report = queue_new(BBUF_RECORD, CAPACITY);
	for (i = 0; i < pair_count; i++)
		way->queues[i] = queue_new(BBUF_RECORD, room * sizeof(uint64_t));
	process = process_start(run_way, way);
	process_join(process);
	report = queue_open(way->report, O_RDONLY);
	queue_get(report, way->values, sizeof(way->values));
	bbuf_close(report);
	for (i = 0; i < pair_count; i++)
		way->values[QUEUE_SLEPT] += slept_in_queue(way->queues[i]);
}

static void print_table(const struct way *loop, const struct way *threads)
{
	const struct table_column columns[] = {
		{ .heading = "" }, { .heading = loop->name }, { .heading = threads->name },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns), NULL);
	size_t i;

	for (i = 0; i < VALUES; i++) {
		struct libscols_line *row = table_row(table);

		table_cell(row, 0, "%s", value_names[i]);
		table_count(row, 1, loop->values[i]);
		table_count(row, 2, threads->values[i]);
	}
	table_print(table, stdout);
}

int main(int argc, char **argv)
{
	struct way loop = {
		.name = "loop", .flags = O_NONBLOCK, .begin = begin_in_loop, .run = run_loop,
	};
	struct way threads = {
		.name = "threads", .begin = begin_in_thread, .run = run_threads,
	};

	example_settings(argc, argv, "Runs many producers and consumers in one thread, by events, "
			 "and with a thread for each.\v" HELP_EXIT ".", settings);
	ready = queue_new(BBUF_RECORD, CAPACITY);
	start = queue_new(BBUF_RECORD, CAPACITY);
	measure(&loop);
	measure(&threads);
	printf("%llu times a producer and a consumer, of %llu items; each came once, in order:\n",
	       (unsigned long long)pair_count, (unsigned long long)item_count);
	print_table(&loop, &threads);
	return output_end();
}
