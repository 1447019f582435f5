// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that are files: pipes, sockets, and "floor", which is two system calls without a queue.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "files.h"

void file_put(struct channel *channel)
{
	ssize_t n = write(channel->in, channel->data, channel->data_len);

	if (n < 0)
		channel_failed(channel, "write");
	if ((size_t)n != channel->data_len)
		errx(EXIT_FAILURE, "bench: %s: write: %zd of %zu bytes", channel->peer->name, n,
		     channel->data_len);
}

size_t file_get(struct channel *channel)
{
	ssize_t n = read(channel->out, channel->space, channel->room);

	if (n <= 0)
		channel_failed(channel, "read");
	return n;
}

void file_close(struct channel *channel)
{
	close(channel->in);
	if (channel->out != channel->in)
		close(channel->out);
}

static int pipe_open(struct channel *channel)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	channel->out = ends[0];
	channel->in = ends[1];
	channel->max_message = SIZE_MAX;
	channel->capacity = fcntl(channel->in, F_GETPIPE_SZ);
	return 0;
}

const struct peer peer_pipe = {
	.name = "pipe",
	.can = PEER_SINGLE | PEER_CROSS | PEER_SHARE | PEER_POLL | PEER_FILE |
	       PEER_SPLICE,
	.open = pipe_open, .put = file_put, .get = file_get, .close = file_close,
};

/*
 * The limit of a socket includes memory of the kernel. The overhead of a message is less than
 * its size, or than a page, so half of the limit is safe.
 */
static int socket_open(struct channel *channel, int type)
{
	socklen_t len = sizeof(int);
	int ends[2], limit;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
		return -1;
	channel->in = ends[0];
	channel->out = ends[1];
	if (getsockopt(channel->in, SOL_SOCKET, SO_SNDBUF, &limit, &len))
		channel_failed(channel, "getsockopt");
	channel->capacity = limit / 2;
	channel->max_message = type == SOCK_STREAM ? SIZE_MAX : channel->capacity;
	return 0;
}

static int unix_open(struct channel *channel)
{
	return socket_open(channel, SOCK_STREAM);
}

const struct peer peer_unix = {
	.name = "unix",
	.can = PEER_SINGLE | PEER_CROSS | PEER_SHARE | PEER_POLL | PEER_FILE |
	       PEER_SPLICE,
	.open = unix_open, .put = file_put, .get = file_get, .close = file_close,
};

static int seqpacket_open(struct channel *channel)
{
	return socket_open(channel, SOCK_SEQPACKET);
}

const struct peer peer_seqpacket = {
	.name = "seqpacket",
	.can = PEER_SINGLE | PEER_CROSS | PEER_SHARE | PEER_POLL | PEER_FILE,
	.open = seqpacket_open, .put = file_put, .get = file_get, .close = file_close,
};

static int floor_open(struct channel *channel)
{
	channel->in = open("/dev/null", O_WRONLY | O_CLOEXEC);
	channel->out = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	channel->max_message = SIZE_MAX;
	channel->capacity = SIZE_MAX;
	return channel->in < 0 || channel->out < 0 ? -1 : 0;
}

const struct peer peer_floor = {
	.name = "floor",
	.open = floor_open, .put = file_put, .get = file_get, .close = file_close,
};
