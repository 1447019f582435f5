// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ways.h"

#define PARTS	8

static ssize_t result(ssize_t done)
{
	return done < 0 ? -errno : done;
}

/* The buffer in parts, some of them empty. Returns how many. */
static int cut(const struct transfer *t, struct iovec part[PARTS], struct random *r)
{
	size_t begin = 0;
	int i;

	for (i = 0; i < PARTS; i++) {
		size_t left = t->n - begin;
		size_t n = random_below(r, left + 1) / t->unit * t->unit;

		part[i] = (struct iovec){ t->buf + begin, i == PARTS - 1 ? left : n };
		begin += n;
	}
	return PARTS;
}

/* To all these, -1 is no position: the file has none. */

static ssize_t by_write(const struct transfer *t, struct random *r)
{
	(void)r;
	return result(write(t->fd, t->buf, t->n));
}

static ssize_t by_writev(const struct transfer *t, struct random *r)
{
	struct iovec part[PARTS];

	return result(writev(t->fd, part, cut(t, part, r)));
}

static ssize_t by_pwritev2(const struct transfer *t, struct random *r)
{
	struct iovec part[PARTS];

	return result(pwritev2(t->fd, part, cut(t, part, r), -1, RWF_NOWAIT));
}

static ssize_t by_read(const struct transfer *t, struct random *r)
{
	(void)r;
	return result(read(t->fd, t->buf, t->n));
}

static ssize_t by_readv(const struct transfer *t, struct random *r)
{
	struct iovec part[PARTS];

	return result(readv(t->fd, part, cut(t, part, r)));
}

static ssize_t by_preadv2(const struct transfer *t, struct random *r)
{
	struct iovec part[PARTS];

	return result(preadv2(t->fd, part, cut(t, part, r), -1, RWF_NOWAIT));
}

/* The whole contents of a pipe. A signal does not matter: the bytes are there. */
static ssize_t empty_pipe(const struct transfer *t, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t part = read(t->pipe[0], t->buf + got, n - got);

		if (part > 0)
			got += part;
		else if (errno != EINTR)
			return -errno;
	}
	return got;
}

static ssize_t by_splice_in(const struct transfer *t, struct random *r)
{
	ssize_t filled = write(t->pipe[1], t->buf, t->n);
	ssize_t done;

	(void)r;
	if (filled != (ssize_t)t->n)
		return result(filled);
	done = result(splice(t->pipe[0], NULL, t->fd, NULL, t->n, 0));
	empty_pipe(t, done > 0 ? t->n - done : t->n);
	return done;
}

static ssize_t by_splice_out(const struct transfer *t, struct random *r)
{
	ssize_t done = result(splice(t->fd, NULL, t->pipe[1], NULL, t->n, 0));

	(void)r;
	return done > 0 ? empty_pipe(t, done) : done;
}

static ssize_t by_sendfile_in(const struct transfer *t, struct random *r)
{
	off_t at = t->at;

	(void)r;
	return result(sendfile(t->fd, t->file, &at, t->n));
}

static ssize_t by_sendfile_out(const struct transfer *t, struct random *r)
{
	ssize_t done = result(sendfile(t->pipe[1], t->fd, NULL, t->n));

	(void)r;
	return done > 0 ? empty_pipe(t, done) : done;
}

/* Plain calls most of the time, or they would hardly meet. */
static const struct way writes[] = {
	{ .name = "write", .move = by_write },
	{ .name = "write", .move = by_write },
	{ .name = "write", .move = by_write },
	{ .name = "writev", .move = by_writev },
	{ .name = "pwritev2", .move = by_pwritev2, .nowait = true },
	{ .name = "splice", .move = by_splice_in, .firm = true, .loose = true },
	{ .name = "sendfile", .move = by_sendfile_in, .firm = true, .loose = true, .stream = true },
};

static const struct way reads[] = {
	{ .name = "read", .move = by_read },
	{ .name = "read", .move = by_read },
	{ .name = "read", .move = by_read },
	{ .name = "readv", .move = by_readv },
	{ .name = "preadv2", .move = by_preadv2, .nowait = true },
	{ .name = "splice", .move = by_splice_out, .firm = true },
	{ .name = "sendfile", .move = by_sendfile_out, .firm = true },
};

const struct way *way_to_write(struct random *r, bool stream)
{
	const struct way *way = &writes[random_below(r, sizeof(writes) / sizeof(*writes))];

	return way->stream && !stream ? &writes[0] : way;
}

const struct way *way_to_read(struct random *r)
{
	return &reads[random_below(r, sizeof(reads) / sizeof(*reads))];
}
