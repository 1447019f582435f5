// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "leased.h"

int dead_make(size_t capacity, unsigned int policy)
{
	queue_destroy(DEAD);
	return queue_create(&(struct bbuf_create){
		.name = DEAD, .type = BBUF_RECORD, .capacity = capacity, .policy = policy,
		.mode = 0600, .uid = BBUF_ID_CALLER, .gid = BBUF_ID_CALLER,
	});
}

ssize_t lease_read(int fd, void *buf, size_t n, struct bbuf_lease *lease)
{
	*lease = (struct bbuf_lease){ .buffer = (uintptr_t)buf, .size = n };
	return ioctl(fd, BBUF_IOC_LEASE, lease);
}

/* False if it is another record, or none: then *lease is of no use. */
static bool lease_pattern(int fd, size_t position, size_t n, struct bbuf_lease *lease)
{
	unsigned char *buf = calloc(2, n + 1);
	bool good = buf && lease_read(fd, buf, 2 * n + 1, lease) == (ssize_t)n &&
		    lease->len == n && lease->deliveries && pattern_matches(buf, position, n);

	free(buf);
	return good;
}

unsigned long long lease_take(int fd, size_t position, size_t n)
{
	struct bbuf_lease lease;

	return lease_pattern(fd, position, n, &lease) ? lease.lease : 0;
}

unsigned int lease_deliveries(int fd, size_t position, size_t n)
{
	struct bbuf_lease lease;

	return lease_pattern(fd, position, n, &lease) && lease.lease ? lease.deliveries : 0;
}

int settle(int fd, unsigned long long lease, enum bbuf_settle_action action)
{
	struct bbuf_settle settle = { .lease = lease, .action = action };

	return ioctl(fd, BBUF_IOC_SETTLE, &settle);
}

int settle_all(int fd, enum bbuf_settle_action action)
{
	struct bbuf_settle settle = { .action = action, .flags = BBUF_SETTLE_ALL };

	return ioctl(fd, BBUF_IOC_SETTLE, &settle);
}

bool put_records(int fd, size_t first, size_t n)
{
	size_t i;

	for (i = first; i < first + n; i++)
		if (put(fd, i, LEN) != LEN)
			return false;
	return true;
}

bool take_records(int fd, size_t first, size_t n)
{
	size_t i;

	for (i = first; i < first + n; i++)
		if (!take_record(fd, i, LEN))
			return false;
	return true;
}

bool records_are(const size_t *numbers, size_t n)
{
	int fd = queue_open(QUEUE, O_RDONLY | O_NONBLOCK);
	char byte[LEN];
	bool good = fd >= 0;
	size_t i;

	for (i = 0; good && i < n; i++)
		good = take_record(fd, numbers[i], LEN);
	good = good && read(fd, byte, sizeof(byte)) < 0 && errno == EAGAIN;
	close(fd);
	return good;
}

bool nothing_queued(void)
{
	return records_are(NULL, 0);
}

bool nothing_was_read(int fd, size_t n)
{
	struct bbuf_info info = queue_info(fd);

	return info.records == n && info.bytes == n * LEN && !info.leased_records &&
	       !info.out.records && !info.out.bytes && !sysfs_number("records_out") &&
	       !sysfs_number("bytes_out") && sysfs_number("records") == n &&
	       sysfs_number("bytes") == n * LEN;
}

bool pool_read(int fd, size_t n, const char *tokens)
{
	ssize_t len = strlen(tokens);
	char *buf = malloc(n + 1);
	bool good = buf && read(fd, buf, n) == len && !memcmp(buf, tokens, len);

	free(buf);
	return good;
}

bool pool_write(int fd, const char *tokens)
{
	ssize_t len = strlen(tokens);

	return write(fd, tokens, len) == len;
}

bool put_numbers(int fd, __u64 first, size_t n)
{
	struct framed *frames = calloc(n, sizeof(*frames));
	ssize_t size = n * sizeof(*frames);
	bool good;
	size_t i;

	for (i = 0; frames && i < n; i++) {
		frames[i].head.len = sizeof(frames[i].number);
		frames[i].number = first + i;
	}
	good = frames && write(fd, frames, size) == size;
	free(frames);
	return good;
}

static long lease_and_hold(struct task *t)
{
	int fd = queue_open(QUEUE, O_RDWR);
	struct bbuf_lease lease;
	char buf[LEN];
	long i;

	for (i = 0; i < t->arg[0]; i++)
		if (lease_read(fd, buf, LEN, &lease) < 0)
			return -1;
	return pause();
}

struct task task_leaser(size_t n)
{
	return (struct task){ .fn = lease_and_hold, .nr = SYS_pause, .fd = -1, .arg = { n } };
}
