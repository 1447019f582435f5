// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifications in queues with leases: each way in which a lease ends, of records and of tokens,
 * with each way to wait for it. All other changes are in notify.c.
 */
#include <stdint.h>
#include <string.h>

#include "fixture.h"
#include "waiter.h"

#define SOON_MS		10	/* a lease timeout */
#define LIMIT		4096	/* records of a small queue that may be leased or returned */
#define LIMIT_CAPACITY	(2 * LIMIT)
#define LONG		20000	/* bytes that are copied at once */
#define ENDED		(READABLE | POLLRDHUP)

/* For leases from now on. */
static int make_short(int fd)
{
	return queue_set_lease_timeout(fd, SOON_MS * NS_PER_MS);
}

/* Leases of a file are over soon: it has n. */
static bool expire_soon(int fd, int n)
{
	return !make_short(fd) && settle_all(fd, BBUF_RENEW) == n;
}

/* No room for one record more. */
static bool dead_letters_are_full(void)
{
	int fd = queue_open(DEAD, O_WRONLY | O_NONBLOCK);
	bool good = put(fd, 0, CAPACITY - LEN + 1) == CAPACITY - LEN + 1;

	close(fd);
	return good;
}

/* A file of its own that has leased n records, or -1. */
static int lease_holder(size_t n)
{
	int fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);

	return take_records(fd, 0, n) ? fd : -1;
}

#define LEASES			.type = BBUF_RECORD, .policy = BBUF_LEASE
#define ONE_DELIVERY			LEASES, .max_deliveries = 1
#define TOKENS			.type = BBUF_STREAM, .policy = BBUF_LEASE

/* n records, that are leased by nb. */
#define BEGIN_LEASED(n, ...)						\
do {									\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, n));			\
	ASSERT_TRUE(take_records(self->nb, 0, n));			\
} while (0)

WAITER_FIXTURE(readers, false)

/* Readers: what is new, and what comes back */

TEST_F(readers, are_notified_of_a_record)
{
	BEGIN(LEASES);
	ASSERT_WAITS();
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_records_with_frames)
{
	BEGIN(LEASES);
	ASSERT_WAITS();
	ASSERT_TRUE(batch_put(self->framed, LEN, 2));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_a_return)
{
	BEGIN_LEASED(2, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_a_return_to_the_tail)
{
	BEGIN_LEASED(2, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_the_return_of_all)
{
	BEGIN_LEASED(2, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_the_return_of_all_to_the_tail)
{
	BEGIN_LEASED(2, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN_LAST));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_another_reader_closes_its_file)
{
	int other;

	BEGIN(LEASES);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	other = lease_holder(1);
	ASSERT_WAITS();
	close(other);
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_another_reader_is_killed)
{
	BEGIN(LEASES);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	self->other = task_leaser(1);
	ASSERT_BLOCKS(self->other);
	ASSERT_WAITS();
	task_kill(&self->other);
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_when_a_lease_expires)
{
	BEGIN_LEASED(1, LEASES);
	ASSERT_WAITS();
	ASSERT_TRUE(expire_soon(self->nb, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* The ioctl cannot return the lease that it has made. */
static ssize_t lease_late(const struct call *call)
{
	return ioctl(call->fd, BBUF_IOC_LEASE, call->late->buf);
}

TEST_F(readers, are_notified_when_the_lease_of_another_reader_is_undone)
{
	struct bbuf_lease lease = { .buffer = (uintptr_t)(char[LEN]){ 0 }, .size = LEN };

	BEGIN(LEASES);
	ASSERT_EQ(0, late_map_for_writes(&self->late, &lease, sizeof(lease)));
	REQUIRE_USERFAULTFD(&self->late);
	self->call = (struct call){ .late = &self->late, .fd = self->fd, .make = lease_late };
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_STALLS(self->call);
	ASSERT_WAITS();
	ASSERT_EQ(-EFAULT, call_spoil(&self->call));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_more_returned_records)
{
	ONLY_EDGES();
	BEGIN_LEASED(2, LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_WAITS();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_not_notified_of_records_that_stay_leased_or_are_consumed)
{
	BEGIN_LEASED(4, ONE_DELIVERY);
	ASSERT_WAITS();
	ASSERT_EQ(4, settle_all(self->nb, BBUF_RENEW));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_EQ(0, queue_reopen(self->nb));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_set_max_deliveries(self->nb, 0));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* Readers whose own file has leased as many as it may */

#define BEGIN_WITH_FULL_FILE(...)					\
do {									\
	ONLY_POLLERS();							\
	BEGIN(.max_leases = 1, __VA_ARGS__);				\
	ASSERT_TRUE(put_records(self->nb, 0, 2));			\
	ASSERT_TRUE(take_records(self->waiter.fd, 0, 1));		\
	ASSERT_EQ(0, make_short(self->nb));				\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, are_notified_of_an_acknowledgement_by_their_full_file)
{
	BEGIN_WITH_FULL_FILE(LEASES);
	ASSERT_EQ(1, settle(self->waiter.fd, 0, BBUF_ACK));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_a_return_by_their_full_file)
{
	BEGIN_WITH_FULL_FILE(LEASES);
	ASSERT_EQ(1, settle_all(self->waiter.fd, BBUF_RETURN));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_a_rejection_by_their_full_file)
{
	BEGIN_WITH_FULL_FILE(LEASES);
	ASSERT_EQ(1, settle(self->waiter.fd, 0, BBUF_REJECT));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_when_a_lease_of_their_full_file_expires)
{
	BEGIN_WITH_FULL_FILE(LEASES);
	ASSERT_EQ(1, settle(self->waiter.fd, 0, BBUF_RENEW));
	ASSERT_NOTIFIED(0, READABLE);
}

/* Its record is gone instead of going back, so nothing that is queued is new. */
TEST_F(readers, are_notified_when_the_last_delivery_to_their_full_file_expires)
{
	BEGIN_WITH_FULL_FILE(ONE_DELIVERY);
	ASSERT_EQ(1, settle(self->waiter.fd, 0, BBUF_RENEW));
	ASSERT_NOTIFIED(0, READABLE);
}

TEST_F(readers, are_notified_of_a_higher_limit_for_their_full_file)
{
	BEGIN_WITH_FULL_FILE(LEASES);
	ASSERT_EQ(0, queue_set_max_leases(self->nb, 2));
	ASSERT_NOTIFIED(0, READABLE);
}

/* Readers of a queue of which as much is leased as may be */

#define BEGIN_AT_THE_LIMIT()						\
do {									\
	int i;								\
									\
	BEGIN(LEASES, .capacity = LIMIT_CAPACITY, .max_leases = LIMIT);	\
	ASSERT_TRUE(batch_put(self->framed, 1, LIMIT + 1));		\
	for (i = 0; i < 4; i++)						\
		ASSERT_TRUE(batch_take(self->framed, 1, LIMIT / 4));	\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, are_notified_of_an_acknowledgement_at_the_limit)
{
	BEGIN_AT_THE_LIMIT();
	ASSERT_EQ(1, settle(self->framed, 0, BBUF_ACK));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, are_notified_of_a_return_at_the_limit)
{
	BEGIN_AT_THE_LIMIT();
	ASSERT_EQ(1, settle(self->framed, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, are_notified_of_a_close_at_the_limit)
{
	BEGIN_AT_THE_LIMIT();
	close(self->framed);
	self->framed = -1;
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, are_notified_of_a_larger_capacity_at_the_limit)
{
	BEGIN_AT_THE_LIMIT();
	ASSERT_EQ(0, queue_resize(self->nb, (LIMIT + 1) * 64));
	ASSERT_NOTIFIED(1, READABLE);
}

/* Readers: the end, which comes when nothing is queued or leased */

/* A signal is sent for this, too. */
#define ASSERT_WAITS_ON_BEHIND_POLLRDHUP()				\
do {									\
	if (variant->way == SIGNAL) {					\
		ASSERT_EQ(POLLIN, waiter_result(&self->waiter, 0));	\
	}								\
	ASSERT_WAITS_ON();						\
} while (0)

#define BEGIN_LAST_LEASED(...)						\
do {									\
	NOT_IN_URING_POLL();						\
	BEGIN_LEASED(1, __VA_ARGS__);					\
	ASSERT_EQ(0, make_short(self->nb));				\
	ASSERT_WAITS();							\
	ASSERT_EQ(0, queue_shutdown(self->nb));				\
	ASSERT_WAITS_ON_BEHIND_POLLRDHUP();				\
} while (0)

TEST_F(readers, are_notified_of_EOF_after_an_acknowledgement)
{
	BEGIN_LAST_LEASED(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_the_acknowledgement_of_all)
{
	BEGIN_LAST_LEASED(LEASES);
	ASSERT_EQ(1, settle_all(self->nb, BBUF_ACK));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_a_rejection)
{
	BEGIN_LAST_LEASED(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_a_move_to_the_dead_letters)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	BEGIN_LAST_LEASED(LEASES, .dead_letters = DEAD);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_the_return_of_the_last_delivery)
{
	BEGIN_LAST_LEASED(ONE_DELIVERY);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_the_expiry_of_the_last_delivery)
{
	BEGIN_LAST_LEASED(ONE_DELIVERY);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_the_close_of_the_last_delivery)
{
	BEGIN_LAST_LEASED(ONE_DELIVERY);
	close(self->nb);
	self->nb = -1;
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

/* Sleepers see it whether they wake up before it is undone, or later. */
TEST_F(readers, are_notified_of_shutdown_followed_by_reopen)
{
	if (variant->way != CALL)
		return;
	BEGIN_LAST_LEASED(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(0, queue_reopen(self->nb));
	ASSERT_NOTIFIED(0, 0);
}

TEST_F(readers, are_notified_of_returned_records_before_EOF)
{
	BEGIN_LAST_LEASED(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, ENDED);
}

/* Records leased by the last writer */
TEST_F(readers, are_notified_of_records_returned_by_the_last_close)
{
	NOT_IN_URING_POLL();
	BEGIN_LEASED(1, LEASES);
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_WAITS();
	CLOSE_WRITERS();
	ASSERT_NOTIFIED(LEN, ENDED);
}

TEST_F(readers, are_notified_of_EOF_on_last_close_after_the_last_acknowledgement)
{
	int other;

	NOT_IN_URING_POLL();
	BEGIN(LEASES);
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	other = lease_holder(1);
	ASSERT_WAITS();
	CLOSE_WRITERS();
	ASSERT_WAITS_ON_BEHIND_POLLRDHUP();
	ASSERT_EQ(1, settle(other, 0, BBUF_ACK));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

/* A flush of returned and of unread records; a poller for no event gets POLLHUP. */
TEST_F(readers, are_notified_of_EOF_after_a_flush)
{
	ONLY_POLLERS();
	NOT_IN_URING_POLL();
	self->waiter.events = 0;
	BEGIN_LEASED(1, LEASES);
	ASSERT_TRUE(put_records(self->nb, 1, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_EOF_after_a_flush_of_unread_records)
{
	ONLY_POLLERS();
	NOT_IN_URING_POLL();
	self->waiter.events = 0;
	BEGIN(LEASES);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

TEST_F(readers, are_notified_of_destroy)
{
	BEGIN_LEASED(1, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

/* Readers of the dead letters */

#define BEGIN_AT_THE_DEAD(...)						\
do {									\
	ASSERT_EQ(0, dead_make(CAPACITY, 0));				\
	BEGIN(.dead_letters = DEAD, __VA_ARGS__);			\
	close(self->waiter.fd);						\
	self->waiter.fd = queue_open(DEAD, O_RDONLY);			\
	ASSERT_TRUE(put_records(self->nb, 0, 2));			\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, dead_letter_readers_are_notified_of_a_rejection)
{
	BEGIN_AT_THE_DEAD(LEASES);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_WAITS_ON();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, dead_letter_readers_are_notified_of_the_rejection_of_all)
{
	BEGIN_AT_THE_DEAD(LEASES);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, dead_letter_readers_are_notified_of_the_return_of_the_last_delivery)
{
	BEGIN_AT_THE_DEAD(ONE_DELIVERY);
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, dead_letter_readers_are_notified_of_the_return_of_all_last_deliveries)
{
	BEGIN_AT_THE_DEAD(ONE_DELIVERY);
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN_LAST));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, dead_letter_readers_are_notified_of_the_expiry_of_the_last_delivery)
{
	BEGIN_AT_THE_DEAD(ONE_DELIVERY);
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(expire_soon(self->nb, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, dead_letter_readers_are_notified_of_a_close)
{
	BEGIN_AT_THE_DEAD(ONE_DELIVERY);
	close(lease_holder(1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* A record that does not fit there goes back, and wakes waiters here. */

#define BEGIN_WITH_FULL_DEAD(...)					\
do {									\
	ASSERT_EQ(0, dead_make(CAPACITY, 0));				\
	ASSERT_TRUE(dead_letters_are_full());				\
	BEGIN_LEASED(1, .dead_letters = DEAD, __VA_ARGS__);		\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, are_notified_of_the_last_return_if_the_dead_letters_are_full)
{
	BEGIN_WITH_FULL_DEAD(ONE_DELIVERY);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_WAITS_ON();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_the_last_expiry_if_the_dead_letters_are_full)
{
	BEGIN_WITH_FULL_DEAD(ONE_DELIVERY);
	ASSERT_TRUE(expire_soon(self->nb, 1));
	ASSERT_NOTIFIED(LEN, READABLE);
}

TEST_F(readers, are_notified_of_the_last_close_if_the_dead_letters_are_full)
{
	BEGIN_WITH_FULL_DEAD(ONE_DELIVERY);
	close(self->nb);
	self->nb = -1;
	ASSERT_NOTIFIED(LEN, READABLE);
}

/* Readers of tokens */

/* Another process has a token, and gives it back when it closes its file, or is killed. */
static long hold_token(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);

	if (read(fd, t->result->data, 1) != 1)
		return -1;
	pause();
	close(fd);
	return pause();
}

#define BEGIN_WITH_HOLDER()						\
do {									\
	BEGIN(TOKENS);							\
	ASSERT_EQ(1, write(self->nb, "a", 1));				\
	self->other = task_holder();					\
	self->other.fn = hold_token;					\
	self->other.len = 1;						\
	ASSERT_BLOCKS(self->other);					\
	ASSERT_WAITS();							\
} while (0)

static ssize_t take_tokens(int fd, size_t n)
{
	char tokens[CAPACITY];

	return read(fd, tokens, n);
}

TEST_F(readers, token_readers_are_notified_of_a_new_token)
{
	BEGIN(TOKENS);
	ASSERT_WAITS();
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, token_readers_are_notified_of_a_token_that_is_written_back)
{
	BEGIN(TOKENS);
	ASSERT_EQ(2, write(self->nb, "ab", 2));
	ASSERT_EQ(2, take_tokens(self->nb, 2));
	ASSERT_WAITS();
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, token_readers_are_notified_when_another_reader_is_killed)
{
	BEGIN_WITH_HOLDER();
	task_kill(&self->other);
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, token_readers_are_notified_when_another_reader_closes_its_file)
{
	BEGIN_WITH_HOLDER();
	ASSERT_TRUE(task_signal(&self->other));
	ASSERT_NOTIFIED(1, READABLE);
}

/* All files of this process have as many as they may, and there are more. */
#define BEGIN_WITH_FULL_HOLDER()					\
do {									\
	BEGIN(TOKENS, .max_leases = 1);					\
	ASSERT_EQ(2, write(self->nb, "ab", 2));				\
	ASSERT_EQ(1, take_tokens(self->nb, 2));				\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, token_readers_are_notified_when_they_may_hold_one_again)
{
	BEGIN_WITH_FULL_HOLDER();
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, token_readers_are_notified_when_their_limit_is_raised)
{
	BEGIN_WITH_FULL_HOLDER();
	ASSERT_EQ(0, queue_set_max_leases(self->nb, 2));
	ASSERT_NOTIFIED(1, READABLE);
}

TEST_F(readers, token_readers_at_their_limit_are_notified_of_destroy)
{
	BEGIN_WITH_FULL_HOLDER();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

TEST_F(readers, token_readers_at_the_limit_are_notified_of_a_token_that_is_written_back)
{
	char tokens[LIMIT + 1];

	BEGIN(TOKENS, .capacity = LIMIT_CAPACITY, .max_leases = LIMIT_CAPACITY);
	memset(tokens, 'a', sizeof(tokens));
	ASSERT_EQ(LIMIT + 1, write(self->nb, tokens, LIMIT + 1));
	ASSERT_TRUE(read_exactly(self->nb, tokens, LIMIT));
	ASSERT_WAITS();
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_NOTIFIED(1, READABLE);
}

/* Two are there, which is less than the mark, and this process has a third one. */
#define BEGIN_BELOW_THE_MARK()						\
do {									\
	NOT_IN_URING_CALL();						\
	BEGIN(TOKENS);							\
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 3));			\
	ASSERT_EQ(3, write(self->nb, "abc", 3));			\
	ASSERT_EQ(1, take_tokens(self->nb, 1));				\
	ASSERT_WAITS();							\
} while (0)

TEST_F(readers, token_readers_are_notified_when_the_mark_is_reached)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_EQ(1, write(self->nb, "a", 1));
	ASSERT_NOTIFIED(3, READABLE);
}

TEST_F(readers, token_readers_are_notified_of_a_lower_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_EQ(0, queue_set_read_mark(self->fd, 2));
	ASSERT_NOTIFIED(2, READABLE);
}

TEST_F(readers, token_readers_are_notified_of_a_shutdown_below_the_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTIFIED(2, ENDED);
}

TEST_F(readers, token_readers_are_notified_of_the_last_close_below_the_mark)
{
	BEGIN_BELOW_THE_MARK();
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	CLOSE_WRITERS();
	ASSERT_NOTIFIED(2, ENDED);
}

/* A refusal ends the wait for the mark, until there is room again. */
TEST_F(readers, token_readers_are_notified_of_a_refused_write_below_the_mark)
{
	NOT_IN_URING_CALL();
	BEGIN(TOKENS);
	ASSERT_EQ(0, queue_set_read_mark(self->fd, MARK));
	ASSERT_TRUE(fill(self->nb, MARK - 5));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 2 * LEN));
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_TRUE(fill(self->nb, MARK - 5));
	ASSERT_WAITS();
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 2 * LEN));
	ASSERT_NOTIFIED(MARK - 5, READABLE);
}

TEST_F(readers, token_readers_are_notified_of_EOF_after_a_flush)
{
	ONLY_POLLERS();
	NOT_IN_URING_POLL();
	self->waiter.events = 0;
	BEGIN(TOKENS);
	ASSERT_EQ(2, write(self->nb, "ab", 2));
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_WAITS();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(0, ENDED | POLLHUP);
}

/* Writers */

WAITER_FIXTURE(writers, true)

/* No room: two records are leased by nb, the others are queued. */
#define BEGIN_FULL(...)							\
do {									\
	BEGIN(__VA_ARGS__);						\
	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));		\
	ASSERT_TRUE(take_records(self->nb, 0, 2));			\
	ASSERT_WAITS();							\
} while (0)

TEST_F(writers, are_notified_of_an_acknowledgement)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_the_acknowledgement_of_all)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(2, settle_all(self->nb, BBUF_ACK));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_rejection)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_move_to_the_dead_letters)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	BEGIN_FULL(LEASES, .dead_letters = DEAD);
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_the_return_of_the_last_delivery)
{
	BEGIN_FULL(ONE_DELIVERY);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_the_return_of_the_last_delivery_to_the_dead_letters)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	BEGIN_FULL(ONE_DELIVERY, .dead_letters = DEAD);
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_the_expiry_of_the_last_delivery)
{
	BEGIN_FULL(ONE_DELIVERY);
	ASSERT_TRUE(expire_soon(self->nb, 2));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_the_close_after_the_last_delivery)
{
	BEGIN_FULL(ONE_DELIVERY);
	close(self->nb);
	self->nb = -1;
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_kill_after_the_last_delivery)
{
	BEGIN(ONE_DELIVERY);
	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));
	self->other = task_leaser(1);
	ASSERT_BLOCKS(self->other);
	ASSERT_WAITS();
	task_kill(&self->other);
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_flush)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_flush_of_returned_records)
{
	BEGIN(LEASES);
	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));
	ASSERT_TRUE(take_records(self->nb, 0, CAPACITY / LEN));
	ASSERT_WAITS();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_a_larger_capacity)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(0, queue_resize(self->nb, CAPACITY + LEN));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, are_notified_of_shutdown)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_NOTIFIED(-EPIPE, POLLERR);
}

TEST_F(writers, are_notified_of_destroy)
{
	BEGIN_FULL(LEASES);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

TEST_F(writers, are_notified_of_more_room)
{
	ONLY_EDGES();
	BEGIN_LEASED(2, LEASES);
	ASSERT_WAITS();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* Leased and returned records make no room. */
TEST_F(writers, are_not_notified_of_calls_that_make_no_room)
{
	int other;

	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	ASSERT_TRUE(dead_letters_are_full());
	BEGIN_FULL(LEASES, .dead_letters = DEAD);
	ASSERT_TRUE(take_records(self->nb, 2, 1));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_RENEW));
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN_LAST));
	other = lease_holder(1);
	close(other);
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(expire_soon(self->nb, 1));
	ASSERT_TRUE(eventually(queue_info(self->nb).expired == 1));
	ASSERT_WAITS_ON();
	ASSERT_EQ(0, queue_set_lease_timeout(self->nb, 0));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

/* Writers are not woken ahead by a lease of a long record, as it makes no room. */
TEST_F(writers, are_not_notified_of_a_lease_of_a_long_record)
{
	BEGIN(LEASES, .capacity = LONG);
	ASSERT_EQ(LONG, put(self->nb, 0, LONG));
	ASSERT_WAITS();
	ASSERT_TRUE(discard(self->nb, LONG));
	ASSERT_WAITS_ON();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

/* Writers of tokens: what this process has it can write back. */

#define BEGIN_FULL_POOL()						\
do {									\
	BEGIN(TOKENS);							\
	ASSERT_TRUE(fill(self->nb, CAPACITY));				\
	ASSERT_WAITS();							\
} while (0)

TEST_F(writers, token_writers_are_notified_of_a_token_that_can_be_written_back)
{
	ONLY_POLLERS();
	BEGIN_FULL_POOL();
	ASSERT_EQ(1, take_tokens(self->nb, 1));
	ASSERT_NOTIFIED(0, WRITABLE);
}

TEST_F(writers, token_writers_are_notified_of_a_flush)
{
	BEGIN_FULL_POOL();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_NOTIFIED(LEN, WRITABLE);
}

TEST_F(writers, token_writers_are_notified_of_shutdown)
{
	BEGIN_FULL_POOL();
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_NOTIFIED(-EPIPE, POLLERR);
}

TEST_F(writers, token_writers_are_notified_of_destroy)
{
	BEGIN_FULL_POOL();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_NOTIFIED(-ENODEV, POLLHUP | POLLERR);
}

/* A new token was refused; then one that was held is written. */
TEST_F(writers, token_writers_are_notified_when_no_refused_write_is_left)
{
	ONLY_POLLERS();
	BEGIN(TOKENS);
	ASSERT_TRUE(fill(self->nb, CAPACITY - 2));
	ASSERT_EQ(2, write(self->nb, "ab", 2));
	ASSERT_EQ(0, fcntl(self->waiter.fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(CAPACITY, take_tokens(self->nb, CAPACITY));
	ASSERT_FAILS(EAGAIN, write(self->waiter.fd, "x", 1));
	ASSERT_WAITS();
	ASSERT_EQ(1, write(self->waiter.fd, "a", 1));
	ASSERT_NOTIFIED(0, WRITABLE);
}

/* fsync: all records that were queued or leased must be settled. */

FIXTURE(fsync) {
	int fd;
	int nb;
	struct task drainer;
};

/* Two records; the first is leased. */
FIXTURE_SETUP(fsync)
{
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	ASSERT_EQ(0, waiter_queue((struct bbuf_create){ LEASES, .dead_letters = DEAD }));
	self->fd = queue_open(QUEUE, O_RDWR);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	self->drainer = task_drainer(self->fd);
	self->drainer.is_thread = true;
	ASSERT_BLOCKS(self->drainer);
}

FIXTURE_TEARDOWN(fsync)
{
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
	queue_destroy(DEAD);
}

#define ASSERT_DRAINED()	ASSERT_RETURNS(0, self->drainer)
#define ASSERT_NOT_DRAINED()	ASSERT_UNDISTURBED(self->drainer)

/* From now on no record is delivered again. */
static int make_mortal(int fd)
{
	return queue_set_max_deliveries(fd, 1);
}

TEST_F(fsync, ends_on_the_last_acknowledgement)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOT_DRAINED();
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_the_acknowledgement_of_all)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_ACK));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_a_rejection)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_the_return_of_the_last_delivery)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(0, make_mortal(self->nb));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_the_expiry_of_the_last_delivery)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(0, make_mortal(self->nb));
	ASSERT_TRUE(expire_soon(self->nb, 2));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_the_close_after_the_last_delivery)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(0, make_mortal(self->nb));
	close(self->nb);
	self->nb = -1;
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_a_flush_of_the_rest)
{
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOT_DRAINED();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_a_flush_of_returned_records)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_NOT_DRAINED();
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_DRAINED();
}

TEST_F(fsync, ends_on_destroy)
{
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, self->drainer);
}

/* Records that are queued again, or leased, do not count as read. */
TEST_F(fsync, does_not_end_on_a_return)
{
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOT_DRAINED();
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	close(lease_holder(1));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(expire_soon(self->nb, 1));
	ASSERT_TRUE(eventually(queue_info(self->nb).expired == 1));
	ASSERT_NOT_DRAINED();
	ASSERT_EQ(0, queue_set_lease_timeout(self->nb, 0));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_DRAINED();
}

BBUF_HARNESS_MAIN
