// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: what has to wait waits for the device's wakeup, not in a worker thread. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "fixture.h"
#include "named.h"
#include "ring.h"

#define CAPACITY	DEFAULT_CAPACITY
#define WORKER_NAME	"iou-wrk"

/* How many of this process's threads are workers of io_uring. */
static int workers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	char path[64], name[64];
	struct dirent *task;
	int count = 0;

	while (tasks && (task = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", atoi(task->d_name));
		if (proc_field(path, WORKER_NAME, name, sizeof(name)))
			count++;
	}
	if (tasks)
		closedir(tasks);
	return count;
}

#define URING_FIXTURE(subject)						\
FIXTURE(subject) {							\
	int fd;								\
	int nb;								\
	int error;	/* why there is no io_uring */			\
	struct ring ring;						\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));	\
	self->error = ring_open(&self->ring);				\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	if (!self->error)						\
		ring_close(&self->ring);				\
	close(self->fd);						\
	close(self->nb);						\
}

URING_FIXTURE(uring)

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_URING()							\
do {									\
	if (self->error)						\
		SKIP(return, "no io_uring: %s", strerror(-self->error));	\
} while (0)

TEST_F(uring, writes_and_reads)
{
	unsigned char in[1000], out[1000];

	REQUIRE_URING();
	pattern_fill(in, 0, sizeof(in));
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_WRITE, self->fd, in, 1000)));
	ASSERT_EQ(1000, ring_wait(&self->ring));
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_READ, self->fd, out, 1000)));
	ASSERT_EQ(1000, ring_wait(&self->ring));
	ASSERT_TRUE(pattern_matches(out, 0, 1000));
	ASSERT_EQ(0, workers());
}

URING_FIXTURE(uring_call)
SIDES(uring_call);

TEST_F(uring_call, waits_without_a_worker)
{
	const int n = variant->writes ? 1000 : 300;
	unsigned char buf[1000] = { 0 };

	REQUIRE_URING();
	CLOSE_SIDE(CAPACITY);
	if (variant->writes)
		pattern_fill(buf, 0, sizeof(buf));
	ASSERT_EQ(1, ring_submit(&self->ring,
				 request(variant->writes ? IORING_OP_WRITE : IORING_OP_READ,
					 self->fd, buf, sizeof(buf))));
	ASSERT_TRUE(ring_idle(&self->ring));
	ASSERT_EQ(0, workers());
	SERVE_SIDE(0, variant->writes ? CAPACITY : n);
	ASSERT_EQ(n, ring_wait(&self->ring));
	ASSERT_TRUE(variant->writes ? take(self->nb, 0, n) : pattern_matches(buf, 0, n));
	ASSERT_EQ(0, workers());
}

TEST_F(uring, write_longer_than_the_room_is_partial)
{
	static unsigned char in[CAPACITY];

	REQUIRE_URING();
	pattern_fill(in, 0, sizeof(in));
	ASSERT_TRUE(fill(self->fd, CAPACITY - 300));
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_WRITE, self->fd, in, CAPACITY)));
	ASSERT_EQ(300, ring_wait(&self->ring));
	ASSERT_TRUE(discard(self->nb, CAPACITY - 300));
	ASSERT_TRUE(take(self->nb, 0, 300));
}

TEST_F(uring, many_reads_are_each_completed_by_one_write)
{
	unsigned char out[RING_ENTRIES] = { 0 };
	int i;

	REQUIRE_URING();
	for (i = 0; i < RING_ENTRIES; i++)
		ASSERT_EQ(1, ring_submit(&self->ring,
					 request(IORING_OP_READ, self->fd, out + i, 1)));
	for (i = 0; i < RING_ENTRIES; i++) {
		ASSERT_TRUE(ring_idle(&self->ring));
		ASSERT_EQ(1, put(self->fd, 1, 1));
		ASSERT_EQ(1, ring_wait(&self->ring));
	}
	for (i = 0; i < RING_ENTRIES; i++)
		ASSERT_EQ(pattern(1), out[i]);
	ASSERT_EQ(0, workers());
}

TEST_F(uring, cancelled_read_takes_nothing)
{
	unsigned char out[100];
	struct io_uring_sqe cancel = {
		.opcode = IORING_OP_ASYNC_CANCEL, .fd = -1, .addr = (unsigned long)out,
	};
	int results;

	REQUIRE_URING();
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_READ, self->fd, out, 100)));
	ASSERT_EQ(1, ring_submit(&self->ring, cancel));
	results = ring_wait(&self->ring) + ring_wait(&self->ring);
	ASSERT_EQ(-ECANCELED, results);
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_TRUE(ring_idle(&self->ring));
	ASSERT_TRUE(take(self->nb, 0, 100));
}

TEST_F(uring, closed_with_a_pending_read_takes_nothing)
{
	unsigned char out[100];

	REQUIRE_URING();
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_READ, self->fd, out, 100)));
	ring_close(&self->ring);
	/* That cancels what is under way a little later, and only then is the device unused. */
	close(self->fd);
	close(self->nb);
	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_TRUE(take(self->nb, 0, 100));
	ASSERT_EQ(0, ring_open(&self->ring));
}

TEST_F(uring, poll_is_supported)
{
	struct io_uring_sqe poll = request(IORING_OP_POLL_ADD, self->fd, NULL, 0);

	REQUIRE_URING();
	poll.off = 0;
	poll.poll32_events = POLLIN;
	ASSERT_EQ(1, ring_submit(&self->ring, poll));
	ASSERT_TRUE(ring_idle(&self->ring));
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_TRUE(ring_wait(&self->ring) & POLLIN);
}

/* Records with frames. */
FIXTURE(uring_frames) {
	int fd;			/* the default queue */
	int nb;
	int records;		/* a queue of records, framed */
	int plain;		/* the same, without frames */
	int error;		/* why there is no io_uring */
	struct ring ring;
};

FIXTURE_SETUP(uring_frames)
{
	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));
	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, 0, &self->records, &self->plain));
	ASSERT_EQ(0, queue_set_options(self->records, .flags = BBUF_FRAMED));
	self->error = ring_open(&self->ring);
}

FIXTURE_TEARDOWN(uring_frames)
{
	if (!self->error)
		ring_close(&self->ring);
	close(self->fd);
	close(self->nb);
	close(self->records);
	close(self->plain);
	queue_destroy(QUEUE);
}

/*
 * A poll that a write of the same submission completes: then the kernel has work for the task,
 * of which it reminds it as of a signal, and which the call after that write finds pending.
 */
static bool ring_add_work(struct ring *ring, int fd)
{
	static unsigned char byte;
	struct io_uring_sqe poll = request(IORING_OP_POLL_ADD, fd, NULL, 0);

	poll.off = 0;
	poll.poll32_events = POLLIN;
	if (ring_submit(ring, poll) != 1)
		return false;
	ring_add(ring, request(IORING_OP_WRITE, fd, &byte, 1));
	return true;
}

TEST_F(uring_frames, are_all_read_while_task_work_is_pending)
{
	size_t n = 8, len = 1000, i;
	unsigned char frames[8 * BBUF_FRAME_SPACE(1000)];

	REQUIRE_URING();
	for (i = 0; i < n; i++)
		ASSERT_EQ(len, put(self->plain, i, len));
	ASSERT_TRUE(ring_add_work(&self->ring, self->fd));
	ring_add(&self->ring, request(IORING_OP_READ, self->records, frames, sizeof(frames)));
	ASSERT_EQ(2, ring_enter(&self->ring, 2));
	ASSERT_EQ(sizeof(frames), ring_wait_for(&self->ring, frames));
}

/* So many that they don't go in at once. */
TEST_F(uring_frames, are_all_written_while_task_work_is_pending)
{
	static struct { struct bbuf_frame head; __u64 body; } frames[3000];
	size_t i;

	REQUIRE_URING();
	for (i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i].head.len = 1;
	ASSERT_TRUE(ring_add_work(&self->ring, self->fd));
	ring_add(&self->ring, request(IORING_OP_WRITE, self->records, frames, sizeof(frames)));
	ASSERT_EQ(2, ring_enter(&self->ring, 2));
	ASSERT_EQ(sizeof(frames), ring_wait_for(&self->ring, frames));
}

/*
 * There is room for what poll asks for, but not for this record. The kernel tries, polls and
 * tries again: that is not to go round and round, or to end in a worker thread.
 */
TEST_F(uring_frames, wait_without_a_worker_if_a_record_does_not_fit)
{
	static struct { struct bbuf_frame head; unsigned char body[30000]; } frame;
	const size_t queued_before = CAPACITY - sizeof(frame.body) / 2;
	struct ring *ring = &self->ring;

	REQUIRE_URING();
	frame.head.len = sizeof(frame.body);
	pattern_fill(frame.body, 0, sizeof(frame.body));
	ASSERT_EQ(queued_before, put(self->plain, 0, queued_before));
	ASSERT_EQ(1, ring_submit(ring, request(IORING_OP_WRITE, self->records, &frame,
					       sizeof(frame))));
	ASSERT_TRUE(ring_idle(ring));
	ASSERT_EQ(0, workers());
	ASSERT_TRUE(take_record(self->plain, 0, queued_before));
	ASSERT_EQ(sizeof(frame), ring_wait(ring));
	ASSERT_TRUE(take_record(self->plain, 0, sizeof(frame.body)));
	ASSERT_EQ(0, workers());
}

BBUF_HARNESS_MAIN
