// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue that a command uses. See queue.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "queue.h"

/* Open a queue, or exit with a message. */
struct bbuf *queue_open(const struct subject *subject, int flags)
{
	struct bbuf *queue = bbuf_open(subject->queue, flags);

	if (!queue)
		exit(fail(subject, errno));
	return queue;
}

static bool info_by_path(const struct subject *subject, struct bbuf_info *info)
{
	struct bbuf *queue = queue_open(subject, O_RDONLY);
	int ret = bbuf_get_info(queue, info);

	bbuf_close(queue);
	return !ret;
}

/* A queue given by name is not opened, so that this does not count as a reader. */
bool queue_info(const struct subject *subject, struct bbuf_info *info)
{
	if (strchr(subject->queue, '/'))
		return info_by_path(subject, info);
	return !bbuf_lookup(subject->queue, info);
}
