// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue that a tool uses. See device.h.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bbuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/node.h"
#include "device.h"

static const char *access_name(int flags)
{
	return (flags & O_ACCMODE) == O_WRONLY ? "writing" : "reading";
}

/* Exit if the path is that of a node and another file has taken its place. */
static void device_check_node(const char *path)
{
	char *problem = node_problem(path);

	if (problem)
		errx(EXIT_FAILURE, "%s: %s", path, problem);
}

/* The node is missing or dead, and the module does not know a queue for it. */
static _Noreturn void device_missing(const char *path, const char *what)
{
	if (access("/sys/class/bbuf", F_OK))
		errx(EXIT_FAILURE, "%s: %s: load the module with `insmod bbuf.ko' or `make load'",
		     path, what);
	errx(EXIT_FAILURE, "%s: %s: no such queue: `bbuf list' shows all queues, `bbuf create' "
	     "creates one", path, what);
}

/* Exit with a message that tells why the device cannot be opened and what to do. */
static _Noreturn void device_refused(const char *path, int flags, int error)
{
	struct stat st;

	if (error == ENOENT && node_is_path(path))
		device_missing(path, "no such device");
	if (stat(path, &st))
		st.st_mode = 0;
	if ((error == ENXIO || error == ENODEV) && S_ISCHR(st.st_mode))
		device_missing(path, "no device exists for this node");
	if ((error == EACCES || error == EPERM) && st.st_mode)
		errx(EXIT_FAILURE, "%s: opening for %s: not permitted: it belongs to user %u, "
		     "group %u, with mode %04o; use sudo, or let its owner change the permissions "
		     "with chmod", path, access_name(flags), st.st_uid, st.st_gid,
		     st.st_mode & 07777);
	errno = error;
	err(EXIT_FAILURE, "%s: opening for %s", path, access_name(flags));
}

/*
 * A node may have been replaced by a FIFO, on which open() would block, or by another file since
 * the first check.
 */
int device_open(const char *path, int flags)
{
	struct stat st;
	int fd;

	device_check_node(path);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		device_refused(path, flags, errno);
	if (fstat(fd, &st))
		err(EXIT_FAILURE, "%s", path);
	if (S_ISREG(st.st_mode))
		errx(EXIT_FAILURE, "%s: is a regular file, not a device: something wrote to that "
		     "name while no module was loaded; remove it and load the module", path);
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		errx(EXIT_FAILURE, "%s: is neither a queue nor a FIFO", path);
	device_check_node(path);
	return fd;
}

/* Capacity of the queue in bytes; 0 if it is unknown. */
uint64_t device_capacity(int fd)
{
	int pipe_size = fcntl(fd, F_GETPIPE_SZ);
	struct bbuf_info info;

	if (pipe_size > 0)
		return pipe_size;
	return ioctl(fd, BBUF_IOC_INFO, &info) ? 0 : info.capacity;
}

/* Number of bytes queued. FIONREAD on a queue requires a file that is open for reading. */
uint64_t device_fill(int fd, const char *path)
{
	struct bbuf_info info;
	int bytes;

	if (!ioctl(fd, BBUF_IOC_INFO, &info))
		return info.bytes;
	if (ioctl(fd, FIONREAD, &bytes))
		err(EXIT_FAILURE, "%s: cannot get the number of bytes queued: is it a bbuf "
		    "device?", path);
	return bytes;
}

/* For tools that must not share the queue. Returns its capacity. */
uint64_t device_require_empty(int fd, const char *path)
{
	uint64_t capacity = device_capacity(fd), fill = device_fill(fd, path);

	if (!capacity)
		errx(EXIT_FAILURE, "%s: cannot get its capacity: is it a bbuf device?", path);
	if (fill)
		errx(EXIT_FAILURE, "%s: the queue must be empty, but holds %llu bytes: empty it "
		     "with `consumer --device=%s --discard --idle=100ms'", path,
		     (unsigned long long)fill, path);
	return capacity;
}
