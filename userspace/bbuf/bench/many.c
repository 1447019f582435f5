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
 * struct hall - what they share, beside the queue
 * @channel: the queue
 * @producers: of the workers, the first so many
 * @consumers: the others
 * @over: one producer is through
 * @producing: producers that are not yet done
 * @consuming: the same of consumers
 */
struct hall {
	struct channel channel;
	size_t producers;
	size_t consumers;
	atomic_bool over;
	atomic_size_t producing;
	atomic_size_t consuming;
};

static void produce(struct worker *worker, struct hall *hall, size_t share)
{
	size_t first = worker->put;

	while (!atomic_load_explicit(&hall->over, memory_order_relaxed)) {
		move_in(worker, &hall->channel, 1);
		if (worker->put - first >= share)
			atomic_store(&hall->over, true);
	}
	if (atomic_fetch_sub(&hall->producing, 1) == 1)
		channel_put_last(&hall->channel);
}

/* The last message is handed on, until the last of them has it: all is as in the beginning. */
static void consume(struct worker *worker, struct hall *hall)
{
	struct channel *channel = &hall->channel;
	size_t bytes;

	do {
		bytes = channel->peer->get(channel);
		worker->calls++;
		worker->got += bytes / channel->size;
	} while (!channel_got_last(channel, bytes));
	worker->got--;
	if (atomic_fetch_sub(&hall->consuming, 1) > 1)
		return channel_put_last(channel);
	atomic_store(&hall->over, false);
	atomic_store(&hall->producing, hall->producers);
	atomic_store(&hall->consuming, hall->consumers);
}

static void run(struct worker *worker, void *work, size_t messages)
{
	struct hall *hall = work;

	if (worker->index < hall->producers)
		produce(worker, hall, MAX(1U, messages / hall->producers));
	else
		consume(worker, hall);
}

static int many(const struct setup *setup, struct figure *figure)
{
	struct hall *hall = shared_memory(sizeof(*hall));
	struct task task = {
		.workers = setup->level.first + setup->level.second, .run = run, .work = hall,
		.messages = setup->messages * setup->level.first, .free = setup->free,
	};

	if (setup_open(setup, &hall->channel))
		return -1;
	/* A batch is over as soon as one message is: all must have their turns here, too. */
	task.messages *= hall->channel.batch;
	hall->producers = setup->level.first;
	hall->consumers = setup->level.second;
	atomic_init(&hall->producing, hall->producers);
	atomic_init(&hall->consuming, hall->consumers);
	measure(setup, &task, figure);
	channel_close(&hall->channel);
	munmap(hall, sizeof(*hall));
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
