// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor.h"
#include "arena.h"
#include "ledger.h"
#include "named.h"
#include "random.h"
#include "ways.h"

#define PIPE_SIZE	(1024 * 1024)
#define BATCH		16	/* records of one framed write */
#define NAP_US		2000
#define WAIT_MS		5

/* An open file of a queue. */
struct handle {
	int fd;			/* -1: none */
	struct book *book;
	bool nowait;
	bool framed;
	bool timed;
};

enum use { READER, WRITER, USES };

static struct actor {
	unsigned int writer;
	struct tally *tally;
	struct hand *hand;
	struct arena arena;
	int pipe[2];
	struct handle handles[QUEUES][USES];
} self;

static void __attribute__((noreturn)) give_up(const char *what)
{
	fault(RESULT, "actor %u: %s: %s", self.writer, what, strerror(errno));
	_exit(1);
}

/* Past events may be seen late, never early. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

/* Open files */

static void handle_close(struct handle *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static void handle_set_options(struct handle *h, struct random *r)
{
	struct bbuf_options options = { 0 };

	h->timed = random_one_in(r, 2);
	if (h->timed) {
		options.read_timeout = random_size(r, WAIT_MS * NS_PER_MS);
		options.write_timeout = random_size(r, WAIT_MS * NS_PER_MS);
	}
	h->framed = h->book->type == BBUF_RECORD && random_one_in(r, 3);
	if (h->framed)
		options.flags = BBUF_FRAMED;
	if (ioctl(h->fd, BBUF_IOC_SET_OPTIONS, &options))
		fault(RESULT, "SET_OPTIONS: %s", strerror(errno));
}

/* False if the queue is away just now, or too new to have a book. */
static bool handle_open(struct handle *h, unsigned int queue, enum use use, struct random *r)
{
	char name[QUEUE_NAME_SIZE];
	struct stat stat;
	int flags = use == WRITER ? O_WRONLY : O_RDONLY;

	if (random_one_in(r, 3))
		flags = O_RDWR;
	h->nowait = random_one_in(r, 2);
	if (h->nowait)
		flags |= O_NONBLOCK;
	snprintf(name, sizeof(name), QUEUE_NAME, queue);
	h->fd = queue_open(name, flags);
	if (h->fd < 0) {
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO && errno != EINTR)
			fault(RESULT, "open: %s", strerror(errno));
		return false;
	}
	if (fstat(h->fd, &stat))
		give_up("fstat");
	h->book = ledger_find(stat.st_rdev);
	if (h->book)
		handle_set_options(h, r);
	else
		handle_close(h);
	return h->book;
}

/* Some open file for that use, or NULL. */
static struct handle *pick(enum use use, struct random *r)
{
	unsigned int queue = random_below(r, self.tally->queues);
	struct handle *h = &self.handles[queue][use];

	return h->fd >= 0 || handle_open(h, queue, use, r) ? h : NULL;
}

static struct handle *pick_any(struct random *r)
{
	return pick(random_below(r, USES), r);
}

/* The possible errors of a call that could not be carried out. */
enum { FULL_OR_EMPTY = 1, LATE = 2, BAD_MEMORY = 4, LONG = 8, ENDED = 16, BUSY = 32 };

static bool may_fail(const struct handle *h, int error, unsigned int allowed)
{
	switch (error) {
	case EINTR:	return true;
	case ENODEV:	return h->book->may & MAY_DESTROY;
	case EAGAIN:	return allowed & FULL_OR_EMPTY;
	case ETIMEDOUT:	return allowed & LATE;
	case EFAULT:	return allowed & BAD_MEMORY;
	case EMSGSIZE:	return (allowed & LONG) && h->book->type == BBUF_RECORD;
	case EPIPE:	return (allowed & ENDED) && (h->book->may & MAY_END);
	case EBUSY:	return allowed & BUSY;
	default:	return false;
	}
}

static void check_failure(struct handle *h, const char *what, int error, unsigned int allowed)
{
	if (!may_fail(h, error, allowed))
		fault(RESULT, "%s: %s", what, strerror(error));
	if (error == ENODEV)
		handle_close(h);
}

/* Reading and writing */

static struct transfer transfer(const struct handle *h, size_t n, bool shaky, struct random *r)
{
	size_t unit = h->book->type == BBUF_STREAM ? WORD : 1;
	size_t at = random_below(r, ARENA_SIZE - n + 1) / unit * unit;

	return (struct transfer){
		.fd = h->fd, .n = n, .unit = unit,
		.buf = (shaky ? self.arena.shaky : self.arena.firm) + at,
		.file = self.arena.fd, .at = at,
		.pipe = { self.pipe[0], self.pipe[1] },
	};
}

/* The same bytes where they are always there. */
static void *firm(const struct transfer *t)
{
	return self.arena.firm + t->at;
}

static unsigned int allowed_for(const struct handle *h, const struct way *way, bool shaky)
{
	bool waits = !h->nowait && !way->nowait;

	return (!waits ? FULL_OR_EMPTY : h->timed ? LATE : 0) | (shaky ? BAD_MEMORY : 0);
}

/* Mostly what fits easily, now and then what does not fit at all. */
static size_t write_size(const struct book *book, struct random *r)
{
	size_t n = random_size(r, random_one_in(r, 4) ? book->capacity : 1 + book->capacity / 8);

	if (random_one_in(r, 8))
		n = book->capacity + random_below(r, book->capacity / 2);
	if (n < WORD)
		n = WORD;
	return book->type == BBUF_STREAM ? n / WORD * WORD : n;
}

/* Was so little to be expected, and not all? */
static bool may_be_short(const struct handle *h, const struct way *way, size_t n, bool shaky)
{
	if (shaky || (h->book->may & MAY_RESIZE) || n > h->book->capacity)
		return true;
	return (h->nowait || way->nowait) && n > ATOMIC_MAX;
}

static void write_one(struct handle *h, const struct way *way, bool shaky, struct random *r)
{
	bool stream = h->book->type == BBUF_STREAM;
	struct transfer t = transfer(h, write_size(h->book, r), shaky, r);
	unsigned int number;
	ssize_t done;

	if (!item_begin(h->book, self.writer, t.n, way->loose && stream, &number))
		return;
	item_fill(h->book, self.writer, number, firm(&t));
	done = way->move(&t, r);
	item_end(h->book, self.writer, number, done > 0 ? done : 0);
	if (done < 0) {
		check_failure(h, way->name, -done, allowed_for(h, way, shaky) | LONG | ENDED);
		return;
	}
	count(&self.tally->in, done);
	if (!done || (size_t)done > t.n ||
	    ((size_t)done < t.n && !(stream && may_be_short(h, way, t.n, shaky))))
		fault(RESULT, "%s of %zu bytes took %zd", way->name, t.n, done);
}

struct batch {
	unsigned int n;
	unsigned int number[BATCH];
	size_t len[BATCH];
	size_t bytes;
};

/* Records with their frames, in memory. */
static void batch_fill(struct batch *batch, const struct handle *h, const struct transfer *t)
{
	unsigned char *buf = firm(t);
	unsigned int i;

	for (i = 0; i < batch->n; i++) {
		struct bbuf_frame frame = { .len = batch->len[i] };

		memcpy(buf, &frame, sizeof(frame));
		item_fill(h->book, self.writer, batch->number[i], buf + sizeof(frame));
		buf += BBUF_FRAME_SPACE(batch->len[i]);
	}
}

/* Items were sent if their frames are among the bytes that the call reports as taken. */
static void batch_end(const struct batch *batch, struct handle *h, ssize_t done)
{
	unsigned int i;

	for (i = 0; i < batch->n; i++) {
		bool sent = done > 0 && (size_t)done >= BBUF_FRAME_SPACE(batch->len[i]);

		item_end(h->book, self.writer, batch->number[i], sent ? batch->len[i] : 0);
		if (sent) {
			count(&self.tally->in, batch->len[i]);
			done -= BBUF_FRAME_SPACE(batch->len[i]);
		} else if (done > 0) {
			fault(RESULT, "a framed write took part of a record");
			done = 0;
		}
	}
}

static void write_batch(struct handle *h, const struct way *way, bool shaky, struct random *r)
{
	unsigned int i, n = 1 + random_below(r, BATCH);
	struct batch batch = { 0 };
	struct transfer t;
	ssize_t done;

	for (i = 0; i < n; i++) {
		size_t len = write_size(h->book, r);

		if (batch.bytes + BBUF_FRAME_SPACE(len) > ARENA_SIZE ||
		    !item_begin(h->book, self.writer, len, false, &batch.number[i]))
			break;
		batch.len[i] = len;
		batch.bytes += BBUF_FRAME_SPACE(len);
		batch.n++;
	}
	if (!batch.n)
		return;
	t = transfer(h, batch.bytes, shaky, r);
	batch_fill(&batch, h, &t);
	done = way->move(&t, r);
	batch_end(&batch, h, done);
	if (done < 0)
		check_failure(h, way->name, -done, allowed_for(h, way, shaky) | LONG | ENDED);
}

static void act_write(struct random *r)
{
	struct handle *h = pick(WRITER, r);
	const struct way *way;
	bool shaky;

	if (!h)
		return;
	way = way_to_write(r, h->book->type == BBUF_STREAM);
	shaky = !way->firm && random_one_in(r, 3);
	if (h->framed)
		write_batch(h, way, shaky, r);
	else
		write_one(h, way, shaky, r);
}

/* Half of them can take whatever there is, so that nothing is ever too long for all. */
static size_t read_size(const struct handle *h, struct random *r)
{
	size_t most = ARENA_SIZE / 2;
	size_t n = random_one_in(r, 2) ? most : random_size(r, most);

	if (n < WORD)
		n = WORD;
	return h->book->type == BBUF_STREAM ? n / WORD * WORD : n;
}

static void hold(const struct handle *h, size_t bytes)
{
	store(self.hand->bytes, bytes);
	store(self.hand->book, h->book - ledger_book(0));
}

static void let_go(void)
{
	store(self.hand->book, -1);
}

static void see(struct sight *sight, const struct handle *h, const void *buf, size_t n,
		bool peeked)
{
	bool take = !peeked && !h->book->lease;

	if (h->book->type == BBUF_STREAM)
		sight_stream(sight, buf, n, take);
	else if (h->framed && !peeked)
		sight_frames(sight, buf, n, take);
	else
		sight_record(sight, buf, n, take);
}

static bool read_failed(struct handle *h, const char *what, ssize_t got, size_t n,
			unsigned int allowed)
{
	if (got < 0)
		check_failure(h, what, -got, allowed | LONG);
	else if ((size_t)got > n || (!got && !(h->book->may & MAY_END)))
		fault(RESULT, "%s of %zu bytes returned %zd", what, n, got);
	return got < 0;
}

/*
 * Data that was taken is in flight with this actor until it is compared; leased data belongs to the
 * queue.
 */
static void read_one(struct handle *h, const struct way *way, bool peeked, struct random *r)
{
	bool shaky = !way->firm && random_one_in(r, 3);
	bool take = !peeked && !h->book->lease;
	struct transfer t = transfer(h, read_size(h, r), shaky, r);
	struct sight sight;
	ssize_t got;

	if (take)
		hold(h, t.n);
	sight_begin(&sight, h->book);
	got = way->move(&t, r);
	if (got > 0)
		see(&sight, h, firm(&t), got, peeked);
	let_go();
	if (!read_failed(h, way->name, got, t.n,
			 allowed_for(h, way, shaky) | (h->book->lease ? BUSY : 0)) && take)
		count(&self.tally->out, got);
}

static int settle(struct handle *h, const struct bbuf_settle *what)
{
	int n = ioctl(h->fd, BBUF_IOC_SETTLE, what);

	if (n < 0)
		check_failure(h, "SETTLE", errno, 0);
	return n;
}

/*
 * The data is acknowledged, and that is recorded, or neither; a kill in between may leave it
 * acknowledged.
 */
static void acknowledge(struct handle *h, const struct bbuf_lease *lease, const void *buf)
{
	struct bbuf_settle what = { .lease = lease->lease, .action = BBUF_ACK };
	struct sight sight;

	hold(h, lease->len);
	if (settle(h, &what) == 1) {
		sight_begin(&sight, h->book);
		sight_record(&sight, buf, lease->len, true);
		count(&self.tally->out, lease->len);
	}
	let_go();
}

/* Most records are acknowledged; the others return, now, or when the file is closed. */
static void lease_one(struct handle *h, struct random *r)
{
	static const enum bbuf_settle_action settle_actions[] = {
		BBUF_RETURN, BBUF_RETURN_LAST, BBUF_RENEW,
	};
	static const struct way way = { .name = "LEASE" };
	bool shaky = random_one_in(r, 3);
	struct transfer t = transfer(h, read_size(h, r), shaky, r);
	struct bbuf_lease lease = { .buffer = (uintptr_t)t.buf, .size = t.n };
	struct sight sight;
	ssize_t got = ioctl(h->fd, BBUF_IOC_LEASE, &lease);

	if (read_failed(h, way.name, got < 0 ? -errno : got, t.n,
			allowed_for(h, &way, shaky) | BUSY) || !got)
		return;
	sight_begin(&sight, h->book);
	sight_record(&sight, firm(&t), got, false);
	if ((size_t)got != lease.len || !lease.lease || !lease.deliveries)
		fault(RESULT, "LEASE: %zd bytes, %u told, delivered %u times", got, lease.len,
		      lease.deliveries);
	if (!random_one_in(r, 4))
		acknowledge(h, &lease, firm(&t));
	else if (!random_one_in(r, 3))
		settle(h, &(struct bbuf_settle){
			.lease = lease.lease, .action = settle_actions[random_below(r, 3)],
		});
}

/* Plain reads, too: they all go back. */
static void lease_many(struct handle *h, struct random *r)
{
	static const enum bbuf_settle_action settle_actions[] = { BBUF_RETURN, BBUF_RETURN_LAST };
	unsigned int n = 1 + random_below(r, 3);

	while (n-- && h->fd >= 0)
		read_one(h, way_to_read(r), false, r);
	if (h->fd >= 0)
		settle(h, &(struct bbuf_settle){
			.action = settle_actions[random_below(r, 2)], .flags = BBUF_SETTLE_ALL,
		});
}

static void act_read(struct random *r)
{
	struct handle *h = pick(READER, r);

	if (!h)
		return;
	if (!h->book->lease)
		read_one(h, way_to_read(r), false, r);
	else if (random_one_in(r, 8))
		lease_many(h, r);
	else
		lease_one(h, r);
}

static ssize_t peek(const struct transfer *t, struct random *r)
{
	ssize_t done = queue_peek(t->fd, t->buf, t->n);

	(void)r;
	return done < 0 ? -errno : done;
}

static void act_peek(struct random *r)
{
	static const struct way way_to_peek = { .name = "PEEK", .move = peek, .nowait = true };
	struct handle *h = pick(READER, r);

	if (h)
		read_one(h, &way_to_peek, true, r);
}

/* Waiting for it */

#define ANY_EVENT	(READABLE | WRITABLE | POLLERR | POLLHUP | POLLRDHUP)

static void act_poll(struct random *r)
{
	struct pollfd pollfd[USES];
	int n;

	for (n = 0; n < USES; n++) {
		struct handle *h = pick(n, r);

		pollfd[n] = (struct pollfd){ .fd = h ? h->fd : -1, .events = ANY_EVENT };
	}
	if (poll(pollfd, USES, random_below(r, WAIT_MS)) < 0 && errno != EINTR)
		fault(RESULT, "poll: %s", strerror(errno));
	for (n = 0; n < USES; n++)
		if (pollfd[n].revents & ~ANY_EVENT)
			fault(RESULT, "poll reported %#x", pollfd[n].revents);
}

static void act_epoll(struct random *r)
{
	static const unsigned int manners[] = { 0, EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned int i, rounds = 1 + random_below(r, 3);

	if (epoll < 0)
		give_up("epoll_create1");
	for (i = 0; i < QUEUES; i++) {
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLOUT | manners[random_below(r, 4)],
		};
		struct handle *h = pick_any(r);

		if (h && epoll_ctl(epoll, EPOLL_CTL_ADD, h->fd, &event) && errno != EEXIST)
			fault(RESULT, "epoll_ctl: %s", strerror(errno));
	}
	while (rounds--) {
		struct epoll_event events[QUEUES];

		if (epoll_wait(epoll, events, QUEUES, random_below(r, WAIT_MS)) < 0 &&
		    errno != EINTR)
			fault(RESULT, "epoll_wait: %s", strerror(errno));
	}
	close(epoll);
}

static void act_fsync(struct random *r)
{
	struct handle *h = pick_any(r);

	if (h && (random_one_in(r, 2) ? fsync(h->fd) : fdatasync(h->fd)))
		check_failure(h, "fsync", errno, 0);
}

/* SIGIO, to this process, from now on or no more. */
static void act_async(struct random *r)
{
	struct handle *h = pick_any(r);
	int flags;

	if (!h)
		return;
	flags = fcntl(h->fd, F_GETFL);
	if (flags < 0 || fcntl(h->fd, F_SETOWN, getpid()) ||
	    fcntl(h->fd, F_SETFL, flags ^ O_ASYNC))
		fault(RESULT, "fcntl: %s", strerror(errno));
}

/* Asking and telling */

static void act_readable(struct random *r)
{
	struct handle *h = pick(READER, r);
	int n;

	if (!h)
		return;
	n = queued(h->fd);
	if (n < 0)
		check_failure(h, "FIONREAD", errno, 0);
	else if (n > CAPACITY_MAX)
		fault(RESULT, "FIONREAD said %d", n);
}

static void act_info(struct random *r)
{
	struct handle *h = pick_any(r);
	struct bbuf_info info;

	if (!h)
		return;
	info = queue_info(h->fd);
	if (!info.capacity || info.bytes > info.capacity || info.peak > CAPACITY_MAX ||
	    info.records > info.bytes || !info_adds_up(&info))
		fault(ACCOUNT, "INFO: capacity %llu, queued %llu, in %llu, out %llu bytes",
		      (unsigned long long)info.capacity, (unsigned long long)info.bytes,
		      (unsigned long long)info.in.bytes, (unsigned long long)info.out.bytes);
}

static void act_sysfs(struct random *r)
{
	static const char * const files[] = {
		"type", "state", "capacity", "bytes", "peak", "readers", "blocked_full_ns",
	};
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/bbuf/" QUEUE_NAME "/%s",
		 (unsigned int)random_below(r, QUEUES), files[random_below(r, 7)]);
	file_number(path);
}

static void act_capacity(struct random *r)
{
	struct handle *h = pick_any(r);
	size_t capacity = WORD * random_size(r, CAPACITY_MAX / WORD);

	if (h && (h->book->may & MAY_RESIZE) && queue_resize(h->fd, capacity))
		check_failure(h, "SET", errno, BUSY | (h->nowait ? FULL_OR_EMPTY : 0));
}

/* Marks that exclude each other are refused, whatever else is true. */
static void act_marks(struct random *r)
{
	struct handle *h = pick_any(r);
	int failed;

	if (!h)
		return;
	if (random_one_in(r, 2))
		failed = queue_set_read_mark(h->fd, random_size(r, h->book->capacity));
	else
		failed = queue_set_write_mark(h->fd, random_size(r, h->book->capacity));
	if (failed && errno != EINVAL)
		check_failure(h, "SET", errno, h->nowait ? FULL_OR_EMPTY : 0);
}

static void act_policy(struct random *r)
{
	struct handle *h = pick_any(r);
	unsigned int policy = 0;

	if (!h)
		return;
	if (h->book->may & MAY_DROP)
		policy |= random_below(r, 2) * BBUF_DROP_OLDEST;
	if (h->book->may & MAY_END)
		policy |= random_below(r, 2) * BBUF_EOF_ON_CLOSE;
	if (queue_set_policy(h->fd, policy))
		check_failure(h, "SET", errno, h->nowait ? FULL_OR_EMPTY : 0);
}

static void act_flush(struct random *r)
{
	struct handle *h = pick(READER, r);

	if (h && (h->book->may & MAY_FLUSH) && queue_flush(h->fd))
		check_failure(h, "FLUSH", errno, h->nowait ? FULL_OR_EMPTY : 0);
}

static void act_shutdown(struct random *r)
{
	struct handle *h = pick(WRITER, r);

	if (!h || !(h->book->may & MAY_END))
		return;
	if (queue_shutdown(h->fd))
		check_failure(h, "SHUTDOWN", errno, 0);
	usleep(random_below(r, NAP_US));
}

static void act_reopen(struct random *r)
{
	struct handle *h = pick(WRITER, r);

	if (h && queue_reopen(h->fd))
		check_failure(h, "REOPEN", errno, 0);
}

/* Invalid ioctl commands, or commands with a broken structure. */
static void act_nonsense(struct random *r)
{
	struct handle *h = pick_any(r);
	struct bbuf_set set = { .fields = BBUF_SET_CAPACITY, .reserved = 1 };

	if (!h)
		return;
	if (ioctl(h->fd, _IO(BBUF_IOC_MAGIC, 0x7f), NULL) != -1 || errno != ENOTTY)
		fault(RESULT, "an unknown ioctl: %s", strerror(errno));
	if (ioctl(h->fd, BBUF_IOC_SET, &set) != -1 || errno != EINVAL)
		fault(RESULT, "a broken SET: %s", strerror(errno));
	if (ioctl(h->fd, BBUF_IOC_INFO, NULL) != -1 || errno != EFAULT)
		fault(RESULT, "INFO to nowhere: %s", strerror(errno));
}

/* Coming and going */

/* A queue that all actors create and destroy, and whose contents are not counted. */
static void act_churn(struct random *r)
{
	static const char name[] = "stress-churn";
	struct bbuf_create create = {
		.type = random_below(r, 2), .capacity = random_size(r, CAPACITY_MAX), .mode = 0600,
	};
	int fd, error;

	memcpy(create.name, name, sizeof(name));
	error = random_one_in(r, 2) ? queue_create(&create) : queue_destroy(name);
	if (error && error != -EEXIST && error != -ENOENT && error != -EINTR)
		fault(RESULT, "CREATE or DESTROY: %s", strerror(-error));
	fd = queue_open(name, O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return;
	if (write(fd, self.arena.shaky, random_below(r, CAPACITY_MAX)) < 0 && errno == EINVAL)
		fault(RESULT, "write: %s", strerror(errno));
	close(fd);
}

static void act_close(struct random *r)
{
	handle_close(&self.handles[random_below(r, QUEUES)][random_below(r, USES)]);
}

/* A queue reports EOF only when no process has it open for writing. */
static void act_leave(struct random *r)
{
	unsigned int queue;

	for (queue = 0; queue < QUEUES; queue++)
		handle_close(&self.handles[queue][WRITER]);
	usleep(random_below(r, NAP_US));
}

static void on_signal(int signal)
{
	(void)signal;
}

/* From now on calls are restarted after signals, or they are not. */
static void act_signals(struct random *r)
{
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = random_below(r, 2) * SA_RESTART,
	};

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGIO, &action, NULL);
}

static const struct action {
	void (*act)(struct random *r);
	unsigned int weight;
} actions[] = {
	{ act_write,	45 },
	{ act_read,	50 },
	{ act_peek,	4 },
	{ act_poll,	4 },
	{ act_epoll,	2 },
	{ act_fsync,	1 },
	{ act_async,	1 },
	{ act_readable,	2 },
	{ act_info,	4 },
	{ act_sysfs,	1 },
	{ act_capacity,	2 },
	{ act_marks,	2 },
	{ act_policy,	1 },
	{ act_flush,	1 },
	{ act_shutdown,	1 },
	{ act_reopen,	3 },
	{ act_nonsense,	1 },
	{ act_churn,	1 },
	{ act_close,	3 },
	{ act_leave,	1 },
	{ act_signals,	1 },
};

#define ACTIONS	(sizeof(actions) / sizeof(*actions))

static unsigned int all_weights(void)
{
	unsigned int i, sum = 0;

	for (i = 0; i < ACTIONS; i++)
		sum += actions[i].weight;
	return sum;
}

static const struct action *pick_action(struct random *r)
{
	const struct action *action = actions;
	unsigned long at = random_below(r, all_weights());

	while (at >= action->weight)
		at -= action++->weight;
	return action;
}

static void actor_begin(unsigned int writer, uint64_t seed, struct tally *tally,
			struct hand *hand)
{
	struct sigaction end = { .sa_handler = on_signal };
	struct random r = { seed };
	sigset_t none;
	unsigned int i;

	self = (struct actor){ .writer = writer, .tally = tally, .hand = hand };
	for (i = 0; i < QUEUES * USES; i++)
		self.handles[i / USES][i % USES].fd = -1;
	let_go();
	act_signals(&r);
	sigaction(SIGUSR2, &end, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!arena_open(&self.arena, random_next(&r)))
		give_up("memory");
	if (pipe2(self.pipe, O_CLOEXEC) || fcntl(self.pipe[1], F_SETPIPE_SZ, PIPE_SIZE) < 0)
		give_up("pipe");
}

/* Each step has a seed of its own: what came before, and how it went, is no matter. */
void act(unsigned int writer, uint64_t seed, struct tally *tally, struct hand *hand)
{
	uint64_t step;

	actor_begin(writer, seed, tally, hand);
	for (step = 0; !load(tally->stop); step++) {
		struct random r = { random_seed(seed, step) };

		pick_action(&r)->act(&r);
		count(&tally->steps, 1);
		while (load(tally->pause))
			usleep(POLL_US);
	}
	_exit(0);
}
