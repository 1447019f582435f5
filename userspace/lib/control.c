// SPDX-License-Identifier: GPL-2.0-only
/* Creating, destroying and changing queues. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

#define CONTROL		"/dev/bbuf-control"

/*
 * Translate an error that means that the control device is not at its path: ENOENT if the module
 * is not loaded, ENXIO if it is loaded but the device has no node. Other errors are returned
 * unchanged.
 */
static int control_error(int error)
{
	if (error != ENOENT && error != ENXIO && error != ENODEV && error != ENOTTY)
		return error;
	return access(BBUF_CLASS, F_OK) ? ENOENT : ENXIO;
}

static int control(unsigned long command, const void *what)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	int ret, error;

	if (fd < 0) {
		errno = control_error(errno);
		return -1;
	}
	ret = ioctl(fd, command, what);
	error = errno == ENOTTY ? control_error(ENOTTY) : errno;
	close(fd);
	errno = error;
	return ret;
}

BBUF_API int bbuf_create(const char *name, const struct bbuf_config *config)
{
	static const struct bbuf_config usual = BBUF_CONFIG_INIT;
	struct bbuf_create create = { };

	if (!config)
		config = &usual;
	if (!bbuf_name_fits(name) ||
	    (config->dead_letters && !bbuf_name_fits(config->dead_letters)))
		return -1;
	strcpy(create.name, name);
	create.capacity = config->capacity;
	create.type = config->type;
	create.policy = config->policy;
	create.mode = config->mode;
	create.uid = config->uid;
	create.gid = config->gid;
	create.lease_timeout = config->lease_timeout;
	create.max_leases = config->max_leases;
	create.max_deliveries = config->max_deliveries;
	if (config->dead_letters)
		strcpy(create.dead_letters, config->dead_letters);
	return control(BBUF_IOC_CREATE, &create);
}

BBUF_API int bbuf_destroy(const char *name)
{
	struct bbuf_destroy destroy = { };

	if (!bbuf_name_fits(name))
		return -1;
	strcpy(destroy.name, name);
	return control(BBUF_IOC_DESTROY, &destroy);
}

BBUF_API int bbuf_get_info(struct bbuf *queue, struct bbuf_info *info)
{
	return ioctl(queue->fd, BBUF_IOC_INFO, info);
}

BBUF_API int bbuf_shutdown(struct bbuf *queue)
{
	return ioctl(queue->fd, BBUF_IOC_SHUTDOWN);
}

BBUF_API int bbuf_reopen(struct bbuf *queue)
{
	return ioctl(queue->fd, BBUF_IOC_REOPEN);
}

BBUF_API int bbuf_drain(struct bbuf *queue)
{
	return fsync(queue->fd);
}

BBUF_API int bbuf_flush(struct bbuf *queue)
{
	return ioctl(queue->fd, BBUF_IOC_FLUSH);
}

BBUF_API int bbuf_set(struct bbuf *queue, const struct bbuf_set *set)
{
	return ioctl(queue->fd, BBUF_IOC_SET, set);
}

BBUF_API int bbuf_resize(struct bbuf *queue, uint64_t capacity)
{
	const struct bbuf_set set = { .fields = BBUF_SET_CAPACITY, .capacity = capacity };

	return bbuf_set(queue, &set);
}
