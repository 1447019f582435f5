/* SPDX-License-Identifier: GPL-2.0-only */
/* The file operations of a queue's node. */
#ifndef BBUF_FILE_H
#define BBUF_FILE_H

#include <linux/fs.h>

extern const struct file_operations bbuf_fops;

#endif /* BBUF_FILE_H */
