/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers for the tests of libbbuf: a private queue, and a second thread that uses it. */
#ifndef LIBBBUF_SELFTEST_QUEUE_H
#define LIBBBUF_SELFTEST_QUEUE_H

#include <bbuf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

#define CAPACITY	8192	/* bytes; more than 4096, so that a write may go in piecemeal */
#define DEADLINE_MS	30000	/* for what must happen, before it is called lost */
#define SHORT_MS	50	/* a timeout that is to run out */

extern const struct timespec at_once;
extern const struct timespec shortly;		/* SHORT_MS */
extern const struct timespec long_enough;	/* DEADLINE_MS */

long now_ms(void);

/* A name that only this test of this process has. */
void queue_name(char name[BBUF_NAME_SIZE], const char *what);

/*
 * Makes the queue "name" with CAPACITY, and opens it for reading and writing. NULL if
 * that fails.
 */
struct bbuf *queue_make(const char *name, enum bbuf_type type);

/* The same, with a configuration. */
struct bbuf *queue_make_as(const char *name, const struct bbuf_config *config);

/* Fills it, by records of len bytes or, into a stream, pieces. True if it is full then. */
bool queue_fill(struct bbuf *queue, size_t len);

/* Wait until that number of calls wait for data (room): true if they do. */
bool queue_readers_wait(struct bbuf *queue, unsigned int count);
bool queue_writers_wait(struct bbuf *queue, unsigned int count);

/* A call in a thread of its own. */
struct call {
	ssize_t (*fn)(struct call *call);
	struct bbuf *queue;
	struct bbuf_batch *batch;
	const struct timespec *timeout;
	char data[CAPACITY * 2];
	size_t len;

	pthread_t thread;
	bool done;
	ssize_t ret;
	int error;
};

bool call_start(struct call *call);
/* True if it ends by itself in time; it must not be used again otherwise. */
bool call_ends(struct call *call);

/* Send signals, which do nothing else, until the call ends, or the time is over. */
bool call_interrupt(struct call *call);

ssize_t call_get(struct call *call);
ssize_t call_put(struct call *call);
ssize_t call_drain(struct call *call);
ssize_t call_batch_get(struct call *call);
ssize_t call_batch_put(struct call *call);

/* True if no memory has leaked; detects that only in a build with AddressSanitizer. */
bool nothing_leaked(void);

#endif /* LIBBBUF_SELFTEST_QUEUE_H */
