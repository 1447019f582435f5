// SPDX-License-Identifier: GPL-2.0-only
/*
 * One process that puts a message and takes it out again, so that it never blocks; and two
 * processes, one of which puts the messages that the other takes.
 */
#include <stdlib.h>

#include "measure.h"

static void run_self(struct worker *worker, void *work, size_t messages)
{
	struct channel *channel = work;
	size_t moved;

	for (moved = 0; moved < messages; moved += channel->batch) {
		move_in(worker, channel, channel->batch);
		move_out(worker, channel, channel->batch);
	}
}

static void run_stream(struct worker *worker, void *work, size_t messages)
{
	if (worker->index == 0)
		move_in(worker, work, messages);
	else
		move_out(worker, work, messages);
}

static int with_channel(const struct setup *setup, struct task *task, struct figure *figure)
{
	struct channel channel;

	if (setup_open(setup, &channel))
		return -1;
	task->work = &channel;
	measure(setup, task, figure);
	channel_close(&channel);
	return 0;
}

static int self(const struct setup *setup, struct figure *figure)
{
	struct task task = { .workers = 1, .run = run_self, .messages = setup->messages };

	return with_channel(setup, &task, figure);
}

const struct pattern pattern_self = {
	.name = "self", .summary = "one process writes a message and reads it back",
	.whole = true, .phased = true,
	.sizes = { 8, 64, 512, 4096, 65536 },
	.measures = HAS_COST,
	.run = self,
};

static int stream(const struct setup *setup, struct figure *figure)
{
	struct task task = {
		.workers = 2, .run = run_stream, .messages = setup->messages, .free = setup->free,
	};

	return with_channel(setup, &task, figure);
}

/* The floor carries nothing from one to the other, but makes the same calls. */
const struct pattern pattern_stream = {
	.name = "stream", .summary = "one process writes, another one reads",
	.phased = true,
	.sizes = { 8, 64, 512, 4096, 65536, 1048576 },
	.measures = HAS_COST,
	.run = stream,
};
