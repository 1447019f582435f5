// SPDX-License-Identifier: GPL-2.0-only
/* splice and sendfile, into the queue and out of it. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY

FIXTURE(splice) {
	int fd;
	int nb;
	int in;		/* the reading end of an empty O_NONBLOCK pipe */
	int out;	/* its writing end */
};

FIXTURE_SETUP(splice)
{
	int pipe[2];

	ASSERT_EQ(0, device_open(CAPACITY, &self->fd, &self->nb));
	ASSERT_EQ(0, pipe2(pipe, O_NONBLOCK));
	self->in = pipe[0];
	self->out = pipe[1];
}

FIXTURE_TEARDOWN(splice)
{
	close(self->fd);
	close(self->nb);
	close(self->in);
	close(self->out);
}

/* A file that holds n bytes of the pattern. */
static int pattern_file(size_t n)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0 || put(fd, 0, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		return -1;
	return fd;
}

TEST_F(splice, moves_data_from_a_pipe_into_the_queue)
{
	ASSERT_EQ(10000, put(self->out, 0, 10000));
	ASSERT_EQ(10000, splice(self->in, NULL, self->fd, NULL, 10000, 0));
	ASSERT_EQ(10000, queued(self->fd));
	ASSERT_TRUE(take(self->nb, 0, 10000));
}

TEST_F(splice, moves_data_from_the_queue_into_a_pipe)
{
	ASSERT_EQ(10000, put(self->fd, 0, 10000));
	ASSERT_EQ(10000, splice(self->fd, NULL, self->out, NULL, 10000, 0));
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_TRUE(take(self->in, 0, 10000));
}

TEST_F(splice, takes_one_byte_and_leaves_the_rest)
{
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_EQ(1, splice(self->fd, NULL, self->out, NULL, 1, 0));
	ASSERT_EQ(99, queued(self->fd));
	ASSERT_TRUE(take(self->in, 0, 1));
	ASSERT_TRUE(take(self->nb, 1, 99));
}

TEST_F(splice, loses_nothing_if_the_pipe_has_less_room)
{
	long page = sysconf(_SC_PAGESIZE);
	ssize_t n;

	ASSERT_EQ(page, fcntl(self->out, F_SETPIPE_SZ, page));
	ASSERT_EQ(3 * page, put(self->fd, 0, 3 * page));
	n = splice(self->fd, NULL, self->out, NULL, 3 * page, SPLICE_F_NONBLOCK);
	ASSERT_LT(0, n);
	ASSERT_GE(page, n);
	ASSERT_EQ(3 * page - n, queued(self->fd));
	ASSERT_TRUE(take(self->in, 0, n));
	ASSERT_TRUE(take(self->nb, n, 3 * page - n));
}

TEST_F(splice, takes_nothing_if_the_pipe_is_full)
{
	ASSERT_TRUE(fill(self->out, fcntl(self->out, F_GETPIPE_SZ)));
	ASSERT_EQ(100, put(self->fd, 0, 100));
	ASSERT_FAILS(EAGAIN, splice(self->fd, NULL, self->out, NULL, 100, SPLICE_F_NONBLOCK));
	ASSERT_TRUE(take(self->nb, 0, 100));
}

TEST_F(splice, fails_with_EAGAIN_from_an_empty_nonblocking_queue)
{
	ASSERT_FAILS(EAGAIN, splice(self->nb, NULL, self->out, NULL, 100, 0));
}

TEST_F(splice, fails_with_EAGAIN_to_a_full_nonblocking_queue)
{
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(100, put(self->out, 0, 100));
	ASSERT_FAILS(EAGAIN, splice(self->in, NULL, self->nb, NULL, 100, 0));
	ASSERT_TRUE(take(self->in, 0, 100));
}

static long splice_out(struct task *t)
{
	return splice(t->fd, NULL, t->arg[0], NULL, CAPACITY, 0);
}

static long splice_in(struct task *t)
{
	return splice(t->arg[0], NULL, t->arg[1], NULL, t->len, 0);
}

TEST_F(splice, sleeps_from_an_empty_queue_until_a_write)
{
	struct task splicer = {
		.fn = splice_out, .nr = SYS_splice, .fd = self->fd, .arg = { self->out },
	};

	ASSERT_BLOCKS(splicer);
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_RETURNS(10, splicer);
	ASSERT_TRUE(take(self->in, 0, 10));
}

TEST_F(splice, sleeps_to_a_full_queue_until_a_read)
{
	struct task splicer = {
		.fn = splice_in, .nr = SYS_splice, .fd = -1, .len = 100,
		.arg = { self->in, self->fd },
	};

	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_EQ(100, put(self->out, 0, 100));
	ASSERT_BLOCKS(splicer);
	ASSERT_TRUE(discard(self->nb, CAPACITY));
	ASSERT_RETURNS(100, splicer);
	ASSERT_TRUE(take(self->nb, 0, 100));
}

TEST_F(splice, fails_with_EINVAL_if_given_an_offset)
{
	loff_t offset = 0;

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(10, put(self->out, 0, 10));
	ASSERT_FAILS(EINVAL, splice(self->fd, &offset, self->out, NULL, 10, 0));
	ASSERT_FAILS(EINVAL, splice(self->in, NULL, self->fd, &offset, 10, 0));
	ASSERT_TRUE(take(self->in, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

TEST_F(splice, accepts_user_pages_from_vmsplice)
{
	unsigned char buf[10000];
	struct iovec iov = { buf, sizeof(buf) };

	pattern_fill(buf, 0, sizeof(buf));
	ASSERT_EQ(10000, vmsplice(self->out, &iov, 1, 0));
	ASSERT_EQ(10000, splice(self->in, NULL, self->fd, NULL, 10000, 0));
	ASSERT_TRUE(take(self->nb, 0, 10000));
}

TEST_F(splice, tee_fails_with_EINVAL)
{
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_FAILS(EINVAL, tee(self->fd, self->out, 10, 0));
	ASSERT_EQ(10, queued(self->fd));
}

static long sendfile_all(struct task *t)
{
	size_t sent = 0;

	while (sent < t->len) {
		ssize_t n = sendfile(t->arg[1], t->arg[0], NULL, t->len - sent);

		if (n <= 0)
			return -1;
		sent += n;
	}
	return sent;
}

TEST_F(splice, sendfile_moves_a_file_larger_than_the_queue)
{
	struct task sender = {
		.fn = sendfile_all, .nr = SYS_sendfile, .fd = self->fd, .len = 3 * CAPACITY + 1,
	};

	sender.arg[0] = pattern_file(sender.len);
	sender.arg[1] = self->fd;
	ASSERT_LE(0, sender.arg[0]);
	ASSERT_BLOCKS(sender);
	ASSERT_TRUE(take(self->fd, 0, sender.len));
	ASSERT_RETURNS((long)sender.len, sender);
}

TEST_F(splice, sendfile_moves_data_into_a_pipe)
{
	ASSERT_EQ(10000, put(self->fd, 0, 10000));
	ASSERT_EQ(10000, sendfile(self->out, self->fd, NULL, 10000));
	ASSERT_TRUE(take(self->in, 0, 10000));
}

/* Before Linux 6.5 sendfile() reads only from files with a position. */
TEST_F(splice, sendfile_to_a_file_works_or_is_refused)
{
	int file = pattern_file(0);
	ssize_t n;

	ASSERT_LE(0, file);
	ASSERT_EQ(10000, put(self->fd, 0, 10000));
	n = sendfile(file, self->fd, NULL, 10000);
	if (n < 0) {
		ASSERT_EQ(EINVAL, errno);
		ASSERT_TRUE(take(self->nb, 0, 10000));
	} else {
		ASSERT_EQ(10000, n);
		ASSERT_EQ(0, lseek(file, 0, SEEK_SET));
		ASSERT_TRUE(take(file, 0, 10000));
	}
	close(file);
}

BBUF_HARNESS_MAIN
