// SPDX-License-Identifier: GPL-2.0-only
/* A new capacity, while the queue is in use. */
#include <stdlib.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000

NAMED_FIXTURE(resize, BBUF_STREAM, CAPACITY, 0)

TEST_F(resize, keeps_what_is_queued)
{
	ASSERT_EQ(500, put(self->fd, 0, 500));
	ASSERT_EQ(0, queue_resize(self->fd, 100000));
	ASSERT_EQ(100000, queue_info(self->fd).capacity);
	ASSERT_EQ(500, queued(self->fd));
	ASSERT_EQ(99500, put(self->nb, 500, 99500));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_TRUE(take(self->fd, 0, 99900));
	ASSERT_EQ(0, queue_resize(self->fd, 100));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_TRUE(take(self->fd, 99900, 100));
}

TEST_F(resize, fails_below_what_is_queued_and_loses_nothing)
{
	ASSERT_EQ(500, put(self->fd, 0, 500));
	ASSERT_FAILS(EBUSY, queue_resize(self->fd, 499));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_EQ(0, queue_resize(self->fd, 500));
	ASSERT_EQ(500, queue_info(self->fd).capacity);
	ASSERT_TRUE(take(self->fd, 0, 500));
	ASSERT_EQ(0, queue_resize(self->fd, 1));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

TEST_F(resize, works_on_an_unused_queue)
{
	ASSERT_EQ(0, queue_resize(self->fd, 10));
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

/* Every place in the ring, every amount, every new capacity that holds it. */
#define TINY	9

static bool resize_at(int fd, bool records, size_t start, size_t n, size_t capacity)
{
	size_t i, step = records ? 1 : n;

	for (i = 0; i < start; i++)
		if (put(fd, 0, 1) != 1 || !take(fd, 0, 1))
			return false;
	for (i = 0; i < n; i += step)
		if (put(fd, i, step) != (ssize_t)step)
			return false;
	if (queue_resize(fd, capacity))
		return false;
	while (n < capacity && put(fd, n, 1) == 1)
		n++;
	if (put(fd, 0, 1) != -1 || errno != EAGAIN)
		return false;
	for (i = 0; i < n; i++)
		if (!(records ? take_record(fd, i, 1) : take(fd, i, 1)))
			return false;
	return queued(fd) == 0 && !queue_resize(fd, TINY);
}

TEST_F(resize, works_wherever_the_data_wraps_around)
{
	size_t start, n, capacity, records;

	for (records = 0; records < 2; records++) {
		RECREATE(records ? BBUF_RECORD : BBUF_STREAM, TINY, 0);
		for (start = 0; start < TINY; start += 1 + records)
			for (n = 1; n <= TINY; n++)
				for (capacity = n; capacity <= 2 * TINY; capacity += 4)
					ASSERT_TRUE(resize_at(self->nb, records, start, n,
							      capacity));
	}
}

TEST_F(resize, keeps_records_of_all_sizes)
{
	size_t n, first = 2, last = 0, bytes = 0;

	RECREATE(BBUF_RECORD, 2000, 0);
	for (n = first; n < 400; n++) {
		while (bytes + n > 900) {
			ASSERT_TRUE(take_record(self->nb, first, first));
			bytes -= first++;
		}
		ASSERT_EQ(n, put(self->nb, n, n));
		bytes += n;
		last = n;
		ASSERT_EQ(0, queue_resize(self->fd, n % 2 ? bytes : 2000));
		if (n % 2) {
			ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
			ASSERT_FAILS(EBUSY, queue_resize(self->fd, bytes - 1));
		}
		ASSERT_EQ(last - first + 1, queue_info(self->fd).records);
		ASSERT_EQ(0, queue_resize(self->fd, 2000));
	}
	while (first <= last) {
		ASSERT_TRUE(take_record(self->nb, first, first));
		first++;
	}
}

/* Waiters */

TEST_F(resize, admits_waiting_writers_if_the_capacity_is_raised)
{
	struct task writer = task_writer(self->fd, CAPACITY, 100);
	struct task next = task_writer(self->fd, CAPACITY + 100, 50);
	struct task poller = task_poller(self->fd, POLLOUT);

	ASSERT_EQ(0, queue_set_write_mark(self->fd, CAPACITY));
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_BLOCKS(next);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_resize(self->fd, CAPACITY + 99));
	ASSERT_UNDISTURBED(writer);
	ASSERT_EQ(0, queue_resize(self->fd, 3 * CAPACITY));
	ASSERT_RETURNS(100, writer);
	ASSERT_RETURNS(50, next);
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_TRUE(take(self->nb, 0, CAPACITY + 150));
}

TEST_F(resize, leaves_waiting_readers_asleep)
{
	struct task reader = task_reader(self->fd, 100);

	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_resize(self->fd, 10));
	ASSERT_EQ(0, queue_resize(self->fd, 3 * CAPACITY));
	ASSERT_UNDISTURBED(reader);
	ASSERT_EQ(20, put(self->nb, 0, 20));
	ASSERT_RETURNS(20, reader);
	ASSERT_DATA(reader, 0, 20);
}

TEST_F(resize, splits_a_waiting_write_that_can_no_longer_fit)
{
	struct task writer = task_writer(self->fd, 400, 900);

	ASSERT_EQ(400, put(self->nb, 0, 400));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_resize(self->fd, 500));
	ASSERT_TRUE(take(self->fd, 0, 1300));
	ASSERT_RETURNS(900, writer);
}

TEST_F(resize, fails_a_waiting_record_that_can_no_longer_fit)
{
	struct task writer, next;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	writer = task_writer(self->fd, 0, 900);
	next = task_writer(self->fd, 7, 500);
	ASSERT_EQ(400, put(self->nb, 0, 400));
	ASSERT_BLOCKS(writer);
	ASSERT_BLOCKS(next);
	ASSERT_EQ(0, queue_resize(self->fd, 500));
	ASSERT_TRUE(take_record(self->nb, 0, 400));
	ASSERT_RETURNS(-EMSGSIZE, writer);
	ASSERT_RETURNS(500, next);
	ASSERT_TRUE(take_record(self->nb, 7, 500));
}

TEST_F(resize, keeps_the_order_of_a_large_write)
{
	struct task writer = task_writer(self->fd, 0, 5 * CAPACITY);
	static const size_t capacities[] = { 3 * CAPACITY, 1500, 10 * CAPACITY };
	size_t i, taken = 0;

	ASSERT_BLOCKS(writer);
	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		ASSERT_TRUE(eventually(queued(self->fd) > 0));
		if (queue_resize(self->fd, capacities[i]))
			ASSERT_EQ(EBUSY, errno);
		ASSERT_TRUE(take(self->fd, taken, CAPACITY));
		taken += CAPACITY;
	}
	ASSERT_TRUE(take(self->fd, taken, 5 * CAPACITY - taken));
	ASSERT_RETURNS(5 * CAPACITY, writer);
}

/* Under traffic: all of it arrives, in order, whatever the capacity is just now. */

#define CHANGES		200
#define TOTAL		(30 * CAPACITY)

static long write_until_shut(struct task *t)
{
	unsigned int seed = 1;
	long done = 0;

	for (;;) {
		size_t n = 1 + rand_r(&seed) % t->arg[0];
		ssize_t written = put(t->fd, done, n);

		if (written > 0)
			done += written;
		else if (errno == EPIPE)
			return done;
		else if (errno != EMSGSIZE)
			return -1;
	}
}

static long read_until_end(struct task *t)
{
	long done = 0;
	ssize_t n;

	while ((n = read(t->fd, t->result->data, t->len)) > 0) {
		if (!pattern_matches(t->result->data, done, n))
			return -1;
		done += n;
	}
	return n ? -1 : done;
}

#define TRAFFIC(type)							\
do {									\
	struct task writer = { .fn = write_until_shut };		\
	struct task reader = { .fn = read_until_end, .len = CAPACITY };	\
	unsigned int seed = 2;						\
	int changed = 0;						\
	long total;							\
									\
	RECREATE(type, CAPACITY, 0);					\
	writer.fd = self->fd;						\
	writer.arg[0] = CAPACITY / 3;					\
	reader.fd = self->fd;						\
	ASSERT_STARTS(writer);						\
	ASSERT_STARTS(reader);						\
	while (changed < CHANGES || queue_info(self->nb).out.bytes < TOTAL) {\
		int error = queue_resize(self->fd, 1 + rand_r(&seed) % CAPACITY);\
									\
		ASSERT_TRUE(!error || errno == EBUSY);			\
		changed += !error;					\
	}								\
	ASSERT_EQ(0, queue_shutdown(self->nb));				\
	total = task_wait(&writer);					\
	ASSERT_LE(TOTAL, total);					\
	ASSERT_RETURNS(total, reader);					\
} while (0)

TEST_F(resize, loses_no_byte_during_traffic)
{
	TRAFFIC(BBUF_STREAM);
}

TEST_F(resize, loses_no_record_during_traffic)
{
	TRAFFIC(BBUF_RECORD);
}

/* Bad requests */

TEST_F(resize, accepts_1_up_to_the_limit)
{
	ASSERT_FAILS(EINVAL, queue_resize(self->fd, 0));
	ASSERT_FAILS(ERANGE, queue_resize(self->fd, 1ULL << 63));
	ASSERT_FAILS(ERANGE, queue_resize(self->fd, -1ULL));
	ASSERT_FAILS(ERANGE, queue_resize(self->fd, (1ULL << 32) + 1));
	ASSERT_FAILS(ERANGE, queue_resize(self->fd,
					  file_number(BBUF_PARAMETERS "max_capacity") + 1ULL));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_EQ(0, queue_resize(self->fd, file_number(BBUF_PARAMETERS "max_capacity")));
}

BBUF_HARNESS_MAIN
