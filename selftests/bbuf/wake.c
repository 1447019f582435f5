// SPDX-License-Identifier: GPL-2.0-only
/* No wake-up is lost, and no task is woken for nothing. */
#include <signal.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define QUEUE		5	/* tasks that wait behind each other */

BBUF_FIXTURE(wake)

/* No task for nothing */

TEST_F(wake, write_wakes_one_of_many_readers)
{
	struct task reader[QUEUE];
	int i;

	for (i = 0; i < QUEUE; i++) {
		reader[i] = task_reader(self->fd, 100);
		ASSERT_TRUE(task_blocks(&reader[i]));
	}
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(1, task_wait(&reader[0]));
	for (i = 1; i < QUEUE; i++) {
		ASSERT_TRUE(task_undisturbed(&reader[i]));
		task_kill(&reader[i]);
	}
}

TEST_F(wake, read_wakes_one_of_many_writers)
{
	struct task writer[QUEUE];
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	for (i = 0; i < QUEUE; i++) {
		writer[i] = task_writer(self->fd, 0, 100);
		ASSERT_TRUE(task_blocks(&writer[i]));
	}
	ASSERT_TRUE(discard(self->nb, 100));
	ASSERT_EQ(100, task_wait(&writer[0]));
	for (i = 1; i < QUEUE; i++) {
		ASSERT_TRUE(task_undisturbed(&writer[i]));
		task_kill(&writer[i]);
	}
}

TEST_F(wake, writer_sleeps_until_all_its_room_is_free)
{
	struct task writer = task_writer(self->fd, 0, 30000);
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_TRUE(task_blocks(&writer));
	for (i = 0; i < 300; i++)
		ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_TRUE(task_undisturbed(&writer));
	ASSERT_TRUE(discard(self->nb, 30000 - 301));
	ASSERT_TRUE(task_undisturbed(&writer));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_EQ(30000, task_wait(&writer));
}

TEST_F(wake, writes_do_not_wake_writers)
{
	struct task writer = task_writer(self->fd, 0, 100);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 50));
	ASSERT_TRUE(task_blocks(&writer));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_TRUE(task_undisturbed(&writer));
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
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_TRUE(eventually(queued(self->fd) == 0 && task_wakeups(&reader) > 0));
	ASSERT_EQ(1, task_wakeups(&reader));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(10, task_wait(&reader));
}

/* The chain of wake-ups: a waiter that leaves wakes the next one if something is left for it. */

TEST_F(wake, wakeup_is_passed_on_through_all_readers)
{
	struct task reader[QUEUE];
	int i;

	for (i = 0; i < QUEUE; i++) {
		reader[i] = task_reader(self->fd, 1);
		ASSERT_TRUE(task_blocks(&reader[i]));
	}
	ASSERT_EQ(QUEUE, put(self->fd, 0, QUEUE));
	for (i = 0; i < QUEUE; i++)
		ASSERT_EQ(1, task_wait(&reader[i]));
}

TEST_F(wake, wakeup_is_passed_on_through_all_writers)
{
	struct task writer[QUEUE];
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	for (i = 0; i < QUEUE; i++) {
		writer[i] = task_writer(self->fd, 0, 1);
		ASSERT_TRUE(task_blocks(&writer[i]));
	}
	ASSERT_TRUE(discard(self->nb, QUEUE));
	for (i = 0; i < QUEUE; i++)
		ASSERT_EQ(1, task_wait(&writer[i]));
}

TEST_F(wake, interrupted_head_writer_lets_the_next_proceed)
{
	struct task big = task_writer(self->fd, 0, 100);
	struct task small = task_writer(self->fd, 0, 10);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_TRUE(task_blocks(&big));
	ASSERT_TRUE(task_blocks(&small));
	ASSERT_TRUE(task_signal(&big));
	ASSERT_EQ(-EINTR, task_wait(&big));
	ASSERT_EQ(10, task_wait(&small));
}

TEST_F(wake, killed_head_writer_lets_the_next_proceed)
{
	struct task big = task_writer(self->fd, 0, 100);
	struct task small = task_writer(self->fd, 0, 10);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_TRUE(task_blocks(&big));
	ASSERT_TRUE(task_blocks(&small));
	task_kill(&big);
	ASSERT_EQ(10, task_wait(&small));
}

TEST_F(wake, writer_interrupted_in_a_large_write_lets_the_next_proceed)
{
	struct task large = task_writer(self->fd, 0, CAPACITY + 1000);
	struct task next = task_writer(self->fd, 0, 100);

	ASSERT_TRUE(task_blocks(&large));
	ASSERT_TRUE(task_blocks(&next));
	ASSERT_TRUE(task_signal(&large));
	ASSERT_EQ(CAPACITY, task_wait(&large));
	ASSERT_TRUE(task_sleeps(&next));
	ASSERT_TRUE(discard(self->nb, 100));
	ASSERT_EQ(100, task_wait(&next));
}

TEST_F(wake, interrupted_waiter_in_the_middle_does_not_disturb_the_others)
{
	struct task reader[QUEUE];
	int i;

	for (i = 0; i < QUEUE; i++) {
		reader[i] = task_reader(self->fd, 1);
		ASSERT_TRUE(task_blocks(&reader[i]));
	}
	ASSERT_TRUE(task_signal(&reader[1]));
	ASSERT_EQ(-EINTR, task_wait(&reader[1]));
	for (i = 0; i < QUEUE; i++) {
		if (i == 1)
			continue;
		ASSERT_TRUE(task_undisturbed(&reader[i]));
		ASSERT_EQ(1, put(self->fd, i, 1));
		ASSERT_EQ(1, task_wait(&reader[i]));
		ASSERT_TRUE(pattern_matches(reader[i].result->data, i, 1));
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

		ASSERT_TRUE(task_blocks(&first));
		ASSERT_TRUE(task_blocks(&second));
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
		ASSERT_EQ(1, task_wait(&second));
	}
}

TEST_F(wake, reader_killed_as_it_is_woken_passes_the_wakeup_on)
{
	int round;

	for (round = 0; round < 40; round++) {
		struct task first = task_reader(self->fd, 1);
		struct task second = task_reader(self->fd, 1);

		ASSERT_TRUE(task_blocks(&first));
		ASSERT_TRUE(task_blocks(&second));
		ASSERT_EQ(1, put(self->fd, 0, 1));
		task_kill(&first);
		/* The byte is gone with the first, or it is for the second. */
		ASSERT_TRUE(eventually(queued(self->fd) == 0));
		if (!task_done(&second) && task_sleeps(&second)) {
			ASSERT_EQ(1, put(self->fd, 0, 1));
		}
		ASSERT_EQ(1, task_wait(&second));
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
	ASSERT_EQ(0, task_start(&writer));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_TRUE(take(self->fd, i, 1));
	ASSERT_EQ(ROUNDS, task_wait(&writer));
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
		ASSERT_EQ(0, task_start(&writer));
		while (taken < total) {
			ssize_t n = read(self->fd, buf, 1 + rand_r(&seed) % capacity);

			ASSERT_LT(0, n);
			ASSERT_TRUE(pattern_matches(buf, taken, n));
			taken += n;
		}
		ASSERT_EQ(total, task_wait(&writer));
	}
}

BBUF_HARNESS_MAIN
