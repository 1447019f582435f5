// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that are POSIX and System V message queues, with their default limits.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/macros.h"
#include "common/units.h"
#include "messages.h"

/* Lift the limit of message queues, as far as permitted. */
static void allow_many(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MSGQUEUE, &none);
}

/* The name is needed only until the queue is open. */
static int mq_make(struct channel *channel)
{
	struct mq_attr attr;
	char name[TEXT_MAX];

	allow_many();
	snprintf(name, sizeof(name), "/bbuf-bench-%d", getpid());
	channel->in = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, NULL);
	if (channel->in < 0)
		return -1;
	mq_unlink(name);
	channel->out = channel->in;
	if (mq_getattr(channel->in, &attr))
		channel_failed(channel, "mq_getattr");
	channel->max_message = attr.mq_msgsize;
	channel->capacity = attr.mq_msgsize;
	channel->room = attr.mq_msgsize;
	return 0;
}

static void mq_put(struct channel *channel)
{
	if (mq_send(channel->in, channel->data, channel->data_len, 0))
		channel_failed(channel, "mq_send");
}

static size_t mq_get(struct channel *channel)
{
	ssize_t n = mq_receive(channel->out, channel->space, channel->room, NULL);

	if (n < 0)
		channel_failed(channel, "mq_receive");
	return n;
}

static void mq_end(struct channel *channel)
{
	mq_close(channel->in);
}

const struct peer peer_mq = {
	.name = "mq",
	.can = PEER_SINGLE | PEER_CROSS | PEER_SHARE | PEER_POLL,
	.open = mq_make, .put = mq_put, .get = mq_get, .close = mq_end,
};

/* The header of a message is its type. */
static int sysv_open(struct channel *channel)
{
	struct msginfo info;
	struct msqid_ds state;

	channel->in = msgget(IPC_PRIVATE, 0600);
	if (channel->in < 0)
		return -1;
	channel->out = channel->in;
	if (msgctl(channel->in, IPC_STAT, &state) || msgctl(0, IPC_INFO, (void *)&info) < 0)
		channel_failed(channel, "msgctl");
	channel->max_message = info.msgmax;
	channel->capacity = MIN((size_t)info.msgmax, (size_t)state.msg_qbytes);
	channel->offset = sizeof(long);
	channel->stride = channel->offset + channel->size;
	return 0;
}

static void sysv_head(const struct channel *channel, char *at)
{
	const long type = 1;

	(void)channel;
	memcpy(at, &type, sizeof(type));
}

static void sysv_put(struct channel *channel)
{
	if (msgsnd(channel->in, channel->data, channel->size, 0))
		channel_failed(channel, "msgsnd");
}

static size_t sysv_get(struct channel *channel)
{
	ssize_t n = msgrcv(channel->out, channel->space, channel->size, 0, 0);

	if (n < 0)
		channel_failed(channel, "msgrcv");
	return n;
}

static void sysv_close(struct channel *channel)
{
	msgctl(channel->in, IPC_RMID, NULL);
}

const struct peer peer_sysv = {
	.name = "sysv",
	.can = PEER_SINGLE | PEER_CROSS | PEER_SHARE,
	.open = sysv_open, .head = sysv_head, .put = sysv_put, .get = sysv_get,
	.close = sysv_close,
};
