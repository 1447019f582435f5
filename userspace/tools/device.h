/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue that a tool uses, given by the path of its node. A FIFO works as well.
 */
#ifndef BBUF_TOOLS_DEVICE_H
#define BBUF_TOOLS_DEVICE_H

#include <stdint.h>

#define DEFAULT_DEVICE	"/dev/bbuf"

int device_open(const char *path, int flags);
uint64_t device_capacity(int fd);
uint64_t device_fill(int fd, const char *path);
uint64_t device_require_empty(int fd, const char *path);

#endif /* BBUF_TOOLS_DEVICE_H */
