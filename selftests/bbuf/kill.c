// SPDX-License-Identifier: GPL-2.0-only
/* After a kill of any process at any time the queue stays usable and consistent for the others. */
#include <stdlib.h>
#include <sched.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define LARGE		(2 * CAPACITY + 17)

BBUF_FIXTURE(kill)

/* Check that a queue which no process uses works like a new one. */
static bool is_sound(int nb, int capacity)
{
	return queued(nb) >= 0 && discard(nb, queued(nb)) && queued(nb) == 0 &&
	       put(nb, 0, capacity) == capacity && queued(nb) == capacity &&
	       take(nb, 0, capacity) && queued(nb) == 0;
}

TEST_F(kill, blocked_reader_takes_nothing)
{
	struct task reader = task_reader(self->fd, 100);

	ASSERT_BLOCKS(reader);
	task_kill(&reader);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

TEST_F(kill, blocked_writer_queues_nothing)
{
	struct task writer = task_writer(self->fd, 0, 100);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 99));
	ASSERT_BLOCKS(writer);
	task_kill(&writer);
	ASSERT_EQ(CAPACITY - 99, queued(self->fd));
	ASSERT_TRUE(fill(self->nb, 99));
	ASSERT_TRUE(is_sound(self->nb, CAPACITY));
}

TEST_F(kill, writer_in_a_large_write_leaves_what_it_had_queued)
{
	struct task large = task_writer(self->fd, 0, LARGE);
	struct task next = task_writer(self->fd, 7, 100);
	int left;

	ASSERT_BLOCKS(large);
	ASSERT_BLOCKS(next);
	ASSERT_TRUE(take(self->nb, 0, 1000));
	task_kill(&large);
	ASSERT_RETURNS(100, next);
	left = queued(self->nb) - 100;
	ASSERT_LE(CAPACITY - 1000, left);
	ASSERT_TRUE(take(self->nb, 1000, left));
	ASSERT_TRUE(take(self->nb, 7, 100));
	ASSERT_TRUE(is_sound(self->nb, CAPACITY));
}

TEST_F(kill, woken_waiter_lets_the_next_proceed)
{
	struct task writer = task_writer(self->fd, 0, 6000);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	ASSERT_BLOCKS(writer);
	while (put(self->nb, 0, 1) == 1)
		continue;
	task_kill(&writer);
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_EQ(1, put(self->nb, 0, 1));
}

/* Items that carry their own proof. Each is written in one write, so it stays whole. */

#define ITEM_BODY	53
#define PRODUCERS	3
#define KILLS		60

struct item {
	unsigned int producer;	/* counts on with each that is started */
	unsigned int number;
	unsigned char body[ITEM_BODY];
};

static size_t item_seed(const struct item *item)
{
	return item->producer * 1000UL + item->number;
}

static long write_items(struct task *t)
{
	struct item item = { .producer = t->arg[0] };

	for (;;) {
		pattern_fill(item.body, item_seed(&item), sizeof(item.body));
		if (write(t->fd, &item, sizeof(item)) != sizeof(item))
			return -1;
		item.number++;
	}
}

static bool read_item(int fd, struct item *item)
{
	return read_exactly(fd, item, sizeof(*item)) &&
	       pattern_matches(item->body, item_seed(item), sizeof(item->body));
}

TEST_F(kill, active_writers_tear_and_lose_no_item)
{
	unsigned int numbers[KILLS + PRODUCERS + 1] = { 0 };
	struct task writer[PRODUCERS];
	unsigned int seed = 1, started = 0;
	struct item item;
	int i, kills = 0, until_kill = 0;

	SET_CAPACITY(1021);
	for (i = 0; i < PRODUCERS; i++) {
		writer[i] = (struct task){
			.fn = write_items, .fd = self->fd, .arg = { started++ },
		};
		ASSERT_STARTS(writer[i]);
	}
	while (kills < KILLS) {
		if (until_kill--) {
			ASSERT_TRUE(read_item(self->fd, &item));
			ASSERT_LT(item.producer, started);
			ASSERT_EQ(numbers[item.producer]++, item.number);
			continue;
		}
		i = rand_r(&seed) % PRODUCERS;
		task_kill(&writer[i]);
		writer[i].arg[0] = started++;
		ASSERT_STARTS(writer[i]);
		until_kill = rand_r(&seed) % 40;
		kills++;
	}
	for (i = 0; i < PRODUCERS; i++)
		task_kill(&writer[i]);
	while (queued(self->nb)) {
		ASSERT_TRUE(read_item(self->nb, &item));
		ASSERT_EQ(numbers[item.producer]++, item.number);
	}
	ASSERT_TRUE(is_sound(self->nb, 1021));
}

/* Any process, at any point: in small and large calls, blocking and not, asleep and in a copy. */

#define ACTORS		6

static long act_for_ever(struct task *t)
{
	unsigned int seed = t->arg[1];
	ssize_t n;

	do {
		size_t size = 1 + rand_r(&seed) % t->len;

		n = t->arg[0] ? write(t->fd, t->result->data, size)
			      : read(t->fd, t->result->data, size);
		sched_yield();
	} while (n > 0 || errno == EAGAIN);
	return n;
}

TEST_F(kill, any_process_at_any_point_leaves_the_queue_consistent)
{
	struct task actor[ACTORS];
	unsigned int seed = 1;
	int i, kills;

	SET_CAPACITY(4099);
	for (i = 0; i < ACTORS; i++) {
		actor[i] = (struct task){
			.fn = act_for_ever, .fd = i % 3 ? self->fd : self->nb,
			.len = 3 * 4099, .arg = { i % 2, i },
		};
		ASSERT_STARTS(actor[i]);
	}
	for (kills = 0; kills < KILLS; kills++) {
		i = rand_r(&seed) % ACTORS;
		usleep(rand_r(&seed) % 3000);
		ASSERT_FALSE(task_done(&actor[i]));
		task_kill(&actor[i]);
		actor[i].arg[1]++;
		ASSERT_STARTS(actor[i]);
	}
	for (i = 0; i < ACTORS; i++)
		task_kill(&actor[i]);
	ASSERT_TRUE(is_sound(self->nb, 4099));
}

BBUF_HARNESS_MAIN
