// SPDX-License-Identifier: GPL-2.0-only
/* The promises of a record queue: one write queues one record; one read takes one record. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	DEFAULT_CAPACITY

NAMED_FIXTURE(records, BBUF_RECORD, CAPACITY, 0)

TEST_F(records, keep_their_boundaries)
{
	size_t n;

	for (n = 1; n <= 300; n++)
		ASSERT_EQ(n, put(self->nb, n, n));
	for (n = 1; n <= 300; n++)
		ASSERT_TRUE(take_record(self->nb, n, n));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(records, are_not_queued_if_empty)
{
	char byte;

	ASSERT_EQ(0, write(self->fd, "", 0));
	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
	ASSERT_EQ(0, queue_info(self->fd).records);
	ASSERT_EQ(5, put(self->fd, 0, 5));
	ASSERT_EQ(0, read(self->fd, &byte, 0));
	ASSERT_TRUE(take_record(self->fd, 0, 5));
}

TEST_F(records, FIONREAD_returns_the_length_of_the_next_record)
{
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_EQ(300, put(self->fd, 0, 300));
	ASSERT_EQ(2, put(self->fd, 0, 2));
	ASSERT_EQ(300, queued(self->fd));
	ASSERT_TRUE(take_record(self->fd, 0, 300));
	ASSERT_EQ(2, queued(self->fd));
	ASSERT_TRUE(take_record(self->fd, 0, 2));
	ASSERT_EQ(0, queued(self->fd));
}

/* EMSGSIZE both ways */

TEST_F(records, stay_queued_if_longer_than_the_buffer)
{
	char buf[100];

	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_EQ(1, put(self->fd, 100, 1));
	ASSERT_FAILS(EMSGSIZE, read(self->fd, buf, 99));
	ASSERT_FAILS(EMSGSIZE, read(self->nb, buf, 1));
	ASSERT_EQ(100, queued(self->fd));
	ASSERT_EQ(100, read(self->fd, buf, 100));
	ASSERT_TRUE(pattern_matches(buf, 0, 100));
	ASSERT_TRUE(take_record(self->fd, 100, 1));
}

TEST_F(records, go_to_the_next_reader_if_longer_than_the_buffer_of_the_head)
{
	struct task small = task_reader(self->fd, 9), large = task_reader(self->fd, 10);

	ASSERT_BLOCKS(small);
	ASSERT_BLOCKS(large);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_RETURNS(-EMSGSIZE, small);
	ASSERT_RETURNS(10, large);
	ASSERT_DATA(large, 0, 10);
}

TEST_F(records, fail_with_EMSGSIZE_if_longer_than_the_capacity)
{
	ASSERT_FAILS(EMSGSIZE, put(self->fd, 0, CAPACITY + 1));
	ASSERT_FAILS(EMSGSIZE, put(self->nb, 0, CAPACITY + 1));
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	ASSERT_FAILS(EMSGSIZE, put(self->fd, 0, CAPACITY + 1));
	ASSERT_TRUE(take_record(self->fd, 0, CAPACITY));
}

/* Sizes */

TEST_F(records, fit_up_to_exactly_the_capacity)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(CAPACITY, put(self->nb, i, CAPACITY));
		ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
		ASSERT_TRUE(take_record(self->nb, i, CAPACITY));
	}
}

TEST_F(records, fill_the_capacity_if_each_is_one_byte)
{
	int i;

	RECREATE(BBUF_RECORD, 1000, 0);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(1, put(self->nb, i, 1));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(1000, queue_info(self->nb).records);
	for (i = 0; i < 1000; i++)
		ASSERT_TRUE(take_record(self->nb, i, 1));
	ASSERT_EQ(0, queue_info(self->nb).bytes);
}

/* Around one, and where their length takes another byte. */
#define SMALL	300

TEST_F(records, wrap_around_whatever_their_size)
{
	size_t before, n;

	RECREATE(BBUF_RECORD, SMALL, 0);
	for (before = 1; before < SMALL; before += 37) {
		for (n = 1; n <= SMALL - before; n++) {
			ASSERT_EQ(before, put(self->nb, n, before));
			ASSERT_EQ(n, put(self->nb, n + before, n));
			ASSERT_TRUE(take_record(self->nb, n, before));
			ASSERT_TRUE(take_record(self->nb, n + before, n));
		}
	}
}

TEST_F(records, wrap_around_in_order_if_their_sizes_are_random)
{
	size_t length[SMALL], head = 0, tail = 0, bytes = 0;
	unsigned int seed = 1;

	RECREATE(BBUF_RECORD, SMALL, 0);
	while (tail < 3000) {
		size_t n = 1 + rand_r(&seed) % (rand_r(&seed) % 4 ? 20 : SMALL);

		if (bytes + n <= SMALL) {
			ASSERT_EQ(n, put(self->nb, head, n));
			length[head++ % SMALL] = n;
			bytes += n;
		} else if (head == tail || rand_r(&seed) % 2) {
			ASSERT_FAILS(EAGAIN, put(self->nb, 0, n));
		}
		if (head > tail && rand_r(&seed) % 2) {
			n = length[tail % SMALL];
			ASSERT_EQ(n, queued(self->nb));
			ASSERT_TRUE(take_record(self->nb, tail++, n));
			bytes -= n;
		}
	}
}

/* Waiting */

TEST_F(records, wait_for_room_for_all_of_the_record)
{
	struct task writer = task_writer(self->fd, 7, 101);

	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_EQ(CAPACITY - 200, put(self->fd, 0, CAPACITY - 200));
	ASSERT_BLOCKS(writer);
	ASSERT_UNDISTURBED(writer);
	ASSERT_TRUE(take_record(self->nb, 0, 100));
	ASSERT_RETURNS(101, writer);
	ASSERT_TRUE(take_record(self->nb, 0, CAPACITY - 200));
	ASSERT_TRUE(take_record(self->nb, 7, 101));
}

TEST_F(records, are_queued_whole_or_not_at_all_by_nonblocking_writes)
{
	ASSERT_EQ(CAPACITY - 9999, put(self->nb, 0, CAPACITY - 9999));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 10000));
	ASSERT_EQ(9999, put(self->nb, 1, 9999));
	ASSERT_TRUE(take_record(self->nb, 0, CAPACITY - 9999));
	ASSERT_TRUE(take_record(self->nb, 1, 9999));
}

TEST_F(records, go_to_waiting_readers_in_order_of_arrival)
{
	struct task reader[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		reader[i] = task_reader(self->fd, 100);
		ASSERT_BLOCKS(reader[i]);
	}
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_EQ(10 + i, put(self->fd, i, 10 + i));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		ASSERT_RETURNS(10 + i, reader[i]);
		ASSERT_DATA(reader[i], i, 10 + i);
	}
}

TEST_F(records, are_reported_by_poll_one_by_one)
{
	ASSERT_EQ(WRITABLE, queue_events(self->fd));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->fd));
	ASSERT_EQ(CAPACITY - ATOMIC_MAX, put(self->fd, 0, CAPACITY - ATOMIC_MAX));
	ASSERT_EQ(READABLE, queue_events(self->fd));
	ASSERT_TRUE(take_record(self->fd, 0, 1));
	ASSERT_EQ(READABLE | WRITABLE, queue_events(self->fd));
	ASSERT_EQ(ATOMIC_MAX, put(self->nb, 0, ATOMIC_MAX));
}

/* Memory */

TEST_F(records, are_not_queued_if_the_write_faults)
{
	static const size_t valid[] = { 0, 1, 100, 4096, 5000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(valid); i++) {
		unsigned char *buf = cliff(valid[i], 0);

		ASSERT_NE(NULL, buf);
		ASSERT_FAILS(EFAULT, write(self->fd, buf, valid[i] + 1));
		ASSERT_FAILS(EFAULT, write(self->nb, buf, valid[i] + 5000));
		ASSERT_EQ(0, queue_info(self->fd).records);
		ASSERT_EQ(0, queue_info(self->fd).bytes);
	}
	ASSERT_EQ(10, put(self->nb, 3, 10));
	ASSERT_TRUE(take_record(self->nb, 3, 10));
}

TEST_F(records, stay_queued_if_the_buffer_is_at_a_bad_address)
{
	size_t start, n = 5000;

	RECREATE(BBUF_RECORD, 9000, 0);
	for (start = 0; start < 40000; start += 999) {
		unsigned char *buf = cliff(n - 1, 0);

		ASSERT_NE(NULL, buf);
		ASSERT_EQ(999, put(self->nb, 0, 999));
		ASSERT_EQ(n, put(self->nb, start, n));
		ASSERT_TRUE(take_record(self->nb, 0, 999));
		ASSERT_FAILS(EFAULT, read(start % 2 ? self->fd : self->nb, buf, n));
		ASSERT_EQ(n, queued(self->fd));
		ASSERT_TRUE(take_record(self->fd, start, n));
	}
}

TEST_F(records, move_between_untouched_pages)
{
	unsigned char zeros[10000] = { 0 };
	void *fresh = mmap(NULL, 2 * sizeof(zeros), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_EQ(sizeof(zeros), write(self->nb, fresh, sizeof(zeros)));
	ASSERT_EQ(sizeof(zeros), put(self->nb, 1, sizeof(zeros)));
	ASSERT_EQ(sizeof(zeros), read(self->nb, fresh + sizeof(zeros), sizeof(zeros)));
	ASSERT_EQ(0, memcmp(zeros, fresh + sizeof(zeros), sizeof(zeros)));
	madvise(fresh, 2 * sizeof(zeros), MADV_DONTNEED);
	ASSERT_EQ(sizeof(zeros), read(self->nb, fresh, sizeof(zeros)));
	ASSERT_TRUE(pattern_matches(fresh, 1, sizeof(zeros)));
}

TEST_F(records, stay_whole_with_readv_and_writev)
{
	unsigned char in[60], out[70];
	struct iovec gather[] = { { in, 10 }, { in + 10, 0 }, { in + 10, 50 } };
	struct iovec scatter[] = { { out, 1 }, { out + 1, 58 }, { out + 59, 11 } };

	pattern_fill(in, 0, sizeof(in));
	ASSERT_EQ(60, writev(self->fd, gather, ARRAY_SIZE(gather)));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(60, queued(self->fd));
	ASSERT_EQ(60, readv(self->fd, scatter, ARRAY_SIZE(scatter)));
	ASSERT_TRUE(pattern_matches(out, 0, 60));
	ASSERT_TRUE(take_record(self->fd, 0, 1));
}

TEST_F(records, are_spliced_one_at_a_time)
{
	unsigned char buf[1000];
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_EQ(200, put(self->fd, 100, 200));
	ASSERT_EQ(100, splice(self->fd, NULL, pipes[1], NULL, sizeof(buf), 0));
	ASSERT_EQ(200, queued(self->fd));
	ASSERT_EQ(100, splice(pipes[0], NULL, self->fd, NULL, sizeof(buf), 0));
	ASSERT_TRUE(take_record(self->fd, 100, 200));
	ASSERT_TRUE(take_record(self->fd, 0, 100));
	close(pipes[0]);
	close(pipes[1]);
}

/* Many writers, many readers */

#define WRITERS		4
#define READERS		4
#define MESSAGES	300
#define MESSAGE_MAX	500

struct message {
	unsigned short writer;
	unsigned short number;
	unsigned char body[MESSAGE_MAX];
};

#define MESSAGE_HEAD	offsetof(struct message, body)

/* How often each was read. */
static unsigned char (*seen)[MESSAGES];

static size_t body_length(const struct message *message)
{
	return message->writer * 31 + message->number * 17 % (MESSAGE_MAX - WRITERS * 31);
}

static long write_messages(struct task *t)
{
	struct message message = { .writer = t->position };

	for (message.number = 0; message.number < MESSAGES; message.number++) {
		ssize_t n = MESSAGE_HEAD + body_length(&message);

		pattern_fill(message.body, message.writer + message.number, n - MESSAGE_HEAD);
		if (write(t->fd, &message, n) != n)
			return -1;
	}
	return MESSAGES;
}

/* Whole, and after those of the same writer that this reader has read before. */
static bool message_good(const struct message *message, ssize_t n, int last[WRITERS])
{
	if (n < (ssize_t)MESSAGE_HEAD || message->writer >= WRITERS ||
	    message->number >= MESSAGES || message->number <= last[message->writer] ||
	    n != (ssize_t)(MESSAGE_HEAD + body_length(message)))
		return false;
	last[message->writer] = message->number;
	return pattern_matches(message->body, message->writer + message->number,
			       n - MESSAGE_HEAD);
}

static long read_messages(struct task *t)
{
	int last[WRITERS] = { -1, -1, -1, -1 };
	struct message message;
	ssize_t n;

	while ((n = read(t->fd, &message, sizeof(message))) > 0) {
		if (!message_good(&message, n, last))
			return 1;
		__atomic_add_fetch(&seen[message.writer][message.number], 1, __ATOMIC_RELAXED);
	}
	return n;
}

TEST_F(records, are_each_delivered_once_with_many_readers_and_writers)
{
	struct task writer[WRITERS], reader[READERS];
	int i, j;

	seen = mmap(NULL, WRITERS * sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, seen);
	RECREATE(BBUF_RECORD, 2 * MESSAGE_MAX, 0);
	for (i = 0; i < READERS; i++) {
		reader[i] = (struct task){ .fn = read_messages, .fd = self->fd };
		ASSERT_STARTS(reader[i]);
	}
	for (i = 0; i < WRITERS; i++) {
		writer[i] = (struct task){ .fn = write_messages, .fd = self->fd, .position = i };
		ASSERT_STARTS(writer[i]);
	}
	for (i = 0; i < WRITERS; i++)
		ASSERT_RETURNS(MESSAGES, writer[i]);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	for (i = 0; i < READERS; i++)
		ASSERT_RETURNS(0, reader[i]);
	for (i = 0; i < WRITERS; i++)
		for (j = 0; j < MESSAGES; j++)
			ASSERT_EQ(1, seen[i][j]);
}

BBUF_HARNESS_MAIN
