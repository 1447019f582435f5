// SPDX-License-Identifier: GPL-2.0-only
/* Many producers and consumers at once: everything arrives, once, whole and in order. */
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "fixture.h"

#define CAPACITY	4099
#define PRODUCERS	4
#define CONSUMERS	4

BBUF_FIXTURE(stress)

/*
 * The way in which a task waits: in the call itself, not at all, or for an event of poll or epoll.
 */
enum mode { BLOCK, SPIN, POLL, EDGE, MODES };

struct mover {
	int fd;		/* O_NONBLOCK unless mode is BLOCK */
	int epoll;
	bool writes;
	enum mode mode;
};

static bool mover_open(struct mover *mover, const struct task *t)
{
	struct epoll_event event = { .events = EPOLLET };

	mover->mode = t->arg[1];
	mover->fd = mover->mode == BLOCK ? t->fd : t->arg[0];
	event.events |= mover->writes ? EPOLLOUT : EPOLLIN;
	mover->epoll = epoll_create1(EPOLL_CLOEXEC);
	return mover->epoll >= 0 && !epoll_ctl(mover->epoll, EPOLL_CTL_ADD, mover->fd, &event);
}

static void mover_wait(const struct mover *mover)
{
	struct pollfd pollfd = {
		.fd = mover->fd, .events = mover->writes ? POLLOUT : POLLIN,
	};
	struct epoll_event event;

	if (mover->mode == POLL)
		poll(&pollfd, 1, -1);
	else if (mover->mode == EDGE)
		epoll_wait(mover->epoll, &event, 1, -1);
	else
		sched_yield();
}

/* One call that moves something: what it returned, or -1 for what must not happen. */
static ssize_t mover_move(const struct mover *mover, void *buf, size_t n)
{
	for (;;) {
		ssize_t done = mover->writes ? write(mover->fd, buf, n)
					     : read(mover->fd, buf, n);

		if (done > 0)
			return done;
		if (done == 0 || (errno != EAGAIN && errno != EINTR))
			return -1;
		if (errno == EAGAIN)
			mover_wait(mover);
	}
}

/* A signal every few milliseconds, without SA_RESTART. */
static void ignore(int signal)
{
	(void)signal;
}

static void rain_signals(void)
{
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	struct sigaction action = { .sa_handler = ignore };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* How many bytes of each producer came out, counted by all consumers together. */
struct tally {
	long count[PRODUCERS];
};

static struct tally *tally;

static long tally_total(void)
{
	long total = 0;
	int i;

	for (i = 0; i < PRODUCERS; i++)
		total += load(tally->count[i]);
	return total;
}

#define BYTES_EACH	200000

/* Writes its own number, BYTES_EACH times, in pieces of all sizes. */
static long produce(struct task *t)
{
	struct mover mover = { .writes = true };
	unsigned int seed = t->position;
	long left = BYTES_EACH;

	if (!mover_open(&mover, t))
		return -1;
	rain_signals();
	memset(t->result->data, t->position, t->len);
	while (left) {
		long n = 1 + rand_r(&seed) % t->len;
		ssize_t done = mover_move(&mover, t->result->data, n < left ? n : left);

		if (done < 0)
			return -1;
		left -= done;
	}
	return BYTES_EACH;
}

static long consume(struct task *t)
{
	struct mover mover = { .writes = false };
	unsigned int seed = t->position;

	if (!mover_open(&mover, t))
		return -1;
	rain_signals();
	for (;;) {
		ssize_t i, n = mover_move(&mover, t->result->data, 1 + rand_r(&seed) % t->len);

		if (n < 0)
			return -1;
		for (i = 0; i < n; i++) {
			if (t->result->data[i] >= PRODUCERS)
				return -1;
			__atomic_add_fetch(&tally->count[t->result->data[i]], 1, __ATOMIC_RELAXED);
		}
	}
}

TEST_F(stress, everything_is_delivered_once_in_all_modes_under_signals)
{
	struct task producer[PRODUCERS], consumer[CONSUMERS];
	int i;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, tally);
	SET_CAPACITY(CAPACITY);
	for (i = 0; i < CONSUMERS; i++) {
		consumer[i] = (struct task){
			.fn = consume, .fd = self->fd, .len = 2 * CAPACITY, .position = i,
			.arg = { self->nb, i % MODES },
		};
		ASSERT_STARTS(consumer[i]);
	}
	for (i = 0; i < PRODUCERS; i++) {
		producer[i] = (struct task){
			.fn = produce, .fd = self->fd, .len = 3 * CAPACITY, .position = i,
			.arg = { self->nb, i % MODES },
		};
		ASSERT_STARTS(producer[i]);
	}
	for (i = 0; i < PRODUCERS; i++)
		ASSERT_RETURNS(BYTES_EACH, producer[i]);
	ASSERT_TRUE(eventually(tally_total() >= PRODUCERS * BYTES_EACH));
	for (i = 0; i < CONSUMERS; i++) {
		ASSERT_FALSE(task_done(&consumer[i]));
		task_kill(&consumer[i]);
	}
	for (i = 0; i < PRODUCERS; i++)
		ASSERT_EQ(BYTES_EACH, tally->count[i]);
	ASSERT_EQ(0, queued(self->nb));
}

/* Messages of all sizes, larger than the capacity among them: whole and in their order. */

#define MESSAGES	300

struct message {
	unsigned short producer;
	unsigned short number;
	unsigned int length;	/* of what follows */
	unsigned char body[2 * CAPACITY];
};

#define MESSAGE_HEAD	offsetof(struct message, body)

static long write_messages(struct task *t)
{
	struct message *message = (void *)t->result->data;
	unsigned int seed = t->position;

	message->producer = t->position;
	for (message->number = 0; message->number < MESSAGES; message->number++) {
		ssize_t n;

		/* Mostly small ones, now and then one that needs several pieces. */
		message->length = rand_r(&seed) % (rand_r(&seed) % 10 ? 100 : 2 * CAPACITY);
		pattern_fill(message->body, message->producer + message->number, message->length);
		n = MESSAGE_HEAD + message->length;
		if (write(t->fd, message, n) != n)
			return -1;
	}
	return MESSAGES;
}

/* Bytes that try to get between them; they make a message of their own number. */
static long write_noise(struct task *t)
{
	struct message noise = { .producer = PRODUCERS };

	while (write(t->fd, &noise, MESSAGE_HEAD) > 0 || errno == EAGAIN)
		sched_yield();
	return -1;
}

static bool read_message(int fd, struct message *message)
{
	return read_exactly(fd, message, MESSAGE_HEAD) &&
	       message->length <= sizeof(message->body) &&
	       read_exactly(fd, message->body, message->length) &&
	       pattern_matches(message->body, message->producer + message->number,
			       message->length);
}

TEST_F(stress, messages_of_many_producers_stay_whole_and_in_order)
{
	struct task noise = { .fn = write_noise };
	struct task producer[PRODUCERS];
	static struct message message;
	int next[PRODUCERS] = { 0 };
	int i, left = PRODUCERS * MESSAGES;

	SET_CAPACITY(CAPACITY);
	noise.fd = self->nb;
	ASSERT_STARTS(noise);
	for (i = 0; i < PRODUCERS; i++) {
		producer[i] = (struct task){
			.fn = write_messages, .fd = self->fd, .len = sizeof(struct message),
			.position = i,
		};
		ASSERT_STARTS(producer[i]);
	}
	while (left) {
		ASSERT_TRUE(read_message(self->fd, &message));
		if (message.producer == PRODUCERS)
			continue;
		ASSERT_LT(message.producer, PRODUCERS);
		ASSERT_EQ(next[message.producer]++, message.number);
		left--;
	}
	for (i = 0; i < PRODUCERS; i++)
		ASSERT_RETURNS(MESSAGES, producer[i]);
	ASSERT_FALSE(task_done(&noise));
	task_kill(&noise);
}

/* The smallest possible queue, used by all processes at once. */

#define ONE_BYTE_ROUNDS	500

static long write_one_by_one(struct task *t)
{
	long i;

	for (i = 0; i < ONE_BYTE_ROUNDS; i++)
		if (put(t->fd, 0, 1) != 1)
			return -1;
	return i;
}

static long read_one_by_one(struct task *t)
{
	char byte;
	long i;

	for (i = 0; i < ONE_BYTE_ROUNDS; i++)
		if (read(t->fd, &byte, 1) != 1)
			return -1;
	return i;
}

TEST_F(stress, queue_of_one_byte_serves_many_processes)
{
	struct task task[PRODUCERS + CONSUMERS];
	size_t i;

	SET_CAPACITY(1);
	for (i = 0; i < ARRAY_SIZE(task); i++) {
		task[i] = (struct task){
			.fn = i % 2 ? write_one_by_one : read_one_by_one, .fd = self->fd,
		};
		ASSERT_STARTS(task[i]);
	}
	for (i = 0; i < ARRAY_SIZE(task); i++)
		ASSERT_RETURNS(ONE_BYTE_ROUNDS, task[i]);
	ASSERT_EQ(0, queued(self->nb));
}

BBUF_HARNESS_MAIN
