// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels. See channel.h.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/macros.h"
#include "channel.h"

#define PAGE		4096

static struct channel *all;

/* Allocate zeroed pages and touch them, so that no measured call faults. */
static char *new_pages(size_t bytes)
{
	void *mem;

	errno = posix_memalign(&mem, PAGE, bytes);
	if (errno)
		err(EXIT_FAILURE, "%zu bytes of memory", bytes);
	return memset(mem, 0, bytes);
}

static void make_messages(struct channel *channel)
{
	size_t i;

	channel->data_len = channel->batch * channel->stride;
	channel->room = MAX(channel->room, channel->data_len);
	channel->data = new_pages(channel->data_len);
	channel->space = new_pages(channel->room);
	for (i = 0; channel->peer->head && i < channel->batch; i++)
		channel->peer->head(channel, channel->data + i * channel->stride);
}

/*
 * Open a channel for messages of @size bytes, which must fit into the queue if @whole is set.
 * Returns 0, or -1 and errno; EMSGSIZE if they are too large.
 */
int channel_open(struct channel *channel, const struct peer *peer, size_t size, bool whole)
{
	*channel = (struct channel){
		.peer = peer, .in = -1, .out = -1,
		.size = size, .stride = size, .batch = 1, .next = all,
	};
	if (peer->open(channel))
		return -1;
	if (size > channel->max_message || (whole && size > channel->capacity)) {
		peer->close(channel);
		errno = EMSGSIZE;
		return -1;
	}
	make_messages(channel);
	all = channel;
	return 0;
}

void channel_close(struct channel *channel)
{
	struct channel **at;

	for (at = &all; *at != channel; at = &(*at)->next)
		;
	*at = channel->next;
	channel->peer->close(channel);
	free(channel->data);
	free(channel->space);
}

/* For a process that inherited the channels and must not close them. */
void channel_forget_all(void)
{
	all = NULL;
}

void channel_close_all(void)
{
	while (all)
		channel_close(all);
}

/*
 * Put one message that is marked as the last. Works on a copy, because processes may share the
 * channel.
 */
void channel_put_last(const struct channel *channel)
{
	struct channel last = *channel;

	last.data_len = channel->stride;
	last.data[channel->offset] = LAST_MESSAGE;
	channel->peer->put(&last);
	last.data[channel->offset] = 0;
}

/* Whether the last message of the @bytes just read is marked as the last. */
bool channel_got_last(const struct channel *channel, size_t bytes)
{
	size_t last = bytes / channel->size - 1;

	return channel->space[last * channel->stride + channel->offset] == LAST_MESSAGE;
}

void channel_failed(const struct channel *channel, const char *call)
{
	err(EXIT_FAILURE, "bench: %s: %s", channel->peer->name, call);
}
