// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many producers and many consumers on one queue. The first producer that has put its share ends
 * the run for all: what the others have put by then shows the fairness. The share is as large as
 * if each producer were alone, so that all producers get CPU time; with a small share the result
 * would only show which one started first.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "common/macros.h"
#include "measure.h"

/**
 * struct shared - state shared by the workers
 * @channel: the queue
 * @producers: number of producers, which are the first workers
 * @consumers: number of consumers, which are the other workers
 * @done: one producer has put its share
 * @producing: producers that are still running
 * @consuming: consumers that are still running
 */
struct shared {
	struct channel channel;
	size_t producers;
	size_t consumers;
	atomic_bool done;
	atomic_size_t producing;
	atomic_size_t consuming;
};

static void produce(struct worker *worker, struct shared *shared, size_t share)
{
	size_t first = worker->put;

	while (!atomic_load_explicit(&shared->done, memory_order_relaxed)) {
		move_in(worker, &shared->channel, 1);
		if (worker->put - first >= share)
			atomic_store(&shared->done, true);
	}
	if (atomic_fetch_sub(&shared->producing, 1) == 1)
		channel_put_last(&shared->channel);
}

/*
 * Each consumer that gets the last message puts it back for the next one. The last consumer
 * resets the state for the next run.
 */
static void consume(struct worker *worker, struct shared *shared)
{
	struct channel *channel = &shared->channel;
	size_t bytes;

	do {
		bytes = channel->peer->get(channel);
		worker->calls++;
		worker->got += bytes / channel->size;
	} while (!channel_got_last(channel, bytes));
	worker->got--;
	if (atomic_fetch_sub(&shared->consuming, 1) > 1)
		return channel_put_last(channel);
	atomic_store(&shared->done, false);
	atomic_store(&shared->producing, shared->producers);
	atomic_store(&shared->consuming, shared->consumers);
}

static void run(struct worker *worker, void *work, size_t messages)
{
	struct shared *shared = work;

	if (worker->index < shared->producers)
		produce(worker, shared, MAX(1U, messages / shared->producers));
	else
		consume(worker, shared);
}

static int many(const struct setup *setup, struct figure *figure)
{
	struct shared *shared = shared_memory(sizeof(*shared));
	struct task task = {
		.workers = setup->level.first + setup->level.second, .run = run, .work = shared,
		.messages = setup->messages * setup->level.first, .free = setup->free,
	};

	if (setup_open(setup, &shared->channel))
		return -1;
	/*
	 * A share is reached after fewer calls if messages are batched: all producers must get
	 * CPU time, too.
	 */
	task.messages *= shared->channel.batch;
	shared->producers = setup->level.first;
	shared->consumers = setup->level.second;
	atomic_init(&shared->producing, shared->producers);
	atomic_init(&shared->consuming, shared->consumers);
	measure(setup, &task, figure);
	channel_close(&shared->channel);
	munmap(shared, sizeof(*shared));
	return 0;
}

const struct pattern pattern_many = {
	.name = "many", .summary = "many producers and many consumers on one queue",
	.can = PEER_SHARE, .whole = true,
	.sizes = { 64 },
	.levels = {
		{ 1, 1 }, { 1, 16 }, { 16, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 16, 16 },
		{ 32, 32 },
	},
	.measures = HAS_COST | HAS(FAIRNESS),
	.run = many,
};
