// SPDX-License-Identifier: GPL-2.0-only
/* Queues by name: making, removing and listing them. */
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fixture.h"

#define NOBODY	65534
#define MANY	100
#define CHURNED	8
#define CHURN_MS	2000	/* time for which queues come and go */

static long max_capacity(void)
{
	FILE *file = fopen("/sys/module/bbuf/parameters/max_capacity", "r");
	long value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

FIXTURE(name) {
	char name[BBUF_NAME_SIZE];
};

FIXTURE_SETUP(name)
{
	queue_name(self->name, "name");
}

FIXTURE_TEARDOWN(name)
{
	bbuf_destroy(self->name);
	EXPECT_TRUE(nothing_leaked());
}

static bool node_stat(const char *name, struct stat *st)
{
	char path[BBUF_NAME_SIZE + 16];

	snprintf(path, sizeof(path), "/dev/bbuf-%s", name);
	return !stat(path, st);
}

TEST_F(name, has_the_documented_defaults_without_a_configuration)
{
	struct bbuf_info info;
	struct stat st;

	ASSERT_EQ(0, bbuf_create(self->name, NULL));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_STREQ(self->name, info.name);
	ASSERT_EQ(BBUF_STREAM, info.type);
	ASSERT_EQ(0, info.policy);
	ASSERT_EQ(65536, info.capacity);
	ASSERT_TRUE(node_stat(self->name, &st));
	ASSERT_EQ(S_IFCHR | 0600, st.st_mode);
	ASSERT_EQ(0, st.st_uid);
	ASSERT_EQ(0, st.st_gid);
}

TEST_F(name, config_is_applied)
{
	const struct bbuf_config config = {
		.type = BBUF_RECORD, .policy = BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST,
		.capacity = 12345, .mode = 0642, .uid = 11, .gid = 22,
	};
	struct bbuf_info info;
	struct stat st;

	umask(0777);
	ASSERT_EQ(0, bbuf_create(self->name, &config));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(BBUF_RECORD, info.type);
	ASSERT_EQ(BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST, info.policy);
	ASSERT_EQ(12345, info.capacity);
	ASSERT_TRUE(node_stat(self->name, &st));
	ASSERT_EQ(S_IFCHR | 0642, st.st_mode);
	ASSERT_EQ(11, st.st_uid);
	ASSERT_EQ(22, st.st_gid);
}

TEST_F(name, invalid_configs_are_refused)
{
	const struct bbuf_config usual = BBUF_CONFIG_INIT;
	struct bbuf_config config;

#define ASSERT_REFUSED(error, field, value) do {			\
	config = usual;							\
	config.field = value;						\
	ASSERT_FAILS(error, bbuf_create(self->name, &config));		\
} while (0)

	ASSERT_GT(max_capacity(), 0);
	ASSERT_REFUSED(EINVAL, type, 2);
	ASSERT_REFUSED(EINVAL, policy, 1U << 31);
	ASSERT_REFUSED(EINVAL, capacity, 0);
	ASSERT_REFUSED(ERANGE, capacity, (uint64_t)max_capacity() + 1);
	ASSERT_REFUSED(ERANGE, capacity, 1ULL << 63);
	ASSERT_REFUSED(EINVAL, mode, 04755);
	ASSERT_FAILS(ENOENT, bbuf_destroy(self->name));
}

TEST(invalid_names_are_refused)
{
	struct bbuf_info info;
	char name[300 + 1];
	const char *const bad[] = { "", ".", "..", ".hidden", "a/b", "/dev/bbuf", name };
	size_t i;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_FAILS(EINVAL, bbuf_create(bad[i], NULL));
		ASSERT_FAILS(EINVAL, bbuf_destroy(bad[i]));
		ASSERT_FAILS(EINVAL, bbuf_lookup(bad[i], &info));
	}
	name[BBUF_NAME_SIZE] = '\0';
	ASSERT_FAILS(EINVAL, bbuf_create(name, NULL));
	ASSERT_FAILS(EINVAL, bbuf_create("a b", NULL));
	ASSERT_FAILS(EINVAL, bbuf_create("\xff\xfe", NULL));
}

TEST(longest_name_is_accepted)
{
	char name[BBUF_NAME_SIZE];
	struct bbuf_info info;
	struct bbuf *queue;

	queue_name(name, "long-");
	memset(name + strlen(name), 'n', sizeof(name) - 1 - strlen(name));
	name[sizeof(name) - 1] = '\0';
	ASSERT_EQ(0, bbuf_create(name, NULL));
	queue = bbuf_open(name, O_RDWR);
	ASSERT_NE(NULL, queue);
	ASSERT_EQ(0, bbuf_lookup(name, &info));
	ASSERT_STREQ(name, info.name);
	bbuf_close(queue);
	ASSERT_EQ(0, bbuf_destroy(name));
}

TEST_F(name, is_refused_if_in_use)
{
	ASSERT_EQ(0, bbuf_create(self->name, NULL));
	ASSERT_FAILS(EEXIST, bbuf_create(self->name, NULL));
	ASSERT_FAILS(EEXIST, bbuf_create(BBUF_QUEUE_DEFAULT, NULL));
	ASSERT_FAILS(EEXIST, bbuf_create("control", NULL));
}

TEST_F(name, is_free_again_after_destroy)
{
	struct bbuf_info info;

	ASSERT_EQ(0, bbuf_create(self->name, NULL));
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_FAILS(ENOENT, bbuf_destroy(self->name));
	ASSERT_FAILS(ENOENT, bbuf_lookup(self->name, &info));
	ASSERT_NO_HANDLE(ENOENT, bbuf_open(self->name, O_RDWR));
	ASSERT_EQ(0, bbuf_create(self->name, NULL));
}

TEST(default_queue_cannot_be_destroyed)
{
	ASSERT_FAILS(EPERM, bbuf_destroy(BBUF_QUEUE_DEFAULT));
}

TEST_F(name, is_created_and_destroyed_by_root_only)
{
	struct bbuf_info info;

	ASSERT_EQ(0, bbuf_create(self->name, NULL));
	ASSERT_EQ(0, seteuid(NOBODY));
	ASSERT_FAILS(EACCES, bbuf_create("nobodys", NULL));
	ASSERT_FAILS(EACCES, bbuf_destroy(self->name));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(0, seteuid(0));
}

QUEUE_FIXTURE(destroyed, BBUF_RECORD)

TEST_F(destroyed, handles_fail_with_ENODEV)
{
	const struct bbuf_set set = { .policy_mask = BBUF_DROP_OLDEST };
	struct bbuf_info info;
	char byte;

	ASSERT_PUTS(self->queue, "lost");
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_FAILS(ENODEV, bbuf_put(self->queue, "x", 1, NULL));
	ASSERT_FAILS(ENODEV, bbuf_get(self->queue, &byte, 1, NULL));
	ASSERT_FAILS(ENODEV, bbuf_peek(self->queue, &byte, 1));
	ASSERT_FAILS(ENODEV, bbuf_flush(self->queue));
	ASSERT_FAILS(ENODEV, bbuf_drain(self->queue));
	ASSERT_FAILS(ENODEV, bbuf_shutdown(self->queue));
	ASSERT_FAILS(ENODEV, bbuf_reopen(self->queue));
	ASSERT_FAILS(ENODEV, bbuf_set(self->queue, &set));
	ASSERT_FAILS(ENODEV, bbuf_resize(self->queue, CAPACITY));
	ASSERT_EQ(0, bbuf_get_info(self->queue, &info));
	ASSERT_EQ(BBUF_DESTROYED, info.state & BBUF_DESTROYED);
}

TEST_F(destroyed, waiters_fail_with_ENODEV)
{
	struct call get = { .fn = call_get, .len = 1 };

	get.queue = bbuf_open(self->name, O_RDONLY);
	ASSERT_NE(NULL, get.queue);
	ASSERT_WAITS_FOR_DATA(get);
	ASSERT_EQ(0, bbuf_destroy(self->name));
	ASSERT_ENDS(-1, get);
	ASSERT_EQ(ENODEV, get.error);
	bbuf_close(get.queue);
}

/* Give each number of the queue a value of its own, as far as that can be. */
static bool make_history(struct bbuf *queue)
{
	const struct bbuf_set set = {
		.fields = BBUF_SET_WRITE_MARK, .write_mark = 77,
		.policy = BBUF_DROP_OLDEST, .policy_mask = BBUF_DROP_OLDEST,
	};
	static char bytes[CAPACITY];
	bool done;

	done = bbuf_put(queue, bytes, 1000, NULL) == 1000 &&
	       bbuf_put(queue, bytes, 500, NULL) == 500 && !bbuf_flush(queue) &&
	       bbuf_put(queue, bytes, 300, NULL) == 300 &&
	       bbuf_get(queue, bytes, sizeof(bytes), NULL) == 300 &&
	       bbuf_get(queue, bytes, 1, &shortly) == -1 && errno == ETIMEDOUT &&
	       queue_fill(queue, 4000) &&
	       bbuf_put(queue, bytes, 4000, &shortly) == -1 && errno == ETIMEDOUT;
	return done && !bbuf_set(queue, &set) && bbuf_put(queue, bytes, 222, NULL) == 222 &&
	       !bbuf_shutdown(queue);
}

QUEUE_FIXTURE(info, BBUF_RECORD)

TEST_F(info, is_the_same_by_name_and_by_handle)
{
	struct bbuf_info by_name, by_handle;

	ASSERT_TRUE(make_history(self->queue));
	ASSERT_EQ(0, bbuf_get_info(self->queue, &by_handle));
	ASSERT_EQ(0, bbuf_lookup(self->name, &by_name));
	ASSERT_EQ(0, memcmp(&by_name, &by_handle, sizeof(by_name)));

	ASSERT_EQ(BBUF_RECORD, by_name.type);
	ASSERT_EQ(BBUF_DROP_OLDEST, by_name.policy);
	ASSERT_EQ(BBUF_SHUT, by_name.state);
	ASSERT_EQ(77, by_name.write_mark);
	ASSERT_EQ(4222, by_name.bytes);
	ASSERT_EQ(2, by_name.records);
	ASSERT_EQ(8000, by_name.peak);
	ASSERT_EQ(4000, by_name.dropped_bytes);
	ASSERT_EQ(1, by_name.dropped_records);
	ASSERT_EQ(1500, by_name.flushed_bytes);
	ASSERT_EQ(10022, by_name.in.bytes);
	ASSERT_EQ(6, by_name.in.records);
	ASSERT_EQ(1, by_name.in.files);
	ASSERT_LE(1, by_name.in.blocked);
	ASSERT_NE(0, by_name.in.blocked_ns);
	ASSERT_LE(1, by_name.out.blocked);
	ASSERT_NE(0, by_name.out.blocked_ns);
}

TEST_F(info, counts_open_files_and_waiters)
{
	struct call get = { .fn = call_get, .len = 1 };
	struct bbuf_info info;

	get.queue = bbuf_open(self->name, O_RDONLY);
	ASSERT_NE(NULL, get.queue);
	ASSERT_WAITS_FOR_DATA(get);
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(1, info.in.files);
	ASSERT_EQ(2, info.out.files);
	ASSERT_EQ(0, info.in.waiters);
	ASSERT_EQ(1, info.out.waiters);
	ASSERT_PUTS(self->queue, "x");
	ASSERT_TRUE(call_ends(&get));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(1, info.out.wakeups);
	bbuf_close(get.queue);
}

static const struct bbuf_info *find(const struct bbuf_info *list, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

TEST(list_contains_all_queues_in_order)
{
	char name[BBUF_NAME_SIZE], what[16];
	struct bbuf_info *list;
	size_t count, i;

	for (i = 0; i < MANY; i++) {
		snprintf(what, sizeof(what), "list%zu", i);
		queue_name(name, what);
		ASSERT_EQ(0, bbuf_create(name, NULL));
	}
	ASSERT_EQ(0, bbuf_list(&list, &count));
	ASSERT_GT(count, MANY);
	ASSERT_NE(NULL, find(list, count, BBUF_QUEUE_DEFAULT));
	for (i = 1; i < count; i++)
		ASSERT_LT(strcmp(list[i - 1].name, list[i].name), 0);
	for (i = 0; i < MANY; i++) {
		snprintf(what, sizeof(what), "list%zu", i);
		queue_name(name, what);
		ASSERT_NE(NULL, find(list, count, name));
		ASSERT_EQ(65536, find(list, count, name)->capacity);
		ASSERT_EQ(0, bbuf_destroy(name));
	}
	bbuf_list_free(list);
	ASSERT_TRUE(nothing_leaked());
}

/*
 * Makes and removes queues until the list has been asked for long enough. Of several
 * names one comes before a queue that stays, in whatever order sysfs has them.
 */
static void *churn(void *arg)
{
	bool *stop = arg;
	char name[BBUF_NAME_SIZE], what[16];
	unsigned int i = 0;
	bool works = true;

	while (works && !__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		snprintf(what, sizeof(what), "churn%u", i++ % CHURNED);
		queue_name(name, what);
		works = !bbuf_create(name, NULL) && !bbuf_destroy(name);
	}
	return works ? NULL : arg;
}

TEST_F(name, stays_in_the_list_while_others_come_and_go)
{
	long end = now_ms() + CHURN_MS;
	bool stop = false;
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, bbuf_create(self->name, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn, &stop));
	while (now_ms() < end) {
		struct bbuf_info *list;
		size_t count;

		ASSERT_EQ(0, bbuf_list(&list, &count));
		EXPECT_NE(NULL, find(list, count, self->name));
		bbuf_list_free(list);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &failed));
	ASSERT_EQ(NULL, failed);
}

TEST_F(name, hides_counters_from_users_without_permission)
{
	struct bbuf_config config = BBUF_CONFIG_INIT;
	struct bbuf_info *list, info;
	const struct bbuf_info *entry;
	size_t count;

	config.policy = BBUF_LEASE;
	ASSERT_EQ(0, bbuf_create(self->name, &config));
	ASSERT_EQ(0, bbuf_lookup(self->name, &info));
	ASSERT_EQ(0, info.bytes);

	ASSERT_EQ(0, seteuid(NOBODY));
	EXPECT_EQ(0, bbuf_lookup(self->name, &info));
	EXPECT_EQ(0, bbuf_list(&list, &count));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_STREQ(self->name, info.name);
	ASSERT_EQ(BBUF_STREAM, info.type);
	ASSERT_EQ(BBUF_LEASE, info.policy);
	ASSERT_EQ(0, info.state);
	ASSERT_EQ(65536, info.capacity);
	ASSERT_EQ(BBUF_UNKNOWN, info.bytes);
	ASSERT_EQ(BBUF_UNKNOWN, info.records);
	ASSERT_EQ(BBUF_UNKNOWN, info.peak);
	ASSERT_EQ(BBUF_UNKNOWN, info.in.bytes);
	ASSERT_EQ(BBUF_UNKNOWN, info.in.blocked_ns);
	ASSERT_EQ(BBUF_UNKNOWN_32, info.in.files);
	ASSERT_EQ(BBUF_UNKNOWN_32, info.out.waiters);
	ASSERT_EQ(BBUF_UNKNOWN, info.leased_bytes);
	entry = find(list, count, self->name);
	ASSERT_NE(NULL, entry);
	ASSERT_EQ(0, memcmp(&info, entry, sizeof(info)));
	bbuf_list_free(list);
}

/* A process runs while the module is loaded, but its nodes are missing. */
TEST(missing_nodes_are_reported)
{
	struct bbuf_info info;

	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("none", "/dev", "tmpfs", 0, NULL));
	ASSERT_FAILS(ENXIO, bbuf_create("new", NULL));
	ASSERT_FAILS(ENXIO, bbuf_destroy("old"));
	ASSERT_EQ(0, bbuf_lookup(BBUF_QUEUE_DEFAULT, &info));
	ASSERT_NO_HANDLE(ENXIO, bbuf_open(BBUF_QUEUE_DEFAULT, O_RDWR));
	ASSERT_EQ(0, mknod("/dev/bbuf-control", S_IFREG | 0600, 0));
	ASSERT_FAILS(ENXIO, bbuf_create("new", NULL));
}

/* A process runs while the module is not loaded. */
TEST(missing_module_is_reported)
{
	struct bbuf_info info, *list;
	size_t count;

	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("none", "/dev", "tmpfs", 0, NULL));
	ASSERT_EQ(0, mount("none", "/sys", "tmpfs", 0, NULL));
	ASSERT_FAILS(ENOENT, bbuf_create("new", NULL));
	ASSERT_FAILS(ENOENT, bbuf_destroy("old"));
	ASSERT_FAILS(ENOENT, bbuf_lookup(BBUF_QUEUE_DEFAULT, &info));
	ASSERT_FAILS(ENOENT, bbuf_list(&list, &count));
	ASSERT_NO_HANDLE(ENOENT, bbuf_open(BBUF_QUEUE_DEFAULT, O_RDWR));
}

TEST_HARNESS_MAIN
