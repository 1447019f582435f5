// SPDX-License-Identifier: GPL-2.0-only
/* Whose memory it is: that of the cgroup whose write comes first. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fixture.h"

#define CAPACITY	(4 * 1024 * 1024)
#define SLACK		(CAPACITY / 4)	/* what else a task's cgroup may be charged for */

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

static long memory_of(const char *group)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/memory.current", group);
	return file_number(path);
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

TEST_F(memcg, gets_its_memory_back_when_the_module_goes)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(1, write_from(self->group[0], 1));
	ASSERT_LE(CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

BBUF_HARNESS_MAIN
