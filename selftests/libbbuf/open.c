// SPDX-License-Identifier: GPL-2.0-only
/* Handles: what is opened by which name, and what is refused. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fixture.h"

#define NOBODY		65534
#define NODE_SIZE	(BBUF_NAME_SIZE + 16)

QUEUE_FIXTURE(open, BBUF_STREAM)

TEST_F(open, finds_the_queue_by_name)
{
	struct bbuf *other = bbuf_open(self->name, O_RDONLY);

	ASSERT_NE(NULL, other);
	ASSERT_PUTS(self->queue, "here");
	ASSERT_GETS(other, "here");
	bbuf_close(other);
}

TEST_F(open, finds_the_queue_by_path)
{
	char path[BBUF_NAME_SIZE + 16];
	struct bbuf *other;

	snprintf(path, sizeof(path), "/dev/bbuf-%s", self->name);
	other = bbuf_open(path, O_WRONLY);
	ASSERT_NE(NULL, other);
	ASSERT_PUTS(other, "there");
	ASSERT_GETS(self->queue, "there");
	bbuf_close(other);
}

TEST(default_is_dev_bbuf)
{
	struct bbuf *queue = bbuf_open(BBUF_QUEUE_DEFAULT, O_RDONLY);
	struct bbuf *same = bbuf_open("/dev/bbuf", O_RDONLY);
	struct bbuf_info info;

	ASSERT_NE(NULL, queue);
	ASSERT_NE(NULL, same);
	ASSERT_EQ(0, bbuf_get_info(same, &info));
	ASSERT_STREQ("default", info.name);
	ASSERT_EQ(0, bbuf_get_info(queue, &info));
	ASSERT_STREQ("default", info.name);
	bbuf_close(same);
	bbuf_close(queue);
}

TEST(invalid_names_are_refused)
{
	char name[300 + 1];
	size_t i;
	const char *const bad[] = { "", ".", "..", ".hidden", name };

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_NO_HANDLE(EINVAL, bbuf_open(bad[i], O_RDWR));
	name[BBUF_NAME_SIZE] = '\0';
	ASSERT_NO_HANDLE(EINVAL, bbuf_open(name, O_RDWR));
	name[BBUF_NAME_SIZE - 1] = '\0';
	ASSERT_NO_HANDLE(ENOENT, bbuf_open(name, O_RDWR));
}

TEST(missing_queues_are_reported)
{
	ASSERT_NO_HANDLE(ENOENT, bbuf_open("no-such", O_RDWR));
	ASSERT_NO_HANDLE(ENOENT, bbuf_open("a b", O_RDWR));
	ASSERT_NO_HANDLE(ENOENT, bbuf_open("\xff\xfe", O_RDWR));
	ASSERT_NO_HANDLE(ENOENT, bbuf_open("./no-such", O_RDWR));
}

TEST(other_files_are_refused)
{
	ASSERT_NO_HANDLE(ENOENT, bbuf_open("control", O_RDWR));
	ASSERT_NO_HANDLE(ENOTTY, bbuf_open("/dev/bbuf-control", O_RDWR));
	ASSERT_NO_HANDLE(ENOTTY, bbuf_open("/dev/null", O_RDWR));
	ASSERT_NO_HANDLE(ENOTTY, bbuf_open("/proc/self/stat", O_RDONLY));
	ASSERT_NO_HANDLE(ENOTTY, bbuf_open("/", O_RDONLY));
}

/* Where a FIFO is opened one waits for its other end. */
TEST(fifo_is_refused)
{
	ASSERT_EQ(0, mkfifo("/dev/bbuf-fifo", 0600));
	EXPECT_NO_HANDLE(ENOENT, bbuf_open("fifo", O_WRONLY));
	EXPECT_NO_HANDLE(ENOTTY, bbuf_open("/dev/bbuf-fifo", O_RDONLY));
	EXPECT_EQ(0, unlink("/dev/bbuf-fifo"));
}

/* The queue of the fixture, of which the node's path and numbers are known. */
static bool node_of(const struct bbuf *queue, const char *name, char path[NODE_SIZE],
		    struct stat *node)
{
	snprintf(path, NODE_SIZE, "/dev/bbuf-%s", name);
	return !fstat(bbuf_fd(queue), node);
}

TEST_F(open, fails_without_the_node)
{
	char path[NODE_SIZE];
	struct stat node;

	ASSERT_TRUE(node_of(self->queue, self->name, path, &node));
	ASSERT_EQ(0, unlink(path));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(self->name, O_RDWR));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(path, O_RDWR));
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, node.st_rdev));
}

TEST_F(open, fails_if_another_file_is_in_place_of_the_node)
{
	char path[NODE_SIZE];
	struct stat node, other;

	ASSERT_TRUE(node_of(self->queue, self->name, path, &node));
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, mknod(path, S_IFREG | 0600, 0));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(self->name, O_WRONLY));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(path, O_WRONLY));
	ASSERT_EQ(0, unlink(path));

	ASSERT_EQ(0, mkfifo(path, 0600));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(self->name, O_WRONLY));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(path, O_RDONLY));
	ASSERT_EQ(0, unlink(path));

	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, makedev(1, 3)));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(self->name, O_WRONLY));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(path, O_WRONLY));
	ASSERT_EQ(0, unlink(path));

	/* A queue, but another one. */
	ASSERT_EQ(0, stat("/dev/bbuf", &other));
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, other.st_rdev));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(self->name, O_WRONLY));
	EXPECT_NO_HANDLE(ENXIO, bbuf_open(path, O_WRONLY));
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, node.st_rdev));
}

TEST_F(open, works_with_a_recreated_node)
{
	char path[NODE_SIZE];
	struct bbuf *again;
	struct stat node;

	ASSERT_TRUE(node_of(self->queue, self->name, path, &node));
	ASSERT_PUTS(self->queue, "kept");
	ASSERT_EQ(0, unlink(path));
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, node.st_rdev));
	again = bbuf_open(self->name, O_RDWR);
	ASSERT_NE(NULL, again);
	ASSERT_GETS(again, "kept");
	bbuf_close(again);
	ASSERT_EQ(0, unlink(path));
}

/* A stale node of another queue, and the case that no queue of the name exists. */
TEST_F(open, works_by_the_path_of_a_node_with_another_name)
{
	char path[NODE_SIZE];
	struct bbuf *same;
	struct stat node;

	ASSERT_TRUE(node_of(self->queue, self->name, path, &node));
	ASSERT_EQ(0, mknod("/dev/bbuf-no-such", S_IFCHR | 0600, node.st_rdev));
	EXPECT_NO_HANDLE(ENOENT, bbuf_open("no-such", O_WRONLY));
	same = bbuf_open("/dev/bbuf-no-such", O_WRONLY);
	EXPECT_NE(NULL, same);
	bbuf_close(same);
	ASSERT_EQ(0, unlink("/dev/bbuf-no-such"));
}

TEST_F(open, refuses_other_flags)
{
	ASSERT_NO_HANDLE(EINVAL, bbuf_open(self->name, O_RDWR | O_CREAT));
	ASSERT_NO_HANDLE(EINVAL, bbuf_open(self->name, O_RDWR | O_TRUNC));
	ASSERT_NO_HANDLE(EINVAL, bbuf_open(self->name, O_RDWR | O_APPEND));
}

TEST_F(open, fails_without_permission)
{
	ASSERT_EQ(0, seteuid(NOBODY));
	ASSERT_NO_HANDLE(EACCES, bbuf_open(self->name, O_RDONLY));
	ASSERT_EQ(0, seteuid(0));
}

TEST_F(open, sets_close_on_exec)
{
	ASSERT_EQ(FD_CLOEXEC, fcntl(bbuf_fd(self->queue), F_GETFD));
}

TEST_F(open, access_mode_is_enforced)
{
	struct bbuf *reader = bbuf_open(self->name, O_RDONLY);
	struct bbuf *writer = bbuf_open(self->name, O_WRONLY);
	char byte = 'x';

	ASSERT_NE(NULL, reader);
	ASSERT_NE(NULL, writer);
	ASSERT_FAILS(EBADF, bbuf_put(reader, &byte, 1, &at_once));
	ASSERT_FAILS(EBADF, bbuf_get(writer, &byte, 1, &at_once));
	bbuf_close(writer);
	bbuf_close(reader);
}

TEST_F(open, nonblocking_does_not_wait)
{
	struct bbuf *queue = bbuf_open(self->name, O_RDWR | O_NONBLOCK);
	char byte = 'x';

	ASSERT_NE(NULL, queue);
	ASSERT_FAILS(EAGAIN, bbuf_get(queue, &byte, 1, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_get(queue, &byte, 1, &long_enough));
	ASSERT_TRUE(queue_fill(queue, 1024));
	ASSERT_FAILS(EAGAIN, bbuf_put(queue, &byte, 1, NULL));
	ASSERT_FAILS(EAGAIN, bbuf_put(queue, &byte, 1, &long_enough));
	bbuf_close(queue);
}

TEST_F(open, data_outlives_the_handle)
{
	struct bbuf *other = bbuf_open(self->name, O_RDWR);

	ASSERT_NE(NULL, other);
	ASSERT_PUTS(other, "left");
	bbuf_close(other);
	ASSERT_GETS(self->queue, "left");
}

TEST_F(open, from_fd_owns_the_file)
{
	int fd = dup(bbuf_fd(self->queue));
	struct bbuf *same = bbuf_from_fd(fd);

	ASSERT_NE(NULL, same);
	ASSERT_EQ(fd, bbuf_fd(same));
	ASSERT_PUTS(same, "inherited");
	ASSERT_GETS(self->queue, "inherited");
	bbuf_close(same);
	ASSERT_FAILS(EBADF, fcntl(fd, F_GETFD));
}

TEST_F(open, from_fd_refuses_other_files_and_leaves_them_open)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	ASSERT_NO_HANDLE(ENOTTY, bbuf_from_fd(fds[0]));
	ASSERT_EQ(0, fcntl(fds[0], F_GETFD));
	ASSERT_NO_HANDLE(EBADF, bbuf_from_fd(-1));
}

TEST_F(open, from_fd_reads_the_options_of_the_file)
{
	const struct bbuf_options hurried = { .read_timeout = 1 };
	struct bbuf *same;
	struct call get = { .fn = call_get, .len = 1 };
	int fd = dup(bbuf_fd(self->queue));

	ASSERT_EQ(0, ioctl(fd, BBUF_IOC_SET_OPTIONS, &hurried));
	same = bbuf_from_fd(fd);
	ASSERT_NE(NULL, same);
	get.queue = same;
	ASSERT_WAITS_FOR_DATA(get);
	usleep(SHORT_MS * 1000);	/* far beyond the timeout that it found */
	ASSERT_TRUE(queue_readers_wait(self->queue, 1));
	ASSERT_EQ(1, bbuf_put(self->queue, "x", 1, NULL));
	ASSERT_ENDS(1, get);
	bbuf_close(same);
}

TEST_F(open, close_preserves_errno)
{
	struct bbuf *other = bbuf_open(self->name, O_RDWR);

	ASSERT_NE(NULL, other);
	close(bbuf_fd(other));	/* so that closing it again fails */
	errno = ENXIO;
	bbuf_close(other);
	ASSERT_EQ(ENXIO, errno);
	bbuf_close(NULL);
	bbuf_batch_free(NULL);
	bbuf_list_free(NULL);
	ASSERT_EQ(ENXIO, errno);
}

TEST_HARNESS_MAIN
