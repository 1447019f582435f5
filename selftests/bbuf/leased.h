/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers for the tests of leases: their ioctls as calls, and records that can be told apart. */
#ifndef BBUF_SELFTEST_LEASED_H
#define BBUF_SELFTEST_LEASED_H

#include "named.h"

#define LEN		10	/* of a record, where the length is not the point */
#define NO_SUCH_LEASE	0x123456789abcdefULL

/* Recreate QUEUE, with fields of struct bbuf_create by name: 0 or -errno. */
#define lease_make(...)							\
	(queue_destroy(QUEUE), queue_create(&(struct bbuf_create){	\
		.name = QUEUE, .policy = BBUF_LEASE, .mode = 0600,	\
		.uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER, __VA_ARGS__ }))

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

/* A process that has a file of its own, leases n records through it, and waits to be killed. */
struct task task_leaser(size_t n);

#define ASSERT_LEASES(fd, number)	ASSERT_NE(0, lease_take(fd, number, LEN))
#define ASSERT_NOTHING(fd)		ASSERT_FAILS(EAGAIN, read(fd, (char[LEN]){ 0 }, LEN))

#endif /* BBUF_SELFTEST_LEASED_H */
