// SPDX-License-Identifier: GPL-2.0-only
/* Timeouts of open files. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define LONG_MS		500	/* long enough to be seen waiting */
#define FOREVER_NS	-1ULL

NAMED_FIXTURE(timeout, BBUF_STREAM, CAPACITY, 0)

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* From the time of a tick and less to several. */
static const unsigned long long timeouts[] = {
	1, 999999, NS_PER_MS, 3999999, 4 * NS_PER_MS, 7900000, 9 * NS_PER_MS, 20500000,
};

TEST_F(timeout, read_does_not_time_out_early)
{
	unsigned long long start;
	char byte;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = timeouts[i]));
		start = now_ns();
		ASSERT_FAILS(ETIMEDOUT, read(self->fd, &byte, 1));
		ASSERT_LE(timeouts[i], now_ns() - start);
	}
}

TEST_F(timeout, write_does_not_time_out_early_and_queues_nothing)
{
	unsigned long long start;
	size_t i;

	ASSERT_TRUE(fill(self->nb, CAPACITY - 1));
	for (i = 0; i < ARRAY_SIZE(timeouts); i++) {
		ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = timeouts[i]));
		start = now_ns();
		ASSERT_FAILS(ETIMEDOUT, put(self->fd, 0, 2));
		ASSERT_LE(timeouts[i], now_ns() - start);
	}
	ASSERT_EQ(CAPACITY - 1, queued(self->fd));
	ASSERT_EQ(1, put(self->fd, 0, 1));
}

TEST_F(timeout, record_write_that_times_out_queues_nothing)
{
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = 1, .read_timeout = 1));
	ASSERT_EQ(CAPACITY - 1, put(self->fd, 0, CAPACITY - 1));
	ASSERT_FAILS(ETIMEDOUT, put(self->fd, 0, 2));
	ASSERT_TRUE(take_record(self->fd, 0, CAPACITY - 1));
	ASSERT_FALSE(take_record(self->fd, 0, 2));
	ASSERT_EQ(ETIMEDOUT, errno);
}

TEST_F(timeout, large_write_that_times_out_returns_a_partial_count)
{
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = NS_PER_MS));
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY + 1));
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
	ASSERT_EQ(0, queued(self->fd));
}

TEST_F(timeout, does_not_apply_to_calls_that_need_not_wait)
{
	char byte;

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 1, .write_timeout = 1));
	ASSERT_EQ(0, queue_set_options(self->nb, .read_timeout = LONG_MS * NS_PER_MS));
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
}

TEST_F(timeout, does_not_end_calls_that_are_served_in_time)
{
	struct task reader = task_reader(self->fd, 1);

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = DEADLINE_MS * NS_PER_MS));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_RETURNS(1, reader);
}

TEST_F(timeout, may_be_centuries)
{
	struct task reader = task_reader(self->fd, 1);

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = FOREVER_NS));
	ASSERT_BLOCKS(reader);
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_RETURNS(1, reader);
}

TEST_F(timeout, belongs_to_the_open_file_description)
{
	struct task other = task_reader(queue_open(QUEUE, O_RDONLY), 1);
	int copy = dup(self->fd);
	char byte;

	ASSERT_BLOCKS(other);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = NS_PER_MS));
	ASSERT_FAILS(ETIMEDOUT, read(copy, &byte, 1));
	ASSERT_UNDISTURBED(other);
	ASSERT_EQ(0, queue_set_options(copy, .read_timeout = 0));
	task_kill(&other);
	other.fd = self->fd;
	ASSERT_BLOCKS(other);
	ASSERT_UNDISTURBED(other);
	task_kill(&other);
	close(copy);
}

/*
 * Two timeouts that differ in both halves: a value made of one half of each would be 0, which
 * is no timeout, or twice as long as either.
 */
#define ONE_NS		0xffffffffULL
#define OTHER_NS	0x100000000ULL
#define LOOK_MS		3000

struct changes {
	int fd;
	bool over;
};

/* Set the two timeouts in turn until the test ends; NULL if that failed. */
static void *change_timeouts(void *argument)
{
	struct changes *changes = argument;
	bool good = true;

	while (good && !load(changes->over))
		good = !queue_set_options(changes->fd, .read_timeout = ONE_NS,
					  .write_timeout = OTHER_NS) &&
		       !queue_set_options(changes->fd, .read_timeout = OTHER_NS,
					  .write_timeout = ONE_NS);
	return (void *)(long)good;
}

static bool is_one_of_them(unsigned long long timeout)
{
	return timeout == ONE_NS || timeout == OTHER_NS;
}

static bool fdinfo_has_one_of_them(int fd)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return proc_field(path, "bbuf-read-timeout:\t", text, sizeof(text)) &&
	       is_one_of_them(strtoull(text, NULL, 10));
}

/* How many of 1,000 reads of the options find a timeout that was never set. */
static int mixtures(int fd)
{
	struct bbuf_options options;
	int n = !fdinfo_has_one_of_them(fd), i;

	for (i = 0; i < 1000; i++)
		n += ioctl(fd, BBUF_IOC_GET_OPTIONS, &options) ||
		     !is_one_of_them(options.read_timeout) ||
		     !is_one_of_them(options.write_timeout);
	return n;
}

TEST_F(timeout, is_changed_atomically)
{
	struct changes changes = { .fd = self->fd };
	long end = now_ms() + LOOK_MS;
	pthread_t thread;
	void *good;
	int n = 0;

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = ONE_NS,
				       .write_timeout = OTHER_NS));
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_timeouts, &changes));
	while (now_ms() < end)
		n += mixtures(self->fd);
	store(changes.over, true);
	ASSERT_EQ(0, pthread_join(thread, &good));
	ASSERT_NE(NULL, good);
	ASSERT_EQ(0, n);
}

TEST_F(timeout, read_timeout_does_not_apply_to_writes)
{
	struct task writer = task_writer(self->fd, 0, 1);
	struct bbuf_options options;
	char byte;

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 5));
	ASSERT_EQ(0, ioctl(self->fd, BBUF_IOC_GET_OPTIONS, &options));
	ASSERT_EQ(5, options.read_timeout);
	ASSERT_EQ(0, options.write_timeout);
	ASSERT_FAILS(ETIMEDOUT, read(self->fd, &byte, 1));
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_UNDISTURBED(writer);
	task_kill(&writer);
}

TEST_F(timeout, makes_signals_interrupt_calls_even_under_SA_RESTART)
{
	struct task reader = task_reader(self->fd, 1), writer = task_writer(self->fd, 0, 2);

	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = DEADLINE_MS * NS_PER_MS,
				       .write_timeout = DEADLINE_MS * NS_PER_MS));
	reader.restart = true;
	ASSERT_BLOCKS(reader);
	ASSERT_TRUE(task_signal(&reader));
	ASSERT_RETURNS(-EINTR, reader);

	writer.restart = true;
	ASSERT_TRUE(fill(self->nb, CAPACITY - 1));
	ASSERT_BLOCKS(writer);
	ASSERT_TRUE(task_signal(&writer));
	ASSERT_RETURNS(-EINTR, writer);
	ASSERT_EQ(CAPACITY - 1, queued(self->fd));
}

/*
 * A call that sleeps many times, each time for less than its timeout, and all together for
 * longer: it does not get all of its time again after each.
 */
#define TIMEOUT_MS	60
#define NAP_MS		20
#define NAPS		12

TEST_F(timeout, covers_all_sleeps_of_a_large_write)
{
	struct task writer = task_writer(self->fd, 0, NAPS * CAPACITY / 2);
	int i;

	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_STARTS(writer);
	for (i = 0; i < NAPS && !task_done(&writer); i++) {
		pause_ms(NAP_MS);
		discard(self->nb, CAPACITY / 2);
	}
	ASSERT_GT(NAPS * CAPACITY / 2, task_wait(&writer));
}

static long write_frames(struct task *t)
{
	size_t space = BBUF_FRAME_SPACE(CAPACITY), i;
	struct bbuf_frame frame = { .len = CAPACITY };

	for (i = 0; i < NAPS; i++)
		memcpy(t->result->data + i * space, &frame, sizeof(frame));
	return write(t->fd, t->result->data, NAPS * space);
}

TEST_F(timeout, covers_all_records_of_a_framed_write)
{
	long all = NAPS * BBUF_FRAME_SPACE(CAPACITY);
	struct task writer = { .fn = write_frames, .len = all };
	char record[CAPACITY];
	int i;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED,
				       .write_timeout = TIMEOUT_MS * NS_PER_MS));
	writer.fd = self->fd;
	ASSERT_STARTS(writer);
	for (i = 0; i < NAPS && !task_done(&writer); i++) {
		pause_ms(NAP_MS);
		read(self->nb, record, CAPACITY);
	}
	ASSERT_GT(all, task_wait(&writer));
}

TEST_F(timeout, head_waiter_that_times_out_lets_the_next_proceed)
{
	struct task first = task_writer(self->fd, 0, 100), next;

	next = task_writer(queue_open(QUEUE, O_WRONLY), 7, 10);
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = LONG_MS * NS_PER_MS));
	ASSERT_TRUE(fill(self->nb, CAPACITY - 10));
	ASSERT_BLOCKS(first);
	ASSERT_STARTS(next);
	ASSERT_RETURNS(-ETIMEDOUT, first);
	ASSERT_RETURNS(10, next);
	ASSERT_TRUE(discard(self->nb, CAPACITY - 10));
	ASSERT_TRUE(take(self->nb, 7, 10));
}

BBUF_HARNESS_MAIN
