/* SPDX-License-Identifier: GPL-2.0-only */
/* /sys/class/bbuf/NAME/. */
#ifndef BBUF_SYSFS_H
#define BBUF_SYSFS_H

#include <linux/uidgid.h>

#include "compat.h"

struct attribute_group;
struct bbuf_node;
struct device;

extern const struct attribute_group *bbuf_public_groups[];

void bbuf_sysfs_get_ownership(BBUF_OWNERSHIP_CONST struct device *dev, kuid_t *uid, kgid_t *gid);
int bbuf_sysfs_add_traffic(struct bbuf_node *node);

#endif /* BBUF_SYSFS_H */
