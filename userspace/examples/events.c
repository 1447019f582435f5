// SPDX-License-Identifier: GPL-2.0-only
/*
 * events: a queue to pass data, events to signal that something has happened.
 *
 * Many producers pause, each for a random time, and put their number, from 0 up. One consumer
 * adds the numbers. When its count exceeds a limit it raises an alarm, waits until a watcher has
 * answered, and restarts the count. Alarm and answer are events (eventfd(2)): they carry no
 * data, but wake a thread that waits for a condition.
 *
 * Look at: how it ends. The consumer cannot know the number of items; it ends with the sentinel,
 * -1. main() puts the sentinel when all producers have ended, so nothing can come after it. The
 * order of the numbers, and so the alarms, differ from run to run; the sum does not. The watcher
 * is a daemon thread: it is neither stopped nor joined. It still waits when main() returns,
 * which ends the program.
 *
 * Then look at the table: waiting takes no CPU time, whether for a queue or for an event.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "example.h"

#define SENTINEL	(-1)
#define CAPACITY	(16 * sizeof(int))

static uint64_t producers, limit, pause_ns;

static const struct setting settings[] = {
	{ .name = "producers", .count = &producers, .initial = "80", .max = WORKERS_MAX,
	  .doc = "number of producer threads" },
	{ .name = "limit", .count = &limit, .initial = "100", .max = INT32_MAX,
	  .doc = "count above which an alarm is raised" },
	{ .name = "pause", .time = &pause_ns, .initial = "1s",
	  .doc = "maximum pause of a producer" },
	{ 0 }
};

/**
 * struct watch - state shared by the threads
 * @queue: name of the queue of numbers
 * @alarm: event: the count has exceeded the limit
 * @answer: event: the watcher has noticed
 * @started: number of producers that have started
 * @answers: number of answers of the watcher
 * @consumer: cost of the consumer, when it has ended
 * @watcher: cost of the watcher at its last answer
 */
struct watch {
	const char *queue;
	int alarm;
	int answer;
	atomic_int started;
	atomic_uint answers;
	struct cost consumer;
	struct cost watcher;
};

static int event_new(void)
{
	int event = eventfd(0, EFD_CLOEXEC);

	if (event < 0)
		err(EXIT_FAILURE, "making an event");
	return event;
}

static void event_raise(int event)
{
	if (eventfd_write(event, 1))
		err(EXIT_FAILURE, "raising an event");
}

/* Sleep until the event is raised, and reset it. */
static void event_wait(int event)
{
	eventfd_t times;

	if (eventfd_read(event, &times))
		err(EXIT_FAILURE, "waiting for an event");
}

static void produce(void *arg)
{
	struct watch *watch = arg;
	struct bbuf *queue = queue_open(watch->queue, O_WRONLY);
	int number = atomic_fetch_add(&watch->started, 1);

	sleep_for(random() / (RAND_MAX + 1.0) * pause_ns);
	queue_put(queue, &number, sizeof(number));
	bbuf_close(queue);
}

static void *consume(void *arg)
{
	struct watch *watch = arg;
	struct bbuf *queue = queue_open(watch->queue, O_RDONLY);
	struct cost start = cost_now(RUSAGE_THREAD);
	unsigned int alarms = 0, count = 0, sum = 0;
	int number;

	while (queue_get(queue, &number, sizeof(number)) && number != SENTINEL) {
		sum += number;
		count += number;
		if (count <= limit)
			continue;
		event_raise(watch->alarm);
		event_wait(watch->answer);
		printf("count %u: alarm %u, answer %u\n", count, ++alarms, watch->answers);
		count = 0;
	}
	printf("count %u: the end\nsum %u\n", count, sum);
	watch->consumer = cost_since(RUSAGE_THREAD, &start);
	bbuf_close(queue);
	return NULL;
}

static void *answer_alarms(void *arg)
{
	struct watch *watch = arg;
	struct cost start = cost_now(RUSAGE_THREAD);

	for (;;) {
		event_wait(watch->alarm);
		watch->watcher = cost_since(RUSAGE_THREAD, &start);
		watch->answers++;
		event_raise(watch->answer);
	}
	return NULL;
}

static void daemon_start(void *(*run)(void *arg), void *arg)
{
	errno = pthread_detach(thread_start(run, arg));
	if (errno)
		err(EXIT_FAILURE, "detaching a thread");
}

static void produce_all(struct watch *watch)
{
	struct bbuf *queue = queue_open(watch->queue, O_WRONLY);
	int sentinel = SENTINEL;

	team_join(team_start(TEAM_THREADS, producers, produce, watch));
	queue_put(queue, &sentinel, sizeof(sentinel));
	bbuf_close(queue);
}

static void report_cost(struct libscols_table *table, const char *who, const struct cost *cost)
{
	results_row(table, "%s|%.1f|%.1f|%ju", who, (double)cost->ns / NSEC_PER_MSEC,
		    (double)cost->cpu_ns / NSEC_PER_MSEC, cost->slept);
}

static void report(const struct watch *watch)
{
	struct libscols_table *table = results_new("|MS PASSED|MS OF CPU|SLEPT");

	report_cost(table, "consumer", &watch->consumer);
	report_cost(table, "watcher", &watch->watcher);
	printf("\n");
	results_print(table);
}

int main(int argc, char **argv)
{
	struct watch watch = { 0 };
	pthread_t consumer;

	example_settings(argc, argv, "Adds up numbers from many threads, and raises alarms.\v"
			 HELP_TIMES "\n" HELP_EXIT ".", settings);
	srandom(now_ns());
	watch.queue = queue_new(BBUF_RECORD, CAPACITY);
	watch.alarm = event_new();
	watch.answer = event_new();
	daemon_start(answer_alarms, &watch);
	consumer = thread_start(consume, &watch);
	produce_all(&watch);
	thread_join(consumer);
	report(&watch);
	printf("\nThe watcher still waits, for alarm %u. This does not keep the program from "
	       "exiting.\n", watch.answers + 1);
	return output_end();
}
