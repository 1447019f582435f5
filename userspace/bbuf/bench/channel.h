/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is measured: queues of all kinds behind one interface. A channel is one such
 * queue with both of its ends open, and messages of one size to move through it.
 */
#ifndef BBUF_BENCH_CHANNEL_H
#define BBUF_BENCH_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

/* What a kind of queue can do. */
#define PEER_CROSS	(1U << 0)	/* carry messages from process to process */
#define PEER_SHARE	(1U << 1)	/* keep them whole for many writers and readers */
#define PEER_POLL	(1U << 2)	/* be waited for by epoll */
#define PEER_FILE	(1U << 3)	/* be written and read as a file */
#define PEER_SPLICE	(1U << 4)	/* be spliced */
#define PEER_SINGLE	(1U << 5)	/* move one message by a call, and no more */
#define PEER_BBUF	(1U << 6)	/* be bbuf */

/* Of a message: it is the last one. All others begin with 0. */
#define LAST_MESSAGE	1

struct channel;

/**
 * struct peer - a kind of queue
 * @name: as it stands in tables, without a blank
 * @can: what it can do: PEER_CROSS and so on
 * @open: makes a queue, or returns -1 and sets errno. Sets @in, @out, @max_message, @capacity of
 *        the channel, and what else is not as channel_open() has it
 * @head: writes what stands before each message; NULL if nothing does
 * @put: one call that puts all of channel.data in, waiting for room
 * @get: one call that takes out what there is, up to channel.batch messages, waiting for
 *       some; returns how many bytes of messages that was
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
 * struct channel - a queue that is open
 * @peer: what kind it is
 * @name: of the queue, if it has one
 * @in: the end that is written to
 * @out: the end that is read from
 * @size: bytes of a message
 * @batch: messages that are moved by one call
 * @max_message: bytes that a message can have
 * @capacity: bytes that a put can have and never waits in an empty queue
 * @data: what is put: messages, each with what the kind of queue wants before it
 * @data_len: bytes of that
 * @space: where to get it
 * @room: bytes of that
 * @offset: of the first message in @data and @space
 * @stride: from each message to the next
 * @next: all that are open, so that they can be closed however the program ends
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
	struct channel *next;
};

extern const struct peer *const peers[];
extern const size_t peer_count;

/* One for each file of peers. */
extern const struct peer peer_stream, peer_record, peer_framed;
extern const struct peer peer_pipe, peer_unix, peer_seqpacket, peer_floor;
extern const struct peer peer_mq, peer_sysv;

/* Bytes that queues of bbuf hold which are opened from now on; 0 for as many as by default. */
extern size_t queue_capacity;

int channel_open(struct channel *channel, const struct peer *peer, size_t size, bool whole);
void channel_close(struct channel *channel);
void channel_forget_all(void);
void channel_close_all(void);
void channel_put_last(const struct channel *channel);
bool channel_got_last(const struct channel *channel, size_t bytes);

/* For peers: a call that failed ends the program; the calls of those that are files. */
_Noreturn void channel_failed(const struct channel *channel, const char *call);
void file_put(struct channel *channel);
size_t file_get(struct channel *channel);
void file_close(struct channel *channel);

#endif /* BBUF_BENCH_CHANNEL_H */
