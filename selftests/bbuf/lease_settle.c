// SPDX-License-Identifier: GPL-2.0-only
/* Leases as they are settled: acknowledged, returned, rejected, or dead-lettered. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000

LEASE_FIXTURE(lease)

/* Acknowledge */

TEST_F(lease, acknowledged_record_is_never_delivered_again)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	REOPEN_NB();
	ASSERT_TRUE(RECORDS_ARE(1));
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

TEST_F(lease, acknowledgement_is_an_EPOLLOUT_edge)
{
	int epoll = epoll_on(self->fd, EPOLLOUT | EPOLLET);

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

TEST_F(lease, return_wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN), holder = task_leaser(1);
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->nb, 0, 1));
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_RETURN));
	ASSERT_RETURNS(LEN, reader);
	ASSERT_DATA(reader, 0, LEN);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN_LAST));

	ASSERT_BLOCKS(holder);
	ASSERT_BLOCKS(reader);
	task_kill(&holder);
	ASSERT_RETURNS(LEN, reader);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));

	ASSERT_LEASES(self->other, 0);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN_LAST));
	ASSERT_RETURNS(LEN, reader);
}

TEST_F(lease, returned_records_go_to_waiting_readers_in_order)
{
	struct task reader[3];
	size_t i;

	ASSERT_TRUE(put_records(self->nb, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		reader[i] = task_reader(self->fd, LEN);
		ASSERT_BLOCKS(reader[i]);
	}
	ASSERT_EQ(3, settle_all(self->nb, BBUF_RETURN));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		ASSERT_RETURNS(LEN, reader[i]);
		ASSERT_DATA(reader[i], i, LEN);
	}
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
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
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
	ASSERT_BLOCKS(data);
	ASSERT_BLOCKS(room);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_RETURNS(POLLIN, data);
	ASSERT_UNDISTURBED(room);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(data);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(POLLOUT, room);
	ASSERT_UNDISTURBED(data);
	task_kill(&data);
}

/* Which leases are settled */

TEST_F(lease, is_settled_in_any_order)
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

TEST_F(lease, is_settled_with_all_others_at_once)
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

TEST_F(lease, cannot_be_settled_by_another_file)
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

TEST_F(lease, is_settled_only_once)
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

TEST_F(lease, stays_valid_when_renewed)
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

/* The limit of deliveries */

LEASE_FIXTURE(max_deliveries, TWO_DELIVERIES)

#define DELIVER_AND(fd, number, how)					\
do {									\
	ASSERT_LEASES(fd, number);					\
	ASSERT_EQ(1, settle(fd, 0, how));				\
} while (0)

TEST_F(max_deliveries, moves_the_record_to_the_dead_letters)
{
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_FALSE(take_record(self->dead, 0, LEN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_EQ(CAPACITY - LEN, put(self->nb, 0, CAPACITY - LEN));
}

TEST_F(max_deliveries, last_delivery_can_be_acknowledged)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_ACK);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queued(self->dead));
}

TEST_F(max_deliveries, counts_returns_of_all_kinds)
{
	struct task holder = task_leaser(1);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_RETURN_LAST);
	DELIVER_AND(self->nb, 0, BBUF_RETURN_LAST);
	ASSERT_TRUE(take_record(self->dead, 0, LEN));

	ASSERT_TRUE(put_records(self->fd, 1, 1));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 1);
	REOPEN_NB();
	ASSERT_TRUE(take_record(self->dead, 1, LEN));

	ASSERT_TRUE(put_records(self->fd, 2, 1));
	DELIVER_AND(self->nb, 2, BBUF_RETURN);
	ASSERT_BLOCKS(holder);
	task_kill(&holder);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 3));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(3, queue_info(self->fd).returned);
}

TEST_F(max_deliveries, drops_and_counts_the_record_without_dead_letters)
{
	RECREATE_LEASES(RECORD_LEASES, .max_deliveries = 1);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_TRUE(take_records(self->nb, 1, 1));
	REOPEN_NB();
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(2, queue_info(self->fd).dead_lettered);
	ASSERT_EQ(0, queue_info(self->fd).dropped_records);
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
}

TEST_F(max_deliveries, can_change_at_any_time)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, queue_set_max_deliveries(self->fd, 0));
	ASSERT_EQ(0, queue_info(self->fd).max_deliveries);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queue_set_max_deliveries(self->fd, 5));
	ASSERT_EQ(5, queue_info(self->fd).max_deliveries);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_set_max_deliveries(self->fd, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

/* Dead letters */

LEASE_FIXTURE(dead_letters, TWO_DELIVERIES)

TEST_F(dead_letters, receive_a_rejected_record)
{
	unsigned long long lease;

	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	lease = lease_take(self->nb, 2, LEN);
	ASSERT_EQ(1, settle(self->nb, lease, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_EQ(3, queue_info(self->fd).dead_lettered);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_REJECT));
	ASSERT_TRUE(RECORDS_ARE(3));
}

TEST_F(dead_letters, are_counted_if_there_is_no_queue_for_them)
{
	RECREATE_LEASES(RECORD_LEASES);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

TEST_F(dead_letters, keep_a_rejected_record_leased_when_full)
{
	ASSERT_EQ(CAPACITY - 2 * LEN, put(self->dead, 0, CAPACITY - 2 * LEN));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_REJECT));
	ASSERT_FAILS(EAGAIN, settle_all(self->nb, BBUF_REJECT));
	ASSERT_EQ(1, queue_info(self->fd).leased_records);
	ASSERT_EQ(2, queue_info(self->fd).dead_lettered);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, CAPACITY - 2 * LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
}

TEST_F(dead_letters, return_the_record_to_the_tail_when_full)
{
	ASSERT_EQ(CAPACITY, put(self->dead, 0, CAPACITY));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN));
	REOPEN_NB();
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(4, lease_deliveries(self->nb, 0, LEN));

	/* There is room again. */
	ASSERT_TRUE(take_record(self->dead, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

/* The same holds for a record that is longer than the capacity of the dead letters. */
TEST_F(dead_letters, lose_no_record_that_is_too_long_for_them)
{
	ASSERT_EQ(0, queue_resize(self->dead, LEN));
	ASSERT_EQ(LEN + 1, put(self->fd, 0, LEN + 1));
	ASSERT_NE(0, lease_take(self->nb, 0, LEN + 1));
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_NE(0, lease_take(self->nb, 0, LEN + 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN + 1));
}

TEST_F(dead_letters, lose_nothing_when_shut_down)
{
	ASSERT_EQ(0, queue_shutdown(self->dead));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_EQ(3, lease_deliveries(self->nb, 0, LEN));
	ASSERT_EQ(0, queue_reopen(self->dead));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

TEST_F(dead_letters, lose_nothing_when_destroyed)
{
	ASSERT_EQ(0, queue_destroy(DEAD));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	DELIVER_AND(self->nb, 0, BBUF_RETURN);
	ASSERT_TRUE(RECORDS_ARE(1, 0));
	ASSERT_STREQ(DEAD, queue_info(self->fd).dead_letters);

	/* One of the same name is another one. */
	close(self->dead);
	ASSERT_EQ(0, dead_make(CAPACITY, 0));
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);
	ASSERT_LEASES(self->nb, 1);
	ASSERT_FAILS(EAGAIN, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(0, queued(self->dead));
	ASSERT_EQ(0, queue_info(self->fd).dead_lettered);
}

TEST_F(dead_letters, wake_their_readers)
{
	int blocking = queue_open(DEAD, O_RDONLY);
	struct task reader = task_reader(blocking, LEN);
	struct task poller = task_poller(self->dead, POLLIN);

	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_RETURNS(LEN, reader);
	ASSERT_DATA(reader, 0, LEN);
	DELIVER_AND(self->nb, 1, BBUF_REJECT);
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	close(blocking);
}

TEST_F(dead_letters, survive_the_last_close)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	LEASES_CLOSE();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, lease_make(RECORD_LEASES, TWO_DELIVERIES));
	LEASES_OPEN();
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
}

TEST_F(dead_letters, may_have_leases_and_dead_letters)
{
	close(self->dead);
	ASSERT_EQ(0, dead_make(CAPACITY, BBUF_LEASE));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	RECREATE_LEASES(RECORD_LEASES, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	DELIVER_AND(self->nb, 0, BBUF_REJECT);
	ASSERT_EQ(1, lease_deliveries(self->dead, 0, LEN));
	ASSERT_EQ(1, settle(self->dead, 0, BBUF_ACK));
}

TEST_F(dead_letters, accept_all_records_with_drop_oldest)
{
	close(self->dead);
	ASSERT_EQ(0, dead_make(2 * LEN, BBUF_DROP_OLDEST));
	RECREATE_LEASES(RECORD_LEASES, .dead_letters = DEAD);
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_REJECT));
	ASSERT_EQ(1, queue_info(self->dead).dropped_records);
	ASSERT_TRUE(take_record(self->dead, 1, LEN));
	ASSERT_TRUE(take_record(self->dead, 2, LEN));
}

TEST_F(dead_letters, are_freed_after_their_source)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, queue_destroy(DEAD));
	ASSERT_FAILS(ENODEV, settle(self->nb, 0, BBUF_REJECT));
	LEASES_CLOSE();
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
}

TEST_F(dead_letters, pin_neither_the_module_nor_a_destroyed_queue)
{
	ASSERT_EQ(0, queue_destroy(DEAD));
	LEASES_CLOSE();
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE, F_OK));
}

TEST_F(dead_letters, are_shown)
{
	ASSERT_STREQ(DEAD, queue_info(self->fd).dead_letters);
	ASSERT_TRUE(sysfs_is("dead_letters", DEAD));
	ASSERT_EQ(2, sysfs_number("max_deliveries"));
	ASSERT_EQ(2, queue_info(self->fd).max_deliveries);
}

/* Valid and invalid limits */

LEASE_FIXTURE(limits, TWO_DELIVERIES)

#define ASSERT_REFUSES(error, ...) \
	ASSERT_EQ(-(error), lease_make(__VA_ARGS__))

TEST_F(limits, are_refused_by_create_if_invalid)
{
	ASSERT_REFUSES(ENOENT, RECORD_LEASES, .dead_letters = QUEUE "-none");
	ASSERT_REFUSES(ENOENT, RECORD_LEASES, .dead_letters = QUEUE);
	ASSERT_REFUSES(EINVAL, RECORD_LEASES, .dead_letters = "default");
	ASSERT_EQ(0, lease_make(RECORD_LEASES, TWO_DELIVERIES));
	ASSERT_EQ(-EINVAL, queue_create(&(struct bbuf_create){
		.name = QUEUE "-2", RECORD_LEASES, .policy = BBUF_LEASE, .dead_letters = QUEUE,
	}));
	ASSERT_REFUSES(EINVAL, RECORD_LEASES, .dead_letters = ".");
	ASSERT_REFUSES(EINVAL, RECORD_LEASES, .dead_letters = "a/b");
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .lease_timeout = 1);
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .max_deliveries = 1);
	ASSERT_REFUSES(EINVAL, .type = BBUF_STREAM, .capacity = CAPACITY, .dead_letters = DEAD);
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = CAPACITY, .max_leases = 1));
	ASSERT_EQ(0, lease_make(RECORD_LEASES, .lease_timeout = -1ULL, .max_leases = -1U,
				.max_deliveries = -1U, .dead_letters = DEAD));
}

/* Neither a name without an end, nor bytes behind it. */
TEST_F(limits, are_refused_by_create_with_an_invalid_name_of_dead_letters)
{
	struct bbuf_create create = {
		.name = QUEUE "-2", RECORD_LEASES, .policy = BBUF_LEASE, .dead_letters = DEAD,
	};

	create.dead_letters[BBUF_NAME_SIZE - 1] = 'x';
	ASSERT_EQ(-EINVAL, queue_create(&create));
	memset(create.dead_letters, 'x', BBUF_NAME_SIZE);
	ASSERT_EQ(-EINVAL, queue_create(&create));
}

TEST_F(limits, are_refused_by_create_without_leases)
{
	static const struct bbuf_create bad[] = {
		{ .name = QUEUE "-2", RECORD_LEASES, .lease_timeout = 1 },
		{ .name = QUEUE "-2", RECORD_LEASES, .max_leases = 1 },
		{ .name = QUEUE "-2", RECORD_LEASES, .max_deliveries = 1 },
		{ .name = QUEUE "-2", RECORD_LEASES, .dead_letters = DEAD },
		{ .name = QUEUE "-2", RECORD_LEASES, .dead_letters = { [1] = 'x' } },
		{ .name = QUEUE "-2", RECORD_LEASES, .policy = BBUF_LEASE | BBUF_DROP_OLDEST },
		{ .name = QUEUE "-2", RECORD_LEASES, .policy = BBUF_LEASE << 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_EQ(-EINVAL, queue_create(&bad[i])) {
			TH_LOG("number %zu", i);
		}
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE "-2", F_OK));
}

TEST_F(limits, are_refused_by_set_if_invalid)
{
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .lease_timeout = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .max_leases = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .max_deliveries = 1));
	ASSERT_FAILS(EINVAL, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy_mask = BBUF_LEASE));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy_mask = BBUF_LEASE, .policy = BBUF_LEASE));
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_EOF_ON_CLOSE));
	ASSERT_EQ(BBUF_EOF_ON_CLOSE | BBUF_LEASE, queue_info(self->fd).policy);
	ASSERT_EQ(0, queue_set_policy(self->fd, 0));
	ASSERT_EQ(BBUF_LEASE, queue_info(self->fd).policy);
}

/* All of it or nothing. */
TEST_F(limits, are_changed_all_or_none)
{
	const unsigned int fields = BBUF_SET_CAPACITY | BBUF_SET_LEASE_TIMEOUT |
				    BBUF_SET_MAX_LEASES | BBUF_SET_MAX_DELIVERIES;
	struct bbuf_info info;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, queue_set(self->fd, .fields = fields, .capacity = LEN,
				      .lease_timeout = 1, .max_leases = 7, .max_deliveries = 8));
	info = queue_info(self->fd);
	ASSERT_EQ(0, info.lease_timeout);
	ASSERT_EQ(BBUF_MAX_LEASES_DEFAULT, info.max_leases);
	ASSERT_EQ(2, info.max_deliveries);
	ASSERT_EQ(0, queue_set(self->fd, .fields = fields, .capacity = 2 * LEN,
			       .lease_timeout = 3, .max_leases = 7, .max_deliveries = 8));
	info = queue_info(self->fd);
	ASSERT_EQ(2 * LEN, info.capacity);
	ASSERT_EQ(3, info.lease_timeout);
	ASSERT_EQ(7, info.max_leases);
	ASSERT_EQ(8, info.max_deliveries);
}

TEST_F(limits, are_refused_by_set_without_leases)
{
	static const unsigned int types[] = { BBUF_RECORD, BBUF_STREAM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		LEASES_CLOSE();
		QUEUE_BEGIN(types[i], CAPACITY, 0);
		self->other = self->dead = -1;
		ASSERT_FAILS(EINVAL, queue_set_lease_timeout_ms(self->fd, 1));
		ASSERT_FAILS(EINVAL, queue_set_max_leases(self->fd, 1));
		ASSERT_FAILS(EINVAL, queue_set_max_deliveries(self->fd, 1));
		ASSERT_EQ(0, queue_info(self->fd).max_leases);
	}
	ASSERT_EQ(0, lease_make(.type = BBUF_STREAM, .capacity = CAPACITY));
	LEASES_CLOSE();
	LEASES_OPEN();
	ASSERT_FAILS(EINVAL, queue_set_lease_timeout_ms(self->fd, 1));
	ASSERT_FAILS(EINVAL, queue_set_max_deliveries(self->fd, 1));
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 5));
}

BBUF_HARNESS_MAIN
