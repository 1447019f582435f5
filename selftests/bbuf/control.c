// SPDX-License-Identifier: GPL-2.0-only
/* Making and removing queues by name, and what becomes of bad requests. */
#include <dirent.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000

FIXTURE(control) {
	int fd;
	struct bbuf_create create;	/* good as it is */
};

FIXTURE_SETUP(control)
{
	self->fd = open(BBUF_CONTROL, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->create = (struct bbuf_create){
		.name = QUEUE, .capacity = CAPACITY, .mode = 0640,
		.uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
	};
	queue_destroy(QUEUE);
}

FIXTURE_TEARDOWN(control)
{
	close(self->fd);
	queue_destroy(QUEUE);
}

#define ASSERT_CREATES() \
	ASSERT_EQ(0, ioctl(self->fd, BBUF_IOC_CREATE, &self->create))
#define ASSERT_REFUSES(error) \
	ASSERT_FAILS(error, ioctl(self->fd, BBUF_IOC_CREATE, &self->create))

static void name_bytes(char name[BBUF_NAME_SIZE], const char *text)
{
	memset(name, 0, BBUF_NAME_SIZE);
	memcpy(name, text, strnlen(text, BBUF_NAME_SIZE));
}

/* The entries of /dev/ that begin with "bbuf". */
static int nodes(void)
{
	DIR *dev = opendir("/dev");
	struct dirent *entry;
	int n = 0;

	while (dev && (entry = readdir(dev)))
		n += !strncmp(entry->d_name, "bbuf", 4);
	if (dev)
		closedir(dev);
	return n;
}

TEST_F(control, device_is_accessible_to_root_only)
{
	struct stat stat;

	ASSERT_EQ(0, fstat(self->fd, &stat));
	ASSERT_EQ(S_IFCHR | 0600, stat.st_mode);
	ASSERT_EQ(0, stat.st_uid);
	ASSERT_EQ(0, stat.st_gid);
}

TEST_F(control, create_makes_the_requested_queue)
{
	struct bbuf_info info;
	struct stat stat;
	int fd;

	self->create.type = BBUF_RECORD;
	self->create.policy = BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST;
	self->create.uid = OTHER_UID;
	self->create.gid = OTHER_UID + 1;
	ASSERT_CREATES();
	fd = queue_open(QUEUE, O_RDWR);
	ASSERT_LE(0, fd);

	ASSERT_EQ(0, fstat(fd, &stat));
	ASSERT_EQ(S_IFCHR | 0640, stat.st_mode);
	ASSERT_EQ(OTHER_UID, stat.st_uid);
	ASSERT_EQ(OTHER_UID + 1, stat.st_gid);

	info = queue_info(fd);
	ASSERT_STREQ(QUEUE, info.name);
	ASSERT_EQ(BBUF_RECORD, info.type);
	ASSERT_EQ(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST, info.policy);
	ASSERT_EQ(CAPACITY, info.capacity);
	ASSERT_EQ(0, info.state);
	close(fd);
}

TEST_F(control, queues_do_not_share_data)
{
	int mine, other = open(BBUF_DEVICE, O_RDWR | O_NONBLOCK);

	ASSERT_CREATES();
	mine = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(CAPACITY, put(mine, 0, CAPACITY));
	ASSERT_FAILS(EAGAIN, put(mine, 0, 1));
	ASSERT_EQ(0, queue_flush(other));
	ASSERT_EQ(10, put(other, 5, 10));
	ASSERT_TRUE(take(mine, 0, CAPACITY));
	ASSERT_TRUE(take(other, 5, 10));
	close(mine);
	close(other);
}

/* The number of uevents of this kind for the device of QUEUE. */
static int announcements(int events, const char *action)
{
	char message[4096], wanted[64];
	ssize_t n;
	int count = 0;

	snprintf(wanted, sizeof(wanted), "%s@/devices/virtual/bbuf/" QUEUE, action);
	while ((n = recv(events, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
		message[n] = '\0';
		count += !strcmp(message, wanted);
	}
	return count;
}

TEST_F(control, create_sends_one_uevent)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (events < 0 || bind(events, (struct sockaddr *)&all, sizeof(all)))
		SKIP(return, "no events of devices: %s", strerror(errno));
	ASSERT_CREATES();
	ASSERT_EQ(1, announcements(events, "add"));
	ASSERT_REFUSES(EEXIST);
	ASSERT_EQ(0, announcements(events, "add"));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(1, announcements(events, "remove"));
	close(events);
}

TEST_F(control, queue_keeps_its_data_while_no_file_is_open)
{
	int fd;

	ASSERT_CREATES();
	fd = queue_open(QUEUE, O_WRONLY);
	ASSERT_EQ(CAPACITY, put(fd, 0, CAPACITY));
	close(fd);
	fd = queue_open(QUEUE, O_RDONLY);
	ASSERT_TRUE(take(fd, 0, CAPACITY));
	close(fd);
}

TEST_F(control, create_accepts_every_mode)
{
	static const unsigned int modes[] = { 0, 0600, 0620, 0666, 0777 };
	struct stat stat_;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		self->create.mode = modes[i];
		ASSERT_CREATES();
		ASSERT_EQ(0, stat(QUEUE_NODE, &stat_));
		ASSERT_EQ(S_IFCHR | modes[i], stat_.st_mode);
		ASSERT_EQ(0, queue_destroy(QUEUE));
	}
}

TEST_F(control, create_accepts_names_of_all_valid_characters)
{
	static const char * const names[] = {
		"a", "Z", "0", "_", "-", "a.b", "queue-1.tmp_X",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_",
	};
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		name_bytes(self->create.name, names[i]);
		ASSERT_CREATES();
		fd = queue_open(names[i], O_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_STREQ(names[i], queue_info(fd).name);
		close(fd);
		ASSERT_EQ(0, queue_destroy(names[i]));
		ASSERT_FAILS(ENOENT, queue_open(names[i], O_RDWR));
	}
}

static const char * const bad_names[] = {
	"", ".", "..", ".hidden", "/", "a/b", "../sda", "a b", " ", "a\n", "a\tb", "a\x7f",
	"\xff", "\xc3\xa4", "a\xc3", "*", "a%s", "a\\b", "a:b", "a\"b",
	"0123456789012345678901234567890123456789012345678901234567890123",
};

TEST_F(control, create_refuses_invalid_names)
{
	struct bbuf_destroy destroy;
	int before = nodes();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_names); i++) {
		name_bytes(self->create.name, bad_names[i]);
		ASSERT_REFUSES(EINVAL);
		name_bytes(destroy.name, bad_names[i]);
		ASSERT_FAILS(EINVAL, ioctl(self->fd, BBUF_IOC_DESTROY, &destroy));
	}
	ASSERT_EQ(before, nodes());
}

TEST_F(control, create_refuses_bytes_after_the_name)
{
	self->create.name[BBUF_NAME_SIZE - 1] = 'x';
	ASSERT_REFUSES(EINVAL);
	self->create.name[BBUF_NAME_SIZE - 1] = '\0';
	self->create.name[sizeof(QUEUE)] = 'x';
	ASSERT_REFUSES(EINVAL);
}

/* A name of 300 bytes runs through all that follows it in the structure, and beyond. */
TEST_F(control, create_refuses_a_name_of_300_bytes)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	ASSERT_FAILS(EINVAL, ioctl(self->fd, BBUF_IOC_DESTROY, name));
	ASSERT_FAILS(E2BIG, ioctl(self->fd, _IOC(_IOC_WRITE, BBUF_IOC_MAGIC, 1, sizeof(name)),
				  name));
	ASSERT_FAILS(EINVAL, ioctl(self->fd, BBUF_IOC_CREATE, name));
}

TEST_F(control, create_refuses_a_name_in_use)
{
	int fd;

	ASSERT_CREATES();
	fd = queue_open(QUEUE, O_RDWR);
	ASSERT_EQ(10, put(fd, 0, 10));
	self->create.capacity = 2 * CAPACITY;
	ASSERT_REFUSES(EEXIST);
	ASSERT_EQ(CAPACITY, queue_info(fd).capacity);
	ASSERT_TRUE(take(fd, 0, 10));
	close(fd);
}

TEST_F(control, create_refuses_names_of_existing_devices)
{
	name_bytes(self->create.name, "default");
	ASSERT_REFUSES(EEXIST);
	name_bytes(self->create.name, "control");
	ASSERT_REFUSES(EEXIST);
	ASSERT_EQ(-ENOENT, queue_destroy("control"));
}

TEST_F(control, destroy_refuses_the_default_queue)
{
	ASSERT_EQ(-EPERM, queue_destroy("default"));
	ASSERT_EQ(0, access(BBUF_DEVICE, F_OK));
}

TEST_F(control, destroy_fails_for_a_missing_queue)
{
	ASSERT_EQ(-ENOENT, queue_destroy(QUEUE));
	ASSERT_CREATES();
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_EQ(-ENOENT, queue_destroy(QUEUE));
}

TEST_F(control, create_makes_a_queue_of_one_byte)
{
	int nb;

	self->create.capacity = 1;
	ASSERT_CREATES();
	nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(1, put(nb, 7, 1));
	ASSERT_FAILS(EAGAIN, put(nb, 8, 1));
	ASSERT_TRUE(take(nb, 7, 1));
	close(nb);
}

TEST_F(control, create_refuses_a_capacity_above_the_limit)
{
	unsigned long long limit = file_number(BBUF_PARAMETERS "max_capacity");
	int fd;

	self->create.capacity = limit;
	ASSERT_CREATES();
	fd = queue_open(QUEUE, O_RDWR);
	ASSERT_EQ(limit, queue_info(fd).capacity);
	close(fd);
	ASSERT_EQ(0, queue_destroy(QUEUE));

	self->create.capacity = limit + 1;
	ASSERT_REFUSES(ERANGE);
	self->create.capacity = 1ULL << 63;
	ASSERT_REFUSES(ERANGE);
	self->create.capacity = -1ULL;
	ASSERT_REFUSES(ERANGE);
	self->create.capacity = 0;
	ASSERT_REFUSES(EINVAL);
}

TEST_F(control, create_uses_the_current_limit)
{
	char limit[32];

	snprintf(limit, sizeof(limit), "%ld", file_number(BBUF_PARAMETERS "max_capacity"));
	ASSERT_EQ(0, file_put(BBUF_PARAMETERS "max_capacity", "999"));
	self->create.capacity = 1000;
	EXPECT_EQ(-ERANGE, queue_create(&self->create));
	self->create.capacity = 999;
	EXPECT_EQ(0, queue_create(&self->create));
	ASSERT_EQ(0, file_put(BBUF_PARAMETERS "max_capacity", limit));
}

TEST_F(control, create_refuses_unknown_flags_and_types)
{
	struct bbuf_create good = self->create;

	self->create.type = BBUF_RECORD + 1;
	ASSERT_REFUSES(EINVAL);
	self->create.type = -1;
	ASSERT_REFUSES(EINVAL);
	self->create = good;
	self->create.policy = BBUF_LEASE << 1;
	ASSERT_REFUSES(EINVAL);
	self->create.policy = -1;
	ASSERT_REFUSES(EINVAL);
	self->create = good;
	self->create.mode = 01777;
	ASSERT_REFUSES(EINVAL);
	self->create.mode = S_IFCHR | 0600;
	ASSERT_REFUSES(EINVAL);
	self->create = good;
	self->create.reserved = 1;
	ASSERT_REFUSES(EINVAL);
	ASSERT_EQ(-ENOENT, queue_destroy(QUEUE));
}

TEST_F(control, ioctls_need_a_file_open_for_writing)
{
	int in = open(BBUF_CONTROL, O_RDONLY), out = open(BBUF_CONTROL, O_WRONLY);
	struct bbuf_destroy destroy = { .name = QUEUE };

	ASSERT_FAILS(EBADF, ioctl(in, BBUF_IOC_CREATE, &self->create));
	ASSERT_EQ(0, ioctl(out, BBUF_IOC_CREATE, &self->create));
	ASSERT_FAILS(EBADF, ioctl(in, BBUF_IOC_DESTROY, &destroy));
	ASSERT_EQ(0, ioctl(out, BBUF_IOC_DESTROY, &destroy));
	close(in);
	close(out);
}

/* A user namespace that maps only root has no other valid id. */
static long create_for_nobody(struct task *t)
{
	struct bbuf_create create = {
		.name = QUEUE, .capacity = CAPACITY, .uid = t->arg[0], .gid = t->arg[1],
	};

	if (unshare(CLONE_NEWUSER))
		return -1;
	if (file_put("/proc/self/setgroups", "deny") ||
	    file_put("/proc/self/uid_map", "0 0 1") || file_put("/proc/self/gid_map", "0 0 1"))
		return -1;
	return ioctl(t->fd, BBUF_IOC_CREATE, &create);
}

TEST_F(control, create_refuses_invalid_owners)
{
	struct task task = { .fn = create_for_nobody, .fd = self->fd };

	task.arg[0] = OTHER_UID;
	ASSERT_STARTS(task);
	ASSERT_RETURNS(-EINVAL, task);
	task.arg[0] = 0;
	task.arg[1] = OTHER_UID;
	ASSERT_STARTS(task);
	ASSERT_RETURNS(-EINVAL, task);
	task.arg[1] = 0;
	ASSERT_STARTS(task);
	ASSERT_RETURNS(0, task);
}

TEST_F(control, create_makes_the_caller_the_owner)
{
	struct stat stat_;

	ASSERT_EQ(0, setegid(OTHER_UID));
	ASSERT_CREATES();
	ASSERT_EQ(0, setegid(0));
	ASSERT_EQ(0, stat(QUEUE_NODE, &stat_));
	ASSERT_EQ(0, stat_.st_uid);
	ASSERT_EQ(OTHER_UID, stat_.st_gid);
}

TEST_F(control, device_has_no_other_operations)
{
	char byte = 0;

	ASSERT_FAILS(EINVAL, read(self->fd, &byte, 1));
	ASSERT_FAILS(EINVAL, write(self->fd, &byte, 1));
	ASSERT_FAILS(ENOTTY, ioctl(self->fd, BBUF_IOC_INFO, &byte));
	ASSERT_FAILS(ENOTTY, ioctl(self->fd, FIONREAD, &byte));
	ASSERT_FAILS(ENOTTY, ioctl(self->fd, 0, 0));
}

/* Others */

static void become_other_user(void)
{
	if (setgid(OTHER_UID) || setuid(OTHER_UID))
		_exit(1);
}

/* Result of an open by another user: 0, or the negative errno. */
static long open_as_other_user(struct task *t)
{
	int fd;

	become_other_user();
	fd = open((const char *)t->arg[0], t->arg[1]);
	return fd < 0 ? -1 : 0;
}

static long try_to_open(const char *path, int flags)
{
	struct task task = { .fn = open_as_other_user, .arg = { (long)path, flags } };

	return task_start(&task) ? -1 : task_wait(&task);
}

TEST_F(control, device_refuses_unprivileged_users)
{
	ASSERT_EQ(-EACCES, try_to_open(BBUF_CONTROL, O_RDWR));
	ASSERT_EQ(-EACCES, try_to_open(BBUF_CONTROL, O_RDONLY));
	ASSERT_EQ(-EACCES, try_to_open(BBUF_CONTROL, O_WRONLY));
	ASSERT_EQ(-EACCES, try_to_open(BBUF_PARAMETERS "max_capacity", O_WRONLY));
}

TEST_F(control, mode_lets_other_users_read_or_write)
{
	static const struct {
		unsigned int mode;
		int flags;
		long result;
	} cases[] = {
		{ 0600, O_RDONLY, -EACCES }, { 0600, O_WRONLY, -EACCES },
		{ 0600, O_RDWR, -EACCES }, { 0640, O_RDONLY, 0 }, { 0640, O_WRONLY, -EACCES },
		{ 0620, O_WRONLY, 0 }, { 0620, O_RDONLY, -EACCES }, { 0660, O_RDWR, 0 },
		{ 0604, O_RDONLY, -EACCES },
	};
	size_t i;

	self->create.gid = OTHER_UID;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		self->create.mode = cases[i].mode;
		ASSERT_CREATES();
		EXPECT_EQ(cases[i].result, try_to_open(QUEUE_NODE, cases[i].flags));
		ASSERT_EQ(0, queue_destroy(QUEUE));
	}
}

static long change_as_other_user(struct task *t)
{
	become_other_user();
	if (!chmod(QUEUE_NODE, 0666) || errno != EPERM)
		return 1;
	if (!chown(QUEUE_NODE, OTHER_UID, OTHER_UID) || errno != EPERM)
		return 2;
	if (!unlink(QUEUE_NODE) || errno != EACCES)
		return 3;
	if (!access("/sys/class/bbuf/" QUEUE "/capacity", W_OK) || errno != EACCES)
		return 4;
	return t->arg[0];
}

TEST_F(control, mode_lets_no_other_user_change_the_queue)
{
	struct task task = { .fn = change_as_other_user };

	ASSERT_CREATES();
	ASSERT_STARTS(task);
	ASSERT_RETURNS(0, task);
}

BBUF_HARNESS_MAIN
