/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The twin of a queue: a model in the memory of the test, used by only one task. It predicts the
 * result of each call, its effects, and the notifications. A call that would wait is made on a file
 * that is O_NONBLOCK, or whose timeout expires at once.
 */
#ifndef BBUF_SELFTEST_TWIN_H
#define BBUF_SELFTEST_TWIN_H

#include "leased.h"

#define TWIN_PIECES	1024
#define TWIN_FILES	5

/* A record, a token, or what was read of a stream. */
struct piece {
	size_t position;	/* of the pattern, where its bytes begin; of a token the byte */
	size_t len;
	unsigned long order;	/* the least of what is queued is read first */
	unsigned int deliveries;
	unsigned long long lease;	/* 0: not reported by the kernel */
};

struct pile {
	struct piece piece[TWIN_PIECES];
	size_t n;
};

/* The leases of a file, or in a stream those of all files of a process, the oldest first. */
struct twin_holder {
	struct pile leases;
	int files;
};

struct twin_file {
	int fd;			/* or -1 */
	int flags;		/* of open(2) */
	unsigned int options;	/* BBUF_FRAMED, BBUF_LEASE_FRAMED */
	size_t refused;		/* room without which its last write was refused, or 0 */
	struct twin_holder own;
	struct twin_holder *holder;
};

struct twin {
	struct bbuf_info info;	/* what BBUF_IOC_INFO should say, but for blocked_ns */
	size_t write_mark;	/* as it was set, or 0 */
	bool asked;		/* a refused writer wants readers to make do with what there is */
	unsigned long orders;
	size_t end;		/* of a stream: the pattern's position of the next byte */
	struct pile queued;	/* but for the bytes of a stream */
	struct twin_file file[TWIN_FILES];
	struct twin_holder shared;	/* of a stream: that of all files which the test opened */
	struct twin *dead;	/* the dead letters, or NULL */
	struct pile got;	/* by the last call */
};

/* Like the queue that these are of, which is new. */
void twin_begin(struct twin *t, const struct bbuf_create *create, struct twin *dead);

bool twin_leases(const struct twin *t);
bool twin_records(const struct twin *t);
bool twin_tokens(const struct twin *t);
bool twin_drops(const struct twin *t);
size_t twin_room(const struct twin *t);
/* May the file lease one more? */
bool twin_may_lease(const struct twin *t, const struct twin_file *f);

bool twin_reads(const struct twin_file *f);
bool twin_writes(const struct twin_file *f);
bool twin_waits(const struct twin_file *f);
/* Bytes before each record that it reads. */
size_t twin_frame(const struct twin_file *f);

/* A file that was opened, by the test or by another process. */
void twin_open(struct twin *t, struct twin_file *f, int fd, int flags, bool elsewhere);
void twin_close(struct twin *t, struct twin_file *f);

/* Each returns what the call returns, or -errno. */
long twin_write(struct twin *t, struct twin_file *f, size_t position, size_t n);
long twin_write_tokens(struct twin *t, struct twin_file *f, const unsigned char *bytes, size_t n);
/* Of the records with their frames each is the pattern from one further on. */
long twin_write_frames(struct twin *t, struct twin_file *f, const void *frames, size_t position,
		       size_t n);
/* A write of more, to a queue that has room for it, whose memory ends there. */
void twin_write_part(struct twin *t, struct twin_file *f, size_t position, size_t n);
long twin_read(struct twin *t, struct twin_file *f, size_t n);
long twin_lease(struct twin *t, struct twin_file *f, size_t n, bool nowait);
long twin_peek(struct twin *t, struct twin_file *f, size_t n);
long twin_readable(const struct twin *t, const struct twin_file *f);
/* A lease of the file by age, 0 being the oldest; or all of them. */
long twin_settle(struct twin *t, struct twin_file *f, size_t which, enum bbuf_settle_action action);
long twin_settle_all(struct twin *t, struct twin_file *f, enum bbuf_settle_action action);
/* All leases of a file time out. */
void twin_expire(struct twin *t, struct twin_file *f);
long twin_set(struct twin *t, const struct bbuf_set *set);
long twin_flush(struct twin *t, const struct twin_file *f);
long twin_shutdown(struct twin *t, const struct twin_file *f);
long twin_reopen(struct twin *t, const struct twin_file *f);
/* Whether fsync(2) returns. */
bool twin_is_drained(const struct twin *t);

/*
 * The events that poll(2) reports for a file; called before the model is updated, as poll may ask
 * readers to make room.
 */
void twin_ask(struct twin *t, const struct twin_file *f);
int twin_events(const struct twin *t, const struct twin_file *f);

#endif /* BBUF_SELFTEST_TWIN_H */
