/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules on what user space may ask for. */
#ifndef BBUF_CHECK_H
#define BBUF_CHECK_H

#include <linux/ioctl.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "queue.h"
#include "uapi/linux/bbuf.h"

#define BBUF_MAX_CAPACITY_DEFAULT	SZ_16M

extern unsigned long bbuf_max_capacity;

int bbuf_create_check(const struct bbuf_create *create);
int bbuf_destroy_check(const struct bbuf_destroy *destroy);
int bbuf_set_check(const struct bbuf_queue *q, const struct bbuf_set *set);

/**
 * bbuf_command_is() - check whether an ioctl is a known one
 * @cmd: number that the caller has passed
 * @known: number in the uAPI
 *
 * The size of the structure may differ; whether there is one may not.
 *
 * Return: whether it is.
 */
static inline bool bbuf_command_is(unsigned int cmd, unsigned int known)
{
	const unsigned int size = _IOC_SIZEMASK << _IOC_SIZESHIFT;

	return (cmd & ~size) == (known & ~size) && !(cmd & size) == !(known & size);
}

#endif /* BBUF_CHECK_H */
