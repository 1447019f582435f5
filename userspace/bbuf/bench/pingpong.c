// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes send a message back and forth, so that each waits for the other. A round trip
 * takes four calls, and counts as one message.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "common/clock.h"
#include "measure.h"

/**
 * struct shared - state shared by the two processes
 * @requests: queue to the process that replies
 * @replies: queue back
 * @ns: duration of each round trip in nanoseconds, in shared memory
 */
struct shared {
	struct channel requests;
	struct channel replies;
	uint64_t *ns;
};

static void send_and_wait(struct worker *worker, struct shared *shared, size_t trips)
{
	uint64_t now, before = now_ns();
	size_t i;

	for (i = 0; i < trips; i++) {
		move_in(worker, &shared->requests, 1);
		move_out(worker, &shared->replies, 1);
		now = now_ns();
		shared->ns[i] = now - before;
		before = now;
	}
}

/* The other process counts the round trip, so this one reports no messages. */
static void reply_all(struct worker *worker, struct shared *shared, size_t trips)
{
	size_t i;

	for (i = 0; i < trips; i++) {
		move_out(worker, &shared->requests, 1);
		move_in(worker, &shared->replies, 1);
	}
	worker->got = 0;
}

static void run(struct worker *worker, void *work, size_t messages)
{
	if (worker->index == 0)
		send_and_wait(worker, work, messages);
	else
		reply_all(worker, work, messages);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void find_percentiles(uint64_t *ns, size_t count, struct figure *figure)
{
	qsort(ns, count, sizeof(*ns), compare);
	figure->value[MEDIAN] = ns[count / 2];
	figure->value[P99] = ns[count * 99 / 100];
	figure->value[P999] = ns[count * 999 / 1000];
}

static int open_both(struct shared *shared, const struct setup *setup)
{
	if (setup_open(setup, &shared->requests))
		return -1;
	if (!setup_open(setup, &shared->replies))
		return 0;
	channel_close(&shared->requests);
	return -1;
}

static int pingpong(const struct setup *setup, struct figure *figure)
{
	size_t bytes = setup->messages * sizeof(uint64_t);
	struct shared shared = { .ns = shared_memory(bytes) };
	struct task task = {
		.workers = 2, .run = run, .work = &shared,
		.messages = setup->messages, .free = setup->free,
	};

	if (open_both(&shared, setup))
		return -1;
	find_percentiles(shared.ns, measure(setup, &task, figure), figure);
	channel_close(&shared.replies);
	channel_close(&shared.requests);
	munmap(shared.ns, bytes);
	return 0;
}

const struct pattern pattern_pingpong = {
	.name = "pingpong", .summary = "two processes send a message back and forth",
	.can = PEER_CROSS | PEER_SINGLE, .whole = true, .phased = true,
	.sizes = { 64, 4096 },
	.measures = (HAS_COST & ~HAS(RATE)) | HAS(MEDIAN) | HAS(P99) | HAS(P999),
	.run = pingpong,
};
