// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "waiter.h"

#define EXCLUSIVE_EVENTS	(POLLIN | POLLOUT)	/* that epoll takes with EPOLLEXCLUSIVE */
#define THE_END			(POLLHUP | POLLERR)	/* what poll reports unasked */

/* Both names of each event must be reported. */
static short event_of(enum way way, bool writes)
{
	if (way == LEVEL)
		return writes ? POLLWRNORM : POLLRDNORM;
	return writes ? POLLOUT : POLLIN;
}

struct waiter waiter_init(enum way way, bool writes)
{
	return (struct waiter){
		.way = way, .writes = writes, .len = writes ? LEN : CAPACITY,
		.events = event_of(way, writes),
	};
}

bool waiter_calls(const struct waiter *w)
{
	return w->way == CALL || w->way == URING_CALL;
}

bool waiter_wants_edges(const struct waiter *w)
{
	return w->way == EDGE || w->way == SIGNAL;
}

bool waiter_possible(struct waiter *w)
{
	return (w->way != URING_POLL && w->way != URING_CALL) || !ring_open(&w->ring);
}

/* A real-time signal, set with F_SETSIG, carries the event. */

static sigset_t signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	return set;
}

static bool signal_begin(const struct waiter *w)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };	/* other threads don't block it */
	sigset_t set = signals();

	return !sigprocmask(SIG_BLOCK, &set, NULL) && !fcntl(w->fd, F_SETSIG, SIGRTMIN) &&
	       !fcntl(w->fd, F_SETOWN_EX, &owner) &&
	       !fcntl(w->fd, F_SETFL, fcntl(w->fd, F_GETFL) | O_ASYNC);
}

/* The event, or 0. */
static long signal_wait(const struct waiter *w, long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
	sigset_t set = signals();
	siginfo_t info;

	if (sigtimedwait(&set, &info, &time) != SIGRTMIN || info.si_fd != w->fd)
		return 0;
	return info.si_code == POLL_OUT ? POLLOUT : info.si_code == POLL_IN ? POLLIN : 0;
}

/* Threads */

static int threads(const struct waiter *w)
{
	return w->way == EXCLUSIVE ? WAITER_THREADS : w->way == CALL || w->way == POLL;
}

static struct task thread_of(const struct waiter *w)
{
	if (w->way == EXCLUSIVE)
		return task_epoller(epoll_on(w->fd, (w->events & EXCLUSIVE_EVENTS) |
						    EPOLLEXCLUSIVE));
	if (w->way == POLL)
		return task_poller(w->fd, w->events);
	return w->writes ? task_writer(w->fd, 0, w->len) : task_reader(w->fd, w->len);
}

static bool threads_begin(struct waiter *w)
{
	int i;

	for (i = 0; i < threads(w); i++) {
		w->thread[i] = thread_of(w);
		w->thread[i].is_thread = true;
		if (task_start(&w->thread[i]))
			return false;
	}
	return true;
}

static bool threads_sleep(struct waiter *w)
{
	int i;

	for (i = 0; i < threads(w); i++)
		if (task_done(&w->thread[i]) || !task_sleeps(&w->thread[i]))
			return false;
	return true;
}

static int threads_done(const struct waiter *w)
{
	int i, n = 0;

	for (i = 0; i < threads(w); i++)
		n += task_done(&w->thread[i]);
	return n;
}

/* The result of the first waiter that was notified, once all that must be have been. */
static long threads_result(struct waiter *w, short events)
{
	int i, want = events & THE_END ? threads(w) : 1;

	if (!eventually(threads_done(w) >= want))
		return -ETIME;
	for (i = 0; !task_done(&w->thread[i]); i++)
		continue;
	return task_wait(&w->thread[i]);
}

/* io_uring */

static bool ring_begin(struct waiter *w)
{
	int opcode = w->way == URING_POLL ? IORING_OP_POLL_ADD :
		     w->writes ? IORING_OP_WRITE : IORING_OP_READ;
	struct io_uring_sqe sqe;

	w->buf = calloc(1, w->len);
	if (!w->buf)
		return false;
	sqe = request(opcode, w->fd, w->buf, w->len);
	if (w->way == URING_POLL) {
		sqe.addr = sqe.len = sqe.off = 0;
		sqe.poll32_events = w->events;
	}
	return ring_submit(&w->ring, sqe) == 1;
}

static long ring_result(struct waiter *w)
{
	int result = ring_wait(&w->ring);

	return w->way == URING_CALL || result < 0 ? result : result & (w->events | THE_END);
}

/* All ways */

bool waiter_begin(struct waiter *w)
{
	switch (w->way) {
	case LEVEL:
		w->epoll = epoll_on(w->fd, w->events);
		return w->epoll >= 0;
	case EDGE:
		w->epoll = epoll_on(w->fd, w->events | EPOLLET);
		return w->epoll >= 0;
	case SIGNAL:
		return signal_begin(w);
	case URING_POLL:
	case URING_CALL:
		return ring_begin(w);
	default:
		return threads_begin(w);
	}
}

static bool waiter_waits(struct waiter *w)
{
	struct io_uring_cqe completion;

	switch (w->way) {
	case LEVEL:
	case EDGE:
		return !epoll_now(w->epoll);
	case SIGNAL:
		return !signal_wait(w, 0);
	case URING_POLL:
	case URING_CALL:
		return !ring_peek(&w->ring, &completion);
	default:
		return threads_sleep(w);
	}
}

bool waiter_start(struct waiter *w)
{
	if (!waiter_begin(w))
		return false;
	if (w->way == EDGE)
		epoll_now(w->epoll);	/* what is there before is an edge, too */
	return waiter_waits(w);
}

bool waiter_waits_on(struct waiter *w)
{
	if (w->way == CALL && !task_undisturbed(&w->thread[0]))
		return false;
	return waiter_waits(w);
}

long waiter_result(struct waiter *w, short events)
{
	long result = 0;

	switch (w->way) {
	case LEVEL:
	case EDGE:
		return eventually((result = epoll_now(w->epoll))) ? result : -ETIME;
	case SIGNAL:
		return signal_wait(w, DEADLINE_MS) ?: -ETIME;
	case URING_POLL:
	case URING_CALL:
		return ring_result(w);
	default:
		return threads_result(w, events);
	}
}

long waiter_expects(const struct waiter *w, long value, short events)
{
	if (waiter_calls(w))
		return value;
	if (w->way == SIGNAL)
		return w->writes ? POLLOUT : POLLIN;
	if (w->way == EXCLUSIVE)
		return events & ((w->events & EXCLUSIVE_EVENTS) | THE_END);
	return events & (w->events | THE_END);
}

/* The queue */

int waiter_queue(struct bbuf_create create)
{
	create.capacity = create.capacity ?: CAPACITY;
	return queue_make_as(create);
}
