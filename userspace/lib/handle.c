// SPDX-License-Identifier: GPL-2.0-only
/* Handles: opening, closing, and the file behind them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

#define NODE		"/dev/bbuf"
#define OPEN_FLAGS	(O_ACCMODE | O_NONBLOCK | O_CLOEXEC)

bool bbuf_name_fits(const char *name)
{
	size_t len = strnlen(name, BBUF_NAME_SIZE);

	if (len && len < BBUF_NAME_SIZE && name[0] != '.' && !strchr(name, '/'))
		return true;
	errno = EINVAL;
	return false;
}

static int open_name(const char *name, int flags)
{
	char path[sizeof(NODE) + BBUF_NAME_SIZE];

	if (!bbuf_name_fits(name))
		return -1;
	if (!strcmp(name, BBUF_QUEUE_DEFAULT))
		return open(NODE, flags);
	snprintf(path, sizeof(path), NODE "-%s", name);
	return open(path, flags);
}

BBUF_API struct bbuf *bbuf_open(const char *queue, int flags)
{
	struct bbuf *handle;
	int fd;

	if (flags & ~OPEN_FLAGS) {
		errno = EINVAL;
		return NULL;
	}
	flags |= O_CLOEXEC;
	fd = strchr(queue, '/') ? open(queue, flags) : open_name(queue, flags);
	if (fd < 0)
		return NULL;
	handle = bbuf_from_fd(fd);
	if (!handle) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return handle;
}

BBUF_API struct bbuf *bbuf_from_fd(int fd)
{
	struct bbuf_options options;
	struct bbuf *handle;

	if (ioctl(fd, BBUF_IOC_GET_OPTIONS, &options))
		return NULL;
	handle = malloc(sizeof(*handle));
	if (!handle)
		return NULL;
	handle->fd = fd;
	handle->options = options;
	return handle;
}

BBUF_API int bbuf_fd(const struct bbuf *queue)
{
	return queue->fd;
}

BBUF_API void bbuf_close(struct bbuf *queue)
{
	int error = errno;

	if (!queue)
		return;
	close(queue->fd);
	free(queue);
	errno = error;
}
