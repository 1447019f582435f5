// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving messages, and measuring that.
 */
#include <stdio.h>

#include "common/macros.h"
#include "common/units.h"
#include "measure.h"
#include "wakeups.h"

/* The first probe moves one of this number of messages. */
#define PROBED		100

/*
 * A probe is long enough if it takes one of this number of the time available: by then also
 * workers that started late have run.
 */
#define TELLING		4

/* One of this number of messages is moved to count wakeups, which is slow. */
#define COUNTED		4

int setup_open(const struct setup *setup, struct channel *channel)
{
	return channel_open(channel, setup->peer, setup->size, setup->pattern->whole);
}

/* Number of puts needed for this number of messages. */
static size_t puts_needed(const struct channel *channel, size_t messages)
{
	return (messages + channel->batch - 1) / channel->batch;
}

void move_in(struct worker *worker, struct channel *channel, size_t messages)
{
	size_t puts = puts_needed(channel, messages), i;

	for (i = 0; i < puts; i++)
		channel->peer->put(channel);
	worker->put += puts * channel->batch;
	worker->calls += puts;
}

/* Take out as many messages as move_in() puts. A stream may return parts of a message. */
void move_out(struct worker *worker, struct channel *channel, size_t messages)
{
	size_t count = puts_needed(channel, messages) * channel->batch, left;

	for (left = count * channel->size; left; worker->calls++)
		left -= channel->peer->get(channel);
	worker->got += count;
}

static struct worker workers_sum(const struct worker *workers, size_t count)
{
	struct worker sum = { 0 };
	size_t i;

	for (i = 0; i < count; i++) {
		sum.put += workers[i].put;
		sum.got += workers[i].got;
		sum.calls += workers[i].calls;
		sum.switches += workers[i].switches;
	}
	return sum;
}

/* Messages put by the slowest worker, relative to the mean. */
static double fairness(const struct worker *workers, size_t count, uint64_t sum)
{
	uint64_t least = UINT64_MAX;
	size_t i;

	for (i = 0; i < count; i++)
		least = MIN(least, workers[i].put);
	return (double)least * count / sum;
}

static uint64_t time_of(const struct task *task)
{
	struct worker *workers = workers_run(task);
	uint64_t ns = workers_ns(workers, task->workers);

	workers_free(workers, task);
	return MAX(1U, ns);
}

/*
 * Number of messages that fit into the time. With few messages, most of the time is needed to
 * start the workers: hence probe with more and more messages, until they suffice or the probe
 * takes long enough.
 */
static size_t messages_in_time(const struct task *task, uint64_t time_ns)
{
	struct task probe = *task;
	double estimate = (double)task->messages / PROBED;
	uint64_t ns;

	do {
		probe.messages = MAX(1.0, estimate);
		ns = time_of(&probe);
		estimate = (double)probe.messages * time_ns / ns;
		if (estimate >= task->messages)
			return task->messages;
		estimate /= 2;
	} while (ns < time_ns / TELLING);
	return MAX(1.0, 2 * estimate);
}

static void count_wakeups(const struct task *task, struct figure *figure)
{
	struct task part = *task;
	struct worker *workers;
	uint64_t wakeups;

	part.messages = MAX(1U, task->messages / COUNTED);
	part.cold = true;
	if (!wakeups_begin())
		return;
	workers = workers_run(&part);
	wakeups = wakeups_end();
	figure->value[WAKEUPS] = (double)wakeups / workers_sum(workers, part.workers).got;
	workers_free(workers, &part);
}

static void find_cost(const struct setup *setup, const struct task *task, struct figure *figure)
{
	struct worker *workers = workers_run(task);
	struct worker sum = workers_sum(workers, task->workers);
	double ns = (double)workers_ns(workers, task->workers) / sum.got;

	figure->value[MESSAGES] = sum.got;
	figure->value[NS] = ns;
	figure->value[RATE] = setup->size * 1000 / ns;
	figure->value[CALLS] = (double)sum.calls / sum.got;
	figure->value[SWITCHES] = (double)sum.switches / sum.got;
	figure->value[FAIRNESS] = fairness(workers, setup->level.first, sum.put);
	workers_free(workers, task);
}

/* Describe the task for error messages. */
static void name_task(const struct setup *setup, struct task *task)
{
	const struct level *level = &setup->level;
	char number[TEXT_MAX] = "";

	if (level->second)
		snprintf(number, sizeof(number), " %zu:%zu", level->first, level->second);
	else if (level->first)
		snprintf(number, sizeof(number), " %zu", level->first);
	snprintf(task->name, sizeof(task->name), "%s%s: %s: %zu bytes",
		 setup->pattern->name, number, setup->peer->name, setup->size);
}

/*
 * Measure a task. Its first workers are the producers. Returns the number of messages moved, for
 * patterns that need it.
 */
size_t measure(const struct setup *setup, struct task *task, struct figure *figure)
{
	name_task(setup, task);
	task->timeout_ns = setup->timeout_ns;
	task->cold = setup->fresh;
	if (!setup->fresh) {
		task->messages = messages_in_time(task, setup->time_ns);
		count_wakeups(task, figure);
	}
	find_cost(setup, task, figure);
	return task->messages;
}
