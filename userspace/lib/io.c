// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing, reading and leasing.
 *
 * The library has a timeout per call, the kernel a timeout per open file. The library sets the
 * kernel's timeout before the call, although that may take one more system call: a call that
 * waits in the kernel's wait list is served in order of arrival, whereas a caller that polls and
 * retries is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "internal.h"

#define NS_PER_S	1000000000LL
#define FRAMES		(BBUF_FRAMED | BBUF_LEASE_FRAMED)

bool bbuf_timeout_valid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < NS_PER_S;
}

static bool timeout_is_zero(const struct timespec *t)
{
	return !t->tv_sec && !t->tv_nsec;
}

__u64 bbuf_timeout_ns(const struct timespec *t)
{
	__u64 ns;

	if (__builtin_mul_overflow((__u64)t->tv_sec, (__u64)NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, (__u64)t->tv_nsec, &ns))
		return UINT64_MAX;
	return ns;
}

static int set_options(struct bbuf *queue, const struct bbuf_options *options)
{
	if (!memcmp(options, &queue->options, sizeof(*options)))
		return 0;
	if (ioctl(queue->fd, BBUF_IOC_SET_OPTIONS, options))
		return -1;
	queue->options = *options;
	return 0;
}

/*
 * Set the options of the file for the next call: framing, and the timeout, which is stored in
 * @field of @options. Returns flags for preadv2(2) and pwritev2(2), or -1 and errno.
 */
static int prepare(struct bbuf *queue, struct bbuf_options *options, __u32 framed,
		   __u64 *field, const struct timespec *timeout)
{
	int flags = 0;

	if (timeout && !bbuf_timeout_valid(timeout)) {
		errno = EINVAL;
		return -1;
	}
	options->flags = (options->flags & ~FRAMES) | framed;
	if (!timeout)
		*field = 0;
	else if (timeout_is_zero(timeout))
		flags = RWF_NOWAIT;
	else
		*field = bbuf_timeout_ns(timeout);
	return set_options(queue, options) ? -1 : flags;
}

ssize_t bbuf_write(struct bbuf *queue, __u32 framed, const void *data, size_t len,
		   const struct timespec *timeout)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct bbuf_options options = queue->options;
	int flags = prepare(queue, &options, framed, &options.write_timeout, timeout);

	return flags < 0 ? -1 : pwritev2(queue->fd, &iov, 1, -1, flags);
}

ssize_t bbuf_read(struct bbuf *queue, __u32 framed, void *buffer, size_t size,
		  const struct timespec *timeout)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = size };
	struct bbuf_options options = queue->options;
	int flags = prepare(queue, &options, framed, &options.read_timeout, timeout);

	return flags < 0 ? -1 : preadv2(queue->fd, &iov, 1, -1, flags);
}

BBUF_API ssize_t bbuf_put(struct bbuf *queue, const void *data, size_t len,
			  const struct timespec *timeout)
{
	return bbuf_write(queue, 0, data, len, timeout);
}

BBUF_API ssize_t bbuf_get(struct bbuf *queue, void *buffer, size_t size,
			  const struct timespec *timeout)
{
	return bbuf_read(queue, 0, buffer, size, timeout);
}

BBUF_API ssize_t bbuf_peek(struct bbuf *queue, void *buffer, size_t size)
{
	struct bbuf_peek peek = { .buffer = (uintptr_t)buffer, .size = size };

	return ioctl(queue->fd, BBUF_IOC_PEEK, &peek);
}

BBUF_API ssize_t bbuf_lease(struct bbuf *queue, void *buffer, size_t size,
			    const struct timespec *timeout, struct bbuf_lease *lease)
{
	struct bbuf_lease leased = { .buffer = (uintptr_t)buffer, .size = size };
	struct bbuf_options options = queue->options;
	int flags = prepare(queue, &options, options.flags & FRAMES, &options.read_timeout,
			    timeout);
	ssize_t ret;

	if (flags < 0)
		return -1;
	if (flags)
		leased.flags = BBUF_LEASE_NOWAIT;
	ret = ioctl(queue->fd, BBUF_IOC_LEASE, &leased);
	if (lease)
		*lease = leased;
	return ret;
}

static ssize_t settle(struct bbuf *queue, __u64 lease, enum bbuf_settle_action action, __u32 flags)
{
	const struct bbuf_settle what = { .lease = lease, .action = action, .flags = flags };

	return ioctl(queue->fd, BBUF_IOC_SETTLE, &what);
}

BBUF_API ssize_t bbuf_settle(struct bbuf *queue, uint64_t lease, enum bbuf_settle_action action)
{
	return settle(queue, lease, action, 0);
}

BBUF_API ssize_t bbuf_settle_all(struct bbuf *queue, enum bbuf_settle_action action)
{
	return settle(queue, 0, action, BBUF_SETTLE_ALL);
}
