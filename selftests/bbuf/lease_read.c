// SPDX-License-Identifier: GPL-2.0-only
/* Leases as they are taken: what is read of a queue of records belongs to the file that read it. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"
#include "late.h"
#include "leased.h"
#include "ring.h"

#define CAPACITY	1000
#define ROUNDS		2000	/* of a race */

LEASE_FIXTURE(lease)

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

TEST_F(lease, record_is_neither_POLLIN_nor_POLLOUT)
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

TEST_F(lease, makes_no_room_for_a_waiting_writer)
{
	struct task writer = task_writer(self->fd, 7, LEN);

	ASSERT_EQ(CAPACITY, put(self->nb, 0, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_UNDISTURBED(writer);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_UNDISTURBED(writer);
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN_LAST));
	ASSERT_UNDISTURBED(writer);
	ASSERT_NE(0, lease_take(self->nb, 0, CAPACITY));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(LEN, writer);
	ASSERT_TRUE(RECORDS_ARE(7));
}

/* Ways of reading */

TEST_F(lease, is_taken_by_a_plain_read)
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
	REOPEN_NB();
	ASSERT_TRUE(RECORDS_ARE(1, 2));
}

TEST_F(lease, is_taken_by_splice)
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

TEST_F(lease, is_taken_by_a_read_of_io_uring)
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

TEST_F(lease, is_not_granted_by_an_empty_queue)
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

	ASSERT_BLOCKS(interrupted);
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	ASSERT_TRUE(task_signal(&interrupted));
	ASSERT_RETURNS(-EINTR, interrupted);
	ASSERT_TRUE(put_records(self->nb, 0, 1));
	ASSERT_RETURNS(LEN, first);
	ASSERT_DATA(first, 0, LEN);
	ASSERT_UNDISTURBED(second);
	ASSERT_TRUE(put_records(self->nb, 1, 1));
	ASSERT_RETURNS(LEN, second);
	ASSERT_DATA(second, 1, LEN);
}

TEST_F(lease, ioctl_does_not_wait_with_NOWAIT)
{
	struct bbuf_lease lease = { .flags = BBUF_LEASE_NOWAIT };

	ASSERT_FAILS(EAGAIN, ioctl(self->fd, BBUF_IOC_LEASE, &lease));
	ASSERT_EQ(0, lease.lease);
}

TEST_F(lease, invalid_request_is_refused)
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

TEST_F(lease, needs_a_queue_that_leases_records)
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
TEST_F(lease, is_undone_when_the_reply_faults)
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

/* Memory that is late */

static long read_late(struct task *t)
{
	return late_read(queue_open(QUEUE, O_RDONLY), t->arg[0]);
}

TEST_F(lease, is_not_granted_to_a_reader_killed_during_the_copy)
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
	ASSERT_BLOCKS(reader);
	task_kill(&reader);
	ASSERT_TRUE(eventually(queue_info(self->fd).out.files == 2));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);
	ASSERT_EQ(1, lease_deliveries(self->nb, 0, len));
	ASSERT_EQ(1, lease_deliveries(self->nb, 1, len));
	ASSERT_EQ(0, queue_info(self->fd).returned);
}

/* A reader that copies a returned record does not delay others, and does not lose it to them. */
TEST_F(lease, is_taken_of_a_returned_record_after_a_page_fault)
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
TEST_F(lease, returns_while_a_reader_is_stalled)
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
	REOPEN_NB();
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

TEST_F(lease, frames_do_not_apply_to_writes)
{
	unsigned char buf[BBUF_FRAME_SPACE(LEN)] = { 0 };

	memcpy(buf, &(struct bbuf_frame){ .len = LEN }, sizeof(struct bbuf_frame));
	pattern_fill(buf + sizeof(struct bbuf_frame), 3, LEN);
	ASSERT_EQ(0, set_framed(self->nb));
	ASSERT_EQ(sizeof(buf), write(self->nb, buf, sizeof(buf)));
	ASSERT_TRUE(RECORDS_ARE(3));
}

TEST_F(lease, frames_need_framed_mode_and_a_lease_queue)
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

/* The limit of leases of a file */

LEASE_FIXTURE(max_leases, TWO_DELIVERIES)

TEST_F(max_leases, is_enforced_per_file)
{
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_EQ(0, queue_set_max_leases(self->fd, 3));
	ASSERT_TRUE(put_records(self->fd, 0, 10));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_FAILS(EBUSY, lease_read(self->nb, buf, LEN, &lease));
	ASSERT_EQ(0, lease.lease);
	ASSERT_TRUE(take_records(self->fd, 3, 3));
	ASSERT_FAILS(EBUSY, read(self->fd, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_LEASES(self->nb, 6);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_LEASES(self->nb, 1);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RENEW));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
}

TEST_F(max_leases, defaults_to_1024)
{
	char byte;

	RECREATE_LEASES(.type = BBUF_RECORD, .capacity = 2 * BBUF_MAX_LEASES_DEFAULT);
	ASSERT_EQ(1024, queue_info(self->fd).max_leases);
	while (put(self->nb, 0, 1) == 1)
		continue;
	while (read(self->nb, &byte, 1) == 1)
		continue;
	ASSERT_EQ(EBUSY, errno);
	ASSERT_EQ(1024, queue_info(self->fd).leased_records);
	ASSERT_EQ(1024, settle_all(self->nb, BBUF_ACK));
}

TEST_F(max_leases, is_set_at_creation)
{
	char buf[LEN];

	RECREATE_LEASES(RECORD_LEASES, .max_leases = 1);
	ASSERT_EQ(1, queue_info(self->fd).max_leases);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_LEASES(self->other, 1);
}

TEST_F(max_leases, full_file_gets_ENODEV_after_destroy)
{
	struct bbuf_lease lease;
	char buf[LEN];

	ASSERT_EQ(0, queue_set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENODEV, read(self->nb, buf, LEN));
	ASSERT_FAILS(ENODEV, lease_read(self->nb, buf, LEN, &lease));
}

TEST_F(max_leases, can_change_at_any_time)
{
	char buf[LEN];

	ASSERT_TRUE(put_records(self->fd, 0, 5));
	ASSERT_TRUE(take_records(self->nb, 0, 3));
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 2));
	ASSERT_EQ(2, queue_info(self->fd).max_leases);
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, LEN));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_LEASES(self->nb, 3);
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 3));
	ASSERT_LEASES(self->nb, 4);
	ASSERT_FAILS(EINVAL, queue_set_max_leases(self->fd, 0));
}

TEST_F(max_leases, ends_a_framed_read)
{
	const size_t space = BBUF_LEASE_FRAME_SPACE(LEN);
	char buf[1000];

	ASSERT_EQ(0, queue_set_max_leases(self->fd, 4));
	ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED | BBUF_LEASE_FRAMED));
	ASSERT_TRUE(put_records(self->fd, 0, 7));
	ASSERT_EQ(4 * space, read(self->nb, buf, sizeof(buf)));
	ASSERT_FAILS(EBUSY, read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(space, read(self->nb, buf, sizeof(buf)));
	ASSERT_EQ(4, settle_all(self->nb, BBUF_RETURN));
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 100));
	ASSERT_TRUE(RECORDS_ARE(1, 2, 3, 4, 5, 6));
}

TEST_F(max_leases, full_file_polls_no_data)
{
	struct task poller = task_poller(self->nb, POLLIN);

	ASSERT_EQ(0, queue_set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 3));
	ASSERT_EQ(READABLE, queue_events(self->nb) & READABLE);
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, queue_events(self->nb) & READABLE);
	ASSERT_EQ(READABLE, queue_events(self->other) & READABLE);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_RETURNS(POLLIN, poller);

	ASSERT_LEASES(self->nb, 1);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_RETURN));
	ASSERT_RETURNS(POLLIN, poller);

	ASSERT_LEASES(self->nb, 1);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_REJECT));
	ASSERT_RETURNS(POLLIN, poller);

	ASSERT_LEASES(self->nb, 2);
	ASSERT_TRUE(put_records(self->fd, 3, 1));
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 2));
	ASSERT_RETURNS(POLLIN, poller);
}

TEST_F(max_leases, full_file_gets_an_epoll_edge_when_it_may_lease_again)
{
	int epoll = epoll_on(self->nb, EPOLLIN | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 1));
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	ASSERT_LEASES(self->nb, 0);
	ASSERT_EQ(0, epoll_now(epoll));
	ASSERT_EQ(1, settle(self->nb, 0, BBUF_ACK));
	ASSERT_EQ(EPOLLIN, epoll_now(epoll));
	close(epoll);
}

/* Two threads of one file wait; the first is given what both of them may have. */
TEST_F(max_leases, applies_to_waiting_readers)
{
	struct task first = task_reader(self->fd, LEN), second = task_reader(self->fd, LEN);

	ASSERT_EQ(0, queue_set_max_leases(self->nb, 1));
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_RETURNS(LEN, first);
	ASSERT_RETURNS(-EBUSY, second);
	ASSERT_LEASES(self->other, 1);
}

TEST_F(max_leases, full_file_does_not_delay_others)
{
	struct task first = task_reader(self->fd, LEN), second = task_reader(self->fd, LEN);
	struct task other = task_reader(self->other, LEN);

	ASSERT_EQ(0, fcntl(self->other, F_SETFL, 0));
	ASSERT_EQ(0, queue_set_max_leases(self->nb, 1));
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	ASSERT_BLOCKS(other);
	ASSERT_TRUE(put_records(self->nb, 0, 2));
	ASSERT_RETURNS(LEN, first);
	ASSERT_RETURNS(-EBUSY, second);
	ASSERT_RETURNS(LEN, other);
	ASSERT_DATA(other, 1, LEN);
}

/* Poll by two files that may lease one record each */

LEASE_FIXTURE(lease_poll, .max_leases = 1)

/* Sleep in an epoll instance of its own until data is reported. */
static long wait_exclusively(struct task *t)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, t->arg[0], &event);
	return epoll_wait(epoll, &event, 1, DEADLINE_MS);
}

static struct task task_exclusive(int fd)
{
	return (struct task){ .fn = wait_exclusively, .fd = -1, .nr = SYS_epoll_wait,
			      .arg = { fd } };
}

/* The order of arrival makes no difference. */
TEST_F(lease_poll, full_file_does_not_consume_a_wakeup)
{
	struct task full = task_exclusive(self->nb), able = task_exclusive(self->other);
	struct task *tasks[] = { &full, &able };
	char byte;
	int first;

	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(1, read(self->nb, &byte, 1));
	for (first = 0; first < 2; first++) {
		ASSERT_BLOCKS(*tasks[first]);
		ASSERT_BLOCKS(*tasks[!first]);
		ASSERT_EQ(1, put(self->fd, 1, 1));
		ASSERT_RETURNS(1, able);
		ASSERT_FALSE(task_done(&full));
		task_kill(&full);
		ASSERT_EQ(1, read(self->other, &byte, 1));
		ASSERT_EQ(1, settle(self->other, 0, BBUF_ACK));
	}
}

/* Leases the only record and returns it, again and again. */
static long lease_and_return(struct task *t)
{
	char byte;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (read(t->arg[0], &byte, 1) != 1 || settle(t->arg[0], 0, BBUF_RETURN) != 1)
			return -1;
	}
	return ROUNDS;
}

TEST_F(lease_poll, EOF_is_not_reported_while_the_last_record_is_in_transit)
{
	struct task t = { .fn = lease_and_return, .fd = -1, .nr = SYS_read,
			  .arg = { self->nb } };
	int hangups = 0;

	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_STARTS(t);
	while (!task_done(&t))
		hangups += !!(queue_events(self->other) & POLLHUP);
	ASSERT_RETURNS(ROUNDS, t);
	ASSERT_EQ(0, hangups);
}

TEST_F(lease_poll, peek_of_a_record_is_all_or_nothing)
{
	unsigned char *memory = cliff(ATOMIC_MAX - 1, 0);

	RECREATE_LEASES(.type = BBUF_RECORD, .capacity = ATOMIC_MAX);
	ASSERT_EQ(ATOMIC_MAX, put(self->fd, 0, ATOMIC_MAX));
	ASSERT_FAILS(EFAULT, queue_peek(self->nb, memory, 2 * ATOMIC_MAX));
	ASSERT_FAILS(EFAULT, queue_peek(self->nb, memory, ATOMIC_MAX));
}

BBUF_HARNESS_MAIN
