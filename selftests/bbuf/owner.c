// SPDX-License-Identifier: GPL-2.0-only
/* Ownership of a queue: which users may change it, also across user namespaces and mounts. */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define THIRD_UID	(OTHER_UID + 1)

NAMED_FIXTURE(owner, BBUF_STREAM, CAPACITY, 0)

static long set_nothing(int fd)
{
	return queue_set(fd, .fields = 0) ? -errno : 0;
}

/* The same as another user, which need not be mapped in the user namespace of the process. */
static long set_as(int fd, uid_t user)
{
	long result;

	if (seteuid(user))
		return -1;
	result = set_nothing(fd);
	return seteuid(0) ? -1 : result;
}

TEST_F(owner, is_the_current_owner_of_the_node)
{
	int in = queue_open(QUEUE, O_RDONLY), neither = queue_open(QUEUE, O_ACCMODE);

	ASSERT_EQ(-EPERM, set_as(self->fd, OTHER_UID));
	ASSERT_EQ(0, fchown(self->fd, OTHER_UID, -1));
	ASSERT_EQ(0, set_as(self->fd, OTHER_UID));
	ASSERT_EQ(0, set_as(in, OTHER_UID));
	ASSERT_EQ(0, set_as(neither, OTHER_UID));
	ASSERT_EQ(-EPERM, set_as(self->fd, THIRD_UID));
	ASSERT_EQ(0, set_nothing(self->fd));		/* has CAP_FOWNER */
	close(in);
	close(neither);
}

/* Other users get EPERM first: their request is not checked. */
TEST_F(owner, is_checked_before_the_request)
{
	ASSERT_EQ(0, seteuid(OTHER_UID));
	ASSERT_FAILS(EPERM, queue_set(self->fd, .fields = -1U));
	ASSERT_FAILS(EPERM, ioctl(self->fd, BBUF_IOC_SET, NULL));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = -1U));
}

/* User namespaces: maps say "inside outside count" in each line. */

/* Of another process: it cannot write more than its own ids into its maps. */
static int write_maps(pid_t pid, const char *map)
{
	static const char * const files[] = { "uid_map", "gid_map" };
	char path[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		if (file_put(path, map))
			return -1;
	}
	return 0;
}

/* Enters a new user namespace, with all capabilities there. */
static bool enter_namespace(const char *map)
{
	pid_t self = getpid(), helper;
	int inside[2], status;
	char byte;

	if (pipe(inside))
		return false;
	helper = fork();
	if (!helper) {
		close(inside[1]);
		_exit(read(inside[0], &byte, 1) || write_maps(self, map));
	}
	if (helper < 0 || unshare(CLONE_NEWUSER))
		return false;
	close(inside[1]);		/* the helper reads the end */
	return waitpid(helper, &status, 0) == helper && !status;
}

static long set_in_namespace(struct task *t)
{
	return enter_namespace((const char *)t->arg[0]) ? queue_set(t->fd, .fields = 0) : 1;
}

static long try_in_namespace(int fd, const char *map)
{
	struct task task = { .fn = set_in_namespace, .fd = fd, .arg = { (long)map } };

	return task_start(&task) ? 1 : task_wait(&task);
}

#define NO_NAMESPACES	access("/proc/self/ns/user", F_OK)

TEST_F(owner, is_matched_by_root_of_a_user_namespace_that_maps_it)
{
	if (NO_NAMESPACES)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, fchown(self->fd, OTHER_UID, OTHER_UID));
	ASSERT_EQ(-EPERM, try_in_namespace(self->fd, "0 0 1\n"));
	ASSERT_EQ(-EPERM, try_in_namespace(self->fd, "0 0 1\n12345 12346 1\n"));
	ASSERT_EQ(0, try_in_namespace(self->fd, "0 0 1\n7 12345 1\n"));
}

/* Mounts that say whose the files on them are. */

static long stay_in_namespace(struct task *t)
{
	return enter_namespace((const char *)t->arg[0]) ? pause() : 1;
}

/* A file that stands for a user namespace with that map, or -1. */
static int namespace_open(const char *map)
{
	struct task task = {
		.fn = stay_in_namespace, .nr = SYS_pause, .fd = -1, .arg = { (long)map },
	};
	char path[64];
	int fd;

	if (!task_blocks(&task))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", task.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	task_kill(&task);
	return fd;
}

#define PLACE	"/tmp/bbuf-owner"
#define MAPPED	PLACE "/mapped"

/* The tree at PLACE once more, at MAPPED, with owners as the map says: 0 or -errno. */
static int mount_mapped(const char *map)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = namespace_open(map) };
	int tree = open_tree(AT_FDCWD, PLACE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int error = 0;

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ||
	    move_mount(tree, "", AT_FDCWD, MAPPED, MOVE_MOUNT_F_EMPTY_PATH))
		error = -errno;
	close(attr.userns_fd);
	close(tree);
	return error;
}

static bool place_make(int fd)
{
	struct stat stat;

	mkdir(PLACE, 0755);
	return !mount("tmpfs", PLACE, "tmpfs", 0, NULL) && !mkdir(MAPPED, 0755) &&
	       !fstat(fd, &stat) && !mknod(PLACE "/node", S_IFCHR | 0666, stat.st_rdev) &&
	       !chown(PLACE "/node", OTHER_UID, OTHER_UID);
}

static void place_remove(void)
{
	umount2(MAPPED, MNT_DETACH);
	umount2(PLACE, MNT_DETACH);
	rmdir(PLACE);
}

TEST_F(owner, is_mapped_by_an_idmapped_mount)
{
	int error, fd;

	ASSERT_TRUE(place_make(self->fd));
	error = mount_mapped("12345 12346 1\n");
	if (error) {
		place_remove();
		SKIP(return, "tmpfs cannot be mounted with other owners (Linux 6.3): %s",
		     strerror(-error));
	}
	fd = open(MAPPED "/node", O_RDWR);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-EPERM, set_as(fd, OTHER_UID));
	EXPECT_EQ(0, set_as(fd, THIRD_UID));
	EXPECT_EQ(0, set_nothing(fd));
	close(fd);
	fd = open(PLACE "/node", O_RDWR);
	EXPECT_EQ(0, set_as(fd, OTHER_UID));
	EXPECT_EQ(-EPERM, set_as(fd, THIRD_UID));
	close(fd);
	place_remove();
}

BBUF_HARNESS_MAIN
