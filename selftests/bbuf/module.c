// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading: parameters, what appears, what is left behind. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fixture.h"
#include "named.h"

#define LOG_LINE	1024
#define NOBODY		65534
#define CONTROL		"/dev/bbuf-control"

/* No module is loaded, and nothing prevents loading it. */
FIXTURE(module) {
	int log;	/* at its end: what comes next are the test's own messages */
};

FIXTURE_SETUP(module)
{
	int fd, nb;

	ASSERT_EQ(0, device_open(DEFAULT_CAPACITY, &fd, &nb));
	close(fd);
	close(nb);
	ASSERT_EQ(0, module_unload());
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, lseek(self->log, 0, SEEK_END));
}

FIXTURE_TEARDOWN(module)
{
	close(self->log);
	EXPECT_EQ(0, module_reload(DEFAULT_CAPACITY));
}

/* Whether a message came that starts like this. */
static bool was_logged(int log, const char *start)
{
	char line[LOG_LINE];
	ssize_t n;

	for (;;) {
		const char *text;

		n = read(log, line, sizeof(line) - 1);
		if (n < 0)
			return false;
		line[n] = '\0';
		text = strchr(line, ';');
		if (text && !strncmp(text + 1, start, strlen(start)))
			return true;
	}
}

static bool file_mentions(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	char line[LOG_LINE];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, word);
	if (file)
		fclose(file);
	return found;
}

static bool anything_left(void)
{
	return !access(BBUF_DEVICE, F_OK) || !access("/sys/module/bbuf", F_OK) ||
	       !access("/sys/class/bbuf", F_OK) || file_mentions("/proc/devices", "bbuf") ||
	       file_mentions("/proc/modules", "bbuf");
}

TEST_F(module, load_creates_the_device)
{
	struct stat stat_buf;

	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, stat(BBUF_DEVICE, &stat_buf));
	ASSERT_TRUE(S_ISCHR(stat_buf.st_mode));
	ASSERT_EQ(0600, stat_buf.st_mode & 07777);
	ASSERT_EQ(0, stat_buf.st_uid);
	ASSERT_EQ(DEFAULT_CAPACITY, file_number(BBUF_PARAMETERS "capacity"));
	ASSERT_TRUE(file_mentions("/proc/devices", "bbuf"));
}

TEST_F(module, unload_leaves_nothing_behind)
{
	ASSERT_FALSE(anything_left());
	ASSERT_EQ(0, module_load(""));
	ASSERT_TRUE(anything_left());
	ASSERT_EQ(0, module_unload());
	ASSERT_FALSE(anything_left());
}

TEST_F(module, unload_with_data_queued_leaves_nothing_behind)
{
	int fd;

	ASSERT_EQ(0, module_load(""));
	fd = open(BBUF_DEVICE, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(fill(fd, DEFAULT_CAPACITY));
	close(fd);
	ASSERT_EQ(0, module_unload());
	ASSERT_FALSE(anything_left());
	ASSERT_EQ(0, module_load(""));
	fd = open(BBUF_DEVICE, O_RDWR);
	ASSERT_EQ(0, queued(fd));
	close(fd);
}

TEST_F(module, unload_is_refused_while_a_file_is_open)
{
	int fd;

	ASSERT_EQ(0, module_load(""));
	fd = open(BBUF_DEVICE, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(100, put(fd, 0, 100));
	ASSERT_EQ(-EWOULDBLOCK, module_unload());
	ASSERT_EQ(0, access(BBUF_DEVICE, F_OK));
	ASSERT_TRUE(take(fd, 0, 100));
	ASSERT_EQ(-EWOULDBLOCK, module_unload());
	close(fd);
	ASSERT_EQ(0, module_unload());
}

TEST_F(module, unload_is_refused_while_a_process_sleeps_in_a_call)
{
	struct task reader;
	int fd;

	ASSERT_EQ(0, module_load(""));
	fd = open(BBUF_DEVICE, O_RDWR);
	reader = task_reader(fd, 10);
	ASSERT_BLOCKS(reader);
	close(fd);
	ASSERT_EQ(-EWOULDBLOCK, module_unload());
	ASSERT_UNDISTURBED(reader);
	task_kill(&reader);
}

#define ROUNDS		50
#define ROUNDS_SECONDS	100	/* on a machine that has other things to do */

TEST_F_TIMEOUT(module, loads_and_unloads_many_times, ROUNDS_SECONDS)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int fd;

		ASSERT_EQ(0, module_load(""));
		fd = open(BBUF_DEVICE, O_RDWR);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(fill(fd, 1));
		close(fd);
		ASSERT_EQ(0, module_unload());
	}
	ASSERT_FALSE(anything_left());
}

/* Nodes */

/* A file with the contents @text, in the place of a node. */
static bool make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return good;
}

/* Whether it was said that the device has no node, as something else is at its path. */
static bool missing_node_was_logged(int log, const char *device, const char *path)
{
	char message[2 * LOG_LINE], numbers[LOG_LINE / 2] = "";
	FILE *file = fopen(device, "re");

	if (!file)
		return false;
	if (fscanf(file, "%500s", numbers) != 1)
		numbers[0] = '\0';
	fclose(file);
	snprintf(message, sizeof(message), "bbuf: device %s has no node: %s is another file", numbers,
		 path);
	return was_logged(log, message);
}

TEST_F(module, log_is_empty_when_the_nodes_exist)
{
	ASSERT_EQ(0, module_load(""));
	ASSERT_FALSE(was_logged(self->log, "bbuf: "));
}

TEST_F(module, log_names_a_file_in_place_of_the_node)
{
	struct stat stat_buf;

	ASSERT_TRUE(make_file(BBUF_DEVICE, "early"));
	ASSERT_EQ(0, module_load(""));
	EXPECT_TRUE(missing_node_was_logged(self->log, "/sys/class/bbuf/default/dev", BBUF_DEVICE));
	EXPECT_EQ(0, stat(BBUF_DEVICE, &stat_buf));
	EXPECT_TRUE(S_ISREG(stat_buf.st_mode));
	EXPECT_EQ(0, unlink(BBUF_DEVICE));
}

TEST_F(module, log_names_a_file_in_place_of_the_control_node)
{
	ASSERT_TRUE(make_file(CONTROL, ""));
	ASSERT_EQ(0, module_load(""));
	EXPECT_TRUE(missing_node_was_logged(self->log, "/sys/class/misc/bbuf-control/dev", CONTROL));
	EXPECT_EQ(0, unlink(CONTROL));
}

TEST_F(module, log_names_a_node_with_other_device_numbers)
{
	const struct bbuf_create create = {
		.name = "taken", .capacity = 1, .mode = 0600,
		.uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
	};

	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, mknod("/dev/bbuf-taken", S_IFCHR | 0600, makedev(1, 3)));
	EXPECT_EQ(0, queue_create(&create));
	EXPECT_TRUE(missing_node_was_logged(self->log, "/sys/class/bbuf/taken/dev",
					    "/dev/bbuf-taken"));
	EXPECT_EQ(0, unlink("/dev/bbuf-taken"));
}

/* Loads the module where /dev is not that of the kernel, and has another file. */
static long load_in_container(struct task *t)
{
	(void)t;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev", "tmpfs", 0, NULL) || !make_file(BBUF_DEVICE, ""))
		return -errno;
	return module_load("");
}

TEST_F(module, log_does_not_mention_nodes_that_cannot_be_seen)
{
	struct task loader = { .fn = load_in_container };

	ASSERT_STARTS(loader);
	ASSERT_RETURNS(0, loader);
	ASSERT_EQ(0, access(BBUF_DEVICE, F_OK));
	ASSERT_FALSE(was_logged(self->log, "bbuf: device"));
}

/* Parameters */

TEST_F(module, bad_parameter_is_refused_and_explained_in_the_log)
{
	static const char * const bad[] = {
		"capacity=0", "capacity=-1", "capacity=", "capacity=K", "capacity=64X",
		"capacity=1.5K", "capacity=lots", "capacity=17M", "capacity=9223372036854775808",
		"capacity=18446744073709551617", "capacity=17179869184G",
		"capacity=18014398509481985K", "max_capacity=17592186044417M",
		"max_capacity=0", "max_capacity=many",
		"mode=8", "mode=01000", "mode=rw",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		char message[LOG_LINE];

		snprintf(message, sizeof(message), "bbuf: %s: must be ",
			 strcmp(bad[i], "capacity=17M") ? bad[i] : "capacity=17825792");
		EXPECT_EQ(-EINVAL, module_load(bad[i])) {
			TH_LOG("%s", bad[i]);
		}
		EXPECT_TRUE(was_logged(self->log, message)) {
			TH_LOG("not logged: %s", message);
		}
		ASSERT_FALSE(anything_left());
	}
}

/* The limit in the message is correct: one byte more is refused. */
TEST_F(module, out_of_range_capacity_is_refused_with_the_limits)
{
	ASSERT_EQ(-EINVAL, module_load("capacity=513M"));
	ASSERT_TRUE(was_logged(self->log, "bbuf: capacity=513M: must be 1 byte up to max_capacity "
			       "(default 16M, at most 512M)"));
	ASSERT_EQ(-EINVAL, module_load("max_capacity=536870913"));
	ASSERT_TRUE(was_logged(self->log,
			       "bbuf: max_capacity=536870913: must be 1 byte to 512M,"));
	ASSERT_EQ(-EINVAL, module_load("capacity=17M"));
	ASSERT_TRUE(was_logged(self->log, "bbuf: capacity=17825792: must be no more than "
			       "max_capacity=16777216; raise that as well (at most 512M)"));
	ASSERT_EQ(0, module_load("capacity=17M max_capacity=512M"));
	ASSERT_EQ(512 << 20, file_number(BBUF_PARAMETERS "max_capacity"));
}

TEST_F(module, capacity_is_exact_to_the_byte)
{
	static const struct {
		const char *parameters;
		ssize_t capacity;
	} sizes[] = {
		{ "capacity=1", 1 }, { "capacity=7", 7 }, { "capacity=4095", 4095 },
		{ "capacity=4K", 4096 }, { "capacity=4097", 4097 },
		{ "capacity=65537", 65537 }, { "capacity=1000003", 1000003 },
		{ "capacity=1M", 1 << 20 }, { "capacity=16m", 1 << 24 },
		{ "max_capacity=20M capacity=17M", 17 << 20 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ssize_t capacity = sizes[i].capacity, lead = capacity / 3;
		int fd;

		ASSERT_EQ(0, module_load(sizes[i].parameters));
		ASSERT_EQ(capacity, file_number(BBUF_PARAMETERS "capacity"));
		fd = open(BBUF_DEVICE, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_TRUE(fill(fd, lead));
		ASSERT_TRUE(discard(fd, lead));
		ASSERT_EQ(capacity, put(fd, 0, capacity));
		ASSERT_EQ(capacity, queued(fd));
		ASSERT_FAILS(EAGAIN, put(fd, 0, 1));
		ASSERT_TRUE(take(fd, 0, capacity));
		close(fd);
		ASSERT_EQ(0, module_unload());
	}
}

TEST_F(module, max_capacity_can_change_while_loaded)
{
	static const char limit[] = BBUF_PARAMETERS "max_capacity";

	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(16 << 20, file_number(limit));
	ASSERT_EQ(0, file_put(limit, "32M\n"));
	ASSERT_EQ(32 << 20, file_number(limit));
	ASSERT_EQ(-EINVAL, file_put(limit, "0"));
	ASSERT_TRUE(was_logged(self->log, "bbuf: max_capacity=0: must be "));
	ASSERT_EQ(-EINVAL, file_put(limit, "much"));
	ASSERT_EQ(-EINVAL, file_put(limit, "\n"));
	ASSERT_EQ(32 << 20, file_number(limit));
}

TEST_F(module, other_parameters_cannot_change_while_loaded)
{
	struct stat stat_buf;

	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, stat(BBUF_PARAMETERS "capacity", &stat_buf));
	ASSERT_EQ(0444, stat_buf.st_mode & 07777);
	ASSERT_EQ(0, stat(BBUF_PARAMETERS "mode", &stat_buf));
	ASSERT_EQ(0444, stat_buf.st_mode & 07777);
}

static long open_as_nobody(struct task *t)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return -1;
	return open(BBUF_DEVICE, t->arg[0]);
}

TEST_F(module, device_is_accessible_to_root_only)
{
	struct task opener = { .fn = open_as_nobody, .arg = { O_RDONLY } };

	ASSERT_EQ(0, module_load(""));
	ASSERT_STARTS(opener);
	ASSERT_RETURNS(-EACCES, opener);
}

TEST_F(module, mode_gives_access_to_other_users)
{
	struct task reader = { .fn = open_as_nobody, .arg = { O_RDONLY } };
	struct task writer = { .fn = open_as_nobody, .arg = { O_WRONLY } };
	struct stat stat_buf;

	ASSERT_EQ(0, module_load("mode=0604"));
	ASSERT_EQ(0, stat(BBUF_DEVICE, &stat_buf));
	ASSERT_EQ(0604, stat_buf.st_mode & 07777);
	ASSERT_EQ(0604, file_number(BBUF_PARAMETERS "mode"));
	ASSERT_STARTS(reader);
	ASSERT_LE(0, task_wait(&reader));
	ASSERT_STARTS(writer);
	ASSERT_RETURNS(-EACCES, writer);
}

BBUF_HARNESS_MAIN
