// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory cgroups that are charged, and the amounts: the buffer of a queue to the cgroup that
 * creates it, or changes its capacity; an open file to the cgroup that opens it. A write is charged
 * to none.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "fixture.h"
#include "leased.h"

#define CAPACITY	(4 * 1024 * 1024)
#define LESS_THAN_CAPACITY "3M"
#define FILES		5000
#define LINE_LENGTH	256

/*
 * Memory that a task's cgroup may be charged for otherwise. Each of two processors keeps up to 64
 * charged pages in store; CAPACITY / 4 covers pages of 4 KiB, larger ones need more.
 */
#define SLACK		(CAPACITY / 4 + 2 * 64 * (sysconf(_SC_PAGESIZE) - 4096))

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

	queue_destroy(QUEUE);
	queue_destroy(DEAD);
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

	queue_destroy(QUEUE);
	queue_destroy(DEAD);
	for (i = 0; self->supported && i < 2; i++)
		EXPECT_TRUE(eventually(!rmdir(self->group[i])));
	umount(self->root);
	rmdir(self->root);
}

/* A call of a process that is in a cgroup: its value, or -errno. */

struct act {
	long (*fn)(const struct act *act);
	size_t n;
};

static long act_in_group(struct task *t)
{
	const struct act *act = (const struct act *)t->arg[0];

	return cgroup_put((char *)t->arg[1], "cgroup.procs", "0") ? -1 : act->fn(act);
}

static long act_from(const char *group, long (*fn)(const struct act *act), size_t n)
{
	const struct act act = { fn, n };
	struct task t = { .fn = act_in_group, .arg = { (long)&act, (long)group } };

	return task_start(&t) ? -1 : task_wait(&t);
}

static long with_errno(int error)
{
	errno = -error;
	return error ? -1 : 0;
}

static long create_stream(const struct act *act)
{
	return with_errno(queue_make(BBUF_STREAM, act->n, 0));
}

static long create_records(const struct act *act)
{
	return with_errno(queue_make(BBUF_RECORD, act->n, 0));
}

static long load_module(const struct act *act)
{
	return with_errno(module_reload(act->n));
}

static long write_nonblocking(const struct act *act)
{
	return put(queue_open(QUEUE, O_WRONLY | O_NONBLOCK), 0, act->n);
}

static long write_nowait(const struct act *act)
{
	unsigned char buf[ATOMIC_MAX];
	struct iovec iov = { buf, act->n };

	pattern_fill(buf, 0, act->n);
	return pwritev2(queue_open(QUEUE, O_WRONLY), &iov, 1, -1, RWF_NOWAIT);
}

static long resize(const struct act *act)
{
	return queue_resize(queue_open(QUEUE, O_RDWR), act->n);
}

static long just_open(const struct act *act)
{
	(void)act;
	return queue_open(QUEUE, O_RDWR) < 0 ? -1 : 0;
}

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_MEMCG()							\
do {									\
	if (!self->supported)						\
		SKIP(return, "no memory controller in cgroup v2");	\
} while (0)

TEST_F(memcg, creator_is_charged_for_a_stream)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_stream, CAPACITY));
	ASSERT_LE(CAPACITY, memory_of(self->group[0]));
	ASSERT_GT(CAPACITY + SLACK, memory_of(self->group[0]));
}

TEST_F(memcg, creator_is_charged_for_a_record_queue)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_records, CAPACITY));
	ASSERT_LE(2 * CAPACITY, memory_of(self->group[0]));
	ASSERT_GT(2 * CAPACITY + SLACK, memory_of(self->group[0]));
}

TEST_F(memcg, loader_of_the_module_is_charged_for_the_default_queue)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], load_module, CAPACITY));
	ASSERT_LE(CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

TEST_F(memcg, users_are_not_charged_for_opening_and_writing)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_stream, CAPACITY));
	ASSERT_EQ(0, act_from(self->group[1], just_open, 0));
	ASSERT_EQ(1, act_from(self->group[1], write_nonblocking, 1));
	ASSERT_EQ(1, act_from(self->group[1], write_nowait, 1));
	ASSERT_GT(SLACK, memory_of(self->group[1]));
}

/* Even the first allocation fails in a cgroup whose limit is below the total. */
TEST_F(memcg, nonblocking_write_needs_no_memory_from_the_cgroup)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.max", LESS_THAN_CAPACITY));
	ASSERT_EQ(0, queue_make(BBUF_STREAM, CAPACITY, 0));
	ASSERT_EQ(1, act_from(self->group[0], write_nonblocking, 1));
	ASSERT_EQ(0, queue_make(BBUF_RECORD, CAPACITY, 0));
	ASSERT_EQ(ATOMIC_MAX, act_from(self->group[0], write_nowait, ATOMIC_MAX));
	ASSERT_EQ(0, killed_in(self->group[0]));
	ASSERT_GT(SLACK, memory_of(self->group[0]));
}

/* No process is killed for it, and nothing of the queue is left. */
TEST_F(memcg, limit_makes_create_fail)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.max", LESS_THAN_CAPACITY));
	ASSERT_EQ(-ENOMEM, act_from(self->group[0], create_stream, CAPACITY));
	ASSERT_EQ(-ENOMEM, act_from(self->group[0], create_records, CAPACITY / 2));
	ASSERT_EQ(0, killed_in(self->group[0]));
	ASSERT_EQ(-1, access(QUEUE_NODE, F_OK));
	ASSERT_EQ(-1, access(QUEUE_SYSFS, F_OK));
	ASSERT_EQ(-ENOENT, queue_destroy(QUEUE));
	ASSERT_GT(SLACK, memory_of(self->group[0]));
	ASSERT_EQ(0, act_from(self->group[0], create_stream, CAPACITY / 4));
	ASSERT_EQ(0, act_from(self->group[1], create_stream, CAPACITY));
	ASSERT_EQ(1, act_from(self->group[0], write_nonblocking, 1));
}

TEST_F(memcg, limit_makes_loading_the_module_fail)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.max", LESS_THAN_CAPACITY));
	ASSERT_EQ(-ENOMEM, act_from(self->group[0], load_module, CAPACITY));
	ASSERT_EQ(0, killed_in(self->group[0]));
	ASSERT_EQ(-1, access(BBUF_DEVICE, F_OK));
	ASSERT_EQ(-1, access("/sys/class/bbuf", F_OK));
	ASSERT_EQ(0, module_load(""));
}

TEST_F(memcg, resizer_is_charged_for_the_new_capacity)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_stream, CAPACITY));
	ASSERT_EQ(0, act_from(self->group[1], resize, 2 * CAPACITY));
	ASSERT_LE(2 * CAPACITY, memory_of(self->group[1]));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

/* Nothing is lost, and the queue has the capacity that it had. */
TEST_F(memcg, limit_makes_a_resize_fail)
{
	int nb;

	REQUIRE_MEMCG();
	ASSERT_EQ(0, queue_make(BBUF_RECORD, CAPACITY, 0));
	nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, nb);
	ASSERT_EQ(0, cgroup_put(self->group[0], "memory.max", LESS_THAN_CAPACITY));
	ASSERT_EQ(CAPACITY / 2, put(nb, 0, CAPACITY / 2));
	ASSERT_EQ(-ENOMEM, act_from(self->group[0], resize, 2 * CAPACITY));
	ASSERT_EQ(CAPACITY, queue_info(nb).capacity);
	ASSERT_TRUE(take_record(nb, 0, CAPACITY / 2));
	close(nb);
}

/* Dead letters: their queue is charged to its creator, whichever process sends records there. */

static long create_dead(const struct act *act)
{
	return with_errno(queue_create(&(struct bbuf_create){
		.name = DEAD, .type = BBUF_RECORD, .capacity = act->n, .mode = 0600,
	}));
}

static long reject_one(const struct act *act)
{
	int fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	unsigned char buf[LEN];

	if (put(fd, 0, act->n) != (ssize_t)act->n || read(fd, buf, LEN) != (ssize_t)act->n)
		return -1;
	return settle(fd, 0, BBUF_REJECT);
}

TEST_F(memcg, creator_is_charged_for_dead_letters)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_dead, CAPACITY));
	ASSERT_LE(2 * CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = LEN, .dead_letters = DEAD));
	ASSERT_EQ(1, act_from(self->group[1], reject_one, LEN));
	ASSERT_GT(SLACK, memory_of(self->group[1]));
	ASSERT_GT(2 * CAPACITY + SLACK, memory_of(self->group[0]));
}

/*
 * Readers that return all they get, to the back, again and again: each record is a byte, which
 * takes the most memory beside it.
 */

#define ROUNDS		2
#define READERS		4
#define RECORDS_AT_ONCE	1024
#define DEADLINES	3	/* that a task may take to do all that */

/* Memory of the kernel that a cgroup is charged for. */
static long kernel_memory_of(const char *group)
{
	char path[PATH_MAX], bytes[LINE_LENGTH];

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	return proc_field(path, "kernel ", bytes, sizeof(bytes)) ? atol(bytes) : -1;
}

struct tiny {
	struct bbuf_frame head;
	__u64 byte;
};

/* Records of a byte, until there is no room for more. */
static bool fill_with_bytes(int fd)
{
	static struct tiny frames[RECORDS_AT_ONCE];
	size_t i;

	for (i = 0; i < RECORDS_AT_ONCE; i++)
		frames[i].head.len = 1;
	while (write(fd, frames, sizeof(frames)) > 0)
		continue;
	return errno == EAGAIN;
}

/* As many as it gets, and then all of them to the back. */
static bool return_all_last(int fd)
{
	static struct tiny frames[RECORDS_AT_ONCE];

	while (read(fd, frames, sizeof(frames)) > 0)
		continue;
	return (errno == EAGAIN || errno == EBUSY) && settle_all(fd, BBUF_RETURN_LAST) >= 0;
}

/* Creates a queue, and has several files return all that is in it: the most memory there was. */
static long return_in_group(struct task *t)
{
	const char *group = (char *)t->arg[1];
	int fd[READERS], i, round;
	long before, now, most = 0;

	if (cgroup_put(group, "cgroup.procs", "0"))
		return -1;
	before = kernel_memory_of(group);
	if (lease_make(.type = BBUF_RECORD, .capacity = t->arg[0], .max_leases = -1U))
		return -1;
	for (i = 0; i < READERS; i++) {
		fd[i] = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
		if (queue_set_options(fd[i], .flags = BBUF_FRAMED))
			return -1;
	}
	for (round = 0; round < ROUNDS * READERS; round++) {
		if (!fill_with_bytes(fd[0]) || !return_all_last(fd[round % READERS]))
			return -1;
		now = kernel_memory_of(group) - before;
		most = now > most ? now : most;
	}
	/* The kernel adds up what each processor has counted only every two seconds. */
	eventually(kernel_memory_of(group) - before >= 2 * (long)t->arg[0]);
	now = kernel_memory_of(group) - before;
	return now > most ? now : most;
}

/* With debugging each object is larger than the bound provides for. */
static bool objects_are_plain(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK);
}

static long returned_in(const char *group, size_t capacity)
{
	struct task t = { .fn = return_in_group, .arg = { capacity, (long)group } };
	int i;

	if (task_start(&t))
		return -1;
	/* A kernel that watches each access to memory takes longer than one deadline. */
	for (i = 1; i < DEADLINES && !eventually(task_done(&t)); i++)
		;
	return task_wait(&t);
}

#define ASSERT_BOUNDED(capacity)					\
do {									\
	long bound = 8 * (capacity) + (1 << 20), most;			\
									\
	if (kernel_memory_of(self->group[0]) < 0)			\
		SKIP(return, "memory.stat does not tell what the kernel takes");\
	if (!objects_are_plain())					\
		SKIP(return, "objects have their own debugging");	\
	most = returned_in(self->group[0], capacity);			\
	ASSERT_LE(2 * (capacity), most);	/* the ring, at least */	\
	ASSERT_GE(bound, most);						\
} while (0)

TEST_F(memcg, use_of_a_small_queue_is_bounded_whatever_its_readers_do)
{
	REQUIRE_MEMCG();
	ASSERT_BOUNDED(65536);
}

/* With KCSAN a million records take minutes; its kernel looks for races, not for bounds. */
static size_t large_capacity(void)
{
	return access("/sys/kernel/debug/kcsan", F_OK) ? 1 << 20 : 1 << 17;
}

TEST_F(memcg, use_of_a_large_queue_is_bounded_whatever_its_readers_do)
{
	const size_t capacity = large_capacity();

	REQUIRE_MEMCG();
	ASSERT_BOUNDED((long)capacity);
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

TEST_F(memcg, opener_is_charged_for_each_file)
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

TEST_F(memcg, charge_is_released_on_destroy)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_records, CAPACITY));
	ASSERT_LE(2 * CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

TEST_F(memcg, charge_is_released_when_create_fails)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[1], create_dead, CAPACITY));
	ASSERT_EQ(-EEXIST, act_from(self->group[0], create_dead, CAPACITY));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

/* The source keeps its dead-letter queue, but only as long as the source itself exists. */
TEST_F(memcg, charge_is_released_when_dead_letters_are_destroyed_first)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_dead, CAPACITY));
	ASSERT_EQ(0, lease_make(.type = BBUF_RECORD, .capacity = LEN, .dead_letters = DEAD));
	ASSERT_EQ(0, queue_destroy(DEAD));
	ASSERT_EQ(0, queue_destroy(QUEUE));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

TEST_F(memcg, charge_is_released_on_module_unload)
{
	REQUIRE_MEMCG();
	ASSERT_EQ(0, act_from(self->group[0], create_records, CAPACITY));
	ASSERT_LE(2 * CAPACITY, memory_of(self->group[0]));
	ASSERT_EQ(0, module_reload(DEFAULT_CAPACITY));
	ASSERT_TRUE(eventually(memory_of(self->group[0]) < SLACK));
}

BBUF_HARNESS_MAIN
