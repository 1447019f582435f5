// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many producers and many consumers on one queue. The producer that has put its share in
 * first ends it for all, so that what the others have managed meanwhile tells how fair
 * it was. The share is as large as if it were alone: all must have had their turns on the
 * processors, or it tells nothing but whose was the first.
 */
#include <sys/mman.h>

#include "bench.h"

/**
 * struct shared - what they share, beside the queue
 * @channel: the queue
 * @producers: of the workers, the first so many
 * @consumers: the others
 * @done: one producer is through
 * @producing: producers that are not yet done
 * @consuming: the same of consumers
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

/* The last message is handed on, until the last of them has it: all is as in the beginning. */
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
	/* A batch is over as soon as one message is: all must have their turns here, too. */
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
