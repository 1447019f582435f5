// SPDX-License-Identifier: GPL-2.0-only
/* The order of service: first come, first served, without starvation. */
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	DEFAULT_CAPACITY
#define LINE		4	/* tasks that wait behind each other */

BBUF_FIXTURE(order)

BBUF_FIXTURE(line)
SIDES(line);

#define EACH		10	/* bytes that each of them reads or writes */

#define ASSERT_LINE_BLOCKS(caller)					\
do {									\
	int __i;							\
									\
	CLOSE_SIDE(CAPACITY);						\
	for (__i = 0; __i < LINE; __i++) {				\
		(caller)[__i] = CALLER(EACH * __i, EACH);		\
		ASSERT_BLOCKS((caller)[__i]);				\
	}								\
} while (0)

/* The pattern went to the readers, or came from the writers, in their order. */
#define ASSERT_LINE_IN_ORDER(caller)					\
do {									\
	int __i;							\
									\
	for (__i = 0; __i < LINE && !variant->writes; __i++)		\
		ASSERT_DATA((caller)[__i], EACH * __i, EACH);		\
	if (variant->writes) {						\
		ASSERT_TRUE(discard(self->nb, CAPACITY - EACH * LINE));	\
		ASSERT_TRUE(take(self->nb, 0, EACH * LINE));		\
	}								\
} while (0)

TEST_F(line, is_served_in_order_of_arrival)
{
	struct task caller[LINE];
	int i;

	ASSERT_LINE_BLOCKS(caller);
	for (i = 0; i < LINE; i++) {
		SERVE_SIDE(EACH * i, EACH);
		ASSERT_RETURNS(EACH, caller[i]);
	}
	ASSERT_LINE_IN_ORDER(caller);
}

TEST_F(line, shares_one_event_in_order_of_arrival)
{
	struct task caller[LINE];
	int i;

	ASSERT_LINE_BLOCKS(caller);
	SERVE_SIDE(0, EACH * LINE);
	for (i = 0; i < LINE; i++)
		ASSERT_RETURNS(EACH, caller[i]);
	ASSERT_LINE_IN_ORDER(caller);
}

static bool is_writable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, 0) == 1;
}

TEST_F(order, small_writer_waits_behind_a_big_one_even_if_it_fits)
{
	struct task big = task_writer(self->fd, 0, 100);
	struct task small = task_writer(self->fd, 100, 1);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 10));
	ASSERT_BLOCKS(big);
	ASSERT_BLOCKS(small);
	ASSERT_EQ(CAPACITY - 10, queued(self->fd));
	ASSERT_TRUE(discard(self->nb, 91));
	ASSERT_RETURNS(100, big);
	ASSERT_RETURNS(1, small);
	ASSERT_TRUE(discard(self->nb, CAPACITY - 10 - 91));
	ASSERT_TRUE(take(self->nb, 0, 101));
}

/* Nonblocking writes of a byte that succeed one after the other. */
static int pass(int nb)
{
	int passed = 0;

	while (put(nb, passed, 1) == 1)
		passed++;
	return errno == EAGAIN ? passed : -1;
}

TEST_F(order, nonblocking_writes_bypass_a_waiting_writer_only_once)
{
	struct task waiter = task_writer(self->fd, 0, 6000);

	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	ASSERT_BLOCKS(waiter);
	ASSERT_GE(1, pass(self->nb));
	ASSERT_EQ(0, pass(self->nb));
	ASSERT_FALSE(is_writable(self->nb));
	ASSERT_TRUE(discard(self->nb, 10));
	ASSERT_EQ(0, pass(self->nb));
	ASSERT_TRUE(discard(self->nb, 6000));
	ASSERT_RETURNS(6000, waiter);
	ASSERT_TRUE(is_writable(self->nb));
	ASSERT_EQ(1, put(self->nb, 0, 1));
}

TEST_F(order, nonblocking_writes_bypass_each_waiting_writer_only_once)
{
	struct task waiter[LINE];
	int i;

	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	for (i = 0; i < LINE; i++) {
		waiter[i] = task_writer(self->fd, 0, 6000);
		ASSERT_BLOCKS(waiter[i]);
	}
	ASSERT_GE(LINE, pass(self->nb));
	ASSERT_EQ(0, pass(self->nb));
	for (i = 0; i < LINE; i++)
		task_kill(&waiter[i]);
}

/* A write from memory that must be faulted in first takes another path. */
TEST_F(order, nonblocking_writes_from_untouched_memory_bypass_only_once)
{
	struct task waiter = task_writer(self->fd, 0, 6000);
	long page = sysconf(_SC_PAGESIZE);
	void *fresh = mmap(NULL, LINE * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, passed = 0;

	ASSERT_NE(MAP_FAILED, fresh);
	ASSERT_TRUE(fill(self->fd, CAPACITY - 5000));
	ASSERT_BLOCKS(waiter);
	for (i = 0; i < LINE; i++)
		passed += write(self->nb, fresh + i * page, 1) == 1;
	ASSERT_GE(1, passed);
	task_kill(&waiter);
}

static long nonblocking_writes(struct task *t)
{
	for (;;)
		put(t->fd, 0, 1);
	return 0;
}

TEST_F(order, nonblocking_writers_do_not_starve_a_big_writer)
{
	struct task big = task_writer(self->fd, 0, CAPACITY);
	struct task greedy = { .fn = nonblocking_writes, .fd = self->nb };

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(big);
	ASSERT_STARTS(greedy);
	/* However much room a reader makes, the greedy one gets but a byte of it. */
	ASSERT_TRUE(eventually(({
		if (!task_done(&big))
			discard(self->nb, queued(self->fd));
		task_done(&big);
	})));
	ASSERT_RETURNS(CAPACITY, big);
	task_kill(&greedy);
}

/*
 * The first byte wakes the waiting reader, which needs a while to run: a non-blocking read may take
 * that byte before it does, but not the second one as well.
 */
TEST_F(order, nonblocking_reads_bypass_a_waiting_reader_only_once)
{
	int round;

	for (round = 0; round < 50; round++) {
		struct task waiter = task_reader(self->fd, 1);
		char byte;

		ASSERT_BLOCKS(waiter);
		ASSERT_EQ(1, put(self->fd, 0, 1));
		if (read(self->nb, &byte, 1) == 1) {
			ASSERT_EQ(1, put(self->fd, 1, 1));
			ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
		}
		ASSERT_RETURNS(1, waiter);
		ASSERT_EQ(0, queued(self->fd));
	}
}

/* A task that is woken from now on gets the only processor when this process sleeps, not before. */
static void keep_the_processor(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };
	static cpu_set_t one;

	if (!CPU_COUNT(&one))
		CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) || sched_setscheduler(0, policy, &param))
		ksft_exit_fail_msg("cannot keep the processor: %s\n", strerror(errno));
}

/* Calls of 10 bytes that go at once, one after the other. */
static int times(ssize_t (*call)(int fd, unsigned char *buf), int fd)
{
	unsigned char buf[10] = { 0 };
	int n = 0;

	while (call(fd, buf) > 0)
		n++;
	return errno == EAGAIN ? n : -1;
}

static ssize_t write_10(int fd, unsigned char *buf)
{
	return write(fd, buf, 10);
}

static ssize_t read_10(int fd, unsigned char *buf)
{
	return read(fd, buf, 10);
}

static ssize_t write_10_by_iovec(int fd, unsigned char *buf)
{
	struct iovec vec = { buf, 10 };

	return pwritev2(fd, &vec, 1, -1, RWF_NOWAIT);
}

/* Whether a writer was woken for an empty queue, and cannot run yet. */
static bool writer_is_woken(struct task *writer, int fd, int nb, size_t n)
{
	keep_the_processor(SCHED_OTHER);
	*writer = task_writer(fd, 0, n);
	if (!fill(fd, CAPACITY) || !task_blocks(writer))
		return false;
	keep_the_processor(SCHED_FIFO);
	return discard(nb, CAPACITY);
}

/* The same for a reader that was woken for 100 bytes. */
static bool reader_is_woken(struct task *reader, int fd, size_t n)
{
	keep_the_processor(SCHED_OTHER);
	*reader = task_reader(fd, n);
	if (!task_blocks(reader))
		return false;
	keep_the_processor(SCHED_FIFO);
	return put(fd, 0, 100) == 100;
}

/* The last call takes what is reserved: a non-blocking call may bypass each head once, as above. */
TEST_F(order, running_caller_leaves_what_woken_waiters_need)
{
	struct task writer, reader;

	ASSERT_TRUE(writer_is_woken(&writer, self->fd, self->nb, CAPACITY - 100));
	EXPECT_EQ(11, times(write_10, self->nb));
	ASSERT_TRUE(discard(self->nb, 20));
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(CAPACITY - 100, writer);
	ASSERT_TRUE(discard(self->nb, queued(self->fd)));

	ASSERT_TRUE(reader_is_woken(&reader, self->fd, 50));
	EXPECT_EQ(6, times(read_10, self->nb));
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(40, reader);
}

TEST_F(order, running_reader_takes_all_it_can_if_a_waiter_has_enough)
{
	struct task reader;
	char buf[150];

	ASSERT_TRUE(reader_is_woken(&reader, self->fd, 50));
	ASSERT_EQ(10, put(self->fd, 100, 10));
	/* 60 are not reserved, fewer than the buffer holds; so the waiter is served first. */
	ASSERT_EQ(60, read(self->fd, buf, sizeof(buf)));
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(50, reader);
	ASSERT_DATA(reader, 0, 50);
}

TEST_F(order, running_caller_bypasses_by_no_more_than_half)
{
	struct task writer;
	int n;

	ASSERT_TRUE(writer_is_woken(&writer, self->fd, self->nb, 10));
	n = times(write_10, self->nb);
	EXPECT_LE(CAPACITY / 2, 10 * n);
	EXPECT_GE(CAPACITY / 2 + 20, 10 * n);
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(10, writer);
	EXPECT_LT(0, times(write_10, self->nb));
}

TEST_F(order, running_caller_with_an_iovec_bypasses_by_no_more_than_half)
{
	struct task writer;
	int n;

	ASSERT_TRUE(writer_is_woken(&writer, self->fd, self->nb, 10));
	n = times(write_10_by_iovec, self->nb);
	EXPECT_LE(CAPACITY / 2, 10 * n);
	EXPECT_GE(CAPACITY / 2 + 20, 10 * n);
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(10, writer);
	EXPECT_LT(0, times(write_10_by_iovec, self->nb));
}

/* A task that never leaves the processor to tasks of the normal policy, or -1. */
static pid_t occupy(int processor)
{
	const struct sched_param param = { .sched_priority = 1 };
	pid_t pid = fork();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!sched_setaffinity(0, sizeof(set), &set) &&
		    !sched_setscheduler(0, SCHED_FIFO, &param))
			for (;;)
				;
		_exit(1);
	}
	while (pid > 0 && sched_getscheduler(pid) != SCHED_FIFO)
		if (waitpid(pid, NULL, WNOHANG))
			return -1;
	return pid;
}

TEST_F(order, running_caller_bypasses_a_waiter_of_another_processor_by_no_more_than_the_capacity)
{
	char buf[1024] = "";
	struct task writer;
	long bypassed = 0;
	cpu_set_t set;
	pid_t other;
	int processor;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "there is only one processor");
	keep_the_processor(SCHED_OTHER);
	processor = !sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	writer = task_writer(self->fd, 0, 10);
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, sched_setaffinity(writer.pid, sizeof(set), &set));
	other = occupy(processor);
	ASSERT_LT(0, other);
	keep_the_processor(SCHED_FIFO);
	ASSERT_TRUE(discard(self->nb, CAPACITY));
	while (bypassed < 2 * CAPACITY && write(self->nb, buf, sizeof(buf)) == sizeof(buf)) {
		bypassed += sizeof(buf);
		ASSERT_EQ(sizeof(buf), read(self->nb, buf, sizeof(buf)));
	}
	/* The last one bypassed as any non-blocking call may, once. */
	EXPECT_LT(CAPACITY / 2 + (long)sizeof(buf), bypassed);
	EXPECT_GE(CAPACITY + (long)sizeof(buf), bypassed);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(10, writer);
}

TEST_F(order, running_caller_waits_for_more_than_half)
{
	struct task writer;

	ASSERT_TRUE(writer_is_woken(&writer, self->fd, self->nb, 10));
	ASSERT_EQ(CAPACITY - 10, put(self->fd, 10, CAPACITY - 10));
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(10, writer);
	ASSERT_TRUE(take(self->nb, 0, CAPACITY));
}

TEST_F(order, running_reader_leaves_a_record_to_the_first_waiting_reader)
{
	struct task reader[2];
	unsigned char buf[10];
	int fd, nb, i;

	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, 0, &fd, &nb));
	keep_the_processor(SCHED_OTHER);
	for (i = 0; i < 2; i++) {
		reader[i] = task_reader(fd, 10);
		ASSERT_BLOCKS(reader[i]);
	}
	keep_the_processor(SCHED_FIFO);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(10, put(fd, i, 10));
	/* A non-blocking call would take the last one, too, as above. */
	ASSERT_EQ(0, queue_set_options(fd, .read_timeout = NS_PER_MS));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(10, read_10(fd, buf));
	ASSERT_FAILS(ETIMEDOUT, read_10(fd, buf));
	keep_the_processor(SCHED_OTHER);
	ASSERT_RETURNS(10, reader[0]);
	ASSERT_EQ(10, put(fd, 0, 10));
	ASSERT_RETURNS(10, reader[1]);
	close(nb);
	close(fd);
	ASSERT_EQ(0, queue_destroy(QUEUE));
}

/* A waiter is woken when a long copy begins, and sleeps on if the copy fails in the middle. */

TEST_F(order, long_read_that_fails_leaves_a_writer_waiting)
{
	struct task writer = task_writer(self->fd, CAPACITY, 40000);
	unsigned char *half = cliff(20000, 0);
	ssize_t n;

	ASSERT_NE(NULL, half);
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_BLOCKS(writer);
	n = read(self->nb, half, 40000);
	ASSERT_LT(0, n);
	ASSERT_GE(20000, n);
	ASSERT_TRUE(task_sleeps(&writer));
	ASSERT_EQ(CAPACITY - n, queued(self->nb));
	ASSERT_TRUE(discard(self->nb, 40000 - n));
	ASSERT_RETURNS(40000, writer);
	ASSERT_TRUE(discard(self->nb, CAPACITY - 40000));
	ASSERT_TRUE(take(self->nb, CAPACITY, 40000));
}

TEST_F(order, long_record_that_fails_leaves_a_reader_waiting)
{
	unsigned char *half = cliff(20000, 0);
	struct task reader;
	int fd, nb;

	ASSERT_NE(NULL, half);
	ASSERT_EQ(0, queue_begin(BBUF_RECORD, CAPACITY, 0, &fd, &nb));
	reader = task_reader(fd, 40000);
	ASSERT_BLOCKS(reader);
	ASSERT_FAILS(EFAULT, write(nb, half, 40000));
	ASSERT_TRUE(task_sleeps(&reader));
	ASSERT_LE(1 + (sysconf(_SC_NPROCESSORS_ONLN) > 1), queue_info(fd).out.blocked);
	ASSERT_EQ(40000, put(nb, 7, 40000));
	ASSERT_RETURNS(40000, reader);
	ASSERT_DATA(reader, 7, 40000);
	close(nb);
	close(fd);
	ASSERT_EQ(0, queue_destroy(QUEUE));
}

BBUF_HARNESS_MAIN
