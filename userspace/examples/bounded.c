// SPDX-License-Identifier: GPL-2.0-only
/*
 * bounded: the producer-consumer problem, and the statistics of the bounded buffer.
 *
 * Producers put numbered items into a small queue, consumers take them out. A producer that
 * finds the buffer full, or a consumer that finds it empty, sleeps in the call until the other
 * side has made room, or has added an item. This is done three times: with both sides as fast as
 * possible, with consumers that pause after each item, and with producers that pause before each
 * item.
 *
 * Look at: the table with the statistics of the queue. The faster side sleeps, and so becomes as
 * fast as the other side (backpressure). The buffer fills up, or stays almost empty, but it
 * never holds more than its capacity. Each sleep ends with one wakeup: no thread is woken in
 * vain because another one was faster.
 *
 * Then look at what is missing: produce() and consume() only put and get. They need no lock, no
 * semaphore and no condition variable.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "example.h"

#define ITEMS_MAX	1000000

static uint64_t producers, consumers, items, capacity, pause_ns;

static const struct setting settings[] = {
	{ .name = "producers", .count = &producers, .initial = "4", .max = WORKERS_MAX,
	  .doc = "number of producer threads" },
	{ .name = "consumers", .count = &consumers, .initial = "3", .max = WORKERS_MAX,
	  .doc = "number of consumer threads" },
	{ .name = "items", .count = &items, .initial = "100", .max = ITEMS_MAX,
	  .doc = "number of items of each producer" },
	{ .name = "capacity", .count = &capacity, .initial = "8", .max = ITEMS_MAX,
	  .doc = "capacity of the queue in items" },
	{ .name = "pause", .time = &pause_ns, .initial = "10ms",
	  .doc = "pause of the slow side for each item" },
	{ 0 }
};

/* Item, which is one record in the queue. */
struct item {
	uint32_t producer;
	uint32_t number;
};

/**
 * struct round - one run of all producers and consumers
 * @name: description of the run
 * @put_pause: pause of a producer before each item, in nanoseconds
 * @get_pause: pause of a consumer after each item, in nanoseconds
 * @queue: name of the queue
 * @started: number of producers that have started
 * @came: how many times each item of each producer arrived
 * @late: number of items that a consumer got after a later one of the same producer
 */
struct round {
	const char *name;
	uint64_t put_pause;
	uint64_t get_pause;
	const char *queue;
	atomic_uint started;
	atomic_uint *came;
	atomic_uint late;
};

static void produce(void *arg)
{
	struct round *round = arg;
	struct bbuf *queue = queue_open(round->queue, O_WRONLY);
	struct item item = { .producer = atomic_fetch_add(&round->started, 1) };

	for (; item.number < items; item.number++) {
		sleep_for(round->put_pause);
		queue_put(queue, &item, sizeof(item));
	}
	bbuf_close(queue);
}

/* A consumer gets only some of the items, but those of one producer must be in order. */
static void note(struct round *round, uint32_t *next, const struct item *item)
{
	atomic_fetch_add(&round->came[item->producer * items + item->number], 1);
	if (item->number < next[item->producer])
		atomic_fetch_add(&round->late, 1);
	next[item->producer] = item->number + 1;
}

static void consume(void *arg)
{
	struct round *round = arg;
	struct bbuf *queue = queue_open(round->queue, O_RDONLY);
	uint32_t *next = xcalloc(producers, sizeof(*next));
	struct item item;

	while (queue_get(queue, &item, sizeof(item))) {
		note(round, next, &item);
		sleep_for(round->get_pause);
	}
	free(next);
	bbuf_close(queue);
}

/* After the last producer has finished, shutting the queue down gives all consumers EOF. */
static void round_run(struct round *round, struct bbuf *queue)
{
	struct team *producing = team_start(TEAM_THREADS, producers, produce, round);
	struct team *consuming = team_start(TEAM_THREADS, consumers, consume, round);

	team_join(producing);
	queue_shutdown(queue);
	team_join(consuming);
}

static void round_verify(const struct round *round, const struct bbuf_info *info)
{
	unsigned int lost = 0, twice = 0;
	uint64_t i;

	for (i = 0; i < producers * items; i++) {
		lost += !round->came[i];
		twice += round->came[i] > 1;
	}
	if (lost || twice || round->late)
		errx(EXIT_FAILURE, "%s: %u items lost, %u came more than once, %u out of order",
		     round->name, lost, twice, round->late);
	if (info->peak > info->capacity)
		errx(EXIT_FAILURE, "%s: the queue held more than its capacity", round->name);
}

static void round_report(const struct round *round, const struct bbuf_info *info,
			 struct libscols_table *table)
{
	results_row(table, "%s|%llu|%llu|%llu|%llu|%llu|%llu", round->name, info->in.records,
		    info->out.records, info->peak / sizeof(struct item), info->in.blocked,
		    info->out.blocked, info->in.wakeups + info->out.wakeups);
}

static void round_do(struct round *round, struct libscols_table *table)
{
	struct bbuf_info info;
	struct bbuf *queue;

	round->queue = queue_new(BBUF_RECORD, capacity * sizeof(struct item));
	round->came = xcalloc(producers * items, sizeof(*round->came));
	queue = queue_open(round->queue, O_WRONLY);
	round_run(round, queue);
	info = queue_info(queue);
	round_verify(round, &info);
	round_report(round, &info, table);
	bbuf_close(queue);
	free(round->came);
}

int main(int argc, char **argv)
{
	struct libscols_table *table;

	example_settings(argc, argv, "Producers never add to a full buffer, and consumers never "
			 "take from an empty one.\v" HELP_TIMES "\n" HELP_EXIT ".", settings);
	table = results_new("|PUT|TAKEN|MOST QUEUED|PRODUCERS SLEPT|CONSUMERS SLEPT|WOKEN");
	round_do(&(struct round){ .name = "nobody is slow" }, table);
	round_do(&(struct round){ .name = "slow consumers", .get_pause = pause_ns }, table);
	round_do(&(struct round){ .name = "slow producers", .put_pause = pause_ns }, table);
	printf("producers: %ju, consumers: %ju, capacity: %ju\n\n", producers, consumers,
	       capacity);
	results_print(table);
	printf("\nEach item came once, and those of each producer came in order.\n");
	return output_end();
}
