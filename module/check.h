/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules on what user space may ask for. */
#ifndef BBUF_CHECK_H
#define BBUF_CHECK_H

#include <linux/sizes.h>

#include "queue.h"
#include "uapi/linux/bbuf.h"

#define BBUF_MAX_CAPACITY_DEFAULT	SZ_16M

extern unsigned long bbuf_max_capacity;

int bbuf_create_check(const struct bbuf_create *create);
int bbuf_destroy_check(const struct bbuf_destroy *destroy);
int bbuf_set_check(const struct bbuf_queue *q, const struct bbuf_set *set);

#endif /* BBUF_CHECK_H */
