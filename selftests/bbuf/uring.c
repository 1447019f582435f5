// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: what has to wait waits for the device's wakeup, not in a worker thread. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define ENTRIES		16
#define WORKER_NAME	"iou-wrk"

/* A ring without a library: the few loads and stores that it takes. */
struct ring {
	int fd;
	struct io_uring_params params;
	unsigned char *queues;
	size_t size;
	struct io_uring_sqe *sqes;
};

static unsigned int *ring_field(struct ring *ring, unsigned int offset)
{
	return (unsigned int *)(ring->queues + offset);
}

static int ring_open(struct ring *ring)
{
	struct io_uring_params *p = &ring->params;
	size_t sq, cq;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, ENTRIES, p);
	if (ring->fd < 0)
		return -errno;
	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	sq = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	ring->size = sq > cq ? sq : cq;
	ring->queues = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, p->sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	return ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED ? -errno : 0;
}

static void ring_close(struct ring *ring)
{
	munmap(ring->queues, ring->size);
	munmap(ring->sqes, ring->params.sq_entries * sizeof(*ring->sqes));
	close(ring->fd);
}

/* Submits one request, named by user_data: 1 if the kernel took it. */
static int ring_submit(struct ring *ring, struct io_uring_sqe request)
{
	unsigned int *tail = ring_field(ring, ring->params.sq_off.tail);
	unsigned int slot = *tail & *ring_field(ring, ring->params.sq_off.ring_mask);

	ring->sqes[slot] = request;
	ring_field(ring, ring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
}

/* Takes a completion if there is one; also gives the kernel occasion to make some. */
static bool ring_peek(struct ring *ring, struct io_uring_cqe *completion)
{
	unsigned int *head = ring_field(ring, ring->params.cq_off.head);
	unsigned int *tail = ring_field(ring, ring->params.cq_off.tail);
	unsigned int mask = *ring_field(ring, ring->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(ring->queues + ring->params.cq_off.cqes);

	syscall(SYS_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*completion = cqes[*head & mask];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The result of the next completion, or -ETIME. */
static int ring_wait(struct ring *ring)
{
	struct io_uring_cqe completion;

	return eventually(ring_peek(ring, &completion)) ? completion.res : -ETIME;
}

static bool ring_idle(struct ring *ring)
{
	struct io_uring_cqe completion;
	int i;

	for (i = 0; i < 3; i++) {
		if (ring_peek(ring, &completion))
			return false;
		pause_ms(1);
	}
	return true;
}

static struct io_uring_sqe request(int opcode, int fd, void *buf, size_t n)
{
	return (struct io_uring_sqe){
		.opcode = opcode, .fd = fd, .addr = (unsigned long)buf, .len = n,
		.off = -1, .user_data = (unsigned long)buf,
	};
}

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

FIXTURE(uring) {
	int fd;
	int nb;
	int error;	/* why there is no io_uring */
	struct ring ring;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));
	self->error = ring_open(&self->ring);
}

FIXTURE_TEARDOWN(uring)
{
	if (!self->error)
		ring_close(&self->ring);
	close(self->fd);
	close(self->nb);
}

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

TEST_F(uring, read_of_an_empty_queue_waits_for_a_write_without_a_worker)
{
	unsigned char out[1000];

	REQUIRE_URING();
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_READ, self->fd, out, 1000)));
	ASSERT_TRUE(ring_idle(&self->ring));
	ASSERT_EQ(0, workers());
	ASSERT_EQ(300, put(self->fd, 0, 300));
	ASSERT_EQ(300, ring_wait(&self->ring));
	ASSERT_TRUE(pattern_matches(out, 0, 300));
	ASSERT_EQ(0, workers());
}

TEST_F(uring, write_to_a_full_queue_waits_for_a_read_without_a_worker)
{
	unsigned char in[1000];

	REQUIRE_URING();
	pattern_fill(in, 0, sizeof(in));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(1, ring_submit(&self->ring, request(IORING_OP_WRITE, self->fd, in, 1000)));
	ASSERT_TRUE(ring_idle(&self->ring));
	ASSERT_EQ(0, workers());
	ASSERT_TRUE(discard(self->fd, CAPACITY));
	ASSERT_EQ(1000, ring_wait(&self->ring));
	ASSERT_TRUE(take(self->nb, 0, 1000));
	ASSERT_EQ(0, workers());
}

TEST_F(uring, write_of_more_than_fits_takes_what_fits)
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
	unsigned char out[ENTRIES] = { 0 };
	int i;

	REQUIRE_URING();
	for (i = 0; i < ENTRIES; i++)
		ASSERT_EQ(1, ring_submit(&self->ring,
					 request(IORING_OP_READ, self->fd, out + i, 1)));
	for (i = 0; i < ENTRIES; i++) {
		ASSERT_TRUE(ring_idle(&self->ring));
		ASSERT_EQ(1, put(self->fd, 1, 1));
		ASSERT_EQ(1, ring_wait(&self->ring));
	}
	for (i = 0; i < ENTRIES; i++)
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

TEST_F(uring, closed_with_a_read_under_way_takes_nothing)
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

TEST_F(uring, polls)
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

BBUF_HARNESS_MAIN
