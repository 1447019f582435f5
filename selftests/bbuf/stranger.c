// SPDX-License-Identifier: GPL-2.0-only
/* Information available to a user who may not read a queue: neither lengths nor times. */
#include <dirent.h>
#include <grp.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define OWNER		OTHER_UID
#define GROUP		(OTHER_UID + 1)
#define STRANGER	(OTHER_UID + 2)

NAMED_FIXTURE(stranger, BBUF_RECORD, CAPACITY, BBUF_LEASE)

/* Recreate QUEUE, owned by OWNER and GROUP: 0 or -errno. */
static int make_with_mode(unsigned int mode)
{
	struct bbuf_create create = {
		.name = QUEUE, .type = BBUF_RECORD, .capacity = CAPACITY, .policy = BBUF_LEASE,
		.mode = mode, .uid = OWNER, .gid = GROUP,
	};
	int error = queue_destroy(QUEUE);

	return error ? error : queue_create(&create);
}

static const unsigned int modes[] = {
	0, 0200, 0222, 0400, 0440, 0444, 0600, 0604, 0620, 0622, 0640, 0644, 0660, 0666, 0777,
};

/* sysfs */

/*
 * Files whose contents do not depend on the data that passes through: strangers may read only
 * these.
 */
static const char * const public[] = {
	"type", "state", "capacity", "read_mark", "write_mark", "eof_on_close", "drop_oldest",
	"lease", "lease_timeout_ns", "max_leases", "max_deliveries", "dead_letters",
	"dev", "uevent",
};

static bool is_public(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(public); i++)
		if (!strcmp(public[i], name))
			return true;
	return false;
}

/* Each file that is there: calls check() with its name until one is wrong, which it returns. */
static const char *first_wrong(bool (*check)(int dir, const char *name, unsigned int mode),
			       unsigned int mode, unsigned int *checked)
{
	static char wrong[256];
	DIR *dir = opendir(QUEUE_SYSFS);
	struct dirent *entry;

	wrong[0] = '\0';
	*checked = 0;
	while (dir && !wrong[0] && (entry = readdir(dir))) {
		if (entry->d_type != DT_REG)
			continue;
		++*checked;
		if (!check(dirfd(dir), entry->d_name, mode))
			snprintf(wrong, sizeof(wrong), "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return wrong;
}

#define ASSERT_ALL(check, mode)						\
do {									\
	unsigned int __checked;						\
									\
	ASSERT_STREQ("", first_wrong(check, mode, &__checked)) {	\
		TH_LOG("of a node with mode %04o", mode);		\
	}								\
	ASSERT_LE(40, __checked);					\
} while (0)

static bool has_mode(int dir, const char *name, unsigned int mode)
{
	struct stat stat;

	if (fstatat(dir, name, &stat, 0))
		return false;
	if (is_public(name))
		return stat.st_uid == 0 && stat.st_gid == 0 && !(stat.st_mode & 0022);
	return stat.st_uid == OWNER && stat.st_gid == GROUP &&
	       stat.st_mode == (S_IFREG | 0400 | (mode & 0444));
}

TEST_F(stranger, finds_counters_with_the_owner_and_mode_of_the_node)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, make_with_mode(modes[i]));
		ASSERT_ALL(has_mode, modes[i]);
	}
}

static bool become(uid_t uid, gid_t gid)
{
	return !setgroups(0, NULL) && !setgid(gid) && !setuid(uid);
}

static bool may_open(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags);
	char byte;
	bool may = fd >= 0 && (flags != O_RDONLY || dir == AT_FDCWD || read(fd, &byte, 1) == 1);

	if (fd >= 0)
		close(fd);
	return may;
}

/* As for the node; its owner may read always. */
static bool is_as_the_node(int dir, const char *name, unsigned int mode)
{
	bool may = getuid() == OWNER || is_public(name) ||
		   may_open(AT_FDCWD, QUEUE_NODE, O_RDONLY);

	(void)mode;
	return may_open(dir, name, O_RDONLY) == may && !may_open(dir, name, O_WRONLY);
}

static long look_at_all(struct task *t)
{
	unsigned int checked;
	const char *wrong;

	if (!become(t->arg[0], t->arg[1]))
		return 1;
	wrong = first_wrong(is_as_the_node, 0, &checked);
	snprintf((char *)t->result->data, t->len, "%s", wrong);
	return wrong[0] ? 2 : checked < 40;
}

TEST_F(stranger, reads_counters_if_it_may_read_the_node)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} users[] = { { OWNER, STRANGER }, { STRANGER, GROUP }, { STRANGER, STRANGER } };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, make_with_mode(modes[i]));
		for (j = 0; j < ARRAY_SIZE(users); j++) {
			struct task task = {
				.fn = look_at_all, .len = 64,
				.arg = { users[j].uid, users[j].gid },
			};

			ASSERT_STARTS(task);
			ASSERT_RETURNS(0, task) {
				TH_LOG("%s, mode %04o, user %u, group %u", task.result->data,
				       modes[i], users[j].uid, users[j].gid);
			}
		}
	}
}

static long poll_bytes_in(struct task *t)
{
	(void)t;
	if (!become(STRANGER, STRANGER) || !sysfs_is("type", "record") ||
	    !sysfs_is("state", "open"))
		return 1;
	return open(QUEUE_SYSFS "bytes_in", O_RDONLY);
}

TEST_F(stranger, cannot_detect_a_write_to_a_private_queue)
{
	struct task task = { .fn = poll_bytes_in };

	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_STARTS(task);
	ASSERT_RETURNS(-EACCES, task);
}

/* A queue without leases has fewer files; those it has are guarded likewise. */
TEST_F(stranger, finds_no_more_about_other_types_of_queue)
{
	struct bbuf_create create = {
		.name = QUEUE, .capacity = CAPACITY, .mode = 0640, .uid = OWNER, .gid = GROUP,
	};
	unsigned int checked;

	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(0, queue_create(&create));
	ASSERT_STREQ("", first_wrong(has_mode, 0640, &checked));
	ASSERT_LE(30, checked);
	ASSERT_NE(0, access(QUEUE_SYSFS "leased_bytes", F_OK));
}

/* The node */

/* Everything that moves data: true if all of it did. */
static bool pass_something_through(FIXTURE_DATA(stranger) *self)
{
	int fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK), ends[2];
	bool good;

	if (pipe(ends))
		return false;
	good = put(self->fd, 0, 10) == 10 && take_record(fd, 0, 10) &&
	       put(self->fd, 0, 10) == 10 && splice(fd, NULL, ends[1], NULL, 10, 0) == 10 &&
	       splice(ends[0], NULL, fd, NULL, 10, 0) == 10 && take_record(fd, 0, 10);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	return good;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

TEST_F(stranger, sees_no_timestamp_of_the_node_change)
{
	struct stat before, after;

	ASSERT_EQ(0, stat(QUEUE_NODE, &before));
	pause_ms(20);		/* so that another time is another number */
	ASSERT_TRUE(pass_something_through(self));
	ASSERT_EQ(0, stat(QUEUE_NODE, &after));
	ASSERT_TRUE(same_time(&before.st_atim, &after.st_atim));
	ASSERT_TRUE(same_time(&before.st_mtim, &after.st_mtim));
	ASSERT_TRUE(same_time(&before.st_ctim, &after.st_ctim));
}

/* A user may watch any directory that he may read, and all events on the files in it. */
TEST_F(stranger, gets_no_inotify_event_from_the_directory_of_the_node)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char event[sizeof(struct inotify_event) + 256];

	ASSERT_LE(0, inotify_add_watch(watch, "/dev", IN_ALL_EVENTS));
	ASSERT_TRUE(pass_something_through(self));
	ASSERT_FAILS(EAGAIN, read(watch, event, sizeof(event)));
	close(watch);
}

static long open_or_watch(struct task *t)
{
	int mode;

	(void)t;
	if (!become(STRANGER, STRANGER))
		return 1;
	for (mode = O_RDONLY; mode <= O_ACCMODE; mode++)
		if (queue_open(QUEUE, mode) >= 0 || errno != EACCES)
			return 2;
	if (inotify_add_watch(inotify_init1(0), QUEUE_NODE, IN_ALL_EVENTS) >= 0)
		return 3;
	return -1;
}

TEST_F(stranger, cannot_open_or_watch_the_node)
{
	struct task task = { .fn = open_or_watch };

	ASSERT_STARTS(task);
	ASSERT_RETURNS(-EACCES, task);
}

/* A user with write permission is notified of room, but not of queued data. */
TEST_F(stranger, gets_only_room_events_with_write_permission)
{
	int fd = queue_open(QUEUE, O_WRONLY), bytes;

	ASSERT_EQ(WRITABLE, queue_events(fd));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_EQ(0, queue_events(fd));
	ASSERT_FAILS(EBADF, ioctl(fd, FIONREAD, &bytes));
	close(fd);
}

BBUF_HARNESS_MAIN
