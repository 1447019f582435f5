// SPDX-License-Identifier: GPL-2.0-only
/* Leases: what was read of a queue of records is gone only when its reader says so. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"
#include "ring.h"

#define CAPACITY	1000

FIXTURE(lease) {
	int fd;		/* blocking */
	int nb;		/* O_NONBLOCK, as the next */
	int other;
};

static int other_open(void)
{
	return queue_open(QUEUE, O_RDWR | O_NONBLOCK);
}

FIXTURE_SETUP(lease)
{
	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, BBUF_LEASE, &self->fd, &self->nb));
	self->other = other_open();
	ASSERT_LE(0, self->other);
}

FIXTURE_TEARDOWN(lease)
{
	close(self->fd);
	close(self->nb);
	close(self->other);
	queue_destroy(QUEUE);
}

/* Leased records */

TEST_F(lease, record_is_hidden_from_other_readers)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->other, 1);
	ASSERT_NOTHING(self->other);
	ASSERT_NOTHING(self->nb);
}

TEST_F(lease, record_counts_against_the_capacity_until_acknowledged)
{
	ASSERT_EQ(CAPACITY - LEN, put(self->nb, 0, CAPACITY - LEN));
	ASSERT_TRUE(put_records(self->nb, 7, 1));
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY - LEN));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(CAPACITY - LEN, put(self->nb, 0, CAPACITY - LEN));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

TEST_F(lease, acknowledged_record_is_never_delivered_again)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	close(self->nb);
	self->nb = other_open();
	ASSERT_TRUE(RECORDS_ARE(1));
}

TEST_F(lease, number_is_never_zero_and_never_repeats)
{
	unsigned long long first, second, again;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	first = lease_take(self->nb, 0, LEN);
	second = lease_take(self->nb, 1, LEN);
	ASSERT_NE(0, first);
	ASSERT_NE(0, second);
	ASSERT_NE(first, second);
	ASSERT_EQ(1, settle(self->nb, first, BBUF_RETURN));
	again = lease_take(self->nb, 0, LEN);
	ASSERT_NE(0, again);
	ASSERT_NE(first, again);
	ASSERT_NE(second, again);
}

TEST_F(lease, record_is_left_out_of_peek_and_FIONREAD)
{
	char buf[2 * LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(LEN + 1, put(self->fd, 1, LEN + 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(LEN + 1, queued(self->nb));
	ASSERT_EQ(LEN + 1, queue_peek(self->nb, buf, sizeof(buf)));
	ASSERT_TRUE(pattern_matches(buf, 1, LEN + 1));
	ASSERT_NE(0, lease_take(self->other, 1, LEN + 1));
	ASSERT_EQ(0, queued(self->nb));
	ASSERT_FAILS(EAGAIN, queue_peek(self->nb, buf, sizeof(buf)));

	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(LEN, queued(self->other));
	ASSERT_EQ(LEN, queue_peek(self->other, buf, sizeof(buf)));
	ASSERT_TRUE(pattern_matches(buf, 0, LEN));
	ASSERT_TRUE(RECORDS_ARE(0));
}

/* Ways of reading */

TEST_F(lease, plain_read_takes_a_lease)
{
	unsigned char buf[LEN];
	struct iovec iov[] = { { buf, 3 }, { buf + 3, LEN - 3 } };

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_record(self->nb, 0, LEN));
	ASSERT_EQ(LEN, readv(self->nb, iov, ARRAY_SIZE(iov)));
	ASSERT_TRUE(pattern_matches(buf, 1, LEN));
	ASSERT_EQ(LEN, preadv2(self->nb, iov, ARRAY_SIZE(iov), -1, RWF_NOWAIT));
	ASSERT_TRUE(pattern_matches(buf, 2, LEN));
	ASSERT_EQ(3, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	close(self->nb);
	self->nb = other_open();
	ASSERT_TRUE(RECORDS_ARE(1, 2));
}

TEST_F(lease, splice_takes_a_lease)
{
	unsigned char buf[2 * LEN];
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(LEN, splice(self->nb, NULL, pipes[1], NULL, sizeof(buf), 0));
	ASSERT_EQ(LEN, read(pipes[0], buf, sizeof(buf)));
	ASSERT_TRUE(pattern_matches(buf, 0, LEN));
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(lease, io_uring_read_takes_a_lease)
{
	unsigned char buf[2 * LEN] = { 0 };
	struct ring ring;
	int error = ring_open(&ring);

	if (error)
		SKIP(return, "no io_uring: %s", strerror(-error));
	ASSERT_EQ(1, ring_submit(&ring, request(IORING_OP_READ, self->fd, buf, sizeof(buf))));
	ASSERT_TRUE(ring_idle(&ring));
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_EQ(LEN, ring_wait(&ring));
	ASSERT_TRUE(pattern_matches(buf, 0, LEN));
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0));
	ring_close(&ring);
}

TEST_F(lease, empty_queue_grants_no_lease)
{
	struct iovec iov = { (char[LEN]){ 0 }, LEN };
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_FAILS(EAGAIN, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_EQ(0, lease.lease);
	ASSERT_FAILS(EAGAIN, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	ASSERT_EQ(0, queue_info(self->nb).leasing_files);
	ASSERT_EQ(0, queue_set_options(self->fd, .read_timeout = 1));
	ASSERT_FAILS(ETIMEDOUT, lease_read(self->fd, buf, LEN, &lease));
}

static long lease_once(struct task *t)
{
	struct bbuf_lease lease;

	return lease_read(t->fd, t->result->data, t->len, &lease);
}

static struct task task_lease(int fd)
{
	return (struct task){ .fn = lease_once, .nr = SYS_ioctl, .fd = fd, .len = LEN };
}

TEST_F(lease, ioctl_waits_like_a_read)
{
	struct task first = task_lease(self->fd), second = task_lease(self->fd);
	struct task interrupted = task_lease(self->fd);

	ASSERT_TRUE(task_blocks(&interrupted));
	ASSERT_TRUE(task_blocks(&first));
	ASSERT_TRUE(task_blocks(&second));
	ASSERT_TRUE(task_signal(&interrupted));
	ASSERT_EQ(-EINTR, task_wait(&interrupted));
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_EQ(LEN, task_wait(&first));
	ASSERT_TRUE(pattern_matches(first.result->data, 0, LEN));
	ASSERT_TRUE(task_undisturbed(&second));
	ASSERT_TRUE(put_records(self->nb, 1, 1));
	ASSERT_EQ(LEN, task_wait(&second));
	ASSERT_TRUE(pattern_matches(second.result->data, 1, LEN));
}

/* Errors in reading: nothing is leased, nothing was delivered. */

TEST_F(lease, record_longer_than_the_buffer_reports_its_length)
{
	struct bbuf_lease lease;
	char buf[2 * LEN];

	ASSERT_EQ(2 * LEN, put(self->fd, 0, 2 * LEN));
	ASSERT_FAILS(EMSGSIZE, lease_read(self->nb, buf, 2 * LEN - 1, &lease));
	ASSERT_EQ(2 * LEN, lease.len);
	ASSERT_EQ(0, lease.lease);
	ASSERT_FAILS(EMSGSIZE, read(self->nb, buf, LEN));
	ASSERT_FAILS(EMSGSIZE, lease_read(self->fd, buf, 0, &lease));
	ASSERT_EQ(2 * LEN, lease.len);
	ASSERT_EQ(2 * LEN, queued(self->nb));
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, 2 * LEN));
}

TEST_F(lease, record_stays_first_when_the_copy_faults)
{
	unsigned char *half = cliff(LEN - 1, 0);
	struct bbuf_lease lease;

	ASSERT_NE(NULL, half);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_FAILS(EFAULT, lease_read(self->nb, half, LEN, &lease));
	ASSERT_FAILS(EFAULT, lease_read(self->fd, NULL, LEN, &lease));
	ASSERT_FAILS(EFAULT, read(self->nb, half, LEN));
	ASSERT_FAILS(EFAULT, read(self->fd, half + LEN - 1, LEN));
	ASSERT_EQ(0, queue_info(self->nb).leased_bytes);
	ASSERT_FAILS(ENOENT, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, LEN));
	ASSERT_LEASES(self->other, 1);
}

/* A record that was returned before is not at the position of the others. */
TEST_F(lease, returned_record_stays_first_when_the_copy_faults)
{
	unsigned char *half = cliff(LEN - 1, 0);
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_FAILS(EFAULT, lease_read(self->nb, half, LEN, &lease));
	ASSERT_FAILS(EFAULT, read(self->fd, half, LEN));
	ASSERT_FAILS(EMSGSIZE, lease_read(self->nb, buf, LEN - 1, &lease));
	ASSERT_EQ(LEN, lease.len);
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LEN));
	ASSERT_LEASES(self->nb, 1);
}

/* Where the answer goes is memory, too. */
TEST_F(lease, lease_is_undone_when_the_reply_faults)
{
	struct bbuf_lease *lease = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char buf[LEN];

	ASSERT_NE(MAP_FAILED, lease);
	*lease = (struct bbuf_lease){ .buffer = (uintptr_t)buf, .size = LEN };
	ASSERT_EQ(0, mprotect(lease, getpagesize(), PROT_READ));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_LEASE, lease));
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_FAILS(ENOENT, settle(self->nb, 0, BBUF_ACK));
	ASSERT_TRUE(RECORDS_ARE(0));
}

/* Return */

TEST_F(lease, returned_record_goes_before_later_ones)
{
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(put_records(self->fd, 3, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 3));
}

TEST_F(lease, returned_records_keep_their_order)
{
	unsigned long long lease[5];
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 7));
	for (i = 0; i < ARRAY_SIZE(lease); i++)
		lease[i] = lease_take(i % 2 ? self->nb : self->other, i, LEN);
	ASSERT_EQ(1, settle(self->nb, lease[3], BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(3, 5, 6));
	ASSERT_EQ(1, settle(self->nb, lease[1], BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(1, 3, 5, 6));
	ASSERT_EQ(1, settle(self->other, lease[4], BBUF_RETURN));
	ASSERT_EQ(1, settle(self->other, lease[0], BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0, 1, 3, 4, 5, 6));
	ASSERT_EQ(1, settle(self->other, lease[2], BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 3, 4, 5, 6));
}

TEST_F(lease, record_returned_repeatedly_keeps_its_position)
{
	int i;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	for (i = 1; i < 20; i++) {
		ASSERT_EQ(i, lease_deliveries(i % 2 ? self->nb : self->other, 0, LEN));
		ASSERT_EQ(1, settle(i % 2 ? self->nb : self->other, 0, BBUF_RETURN));
	}
	ASSERT_EQ(20, lease_deliveries(self->fd, 0, LEN));
	ASSERT_EQ(1, lease_deliveries(self->fd, 1, LEN));
}

TEST_F(lease, record_returned_to_the_tail_goes_behind_all_queued)
{
	unsigned long long first, second;

	ASSERT_TRUE(put_records(self->fd, 0, 4));
	first = lease_take(self->nb, 0, LEN);
	second = lease_take(self->nb, 1, LEN);
	ASSERT_EQ(1, settle(self->nb, second, BBUF_RETURN_LAST));
	ASSERT_TRUE(RECORDS_ARE(2, 3, 1));
	ASSERT_TRUE(put_records(self->fd, 4, 1));
	ASSERT_EQ(1, settle(self->nb, first, BBUF_RETURN_LAST));
	ASSERT_TRUE(RECORDS_ARE(2, 3, 1, 4, 0));
	ASSERT_TRUE(put_records(self->fd, 5, 1));
	ASSERT_TRUE(RECORDS_ARE(2, 3, 1, 4, 0, 5));
}

TEST_F(lease, record_returned_to_the_tail_keeps_its_new_position)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_TRUE(put_records(self->fd, 2, 1));
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(1, 0, 2));
}

TEST_F(lease, return_to_the_tail_of_a_full_queue_needs_no_room)
{
	RECREATE(BBUF_RECORD, 3 * LEN, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->nb, 0, 3));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_TRUE(RECORDS_ARE(1, 2, 0));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

/* Settle */

TEST_F(lease, leases_are_settled_in_any_order)
{
	unsigned long long lease[4];
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 4));
	for (i = 0; i < ARRAY_SIZE(lease); i++)
		lease[i] = lease_take(self->nb, i, LEN);
	ASSERT_EQ(1, settle(self->nb, lease[2], BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, lease[0], BBUF_ACK));
	ASSERT_EQ(2, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, settle(self->nb, lease[3], BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, lease[1], BBUF_ACK));
	ASSERT_EQ(0, queue_info(self->nb).leased_records);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
}

TEST_F(lease, number_zero_settles_the_oldest_lease)
{
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->nb, 2);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));	/* 1: 0 was leased after it */
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(0, 2));
	ASSERT_FAILS(ENOENT, settle(self->nb, 0, BBUF_RETURN));
}

TEST_F(lease, all_leases_are_settled_at_once)
{
	ASSERT_TRUE(put_records(self->fd, 0, 6));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(take_records(self->other, 3, 2));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_ACK));
	ASSERT_EQ(0, settle_all(self->nb, BBUF_ACK));
	ASSERT_TRUE(RECORDS_ARE(5));
	ASSERT_EQ(2, settle_all(self->other, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(3, 4, 5));
	ASSERT_TRUE(take_records(self->other, 3, 2));
	ASSERT_EQ(2, settle_all(self->other, BBUF_RENEW));
	ASSERT_EQ(2, settle_all(self->other, BBUF_RETURN_LAST));
	ASSERT_TRUE(RECORDS_ARE(5, 3, 4));
}

TEST_F(lease, lease_cannot_be_settled_by_another_file)
{
	static const enum bbuf_settle_action settle_actions[] = {
		BBUF_ACK, BBUF_RETURN, BBUF_RETURN_LAST, BBUF_REJECT, BBUF_RENEW,
	};
	unsigned long long lease;
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_LEASES(self->other, 1);
	for (i = 0; i < ARRAY_SIZE(settle_actions); i++) {
		ASSERT_FAILS(ESTALE, settle(self->other, lease, settle_actions[i]));
		ASSERT_FAILS(ESTALE, settle(self->nb, NO_SUCH_LEASE, settle_actions[i]));
		ASSERT_FAILS(ENOENT, settle(self->fd, 0, settle_actions[i]));
		ASSERT_EQ(0, settle_all(self->fd, settle_actions[i]));
	}
	ASSERT_EQ(2, queue_info(self->nb).leased_records);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_ACK));
}

TEST_F(lease, lease_is_settled_only_once)
{
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_TRUE(nothing_queued());
}

TEST_F(lease, renewed_lease_stays_valid)
{
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_RENEW));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LEN));
}

TEST_F(lease, invalid_settle_request_is_refused)
{
	struct bbuf_settle bad[] = {
		{ .action = BBUF_RENEW + 1 }, { .action = -1U }, { .flags = 2 }, { .flags = -1U },
		{ .lease = 1, .flags = BBUF_SETTLE_ALL },
	};
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	bad[4].lease = lease_take(self->nb, 0, LEN);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_FAILS(EINVAL, ioctl(self->nb, BBUF_IOC_SETTLE, &bad[i]));
	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_SETTLE, NULL));
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
}

TEST_F(lease, invalid_lease_request_is_refused)
{
	char buf[LEN];
	struct bbuf_lease bad[] = {
		{ .buffer = (uintptr_t)buf, .size = LEN, .lease = 1 },
		{ .buffer = (uintptr_t)buf, .size = LEN, .len = 1 },
		{ .buffer = (uintptr_t)buf, .size = LEN, .deliveries = 1 },
	};
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_FAILS(EINVAL, ioctl(self->nb, BBUF_IOC_LEASE, &bad[i]));
	ASSERT_TRUE(RECORDS_ARE(0));
}

TEST_F(lease, lease_needs_a_queue_that_leases_records)
{
	struct bbuf_lease lease;
	char buf[LEN];

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_FAILS(EINVAL, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_FAILS(EINVAL, settle(self->nb, 0, BBUF_ACK));
	ASSERT_FAILS(EINVAL, settle_all(self->nb, BBUF_RETURN));
	ASSERT_EQ(LEN, queued(self->nb));
	RECREATE(BBUF_STREAM, CAPACITY, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_FAILS(EINVAL, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_FAILS(EINVAL, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(LEN, queued(self->nb));
}

/* Close, by whatever way */

TEST_F(lease, lease_returns_when_the_file_is_closed)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_TRUE(take_records(self->other, 3, 1));
	close(self->nb);
	self->nb = other_open();
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 4));
	close(self->other);
	self->other = other_open();
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 3, 4));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
}

TEST_F(lease, lease_returns_when_the_last_duplicate_is_closed)
{
	int copy = dup(self->nb);

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	close(self->nb);
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_EQ(1, settle(copy, 0, BBUF_RENEW));
	close(copy);
	self->nb = other_open();
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

TEST_F(lease, lease_returns_when_the_last_process_with_the_file_is_killed)
{
	struct task holder = task_holder();

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(task_blocks(&holder));
	close(self->nb);
	self->nb = other_open();
	ASSERT_TRUE(RECORDS_ARE(1));
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->nb).leased_records == 0));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

/* A message that contains a file descriptor. Only the socket refers to the file then. */
static bool file_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { "f", 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1;
}

static int file_receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

TEST_F(lease, lease_moves_with_a_passed_file_descriptor)
{
	int sockets[2], received;
	unsigned long long lease;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_TRUE(file_send(sockets[0], self->nb));
	close(self->nb);
	ASSERT_TRUE(RECORDS_ARE(1));
	received = file_receive(sockets[1]);
	ASSERT_LE(0, received);
	ASSERT_EQ(1, settle(received, lease, BBUF_RENEW));

	/* The file descriptor is in transit again, and its receiver has exited. */
	ASSERT_TRUE(file_send(sockets[0], received));
	close(received);
	ASSERT_TRUE(RECORDS_ARE(1));
	close(sockets[0]);
	close(sockets[1]);
	self->nb = other_open();
	ASSERT_TRUE(eventually(queue_info(self->nb).leased_records == 0));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

TEST_F(lease, lease_can_be_settled_by_any_process_with_the_file)
{
	unsigned long long lease;
	int status;
	pid_t child;

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	child = fork();
	if (!child)
		_exit(settle(self->nb, lease, BBUF_ACK) != 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
}

TEST_F(lease, lease_survives_the_exit_of_other_processes)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	if (!fork())
		_exit(0);
	wait(NULL);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
}

/* Kill */

TEST_F(lease, lease_returns_when_its_holder_is_killed)
{
	struct task holder = task_leaser(2);

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(task_blocks(&holder));
	ASSERT_TRUE(RECORDS_ARE(2));
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->fd).leased_records == 0));
	ASSERT_EQ(2, lease_deliveries(self->nb, 0, LEN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 1, LEN));
	ASSERT_EQ(2, lease_deliveries(self->nb, 2, LEN));
	ASSERT_EQ(3, queue_info(self->fd).returned);
}

static long read_late(struct task *t)
{
	return late_read(queue_open(QUEUE, O_RDONLY), t->arg[0]);
}

TEST_F(lease, reader_killed_during_the_copy_gets_no_lease)
{
	const size_t len = 3 * getpagesize();
	struct task reader = {
		.fn = read_late, .nr = SYS_read, .fd = -1, .stalls = true, .arg = { len },
	};
	struct late late;

	ASSERT_EQ(0, late_map(&late, len));
	late_unmap(&late);
	REQUIRE_USERFAULTFD(&late);
	RECREATE(BBUF_RECORD, 2 * len, BBUF_LEASE);
	ASSERT_EQ(len, put(self->fd, 0, len));
	ASSERT_EQ(len, put(self->fd, 1, len));
	ASSERT_TRUE(task_blocks(&reader));
	task_kill(&reader);
	ASSERT_TRUE(eventually(queue_info(self->fd).out.files == 2));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, len));
	ASSERT_EQ(1, lease_deliveries(self->nb, 1, len));
	ASSERT_EQ(0, queue_info(self->fd).returned);
}

/* A reader that copies a returned record does not delay others, and does not lose it to them. */
TEST_F(lease, requeued_record_is_leased_after_a_page_fault)
{
	struct call reader = { .fd = self->fd };
	const size_t len = 5000;
	struct late late;

	RECREATE(BBUF_RECORD, 2 * len, BBUF_LEASE);
	ASSERT_EQ(0, late_map(&late, len));
	REQUIRE_USERFAULTFD(&late);
	ASSERT_EQ(len, put(self->nb, 0, len));
	ASSERT_TRUE(take_record(self->nb, 0, len));
	ASSERT_TRUE(put_records(self->nb, 1, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	reader.late = &late;
	reader.fd = self->fd;
	ASSERT_TRUE(call_stalls(&reader));
	ASSERT_FAILS(ENOENT, settle(self->fd, 0, BBUF_ACK));
	ASSERT_EQ(0, settle_all(self->fd, BBUF_RETURN));
	ASSERT_TRUE(put_records(self->nb, 2, 1));
	ASSERT_EQ(len, call_finish(&reader));
	ASSERT_TRUE(pattern_matches(late.buf, 0, len));
	ASSERT_EQ(1, queue_info(self->nb).leased_records);
	ASSERT_TRUE(RECORDS_ARE(1, 2));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, len));
	late_unmap(&late);
}

/* A reader that waits for its memory has nothing yet, so it takes what is first afterwards. */
TEST_F(lease, lease_returns_while_a_reader_is_stalled)
{
	struct call reader = { 0 };
	const size_t len = 5000;
	struct late late;

	RECREATE(BBUF_RECORD, 2 * len, BBUF_LEASE);
	ASSERT_EQ(0, late_map(&late, len));
	REQUIRE_USERFAULTFD(&late);
	ASSERT_TRUE(put_records(self->nb, 3, 1));
	ASSERT_EQ(len, put(self->nb, 0, len));
	ASSERT_TRUE(put_records(self->nb, 4, 1));
	ASSERT_LEASES(self->nb, 3);
	reader.late = &late;
	reader.fd = self->fd;
	ASSERT_TRUE(call_stalls(&reader));
	ASSERT_EQ(LEN, queue_info(self->nb).leased_bytes);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(LEN, call_finish(&reader));
	ASSERT_TRUE(pattern_matches(late.buf, 3, LEN));
	ASSERT_EQ(LEN, queue_info(self->nb).leased_bytes);
	ASSERT_TRUE(take_record(self->nb, 0, len));
	ASSERT_TRUE(RECORDS_ARE(4));
	late_unmap(&late);
}

/* Waiting */

TEST_F(lease, return_wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN), holder = task_leaser(1);
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->nb, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_EQ(LEN, task_wait(&reader));
	ASSERT_TRUE(pattern_matches(reader.result->data, 0, LEN));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN_LAST));

	ASSERT_TRUE(task_blocks(&holder));
	ASSERT_TRUE(task_blocks(&reader));
	task_kill(&holder);
	ASSERT_EQ(LEN, task_wait(&reader));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));

	ASSERT_LEASES(self->other, 0);
	ASSERT_TRUE(task_blocks(&reader));
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN_LAST));
	ASSERT_EQ(LEN, task_wait(&reader));
}

/* Without the duplicate that a child has of everything. */
static long close_and_read(struct task *t)
{
	close(t->arg[0]);
	return read(t->fd, t->result->data, t->len);
}

TEST_F(lease, close_wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN);

	reader.fn = close_and_read;
	reader.arg[0] = self->nb;
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(task_blocks(&reader));
	close(self->nb);
	self->nb = other_open();
	ASSERT_EQ(LEN, task_wait(&reader));
	ASSERT_TRUE(pattern_matches(reader.result->data, 0, LEN));
}

TEST_F(lease, returned_records_go_to_waiting_readers_in_order)
{
	struct task reader[3];
	size_t i;

	ASSERT_TRUE(put_records(self->nb, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		reader[i] = task_reader(self->fd, LEN);
		ASSERT_TRUE(task_blocks(&reader[i]));
	}
	ASSERT_EQ(3, settle_all(self->nb, BBUF_RETURN));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		ASSERT_EQ(LEN, task_wait(&reader[i]));
		ASSERT_TRUE(pattern_matches(reader[i].result->data, i, LEN));
	}
}

TEST_F(lease, lease_makes_no_room_for_a_waiting_writer)
{
	struct task writer = task_writer(self->fd, 7, LEN);

	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_TRUE(task_blocks(&writer));
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_TRUE(task_undisturbed(&writer));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(task_undisturbed(&writer));
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_TRUE(task_undisturbed(&writer));
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(LEN, task_wait(&writer));
	ASSERT_TRUE(RECORDS_ARE(7));
}

/* Acknowledged out of order, each makes the room it took. */
TEST_F(lease, acknowledgement_in_any_order_makes_room)
{
	unsigned long long lease[10];
	size_t i;

	RECREATE(BBUF_RECORD, 10 * LEN, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->nb, 0, 10));
	for (i = 0; i < ARRAY_SIZE(lease); i++)
		lease[i] = lease_take(self->nb, i, LEN);
	for (i = ARRAY_SIZE(lease); i--; ) {
		ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
		ASSERT_EQ(1, settle(self->nb, lease[i], BBUF_ACK));
		ASSERT_TRUE(put_records(self->nb, 20 + i, 1));
	}
	ASSERT_TRUE(RECORDS_ARE(29, 28, 27, 26, 25, 24, 23, 22, 21, 20));
}

/* poll and epoll */

TEST_F(lease, leased_record_is_neither_POLLIN_nor_POLLOUT)
{
	RECREATE(BBUF_RECORD, LEN, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(READABLE, queue_events(self->nb));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_events(self->nb));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(READABLE, queue_events(self->nb));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(WRITABLE, queue_events(self->nb));
}

TEST_F(lease, return_is_an_EPOLLIN_edge)
{
	int epoll = epoll_on(self->other, EPOLLIN | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, epoll_now(epoll));
	close(self->nb);
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	self->nb = other_open();
	close(epoll);
}

TEST_F(lease, acknowledgement_is_an_EPOLLOUT_edge)
{
	int epoll = epoll_on(self->other, EPOLLOUT | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle_all(self->nb, BBUF_ACK));
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	close(epoll);
}

TEST_F(lease, return_and_acknowledgement_wake_only_their_own_side)
{
	struct task data, room;

	RECREATE(BBUF_RECORD, LEN, BBUF_LEASE);
	data = task_poller(self->fd, POLLIN);
	room = task_poller(self->fd, POLLOUT);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(task_blocks(&data));
	ASSERT_TRUE(task_blocks(&room));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(POLLIN, task_wait(&data));
	ASSERT_TRUE(task_undisturbed(&room));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(task_blocks(&data));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(POLLOUT, task_wait(&room));
	ASSERT_TRUE(task_undisturbed(&data));
	task_kill(&data);
}

/* Framed reads */

#define HEAD		sizeof(struct bbuf_lease_frame)
#define SPACE(len)	((size_t)BBUF_LEASE_FRAME_SPACE(len))

/* The frame at that place, if behind it is that record, and zeros: or one of no bytes. */
static struct bbuf_lease_frame frame_at(const unsigned char *at, size_t position, size_t len)
{
	struct bbuf_lease_frame frame;
	size_t i;

	memcpy(&frame, at, HEAD);
	for (i = HEAD + len; i < SPACE(len); i++)
		if (at[i])
			frame.len = 0;
	if (frame.len != len || !pattern_matches(at + HEAD, position, len))
		frame.len = 0;
	return frame;
}

static int set_framed(int fd)
{
	return queue_set_options(fd, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED);
}

TEST_F(lease, framed_read_leases_many_records)
{
	unsigned char buf[1000], *at = buf;
	struct bbuf_lease_frame frame[4];
	size_t i;

	ASSERT_EQ(0, set_framed(self->nb));
	for (i = 0; i < ARRAY_SIZE(frame); i++)
		ASSERT_EQ(LEN + i, put(self->fd, i, LEN + i));
	ASSERT_EQ(SPACE(LEN) + SPACE(LEN + 1), read(self->nb, buf, SPACE(LEN) + SPACE(LEN + 1)));
	for (i = 0; i < 2; i++) {
		frame[i] = frame_at(at, i, LEN + i);
		ASSERT_EQ(LEN + i, frame[i].len);
		ASSERT_EQ(1, frame[i].deliveries);
		ASSERT_NE(0, frame[i].lease);
		at += SPACE(LEN + i);
	}
	ASSERT_NE(frame[0].lease, frame[1].lease);
	ASSERT_EQ(2, queue_info(self->fd).leased_records);
	ASSERT_EQ(1, settle(self->nb, frame[0].lease, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, frame[1].lease, BBUF_ACK));

	ASSERT_EQ(SPACE(LEN) + SPACE(LEN + 2) + SPACE(LEN + 3), read(self->nb, buf, sizeof(buf)));
	frame[0] = frame_at(buf, 0, LEN);
	frame[2] = frame_at(buf + SPACE(LEN), 2, LEN + 2);
	frame[3] = frame_at(buf + SPACE(LEN) + SPACE(LEN + 2), 3, LEN + 3);
	ASSERT_EQ(LEN, frame[0].len);
	ASSERT_EQ(LEN + 2, frame[2].len);
	ASSERT_EQ(LEN + 3, frame[3].len);
	ASSERT_EQ(2, frame[0].deliveries);
	ASSERT_EQ(1, frame[2].deliveries);
	ASSERT_EQ(1, settle(self->nb, frame[2].lease, BBUF_RETURN));
	close(self->nb);
	self->nb = other_open();
	ASSERT_NE(0, lease_take(self->nb, 0, LEN));
	ASSERT_NE(0, lease_take(self->nb, 2, LEN + 2));
	ASSERT_NE(0, lease_take(self->nb, 3, LEN + 3));
}

TEST_F(lease, framed_read_leases_as_many_as_fit)
{
	unsigned char buf[SPACE(LEN)];

	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_FAILS(EMSGSIZE, read(self->nb, buf, HEAD + LEN - 1));
	ASSERT_FAILS(EMSGSIZE, read(self->nb, buf, HEAD - 1));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_EQ(SPACE(LEN), read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(1, frame_at(buf, 0, LEN).deliveries);
}

TEST_F(lease, framed_read_that_faults_leases_only_the_delivered)
{
	unsigned char *half = cliff(2 * SPACE(LEN), 0);
	size_t missing;

	ASSERT_NE(NULL, half);
	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	for (missing = 0; missing < SPACE(LEN); missing += 8) {
		size_t had = missing ? 1 : 2;

		ASSERT_EQ(had * SPACE(LEN), read(self->nb, half + missing, 4 * SPACE(LEN)));
		ASSERT_EQ(had, queue_info(self->fd).leased_records);
		ASSERT_EQ(LEN, frame_at(half + missing, 0, LEN).len);
		ASSERT_EQ(had, settle_all(self->nb, BBUF_RETURN));
	}
	ASSERT_TRUE(RECORDS_ARE(0, 1, 2, 3));
}

TEST_F(lease, frames_without_lease_numbers_can_be_read)
{
	unsigned char buf[1000];
	struct bbuf_frame frame;

	ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(2 * BBUF_FRAME_SPACE(LEN), read(self->nb, buf, sizeof(buf)));
	memcpy(&frame, buf, sizeof(frame));
	ASSERT_EQ(LEN, frame.len);
	ASSERT_TRUE(pattern_matches(buf + sizeof(frame), 0, LEN));
	ASSERT_EQ(2, queue_info(self->fd).leased_records);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(1));
}

TEST_F(lease, lease_frames_do_not_apply_to_writes)
{
	unsigned char buf[BBUF_FRAME_SPACE(LEN)] = { 0 };

	memcpy(buf, &(struct bbuf_frame){ .len = LEN }, sizeof(struct bbuf_frame));
	pattern_fill(buf + sizeof(struct bbuf_frame), 3, LEN);
	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_EQ(sizeof(buf), write(self->nb, buf, sizeof(buf)));
	ASSERT_TRUE(RECORDS_ARE(3));
}

TEST_F(lease, lease_frames_need_framed_mode_and_a_lease_queue)
{
	struct bbuf_options options;

	ASSERT_FAILS(EINVAL, queue_set_options(self->nb, .flags = BBUF_LEASE_FRAMED));
	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_EQ(0, ioctl(self->nb, BBUF_IOC_GET_OPTIONS, &options));
	ASSERT_EQ(BBUF_FRAMED | BBUF_LEASE_FRAMED, options.flags);
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_FAILS(EINVAL, set_framed(self->nb));
	RECREATE(BBUF_STREAM, CAPACITY, BBUF_LEASE);
	ASSERT_FAILS(EINVAL, set_framed(self->nb));
}

TEST_F(lease, ioctl_leases_one_record_without_a_frame)
{
	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(RECORDS_ARE(1));
}

/* All of it, at random, beside a list of what there ought to be. */

#define FILES		4
#define STEPS		20000
#define RECORDS		200	/* maximum number at any one time */
#define LONGEST		40

enum place { GONE, QUEUED, LEASED };

/* One record; its number is where it is in the pattern, and says its length. */
struct known {
	enum place place;
	size_t number;
	unsigned long rank;		/* in the queue */
	unsigned long since;		/* when it was leased */
	unsigned int deliveries;
	int holder;
	unsigned long long lease;
};

struct model {
	struct known known[RECORDS];
	size_t numbers;
	unsigned long clock;
	size_t bytes;		/* queued or leased */
};

static size_t length_of(const struct known *k)
{
	return 1 + k->number * 7 % LONGEST;
}

/* The next record to be read, or NULL. */
static struct known *model_first(struct model *m)
{
	struct known *first = NULL;
	size_t i;

	for (i = 0; i < RECORDS; i++)
		if (m->known[i].place == QUEUED && (!first || m->known[i].rank < first->rank))
			first = &m->known[i];
	return first;
}

/* That file's lease after that time which it has had longest, or NULL. */
static struct known *model_held(struct model *m, int file, unsigned long after)
{
	struct known *oldest = NULL;
	size_t i;

	for (i = 0; i < RECORDS; i++) {
		struct known *k = &m->known[i];

		if (k->place == LEASED && k->holder == file && k->since > after &&
		    (!oldest || k->since < oldest->since))
			oldest = k;
	}
	return oldest;
}

static struct known *model_free(struct model *m)
{
	size_t i;

	for (i = 0; i < RECORDS; i++)
		if (m->known[i].place == GONE)
			return &m->known[i];
	return NULL;
}

static void model_settle(struct model *m, struct known *k, enum bbuf_settle_action action)
{
	if (action == BBUF_RENEW)
		return;
	k->place = QUEUED;
	if (action == BBUF_RETURN_LAST)
		k->rank = ++m->clock;
	if (action == BBUF_ACK || action == BBUF_REJECT) {
		k->place = GONE;
		m->bytes -= length_of(k);
	}
}

static bool step_put(struct model *m, int fd)
{
	struct known *k = model_free(m);

	if (!k)
		return true;
	*k = (struct known){ .number = m->numbers++ };
	if (m->bytes + length_of(k) > CAPACITY)
		return put(fd, k->number, length_of(k)) < 0 && errno == EAGAIN;
	k->place = QUEUED;
	k->rank = ++m->clock;
	m->bytes += length_of(k);
	return put(fd, k->number, length_of(k)) == (ssize_t)length_of(k);
}

static bool step_lease(struct model *m, const int *fd, int file)
{
	struct known *k = model_first(m);
	unsigned char buf[LONGEST];
	struct bbuf_lease lease;
	ssize_t n = lease_read(fd[file], buf, sizeof(buf), &lease);

	if (!k)
		return n < 0 && errno == EAGAIN;
	k->place = LEASED;
	k->holder = file;
	k->since = ++m->clock;
	k->lease = lease.lease;
	return n == (ssize_t)length_of(k) && pattern_matches(buf, k->number, n) &&
	       lease.deliveries == ++k->deliveries;
}

static bool step_settle(struct model *m, const int *fd, int file, enum bbuf_settle_action action,
			unsigned long after)
{
	struct known *k = model_held(m, file, after);

	if (!k)
		return after || (settle(fd[file], 0, action) < 0 && errno == ENOENT);
	model_settle(m, k, action);
	return settle(fd[file], after ? k->lease : 0, action) == 1;
}

static bool step_settle_all(struct model *m, const int *fd, int file,
			    enum bbuf_settle_action action)
{
	struct known *k;
	unsigned long last = 0;
	int n = 0;

	while ((k = model_held(m, file, last))) {
		last = k->since;
		model_settle(m, k, action);
		n++;
	}
	return settle_all(fd[file], action) == n;
}

static bool step_close(struct model *m, int *fd, int file)
{
	struct known *k;

	while ((k = model_held(m, file, 0)))
		model_settle(m, k, BBUF_RETURN);
	close(fd[file]);
	fd[file] = other_open();
	return fd[file] >= 0;
}

static bool step(struct model *m, int *fd, unsigned int *seed)
{
	enum bbuf_settle_action action = rand_r(seed) % (BBUF_RENEW + 1);
	int file = rand_r(seed) % FILES;

	switch (rand_r(seed) % 16) {
	case 0 ... 4:
		return step_put(m, fd[file]);
	case 5 ... 9:
		return step_lease(m, fd, file);
	case 10:
		return step_settle(m, fd, file, action, 0);
	case 11 ... 13:
		return step_settle(m, fd, file, action, m->clock - rand_r(seed) % 20);
	case 14:
		return rand_r(seed) % 8 || step_settle_all(m, fd, file, action);
	default:
		return rand_r(seed) % 8 || step_close(m, fd, file);
	}
}

/* Do the queue's numbers agree? */
static bool model_agrees(struct model *m, int fd)
{
	struct bbuf_info info = queue_info(fd);
	size_t leased = 0, records = 0, i;

	for (i = 0; i < RECORDS; i++) {
		leased += m->known[i].place == LEASED ? length_of(&m->known[i]) : 0;
		records += m->known[i].place == QUEUED;
	}
	return info.leased_bytes == leased && info.bytes == m->bytes - leased &&
	       info.records == records;
}

TEST_F(lease, random_operations_agree_with_a_model)
{
	static struct model model;
	unsigned int seed = time(NULL);
	int fd[FILES], i;

	TH_LOG("seed %u", seed);
	for (i = 0; i < FILES; i++)
		fd[i] = other_open();
	for (i = 0; i < STEPS; i++) {
		ASSERT_TRUE(step(&model, fd, &seed)) {
			TH_LOG("step %d", i);
		}
		ASSERT_TRUE(model_agrees(&model, self->fd)) {
			TH_LOG("step %d", i);
		}
	}
	for (i = 0; i < FILES; i++)
		ASSERT_TRUE(step_close(&model, fd, i));
	while (model_first(&model))
		ASSERT_TRUE(step_lease(&model, fd, 0));
	ASSERT_NOTHING(self->nb);
}

BBUF_HARNESS_MAIN
