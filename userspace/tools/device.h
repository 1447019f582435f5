/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue that a tool uses, given by the path of its node. A FIFO works as well.
 */
#ifndef BBUF_TOOLS_DEVICE_H
#define BBUF_TOOLS_DEVICE_H

#include <stdint.h>

#define DEVICE_SETTING(path)	\
	{ .name = "device", .key = 'd', .arg = "PATH", .text = (path), .initial = "/dev/bbuf", \
	  .doc = "path of the queue" }

int device_open(const char *path, int flags);
uint64_t device_capacity(int fd);
uint64_t device_fill(int fd, const char *path);
uint64_t device_require_empty(int fd, const char *path);

#endif /* BBUF_TOOLS_DEVICE_H */
