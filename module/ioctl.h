/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctls of a queue's file. */
#ifndef BBUF_IOCTL_H
#define BBUF_IOCTL_H

struct file;

long bbuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* BBUF_IOCTL_H */
