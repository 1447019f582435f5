// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by an unprivileged user on a queue that he may open: sleeping in it a thousand times,
 * opening it a thousand times, sending invalid requests. The queue must serve the others as before,
 * and everything that the user held must be freed when his processes exit.
 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "fixture.h"
#include "named.h"

#define CAPACITY	10000
#define NOBODY		65534
#define FEW		40	/* sleepers */
#define MANY		2000
#define ROUNDS		(FEW / 2)	/* each wakes one of them */
#define SLOWER		10	/* how much a call may be with MANY than with FEW */
#define FILES		1000
#define NONSENSE	1000	/* rounds of it */
#define FEW_LINES	20	/* in the log, of whatever else goes on */

FIXTURE(attack) {
	int fd;
	int nb;
};

static int open_to_all(enum bbuf_type type, int *fd, int *nb)
{
	int error = queue_begin(type, CAPACITY, 0, fd, nb);

	return error ?: chmod(QUEUE_NODE, 0666);
}

FIXTURE_SETUP(attack)
{
	ASSERT_EQ(0, open_to_all(BBUF_STREAM, &self->fd, &self->nb));
}

QUEUE_TEARDOWN(attack)

static bool limit_to(int resource, rlim_t limit)
{
	return !setrlimit(resource, &(struct rlimit){ limit, limit });
}

static bool become_nobody(void)
{
	return !setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY);
}

/* Sleepers: the threads of one unprivileged process, as many as its limit allows */

struct crowd {
	ssize_t (*sleep)(int fd);	/* 1 if it was served */
	int fd;
	int started;			/* of them, by now */
	int all;			/* of them; 0 until it is known */
};

static ssize_t sleep_in_read(int fd)
{
	char byte;

	return read(fd, &byte, 1);
}

static ssize_t sleep_in_write(int fd)
{
	return write(fd, "", 1);
}

static ssize_t sleep_in_fsync(int fd)
{
	return !fsync(fd);
}

static void *crowd_member(void *argument)
{
	struct crowd *crowd = argument;

	__atomic_add_fetch(&crowd->started, 1, __ATOMIC_RELEASE);
	return (void *)crowd->sleep(crowd->fd);
}

static long crowd_join(pthread_t *thread, int number)
{
	void *served;
	long total = 0;

	while (number--) {
		pthread_join(thread[number], &served);
		total += (long)served > 0;
	}
	return total;
}

/* Returns how many were served. */
static long crowd_run(struct task *t)
{
	struct crowd *crowd = (struct crowd *)t->result->data;
	pthread_t *thread = calloc(t->arg[1], sizeof(*thread));
	pthread_attr_t attr;
	int number = 0;

	if (!thread || !limit_to(RLIMIT_NPROC, t->arg[1]) || !become_nobody())
		return -1;
	crowd->sleep = (void *)t->arg[0];
	crowd->fd = queue_open(QUEUE, O_RDWR);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	while (!pthread_create(&thread[number], &attr, crowd_member, crowd))
		number++;
	store(crowd->all, number);
	return crowd_join(thread, number);
}

static struct task task_crowd(ssize_t (*sleep)(int fd), int limit)
{
	return (struct task){
		.fn = crowd_run, .len = sizeof(struct crowd), .arg = { (long)sleep, limit },
	};
}

/*
 * The number of sleepers once they sleep, or 0. Callers of fsync may still be on their way there.
 */
static unsigned int crowd_blocks(struct task *t, int fd)
{
	struct crowd *crowd;
	struct bbuf_info info;
	unsigned int all;

	if (task_start(t))
		return 0;
	crowd = (struct crowd *)t->result->data;
	if (!eventually(load(crowd->all) && load(crowd->started) == load(crowd->all)))
		return 0;
	all = load(crowd->all);
	if (crowd->sleep == sleep_in_fsync)
		return all;
	return eventually((info = queue_info(fd), info.in.waiters + info.out.waiters == all)) ?
	       all : 0;
}

/*
 * Where each thread takes its time to make, as under a sanitizer, many never gather. If not
 * even a few do, that is no reason to skip a test, but for it to fail.
 */
static bool crowds_gather(int fd)
{
	struct task few = task_crowd(sleep_in_read, FEW);
	long start = now_ms(), took;
	bool few_gather = crowd_blocks(&few, fd);

	took = now_ms() - start;
	task_kill(&few);
	return !few_gather || took * MANY / FEW < DEADLINE_MS / 2;
}

#define REQUIRE_CROWDS(fd)						\
do {									\
	if (!crowds_gather(fd))						\
		SKIP(return, "threads are made too slowly here");	\
} while (0)

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Nanoseconds of the fastest of some calls, each of one byte. */
static long fastest(int fd, ssize_t (*call)(int fd))
{
	long best = LONG_MAX, start, took;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		start = now_ns();
		if (call(fd) != 1)
			return -1;
		took = now_ns() - start;
		best = took < best ? took : best;
		usleep(POLL_US);	/* whom it woke goes, so that the next wakes another */
	}
	return best;
}

/* The same in a queue with that number of bytes, while the sleepers wait in it. */
static long fastest_among(int nb, ssize_t (*call)(int fd), size_t bytes,
			  ssize_t (*sleep)(int fd), int limit)
{
	struct task crowd = task_crowd(sleep, limit);
	long best = -1;

	if (queue_flush(nb) || !fill(nb, bytes))
		return -1;
	if (crowd_blocks(&crowd, nb))
		best = fastest(nb, call);
	task_kill(&crowd);
	return best;
}

/* The price of a call doesn't depend on how many sleep. */
#define ASSERT_AS_FAST(call, bytes, sleep)				\
do {									\
	long few = fastest_among(self->nb, call, bytes, sleep, FEW);	\
	long many = fastest_among(self->nb, call, bytes, sleep, MANY);	\
									\
	ASSERT_LT(0, few);						\
	ASSERT_LT(0, many);						\
	ASSERT_GT(SLOWER * few, many);					\
} while (0)

TEST_F(attack, many_readers_do_not_slow_a_write)
{
	REQUIRE_CROWDS(self->fd);
	ASSERT_AS_FAST(sleep_in_write, 0, sleep_in_read);
}

TEST_F(attack, many_writers_do_not_slow_a_read)
{
	REQUIRE_CROWDS(self->fd);
	ASSERT_AS_FAST(sleep_in_read, CAPACITY, sleep_in_write);
}

TEST_F(attack, many_fsync_callers_do_not_slow_a_read)
{
	REQUIRE_CROWDS(self->fd);
	ASSERT_AS_FAST(sleep_in_read, CAPACITY, sleep_in_fsync);
}

TEST_F(attack, many_readers_are_served_one_by_one_and_released_at_once)
{
	struct task crowd = task_crowd(sleep_in_read, MANY);
	unsigned int all;
	int i;

	REQUIRE_CROWDS(self->fd);
	all = crowd_blocks(&crowd, self->fd);
	ASSERT_EQ(MANY - 1, all);
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_TRUE(eventually(queue_info(self->fd).out.waiters == all - ROUNDS));
	ASSERT_EQ(ROUNDS, queue_info(self->fd).out.wakeups);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(ROUNDS, crowd);
	ASSERT_EQ(0, queue_info(self->fd).out.waiters);
}

TEST_F(attack, killing_many_waiters_empties_the_wait_list)
{
	struct task crowd = task_crowd(sleep_in_write, MANY);

	REQUIRE_CROWDS(self->fd);
	ASSERT_TRUE(fill(self->nb, CAPACITY));
	ASSERT_LT(0, crowd_blocks(&crowd, self->fd));
	task_kill(&crowd);
	ASSERT_EQ(0, queue_info(self->fd).in.waiters);
	ASSERT_EQ(CAPACITY, queued(self->nb));
	ASSERT_TRUE(discard(self->nb, CAPACITY));
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

/* Open as many files as the limit allows, and request every kind of notification for each. */
static long open_many(struct task *t)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int *files = (int *)t->result->data;
	int epoll = epoll_create1(0), fd, number = 0;

	signal(SIGIO, SIG_IGN);
	if (!limit_to(RLIMIT_NOFILE, FILES) || !become_nobody())
		return -1;
	while ((fd = queue_open(QUEUE, O_RDWR | O_NONBLOCK)) >= 0) {
		number++;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ||
		    fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK))
			return -1;
	}
	store(*files, number);
	return pause();
}

TEST_F(attack, many_open_files_are_freed_when_their_process_exits)
{
	struct task opener = { .fn = open_many, .len = sizeof(int) };
	unsigned int before = queue_info(self->fd).in.files;
	int *files;

	ASSERT_STARTS(opener);
	files = (int *)opener.result->data;
	ASSERT_TRUE(eventually(load(*files)));
	ASSERT_LT(FILES / 2, *files);
	ASSERT_EQ(before + *files, queue_info(self->fd).in.files);
	ASSERT_EQ(before + *files, queue_info(self->fd).out.files);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
	task_kill(&opener);
	ASSERT_EQ(before, queue_info(self->fd).in.files);
	ASSERT_EQ(before, queue_info(self->fd).out.files);
	ASSERT_EQ(10, put(self->nb, 0, 10));
	ASSERT_TRUE(take(self->nb, 0, 10));
}

/* An epoll that watches one that watches one ..., as deep as the kernel lets it. */
TEST_F(attack, nested_epoll_instances_report_a_write)
{
	struct epoll_event event = { .events = EPOLLIN };
	int top = self->fd, next, floors = 0;

	for (;; floors++) {
		next = epoll_create1(0);
		if (epoll_ctl(next, EPOLL_CTL_ADD, top, &event))
			break;
		top = next;
	}
	ASSERT_EQ(ELOOP, errno);
	ASSERT_LT(1, floors);
	ASSERT_EQ(0, epoll_wait(top, &event, 1, 0));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_EQ(1, epoll_wait(top, &event, 1, 0));
}

/* All calls that are forbidden to the user nobody, and all invalid ones: true if each fails. */
static bool nonsense_fails(int nb)
{
	static const char text[CAPACITY + 1];
	static const struct bbuf_frame empty;
	char byte;

#define FAILS(error, call)	(errno = 0, (long)(call) == -1 && errno == (error))
	return FAILS(EACCES, open(BBUF_CONTROL, O_RDWR)) &&
	       FAILS(EACCES, open(BBUF_PARAMETERS "max_capacity", O_WRONLY)) &&
	       FAILS(EPERM, chmod(QUEUE_NODE, 0600)) &&
	       FAILS(EPERM, queue_resize(nb, 1)) &&
	       FAILS(EPERM, queue_resize(nb, -1ULL)) &&
	       FAILS(EPERM, ioctl(nb, BBUF_IOC_SET, NULL)) &&
	       FAILS(EINVAL, queue_set_options(nb, .flags = -1U)) &&
	       FAILS(EFAULT, ioctl(nb, BBUF_IOC_INFO, NULL)) &&
	       FAILS(EFAULT, ioctl(nb, FIONREAD, NULL)) &&
	       FAILS(ENOTTY, ioctl(nb, -1, &byte)) &&
	       FAILS(EAGAIN, queue_peek(nb, &byte, 1)) &&
	       FAILS(EAGAIN, read(nb, &byte, 1)) &&
	       FAILS(EFAULT, write(nb, (void *)-4096L, 1)) &&
	       FAILS(EMSGSIZE, write(nb, text, sizeof(text))) &&
	       FAILS(ESPIPE, lseek(nb, 0, SEEK_SET)) &&
	       FAILS(ENODEV, mmap(NULL, 1, PROT_READ, MAP_SHARED, nb, 0)) &&
	       !queue_set_options(nb, .flags = BBUF_FRAMED) &&
	       FAILS(EINVAL, write(nb, &empty, sizeof(empty))) &&
	       !queue_set_options(nb, .flags = 0) &&
	       !queue_shutdown(nb) && FAILS(EPIPE, write(nb, text, 1)) && !queue_reopen(nb);
#undef FAILS
}

static long talk_nonsense(struct task *t)
{
	long round;
	int nb;

	if (!become_nobody())
		return -1;
	nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	for (round = 0; round < t->arg[0] && nonsense_fails(nb); round++)
		continue;
	return round;
}

TEST_F(attack, invalid_requests_do_not_fill_the_log)
{
	struct task fool = { .fn = talk_nonsense, .arg = { NONSENSE } };
	long before;

	close(self->fd);
	close(self->nb);
	ASSERT_EQ(0, open_to_all(BBUF_RECORD, &self->fd, &self->nb));
	before = log_sequence();
	ASSERT_LE(0, before);
	ASSERT_STARTS(fool);
	ASSERT_RETURNS(NONSENSE, fool);
	ASSERT_GT(before + FEW_LINES, log_sequence());
}

BBUF_HARNESS_MAIN
