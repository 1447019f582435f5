// SPDX-License-Identifier: GPL-2.0-only
/* Opening and closing handles. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define NODE		"/dev/bbuf"
#define NAMED_NODE	NODE "-"
#define OPEN_FLAGS	(O_ACCMODE | O_NONBLOCK | O_CLOEXEC)

bool bbuf_name_fits(const char *name)
{
	size_t len = strnlen(name, BBUF_NAME_SIZE);

	if (len && len < BBUF_NAME_SIZE && name[0] != '.' && !strchr(name, '/'))
		return true;
	errno = EINVAL;
	return false;
}

/* Whether sysfs has a queue of this name. */
static bool queue_exists(const char *name)
{
	char path[sizeof(BBUF_CLASS "/") + BBUF_NAME_SIZE] = BBUF_CLASS "/";

	return !access(strcat(path, name), F_OK);
}

/*
 * Name of the existing queue whose node is at @path, or NULL. The result points into @path or is
 * a constant.
 */
static const char *queue_of(const char *path)
{
	const char *name = NULL;

	if (!strcmp(path, NODE))
		name = BBUF_QUEUE_DEFAULT;
	else if (!strncmp(path, NAMED_NODE, strlen(NAMED_NODE)))
		name = path + strlen(NAMED_NODE);
	return name && bbuf_name_fits(name) && queue_exists(name) ? name : NULL;
}

/*
 * Check that the file belongs to the queue @name. Another device may refuse the ioctl with an
 * error of its own, so all errors except missing permission become ENOTTY.
 */
static int check_queue(int fd, const char *name)
{
	struct bbuf_info info;

	errno = 0;
	if (!ioctl(fd, BBUF_IOC_INFO, &info) && !strcmp(info.name, name))
		return 0;
	if (errno != EACCES && errno != EPERM)
		errno = ENOTTY;
	return -1;
}

/*
 * Open a character device; another file is not opened, since open() of a FIFO could block. If
 * @name is given, the device must be the queue of that name: otherwise data would be written to
 * whatever file has taken the place of its node.
 */
static int open_node(const char *path, const char *name, int flags)
{
	struct stat node;
	int fd, error;

	if (stat(path, &node))
		return -1;
	if (!S_ISCHR(node.st_mode)) {
		errno = ENOTTY;
		return -1;
	}
	fd = open(path, flags);
	if (fd < 0 || !name || !check_queue(fd, name))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Whether the error means that the node is missing or is another file. */
static bool is_no_node(int error)
{
	return error == ENOENT || error == ENOTTY || error == ENXIO;
}

static int open_path(const char *path, int flags)
{
	const char *name = queue_of(path);
	int fd = open_node(path, name, flags);

	if (fd < 0 && name && is_no_node(errno))
		errno = ENXIO;
	return fd;
}

static int open_name(const char *name, int flags)
{
	char path[sizeof(NAMED_NODE) + BBUF_NAME_SIZE] = NODE;
	int fd;

	if (!bbuf_name_fits(name))
		return -1;
	if (strcmp(name, BBUF_QUEUE_DEFAULT))
		snprintf(path, sizeof(path), NAMED_NODE "%s", name);
	fd = open_node(path, name, flags);
	if (fd < 0 && is_no_node(errno))
		errno = queue_exists(name) ? ENXIO : ENOENT;
	return fd;
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
	fd = strchr(queue, '/') ? open_path(queue, flags) : open_name(queue, flags);
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
