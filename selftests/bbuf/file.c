// SPDX-License-Identifier: GPL-2.0-only
/* The rest of the file interface. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fixture.h"

#define CAPACITY	DEFAULT_CAPACITY
#define NO_OFFSET	-1	/* preadv2() and pwritev2(): as readv() and writev() */

BBUF_FIXTURE(file)

TEST_F(file, is_a_character_device)
{
	struct stat stat;

	ASSERT_EQ(0, fstat(self->fd, &stat));
	ASSERT_TRUE(S_ISCHR(stat.st_mode));
}

TEST_F(file, has_no_position)
{
	char buf[1] = { 0 };
	struct iovec iov = { .iov_base = buf, .iov_len = 1 };

	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_FAILS(ESPIPE, lseek(self->fd, 0, SEEK_SET));
	ASSERT_FAILS(ESPIPE, lseek(self->fd, 0, SEEK_CUR));
	ASSERT_FAILS(ESPIPE, lseek(self->fd, 0, SEEK_END));
	ASSERT_FAILS(ESPIPE, pread(self->fd, buf, 1, 0));
	ASSERT_FAILS(ESPIPE, pwrite(self->fd, buf, 1, 0));
	ASSERT_FAILS(ESPIPE, preadv(self->fd, &iov, 1, 0));
	ASSERT_FAILS(ESPIPE, pwritev(self->fd, &iov, 1, 0));
	ASSERT_EQ(1, queued(self->fd));
}

TEST_F(file, mmap_is_refused)
{
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 1, PROT_READ, MAP_SHARED, self->fd, 0));
	ASSERT_EQ(ENODEV, errno);
}

TEST_F(file, access_mode_is_enforced)
{
	int in = open(BBUF_DEVICE, O_RDONLY), out = open(BBUF_DEVICE, O_WRONLY);
	char buf[1] = { 0 };

	ASSERT_LE(0, in);
	ASSERT_LE(0, out);
	ASSERT_FAILS(EBADF, write(in, buf, 1));
	ASSERT_FAILS(EBADF, read(out, buf, 1));
	ASSERT_EQ(1, write(out, buf, 1));
	ASSERT_EQ(1, read(in, buf, 1));
	close(in);
	close(out);
}

TEST_F(file, fcntl_sets_O_NONBLOCK)
{
	char buf[1];

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	ASSERT_FAILS(EAGAIN, read(self->fd, buf, 1));
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_FAILS(EAGAIN, put(self->fd, 0, 1));
}

/* ioctl */

TEST_F(file, FIONREAD_returns_the_bytes_queued)
{
	ASSERT_EQ(0, queued(self->fd));
	ASSERT_EQ(1000, put(self->fd, 0, 1000));
	ASSERT_EQ(1000, queued(self->fd));
	ASSERT_TRUE(discard(self->fd, 1));
	ASSERT_EQ(999, queued(self->fd));
	ASSERT_TRUE(fill(self->fd, CAPACITY - 999));
	ASSERT_EQ(CAPACITY, queued(self->fd));
}

TEST_F(file, FIONREAD_to_a_bad_address_fails_with_EFAULT)
{
	ASSERT_FAILS(EFAULT, ioctl(self->fd, FIONREAD, NULL));
}

TEST_F(file, unknown_ioctl_fails_with_ENOTTY)
{
	char buf[64];

	ASSERT_FAILS(ENOTTY, ioctl(self->fd, _IOWR('b', 255, buf), buf));
	ASSERT_FAILS(ENOTTY, ioctl(self->fd, TIOCGWINSZ, buf));
	ASSERT_FAILS(ENOTTY, ioctl(self->fd, 0, 0));
}

/* readv, writev */

TEST_F(file, writev_gathers_and_readv_scatters)
{
	unsigned char in[100], out[100];
	struct iovec gather[] = {
		{ in, 1 }, { in + 1, 0 }, { in + 1, 59 }, { in + 60, 40 },
	};
	struct iovec scatter[] = { { out, 33 }, { out + 33, 66 }, { out + 99, 1 } };

	pattern_fill(in, 0, sizeof(in));
	ASSERT_EQ(100, writev(self->fd, gather, ARRAY_SIZE(gather)));
	ASSERT_EQ(100, readv(self->fd, scatter, ARRAY_SIZE(scatter)));
	ASSERT_TRUE(pattern_matches(out, 0, sizeof(out)));
}

TEST_F(file, writev_accepts_IOV_MAX_iovecs)
{
	static unsigned char in[IOV_MAX];
	struct iovec iov[IOV_MAX];
	int i;

	pattern_fill(in, 0, sizeof(in));
	for (i = 0; i < IOV_MAX; i++)
		iov[i] = (struct iovec){ in + i, 1 };
	ASSERT_EQ(IOV_MAX, writev(self->nb, iov, IOV_MAX));
	ASSERT_TRUE(take(self->nb, 0, IOV_MAX));
}

TEST_F(file, writev_is_atomic_as_a_whole)
{
	unsigned char in[2000] = { 0 };
	struct iovec iov[] = { { in, 2000 }, { in, 2000 } };

	ASSERT_TRUE(fill(self->nb, CAPACITY - 3999));
	ASSERT_FAILS(EAGAIN, writev(self->nb, iov, 2));
	ASSERT_EQ(CAPACITY - 3999, queued(self->nb));
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_EQ(4000, writev(self->nb, iov, 2));
}

TEST_F(file, writev_with_a_bad_iovec_queues_nothing)
{
	unsigned char in[100];
	struct iovec iov[] = { { in, 100 }, { NULL, 100 }, { in, 100 } };
	ssize_t n;

	pattern_fill(in, 0, sizeof(in));
	n = writev(self->fd, iov, ARRAY_SIZE(iov));
	ASSERT_EQ(n < 0 ? 0 : n, queued(self->fd));
	ASSERT_GE(100, n);
	if (n > 0) {
		ASSERT_TRUE(take(self->nb, 0, n));
	}
}

/* RWF_NOWAIT */

TEST_F(file, RWF_NOWAIT_reads_without_sleeping)
{
	unsigned char buf[10];
	struct iovec iov = { buf, sizeof(buf) };

	ASSERT_FAILS(EAGAIN, preadv2(self->fd, &iov, 1, NO_OFFSET, RWF_NOWAIT));
	ASSERT_EQ(3, put(self->fd, 0, 3));
	ASSERT_EQ(3, preadv2(self->fd, &iov, 1, NO_OFFSET, RWF_NOWAIT));
	ASSERT_TRUE(pattern_matches(buf, 0, 3));
}

TEST_F(file, RWF_NOWAIT_writes_without_sleeping)
{
	static unsigned char buf[CAPACITY];
	struct iovec small = { buf, ATOMIC_MAX }, large = { buf, ATOMIC_MAX + 1 };

	ASSERT_TRUE(fill(self->fd, CAPACITY - ATOMIC_MAX + 1));
	ASSERT_FAILS(EAGAIN, pwritev2(self->fd, &small, 1, NO_OFFSET, RWF_NOWAIT));
	ASSERT_EQ(ATOMIC_MAX - 1, pwritev2(self->fd, &large, 1, NO_OFFSET, RWF_NOWAIT));
	ASSERT_FAILS(EAGAIN, pwritev2(self->fd, &large, 1, NO_OFFSET, RWF_NOWAIT));
}

/* SIGIO */

#define IO_SIGNAL	SIGRTMIN

/* From now on IO_SIGNAL, blocked, reports events on fd. */
static int signal_on(int fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, IO_SIGNAL);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || fcntl(fd, F_SETOWN, getpid()) ||
	    fcntl(fd, F_SETSIG, IO_SIGNAL))
		return -1;
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

/* The band of the next such signal: 0 if none is pending, -1 if it is not about fd. */
static long next_band(int fd)
{
	struct timespec none = { 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, IO_SIGNAL);
	if (sigtimedwait(&set, &info, &none) < 0)
		return 0;
	return info.si_fd == fd ? info.si_band : -1;
}

BBUF_FIXTURE(signal_io)
SIDES(signal_io);

TEST_F(signal_io, is_sent_when_the_side_can_proceed)
{
	int fd = open(BBUF_DEVICE, variant->writes ? O_WRONLY : O_RDONLY);

	ASSERT_LE(0, fd);
	CLOSE_SIDE(CAPACITY);
	ASSERT_EQ(0, signal_on(fd));
	ASSERT_EQ(0, next_band(fd));
	SERVE_SIDE(0, variant->writes ? CAPACITY : 1);
	ASSERT_EQ(variant->writes ? POLLOUT | POLLWRNORM | POLLWRBAND : POLLIN | POLLRDNORM,
		  next_band(fd));
	close(fd);
}

TEST_F(file, SIGIO_is_the_default_signal)
{
	ASSERT_TRUE(sigio_on(self->fd));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_TRUE(sigio_sent());
}

TEST_F(file, SIGIO_stops_when_O_ASYNC_is_cleared_or_the_file_closed)
{
	int in = open(BBUF_DEVICE, O_RDONLY), gone = open(BBUF_DEVICE, O_RDONLY);

	ASSERT_EQ(0, signal_on(in));
	ASSERT_EQ(0, signal_on(gone));
	ASSERT_EQ(0, fcntl(in, F_SETFL, 0));
	close(gone);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, next_band(in));
	close(in);
}

/* fsync: the drain barrier */

static long fsync_once(struct task *t)
{
	return fsync(t->fd);
}

static long fdatasync_once(struct task *t)
{
	return fdatasync(t->fd);
}

static struct task task_drainer(int fd)
{
	return (struct task){ .fn = fsync_once, .nr = SYS_fsync, .fd = fd };
}

TEST_F(file, fsync_of_an_empty_queue_returns_at_once)
{
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, fdatasync(self->fd));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_TRUE(discard(self->fd, 10));
	ASSERT_EQ(0, fsync(self->fd));
}

TEST_F(file, fsync_sleeps_until_all_is_read)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(discard(self->nb, 9));
	ASSERT_UNDISTURBED(drainer);
	ASSERT_TRUE(discard(self->nb, 1));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(file, fdatasync_sleeps_until_all_is_read)
{
	struct task drainer = {
		.fn = fdatasync_once, .nr = SYS_fdatasync, .fd = self->fd,
	};

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(discard(self->nb, 10));
	ASSERT_RETURNS(0, drainer);
}

TEST_F(file, fsync_does_not_wait_for_later_writes)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(20, put(self->fd, 10, 20));
	ASSERT_TRUE(take(self->nb, 0, 10));
	ASSERT_RETURNS(0, drainer);
	ASSERT_EQ(20, queued(self->fd));
}

TEST_F(file, each_fsync_waits_for_its_own_bytes)
{
	struct task drainer[] = {
		task_drainer(self->fd), task_drainer(self->fd), task_drainer(self->fd),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drainer); i++) {
		ASSERT_EQ(10, put(self->fd, 0, 10));
		ASSERT_BLOCKS(drainer[i]);
	}
	for (i = 0; i < ARRAY_SIZE(drainer); i++) {
		ASSERT_TRUE(discard(self->nb, 10));
		ASSERT_RETURNS(0, drainer[i]);
		if (i + 1 < ARRAY_SIZE(drainer)) {
			ASSERT_UNDISTURBED(drainer[i + 1]);
		}
	}
}

/* More than are woken in one go: each of those wakes some of the others. */
#define CROWD		200

TEST_F(file, many_fsyncs_all_return_when_all_is_read)
{
	struct task drainer[CROWD];
	int i;

	ASSERT_EQ(10, put(self->fd, 0, 10));
	for (i = 0; i < CROWD; i++) {
		drainer[i] = task_drainer(self->fd);
		ASSERT_BLOCKS(drainer[i]);
	}
	ASSERT_TRUE(discard(self->nb, 10));
	for (i = 0; i < CROWD; i++)
		ASSERT_RETURNS(0, drainer[i]);
}

TEST_F(file, interrupted_fsync_fails_with_EINTR)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_TRUE(task_signal(&drainer));
	ASSERT_RETURNS(-EINTR, drainer);
	ASSERT_EQ(10, queued(self->fd));
}

TEST_F(file, killed_fsync_leaves_the_others_waiting)
{
	struct task first = task_drainer(self->fd), second = task_drainer(self->fd);

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_BLOCKS(first);
	ASSERT_BLOCKS(second);
	task_kill(&first);
	ASSERT_UNDISTURBED(second);
	ASSERT_TRUE(discard(self->nb, 10));
	ASSERT_RETURNS(0, second);
}

BBUF_HARNESS_MAIN
