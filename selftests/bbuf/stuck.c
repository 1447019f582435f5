// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of others while a call is stalled in its copy, because a page of its memory is
 * missing: leases are available at once; everything else when the timeout of the call has expired.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"

#define LENGTH		5000	/* of a record, or a piece: on two pages, the last of which is missing */
#define CAPACITY	(4 * LENGTH)
#define TIMEOUT_MS	600	/* of a stuck call */
#define LONG_MS		3000	/* the same, or a lease timeout: some things happen before */
#define SOON_MS		30
#define POLLERS		5

/* Readers that lease. A stalled reader holds no record: it has not got one yet. */

FIXTURE(lease_reader) {
	int fd;			/* blocking, that of the stuck call */
	int nb;			/* O_NONBLOCK, as the next */
	int other;
	size_t frame;		/* bytes before each record */
	struct late late;
	struct call call;
};

FIXTURE_VARIANT(lease_reader) {
	unsigned int flags;	/* of its file */
	ssize_t (*make)(const struct call *call);
	unsigned long long lease_timeout;
};

static ssize_t lease_late(const struct call *call)
{
	struct bbuf_lease lease;

	return lease_read(call->fd, call->late->buf, call->late->len, &lease);
}

FIXTURE_VARIANT_ADD(lease_reader, read) {
};

FIXTURE_VARIANT_ADD(lease_reader, lease) {
	.make = lease_late,
};

FIXTURE_VARIANT_ADD(lease_reader, framed_read) {
	.flags = BBUF_FRAMED,
};

FIXTURE_VARIANT_ADD(lease_reader, lease_framed_read) {
	.flags = BBUF_FRAMED | BBUF_LEASE_FRAMED,
};

FIXTURE_VARIANT_ADD(lease_reader, read_with_a_lease_timeout) {
	.lease_timeout = LONG_MS * NS_PER_MS,
};

FIXTURE_VARIANT_ADD(lease_reader, framed_read_with_a_lease_timeout) {
	.flags = BBUF_FRAMED, .lease_timeout = LONG_MS * NS_PER_MS,
};

FIXTURE_SETUP(lease_reader)
{
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = CAPACITY,
				.lease_timeout = variant->lease_timeout));
	ASSERT_OPENS(self->fd, O_RDWR);
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);
	self->other = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = variant->flags));
	if (variant->flags & BBUF_FRAMED)
		self->frame = sizeof(struct bbuf_frame);
	if (variant->flags & BBUF_LEASE_FRAMED)
		self->frame = sizeof(struct bbuf_lease_frame);
	ASSERT_EQ(0, late_map(&self->late, self->frame + LENGTH));
	self->call = (struct call){
		.late = &self->late, .fd = self->fd, .make = variant->make,
	};
}

FIXTURE_TEARDOWN(lease_reader)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	close(self->other);
	queue_destroy(QUEUE);
}

#define REQUIRE_LATE()		REQUIRE_USERFAULTFD(&self->late)

/* The data that the call has read: a record of LENGTH bytes of the pattern, or another one. */
#define ASSERT_HAS(value, position)					\
do {									\
	ASSERT_EQ(self->frame + LENGTH, value);				\
	ASSERT_TRUE(pattern_matches(self->late.buf + self->frame, position, LENGTH));\
} while (0)

TEST_F(lease_reader, does_not_delay_others_while_stalled)
{
	unsigned char buf[LENGTH];

	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(0, queue_info(self->nb).leasing_files);
	ASSERT_EQ(2, queue_info(self->nb).records);
	ASSERT_EQ(LENGTH, queued(self->nb));
	ASSERT_EQ(LENGTH, queue_peek(self->nb, buf, LENGTH));
	ASSERT_TRUE(pattern_matches(buf, 0, LENGTH));
	ASSERT_EQ(READABLE, queue_events(self->nb) & READABLE);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(1, lease_deliveries(self->other, 1, LENGTH));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(LENGTH, put(self->nb, 2, LENGTH));
	ASSERT_HAS(FINISH(self->call), 2);
	ASSERT_EQ(3, queue_info(self->nb).leased_records);
	ASSERT_EQ(0, queue_info(self->nb).returned);
}

TEST_F(lease_reader, gets_the_first_record_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_HAS(FINISH(self->call), 0);
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, settle_all(self->fd, BBUF_RETURN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LENGTH));
}

/* A returned record comes before the one on which the call was stalled. */
TEST_F(lease_reader, gets_a_returned_record_first)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN));
	ASSERT_HAS(FINISH(self->call), 0);
	ASSERT_EQ(1, lease_deliveries(self->nb, 1, LENGTH));
}

TEST_F(lease_reader, stalled_on_a_returned_record_leaves_it_to_others)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_HAS(FINISH(self->call), 1);
}

TEST_F(lease_reader, waits_if_the_queue_is_empty_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(0, call_bring(&self->call));
	ASSERT_TRUE(eventually(queue_info(self->nb).out.waiters == 1));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_HAS(call_end(&self->call), 1);
}

TEST_F(lease_reader, fails_with_EAGAIN_if_nonblocking_and_the_queue_is_empty)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(-EAGAIN, FINISH(self->call));
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
}

TEST_F(lease_reader, leaves_a_longer_record_queued_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(2 * LENGTH, put(self->nb, 1, 2 * LENGTH));
	ASSERT_EQ(-EMSGSIZE, FINISH(self->call));
	ASSERT_EQ(1, lease_deliveries(self->nb, 1, 2 * LENGTH));
}

TEST_F(lease_reader, sees_EOF_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(1, settle_all(self->nb, BBUF_ACK));
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(0, FINISH(self->call));
}

TEST_F(lease_reader, sees_ENODEV_when_its_page_arrives)
{
	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(-ENODEV, FINISH(self->call));
}

/* Its own time is over when its page comes: it takes nothing, though there is something. */
TEST_F(lease_reader, stalled_beyond_its_timeout_takes_nothing)
{
	REQUIRE_LATE();
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = variant->flags,
				       .read_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	pause_ms(TIMEOUT_MS);
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
}

/* A lease begins when its reader has it: no time was over before. */
TEST_F(lease_reader, has_the_full_lease_timeout_after_a_stall)
{
	REQUIRE_LATE();
	if (!variant->lease_timeout)
		return;
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(self->call);
	pause_ms(LONG_MS + SOON_MS);
	ASSERT_HAS(FINISH(self->call), 0);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RENEW));
	ASSERT_EQ(0, queue_info(self->nb).expired);
	ASSERT_EQ(0, queue_info(self->nb).returned);
	ASSERT_TRUE(eventually(queue_info(self->nb).expired == 1));
}

/* Of records with frames, those before the missing page are leased, and the read ends there. */
TEST_F(lease_reader, gets_the_first_record_without_a_page_for_the_second)
{
	REQUIRE_LATE();
	if (!(variant->flags & BBUF_FRAMED))
		return;
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_TRUE(put_records(self->nb, 2, 1));
	late_unmap(&self->late);
	ASSERT_EQ(0, late_map(&self->late, 2 * self->frame + 2 * LEN + LENGTH));
	ASSERT_FALSE(call_stalls(&self->call));
	ASSERT_LE((ssize_t)(self->frame + LEN), call_end(&self->call));
	ASSERT_TRUE(pattern_matches(self->late.buf + self->frame, 0, LEN));
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, lease_deliveries(self->nb, 1, LENGTH));
	ASSERT_EQ(1, lease_deliveries(self->nb, 2, LEN));
}

/* A peek holds no record either. */
TEST_F(lease_reader, stalled_in_peek_does_not_delay_others)
{
	struct call peeker = { .late = &self->late, .fd = self->fd, .peeks = true };
	ssize_t n;

	REQUIRE_LATE();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_STALLS(peeker);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LENGTH));
	ASSERT_EQ(1, lease_deliveries(self->other, 1, LENGTH));
	n = FINISH(peeker);
	ASSERT_TRUE(n == LENGTH || n == -EAGAIN);
	ASSERT_EQ(2, queue_info(self->nb).leased_records);
}

/* Tokens */

FIXTURE(tokens) {
	int fd;
	int nb;
	struct late late;
	struct call call;
};

FIXTURE_SETUP(tokens)
{
	QUEUE_BEGIN(BBUF_STREAM, 100, BBUF_LEASE);
	ASSERT_EQ(3, write(self->nb, "abc", 3));
	ASSERT_EQ(0, late_map(&self->late, 2));
	self->call = (struct call){ .late = &self->late, .fd = self->fd };
}

FIXTURE_TEARDOWN(tokens)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
}

static long take_tokens(struct task *t)
{
	return read(queue_open(QUEUE, O_RDONLY | O_NONBLOCK), t->result->data, t->len);
}

TEST_F(tokens, are_not_held_by_a_stalled_reader)
{
	struct task other = { .fn = take_tokens, .fd = -1, .len = 2 };

	REQUIRE_LATE();
	ASSERT_STALLS(self->call);
	ASSERT_EQ(0, queue_info(self->nb).leased_bytes);
	ASSERT_EQ(3, queued(self->nb));
	ASSERT_STARTS(other);
	ASSERT_RETURNS(2, other);
	ASSERT_EQ('a', other.result->data[0]);
	ASSERT_EQ('b', other.result->data[1]);
	ASSERT_TRUE(eventually(queue_info(self->nb).leased_bytes == 0));
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_EQ(1, write(self->nb, "x", 1));
	ASSERT_EQ(1, FINISH(self->call));
	ASSERT_EQ('x', self->late.buf[0]);
	ASSERT_EQ(1, queue_info(self->nb).leased_bytes);
}

/*
 * Queues without leases: a stuck call keeps its side, as it has begun, until its timeout.
 */

FIXTURE(timeouts) {
	int fd;			/* that of the stuck call, with a timeout */
	int nb;			/* O_NONBLOCK */
	int other;		/* blocking, without a timeout */
	struct late late;
	struct call call;
};

FIXTURE_VARIANT(timeouts) {
	enum bbuf_type type;
};

FIXTURE_VARIANT_ADD(timeouts, stream) {
	.type = BBUF_STREAM,
};

FIXTURE_VARIANT_ADD(timeouts, records) {
	.type = BBUF_RECORD,
};

FIXTURE_SETUP(timeouts)
{
	QUEUE_BEGIN(variant->type, CAPACITY, 0);
	self->other = queue_open(QUEUE, O_RDWR);
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = TIMEOUT_MS * NS_PER_MS,
				       .write_timeout = TIMEOUT_MS * NS_PER_MS));
	ASSERT_EQ(0, late_map(&self->late, LENGTH));
	self->call = (struct call){ .late = &self->late, .fd = self->fd };
}

FIXTURE_TEARDOWN(timeouts)
{
	late_unmap(&self->late);
	close(self->fd);
	close(self->nb);
	close(self->other);
	queue_destroy(QUEUE);
}

#define ASSERT_WRITER_STALLS()						\
do {									\
	self->call.writes = true;					\
	ASSERT_STALLS(self->call);					\
} while (0)

TEST_F(timeouts, release_nonblocking_calls_from_a_stalled_writer)
{
	REQUIRE_LATE();
	ASSERT_WRITER_STALLS();
	ASSERT_TRUE(eventually(put(self->nb, 7, 100) == 100));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_EQ(100, queue_info(self->nb).bytes);
	ASSERT_TRUE(take(self->nb, 7, 100));
}

TEST_F(timeouts, release_waiters_from_a_stalled_writer)
{
	struct task behind[] = {
		task_writer(self->other, 7, 100), task_writer(self->other, 8, 100),
	};

	REQUIRE_LATE();
	ASSERT_WRITER_STALLS();
	ASSERT_STARTS(behind[0]);
	ASSERT_RETURNS(100, behind[0]);
	ASSERT_STARTS(behind[1]);
	ASSERT_RETURNS(100, behind[1]);
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_EQ(200, queue_info(self->nb).bytes);
	ASSERT_EQ(200, queue_info(self->nb).in.bytes);
	ASSERT_TRUE(take(self->nb, 7, 100));
	ASSERT_TRUE(take(self->nb, 8, 100));
}

TEST_F(timeouts, release_pollers_from_a_stalled_writer)
{
	struct task poller = task_poller(self->nb, POLLOUT);

	REQUIRE_LATE();
	ASSERT_WRITER_STALLS();
	ASSERT_STARTS(poller);
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(100, put(self->nb, 7, 100));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
}

TEST_F(timeouts, release_flush_and_resize_from_a_stalled_writer)
{
	REQUIRE_LATE();
	ASSERT_EQ(100, put(self->nb, 7, 100));
	ASSERT_WRITER_STALLS();
	ASSERT_TRUE(eventually(!queue_resize(self->nb, 2 * CAPACITY)));
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_EQ(2 * CAPACITY, put(self->nb, 8, 2 * CAPACITY));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_TRUE(take(self->nb, 8, 2 * CAPACITY));
	ASSERT_EQ(0, queued(self->nb));
}

/* A write in pieces: the pieces already queued stay, and the write returns their count. */
TEST_F(timeouts, keep_the_pieces_that_a_stalled_writer_has_queued)
{
	struct pollfd fault;
	size_t taken = 0;
	ssize_t n;

	REQUIRE_LATE();
	if (variant->type == BBUF_RECORD)
		return;
	late_unmap(&self->late);
	ASSERT_EQ(0, late_map(&self->late, 2 * CAPACITY + LENGTH));
	self->call.writes = true;
	fault = (struct pollfd){ .fd = self->late.uffd, .events = POLLIN };
	ASSERT_EQ(0, queue_set_options(self->fd, .write_timeout = LONG_MS * NS_PER_MS));
	ASSERT_TRUE(call_start(&self->call));
	while (poll(&fault, 1, 1) == 0) {
		n = queued(self->nb);
		ASSERT_TRUE(take(self->other, taken, n));
		taken += n;
	}
	ASSERT_FALSE(load(self->call.done));
	ASSERT_TRUE(eventually(put(self->nb, 7, 100) == 100));
	ASSERT_FALSE(load(self->call.done));
	n = FINISH(self->call);
	ASSERT_LT(0, n);
	ASSERT_GT(self->late.len, (size_t)n);
	ASSERT_EQ(queue_info(self->nb).in.bytes - 100, n);
	ASSERT_TRUE(take(self->nb, taken, n - taken));
	ASSERT_TRUE(take(self->nb, 7, 100));
	ASSERT_EQ(0, queued(self->nb));
}

/* Of records with frames, too: those whose pages were there. */
TEST_F(timeouts, keep_the_records_that_a_stalled_writer_has_queued)
{
	REQUIRE_LATE();
	if (variant->type == BBUF_STREAM)
		return;
	late_unmap(&self->late);
	ASSERT_EQ(0, late_map(&self->late, BBUF_FRAME_SPACE(LATE_SHORT) +
			      sizeof(struct bbuf_frame) + LENGTH));
	ASSERT_EQ(0, queue_set_options(self->fd, .flags = BBUF_FRAMED,
				       .write_timeout = TIMEOUT_MS * NS_PER_MS));
	self->call.make = late_write_frames;
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(eventually(put(self->nb, 7, 100) == 100));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(BBUF_FRAME_SPACE(LATE_SHORT), FINISH(self->call));
	ASSERT_TRUE(take_record(self->nb, sizeof(struct bbuf_frame), LATE_SHORT));
	ASSERT_TRUE(take_record(self->nb, 7, 100));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(timeouts, end_a_stalled_writer_although_it_was_shut_down)
{
	REQUIRE_LATE();
	ASSERT_WRITER_STALLS();
	ASSERT_TRUE(eventually(put(self->nb, 7, 100) == 100));
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_TRUE(take(self->nb, 7, 100));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_EQ(0, read(self->nb, (char[1]){ 0 }, 1));
}

/* Readers: two records, or as many bytes, of which one is in hand */

#define PUT_TWO()							\
do {									\
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));			\
	ASSERT_EQ(LENGTH, put(self->nb, LENGTH, LENGTH));		\
} while (0)

static bool taken_by_now(int nb, size_t position)
{
	unsigned char buf[LENGTH];

	return read(nb, buf, LENGTH) == LENGTH && pattern_matches(buf, position, LENGTH);
}

TEST_F(timeouts, release_nonblocking_calls_from_a_stalled_reader)
{
	REQUIRE_LATE();
	PUT_TWO();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(eventually(taken_by_now(self->nb, 0)));
	ASSERT_TRUE(taken_by_now(self->nb, LENGTH));
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(LENGTH, put(self->nb, 1, LENGTH));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_TRUE(taken_by_now(self->nb, 1));
	ASSERT_EQ(3 * LENGTH, queue_info(self->nb).out.bytes);
}

TEST_F(timeouts, release_waiters_from_a_stalled_reader)
{
	struct task behind = task_reader(self->other, LENGTH);

	REQUIRE_LATE();
	PUT_TWO();
	ASSERT_STALLS(self->call);
	ASSERT_STARTS(behind);
	ASSERT_RETURNS(LENGTH, behind);
	ASSERT_DATA(behind, 0, LENGTH);
	ASSERT_FALSE(load(self->call.done));
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_TRUE(taken_by_now(self->nb, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(timeouts, leave_the_data_of_a_stalled_reader_queued)
{
	unsigned char buf[LENGTH];

	REQUIRE_LATE();
	PUT_TWO();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(eventually(queue_peek(self->nb, buf, LENGTH) == LENGTH));
	ASSERT_TRUE(pattern_matches(buf, 0, LENGTH));
	pause_ms(TIMEOUT_MS);		/* also where it had nothing in hand */
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_EQ(2 * LENGTH, queue_info(self->nb).bytes);
	ASSERT_TRUE(taken_by_now(self->nb, 0));
	ASSERT_TRUE(taken_by_now(self->nb, LENGTH));
}

TEST_F(timeouts, release_pollers_from_a_stalled_reader)
{
	struct task poller = task_poller(self->nb, POLLIN);

	REQUIRE_LATE();
	PUT_TWO();
	ASSERT_STALLS(self->call);
	ASSERT_STARTS(poller);
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_TRUE(eventually(taken_by_now(self->nb, 0)));
	pause_ms(TIMEOUT_MS);
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_TRUE(taken_by_now(self->nb, LENGTH));
}

TEST_F(timeouts, release_flush_and_resize_from_a_stalled_reader)
{
	REQUIRE_LATE();
	PUT_TWO();
	ASSERT_STALLS(self->call);
	ASSERT_TRUE(eventually(!queue_resize(self->nb, 2 * LENGTH)));
	ASSERT_TRUE(eventually(!queue_flush(self->nb)));
	ASSERT_EQ(2 * LENGTH, queue_info(self->nb).flushed_bytes);
	ASSERT_EQ(2 * LENGTH, put(self->nb, 1, 2 * LENGTH));
	pause_ms(TIMEOUT_MS);
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	ASSERT_TRUE(take(self->nb, 1, 2 * LENGTH));
}

/*
 * The newest record is dropped while a reader copies the oldest; after that the oldest is dropped
 * again.
 */
TEST_F(timeouts, release_drop_oldest_from_a_stalled_reader)
{
	int i;

	REQUIRE_LATE();
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	for (i = 0; i < CAPACITY / LENGTH; i++)
		ASSERT_EQ(LENGTH, put(self->nb, i * LENGTH, LENGTH));
	ASSERT_STALLS(self->call);
	/* An operation that changes nothing fails as long as the stalled call is at the head. */
	ASSERT_TRUE(eventually(!queue_resize(self->nb, CAPACITY)));
	ASSERT_EQ(LENGTH, put(self->nb, i * LENGTH, LENGTH));
	ASSERT_EQ(LENGTH, queue_info(self->nb).dropped_bytes);
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
	for (i = 1; i <= CAPACITY / LENGTH; i++)
		ASSERT_TRUE(taken_by_now(self->nb, i * LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

/* One exclusive poller is woken for each record that the stalled reader leaves. */
static long poll_exclusively(struct task *t)
{
	struct epoll_event event;
	int epoll = epoll_on(queue_open(QUEUE, O_RDONLY | O_NONBLOCK),
			     EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);

	if (epoll_wait(epoll, &event, 1, -1) != 1)
		return -1;
	store(t->result->data[0], true);
	return pause();
}

static int count_woken(const struct task *poller)
{
	int i, count = 0;

	for (i = 0; i < POLLERS; i++)
		count += load(poller[i].result->data[0]);
	return count;
}

TEST_F(timeouts, wake_one_exclusive_poller_per_record_of_a_stalled_reader)
{
	struct task poller[POLLERS];
	int i, undisturbed = 0;

	REQUIRE_LATE();
	if (variant->type == BBUF_STREAM)
		return;
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 2 * LONG_MS * NS_PER_MS));
	PUT_TWO();
	ASSERT_STALLS(self->call);
	if (queue_events(self->nb) & READABLE)
		SKIP(goto finish, "a stuck reader holds nothing");
	for (i = 0; i < POLLERS; i++) {
		poller[i] = (struct task){
			.fn = poll_exclusively, .nr = SYS_epoll_wait, .fd = -1, .len = 1,
		};
		ASSERT_BLOCKS(poller[i]);
	}
	ASSERT_TRUE(eventually(count_woken(poller) >= 2));
	ASSERT_EQ(2, count_woken(poller));
	for (i = 0; i < POLLERS; i++)
		undisturbed += task_undisturbed(&poller[i]);
	ASSERT_EQ(POLLERS - 2, undisturbed);
finish:
	ASSERT_EQ(-ETIMEDOUT, FINISH(self->call));
}

BBUF_HARNESS_MAIN
