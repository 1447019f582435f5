// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "named.h"

#define FOREVER		-1
#define EVERYTHING	(READABLE | WRITABLE | POLLPRI | POLLRDHUP)

static int control(unsigned long command, const void *argument)
{
	int fd = open(BBUF_CONTROL, O_RDWR | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, command, argument))
		error = -errno;
	close(fd);
	return error;
}

int queue_create(const struct bbuf_create *create)
{
	return control(BBUF_IOC_CREATE, create);
}

int queue_destroy(const char *name)
{
	struct bbuf_destroy destroy = { 0 };

	snprintf(destroy.name, sizeof(destroy.name), "%s", name);
	return control(BBUF_IOC_DESTROY, &destroy);
}

int queue_make_as(struct bbuf_create create)
{
	int error = queue_destroy(QUEUE);

	snprintf(create.name, sizeof(create.name), "%s", QUEUE);
	create.mode = 0600;
	create.uid = BBUF_ID_CALLER;
	create.gid = BBUF_ID_CALLER;
	return error && error != -ENOENT ? error : queue_create(&create);
}

int queue_make(enum bbuf_type type, size_t capacity, unsigned int policy)
{
	return queue_make_as((struct bbuf_create){
		.type = type, .capacity = capacity, .policy = policy,
	});
}

int queue_open(const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s-%s", BBUF_DEVICE, name);
	return open(path, flags | O_CLOEXEC);
}

int queue_begin(enum bbuf_type type, size_t capacity, unsigned int policy, int *fd, int *nb)
{
	int error = queue_make(type, capacity, policy);

	if (error)
		return error;
	*fd = queue_open(QUEUE, O_RDWR);
	*nb = queue_open(QUEUE, O_RDWR | O_NONBLOCK);
	return *fd < 0 || *nb < 0 ? -errno : 0;
}

struct bbuf_info queue_info(int fd)
{
	struct bbuf_info info = { 0 };

	if (ioctl(fd, BBUF_IOC_INFO, &info))
		memset(&info, 0, sizeof(info));
	return info;
}

int queue_events(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = EVERYTHING };

	return poll(&pollfd, 1, 0) < 0 ? -1 : pollfd.revents;
}

ssize_t queue_peek(int fd, void *buf, size_t n)
{
	struct bbuf_peek peek = { .buffer = (uintptr_t)buf, .size = n };

	return ioctl(fd, BBUF_IOC_PEEK, &peek);
}

bool take_record(int fd, size_t position, size_t n)
{
	unsigned char *buf = calloc(2, n + 1);
	bool good = buf && read(fd, buf, 2 * n + 1) == (ssize_t)n &&
		    pattern_matches(buf, position, n);

	free(buf);
	return good;
}

bool batch_put(int fd, size_t len, size_t n)
{
	const size_t space = BBUF_FRAME_SPACE(len);
	struct bbuf_frame frame = { .len = len };
	unsigned char *frames = calloc(n, space);
	bool good = frames;
	size_t i;

	for (i = 0; good && i < n; i++)
		memcpy(frames + i * space, &frame, sizeof(frame));
	good = good && write(fd, frames, n * space) == (ssize_t)(n * space);
	free(frames);
	return good;
}

bool batch_take(int fd, size_t len, size_t n)
{
	const size_t size = n * BBUF_FRAME_SPACE(len);
	unsigned char *frames = calloc(1, size);
	bool good = frames && read(fd, frames, size) == (ssize_t)size;

	free(frames);
	return good;
}

static long poll_once(struct task *t)
{
	struct pollfd pollfd = { .fd = t->arg[0], .events = t->arg[1] };

	return poll(&pollfd, 1, FOREVER) < 0 ? -1 : pollfd.revents;
}

struct task task_poller(int fd, short events)
{
	return (struct task){
		.fn = poll_once, .nr = SYS_poll, .fd = -1, .arg = { fd, events },
	};
}

static long fsync_once(struct task *t)
{
	return fsync(t->fd);
}

struct task task_drainer(int fd)
{
	return (struct task){ .fn = fsync_once, .nr = SYS_fsync, .fd = fd };
}

static long hold(struct task *t)
{
	(void)t;
	return pause();
}

struct task task_holder(void)
{
	return (struct task){ .fn = hold, .nr = SYS_pause, .fd = -1 };
}

/* Files of the kernel */

static bool sysfs_text(const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), QUEUE_SYSFS "%s", name);
	return proc_field(path, "", text, size);
}

unsigned long long sysfs_number(const char *name)
{
	char text[32];

	return sysfs_text(name, text, sizeof(text)) ? strtoull(text, NULL, 10) : -1ULL;
}

bool sysfs_is(const char *name, const char *value)
{
	char text[BBUF_NAME_SIZE];

	return sysfs_text(name, text, sizeof(text)) && !strcmp(text, value);
}

bool fdinfo_is(int fd, const char *key, const char *value)
{
	char path[PATH_MAX], text[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return proc_field(path, key, text, sizeof(text)) && !strcmp(text, value);
}
