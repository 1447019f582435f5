// SPDX-License-Identifier: GPL-2.0-only
/*
 * One process with many queues in one epoll instance: it puts a message into a queue, waits for
 * a readable queue, and takes the message out. It uses all queues in turn, or only the first one
 * while the others are idle.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/alloc.h"
#include "measure.h"

/**
 * struct loop - work of the process
 * @epoll: epoll instance with all queues
 * @channels: the queues
 * @count: number of queues
 * @used: number of queues, from the first, that are used
 */
struct loop {
	int epoll;
	struct channel *channels;
	size_t count;
	size_t used;
};

static struct channel *wait_for_one(struct loop *loop)
{
	struct epoll_event event;

	if (epoll_wait(loop->epoll, &event, 1, -1) != 1)
		err(EXIT_FAILURE, "bench: epoll_wait");
	return event.data.ptr;
}

static void run(struct worker *worker, void *work, size_t messages)
{
	struct loop *loop = work;
	size_t moved, at = 0;
	struct channel *channel;

	for (moved = 0; moved < messages; moved += channel->batch) {
		move_in(worker, &loop->channels[at], 1);
		channel = wait_for_one(loop);
		worker->calls++;
		move_out(worker, channel, 1);
		at = (at + 1) % loop->used;
	}
}

/* Use a queue once, so that it makes its allocations before the measurement. */
static void use_once(struct channel *channel)
{
	struct worker nobody = { 0 };

	move_in(&nobody, channel, 1);
	move_out(&nobody, channel, 1);
}

static int add(struct loop *loop, const struct setup *setup)
{
	struct channel *channel = &loop->channels[loop->count];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = channel };

	if (setup_open(setup, channel))
		return -1;
	if (loop->count++ < loop->used)
		use_once(channel);
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, channel->out, &event);
}

static void remove_all(struct loop *loop)
{
	while (loop->count)
		channel_close(&loop->channels[--loop->count]);
	free(loop->channels);
	close(loop->epoll);
}

static int poll_them(const struct setup *setup, struct figure *figure, size_t used)
{
	size_t count = setup->level.first;
	struct loop loop = {
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.channels = xcalloc(count, sizeof(*loop.channels)),
		.used = used,
	};
	struct task task = {
		.workers = 1, .run = run, .work = &loop, .messages = setup->messages,
	};
	int ret = 0;

	while (!ret && loop.count < count)
		ret = add(&loop, setup);
	if (!ret)
		measure(setup, &task, figure);
	remove_all(&loop);
	return ret;
}

static int poll_in_turn(const struct setup *setup, struct figure *figure)
{
	return poll_them(setup, figure, setup->level.first);
}

const struct pattern pattern_epoll = {
	.name = "epoll", .summary = "one process, many queues in one epoll, used in turn",
	.can = PEER_POLL, .whole = true,
	.sizes = { 64 },
	.levels = { { 1, 0 }, { 10, 0 }, { 100, 0 }, { 1000, 0 } },
	.measures = HAS_COST,
	.run = poll_in_turn,
};

static int poll_one(const struct setup *setup, struct figure *figure)
{
	return poll_them(setup, figure, 1);
}

const struct pattern pattern_idle = {
	.name = "idle", .summary = "one process, many queues in one epoll, one of them used",
	.can = PEER_POLL, .whole = true,
	.sizes = { 64 },
	.levels = { { 10, 0 }, { 1000, 0 } },
	.measures = HAS_COST,
	.run = poll_one,
};
