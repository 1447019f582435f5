// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose memory it is, and how much: the buffer's is that of the cgroup whose write comes
 * first, an open file's that of who opens it.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixture.h"

#define CAPACITY	(4 * 1024 * 1024)
#define LARGE		(4 * CAPACITY)
#define SLACK		(CAPACITY / 4)	/* what else a task's cgroup may be charged for */
#define LESS_THAN_CAPACITY "3M"
#define CROWD		32	/* threads that write at the same time */
#define FILES		5000
#define LINE_LENGTH	256
#define WAITING		"/sys/class/bbuf/default/waiting_writers"
#define BYTES		"/sys/class/bbuf/default/bytes"
#define ATTEMPTS	10

FIXTURE(memcg) {
	char root[PATH_MAX / 4];	/* cgroup2, mounted for the test */
	char group[2][PATH_MAX / 2];
	bool supported;
};

static int cgroup_put(const char *group, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return file_put(path, text);
}

static long cgroup_number(const char *group, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return file_number(path);
}

static long memory_of(const char *group)
{
	return cgroup_number(group, "memory.current");
}

/* Tasks of the group that were killed for want of memory. */
static long killed_in(const char *group)
{
	char path[PATH_MAX], killed[LINE_LENGTH];

	snprintf(path, sizeof(path), "%s/memory.events", group);
	return proc_field(path, "oom_kill ", killed, sizeof(killed)) ? atol(killed) : -1;
}

FIXTURE_SETUP(memcg)
{
	int i;

	ASSERT_EQ(0, module_reload(CAPACITY));
	strcpy(self->root, "/tmp/bbuf.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	self->supported = !mount("none", self->root, "cgroup2", 0, NULL) &&
			  !cgroup_put(self->root, "cgroup.subtree_control", "+memory");
	for (i = 0; self->supported && i < 2; i++) {
		snprintf(self->group[i], sizeof(self->group[i]), "%s/bbuf-%d", self->root, i);
		ASSERT_EQ(0, mkdir(self->group[i], 0700));
	}
}

FIXTURE_TEARDOWN(memcg)
{
	int i;

	for (i = 0; self->supported && i < 2; i++)
		EXPECT_TRUE(eventually(!rmdir(self->group[i])));
	umount(self->root);
	rmdir(self->root);
}

/* Moves into a cgroup, opens the device and writes arg[0] bytes. */
static long write_in_group(struct task *t)
{
	int fd;

	if (cgroup_put((char *)t->arg[1], "cgroup.procs", "0"))
		return -1;
	fd = open(BBUF_DEVICE, O_WRONLY);
	return fd < 0 ? -1 : put(fd, 0, t->arg[0]);
}

static long write_from(const char *group, size_t n)
{
	struct task writer = { .fn = write_in_group, .arg = { n, (long)group } };

	return task_start(&writer) ? -1 : task_wait(&writer);
}

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_MEMCG()							\
do {									\
	if (!self->supported)						\
		SKIP(return, "no memory controller in cgroup v2");	\
} while (0)

TEST_F(memcg, of_the_first_writer_is_charged_for_the_buffer)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(1, write_from(self->group[0], 1));
	ASSERT_LE(CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(1, write_from(self->group[1], 1));
	ASSERT_GT(SLACK, memory_of(self->group[1]));
}

TEST_F(memcg, of_one_who_only_opens_is_charged_nothing)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, write_from(self->group[0], 0));
	ASSERT_GT(SLACK, memory_of(self->group[0]));
}

/* Nobody is killed for it, and the queue is there for others. */
TEST_F(memcg, of_one_who_may_not_have_as_much_fails_the_write)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.max", LESS_THAN_CAPACITY));
	ASSERT_EQ(-ENOMEM, write_from(self->group[0], 1));
	ASSERT_EQ(-ENOMEM, write_from(self->group[0], 1));
	ASSERT_EQ(0, killed_in(self->group[0]));
	ASSERT_EQ(1, write_from(self->group[1], 1));
	ASSERT_EQ(1, write_from(self->group[0], 1));
}

struct crowd {
	pthread_barrier_t start;
	int fd;
};

static void *write_when_told(void *argument)
{
	struct crowd *crowd = argument;

	pthread_barrier_wait(&crowd->start);
	return (void *)put(crowd->fd, 0, 1);
}

/* Moves into a cgroup and opens the device, for many first writes at the same time. */
static long crowd_in_group(struct task *t)
{
	struct crowd crowd;
	pthread_t thread[CROWD];
	void *written;
	long total = 0;
	int i;

	if (cgroup_put((char *)t->arg[1], "cgroup.procs", "0"))
		return -1;
	crowd.fd = open(BBUF_DEVICE, O_WRONLY);
	pthread_barrier_init(&crowd.start, NULL, CROWD);
	for (i = 0; i < CROWD; i++)
		if (pthread_create(&thread[i], NULL, write_when_told, &crowd))
			return -1;
	for (i = 0; i < CROWD; i++) {
		pthread_join(thread[i], &written);
		total += (long)written;
	}
	return total;
}

TEST_F(memcg, of_many_who_write_first_holds_one_buffer)
{
	struct task crowd = { .fn = crowd_in_group, .arg = { 0, (long)self->group[0] } };

	REQUIRE_MEMCG();
	ASSERT_EQ(0, module_reload(LARGE));
	ASSERT_EQ(0, task_start(&crowd));
	ASSERT_EQ(CROWD, task_wait(&crowd));
	ASSERT_LE(LARGE, memory_of(self->group[0]));
	ASSERT_GT(LARGE + LARGE / 2, cgroup_number(self->group[0], "memory.peak"));
}

/* Who has more than memory.high sleeps where he asks for memory, or does not. */
static bool writer_sleeps(struct task *slow)
{
	if (module_reload(LARGE) || task_start(slow) ||
	    !eventually(file_number(WAITING) == 1 || file_number(BYTES) == 1))
		return false;
	if (file_number(WAITING) == 1)
		return true;
	task_wait(slow);
	return false;
}

TEST_F(memcg, of_one_who_is_slowed_down_is_waited_for_by_nobody_who_will_not)
{
	struct task slow;
	bool sleeps = false;
	int nb, i;

	REQUIRE_MEMCG();
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.high", "1M"));
	for (i = 0; i < ATTEMPTS && !sleeps; i++) {
		slow = (struct task){ .fn = write_in_group, .arg = { 1, (long)self->group[0] } };
		sleeps = writer_sleeps(&slow);
	}
	ASSERT_TRUE(sleeps);
	nb = open(BBUF_DEVICE, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, nb);
	ASSERT_FAILS(EAGAIN, put(nb, 0, 1));
	ASSERT_EQ(0, poll(&(struct pollfd){ .fd = nb, .events = POLLOUT }, 1, 0));
	ASSERT_EQ(1, file_number(WAITING));
	task_kill(&slow);
	ASSERT_EQ(1, put(nb, 0, 1));
	close(nb);
}

/* Objects in use of all kmalloc caches that are charged. */
static long charged_objects(void)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	char line[LINE_LENGTH];
	long objects, total = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "kmalloc-cg-%*s %ld", &objects) == 1)
			total += objects;
	fclose(file);
	return total;
}

TEST_F(memcg, of_who_opens_files_is_charged_for_each)
{
	struct rlimit limit = { FILES, FILES };
	long before = charged_objects();
	int opened = 0;

	if (before <= 0)
		SKIP(return, "no /proc/slabinfo that tells what is charged");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	while (open(BBUF_DEVICE, O_RDWR) >= 0)
		opened++;
	ASSERT_EQ(EMFILE, errno);
	close(opened);		/* one of them */
	ASSERT_LE(before + opened / 2, charged_objects());	/* others may have closed some */
}

TEST_F(memcg, gets_its_memory_back_when_the_module_goes)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(1, write_from(self->group[0], 1));
	ASSERT_LE(CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

BBUF_HARNESS_MAIN
