/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Common interface to all kinds of queues. A channel is one such queue with both ends open, and
 * messages of one size to move through it.
 */
#ifndef BBUF_BENCH_CHANNEL_H
#define BBUF_BENCH_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

/* Abilities of a kind of queue. */
#define PEER_CROSS	(1U << 0)	/* carries messages between processes */
#define PEER_SHARE	(1U << 1)	/* keeps them intact with many writers and readers */
#define PEER_POLL	(1U << 2)	/* can be polled with epoll */
#define PEER_FILE	(1U << 3)	/* is written and read as a file */
#define PEER_SPLICE	(1U << 4)	/* can be spliced */
#define PEER_SINGLE	(1U << 5)	/* moves a single message per call */
#define PEER_BBUF	(1U << 6)	/* is bbuf */

/* First byte of the last message. All others begin with 0. */
#define LAST_MESSAGE	1

struct channel;

/**
 * struct peer - a kind of queue
 * @name: name in tables, without spaces
 * @can: abilities: PEER_CROSS and so on
 * @open: creates a queue; returns 0, or -1 and errno. Sets @in, @out, @max_message and @capacity
 *        of the channel, and members for which the defaults of channel_open() are wrong
 * @head: writes the header of a message; NULL if there is none
 * @put: writes all of channel.data by one call, blocking while there is no room
 * @get: reads up to channel.batch messages by one call, blocking while there is none; returns
 *       the number of bytes in them
 * @close: undoes @open
 */
struct peer {
	const char *name;
	unsigned int can;
	int (*open)(struct channel *channel);
	void (*head)(const struct channel *channel, char *at);
	void (*put)(struct channel *channel);
	size_t (*get)(struct channel *channel);
	void (*close)(struct channel *channel);
};

/**
 * struct channel - an open queue
 * @peer: kind of queue
 * @name: name of the queue, if it has one
 * @in: file descriptor of the end to write to
 * @out: file descriptor of the end to read from
 * @size: size of a message in bytes
 * @batch: number of messages moved by one call
 * @max_message: maximum size of a message in bytes
 * @capacity: maximum size in bytes of a put that never blocks if the queue is empty
 * @data: messages to put, each with the header that this kind of queue needs
 * @data_len: size of @data in bytes
 * @space: memory for messages that are read
 * @room: size of @space in bytes
 * @offset: offset of the first message in @data and @space
 * @stride: distance between messages in bytes
 * @private: data of this kind of queue, or NULL
 * @next: next open channel, so that all can be closed however the program ends
 */
struct channel {
	const struct peer *peer;
	char name[64];
	int in;
	int out;
	size_t size;
	size_t batch;
	size_t max_message;
	size_t capacity;
	char *data;
	size_t data_len;
	char *space;
	size_t room;
	size_t offset;
	size_t stride;
	void *private;
	struct channel *next;
};

int channel_open(struct channel *channel, const struct peer *peer, size_t size, bool whole);
void channel_close(struct channel *channel);
void channel_forget_all(void);
void channel_close_all(void);
void channel_put_last(const struct channel *channel);
bool channel_got_last(const struct channel *channel, size_t bytes);

/* For peers: exit after a failed call. */
_Noreturn void channel_failed(const struct channel *channel, const char *call);

#endif /* BBUF_BENCH_CHANNEL_H */
