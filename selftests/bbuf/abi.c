// SPDX-License-Identifier: GPL-2.0-only
/* Requests that are no good: nothing but an error comes of them. */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	1000
#define LARGEST		((1U << _IOC_SIZEBITS) - 1)	/* the largest structure there can be */

FIXTURE(abi) {
	int control;
	int fd;
	int nb;		/* O_NONBLOCK, as the next two */
	int in;		/* O_RDONLY */
	int out;	/* O_WRONLY */
};

/* Random requests make queues of any name; the one that stays refuses to go. */
static void destroy_all(void)
{
	DIR *class = opendir("/sys/class/bbuf");
	struct dirent *entry;

	while (class && (entry = readdir(class)))
		queue_destroy(entry->d_name);
	if (class)
		closedir(class);
}

static bool open_all(FIXTURE_DATA(abi) *self, unsigned int policy)
{
	if (queue_begin(BBUF_RECORD, CAPACITY, policy, &self->fd, &self->nb))
		return false;
	self->control = open(BBUF_CONTROL, O_RDWR);
	self->in = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	self->out = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	return self->control >= 0 && self->in >= 0 && self->out >= 0;
}

static void close_all(FIXTURE_DATA(abi) *self)
{
	close(self->control);
	close(self->fd);
	close(self->nb);
	close(self->in);
	close(self->out);
	destroy_all();
}

FIXTURE_SETUP(abi)
{
	ASSERT_TRUE(open_all(self, 0));
}

FIXTURE_TEARDOWN(abi)
{
	close_all(self);
}

/* The same command for a structure of another size. */
static unsigned int resized(unsigned int command, size_t size)
{
	return _IOC(_IOC_DIR(command), _IOC_TYPE(command), _IOC_NR(command), size);
}

/* The commands that take a structure, each with a valid one */
static struct bbuf_create create = { .name = QUEUE "-abi", .capacity = CAPACITY };
static struct bbuf_destroy destroy = { .name = QUEUE "-abi" };
static struct bbuf_set set = { .fields = BBUF_SET_WRITE_MARK, .write_mark = 1 };
static struct bbuf_options options = { .flags = BBUF_FRAMED };
static struct bbuf_peek peek;
static char peeked[CAPACITY];

struct request {
	unsigned int command;
	void *argument;
	bool control;
	int value;	/* what it returns when it works */
};

static const struct request requests[] = {
	{ BBUF_IOC_CREATE, &create, true, 0 },
	{ BBUF_IOC_DESTROY, &destroy, true, 0 },
	{ BBUF_IOC_SET, &set, false, 0 },
	{ BBUF_IOC_SET_OPTIONS, &options, false, 0 },
	{ BBUF_IOC_PEEK, &peek, false, 10 },
};

static int request(FIXTURE_DATA(abi) *self, const struct request *r, size_t size,
		   const void *argument)
{
	return ioctl(r->control ? self->control : self->nb, resized(r->command, size), argument);
}

static void prepare(FIXTURE_DATA(abi) *self)
{
	peek = (struct bbuf_peek){ .buffer = (uintptr_t)peeked, .size = sizeof(peeked) };
	put(self->fd, 0, 10);
}

TEST_F(abi, longer_structure_is_accepted_if_the_rest_is_zero)
{
	static unsigned char longer[LARGEST];
	size_t i, size;

	prepare(self);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		size = _IOC_SIZE(requests[i].command);
		memset(longer, 0, sizeof(longer));
		memcpy(longer, requests[i].argument, size);
		longer[size + 7] = 1;
		ASSERT_FAILS(E2BIG, request(self, &requests[i], size + 8, longer));
		longer[size + 7] = 0;
		longer[sizeof(longer) - 1] = 1;
		ASSERT_FAILS(E2BIG, request(self, &requests[i], sizeof(longer), longer));
		longer[sizeof(longer) - 1] = 0;
		ASSERT_EQ(requests[i].value, request(self, &requests[i], sizeof(longer), longer));
	}
}

TEST_F(abi, shorter_structure_is_extended_with_zeros)
{
	struct bbuf_set dirty = { .fields = BBUF_SET_WRITE_MARK, .policy = -1, .write_mark = 7 };

	ASSERT_EQ(0, ioctl(self->control, resized(BBUF_IOC_CREATE,
						  offsetof(struct bbuf_create, type)), &create));
	ASSERT_EQ(0, queue_destroy(create.name));
	ASSERT_FAILS(EINVAL, ioctl(self->control, resized(BBUF_IOC_CREATE, BBUF_NAME_SIZE),
				   &create));
	ASSERT_EQ(0, ioctl(self->fd, resized(BBUF_IOC_SET, 4), &(struct bbuf_set){ 0 }));
	ASSERT_FAILS(EINVAL, ioctl(self->fd, resized(BBUF_IOC_SET, 4), &dirty));
	ASSERT_EQ(0, ioctl(self->fd, resized(BBUF_IOC_SET_OPTIONS, 4), &options));
	ASSERT_FAILS(ENOENT, ioctl(self->control, resized(BBUF_IOC_DESTROY, 2),
				   &(struct bbuf_destroy){ .name = "ab" }));
}

/* Programs that know of no leases. */
TEST_F(abi, structures_from_before_leases_are_accepted)
{
	struct bbuf_create queue = {
		.name = QUEUE "-abi", .capacity = CAPACITY, .type = BBUF_RECORD,
		.policy = BBUF_LEASE, .lease_timeout = 1, .max_leases = 7,
	};
	struct bbuf_set mark = {
		.fields = BBUF_SET_WRITE_MARK, .write_mark = 77, .max_leases = 7,
	};
	int fd;

	ASSERT_EQ(0, ioctl(self->control, resized(BBUF_IOC_CREATE, 96), &queue));
	fd = queue_open(queue.name, O_RDWR);
	ASSERT_EQ(0, queue_info(fd).lease_timeout);
	ASSERT_EQ(BBUF_MAX_LEASES_DEFAULT, queue_info(fd).max_leases);
	ASSERT_EQ(0, ioctl(fd, resized(BBUF_IOC_SET, 40), &mark));
	ASSERT_EQ(77, queue_info(fd).write_mark);
	ASSERT_FAILS(EINVAL, ioctl(fd, BBUF_IOC_SET, &mark));
	close(fd);
}

TEST_F(abi, lease_structures_of_any_size_are_accepted)
{
	struct {
		struct bbuf_lease lease;
		unsigned long long more;
	} lease = { .lease = { .buffer = (uintptr_t)peeked, .size = CAPACITY }, .more = 1 };
	struct {
		struct bbuf_settle settle;
		unsigned long long more;
	} settle = { .settle.action = BBUF_RETURN, .more = 1 };

	close_all(self);
	ASSERT_TRUE(open_all(self, BBUF_LEASE));
	ASSERT_EQ(10, put(self->fd, 0, 10));
	ASSERT_FAILS(E2BIG, ioctl(self->nb, resized(BBUF_IOC_LEASE, sizeof(lease)), &lease));
	lease.more = 0;
	ASSERT_EQ(10, ioctl(self->nb, resized(BBUF_IOC_LEASE, sizeof(lease)), &lease));
	ASSERT_EQ(0, lease.more);
	ASSERT_NE(0, lease.lease.lease);
	ASSERT_FAILS(E2BIG, ioctl(self->nb, resized(BBUF_IOC_SETTLE, sizeof(settle)), &settle));
	settle.more = 0;
	ASSERT_EQ(1, ioctl(self->nb, resized(BBUF_IOC_SETTLE, sizeof(settle)), &settle));

	/* The lease number is not written if the structure of the caller is too short for it. */
	lease.lease.lease = 7;
	ASSERT_EQ(10, ioctl(self->nb, resized(BBUF_IOC_LEASE, 16), &lease));
	ASSERT_EQ(7, lease.lease.lease);
	settle.settle = (struct bbuf_settle){ .action = BBUF_RETURN };
	ASSERT_EQ(1, ioctl(self->nb, resized(BBUF_IOC_SETTLE, 12), &settle));
	ASSERT_EQ(10, queued(self->nb));
}

TEST_F(abi, structure_of_size_zero_is_refused)
{
	size_t i;

	prepare(self);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		ASSERT_EQ(-1, request(self, &requests[i], 0, requests[i].argument));
		ASSERT_TRUE(errno == EINVAL || errno == ENOTTY);
	}
	ASSERT_EQ(-1, ioctl(self->fd, resized(BBUF_IOC_INFO, 0), peeked));
	ASSERT_EQ(-1, ioctl(self->fd, resized(BBUF_IOC_GET_OPTIONS, 0), peeked));
}

TEST_F(abi, info_fills_as_much_as_the_caller_has_room_for)
{
	static unsigned char longer[sizeof(struct bbuf_info) + 100];
	struct bbuf_info info = queue_info(self->fd);
	size_t size;

	for (size = 1; size < sizeof(longer); size += 15) {
		size_t known = size < sizeof(info) ? size : sizeof(info), i;

		memset(longer, 0xff, sizeof(longer));
		ASSERT_EQ(0, ioctl(self->fd, resized(BBUF_IOC_INFO, size), longer));
		ASSERT_EQ(0, memcmp(longer, &info, known));
		for (i = known; i < size; i++)
			ASSERT_EQ(0, longer[i]);
		ASSERT_EQ(0xff, longer[size]);
	}
}

TEST_F(abi, structure_may_be_at_any_address)
{
	static unsigned char space[sizeof(struct bbuf_info) + 8];
	struct bbuf_info info = queue_info(self->fd);
	size_t i, shift;

	for (shift = 1; shift < 8; shift++) {
		prepare(self);
		for (i = 0; i < ARRAY_SIZE(requests); i++) {
			size_t size = _IOC_SIZE(requests[i].command);

			memcpy(space + shift, requests[i].argument, size);
			ASSERT_EQ(requests[i].value,
				  request(self, &requests[i], size, space + shift));
		}
		ASSERT_EQ(0, queue_flush(self->fd));
		ASSERT_EQ(0, ioctl(self->fd, BBUF_IOC_INFO, space + shift));
		ASSERT_EQ(0, memcmp(space + shift, info.name, sizeof(info.name)));
	}
}

TEST_F(abi, structure_at_an_unmapped_address_fails_with_EFAULT)
{
	void *bad[] = { NULL, cliff(0, 0), (void *)-4096L };
	size_t i, j;

	for (j = 0; j < ARRAY_SIZE(bad); j++) {
		for (i = 0; i < ARRAY_SIZE(requests); i++) {
			size_t size = _IOC_SIZE(requests[i].command);
			unsigned char *half = cliff(size - 1, 0);

			memcpy(half, requests[i].argument, size - 1);
			ASSERT_FAILS(EFAULT, request(self, &requests[i], size, bad[j]));
			ASSERT_FAILS(EFAULT, request(self, &requests[i], size, half));
		}
		ASSERT_FAILS(EFAULT, ioctl(self->fd, BBUF_IOC_INFO, bad[j]));
		ASSERT_FAILS(EFAULT, ioctl(self->fd, BBUF_IOC_INFO, cliff(100, 0)));
		ASSERT_FAILS(EFAULT, ioctl(self->fd, BBUF_IOC_GET_OPTIONS, bad[j]));
	}
	ASSERT_EQ(-ENOENT, queue_destroy(create.name));
}

TEST_F(abi, unknown_flags_and_nonzero_padding_are_refused)
{
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = 1U << 4));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = -1U));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .fields = 1U << 3));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy = 4, .policy_mask = 4));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy_mask = -1U));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .policy = BBUF_DROP_OLDEST));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .reserved = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .capacity = CAPACITY));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .read_mark = 1));
	ASSERT_FAILS(EINVAL, queue_set(self->fd, .write_mark = 1));
	ASSERT_FAILS(EINVAL, queue_set_options(self->fd, .flags = 2));
	ASSERT_FAILS(EINVAL, queue_set_options(self->fd, .flags = -1U));
	ASSERT_FAILS(EINVAL, queue_set_options(self->fd, .reserved = 1));
	ASSERT_EQ(0, queue_set(self->fd, .fields = 0));
}

TEST_F(abi, commands_are_not_confused_with_one_another)
{
	static const unsigned int commands[] = {
		0, BBUF_IOC_CREATE, BBUF_IOC_DESTROY, _IO(BBUF_IOC_MAGIC, 0x10),
		_IO(BBUF_IOC_MAGIC, 0x18), _IOW(BBUF_IOC_MAGIC, 0x10, struct bbuf_info),
		_IOR(BBUF_IOC_MAGIC, 0x11, struct bbuf_set), _IOW(BBUF_IOC_MAGIC, 0x15, int),
		_IO(BBUF_IOC_MAGIC ^ 1, 0x15), _IO(BBUF_IOC_MAGIC, 0xff),
	};
	size_t i;

	ASSERT_EQ(10, put(self->fd, 0, 10));
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		ASSERT_FAILS(ENOTTY, ioctl(self->fd, commands[i], peeked));
	ASSERT_TRUE(take_record(self->fd, 0, 10));
}

TEST_F(abi, sizes_are_the_same_for_32_bit_and_64_bit)
{
	ASSERT_EQ(176, sizeof(struct bbuf_create));
	ASSERT_EQ(64, sizeof(struct bbuf_destroy));
	ASSERT_EQ(376, sizeof(struct bbuf_info));
	ASSERT_EQ(56, sizeof(struct bbuf_set));
	ASSERT_EQ(24, sizeof(struct bbuf_options));
	ASSERT_EQ(16, sizeof(struct bbuf_peek));
	ASSERT_EQ(8, sizeof(struct bbuf_frame));
	ASSERT_EQ(16, sizeof(struct bbuf_lease_frame));
	ASSERT_EQ(40, sizeof(struct bbuf_lease));
	ASSERT_EQ(16, sizeof(struct bbuf_settle));
}

/* Whatever is asked: no harm is done, and afterwards the queue serves as before. */

#define REQUESTS	10000
#define FDS		4

/* Mostly commands that exist, of sizes that they may have. */
static unsigned int random_command(void)
{
	unsigned int nr = rand() % 4 ? rand() % 2 * 0x10 + rand() % 10 : rand() % 256;
	unsigned int size = rand() % (rand() % 2 ? 256 : LARGEST);

	if (rand() % 3 == 0)
		return requests[rand() % ARRAY_SIZE(requests)].command;
	return _IOC(rand() % 4, BBUF_IOC_MAGIC, nr, rand() % 4 ? size : 0);
}

/* Noise, or a structure that is good but for a few bits of it. */
static void random_bytes(unsigned char *buf, size_t size)
{
	const struct request *r = &requests[rand() % ARRAY_SIZE(requests)];
	size_t i;

	for (i = 0; i < size; i++)
		buf[i] = rand() % 3 ? 0 : rand();
	if (rand() % 2)
		return;
	memcpy(buf, r->argument, _IOC_SIZE(r->command));
	for (i = rand() % 4; i; i--)
		buf[rand() % _IOC_SIZE(r->command)] ^= 1 << rand() % 8;
}

/* A process of its own: some answers may well go to where its own variables are. */
static long ask_at_random(struct task *t)
{
	static unsigned char buf[LARGEST + 1];
	void *bad[] = { NULL, (void *)-4096L, cliff(0, 0), cliff(7, 0) };
	const int *fd = (const int *)t->arg[0];
	int i;

	srand(t->arg[1]);
	for (i = 0; i < REQUESTS; i++) {
		void *argument = rand() % 10 ? buf + rand() % 9 : bad[rand() % ARRAY_SIZE(bad)];

		random_bytes(buf, sizeof(struct bbuf_info) + 64);
		ioctl(fd[rand() % FDS], random_command(), argument);
	}
	return REQUESTS;
}

/* Check the state of the queue: true if it is the same as before. */
static bool serves(FIXTURE_DATA(abi) *self)
{
	return !queue_reopen(self->fd) && !queue_flush(self->fd) &&
	       !queue_set_options(self->nb, .flags = 0) && !queue_resize(self->fd, CAPACITY) &&
	       !queue_set_policy(self->fd, 0) && put(self->nb, 0, CAPACITY) == CAPACITY &&
	       take_record(self->nb, 0, CAPACITY);
}

TEST_F(abi, ten_thousand_random_requests_do_no_harm)
{
	int fd[FDS] = { self->control, self->nb, self->in, self->out };
	struct task task = { .fn = ask_at_random, .arg = { (long)fd, time(NULL) } };

	TH_LOG("seed %ld", task.arg[1]);
	prepare(self);
	ASSERT_STARTS(task);
	ASSERT_NE(-ETIME, task_wait(&task));
	ASSERT_TRUE(serves(self));
}

/* The process that asks has leased through files that are open here, too. */
TEST_F(abi, ten_thousand_random_lease_requests_do_no_harm)
{
	struct task task = { .fn = ask_at_random };
	int fd[FDS];

	close_all(self);
	ASSERT_TRUE(open_all(self, BBUF_LEASE));
	memcpy(fd, (int[]){ self->control, self->nb, self->in, self->out }, sizeof(fd));
	task.arg[0] = (long)fd;
	task.arg[1] = time(NULL);
	TH_LOG("seed %ld", task.arg[1]);
	prepare(self);
	ASSERT_STARTS(task);
	ASSERT_NE(-ETIME, task_wait(&task));
	close(self->nb);
	close(self->in);
	self->nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	self->in = -1;
	ASSERT_EQ(0, queue_set_max_leases(self->fd, 1));
	ASSERT_TRUE(serves(self));
}

BBUF_HARNESS_MAIN
