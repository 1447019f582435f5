// SPDX-License-Identifier: GPL-2.0-only
/* Permissions: each call with each access mode, and in a sandbox. */
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	1000

/* A record queue with leases: there each call has something to do. */
NAMED_FIXTURE(access, BBUF_RECORD, CAPACITY, BBUF_LEASE)

/* The calls. Each returns 0 or -errno. */

static long result(long value)
{
	return value < 0 ? -errno : 0;
}

static long call_read(int fd)
{
	char buf[LEN];

	return result(read(fd, buf, LEN));
}

static long call_write(int fd)
{
	return result(put(fd, 0, LEN));
}

static long call_peek(int fd)
{
	char buf[LEN];

	return result(queue_peek(fd, buf, LEN));
}

static long call_lease(int fd)
{
	struct bbuf_lease lease;
	char buf[LEN];

	return result(lease_read(fd, buf, LEN, &lease));
}

static long call_settle(int fd)
{
	return result(settle_all(fd, BBUF_ACK));
}

static long call_flush(int fd)
{
	return result(queue_flush(fd));
}

static long call_fionread(int fd)
{
	int bytes;

	return result(ioctl(fd, FIONREAD, &bytes));
}

static long call_shutdown(int fd)
{
	return result(queue_shutdown(fd));
}

static long call_reopen(int fd)
{
	return result(queue_reopen(fd));
}

static long call_set(int fd)
{
	return result(queue_set(fd, .fields = 0));
}

static long call_info(int fd)
{
	struct bbuf_info info;

	return result(ioctl(fd, BBUF_IOC_INFO, &info));
}

static long call_get_options(int fd)
{
	struct bbuf_options options;

	return result(ioctl(fd, BBUF_IOC_GET_OPTIONS, &options));
}

static long call_set_options(int fd)
{
	return result(queue_set_options(fd, .read_timeout = 1));
}

static long call_unknown(int fd)
{
	return result(ioctl(fd, _IO(BBUF_IOC_MAGIC, 0x7f)));
}

#define NEITHER		3	/* access mode 3: open for neither */
#define MODES		4
#define ALLOWED		{ 0, 0, 0, 0 }
#define FOR_READERS	{ [O_WRONLY] = -EBADF, [NEITHER] = -EBADF }
#define FOR_WRITERS	{ [O_RDONLY] = -EBADF, [NEITHER] = -EBADF }

static const struct right {
	const char *name;
	long (*call)(int fd);
	long results[MODES];
} rights[] = {
	{ "read",		call_read,		FOR_READERS },
	{ "write",		call_write,		FOR_WRITERS },
	{ "PEEK",		call_peek,		FOR_READERS },
	{ "LEASE",		call_lease,		FOR_READERS },
	{ "SETTLE",		call_settle,		FOR_READERS },
	{ "FLUSH",		call_flush,		FOR_READERS },
	{ "FIONREAD",		call_fionread,		FOR_READERS },
	{ "SHUTDOWN",		call_shutdown,		FOR_WRITERS },
	{ "REOPEN",		call_reopen,		FOR_WRITERS },
	{ "SET",		call_set,		ALLOWED },
	{ "INFO",		call_info,		ALLOWED },
	{ "GET_OPTIONS",	call_get_options,	ALLOWED },
	{ "SET_OPTIONS",	call_set_options,	ALLOWED },
	{ "an unknown ioctl",	call_unknown,		{ -ENOTTY, -ENOTTY, -ENOTTY, -ENOTTY } },
};

TEST_F(access, each_call_needs_a_file_open_for_it)
{
	size_t i;
	int mode;

	for (i = 0; i < ARRAY_SIZE(rights); i++)
		for (mode = 0; mode < MODES; mode++) {
			long wanted = rights[i].results[mode];
			struct bbuf_info before, after;
			int fd;

			RECREATE(BBUF_RECORD, CAPACITY, BBUF_LEASE);
			ASSERT_TRUE(put_records(self->fd, 0, 2));
			fd = queue_open(QUEUE, mode | O_NONBLOCK);
			ASSERT_LE(0, fd);
			before = queue_info(self->fd);
			EXPECT_EQ(wanted, rights[i].call(fd)) {
				TH_LOG("%s with access mode %d", rights[i].name, mode);
			}
			after = queue_info(self->fd);
			if (wanted)
				EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
			close(fd);
		}
}

/* On the control node, too, the mode 3 stands for nothing. */
TEST_F(access, create_and_destroy_need_a_file_open_for_writing)
{
	static const long results[MODES] = FOR_WRITERS;
	struct bbuf_destroy destroy = { .name = QUEUE "-other" };
	struct bbuf_create create = { .name = QUEUE "-other", .capacity = CAPACITY };
	int mode;

	for (mode = 0; mode < MODES; mode++) {
		int fd = open(BBUF_CONTROL, mode);

		ASSERT_LE(0, fd);
		EXPECT_EQ(results[mode], result(ioctl(fd, BBUF_IOC_CREATE, &create)));
		EXPECT_EQ(results[mode], result(ioctl(fd, BBUF_IOC_DESTROY, &destroy)));
		close(fd);
	}
}

TEST_F(access, file_open_for_neither_side_is_not_counted)
{
	struct bbuf_info before = queue_info(self->fd);
	int fd = queue_open(QUEUE, NEITHER);
	struct bbuf_info info = queue_info(fd);

	ASSERT_STREQ(QUEUE, info.name);
	ASSERT_EQ(before.in.files, info.in.files);
	ASSERT_EQ(before.out.files, info.out.files);
	close(fd);
	ASSERT_EQ(before.in.files, queue_info(self->fd).in.files);
}

TEST_F(access, fsync_needs_a_file_open_for_reading_or_writing)
{
	int mode;

	for (mode = 0; mode < MODES; mode++) {
		int fd = queue_open(QUEUE, mode);

		EXPECT_EQ(mode == NEITHER ? -EBADF : 0, result(fsync(fd)));
		EXPECT_EQ(mode == NEITHER ? -EBADF : 0, result(fdatasync(fd)));
		close(fd);
	}
}

TEST_F(access, poll_reports_nothing_to_a_file_open_for_neither_side)
{
	int fd = queue_open(QUEUE, NEITHER);

	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_EQ(READABLE, queue_events(self->fd));
	ASSERT_EQ(0, queue_events(fd));
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_events(fd));
	close(fd);
}

/* Whether traffic, of both kinds, sends SIGIO to a file with that access mode. */
static bool signals(FIXTURE_DATA(access) *self, int mode)
{
	int fd = queue_open(QUEUE, mode);
	const struct timespec now = { 0 };
	sigset_t sigio;
	bool sent;

	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	sigprocmask(SIG_BLOCK, &sigio, NULL);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	put_records(self->fd, 0, 1);
	take_records(self->nb, 0, 1);
	settle_all(self->nb, BBUF_ACK);
	sent = sigtimedwait(&sigio, NULL, &now) == SIGIO;
	close(fd);
	return sent;
}

TEST_F(access, SIGIO_is_not_sent_to_a_file_open_for_neither_side)
{
	ASSERT_TRUE(signals(self, O_RDONLY));
	ASSERT_TRUE(signals(self, O_WRONLY));
	ASSERT_FALSE(signals(self, NEITHER));
}

/* As of read(2): that is said before anything else, also where there is nothing to read. */
TEST_F(access, kernel_address_is_refused_as_a_buffer)
{
	struct bbuf_lease lease = { .buffer = -4096ULL, .size = LEN };
	struct bbuf_peek peek = { .buffer = -4096ULL, .size = LEN };

	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_PEEK, &peek));
	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_LEASE, &lease));
	ASSERT_TRUE(put_records(self->fd, 0, 1));
	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_PEEK, &peek));
	ASSERT_FAILS(EFAULT, ioctl(self->nb, BBUF_IOC_LEASE, &lease));
	ASSERT_EQ(0, queue_info(self->fd).leased_records);

	/* A request with an empty buffer is valid: it returns the length of the record. */
	lease = (struct bbuf_lease){ 0 };
	ASSERT_FAILS(EMSGSIZE, ioctl(self->nb, BBUF_IOC_LEASE, &lease));
	ASSERT_EQ(LEN, lease.len);
}

/*
 * Landlock judges a file when it is opened, by its mode. ABI 5 (Linux 6.10) can deny the
 * ioctls of device files that are opened in the sandbox, as well.
 */
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV	(1ULL << 15)
#endif
#define ABI_WITH_IOCTL_DEV		5
#define READ_AND_WRITE	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

#define NEED_LANDLOCK(abi) do {							\
	if (landlock_abi() < (abi))						\
		SKIP(return, "no Landlock of ABI %d: CONFIG_SECURITY_LANDLOCK, "	\
		     "and landlock in lsm= of the command line", abi);		\
} while (0)

/* Denies the calling process these accesses to all files that it opens from now on. */
static bool enter_sandbox(unsigned long long denied)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = denied };
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return ruleset >= 0 && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* The call that a file open for neither side can do in the sandbox, or -1: none that it may not. */
static long first_call_that_works(int fd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rights); i++)
		if (rights[i].results[NEITHER] == -EBADF && rights[i].call(fd) != -EBADF)
			return i;
	return -1;
}

static long try_all_in_sandbox(struct task *t)
{
	int mode, fd;

	if (!enter_sandbox(t->arg[0]))
		return 1;
	for (mode = O_RDONLY; mode < NEITHER; mode++)
		if (queue_open(QUEUE, mode | O_NONBLOCK) >= 0 || errno != EACCES)
			return 2;
	fd = queue_open(QUEUE, NEITHER | O_NONBLOCK);
	if (fd < 0)
		return 3;
	t->result->data[0] = first_call_that_works(fd) + 1;
	if (t->result->data[0])
		return 4;
	if (!fsync(fd) || errno != EBADF)
		return 5;
	if (queue_events(fd))
		return 6;
	errno = 0;
	return call_info(fd);
}

TEST_F(access, sandbox_without_read_and_write_denies_calls_that_need_them)
{
	struct task task = { .fn = try_all_in_sandbox, .len = 1, .arg = { READ_AND_WRITE } };
	struct bbuf_info before, after;

	NEED_LANDLOCK(1);
	ASSERT_TRUE(put_records(self->fd, 0, 2));
	before = queue_info(self->fd);
	ASSERT_STARTS(task);
	EXPECT_EQ(0, task_wait(&task)) {
		if (task.result->data[0])
			TH_LOG("%s works", rights[task.result->data[0] - 1].name);
	}
	after = queue_info(self->fd);
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ASSERT_TRUE(RECORDS_ARE(0, 1));
}

/* The others remain, until the sandbox denies the ioctls of devices. */
TEST_F(access, sandbox_without_device_ioctls_denies_the_others)
{
	struct task task = {
		.fn = try_all_in_sandbox, .len = 1,
		.arg = { READ_AND_WRITE | LANDLOCK_ACCESS_FS_IOCTL_DEV },
	};

	NEED_LANDLOCK(ABI_WITH_IOCTL_DEV);
	ASSERT_STARTS(task);
	ASSERT_RETURNS(4, task);		/* EACCES where EBADF would come */
}

BBUF_HARNESS_MAIN
