// SPDX-License-Identifier: GPL-2.0-only
/* Removing a queue that is in use. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define GONE		(POLLHUP | POLLERR)

NAMED_FIXTURE(destroy, BBUF_STREAM, CAPACITY, 0)

/* Waiters */

NAMED_FIXTURE(waiters, BBUF_STREAM, CAPACITY, 0)
SIDES(waiters);

TEST_F(waiters, are_released_by_destroy)
{
	struct task caller[3];
	size_t i;

	CLOSE_SIDE(CAPACITY);
	for (i = 0; i < ARRAY_SIZE(caller); i++) {
		caller[i] = CALLER(0, 10);
		ASSERT_BLOCKS(caller[i]);
	}
	ASSERT_EQ(0, queue_destroy(QUEUE));
	for (i = 0; i < ARRAY_SIZE(caller); i++)
		ASSERT_RETURNS(-ENODEV, caller[i]);
}

TEST_F(destroy, releases_readers_below_the_read_mark)
{
	struct task reader = task_reader(self->fd, 10);

	ASSERT_EQ(0, queue_set_read_mark(self->fd, 10));
	ASSERT_EQ(5, put(self->fd, 0, 5));
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);
}

TEST_F(destroy, ends_a_large_write_with_a_partial_count)
{
	struct task writer = task_writer(self->fd, 0, 2 * CAPACITY);

	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(CAPACITY, writer);
}

TEST_F(destroy, releases_readers_and_writers_of_records)
{
	struct task reader, writer;

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	reader = task_reader(self->fd, 10);
	ASSERT_BLOCKS(reader);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, reader);

	RECREATE(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(CAPACITY, put(self->fd, 0, CAPACITY));
	writer = task_writer(self->fd, 0, 10);
	ASSERT_BLOCKS(writer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, writer);
}

TEST_F(destroy, releases_fsync)
{
	struct task drainer = task_drainer(self->fd);

	ASSERT_TRUE(fill(self->fd, 10));
	ASSERT_BLOCKS(drainer);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(-ENODEV, drainer);
}

TEST_F(destroy, wakes_poll_for_any_event)
{
	struct task in = task_poller(self->fd, POLLIN), out = task_poller(self->fd, POLLOUT);
	struct task none = task_poller(self->fd, 0);

	ASSERT_BLOCKS(in);
	ASSERT_BLOCKS(none);
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	ASSERT_RETURNS(POLLIN, in);
	ASSERT_TRUE(discard(self->fd, CAPACITY));
	ASSERT_BLOCKS(in);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(GONE, in);
	ASSERT_RETURNS(GONE, none);

	RECREATE(BBUF_STREAM, CAPACITY, 0);
	ASSERT_TRUE(fill(self->fd, CAPACITY));
	out.arg[0] = queue_open(QUEUE, O_WRONLY);
	ASSERT_BLOCKS(out);
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_RETURNS(GONE, out);
	close(out.arg[0]);
}

TEST_F(destroy, wakes_epoll_level_edge_and_exclusive)
{
	static const unsigned int events[] = {
		EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLEXCLUSIVE, EPOLLRDHUP,
	};
	struct task sleeper[ARRAY_SIZE(events)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		sleeper[i] = task_epoller(epoll_on(self->fd, events[i]));
		ASSERT_BLOCKS(sleeper[i]);
	}
	ASSERT_EQ(0, queue_destroy(QUEUE));
	for (i = 0; i < ARRAY_SIZE(events); i++)
		ASSERT_RETURNS(EPOLLHUP | EPOLLERR, sleeper[i]);
}

TEST_F(destroy, raises_SIGIO)
{
	ASSERT_TRUE(sigio_on(self->fd));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_TRUE(sigio_sent());
}

/* Calls after the destruction */

TEST_F(destroy, makes_every_call_fail_with_ENODEV)
{
	char byte = 0;
	int bytes;

	ASSERT_TRUE(fill(self->fd, 10));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENODEV, read(self->fd, &byte, 1));
	ASSERT_FAILS(ENODEV, read(self->nb, &byte, 1));
	ASSERT_FAILS(ENODEV, write(self->fd, &byte, 1));
	ASSERT_FAILS(ENODEV, write(self->nb, &byte, 1));
	ASSERT_FAILS(ENODEV, fsync(self->fd));
	ASSERT_FAILS(ENODEV, queue_peek(self->fd, &byte, 1));
	ASSERT_FAILS(ENODEV, queue_flush(self->fd));
	ASSERT_FAILS(ENODEV, queue_shutdown(self->fd));
	ASSERT_FAILS(ENODEV, queue_reopen(self->fd));
	ASSERT_FAILS(ENODEV, queue_resize(self->fd, 10));
	ASSERT_EQ(GONE, queue_events(self->fd));
	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &bytes));
	ASSERT_EQ(BBUF_DESTROYED, queue_info(self->fd).state);
	ASSERT_STREQ(QUEUE, queue_info(self->fd).name);
}

TEST_F(destroy, fails_reads_with_ENODEV_after_a_shutdown)
{
	char byte;

	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENODEV, read(self->fd, &byte, 1));
	ASSERT_FAILS(ENODEV, write(self->fd, &byte, 1));
	ASSERT_EQ(GONE, queue_events(self->fd));
}

TEST_F(destroy, removes_the_node_and_its_files_in_sysfs)
{
	int sysfs = open("/sys/class/bbuf/" QUEUE "/capacity", O_RDONLY);
	char text[10];

	ASSERT_EQ(5, read(sysfs, text, sizeof(text)));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE, F_OK));
	ASSERT_FAILS(ENOENT, access("/sys/class/bbuf/" QUEUE, F_OK));
	ASSERT_FAILS(ENODEV, pread(sysfs, text, sizeof(text), 0));
	close(sysfs);
}

/* Another process keeps a second node of it, or is in its open(). */
TEST_F(destroy, makes_other_nodes_of_the_queue_unusable)
{
	char path[] = "/dev/bbuf-link.XXXXXX";
	struct stat stat_;

	ASSERT_EQ(0, stat(QUEUE_NODE, &stat_));
	ASSERT_NE(NULL, mkdtemp(path));
	ASSERT_EQ(0, rmdir(path));
	ASSERT_EQ(0, mknod(path, S_IFCHR | 0600, stat_.st_rdev));
	EXPECT_EQ(0, queue_destroy(QUEUE));
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_TRUE(errno == ENXIO || errno == ENODEV);
	unlink(path);
}

TEST_F(destroy, frees_the_name_at_once)
{
	int other;

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, queue_make(BBUF_RECORD, 5, 0));
	other = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, queued(other));
	ASSERT_EQ(5, put(other, 0, 5));
	ASSERT_FAILS(ENODEV, put(self->fd, 0, 1));
	ASSERT_EQ(BBUF_DESTROYED, queue_info(self->fd).state);
	ASSERT_TRUE(take_record(other, 0, 5));
	close(other);
}

/* Its memory */

#define LARGE		(8 << 20)	/* of vmalloc(), or with large pages of kmalloc() */
#define SLACK		(1 << 20)	/* what others may free or take meanwhile */

static long meminfo_kb(const char *key)
{
	char text[32];

	return proc_field("/proc/meminfo", key, text, sizeof(text)) ? atol(text) : -1;
}

static long allocated_kb(void)
{
	return meminfo_kb("VmallocUsed:") + meminfo_kb("SUnreclaim:");
}

TEST_F(destroy, keeps_the_memory_until_the_last_file_is_closed)
{
	long full = allocated_kb() + (LARGE - SLACK) / 1024;

	RECREATE(BBUF_STREAM, LARGE, 0);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_LE(full, allocated_kb());
	ASSERT_EQ(0, queue_destroy(QUEUE));
	close(self->nb);
	ASSERT_LE(full, allocated_kb());
	close(self->fd);
	ASSERT_TRUE(eventually(allocated_kb() < full));
}

TEST_F(destroy, frees_the_memory_at_once_if_no_file_is_open)
{
	long full = allocated_kb() + (LARGE - SLACK) / 1024;

	RECREATE(BBUF_STREAM, LARGE, 0);
	ASSERT_EQ(1, put(self->fd, 0, 1));
	close(self->nb);
	close(self->fd);
	ASSERT_LE(full, allocated_kb());
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_TRUE(eventually(allocated_kb() < full));
}

/* The module's code is needed as long as a file is open, and no longer. */
TEST_F(destroy, keeps_the_module_until_the_last_file_is_closed)
{
	ASSERT_EQ(1, put(self->fd, 0, 1));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	close(self->nb);
	ASSERT_EQ(-EWOULDBLOCK, module_unload());
	ASSERT_FAILS(ENODEV, put(self->fd, 0, 1));
	close(self->fd);
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
}

TEST_F(destroy, happens_to_all_queues_when_the_module_is_unloaded)
{
	ASSERT_EQ(10, put(self->fd, 0, 10));
	close(self->nb);
	close(self->fd);
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_FAILS(ENOENT, access(QUEUE_NODE, F_OK));
	QUEUE_BEGIN(BBUF_RECORD, CAPACITY, 0);
	ASSERT_EQ(0, queued(self->fd));
}

/* Create and destroy in a loop, from many processes, with users inside. */

#define MAKERS		3
#define USERS		4
#define NAMES		2
#define TURNS		60

static void name_of(char *name, size_t size, unsigned int number)
{
	snprintf(name, size, QUEUE "-%u", number % NAMES);
}

/* Each task creates and destroys any of the queues, even while they are in use. */
static long make_and_destroy(struct task *t)
{
	struct bbuf_create create = { .capacity = 100, .mode = 0600 };
	unsigned int seed = t->position;
	int i, error, made = 0;

	for (i = 0; i < TURNS; i++) {
		name_of(create.name, sizeof(create.name), rand_r(&seed));
		create.type = rand_r(&seed) % 2 ? BBUF_RECORD : BBUF_STREAM;
		error = queue_create(&create);
		if (error && error != -EEXIST)
			return error;
		made += !error;
		name_of(create.name, sizeof(create.name), rand_r(&seed));
		error = queue_destroy(create.name);
		if (error && error != -ENOENT)
			return error;
	}
	return made ? 0 : -1;
}

/* All possible results of a call on a queue that may be destroyed, full or empty. */
static bool expected(long value)
{
	return value >= 0 || errno == ENODEV || errno == EAGAIN || errno == EMSGSIZE;
}

static bool use(int fd, unsigned int how)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT };
	char buf[100] = { 0 };

	switch (how % 5) {
	case 0:
		return expected(write(fd, buf, 1 + how % sizeof(buf)));
	case 1:
		return expected(read(fd, buf, sizeof(buf)));
	case 2:
		return expected(poll(&pollfd, 1, 1));
	case 3:
		return expected(queue_resize(fd, 100 + how % 100)) || errno == EBUSY;
	default:
		return expected(queue_peek(fd, buf, sizeof(buf)));
	}
}

/* Half of them sleep in their calls, until another process serves them or destroys the queue. */
static long use_until_shut(struct task *t)
{
	int flags = O_RDWR | (t->position % 2 ? 0 : O_NONBLOCK);
	unsigned int seed = t->position, i;
	char name[BBUF_NAME_SIZE];
	long opened = 0;

	while (queued((int)t->arg[0]) == 0) {
		int fd;

		name_of(name, sizeof(name), rand_r(&seed));
		fd = queue_open(name, flags);
		if (fd < 0) {
			if (errno != ENOENT && errno != ENXIO && errno != ENODEV)
				return -1;
			continue;
		}
		opened++;
		for (i = 0; i < 5; i++)
			if (!use(fd, rand_r(&seed)))
				return -1;
		close(fd);
	}
	return opened;
}

TEST_F(destroy, races_with_create_and_users_without_harm)
{
	struct task maker[MAKERS], user[USERS];
	char name[BBUF_NAME_SIZE];
	unsigned int i;

	for (i = 0; i < USERS; i++) {
		user[i] = (struct task){
			.fn = use_until_shut, .position = i, .arg = { self->fd },
		};
		ASSERT_STARTS(user[i]);
	}
	for (i = 0; i < MAKERS; i++) {
		maker[i] = (struct task){ .fn = make_and_destroy, .position = i };
		ASSERT_STARTS(maker[i]);
	}
	for (i = 0; i < MAKERS; i++)
		ASSERT_RETURNS(0, maker[i]);
	/* Tasks that still sleep in one of the queues are released. */
	ASSERT_EQ(1, put(self->nb, 0, 1));
	for (i = 0; i < NAMES; i++) {
		name_of(name, sizeof(name), i);
		queue_destroy(name);
	}
	for (i = 0; i < USERS; i++)
		ASSERT_LT(0, task_wait(&user[i]));
}

BBUF_HARNESS_MAIN
