// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to a queue while somebody copies: a reader or a writer whose memory is being
 * brought in, here by a userfaultfd that is served when the test says so.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	10000
#define LENGTH		5000	/* of a stalled call: the first page is there, the last is not */

FIXTURE(stalled) {
	int fd;
	int nb;
	int uffd;
	int error;		/* why there is none */
	size_t page;
	unsigned char *buf;	/* LENGTH bytes */
};

static int watch_page(void *page, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (unsigned long)page, size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &range))
		return uffd;
	close(uffd);
	return -1;
}

FIXTURE_SETUP(stalled)
{
	self->page = sysconf(_SC_PAGESIZE);
	ASSERT_EQ(0, queue_begin(BBUF_STREAM, CAPACITY, 0, &self->fd, &self->nb));
	self->buf = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	pattern_fill(self->buf, 0, self->page);
	self->uffd = watch_page(self->buf + self->page, self->page);
	self->error = errno;
}

FIXTURE_TEARDOWN(stalled)
{
	close(self->uffd);
	close(self->fd);
	close(self->nb);
	queue_destroy(QUEUE);
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
	ssize_t value;		/* or -errno */
};

static void *call_run(void *argument)
{
	struct call *call = argument;
	ssize_t n = call->writes ? write(call->fd, call->buf, LENGTH)
				 : read(call->fd, call->buf, LENGTH);

	call->value = n < 0 ? -errno : n;
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
static ssize_t call_finish(struct call *call, int uffd, size_t page)
{
	static unsigned char content[1 << 16];
	struct uffdio_copy copy = {
		.dst = (unsigned long)call->buf + page, .src = (unsigned long)content, .len = page,
	};

	pattern_fill(content, page, page);
	if (ioctl(uffd, UFFDIO_COPY, &copy))
		return -errno;
	pthread_join(call->thread, NULL);
	return call->value;
}

#define WRITER()	{ .fd = self->fd, .buf = self->buf, .writes = true }
#define READER()	{ .fd = self->fd, .buf = self->buf }
#define ASSERT_STALLS(call)	ASSERT_TRUE(call_stalls(&(call), self->uffd))
#define FINISH(call)		call_finish(&(call), self->uffd, self->page)

static long resize_once(struct task *t)
{
	return queue_resize(t->fd, t->arg[0]);
}

static long flush_once(struct task *t)
{
	return queue_flush(t->fd);
}

static struct task task_resizer(int fd, size_t capacity)
{
	return (struct task){
		.fn = resize_once, .nr = SYS_ioctl, .fd = fd, .arg = { capacity },
	};
}

TEST_F(stalled, writer_is_waited_for_by_a_resize)
{
	struct call writer = WRITER();
	struct task resizer = task_resizer(self->fd, 7000);

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(100, put(self->nb, 50, 100));
	ASSERT_STALLS(writer);
	ASSERT_TRUE(task_blocks(&resizer));
	ASSERT_TRUE(take(self->nb, 50, 100));
	ASSERT_TRUE(task_undisturbed(&resizer));
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_EQ(0, task_wait(&resizer));
	ASSERT_EQ(7000, queue_info(self->fd).capacity);
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(stalled, reader_is_waited_for_by_a_resize)
{
	struct call reader = READER();
	struct task resizer = task_resizer(self->fd, 7000);

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH + 10, put(self->nb, 0, LENGTH + 10));
	ASSERT_STALLS(reader);
	ASSERT_TRUE(task_blocks(&resizer));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->buf, 0, LENGTH));
	ASSERT_EQ(0, task_wait(&resizer));
	ASSERT_TRUE(take(self->nb, LENGTH, 10));
}

TEST_F(stalled, writer_does_not_hold_those_who_are_interrupted)
{
	struct call writer = WRITER();
	struct task resizer = task_resizer(self->fd, 7000);
	struct task flusher = { .fn = flush_once, .nr = SYS_ioctl, .fd = self->fd };

	REQUIRE_USERFAULTFD();
	ASSERT_STALLS(writer);
	ASSERT_TRUE(task_blocks(&resizer));
	ASSERT_TRUE(task_blocks(&flusher));
	ASSERT_TRUE(task_signal(&resizer));
	ASSERT_EQ(-EINTR, task_wait(&resizer));
	task_kill(&flusher);
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_EQ(CAPACITY, queue_info(self->fd).capacity);
	ASSERT_TRUE(take(self->nb, 0, LENGTH));
}

TEST_F(stalled, reader_is_waited_for_by_a_flush)
{
	struct call reader = READER();
	struct task flusher = { .fn = flush_once, .nr = SYS_ioctl, .fd = self->fd };

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH + 10, put(self->nb, 0, LENGTH + 10));
	ASSERT_STALLS(reader);
	ASSERT_TRUE(task_blocks(&flusher));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->buf, 0, LENGTH));
	ASSERT_EQ(0, task_wait(&flusher));
	ASSERT_EQ(10, queue_info(self->fd).flushed_bytes);
}

TEST_F(stalled, reader_lets_nobody_wait_who_said_he_would_not)
{
	struct call reader = READER();

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_FAILS(EAGAIN, queue_flush(self->nb));
	ASSERT_FAILS(EAGAIN, queue_resize(self->nb, 7000));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_EQ(0, queue_resize(self->nb, 7000));
}

/* Whoever is in front: at the end all others are told at once. */
TEST_F(stalled, writer_does_not_hold_up_the_end)
{
	struct call writer = WRITER();
	struct task behind = task_writer(self->fd, 0, 10);
	struct task flusher = { .fn = flush_once, .nr = SYS_ioctl, .fd = self->fd };

	REQUIRE_USERFAULTFD();
	ASSERT_STALLS(writer);
	ASSERT_TRUE(task_blocks(&behind));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(-EPIPE, task_wait(&behind));
	ASSERT_EQ(0, queue_reopen(self->fd));

	ASSERT_TRUE(task_blocks(&behind));
	ASSERT_TRUE(task_blocks(&flusher));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(-ENODEV, task_wait(&behind));
	ASSERT_EQ(-ENODEV, task_wait(&flusher));
	ASSERT_EQ(-ENODEV, FINISH(writer));
}

TEST_F(stalled, reader_does_not_hold_up_the_end)
{
	struct call reader = READER();
	struct task behind = task_reader(self->fd, 10);

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_TRUE(task_blocks(&behind));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(-ENODEV, task_wait(&behind));
	ASSERT_EQ(LENGTH, FINISH(reader));
}

TEST_F(stalled, reader_has_what_peek_would_show)
{
	struct call reader = READER();
	char byte;

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH + 1, put(self->nb, 0, LENGTH + 1));
	ASSERT_STALLS(reader);
	ASSERT_FAILS(EAGAIN, queue_peek(self->nb, &byte, 1));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_EQ(1, queue_peek(self->nb, &byte, 1));
	ASSERT_TRUE(pattern_matches(&byte, LENGTH, 1));
}

/* It can't lose what it is copying, and nobody who drops ever waits: the newest goes. */
TEST_F(stalled, reader_makes_a_recorder_lose_the_newest)
{
	struct call reader;

	REQUIRE_USERFAULTFD();
	BEGIN_ANEW(BBUF_RECORD, CAPACITY, BBUF_DROP_OLDEST);
	reader = (struct call)READER();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_EQ(LENGTH, put(self->nb, LENGTH, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_EQ(20, put(queue_open(QUEUE, O_WRONLY), 0, 20));
	ASSERT_EQ(30, queue_info(self->nb).dropped_bytes);
	ASSERT_EQ(2, queue_info(self->nb).dropped_records);
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->buf, 0, LENGTH));
	ASSERT_TRUE(take_record(self->nb, LENGTH, LENGTH));
	ASSERT_EQ(0, queued(self->nb));
}

TEST_F(stalled, writer_of_a_record_shows_nothing_of_it_before_it_is_whole)
{
	struct call writer;
	char buf[LENGTH];

	REQUIRE_USERFAULTFD();
	BEGIN_ANEW(BBUF_RECORD, CAPACITY, 0);
	writer = (struct call)WRITER();
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queued(self->nb));
	ASSERT_FAILS(EAGAIN, read(self->nb, buf, LENGTH));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 1));
	ASSERT_EQ(LENGTH, FINISH(writer));
	ASSERT_TRUE(take_record(self->nb, 0, LENGTH));
}

TEST_F(stalled, writer_gets_EPIPE_when_the_end_comes_first)
{
	struct call writer = WRITER();
	char byte;

	REQUIRE_USERFAULTFD();
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queue_shutdown(self->nb));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
	ASSERT_EQ(-EPIPE, FINISH(writer));
	ASSERT_EQ(0, read(self->nb, &byte, 1));
}

TEST_F(stalled, writer_gets_ENODEV_when_the_queue_goes_first)
{
	struct call writer = WRITER();

	REQUIRE_USERFAULTFD();
	ASSERT_STALLS(writer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(-ENODEV, FINISH(writer));
}

TEST_F(stalled, reader_ends_when_the_queue_goes_first)
{
	struct call reader = READER();

	REQUIRE_USERFAULTFD();
	ASSERT_EQ(LENGTH, put(self->nb, 0, LENGTH));
	ASSERT_STALLS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(LENGTH, FINISH(reader));
	ASSERT_TRUE(pattern_matches(self->buf, 0, LENGTH));
}

BBUF_HARNESS_MAIN
