/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that takes its time: while one page of a caller's buffer is being brought in, the
 * call is in the middle of its copy. It is a userfaultfd that is served when the test says so.
 */
#ifndef BBUF_SELFTEST_LATE_H
#define BBUF_SELFTEST_LATE_H

#include <pthread.h>

#include "named.h"

struct late {
	unsigned char *buf;	/* len bytes, the pattern's as far as they are there */
	size_t len;
	size_t page;		/* size of a page */
	unsigned char *missing;	/* the last page of buf */
	int uffd;		/* or -1 */
	int error;		/* why there is none */
};

/* Returns 0 or -errno; that there is no userfaultfd is no error. */
int late_map(struct late *late, size_t len);
/* One page that is there, with len bytes of content, and that a write has to wait for. */
int late_map_for_writes(struct late *late, const void *content, size_t len);
void late_unmap(struct late *late);

/* Read into memory whose last page never arrives; the caller kills the task there. */
ssize_t late_read(int fd, size_t len);

/* The harness of older kernels runs a test although its setup has skipped. */
#define REQUIRE_USERFAULTFD(late)					\
do {									\
	if ((late)->uffd < 0)						\
		SKIP(return, "no userfaultfd: %s", strerror((late)->error));\
} while (0)

/* A page fault is served for the address space that has it: the caller is a thread. */
struct call {
	struct late *late;	/* all of it is written, or read */
	int fd;
	bool writes;
	bool peeks;		/* does not read it */
	ssize_t (*make)(const struct call *call);	/* what it does otherwise, or NULL */

	pthread_t thread;
	bool done;
	ssize_t value;		/* what it returned, or -errno */
};

/* Makes it, in this thread. */
ssize_t call_make(const struct call *call);
bool call_start(struct call *call);
/* Starts a call and returns when it waits for the missing page, or has not come to it. */
bool call_stalls(struct call *call);
/* Brings the page, the pattern's: 0 or -errno. The call may wait for something else then. */
int call_bring(struct call *call);
/* Takes the page away: the call meets a bad address, and that is what it returns. */
ssize_t call_spoil(struct call *call);
/* Brings it, and returns what the call returned. */
ssize_t call_finish(struct call *call);
/* Returns that of a call that needs no page. */
ssize_t call_end(struct call *call);

/*
 * For struct call: writes two records with frames, one of LATE_SHORT bytes and one that takes what
 * is left. The bytes of both are the pattern's, as their places in the memory are.
 */
ssize_t late_write_frames(const struct call *call);

#define LATE_SHORT	10

/* Tests of QUEUE, a stream that is new for each of them, and of such memory. */
#define LATE_FIXTURE(subject, capacity, length)				\
FIXTURE(subject) {							\
	int fd;		/* blocking */					\
	int nb;		/* O_NONBLOCK */				\
	struct late late;						\
};									\
									\
FIXTURE_SETUP(subject)							\
{									\
	QUEUE_BEGIN(BBUF_STREAM, capacity, 0);				\
	ASSERT_EQ(0, late_map(&self->late, length));			\
}									\
									\
FIXTURE_TEARDOWN(subject)						\
{									\
	late_unmap(&self->late);					\
	close(self->fd);						\
	close(self->nb);						\
	queue_destroy(QUEUE);						\
}

/* A call of such a test. */
#define WRITER()	{ .late = &self->late, .fd = self->fd, .writes = true }
#define READER()	{ .late = &self->late, .fd = self->fd }
#define ASSERT_STALLS(call)	ASSERT_TRUE(call_stalls(&(call)))
#define FINISH(call)		call_finish(&(call))

#endif /* BBUF_SELFTEST_LATE_H */
