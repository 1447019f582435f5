/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers for the tests of named queues: creating and destroying one, and its ioctls as calls. */
#ifndef BBUF_SELFTEST_NAMED_H
#define BBUF_SELFTEST_NAMED_H

#include <fcntl.h>
#include <linux/bbuf.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "common.h"

#define BBUF_CONTROL		"/dev/bbuf-control"
#define QUEUE			"test"	/* the queue that most tests use */
#define QUEUE_SYSFS		"/sys/class/bbuf/" QUEUE "/"
#define QUEUE_NODE		BBUF_DEVICE "-" QUEUE

/* Each returns 0 or -errno. */
int queue_create(const struct bbuf_create *create);
int queue_destroy(const char *name);
/* A new QUEUE, whatever was there under that name; it belongs to the caller, with mode 0600. */
int queue_make_as(struct bbuf_create create);
int queue_make(enum bbuf_type type, size_t capacity, unsigned int policy);

/* Open the queue with this name: a file descriptor, or -1. */
int queue_open(const char *name, int flags);

/* queue_make(), and opens it for reading and writing, blocking and O_NONBLOCK. */
int queue_begin(enum bbuf_type type, size_t capacity, unsigned int policy, int *fd, int *nb);

/* All zero if there is no information. */
struct bbuf_info queue_info(int fd);
/* All events that poll reports for the queue. */
int queue_events(int fd);

/* 0, or -1 and errno: the fields of struct bbuf_set and struct bbuf_options by name. */
#define queue_set(fd, ...) \
	ioctl(fd, BBUF_IOC_SET, &(struct bbuf_set){ __VA_ARGS__ })
#define queue_set_options(fd, ...) \
	ioctl(fd, BBUF_IOC_SET_OPTIONS, &(struct bbuf_options){ __VA_ARGS__ })
#define queue_resize(fd, bytes) \
	queue_set(fd, .fields = BBUF_SET_CAPACITY, .capacity = (bytes))
#define queue_set_read_mark(fd, bytes) \
	queue_set(fd, .fields = BBUF_SET_READ_MARK, .read_mark = (bytes))
#define queue_set_write_mark(fd, bytes) \
	queue_set(fd, .fields = BBUF_SET_WRITE_MARK, .write_mark = (bytes))
#define queue_set_lease_timeout(fd, ns) \
	queue_set(fd, .fields = BBUF_SET_LEASE_TIMEOUT, .lease_timeout = (ns))
#define queue_set_lease_timeout_ms(fd, ms)	queue_set_lease_timeout(fd, (ms) * NS_PER_MS)
#define queue_set_max_leases(fd, n) \
	queue_set(fd, .fields = BBUF_SET_MAX_LEASES, .max_leases = (n))
#define queue_set_max_deliveries(fd, n) \
	queue_set(fd, .fields = BBUF_SET_MAX_DELIVERIES, .max_deliveries = (n))
#define queue_set_policy(fd, bits) \
	queue_set(fd, .policy = (bits), .policy_mask = BBUF_EOF_ON_CLOSE | BBUF_DROP_OLDEST)
#define queue_shutdown(fd)	ioctl(fd, BBUF_IOC_SHUTDOWN)
#define queue_reopen(fd)	ioctl(fd, BBUF_IOC_REOPEN)
#define queue_flush(fd)		ioctl(fd, BBUF_IOC_FLUSH)

/* As read(), without taking it. */
ssize_t queue_peek(int fd, void *buf, size_t n);
/* One read with room for more: true if it is a record of n bytes of the pattern. */
bool take_record(int fd, size_t position, size_t n);

/* One framed write, or read, of n records of len bytes. */
bool batch_put(int fd, size_t len, size_t n);
bool batch_take(int fd, size_t len, size_t n);

/* Sleeps in poll() for some events; its value is what came. */
struct task task_poller(int fd, short events);
/* Sleeps in fsync(). */
struct task task_drainer(int fd);
/* Has what is open open until it is killed. */
struct task task_holder(void);

/* A value of QUEUE in sysfs: a number, or -1; or whether it is that text. */
unsigned long long sysfs_number(const char *name);
bool sysfs_is(const char *name, const char *value);
/* Has an open file that line in fdinfo? */
bool fdinfo_is(int fd, const char *key, const char *value);

/* The events that poll reports. */
#define READABLE		(POLLIN | POLLRDNORM)
#define WRITABLE		(POLLOUT | POLLWRNORM)

#define NS_PER_MS		1000000ULL

#define OTHER_UID		12345	/* an id without any privilege */

/* QUEUE, new, as the fixtures below open it; one more file of it; the end of such a fixture. */
#define QUEUE_BEGIN(type, capacity, policy) \
	ASSERT_EQ(0, queue_begin(type, capacity, policy, &self->fd, &self->nb))

#define ASSERT_OPENS(fd, flags)						\
do {									\
	fd = queue_open(QUEUE, flags);					\
	ASSERT_LE(0, fd);						\
} while (0)

#define QUEUE_TEARDOWN(subject)						\
FIXTURE_TEARDOWN(subject)						\
{									\
	close(self->fd);						\
	close(self->nb);						\
	queue_destroy(QUEUE);						\
}

/* Tests of QUEUE: new for each of them. */
#define NAMED_FIXTURE(subject, type, capacity, policy)			\
FIXTURE(subject) {							\
	int fd;		/* blocking */					\
	int nb;		/* O_NONBLOCK */				\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	QUEUE_BEGIN(type, capacity, policy);				\
}									\
									\
QUEUE_TEARDOWN(subject)

/* For a test that needs another queue. */
#define RECREATE(type, capacity, policy)				\
do {									\
	close(self->fd);						\
	close(self->nb);						\
	QUEUE_BEGIN(type, capacity, policy);				\
} while (0)

#endif /* BBUF_SELFTEST_NAMED_H */
