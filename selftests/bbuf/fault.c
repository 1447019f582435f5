// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that takes its time: while the page of one caller's buffer is being brought in,
 * here by a userfaultfd that nobody serves, the others go on.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define LENGTH		10000	/* of a stalled call: the first pages are there, the last is not */

FIXTURE(fault) {
	int fd;
	int nb;
	int uffd;
	int error;		/* why there is none */
	size_t page;
	unsigned char *buf;	/* LENGTH bytes */
	unsigned char *missing;	/* the page that makes a caller wait */
};

static int watch_page(void *page, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (unsigned long)page, size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0)
		return -1;
	if (!ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &range))
		return uffd;
	close(uffd);
	return -1;
}

FIXTURE_SETUP(fault)
{
	size_t whole;

	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));
	self->page = sysconf(_SC_PAGESIZE);
	whole = (LENGTH + self->page - 1) / self->page * self->page;
	self->buf = mmap(NULL, whole, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	self->missing = self->buf + whole - self->page;
	pattern_fill(self->buf, 0, whole - self->page);
	self->uffd = watch_page(self->missing, self->page);
	self->error = errno;
}

FIXTURE_TEARDOWN(fault)
{
	close(self->uffd);
	close(self->fd);
	close(self->nb);
}

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_USERFAULTFD()						\
do {									\
	if (self->uffd < 0)						\
		SKIP(return, "no userfaultfd: %s", strerror(self->error));\
} while (0)

/* A page fault is served for the address space that has it: the caller is a thread. */
struct call {
	pthread_t thread;
	int fd;
	void *buf;
	bool writes;
	bool done;
	ssize_t value;
};

static void *call_run(void *argument)
{
	struct call *call = argument;

	call->value = call->writes ? write(call->fd, call->buf, LENGTH)
				   : read(call->fd, call->buf, LENGTH);
	store(call->done, true);
	return NULL;
}

/* Starts a call and returns when it waits for the missing page. */
static bool call_stalls(struct call *call, int uffd)
{
	struct pollfd fault = { .fd = uffd, .events = POLLIN };

	return !pthread_create(&call->thread, NULL, call_run, call) &&
	       poll(&fault, 1, DEADLINE_MS) == 1 && !load(call->done);
}

/* Brings the page and returns what the call returned. */
static ssize_t call_finish(struct call *call, int uffd, void *missing, size_t page)
{
	static unsigned char content[1 << 16];
	struct uffdio_copy copy = {
		.dst = (unsigned long)missing, .src = (unsigned long)content, .len = page,
	};

	pattern_fill(content, (unsigned char *)missing - (unsigned char *)call->buf, page);
	if (ioctl(uffd, UFFDIO_COPY, &copy))
		return -1;
	pthread_join(call->thread, NULL);
	return call->value;
}

static int nonblocking_events(int nb)
{
	struct pollfd pollfd = { .fd = nb, .events = POLLIN | POLLOUT };

	return poll(&pollfd, 1, 0) < 0 ? -1 : pollfd.revents;
}

TEST_F(fault, nonblocking_writer_does_not_wait_for_a_stalled_writer)
{
	struct call writer = { .fd = self->fd, .buf = self->buf, .writes = true };
	ssize_t n;

	REQUIRE_USERFAULTFD();
	ASSERT_TRUE(call_stalls(&writer, self->uffd));
	n = put(self->nb, 0, 10);
	if (n < 0) {
		ASSERT_EQ(EAGAIN, errno);
		ASSERT_FALSE(nonblocking_events(self->nb) & POLLOUT);
	}
	ASSERT_FALSE(load(writer.done));
	ASSERT_EQ(LENGTH, call_finish(&writer, self->uffd, self->missing, self->page));
	ASSERT_TRUE(nonblocking_events(self->nb) & POLLOUT);
	if (n == 10) {
		ASSERT_TRUE(take(self->nb, 0, 10));
	}
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(fault, readers_go_on_while_a_writer_is_stalled)
{
	struct call writer = { .fd = self->fd, .buf = self->buf, .writes = true };

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(100, put(self->fd, 50, 100));
	ASSERT_TRUE(call_stalls(&writer, self->uffd));
	ASSERT_TRUE(nonblocking_events(self->nb) & POLLIN);
	ASSERT_TRUE(take(self->nb, 50, 100));
	ASSERT_FALSE(load(writer.done));
	ASSERT_EQ(LENGTH, call_finish(&writer, self->uffd, self->missing, self->page));
	ASSERT_TRUE(take(self->fd, 0, LENGTH));
}

TEST_F(fault, nonblocking_reader_does_not_wait_for_a_stalled_reader)
{
	struct call reader = { .fd = self->fd, .buf = self->buf };
	char byte;

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH, put(self->fd, 0, LENGTH));
	ASSERT_TRUE(call_stalls(&reader, self->uffd));
	ASSERT_FAILS(EAGAIN, read(self->nb, &byte, 1));
	ASSERT_FALSE(nonblocking_events(self->nb) & POLLIN);
	ASSERT_FALSE(load(reader.done));
	ASSERT_EQ(LENGTH, call_finish(&reader, self->uffd, self->missing, self->page));
	ASSERT_TRUE(pattern_matches(self->buf, 0, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

static long poll_readable(struct task *t)
{
	struct pollfd pollfd = { .fd = t->arg[0], .events = POLLIN };

	return poll(&pollfd, 1, -1);
}

TEST_F(fault, a_poller_is_woken_when_a_stalled_reader_leaves_something)
{
	struct call reader = { .fd = self->fd, .buf = self->buf };
	struct task poller = {
		.fn = poll_readable, .nr = SYS_poll, .fd = -1, .arg = { self->nb },
	};

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH + 1, put(self->fd, 0, LENGTH + 1));
	ASSERT_TRUE(call_stalls(&reader, self->uffd));
	ASSERT_TRUE(task_blocks(&poller));
	ASSERT_EQ(LENGTH, call_finish(&reader, self->uffd, self->missing, self->page));
	ASSERT_EQ(1, task_wait(&poller));
}

TEST_F(fault, writers_go_on_while_a_reader_is_stalled)
{
	struct call reader = { .fd = self->fd, .buf = self->buf };

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH, put(self->fd, 0, LENGTH));
	ASSERT_TRUE(call_stalls(&reader, self->uffd));
	ASSERT_TRUE(nonblocking_events(self->nb) & POLLOUT);
	ASSERT_EQ(1000, put(self->nb, 7, 1000));
	ASSERT_EQ(1000, put(self->fd, 1007, 1000));
	ASSERT_FALSE(load(reader.done));
	ASSERT_EQ(LENGTH, call_finish(&reader, self->uffd, self->missing, self->page));
	ASSERT_TRUE(take(self->nb, 7, 2000));
}

TEST_F(fault, a_nonblocking_writer_waits_only_for_its_own_memory)
{
	struct call writer = { .fd = self->nb, .buf = self->buf, .writes = true };

	REQUIRE_USERFAULTFD();
	ASSERT_TRUE(call_stalls(&writer, self->uffd));
	ASSERT_EQ(LENGTH, call_finish(&writer, self->uffd, self->missing, self->page));
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(fault, a_blocking_writer_waits_behind_a_stalled_one)
{
	struct call writer = { .fd = self->fd, .buf = self->buf, .writes = true };
	struct task next = task_writer(self->fd, LENGTH, 100);

	REQUIRE_USERFAULTFD();
	ASSERT_TRUE(call_stalls(&writer, self->uffd));
	ASSERT_TRUE(task_blocks(&next));
	ASSERT_EQ(LENGTH, call_finish(&writer, self->uffd, self->missing, self->page));
	ASSERT_EQ(100, task_wait(&next));
	ASSERT_TRUE(take(self->nb, 0, LENGTH + 100));
}

/* A write that has begun, and waits for a page that never comes. */
static long stall_for_ever(struct task *t)
{
	unsigned char *buf = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t page = t->arg[0];

	if (buf == MAP_FAILED || watch_page(buf + page, page) < 0)
		return -1;
	pattern_fill(buf, 0, page);
	return write(t->fd, buf, LENGTH);
}

TEST_F(fault, a_writer_killed_while_stalled_queues_nothing)
{
	struct task stalled = {
		.fn = stall_for_ever, .nr = SYS_write, .fd = self->fd, .arg = { self->page },
	};
	struct task next = task_writer(self->fd, 0, 100);

	REQUIRE_USERFAULTFD();
	ASSERT_TRUE(task_blocks(&stalled));
	ASSERT_TRUE(task_blocks(&next));
	task_kill(&stalled);
	ASSERT_EQ(100, task_wait(&next));
	ASSERT_TRUE(take(self->nb, 0, 100));
	ASSERT_EQ(0, queued(self->nb));
}

BBUF_HARNESS_MAIN
