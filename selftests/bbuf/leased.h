/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers for the tests of leases: their ioctls as calls, and records that can be told apart. */
#ifndef BBUF_SELFTEST_LEASED_H
#define BBUF_SELFTEST_LEASED_H

#include "named.h"

#define LEN		10	/* of a record, where the length is not the point */
#define NO_SUCH_LEASE	0x123456789abcdefULL

/* Recreate QUEUE, with fields of struct bbuf_create by name: 0 or -errno. */
#define lease_make(...) \
	queue_make_as((struct bbuf_create){ .policy = BBUF_LEASE, __VA_ARGS__ })

/* A queue for dead letters, new and empty: 0 or -errno. */
#define DEAD		QUEUE "-dead"
int dead_make(size_t capacity, unsigned int policy);
/* Fields of struct bbuf_create: records that were delivered twice go there. */
#define TWO_DELIVERIES	.max_deliveries = 2, .dead_letters = DEAD

/* As read(), of a record: -1 and errno, or its bytes; *lease is as the kernel leaves it. */
ssize_t lease_read(int fd, void *buf, size_t n, struct bbuf_lease *lease);

/* Leases the next record, if that is n bytes of the pattern: which lease it is, or 0. */
unsigned long long lease_take(int fd, size_t position, size_t n);
/* The same; how often it was delivered, or 0. Its lease is the youngest that the file has. */
unsigned int lease_deliveries(int fd, size_t position, size_t n);

/* How many were settled, or -1 and errno. */
int settle(int fd, unsigned long long lease, enum bbuf_settle_action action);
int settle_all(int fd, enum bbuf_settle_action action);

/*
 * Records of LEN bytes from number first on: true if all were written, or are the next ones read.
 */
bool put_records(int fd, size_t first, size_t n);
bool take_records(int fd, size_t first, size_t n);

/* Leases all that there is through a file of its own, and returns it: is that it, in order? */
bool records_are(const size_t *numbers, size_t n);
#define RECORDS_ARE(...) \
	records_are((size_t[]){ __VA_ARGS__ }, sizeof((size_t[]){ __VA_ARGS__ }) / sizeof(size_t))
bool nothing_queued(void);
/* Do the counters say that n records of LEN bytes are queued, and that none was ever read? */
bool nothing_was_read(int fd, size_t n);

/* One read of n tokens: true if it returns these. One write of these. */
bool pool_read(int fd, size_t n, const char *tokens);
bool pool_write(int fd, const char *tokens);

/* Records that are numbers, in the frames of a call: one write of n of them. */
struct framed {
	struct bbuf_frame head;
	__u64 number;
};

bool put_numbers(int fd, __u64 first, size_t n);

/* A process that has a file of its own, leases n records through it, and waits to be killed. */
struct task task_leaser(size_t n);

#define ASSERT_LEASES(fd, number)	ASSERT_NE(0, lease_take(fd, number, LEN))
#define ASSERT_NOTHING(fd)		ASSERT_FAILS(EAGAIN, read(fd, (char[LEN]){ 0 }, LEN))
#define EOF_EVENTS			(READABLE | POLLRDHUP | POLLHUP)
#define ASSERT_EOF(fd)			ASSERT_EQ(0, read(fd, (char[LEN]){ 0 }, LEN))

/*
 * Tests of QUEUE with leases of records, which is new for each of them: with CAPACITY, and further
 * fields of struct bbuf_create by name. DEAD is there whether the queue uses it or not.
 */
#define RECORD_LEASES	.type = BBUF_RECORD, .capacity = CAPACITY

#define LEASE_FIXTURE(subject, ...)					\
FIXTURE(subject) {							\
	int fd;		/* blocking */					\
	int nb;		/* O_NONBLOCK, as the next two */		\
	int other;	/* O_RDONLY */					\
	int dead;	/* the dead letters */				\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	ASSERT_EQ(0, dead_make(CAPACITY, 0));				\
	ASSERT_EQ(0, lease_make(RECORD_LEASES, __VA_ARGS__));		\
	LEASES_OPEN();							\
	ASSERT_LE(0, self->dead);					\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	LEASES_CLOSE();							\
	queue_destroy(QUEUE);						\
	queue_destroy(DEAD);						\
}

#define LEASES_OPEN()							\
do {									\
	ASSERT_OPENS(self->fd, O_RDWR);					\
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);			\
	ASSERT_OPENS(self->other, O_RDONLY | O_NONBLOCK);		\
	self->dead = queue_open(DEAD, O_RDWR | O_NONBLOCK);		\
} while (0)

#define LEASES_CLOSE()							\
do {									\
	close(self->fd);						\
	close(self->nb);						\
	close(self->other);						\
	close(self->dead);						\
	self->fd = self->nb = self->other = self->dead = -1;		\
} while (0)

/* For a test that needs another queue. */
#define RECREATE_LEASES(...)						\
do {									\
	LEASES_CLOSE();							\
	ASSERT_EQ(0, lease_make(__VA_ARGS__));				\
	LEASES_OPEN();							\
} while (0)

/* Its leases return. */
#define REOPEN_NB()							\
do {									\
	close(self->nb);						\
	ASSERT_OPENS(self->nb, O_RDWR | O_NONBLOCK);			\
} while (0)

#endif /* BBUF_SELFTEST_LEASED_H */
