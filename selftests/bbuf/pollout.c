// SPDX-License-Identifier: GPL-2.0-only
/*
 * POLLOUT of a file whose last write was refused with EAGAIN: it waits until there is as much
 * room as that write needs. Otherwise an event loop would poll and write in a circle.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "fixture.h"
#include "leased.h"
#include "ring.h"

#define CAPACITY	65536
#define PIECE		1000	/* that is queued before, and taken out again, one by one */
#define LONGEST		30000	/* of what is refused */
#define SPIN_MS		1000
#define HANDFUL		5

FIXTURE(pollout) {
	int fd;		/* blocking; takes out what is queued */
	int nb;		/* O_NONBLOCK; its writes are refused */
	size_t room;
};

#define SELF	FIXTURE_DATA(pollout) *self

FIXTURE_VARIANT(pollout) {
	enum bbuf_type type;
	unsigned int policy;
	bool framed;
	bool nowait;		/* RWF_NOWAIT instead of O_NONBLOCK */
	size_t pieces;		/* that are queued before */
	size_t len;		/* of the write, or of its first record */
};

/* Most: a record that is longer than the write watermark */
FIXTURE_VARIANT_ADD(pollout, record) {
	.type = BBUF_RECORD, .pieces = 40, .len = LONGEST,
};

FIXTURE_VARIANT_ADD(pollout, record_with_RWF_NOWAIT) {
	.type = BBUF_RECORD, .nowait = true, .pieces = 40, .len = LONGEST,
};

FIXTURE_VARIANT_ADD(pollout, record_with_its_frame) {
	.type = BBUF_RECORD, .framed = true, .pieces = 40, .len = LONGEST,
};

FIXTURE_VARIANT_ADD(pollout, leased_record) {
	.type = BBUF_RECORD, .policy = BBUF_LEASE, .pieces = 40, .len = LONGEST,
};

FIXTURE_VARIANT_ADD(pollout, stream) {
	.type = BBUF_STREAM, .pieces = 65, .len = ATOMIC_MAX,
};

FIXTURE_VARIANT_ADD(pollout, stream_with_RWF_NOWAIT) {
	.type = BBUF_STREAM, .nowait = true, .pieces = 64, .len = 3000,
};

/* Write a record of @len bytes, or as many bytes, depending on the variant. */
static ssize_t attempt(SELF, const FIXTURE_VARIANT(pollout) *v, size_t len)
{
	static unsigned char buf[sizeof(struct bbuf_frame) + LONGEST];
	struct bbuf_frame frame = { .len = len };
	struct iovec iov = { buf, len };

	memcpy(buf, &frame, sizeof(frame));
	if (v->framed)
		return write(self->nb, buf, sizeof(frame) + len);
	return pwritev2(v->nowait ? self->fd : self->nb, &iov, 1, -1, v->nowait ? RWF_NOWAIT : 0);
}

/* The file whose write was refused. */
static int file(SELF, const FIXTURE_VARIANT(pollout) *v)
{
	return v->nowait ? self->fd : self->nb;
}

static bool free_piece(SELF, const FIXTURE_VARIANT(pollout) *v)
{
	self->room += PIECE;
	if (!discard(self->fd, PIECE))
		return false;
	return !(v->policy & BBUF_LEASE) || settle(self->fd, 0, BBUF_ACK) == 1;
}

FIXTURE_SETUP(pollout)
{
	size_t i;

	QUEUE_BEGIN(variant->type, CAPACITY, variant->policy);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	for (i = 0; i < variant->pieces; i++)
		ASSERT_EQ(PIECE, put(self->fd, i, PIECE));
	if (variant->framed) {
		ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED));
	}
	self->room = CAPACITY - variant->pieces * PIECE;
	ASSERT_LT(self->room, variant->len);
}

QUEUE_TEARDOWN(pollout)

#define ASSERT_REFUSED(len)						\
do {									\
	errno = 0;							\
	ASSERT_EQ(-1, attempt(self, variant, len));			\
	ASSERT_EQ(EAGAIN, errno);					\
} while (0)

/*
 * Free one piece after the other; the condition must become true when there is enough room, not
 * before.
 */
#define ASSERT_WAITS_FOR_ROOM(ready)					\
do {									\
	ASSERT_FALSE(ready);						\
	while (self->room + PIECE < variant->len) {			\
		ASSERT_TRUE(free_piece(self, variant));			\
		ASSERT_FALSE(ready) {					\
			TH_LOG("with room for %zu", self->room);	\
		}							\
	}								\
	ASSERT_TRUE(free_piece(self, variant));				\
	ASSERT_TRUE(eventually(ready));					\
} while (0)

#define ASSERT_SUCCEEDS(n)	ASSERT_LE((ssize_t)(n), attempt(self, variant, n))

/* Each way to be notified */

TEST_F(pollout, is_reported_by_poll_when_the_write_fits)
{
	ASSERT_EQ(WRITABLE, queue_events(file(self, variant)) & WRITABLE);
	ASSERT_REFUSED(variant->len);
	ASSERT_WAITS_FOR_ROOM(queue_events(file(self, variant)) & WRITABLE);
	ASSERT_SUCCEEDS(variant->len);
}

TEST_F(pollout, wakes_poll_when_the_write_fits)
{
	struct task poller = task_poller(file(self, variant), POLLOUT);

	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(poller);
	ASSERT_WAITS_FOR_ROOM(task_done(&poller));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_SUCCEEDS(variant->len);
}

static bool selected(int fd)
{
	struct timeval none = { 0 };
	fd_set out;

	FD_ZERO(&out);
	FD_SET(fd, &out);
	return select(fd + 1, NULL, &out, NULL, &none) == 1;
}

TEST_F(pollout, is_reported_by_select_when_the_write_fits)
{
	ASSERT_REFUSED(variant->len);
	ASSERT_WAITS_FOR_ROOM(selected(file(self, variant)));
	ASSERT_SUCCEEDS(variant->len);
}

TEST_F(pollout, is_reported_by_epoll_when_the_write_fits)
{
	int epoll = epoll_on(file(self, variant), EPOLLOUT);

	ASSERT_LE(0, epoll);
	ASSERT_REFUSED(variant->len);
	ASSERT_WAITS_FOR_ROOM(epoll_now(epoll));
	ASSERT_SUCCEEDS(variant->len);
	close(epoll);
}

/* The first edge is there before anything is refused. */
TEST_F(pollout, is_an_epoll_edge_when_the_write_fits)
{
	int epoll = epoll_on(file(self, variant), EPOLLOUT | EPOLLET);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(EPOLLOUT, epoll_now(epoll));
	ASSERT_REFUSED(variant->len);
	ASSERT_WAITS_FOR_ROOM(epoll_now(epoll));
	ASSERT_SUCCEEDS(variant->len);
	close(epoll);
}

TEST_F(pollout, wakes_epoll_when_the_write_fits)
{
	struct task sleeper = task_epoller(epoll_on(file(self, variant), EPOLLOUT | EPOLLET));

	ASSERT_EQ(EPOLLOUT, epoll_now(sleeper.fd));
	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(sleeper);
	ASSERT_WAITS_FOR_ROOM(task_done(&sleeper));
	ASSERT_RETURNS(EPOLLOUT, sleeper);
	ASSERT_SUCCEEDS(variant->len);
}

static bool completed(struct ring *ring, int *result)
{
	struct io_uring_cqe completion;

	if (!ring_peek(ring, &completion))
		return false;
	*result = completion.res;
	return true;
}

#define REQUIRE_URING(ring)						\
do {									\
	int error = ring_open(ring);					\
									\
	if (error)							\
		SKIP(return, "no io_uring: %s", strerror(-error));	\
} while (0)

/*
 * Later kernels either take the key's word, or can't go on waiting for both sides of a file; and
 * so does the 32-bit kernel that is tested.
 */
static bool io_uring_looks_again(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	return !uname(&name) && strcmp(name.machine, "i686") &&
	       sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 13));
}

TEST_F(pollout, completes_an_io_uring_poll_when_the_write_fits)
{
	struct io_uring_sqe poll = request(IORING_OP_POLL_ADD, file(self, variant), NULL, 0);
	struct ring ring;
	int result = 0;

	if (!io_uring_looks_again())
		SKIP(return, "io_uring of this kernel believes what wakes it");
	REQUIRE_URING(&ring);
	poll.off = 0;
	poll.poll32_events = POLLOUT;
	ASSERT_REFUSED(variant->len);
	ASSERT_EQ(1, ring_submit(&ring, poll));
	ASSERT_WAITS_FOR_ROOM(completed(&ring, &result));
	ASSERT_TRUE(result & POLLOUT);
	ASSERT_SUCCEEDS(variant->len);
	ring_close(&ring);
}

/*
 * The behaviour of an event loop: it writes when it is notified, until it has written everything.
 */
TEST_F(pollout, causes_no_busy_loop)
{
	struct pollfd pollfd = { .fd = file(self, variant), .events = POLLOUT };
	long end = now_ms() + SPIN_MS;
	int refused = 0;

	while (now_ms() < end && refused <= HANDFUL) {
		if (poll(&pollfd, 1, 100) != 1)
			continue;
		ASSERT_REFUSED(variant->len);
		refused++;
	}
	ASSERT_GE(HANDFUL, refused);
	while (self->room < variant->len)
		ASSERT_TRUE(free_piece(self, variant));
	ASSERT_EQ(1, poll(&pollfd, 1, DEADLINE_MS));
	ASSERT_SUCCEEDS(variant->len);
}

/* Conditions on which POLLOUT depends, and on which not */

TEST_F(pollout, does_not_depend_on_refused_writes_of_other_files)
{
	int other = queue_open(QUEUE, O_WRONLY | O_NONBLOCK), copy = dup(file(self, variant));

	ASSERT_REFUSED(variant->len);
	ASSERT_EQ(WRITABLE, queue_events(other));
	ASSERT_EQ(0, queue_events(copy) & WRITABLE);
	ASSERT_EQ(READABLE, queue_events(copy) & READABLE);
	close(other);
	close(copy);
}

TEST_F(pollout, depends_on_no_refused_write_after_a_success)
{
	ASSERT_REFUSED(variant->len);
	ASSERT_EQ(0, queue_events(file(self, variant)) & WRITABLE);
	ASSERT_SUCCEEDS(1);
	ASSERT_EQ(WRITABLE, queue_events(file(self, variant)) & WRITABLE);
}

TEST_F(pollout, depends_on_the_last_of_two_refused_writes)
{
	ASSERT_REFUSED(variant->len);
	ASSERT_REFUSED(self->room + 1);
	ASSERT_TRUE(free_piece(self, variant));
	ASSERT_EQ(WRITABLE, queue_events(file(self, variant)) & WRITABLE);
	ASSERT_SUCCEEDS(self->room - PIECE + 1);
}

TEST_F(pollout, is_reported_after_a_flush)
{
	struct task poller = task_poller(file(self, variant), POLLOUT);

	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_flush(self->fd));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_SUCCEEDS(variant->len);
}

TEST_F(pollout, is_reported_after_the_capacity_is_raised)
{
	struct task poller = task_poller(file(self, variant), POLLOUT);

	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_resize(self->fd, 2 * CAPACITY));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_SUCCEEDS(variant->len);
}

TEST_F(pollout, is_reported_once_drop_oldest_is_set)
{
	struct task poller = task_poller(file(self, variant), POLLOUT);

	if (variant->policy & BBUF_LEASE)
		return;
	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_set_policy(self->fd, BBUF_DROP_OLDEST));
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_SUCCEEDS(variant->len);
}

TEST_F(pollout, is_reported_after_shutdown)
{
	struct task poller = task_poller(file(self, variant), POLLOUT);

	ASSERT_REFUSED(variant->len);
	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_shutdown(self->fd));
	ASSERT_RETURNS(POLLERR, poller);
}

/* Passed once, the head writer keeps what room there is for itself; then it gives up. */
TEST_F(pollout, is_reported_when_a_bypassed_head_writer_gives_up)
{
	const size_t more = self->room + 10;
	struct task head = task_writer(self->fd, 0, more);
	struct task poller = task_poller(self->nb, POLLOUT);

	if (variant->nowait)
		return;
	ASSERT_BLOCKS(head);
	ASSERT_SUCCEEDS(1);
	ASSERT_REFUSED(100);
	ASSERT_BLOCKS(poller);
	task_kill(&head);
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_SUCCEEDS(100);
}

/* Capacities that are made smaller than what was refused */

#define SMALL		1000

FIXTURE(refused_write) {
	int fd;
	int nb;
};

FIXTURE_SETUP(refused_write)
{
	QUEUE_BEGIN(BBUF_RECORD, SMALL, 0);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	ASSERT_EQ(300, put(self->fd, 0, 300));
	ASSERT_FAILS(EAGAIN, put(self->nb, 0, 800));
	ASSERT_EQ(0, queue_events(self->nb) & WRITABLE);
}

QUEUE_TEARDOWN(refused_write)

TEST_F(refused_write, poll_ends_after_the_capacity_is_lowered)
{
	struct task poller = task_poller(self->nb, POLLOUT);

	ASSERT_EQ(0, queue_resize(self->fd, 400));
	ASSERT_TRUE(discard(self->fd, 300));
	ASSERT_STARTS(poller);
	ASSERT_RETURNS(POLLOUT, poller);
	ASSERT_FAILS(EMSGSIZE, put(self->nb, 0, 800));
	ASSERT_EQ(400, put(self->nb, 0, 400));
}

TEST_F(refused_write, poll_does_not_spin_after_the_capacity_is_lowered)
{
	struct task poller = task_poller(self->nb, POLLOUT);

	ASSERT_BLOCKS(poller);
	ASSERT_EQ(0, queue_resize(self->fd, 400));
	ASSERT_TRUE(discard(self->fd, 300));
	ASSERT_RETURNS(POLLOUT, poller);
}

TEST_F(refused_write, record_that_can_never_fit_needs_no_room)
{
	ASSERT_FAILS(EMSGSIZE, put(self->nb, 0, SMALL + 1));
	ASSERT_EQ(1, put(self->nb, 0, 1));
	ASSERT_FAILS(EMSGSIZE, put(self->nb, 0, SMALL + 1));
	ASSERT_EQ(WRITABLE, queue_events(self->nb) & WRITABLE);
}

/* A framed write that is cut short, as an event loop goes on with it */
TEST_F(refused_write, framed_write_needs_room_for_its_second_record)
{
	struct {
		struct bbuf_frame head;
		unsigned char body[200];
	} first = { .head.len = 200 }, second[3];
	const struct bbuf_frame head = { .len = sizeof(second) - sizeof(head) };
	struct iovec iov[] = { { &first, sizeof(first) }, { second, sizeof(second) } };
	struct pollfd pollfd = { .fd = self->nb, .events = POLLOUT };
	long end = now_ms() + SPIN_MS;
	int refused = 0;

	ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED));
	memset(second, 0, sizeof(second));
	memcpy(second, &head, sizeof(head));
	ASSERT_EQ(sizeof(first), writev(self->nb, iov, 2));
	while (now_ms() < end && refused <= HANDFUL) {
		if (poll(&pollfd, 1, 100) == 1) {
			ASSERT_FAILS(EAGAIN, write(self->nb, second, sizeof(second)));
			refused++;
		}
	}
	ASSERT_GE(HANDFUL, refused);
	ASSERT_TRUE(discard(self->fd, 300));
	ASSERT_EQ(1, poll(&pollfd, 1, DEADLINE_MS));
	ASSERT_EQ(sizeof(second), write(self->nb, second, sizeof(second)));
}

/* An exclusive poller that needs more room than is free takes no wake-up from others. */

#define POLLERS		4

FIXTURE(needs) {
	int fd;
	int nb;
	struct task poller[POLLERS];
};

FIXTURE_VARIANT(needs) {
	size_t needs[POLLERS];	/* in the order in which they come; 0: nothing was refused */
	unsigned int flags;
};

#define LITTLE	200

FIXTURE_VARIANT_ADD(needs, large_first) {
	.needs = { 900, 800, LITTLE, LITTLE },
};

FIXTURE_VARIANT_ADD(needs, small_first) {
	.needs = { LITTLE, LITTLE, 800, 900 },
};

FIXTURE_VARIANT_ADD(needs, alternating) {
	.needs = { 800, LITTLE, 900, LITTLE },
};

FIXTURE_VARIANT_ADD(needs, alternating_with_edges) {
	.needs = { 800, LITTLE, 900, LITTLE }, .flags = EPOLLET,
};

FIXTURE_VARIANT_ADD(needs, large_and_none) {
	.needs = { 800, 900, 0, 0 },
};

/* Each has a file and an epoll of its own, and lives on. */
static long poll_for_need(struct task *t)
{
	int fd = queue_open(QUEUE, O_WRONLY | O_NONBLOCK);
	struct epoll_event event;
	int epoll;

	if (t->arg[0] && (put(fd, 0, t->arg[0]) != -1 || errno != EAGAIN))
		return -1;
	epoll = epoll_on(fd, EPOLLOUT | EPOLLEXCLUSIVE | t->arg[1]);
	if (epoll_wait(epoll, &event, 1, -1) != 1)
		return -1;
	store(t->result->data[0], true);
	return pause();
}

FIXTURE_SETUP(needs)
{
	size_t i;

	QUEUE_BEGIN(BBUF_RECORD, SMALL, 0);
	ASSERT_EQ(0, queue_set_write_mark(self->fd, 1));
	for (i = 0; i < SMALL / LITTLE; i++)
		ASSERT_EQ(LITTLE, put(self->fd, 0, LITTLE));
	for (i = 0; i < POLLERS; i++) {
		self->poller[i] = (struct task){
			.fn = poll_for_need, .nr = SYS_epoll_wait, .fd = -1, .len = 1,
			.arg = { variant->needs[i], variant->flags },
		};
		ASSERT_BLOCKS(self->poller[i]);
	}
}

QUEUE_TEARDOWN(needs)

static int count_woken(const struct task *poller, const size_t *needs, size_t from, size_t to)
{
	int i, count = 0;

	for (i = 0; i < POLLERS; i++)
		count += needs[i] >= from && needs[i] <= to && load(poller[i].result->data[0]);
	return count;
}

TEST_F(needs, lose_no_wakeup_if_they_differ)
{
	ASSERT_TRUE(discard(self->nb, LITTLE));
	ASSERT_TRUE(eventually(count_woken(self->poller, variant->needs, 0, LITTLE) > 0));
	ASSERT_TRUE(discard(self->nb, LITTLE));
	ASSERT_TRUE(eventually(count_woken(self->poller, variant->needs, 0, LITTLE) == 2));
	ASSERT_EQ(0, count_woken(self->poller, variant->needs, LITTLE + 1, SMALL));
	ASSERT_TRUE(discard(self->nb, SMALL - 2 * LITTLE));
	ASSERT_TRUE(eventually(count_woken(self->poller, variant->needs, LITTLE + 1, SMALL) > 0));
}

/* Both records are taken by one read. */
TEST_F(needs, lose_no_wakeup_if_two_pollers_need_less)
{
	unsigned char buf[2 * BBUF_FRAME_SPACE(LITTLE)];

	ASSERT_EQ(0, queue_set_options(self->nb, .flags = BBUF_FRAMED));
	ASSERT_EQ(sizeof(buf), read(self->nb, buf, sizeof(buf)));
	ASSERT_TRUE(eventually(count_woken(self->poller, variant->needs, 0, LITTLE) == 2));
	ASSERT_EQ(0, count_woken(self->poller, variant->needs, LITTLE + 1, SMALL));
}

BBUF_HARNESS_MAIN
