// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the accounting of a queue, for KUnit: positions, room, marks, sizes. One task uses
 * the queue, and never waits.
 */
#define NOTRACE	/* the tracepoints are the module's */

#include <kunit/test.h>

#include "queue.c"
#include "open_file.c"
#include "restart.c"
#include "io.c"
#include "lease.c"
#include "settle.c"
#include "holder.c"
#include "token.c"
#include "lease_read.c"
#include "manage.c"
#include "workqueue.c"

/* Capacities up to SMALL are tested exhaustively; records up to LARGE have longer prefixes. */
#define SMALL	7
#define LARGE	300

static const struct bbuf_io_opts nowait_opts = { .nowait = true };

static struct bbuf_queue *queue_make(struct kunit *test, u32 type, size_t capacity, u32 policy)
{
	struct bbuf_queue *q = kunit_kzalloc(test, sizeof(*q), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_ASSERT_EQ(test, bbuf_queue_init(q, "test", type, capacity, policy), 0);
	return q;
}

/* Start as if @pos bytes had gone through the queue already. */
static void queue_start_at(struct bbuf_queue *q, unsigned long pos)
{
	q->producer.pos = pos;
	q->consumer.pos = pos;
}

/* The bytes of a stream, by their positions. */
static u8 pattern(size_t i)
{
	return i * 7 + 1;
}

/* Write the next bytes; *count is the number of bytes written so far. */
static ssize_t put(struct bbuf_queue *q, size_t n, size_t *count)
{
	u8 bytes[LARGE];
	struct kvec vec = { .iov_base = bytes, .iov_len = n };
	struct iov_iter iter;
	ssize_t ret;
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = pattern(*count + i);
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, n);
	ret = bbuf_write(q, &iter, nowait_opts);
	*count += max_t(ssize_t, ret, 0);
	return ret;
}

/* Read up to n bytes, and check that they are the next ones. */
static ssize_t get(struct kunit *test, struct bbuf_queue *q, size_t n, size_t *count)
{
	u8 bytes[LARGE];
	struct kvec vec = { .iov_base = bytes, .iov_len = n };
	struct iov_iter iter;
	ssize_t ret, i;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, n);
	ret = bbuf_read(q, &iter, nowait_opts);
	for (i = 0; i < ret; i++)
		KUNIT_ASSERT_EQ(test, bytes[i], pattern(*count + i));
	*count += max_t(ssize_t, ret, 0);
	return ret;
}

static void expect_queued(struct kunit *test, struct bbuf_queue *q, size_t bytes)
{
	KUNIT_ASSERT_EQ(test, bbuf_side_avail(&q->consumer), bytes);
	KUNIT_ASSERT_EQ(test, bbuf_side_avail(&q->producer), q->producer.window - bytes);
}

/* Often enough to start at each offset of the ring, and to wrap everywhere. */
static void put_and_get_around(struct kunit *test, struct bbuf_queue *q, size_t n)
{
	size_t in = 0, out = 0, i;

	for (i = 0; i <= q->ring.size; i++) {
		KUNIT_ASSERT_EQ(test, put(q, n, &in), n);
		expect_queued(test, q, n);
		KUNIT_ASSERT_EQ(test, get(test, q, n, &out), n);
		expect_queued(test, q, 0);
	}
}

static void around_from(struct kunit *test, unsigned long pos)
{
	struct bbuf_queue *q;
	size_t capacity, n;
	u32 type;

	for (type = BBUF_STREAM; type <= BBUF_RECORD; type++) {
		for (capacity = 1; capacity <= SMALL; capacity++) {
			for (n = 1; n <= capacity; n++) {
				q = queue_make(test, type, capacity, 0);
				queue_start_at(q, pos);
				put_and_get_around(test, q, n);
				bbuf_queue_uninit(q);
			}
		}
	}
}

static void every_size_wraps_at_every_offset(struct kunit *test)
{
	around_from(test, 0);
}

static void positions_pass_the_end_of_32_bits(struct kunit *test)
{
	size_t before;

	for (before = 0; before <= SMALL; before++)
		around_from(test, U32_MAX - before);
}

static void positions_wrap(struct kunit *test)
{
	size_t before;

	for (before = 0; before <= SMALL; before++)
		around_from(test, ULONG_MAX - before);
}

/* Their lengths take one byte, or two, which may wrap in between. */
static void records_of_every_size_wrap(struct kunit *test)
{
	struct bbuf_queue *q = queue_make(test, BBUF_RECORD, LARGE, 0);
	size_t n;

	for (n = 1; n <= LARGE; n++)
		put_and_get_around(test, q, n);
	KUNIT_ASSERT_EQ(test, q->producer.records, LARGE * (q->ring.size + 1));
	KUNIT_ASSERT_EQ(test, q->consumer.records, q->producer.records);
	bbuf_queue_uninit(q);
}

static void room_is_for_the_last_byte(struct kunit *test)
{
	size_t in = 0, out = 0, capacity, n;
	struct bbuf_queue *q;
	u32 type;

	for (type = BBUF_STREAM; type <= BBUF_RECORD; type++) {
		for (capacity = 1; capacity <= SMALL; capacity++) {
			q = queue_make(test, type, capacity, 0);
			queue_start_at(q, ULONG_MAX - capacity / 2);
			for (n = 0; n < capacity; n++) {
				expect_queued(test, q, n);
				KUNIT_ASSERT_EQ(test, put(q, 1, &in), 1);
			}
			KUNIT_ASSERT_EQ(test, put(q, 1, &in), -EAGAIN);
			while (n--)
				KUNIT_ASSERT_EQ(test, get(test, q, 1, &out), 1);
			KUNIT_ASSERT_EQ(test, get(test, q, 1, &out), -EAGAIN);
			KUNIT_ASSERT_EQ(test, q->peak, capacity);
			bbuf_queue_uninit(q);
		}
	}
}

static int set_marks(struct bbuf_queue *q, size_t read_mark, size_t write_mark)
{
	struct bbuf_set set = {
		.fields = BBUF_SET_READ_MARK | BBUF_SET_WRITE_MARK,
		.read_mark = read_mark,
		.write_mark = write_mark,
	};

	return bbuf_queue_set(q, &set, true);
}

/* At every fill, poll reports what the marks require. */
static void expect_marks(struct kunit *test, struct bbuf_queue *q)
{
	size_t capacity = q->producer.window, in = 0, out = 0, fill;

	for (fill = 0; fill <= capacity; fill++) {
		KUNIT_ASSERT_EQ(test, !!(bbuf_side_events(&q->consumer) & EPOLLIN),
				fill >= q->consumer.mark);
		KUNIT_ASSERT_EQ(test, !!(bbuf_side_events(&q->producer) & EPOLLOUT),
				capacity - fill >= q->producer.mark);
		put(q, 1, &in);
	}
	KUNIT_ASSERT_EQ(test, get(test, q, capacity, &out), capacity);
}

static void marks_are_met_to_the_byte(struct kunit *test)
{
	struct bbuf_queue *q = queue_make(test, BBUF_STREAM, SMALL, 0);
	size_t read_mark, write_mark;
	int ret;

	queue_start_at(q, ULONG_MAX - SMALL);
	for (read_mark = 0; read_mark <= SMALL + 1; read_mark++) {
		for (write_mark = 1; write_mark <= SMALL + 1; write_mark++) {
			ret = set_marks(q, read_mark, write_mark);
			if (read_mark && read_mark - 1 + write_mark <= SMALL) {
				KUNIT_ASSERT_EQ(test, ret, 0);
				expect_marks(test, q);
			} else {
				KUNIT_ASSERT_EQ(test, ret, -EINVAL);
			}
		}
	}
	bbuf_queue_uninit(q);
}

static void the_usual_write_mark_follows(struct kunit *test)
{
	struct bbuf_queue *q = queue_make(test, BBUF_STREAM, SMALL, 0);
	struct bbuf_set set = { .fields = BBUF_SET_READ_MARK };

	KUNIT_ASSERT_EQ(test, q->producer.mark, SMALL);
	for (set.read_mark = 1; set.read_mark <= SMALL; set.read_mark++) {
		KUNIT_ASSERT_EQ(test, bbuf_queue_set(q, &set, true), 0);
		KUNIT_ASSERT_EQ(test, q->producer.mark, SMALL - (set.read_mark - 1));
	}
	bbuf_queue_set_limits(q, 2 * PIPE_BUF, 1, 0);
	KUNIT_ASSERT_EQ(test, q->producer.mark, PIPE_BUF);
	bbuf_queue_uninit(q);
}

static int resize(struct bbuf_queue *q, size_t capacity)
{
	struct bbuf_set set = { .fields = BBUF_SET_CAPACITY, .capacity = capacity };

	return bbuf_queue_set(q, &set, true);
}

/* Resize with @fill single bytes queued from each offset, to each capacity and back. */
static void resize_with(struct kunit *test, u32 type, size_t fill, size_t capacity)
{
	struct bbuf_queue *q = queue_make(test, type, SMALL, 0);
	size_t in = 0, out = 0, off, i;

	for (off = 0; off <= q->ring.size; off++) {
		for (i = 0; i < fill; i++)
			KUNIT_ASSERT_EQ(test, put(q, 1, &in), 1);
		KUNIT_ASSERT_EQ(test, resize(q, capacity), fill > capacity ? -EBUSY : 0);
		expect_queued(test, q, fill);
		KUNIT_ASSERT_EQ(test, resize(q, SMALL), 0);
		for (i = 0; i < fill; i++)
			KUNIT_ASSERT_EQ(test, get(test, q, 1, &out), 1);
		/* The next round starts one byte later. */
		for (i = 0; i <= off; i++) {
			put(q, 1, &in);
			get(test, q, 1, &out);
		}
	}
	bbuf_queue_uninit(q);
}

static void what_is_queued_survives_resizing(struct kunit *test)
{
	size_t fill, capacity;

	for (fill = 0; fill <= SMALL; fill++) {
		for (capacity = 1; capacity <= 2 * SMALL; capacity++) {
			resize_with(test, BBUF_STREAM, fill, capacity);
			resize_with(test, BBUF_RECORD, fill, capacity);
		}
	}
}

/* Only the oldest are dropped, no more than necessary, and counted. */
static void the_oldest_is_dropped_to_the_byte(struct kunit *test)
{
	size_t in = 0, out = 0, n;
	struct bbuf_queue *q;
	u64 dropped = 0;

	q = queue_make(test, BBUF_STREAM, SMALL, BBUF_DROP_OLDEST);
	queue_start_at(q, ULONG_MAX - SMALL);
	for (n = 1; n <= SMALL; n++) {
		KUNIT_ASSERT_EQ(test, put(q, SMALL, &in), SMALL);
		KUNIT_ASSERT_EQ(test, put(q, n, &in), n);
		out += n;
		dropped += n;
		KUNIT_ASSERT_EQ(test, q->dropped_bytes, dropped);
		KUNIT_ASSERT_EQ(test, get(test, q, SMALL, &out), SMALL);
	}
	bbuf_queue_uninit(q);
}

static void flushed_bytes_are_counted(struct kunit *test)
{
	size_t in = 0, flushed = 0, n;
	struct bbuf_queue *q;

	q = queue_make(test, BBUF_RECORD, SMALL, 0);
	for (n = 1; n <= SMALL; n++) {
		KUNIT_ASSERT_EQ(test, put(q, n, &in), n);
		KUNIT_ASSERT_EQ(test, bbuf_queue_flush(q, true), 0);
		flushed += n;
		KUNIT_ASSERT_EQ(test, q->flushed_bytes, flushed);
		KUNIT_ASSERT_EQ(test, q->consumer.records, n);
		expect_queued(test, q, 0);
	}
	bbuf_queue_uninit(q);
}

/* Bytes that a call needs to proceed. */
static void needs(struct kunit *test)
{
	static const struct {
		u32 type;
		size_t capacity, len, need;
		bool writes, nowait;
	} cases[] = {
		{ BBUF_STREAM, 8, 8, 8, true, false },
		{ BBUF_STREAM, 8, 9, 4, true, false },
		{ BBUF_STREAM, 1, 2, 1, true, false },
		{ BBUF_STREAM, 8, 8, 8, true, true },
		{ BBUF_STREAM, 8, 9, 1, true, true },
		{ BBUF_STREAM, 2 * PIPE_BUF, PIPE_BUF, PIPE_BUF, true, true },
		{ BBUF_STREAM, 2 * PIPE_BUF, PIPE_BUF + 1, 1, true, true },
		{ BBUF_RECORD, 8, 5, 5, true, false },
		{ BBUF_RECORD, 8, 5, 5, true, true },
		{ BBUF_STREAM, 8, 5, 1, false, false },
		{ BBUF_STREAM, 8, 5, 1, false, true },
	};
	struct bbuf_side *side;
	struct bbuf_waiter waiter;
	struct bbuf_queue *q;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		q = queue_make(test, cases[i].type, cases[i].capacity, 0);
		bbuf_waiter_init(&waiter, (struct bbuf_io_opts) { .nowait = cases[i].nowait },
				 cases[i].len);
		side = &q->consumer;
		if (cases[i].writes)
			side = side->peer;
		KUNIT_ASSERT_EQ_MSG(test, bbuf_side_need(side, &waiter), cases[i].need,
				    "case %zu", i);
		bbuf_queue_uninit(q);
	}
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(every_size_wraps_at_every_offset),
	KUNIT_CASE(positions_pass_the_end_of_32_bits),
	KUNIT_CASE(positions_wrap),
	KUNIT_CASE(records_of_every_size_wrap),
	KUNIT_CASE(room_is_for_the_last_byte),
	KUNIT_CASE(marks_are_met_to_the_byte),
	KUNIT_CASE(the_usual_write_mark_follows),
	KUNIT_CASE(what_is_queued_survives_resizing),
	KUNIT_CASE(the_oldest_is_dropped_to_the_byte),
	KUNIT_CASE(flushed_bytes_are_counted),
	KUNIT_CASE(needs),
	{ }
};

static struct kunit_suite queue_suite = {
	.name = "bbuf_queue",
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
