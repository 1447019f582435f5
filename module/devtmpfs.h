/* SPDX-License-Identifier: GPL-2.0-only */
/* Check whether devtmpfs has created a node. */
#ifndef BBUF_DEVTMPFS_H
#define BBUF_DEVTMPFS_H

#include <linux/types.h>

void bbuf_devtmpfs_check(const char *name, umode_t mode, dev_t devt);

#endif /* BBUF_DEVTMPFS_H */
