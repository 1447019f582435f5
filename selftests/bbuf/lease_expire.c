// SPDX-License-Identifier: GPL-2.0-only
/* Leases as they expire: a record returns when the lease timeout of its reader has passed. */
#include <sys/epoll.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000
#define SOON_MS		30	/* a timeout that is awaited */
#define LATER_MS	2000	/* one before which something else is to happen */
#define LONG_MS		600000

LEASE_FIXTURE(lease_timeout, TWO_DELIVERIES)

TEST_F(lease_timeout, returns_a_record_of_a_live_holder)
{
	unsigned long long lease;
	long start;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));
	start = now_ms();
	lease = lease_take(self->nb, 0, LEN);
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LE(start + SOON_MS - 1, now_ms());
	ASSERT_EQ(1, queue_info(self->fd).returned);
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_RENEW));
	ASSERT_FAILS(ENOENT, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, 0));
	ASSERT_EQ(2, lease_deliveries(self->other, 0, LEN));
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
	ASSERT_LEASES(self->other, 1);
}

TEST_F(lease_timeout, wakes_readers)
{
	struct task reader = task_reader(self->fd, LEN);
	struct task poller = task_poller(self->other, POLLIN);
	int epoll = epoll_on(self->other, EPOLLIN | EPOLLET);

	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->nb, LATER_MS));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_BLOCKS(reader);
	ASSERT_BLOCKS(poller);
	ASSERT_RETURNS(LEN, reader);
	ASSERT_DATA(reader, 0, LEN);
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_TRUE(eventually(epoll_now(epoll) == EPOLLIN));
	close(epoll);
}

TEST_F(lease_timeout, is_restarted_by_renewal)
{
	unsigned long long lease;
	long start;
	int i;

	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, 20 * SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	start = now_ms();
	lease = lease_take(self->nb, 0, LEN);
	for (i = 0; now_ms() < start + 40 * SOON_MS; i++) {
		ASSERT_EQ(1, settle(self->nb, lease, BBUF_RENEW)) {
			TH_LOG("renewed %d times, after %ld ms", i, now_ms() - start);
		}
		pause_ms(SOON_MS);
	}
	ASSERT_EQ(0, queue_info(self->fd).expired);
	start = now_ms();
	ASSERT_EQ(1, settle_all(self->nb, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LE(start + 20 * SOON_MS - 1, now_ms());
	ASSERT_FAILS(ESTALE, settle(self->nb, lease, BBUF_ACK));
}

TEST_F(lease_timeout, is_separate_for_each_lease)
{
	unsigned long long first, second, third;

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, LONG_MS));
	first = lease_take(self->nb, 0, LEN);
	second = lease_take(self->nb, 1, LEN);
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, 0));
	third = lease_take(self->nb, 2, LEN);
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));
	ASSERT_EQ(SOON_MS * NS_PER_MS, queue_info(self->fd).lease_timeout);
	ASSERT_EQ(1, settle(self->nb, second, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_TRUE(RECORDS_ARE(1));
	ASSERT_FAILS(ESTALE, settle(self->nb, second, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, first, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, third, BBUF_ACK));
}

TEST_F(lease_timeout, keeps_many_records_in_order)
{
	ASSERT_TRUE(put_records(self->fd, 0, 50));
	ASSERT_TRUE(take_records(self->nb, 0, 20));
	ASSERT_TRUE(take_records(self->other, 20, 20));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));
	ASSERT_EQ(20, settle_all(self->nb, BBUF_RENEW));
	ASSERT_EQ(20, settle_all(self->other, BBUF_RENEW));
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 40));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, 0));
	ASSERT_TRUE(take_records(self->other, 0, 50));
}

TEST_F(lease_timeout, does_not_apply_to_a_settled_lease)
{
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, LATER_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	pause_ms(LATER_MS + 3 * SOON_MS);
	ASSERT_EQ(0, queue_info(self->fd).expired);
	ASSERT_EQ(1, queue_info(self->fd).returned);
}

TEST_F(lease_timeout, counts_as_a_delivery)
{
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(eventually(queue_info(self->fd).dead_lettered == 1));
	ASSERT_TRUE(take_record(self->dead, 0, LEN));
	ASSERT_TRUE(nothing_queued());
}

TEST_F(lease_timeout, brings_EOF_after_shutdown_with_the_last_delivery)
{
	struct task reader;

	RECREATE_LEASES(RECORD_LEASES, .max_deliveries = 1, .lease_timeout = SOON_MS * NS_PER_MS);
	reader = task_reader(self->fd, LEN);
	ASSERT_EQ(SOON_MS * NS_PER_MS, queue_info(self->fd).lease_timeout);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, LATER_MS));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(reader);
	ASSERT_RETURNS(0, reader);
	ASSERT_EQ(1, queue_info(self->fd).dead_lettered);
}

/* Close, destroy and the module's end with time running. */
TEST_F(lease_timeout, is_cancelled_by_destroy)
{
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, LATER_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	ASSERT_TRUE(take_records(self->other, 1, 1));
	close(self->other);
	self->other = -1;
	ASSERT_EQ(0, queue_destroy(QUEUE));
	pause_ms(LATER_MS + SOON_MS);
	ASSERT_EQ(0, lease_make(RECORD_LEASES, TWO_DELIVERIES));
	LEASES_CLOSE();
	LEASES_OPEN();
	ASSERT_EQ(0, queue_set_lease_timeout_ms(self->fd, SOON_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 1));
	LEASES_CLOSE();
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	pause_ms(2 * SOON_MS);
}

TEST_F(lease_timeout, may_be_centuries)
{
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, -1ULL));
	ASSERT_EQ(-1ULL, queue_info(self->fd).lease_timeout);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	pause_ms(SOON_MS);
	ASSERT_EQ(0, queue_info(self->fd).expired);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
}

TEST_F(lease_timeout, restores_the_counters)
{
	ASSERT_EQ(0, queue_set_lease_timeout(self->fd, NS_PER_MS));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(eventually(queue_info(self->fd).expired == 1));
	ASSERT_TRUE(nothing_was_read(self->fd, 1));
}

BBUF_HARNESS_MAIN
