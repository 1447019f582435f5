// SPDX-License-Identifier: GPL-2.0-only
/* A flight recorder: writers never wait, and the oldest is lost. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000

NAMED_FIXTURE(drop, BBUF_STREAM, CAPACITY, BBUF_DROP_OLDEST)

TEST_F(drop, keeps_the_newest_bytes)
{
	size_t position;
	int i;

	for (i = 0, position = 0; i < 100; i++, position += 77)
		ASSERT_EQ(77, put(i % 2 ? self->fd : self->nb, position, 77));
	ASSERT_EQ(CAPACITY, queued(self->fd));
	ASSERT_TRUE(take(self->fd, position - CAPACITY, CAPACITY));
}

TEST_F(drop, drops_nothing_while_there_is_room)
{
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(0, queue_info(self->fd).dropped_bytes);
	ASSERT_TRUE(take(self->fd, 0, CAPACITY));
}

TEST_F(drop, counts_dropped_data)
{
	struct bbuf_info info;

	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(10, put(self->fd, CAPACITY, 10));
	ASSERT_EQ(5, put(self->fd, CAPACITY + 10, 5));
	info = queue_info(self->fd);
	ASSERT_EQ(15, info.dropped_bytes);
	ASSERT_EQ(0, info.dropped_records);
	ASSERT_EQ(CAPACITY, info.bytes);
	ASSERT_EQ(CAPACITY + 15, info.in.bytes);
	ASSERT_TRUE(take(self->fd, 15, CAPACITY));
	ASSERT_EQ(15, queue_info(self->fd).dropped_bytes);
}

TEST_F(drop, keeps_the_end_of_a_write_above_the_capacity)
{
	ASSERT_EQ(3 * CAPACITY + 7, put(self->fd, 0, 3 * CAPACITY + 7));
	ASSERT_TRUE(take(self->fd, 2 * CAPACITY + 7, CAPACITY));
	ASSERT_EQ(2 * CAPACITY + 7, queue_info(self->fd).dropped_bytes);
}

/* A gigabyte: more than is written before the test is over. */
static long write_a_lot(struct task *t)
{
	static char bytes[1 << 20];
	struct iovec iov[1 << 10];
	size_t i;

	memset(bytes, 1, sizeof(bytes));
	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ bytes, sizeof(bytes) };
	return writev(t->fd, iov, ARRAY_SIZE(iov));
}

TEST_F(drop, admits_other_calls_during_a_long_write)
{
	struct task writer = { .fn = write_a_lot, .nr = SYS_writev, .fd = self->fd };

	ASSERT_STARTS(writer);
	ASSERT_TRUE(eventually(queue_info(self->fd).in.bytes > 0));
	ASSERT_EQ(0, queue_info(self->fd).in.bytes >> 30);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_GT(1 << 30, task_wait(&writer));
}

TEST_F(drop, keeps_the_queue_writable)
{
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->fd));
	ASSERT_EQ(CAPACITY, put(self->nb, 1, CAPACITY));
	ASSERT_TRUE(take(self->fd, 1, CAPACITY));
}

TEST_F(drop, drops_whole_records)
{
	struct bbuf_info info;
	size_t i;

	RECREATE(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(250, put(self->fd, i, 250));
	ASSERT_EQ(251, put(self->nb, i, 251));
	info = queue_info(self->fd);
	ASSERT_EQ(2, info.dropped_records);
	ASSERT_EQ(500, info.dropped_bytes);
	ASSERT_EQ(3, info.records);
	ASSERT_EQ(751, info.bytes);
	ASSERT_TRUE(take_record(self->fd, 2, 250));
	ASSERT_TRUE(take_record(self->fd, 3, 250));
	ASSERT_TRUE(take_record(self->fd, 4, 251));
}

TEST_F(drop, drops_all_records_for_one_of_the_capacity)
{
	RECREATE(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(600, put(self->fd, 0, 600));
	ASSERT_EQ(CAPACITY, put(self->fd, 9, CAPACITY));
	ASSERT_EQ(2, queue_info(self->fd).dropped_records);
	ASSERT_FAILS(EMSGSIZE, put(self->fd, 0, CAPACITY + 1));
	ASSERT_TRUE(take_record(self->fd, 9, CAPACITY));
}

TEST_F(drop, keeps_records_in_order_around_the_ring)
{
	size_t n, first = 1, bytes = 0;

	RECREATE(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	for (n = 1; n <= CAPACITY; n++) {
		ASSERT_EQ(n, put(self->nb, n, n));
		for (bytes += n; bytes > CAPACITY; bytes -= first++)
			continue;
		ASSERT_EQ(bytes, queue_info(self->fd).bytes);
		ASSERT_EQ(first, queued(self->fd));
		ASSERT_EQ(first - 1, queue_info(self->fd).dropped_records);
	}
	ASSERT_TRUE(take_record(self->fd, CAPACITY, CAPACITY));
}

TEST_F(drop, releases_waiting_writers_when_the_policy_is_set)
{
	struct task writer[2];
	size_t i;

	RECREATE(BBUF_STREAM, CAPACITY, 0);
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	for (i = 0; i < ARRAY_SIZE(writer); i++) {
		writer[i] = task_writer(self->fd, CAPACITY + 10 * i, 10);
		ASSERT_BLOCKS(writer[i]);
	}
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	for (i = 0; i < ARRAY_SIZE(writer); i++)
		ASSERT_RETURNS(10, writer[i]);
	ASSERT_TRUE(take(self->nb, 20, CAPACITY));
}

TEST_F(drop, stops_when_the_policy_is_cleared)
{
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_EQ(0, queue_set_policy(self->fd, 0));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
}

TEST_F(drop, counts_as_read_for_fsync)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(CAPACITY - 1, put(self->fd, 10, CAPACITY - 1));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_RETURNS(0, drainer);
}

/*
 * Writers that drop beside readers that take: each record is read whole, once and after
 * those before it, or counted as lost.
 */
#define WRITERS		2
#define READERS		2
#define RECORDS		4000
#define LENGTH_MAX	60

struct numbered {
	int writer;
	int number;
	unsigned char body[LENGTH_MAX];
};

#define NUMBERED_HEAD	offsetof(struct numbered, body)

static size_t body_length(const struct numbered *record)
{
	return (record->number * 7 + record->writer) % LENGTH_MAX;
}

static long write_numbered(struct task *t)
{
	struct numbered record = { .writer = t->position };

	for (record.number = 0; record.number < RECORDS; record.number++) {
		ssize_t n = NUMBERED_HEAD + body_length(&record);

		pattern_fill(record.body, record.number, n - NUMBERED_HEAD);
		if (write(t->fd, &record, n) != n)
			return -1;
	}
	return RECORDS;
}

static long read_numbered(struct task *t)
{
	int last[WRITERS] = { -1, -1 };
	struct numbered record;
	long count = 0;
	ssize_t n;

	for (; (n = read(t->fd, &record, sizeof(record))) > 0; count++) {
		if (n < (ssize_t)NUMBERED_HEAD || record.writer < 0 || record.writer >= WRITERS ||
		    n != (ssize_t)(NUMBERED_HEAD + body_length(&record)) ||
		    record.number <= last[record.writer] ||
		    !pattern_matches(record.body, record.number, n - NUMBERED_HEAD))
			return -1;
		last[record.writer] = record.number;
	}
	return n ? -1 : count;
}

TEST_F(drop, drops_whole_records_and_counts_each_during_reads)
{
	struct task writer[WRITERS], reader[READERS];
	long i, n, count = 0;

	RECREATE(BBUF_RECORD, 3 * sizeof(struct numbered), BBUF_DROP_OLDEST);
	for (i = 0; i < READERS; i++) {
		reader[i] = (struct task){ .fn = read_numbered, .fd = self->fd };
		ASSERT_STARTS(reader[i]);
	}
	for (i = 0; i < WRITERS; i++) {
		writer[i] = (struct task){ .fn = write_numbered, .fd = self->fd, .position = i };
		ASSERT_STARTS(writer[i]);
	}
	for (i = 0; i < WRITERS; i++)
		ASSERT_RETURNS(RECORDS, writer[i]);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	for (i = 0; i < READERS; i++) {
		n = task_wait(&reader[i]);
		ASSERT_LE(0, n);
		count += n;
	}
	ASSERT_EQ(WRITERS * RECORDS, count + queue_info(self->fd).dropped_records);
}

/* The same for bytes. */

#define STREAM_BYTES	300000

static long write_pattern(struct task *t)
{
	unsigned int seed = 1;
	long done = 0;

	while (done < STREAM_BYTES) {
		size_t n = 1 + rand_r(&seed) % CAPACITY;

		if (put(t->fd, done, n) != (ssize_t)n)
			return -1;
		done += n;
	}
	return done;
}

static long read_all(struct task *t)
{
	long count = 0;
	ssize_t n;

	while ((n = read(t->fd, t->result->data, t->len)) > 0)
		count += n;
	return n ? -1 : count;
}

TEST_F(drop, counts_each_byte_during_reads)
{
	struct task writer = { .fn = write_pattern, .fd = self->fd };
	struct task reader = { .fn = read_all, .fd = self->fd, .len = CAPACITY };
	long written, count;

	ASSERT_STARTS(reader);
	ASSERT_STARTS(writer);
	written = task_wait(&writer);
	ASSERT_LE(STREAM_BYTES, written);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	count = task_wait(&reader);
	ASSERT_LT(0, count);
	ASSERT_EQ(written, count + queue_info(self->fd).dropped_bytes);
}

BBUF_HARNESS_MAIN
