// SPDX-License-Identifier: GPL-2.0-only
/* Data is consumed when it is acknowledged: EOF, fsync, resize, flush and the counters. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000

LEASE_FIXTURE(lease)

/* End of file */

TEST_F(lease, EOF_comes_after_the_last_acknowledgement)
{
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTHING(self->other);
	ASSERT_NOTHING(self->nb);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_NOTHING(self->other);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EOF(self->other);
	ASSERT_EOF(self->nb);
	ASSERT_EOF(self->fd);
	ASSERT_EQ(0, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_EQ(0, lease.lease);
}

TEST_F(lease, EOF_comes_after_returned_records)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_LEASES(self->other, 0);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN_LAST));
	ASSERT_LEASES(self->other, 0);
	ASSERT_NOTHING(self->nb);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_ACK));
	ASSERT_EOF(self->nb);
}

TEST_F(lease, EOF_comes_after_a_rejection)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTHING(self->other);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EOF(self->other);
}

TEST_F(lease, EOF_is_delayed_by_leases_of_others)
{
	struct task reader[3], drainer = task_drainer(self->fd);
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	for (i = 0; i < ARRAY_SIZE(reader); i++) {
		reader[i] = task_reader(self->fd, LEN);
		ASSERT_BLOCKS(reader[i]);
	}
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_UNDISTURBED(reader[i]);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	for (i = 0; i < ARRAY_SIZE(reader); i++)
		ASSERT_RETURNS(0, reader[i]);
	ASSERT_RETURNS(0, drainer);
}

TEST_F(lease, reader_that_comes_after_shutdown_waits_for_EOF)
{
	struct task reader = task_reader(self->fd, LEN);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, reader);
}

TEST_F(lease, poll_reports_EOF_after_the_last_acknowledgement)
{
	struct task poller = task_poller(self->other, POLLIN), hup = task_poller(self->other, 0);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(READABLE | POLLRDHUP, queue_events(self->other));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(POLLRDHUP, queue_events(self->other));
	ASSERT_BLOCKS(poller);
	ASSERT_BLOCKS(hup);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_RETURNS(POLLIN, poller);
	ASSERT_EQ(READABLE | POLLRDHUP, queue_events(self->other));
	ASSERT_FALSE(task_done(&hup));

	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(POLLIN | POLLHUP, poller);
	ASSERT_RETURNS(POLLHUP, hup);
	ASSERT_EQ(EOF_EVENTS, queue_events(self->other));
}

TEST_F(lease, EOF_is_an_epoll_edge)
{
	int epoll = epoll_on(self->other, EPOLLIN | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(EPOLLIN | EPOLLHUP, epoll_now(epoll));
	ASSERT_EQ(0, epoll_now(epoll));
	close(epoll);
}

TEST_F(lease, reopen_cancels_EOF_with_leases_in_flight)
{
	struct task reader = task_reader(self->fd, LEN);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_UNDISTURBED(reader);
	ASSERT_TRUE(put_records(self->nb, 1, 1));
	ASSERT_RETURNS(LEN, reader);
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_ACK));
	ASSERT_NOTHING(self->nb);
}

TEST_F(lease, EOF_comes_again_after_a_reopen)
{
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EOF(self->other);
	ASSERT_EQ(0, queue_reopen(self->fd));
	ASSERT_TRUE(put_records(self->fd, 1, 1));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_NOTHING(self->other);
	REOPEN_NB();
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EOF(self->other);
}

/* fsync */

TEST_F(lease, fsync_ends_with_the_acknowledgement)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_BLOCKS(drainer);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(0, fsync(self->fd));
}

TEST_F(lease, fsync_ends_after_acknowledgements_in_any_order)
{
	struct task drainer = task_drainer(self->fd), late = task_drainer(self->fd);
	unsigned long long lease[3];
	size_t i;

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	for (i = 0; i < ARRAY_SIZE(lease); i++)
		lease[i] = lease_take(self->nb, i, LEN);
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(put_records(self->fd, 3, 1));
	ASSERT_BLOCKS(late);
	ASSERT_EQ(1, settle(self->nb, lease[2], BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, lease[0], BBUF_ACK));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, lease[1], BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
	ASSERT_UNDISTURBED(late);
	ASSERT_LEASES(self->nb, 3);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, late);
}

TEST_F(lease, fsync_ignores_acknowledgement_of_later_records)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(put_records(self->fd, 1, 2));
	ASSERT_TRUE(take_records(self->other, 1, 2));
	ASSERT_EQ(2, settle_all(self->other, BBUF_ACK));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(lease, fsync_waits_for_records_returned_to_the_tail)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_BLOCKS(drainer);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_TRUE(put_records(self->fd, 2, 1));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_LEASES(self->nb, 2);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(2, settle_all(self->nb, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
}

/* Records that were written after the call are not waited for, whatever follows them. */
TEST_F(lease, fsync_does_not_depend_on_later_records)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(put_records(self->fd, 1, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->other, 1);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(lease, fsync_ends_when_the_rest_is_rejected_or_flushed)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->other, 1);
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(lease, fsync_ends_when_interrupted_or_killed)
{
	struct task drainer = task_drainer(self->fd), killed = task_drainer(self->fd);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_BLOCKS(drainer);
	ASSERT_BLOCKS(killed);
	task_kill(&killed);
	ASSERT_TRUE(task_signal(&drainer));
	ASSERT_RETURNS(-EINTR, drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(0, fsync(self->fd));
}

#define LONG_RECORD	(1 << 20)
#define LONG_CAPACITY	(8 * LONG_RECORD)
#define MANY_MEBIBYTES	2049

/* Passes n MiB through the queue, in records of 1 MiB; what is leased stays leased. */
static bool pass_mebibytes(int fd, size_t n)
{
	char *record = calloc(1, LONG_RECORD);
	bool good = record;

	while (good && n--) {
		good = write(fd, record, LONG_RECORD) == LONG_RECORD ||
		       (errno == EAGAIN && !queue_flush(fd) &&
			write(fd, record, LONG_RECORD) == LONG_RECORD);
	}
	free(record);
	return good && !queue_flush(fd);
}

/* The difference of two positions that are 2 GiB apart does not fit into a signed 32-bit number. */

TEST_F(lease, fsync_waits_for_a_lease_while_gigabytes_pass)
{
	struct task drainer;

	RECREATE(BBUF_RECORD, LONG_CAPACITY, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_TRUE(pass_mebibytes(self->nb, MANY_MEBIBYTES));
	drainer = task_drainer(self->fd);
	ASSERT_BLOCKS(drainer);
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(lease, fsync_ends_after_gigabytes_have_passed)
{
	struct task drainer;

	RECREATE(BBUF_RECORD, LONG_CAPACITY, BBUF_LEASE);
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_LEASES(self->nb, 0);
	drainer = task_drainer(self->fd);
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(pass_mebibytes(self->nb, MANY_MEBIBYTES));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(0, fsync(self->fd));
}

/* Resize */

TEST_F(lease, resize_is_limited_by_queued_and_leased_data)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_FAILS(EBUSY, queue_resize(self->fd, 5 * LEN - 1));
	ASSERT_EQ(0, queue_resize(self->fd, 5 * LEN));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_FAILS(EBUSY, queue_resize(self->fd, 4 * LEN - 1));
	ASSERT_EQ(0, queue_resize(self->fd, 4 * LEN));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_FAILS(EBUSY, queue_resize(self->fd, 4 * LEN - 1));
	ASSERT_TRUE(RECORDS_ARE(1, 2, 3, 4));
	ASSERT_EQ(0, queue_resize(self->fd, CAPACITY));
	ASSERT_TRUE(RECORDS_ARE(1, 2, 3, 4));
	ASSERT_TRUE(put_records(self->nb, 5, (CAPACITY - 4 * LEN) / LEN));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
}

/* Wherever in the ring they are, and whatever is still in it between them. */
TEST_F(lease, resize_loses_no_record)
{
	unsigned long long lease[4];
	size_t start, i;

	for (start = 0; start < 40; start++) {
		RECREATE(BBUF_RECORD, 8 * LEN, BBUF_LEASE);
		for (i = 0; i < start; i++) {
			ASSERT_EQ(1 + i % 3, put(self->nb, i, 1 + i % 3));
			ASSERT_NE(0, lease_take(self->nb, i, 1 + i % 3));
			ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
		}
		ASSERT_TRUE(put_records(self->nb, 0, 6));
		for (i = 0; i < ARRAY_SIZE(lease); i++)
			lease[i] = lease_take(self->nb, i, LEN);
		ASSERT_EQ(1, settle(self->nb, lease[1], BBUF_ACK));
		ASSERT_EQ(1, settle(self->nb, lease[2], BBUF_RETURN));
		ASSERT_EQ(0, queue_resize(self->fd, start % 2 ? 5 * LEN : 50 * LEN));
		ASSERT_EQ(1, settle(self->nb, lease[0], BBUF_RETURN));
		ASSERT_EQ(0, queue_resize(self->fd, 7 * LEN));
		ASSERT_EQ(1, settle(self->nb, lease[3], BBUF_RETURN_LAST));
		ASSERT_EQ(0, queue_resize(self->fd, 5 * LEN));
		ASSERT_TRUE(RECORDS_ARE(0, 2, 4, 5, 3));
	}
}

TEST_F(lease, resize_wakes_waiting_writers)
{
	struct task writer = task_writer(self->fd, 7, LEN);

	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_resize(self->nb, CAPACITY + LEN - 1));
	ASSERT_UNDISTURBED(writer);
	ASSERT_EQ(0, queue_resize(self->nb, CAPACITY + LEN));
	ASSERT_RETURNS(LEN, writer);
}

/* Flush */

TEST_F(lease, flush_leaves_leases_alone)
{
	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_LEASES(self->other, 2);
	ASSERT_EQ(1, settle(self->other, 0, BBUF_RETURN));
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_EQ(3 * LEN, queue_info(self->fd).flushed_bytes);
	ASSERT_EQ(2 * LEN, queue_info(self->fd).leased_bytes);
	ASSERT_EQ(0, queue_info(self->fd).bytes);
	ASSERT_EQ(0, queue_info(self->fd).records);
	ASSERT_TRUE(nothing_queued());
	ASSERT_EQ(CAPACITY - 2 * LEN, put(self->nb, 0, CAPACITY - 2 * LEN));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_LEASES(self->nb, 1);
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY - 2 * LEN));
}

TEST_F(lease, flush_lets_writers_proceed)
{
	struct task writer = task_writer(self->fd, 7, LEN);

	ASSERT_TRUE(put_records(self->nb, 0, CAPACITY / LEN));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_UNDISTURBED(writer);
	ASSERT_EQ(0, queue_flush(self->nb));
	ASSERT_RETURNS(LEN, writer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(RECORDS_ARE(1, 7));
}

/* Numbers */

TEST_F(lease, lease_is_not_counted_as_read_before_its_acknowledgement)
{
	struct bbuf_info info;

	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_LEASES(self->other, 3);
	info = queue_info(self->fd);
	ASSERT_EQ(BBUF_LEASE, info.policy);
	ASSERT_EQ(5 * LEN, info.in.bytes);
	ASSERT_EQ(5, info.in.records);
	ASSERT_EQ(0, info.out.bytes);
	ASSERT_EQ(0, info.out.records);
	ASSERT_EQ(LEN, info.bytes);
	ASSERT_EQ(1, info.records);
	ASSERT_EQ(4 * LEN, info.leased_bytes);
	ASSERT_EQ(4, info.leased_records);
	ASSERT_EQ(2, info.leasing_files);
	ASSERT_EQ(0, info.returned);
	ASSERT_EQ(5 * LEN, info.peak);

	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_EQ(1, settle(self->other, 0, BBUF_REJECT));
	info = queue_info(self->fd);
	ASSERT_EQ(LEN, info.out.bytes);		/* without what is dead */
	ASSERT_EQ(1, info.out.records);
	ASSERT_EQ(3 * LEN, info.bytes);
	ASSERT_EQ(3, info.records);
	ASSERT_EQ(0, info.leased_bytes);
	ASSERT_EQ(0, info.leased_records);
	ASSERT_EQ(0, info.leasing_files);
	ASSERT_EQ(2, info.returned);
	ASSERT_EQ(1, info.dead_lettered);
	ASSERT_EQ(0, info.expired);
	ASSERT_EQ(5, info.in.records);
	ASSERT_EQ(0, info.dropped_records);
}

TEST_F(lease, return_restores_the_counters)
{
	ASSERT_TRUE(put_records(self->fd, 0, 4));
	ASSERT_TRUE(take_records(self->nb, 0, 4));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_EQ(2, settle_all(self->nb, BBUF_RETURN));
	ASSERT_TRUE(nothing_was_read(self->fd, 4));
	ASSERT_EQ(4, queue_info(self->fd).returned);
}

TEST_F(lease, record_is_counted_once_after_returns)
{
	struct bbuf_info info;
	int i;

	ASSERT_TRUE(put_records(self->fd, 0, 3));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(take_records(self->nb, 0, 3));
		ASSERT_EQ(3, settle_all(self->nb, BBUF_RETURN));
	}
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(3, settle_all(self->nb, BBUF_ACK));
	info = queue_info(self->fd);
	ASSERT_EQ(3, info.out.records);
	ASSERT_EQ(3 * LEN, info.out.bytes);
	ASSERT_EQ(0, info.records);
	ASSERT_EQ(0, info.bytes);
	ASSERT_EQ(15, info.returned);
}

TEST_F(lease, leases_are_shown_in_sysfs)
{
	struct bbuf_info info;

	ASSERT_EQ(0, queue_set(self->fd, .fields = BBUF_SET_LEASE_TIMEOUT | BBUF_SET_MAX_LEASES |
			       BBUF_SET_MAX_DELIVERIES, .lease_timeout = 3600000000000ULL,
			       .max_leases = 77, .max_deliveries = 88));
	ASSERT_TRUE(put_records(self->fd, 0, 9));
	ASSERT_TRUE(take_records(self->nb, 0, 5));
	ASSERT_TRUE(take_records(self->other, 5, 1));
	ASSERT_TRUE(take_records(self->fd, 6, 1));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_EQ(1, settle(self->fd, 0, BBUF_RETURN));
	info = queue_info(self->fd);
	ASSERT_EQ(4, info.leased_records);
	ASSERT_TRUE(sysfs_is("lease", "1"));
	ASSERT_EQ(info.leased_bytes, sysfs_number("leased_bytes"));
	ASSERT_EQ(info.leased_records, sysfs_number("leased_records"));
	ASSERT_EQ(2, sysfs_number("leasing_files"));
	ASSERT_EQ(2, sysfs_number("returned"));
	ASSERT_EQ(0, sysfs_number("expired"));
	ASSERT_EQ(1, sysfs_number("dead_lettered"));
	ASSERT_EQ(3600000000000ULL, sysfs_number("lease_timeout_ns"));
	ASSERT_EQ(77, sysfs_number("max_leases"));
	ASSERT_EQ(88, sysfs_number("max_deliveries"));
	ASSERT_TRUE(sysfs_is("dead_letters", ""));
	ASSERT_EQ(4 * LEN, sysfs_number("bytes"));
	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_TRUE(sysfs_is("lease", "0"));
	ASSERT_FAILS(ENOENT, access(QUEUE_SYSFS "leased_bytes", F_OK));
}

TEST_F(lease, leases_of_a_file_are_shown_in_fdinfo)
{
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_TRUE(take_records(self->nb, 0, 2));
	ASSERT_TRUE(fdinfo_is(self->nb, "bbuf-leased:\t", "2"));
	ASSERT_TRUE(fdinfo_is(self->other, "bbuf-leased:\t", "0"));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_TRUE(fdinfo_is(self->nb, "bbuf-leased:\t", "1"));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_TRUE(fdinfo_is(self->nb, "bbuf-leased:\t", "0"));
}

BBUF_HARNESS_MAIN
