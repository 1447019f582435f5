// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "late.h"

static int watch_page(void *page, size_t size, bool writes)
{
	struct uffdio_range range = { (unsigned long)page, size };
	struct uffdio_api api = {
		.api = UFFD_API, .features = writes ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0,
	};
	struct uffdio_register registration = {
		.range = range,
		.mode = writes ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_writeprotect protection = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) &&
	    !ioctl(uffd, UFFDIO_REGISTER, &registration) &&
	    (!writes || !ioctl(uffd, UFFDIO_WRITEPROTECT, &protection)))
		return uffd;
	close(uffd);
	return -1;
}

static size_t late_size(const struct late *late)
{
	return (late->len + late->page - 1) / late->page * late->page;
}

static int late_alloc(struct late *late, size_t len)
{
	late->len = len;
	late->page = sysconf(_SC_PAGESIZE);
	late->buf = mmap(NULL, late_size(late), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (late->buf == MAP_FAILED)
		return -errno;
	late->missing = late->buf + late_size(late) - late->page;
	return 0;
}

int late_map(struct late *late, size_t len)
{
	int error = late_alloc(late, len);

	if (error)
		return error;
	pattern_fill(late->buf, 0, late->missing - late->buf);
	late->uffd = watch_page(late->missing, late->page, false);
	late->error = errno;
	return 0;
}

int late_map_for_writes(struct late *late, const void *content, size_t len)
{
	int error = late_alloc(late, len);

	if (error)
		return error;
	memcpy(late->buf, content, len);
	late->uffd = watch_page(late->missing, late->page, true);
	late->error = errno;
	return 0;
}

void late_unmap(struct late *late)
{
	close(late->uffd);
	munmap(late->buf, late_size(late));
}

ssize_t late_read(int fd, size_t len)
{
	struct late late;

	if (late_map(&late, len) || late.uffd < 0)
		return -1;
	return read(fd, late.buf, late.len);
}

ssize_t call_make(const struct call *call)
{
	struct late *late = call->late;

	if (call->make)
		return call->make(call);
	if (call->writes)
		return write(call->fd, late->buf, late->len);
	if (call->peeks)
		return queue_peek(call->fd, late->buf, late->len);
	return read(call->fd, late->buf, late->len);
}

static void *call_run(void *argument)
{
	struct call *call = argument;
	ssize_t n = call_make(call);

	call->value = n < 0 ? -errno : n;
	store(call->done, true);
	return NULL;
}

bool call_start(struct call *call)
{
	call->done = false;
	return !pthread_create(&call->thread, NULL, call_run, call);
}

bool call_stalls(struct call *call)
{
	struct pollfd fault = { .fd = call->late->uffd, .events = POLLIN };
	int ms, n = 0;

	if (!call_start(call))
		return false;
	for (ms = 0; ms < DEADLINE_MS && !n && !load(call->done); ms++)
		n = poll(&fault, 1, 1);
	return n == 1 && !load(call->done);
}

static int late_bring(struct late *late)
{
	unsigned char *content = malloc(late->page);
	struct uffdio_copy copy = {
		.dst = (unsigned long)late->missing, .src = (unsigned long)content,
		.len = late->page,
	};
	int error;

	if (!content)
		return -ENOMEM;
	pattern_fill(content, late->missing - late->buf, late->page);
	error = ioctl(late->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
	free(content);
	return error;
}

int call_bring(struct call *call)
{
	return late_bring(call->late);
}

ssize_t call_spoil(struct call *call)
{
	struct late *late = call->late;
	struct uffdio_range range = { (unsigned long)late->missing, late->page };

	if (mprotect(late->missing, late->page, PROT_NONE) ||
	    ioctl(late->uffd, UFFDIO_WAKE, &range))
		return -errno;
	return call_end(call);
}

ssize_t call_finish(struct call *call)
{
	int error = call_bring(call);

	return error ?: call_end(call);
}

ssize_t call_end(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->value;
}

ssize_t late_write_frames(const struct call *call)
{
	const size_t second = BBUF_FRAME_SPACE(LATE_SHORT);
	unsigned char *buf = call->late->buf;

	*(struct bbuf_frame *)buf = (struct bbuf_frame){ .len = LATE_SHORT };
	*(struct bbuf_frame *)(buf + second) = (struct bbuf_frame){
		.len = call->late->len - second - sizeof(struct bbuf_frame),
	};
	return write(call->fd, buf, call->late->len);
}
