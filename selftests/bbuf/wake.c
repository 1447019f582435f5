// SPDX-License-Identifier: GPL-2.0-only
/* No wake-up is lost, and no task is woken for nothing. */
#include <signal.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define QUEUE		5	/* tasks that wait behind each other */

BBUF_FIXTURE(wake)

BBUF_FIXTURE(event)
SIDES(event);

#define ASSERT_ALL_BLOCK(caller, n)					\
do {									\
	int __i;							\
									\
	CLOSE_SIDE(CAPACITY);						\
	for (__i = 0; __i < QUEUE; __i++) {				\
		(caller)[__i] = CALLER(0, n);				\
		ASSERT_BLOCKS((caller)[__i]);				\
	}								\
} while (0)

/* No task for nothing */

TEST_F(event, wakes_one_of_many)
{
	struct task caller[QUEUE];
	int i;

	ASSERT_ALL_BLOCK(caller, 100);
	SERVE_SIDE(0, 100);
	ASSERT_RETURNS(100, caller[0]);
	for (i = 1; i < QUEUE; i++) {
		ASSERT_UNDISTURBED(caller[i]);
		task_kill(&caller[i]);
	}
}

TEST_F(wake, writer_sleeps_until_all_its_room_is_free)
{
	struct task writer = task_writer(self->fd, 0, 30000);
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(writer);
	for (i = 0; i < 300; i++)
		ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_UNDISTURBED(writer);
	ASSERT_TRUE(discard(self->nb, 30000 - 301));
	ASSERT_UNDISTURBED(writer);
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(30000, writer);
}

TEST_F(wake, writes_do_not_wake_writers)
{
	struct task writer = task_writer(self->fd, 0, 100);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 50));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_UNDISTURBED(writer);
	task_kill(&writer);
}

static long read_twice(struct task *t)
{
	read(t->fd, t->result->data, t->len);
	return read(t->fd, t->result->data, t->len);
}

TEST_F(wake, reader_sleeps_once_per_write)
{
	struct task reader = task_reader(self->fd, 100);

	reader.fn = read_twice;
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_TRUE(eventually(queued(self->fd) == 0 && task_wakeups(&reader) > 0));
	ASSERT_EQ(1, task_wakeups(&reader));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_RETURNS(10, reader);
}

/* The chain of wake-ups: a waiter that leaves wakes the next one if something is left for it. */

TEST_F(event, wakes_all_that_it_serves_one_through_the_other)
{
	struct task caller[QUEUE];
	int i;

	ASSERT_ALL_BLOCK(caller, 1);
	SERVE_SIDE(0, QUEUE);
	for (i = 0; i < QUEUE; i++)
		ASSERT_RETURNS(1, caller[i]);
}

TEST_F(wake, interrupted_head_writer_lets_the_next_proceed)
{
	struct task big = task_writer(self->fd, 0, 100);
	struct task small = task_writer(self->fd, 0, 10);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_BLOCKS(big);
	ASSERT_BLOCKS(small);
	ASSERT_TRUE(task_signal(&big));
	ASSERT_RETURNS(-EINTR, big);
	ASSERT_RETURNS(10, small);
}

TEST_F(wake, killed_head_writer_lets_the_next_proceed)
{
	struct task big = task_writer(self->fd, 0, 100);
	struct task small = task_writer(self->fd, 0, 10);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_BLOCKS(big);
	ASSERT_BLOCKS(small);
	task_kill(&big);
	ASSERT_RETURNS(10, small);
}

TEST_F(wake, writer_interrupted_in_a_large_write_lets_the_next_proceed)
{
	struct task large = task_writer(self->fd, 0, CAPACITY + 1000);
	struct task next = task_writer(self->fd, 0, 100);

	ASSERT_BLOCKS(large);
	ASSERT_BLOCKS(next);
	ASSERT_TRUE(task_signal(&large));
	ASSERT_RETURNS(CAPACITY, large);
	ASSERT_TRUE(task_sleeps(&next));
	ASSERT_TRUE(discard(self->nb, 100));
	ASSERT_RETURNS(100, next);
}

TEST_F(wake, interrupted_waiter_in_the_middle_does_not_disturb_the_others)
{
	struct task reader[QUEUE];
	int i;

	for (i = 0; i < QUEUE; i++) {
		reader[i] = task_reader(self->fd, 1);
		ASSERT_BLOCKS(reader[i]);
	}
	ASSERT_TRUE(task_signal(&reader[1]));
	ASSERT_RETURNS(-EINTR, reader[1]);
	for (i = 0; i < QUEUE; i++) {
		if (i == 1)
			continue;
		ASSERT_UNDISTURBED(reader[i]);
		ASSERT_EQ(1, put(self->fd, i, 1));
		ASSERT_RETURNS(1, reader[i]);
		ASSERT_DATA(reader[i], i, 1);
	}
}

/*
 * A reader that is woken and interrupted at the same moment either takes the byte or
 * leaves it to the next one. The signal comes a little earlier or later in each round.
 */
TEST_F(wake, reader_interrupted_as_it_is_woken_passes_the_wakeup_on)
{
	int round;

	for (round = 0; round < 40; round++) {
		struct task first = task_reader(self->fd, 1);
		struct task second = task_reader(self->fd, 1);
		long value;

		ASSERT_BLOCKS(first);
		ASSERT_BLOCKS(second);
		if (round % 2)
			kill(first.pid, SIGUSR1);
		ASSERT_EQ(1, put(self->fd, 0, 1));
		if (round % 2 == 0)
			kill(first.pid, SIGUSR1);
		value = task_wait(&first);
		if (value == 1) {
			ASSERT_EQ(1, put(self->fd, 0, 1));
		} else {
			ASSERT_EQ(-EINTR, value);
		}
		ASSERT_RETURNS(1, second);
	}
}

TEST_F(wake, reader_killed_as_it_is_woken_passes_the_wakeup_on)
{
	int round;

	for (round = 0; round < 40; round++) {
		struct task first = task_reader(self->fd, 1);
		struct task second = task_reader(self->fd, 1);

		ASSERT_BLOCKS(first);
		ASSERT_BLOCKS(second);
		ASSERT_EQ(1, put(self->fd, 0, 1));
		task_kill(&first);
		/* The byte is gone with the first, or it is for the second. */
		ASSERT_TRUE(eventually(queued(self->fd) == 0));
		if (!task_done(&second) && task_sleeps(&second)) {
			ASSERT_EQ(1, put(self->fd, 0, 1));
		}
		ASSERT_RETURNS(1, second);
	}
}

/* Many rounds: one wakeup lost, and both sides sleep for ever. */

#define ROUNDS		1500

static long write_bytes(struct task *t)
{
	long i;

	for (i = 0; i < t->arg[0]; i++)
		if (put(t->fd, i, 1) != 1)
			return -1;
	return i;
}

TEST_F(wake, no_wakeup_is_lost_in_a_queue_of_one_byte)
{
	struct task writer = { .fn = write_bytes, .arg = { ROUNDS } };
	int i;

	SET_CAPACITY(1);
	writer.fd = self->fd;
	ASSERT_STARTS(writer);
	for (i = 0; i < ROUNDS; i++)
		ASSERT_TRUE(take(self->fd, i, 1));
	ASSERT_RETURNS(ROUNDS, writer);
}

/* Writes the pattern in pieces of random sizes up to arg[0], arg[1] bytes in all. */
static long write_randomly(struct task *t)
{
	unsigned int seed = 1;
	long done = 0;

	while (done < t->arg[1]) {
		long n = 1 + rand_r(&seed) % t->arg[0];

		if (n > t->arg[1] - done)
			n = t->arg[1] - done;
		if (put(t->fd, done, n) != n)
			return -1;
		done += n;
	}
	return done;
}

TEST_F(wake, no_wakeup_is_lost_with_random_sizes)
{
	static const long capacities[] = { 7, 333, 4097 };
	static unsigned char buf[4097];
	unsigned int seed = 2;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		long capacity = capacities[i], total = capacity * 200, taken = 0;
		struct task writer = { .fn = write_randomly, .arg = { 2 * capacity, total } };

		SET_CAPACITY(capacity);
		writer.fd = self->fd;
		ASSERT_STARTS(writer);
		while (taken < total) {
			ssize_t n = read(self->fd, buf, 1 + rand_r(&seed) % capacity);

			ASSERT_LT(0, n);
			ASSERT_TRUE(pattern_matches(buf, taken, n));
			taken += n;
		}
		ASSERT_RETURNS(total, writer);
	}
}

BBUF_HARNESS_MAIN
